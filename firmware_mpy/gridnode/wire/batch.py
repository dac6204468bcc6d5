"""A batch: a run of a journal's records as one body for the radio, readable without any other.

    01 or 03       no message begins so; 03: each round takes 240 ticks, and no time is in the entries
    channels << 5 | k   k: the `quality` of all channels begins as k << 11
    first          sequence of the first record; this and what follows in groups of 7 bits, lowest first
    time           node time in 4 ms that times count from                                 } none of these
    for each channel: order of import << 4 | order of export (wire.bits), from its second  } where there are
        INTERVAL on; for its first 12 at least. 0: it does not move, and is not in the     } no channels
        entries                                                                            }
    for each channel: bytes of import << 4 | bytes of export, then both registers as they  }
        were before the first record, in mWh, lowest byte first                            }
    entries        see wire.bits; times in ticks of 250 ms, a round of 240 expected
    ones           up to the byte's end

Registers are exact. An INTERVAL is told to have ended in the middle of its tick: right to +- TIME_ERROR_MS, by which
what its quality says of the clock is widened.
"""

from gridnode.wire import bits, cbor, schema
from gridnode.wire.block import CHANNELS_MAX, Block, put_varint

BATCHES = BATCH, STEADY = 1, 3  # first byte of the body
TICK_MS = 250
TIME_ERROR_MS = TICK_MS // 2  # of the end of an INTERVAL
COUNT_MAX = 1024  # records in one: few bytes cannot stand for very many
ROUND = 60_000 // TICK_MS
_CLOCK = schema.CLOCK_SHIFT
_LOOK_BACK = 40  # records: for the registers before the first
_CODED_AT_ONCE = 3  # records: the meter does not wait for the rest


def _put_head(block) -> int:
    content = block.content
    content[0] = BATCH if block.pace[1] < bits.SILENT else STEADY
    content[1] = block.channels << 5 & 0xFF | block.quality >> _CLOCK
    at = put_varint(content, 2, block.first)
    if not block.channels:
        return at
    at = put_varint(content, at, block.time_ms >> 2)
    for channel in range(block.channels):
        content[at] = block.orders[2 * channel] << 4 | block.orders[2 * channel + 1]
        at += 1
    for channel in range(block.channels):
        at = _put_registers(content, at, *block.registers_before[2 * channel : 2 * channel + 2])
    return at


def _put_registers(content, at: int, imported: int, exported: int) -> int:
    sizes, end = 0, at + 1
    for register in (imported, exported):
        sizes <<= 4
        shift = 0
        while register >> shift:
            content[end] = register >> shift & 0xFF
            shift += 8
            sizes += 1
            end += 1
    content[at] = sizes
    return end


