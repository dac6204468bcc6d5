"""The newest records: a bounded ring of encoded messages in memory made once.

When it is full the oldest record goes, and is counted; the registers in the newer ones still tell
the energy. It does not outlive a restart: that is for the journal, whose newest part it is.
"""

from gridnode.wire import cbor


class Ring:
    """`slots` records of at most `slot_bytes` each; sequences held are oldest .. next-1."""

    def __init__(self, slots: int, slot_bytes: int, epoch: int):
        self.epoch = epoch
        self.oldest = 0
        self.next = 0
        self.dropped = 0  # records that had to go before the host had them
        self._slots = slots
        self._slot_bytes = slot_bytes
        self._memory = bytearray(slots * slot_bytes)
        self._lengths = bytearray(slots)
        self._scratch = bytearray(slot_bytes)

    def append(self, message: list) -> int:
        """Keep `message` ([id, sequence, ...]) under the next sequence, which is written into it."""
        sequence = self.next
        message[1] = sequence
        length = cbor.put(self._scratch, 0, message)
        if sequence - self.oldest == self._slots:
            self.oldest += 1
            self.dropped += 1
        slot = sequence % self._slots
        start = slot * self._slot_bytes
        self._memory[start : start + length] = memoryview(self._scratch)[:length]
        self._lengths[slot] = length
        self.next = sequence + 1
        return sequence

    def record(self, sequence: int):
        """(buffer, start, length) of a record that is held."""
        slot = sequence % self._slots
        return self._memory, slot * self._slot_bytes, self._lengths[slot]

    def release(self, sequence: int):
        """Forget all records below `sequence`: the host keeps them."""
        self.oldest = max(self.oldest, min(sequence, self.next))