class Packer:
    """Makes batches of the records of `journal` (see node.journal), a few records at a time, in memory made once.

    `begin`, then `step` until it gives the length; the body is in `content`, `next` is the first sequence behind it.
    """

    def __init__(self, journal, room: int):
        self._journal = journal
        self._block = Block(room, TICK_MS, _put_head, None)
        self.content = self._block.content
        self.next = 0
        self._end = 0
        self._orders = ()  # as they were at the end of the last batch
        self._hopes = False  # that what was still then will be still to the end
        self._run: tuple = None  # as given to `begin`

    def begin(self, first: int, end: int, room: int, grid: tuple):
        """From `first`, up to `end` at most but for numbers without a record that follow, in `room` bytes.

        grid: (node time at which intervals began in this boot, how long one is, channels).
        """
        self._run = (first, end, room, grid)
        self._begin(True)

    def _begin(self, hopes: bool):
        block, journal = self._block, self._journal
        first, end, block.room, (boot_ms, interval_ms, channels) = self._run
        self.next, self._end, self._hopes = first, end, hopes
        block.quality, block.orders, block.pace = 0, (), (ROUND, bits.SILENT if hopes else 0)
        message = None
        for sequence in range(first, end):
            raw = _raw(journal, sequence)
            if raw[1] == schema.INTERVAL:
                message = cbor.decode(raw)
                break
        if not message or channels > CHANNELS_MAX - 1:
            block.begin(first, 0, [])
            return
        if len(self._orders) != 2 * channels:
            self._orders = [9, 0] * channels
        block.orders = self._orders if hopes else [max(order, 1) for order in self._orders]
        block.quality = message[-1] >> _CLOCK << _CLOCK & 0xFFFF
        block.begin(first, _begun(message, boot_ms, interval_ms), self._registers_before(first, end, channels))

    def _registers_before(self, first: int, end: int, channels: int) -> list:
        found = [-1] * (2 * channels)
        journal = self._journal
        for sequence in range(first - 1, max(first - _LOOK_BACK, journal.oldest) - 1, -1):
            _note(_raw(journal, sequence), found, False)
            if min(found) >= 0:
                return found
        for sequence in range(first, end):
            _note(_raw(journal, sequence), found, True)
        return [max(register, 0) for register in found]

    def step(self) -> int:
        """Do a little; the body's length when it is whole, 0 before, -1 when not even the first record fits."""
        block, journal = self._block, self._journal
        for _ in range(_CODED_AT_ONCE):
            if self.next >= self._end or block.count >= COUNT_MAX:
                return self._close()
            raw = _raw(journal, self.next)
            if raw[1] == schema.SKIPPED:
                taken = block.skip(self._gap())
            else:
                taken = block.add(cbor.decode(raw) if raw[1] == schema.INTERVAL else None, raw)
            if not taken and self._hopes:
                self._begin(False)
                return 0
            if not taken:
                return self._close()
            self.next = block.first + block.count
        return 0

    def _gap(self) -> int:
        """How many numbers from `next` on have no record, even beyond the end."""
        journal, beyond = self._journal, self.next + 1
        most = min(journal.next, self._block.first + COUNT_MAX)
        while beyond < most and _raw(journal, beyond)[1] == schema.SKIPPED:
            beyond += 1
        return beyond - self.next

    def _close(self) -> int:
        block = self._block
        self.next = block.first + block.count
        if not block.count:
            return -1
        state = block.state
        at = state[bits.AT]
        if block.channels:
            orders = []
            for base in range(bits.CHANNELS, bits.CHANNELS + bits.PLACES * block.channels, bits.PLACES):
                for place in (base + bits.IMPORT, base + bits.EXPORT):
                    order = state[place + 2]
                    moves = order < bits.SILENT and (order or state[place + 1])
                    orders.append(min(max(order, 1), 15) if moves else 0)
            self._orders = orders
        if at & 7:
            self.content[at >> 3] |= 0xFF >> (at & 7)
        return (at + 7) >> 3


def _raw(journal, sequence: int):
    buffer, start, length = journal.record(sequence)
    return memoryview(buffer)[start : start + length]


def _note(raw, found: list, before: bool):
    """Registers that a record tells into `found` where there are none yet; `before`: those before its energy."""
    if raw[1] != schema.INTERVAL and raw[1] != schema.REGISTERS:
        return
    message = cbor.decode(raw)
    place = 2 * message[2]
    if place >= len(found) or found[place] >= 0:
        return
    imported, exported = message[5:7] if raw[1] == schema.INTERVAL else message[4:6]
    if before and raw[1] == schema.INTERVAL:
        net_mwh = (message[7] or 0) * message[4] // 3_600_000
        imported, exported = imported - max(net_mwh, 0), exported + min(net_mwh, 0)
    found[place], found[place + 1] = max(imported, 0), max(exported, 0)


def _begun(message: list, boot_ms: int, interval_ms: int) -> int:
    """Where an INTERVAL began, by the clock's grid when it is on it: so those that follow take as many ticks."""
    end_ms, duration_ms = message[3], message[4]
    late_ms = (end_ms - boot_ms) % interval_ms
    if late_ms < TICK_MS and abs(duration_ms - interval_ms) < TICK_MS:
        return max(end_ms - late_ms - interval_ms, 0)
    return max(end_ms - duration_ms, 0)
