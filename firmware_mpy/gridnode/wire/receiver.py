"""The reliable stream of records at its host's end; see stream.py. A module of its own: no node has use for it."""

from gridnode.wire.stream import WINDOW


class Receiver:
    """Which records of one journal the host has taken, and which of those are safely kept.

    Taken means in memory; kept means on disk. Only what is kept is acknowledged, so that a host
    that dies asks again for the rest.
    """

    __slots__ = ("next_sequence", "taken", "kept")

    def __init__(self, next_sequence: int = 0, kept=()):
        self.next_sequence = next_sequence  # all below are kept, or known to be lost
        self.taken = set(kept)
        self.kept = set(kept)

    def take(self, sequence: int) -> bool:
        """True if the record is new and inside the window; False if it is to be dropped."""
        if sequence in self.taken or not 0 <= sequence - self.next_sequence < WINDOW:
            return False
        self.taken.add(sequence)
        return True

    def keep(self, sequence: int):
        """The record is safely stored."""
        if sequence < self.next_sequence:
            return
        self.taken.add(sequence)
        self.kept.add(sequence)
        while self.next_sequence in self.kept:
            self.kept.remove(self.next_sequence)
            self.taken.discard(self.next_sequence)
            self.next_sequence += 1

    def forget(self, sequence: int):
        """The record was taken but could not be kept: it must come again."""
        if sequence not in self.kept:
            self.taken.discard(sequence)

    def floor(self, oldest: int) -> int:
        """The node no longer holds what is below `oldest`; return how many records are lost for good."""
        if oldest <= self.next_sequence:
            return 0
        lost = oldest - self.next_sequence - sum(1 for sequence in self.kept if sequence < oldest)
        self.next_sequence = oldest
        self.kept = {sequence for sequence in self.kept if sequence >= oldest}
        self.taken = {sequence for sequence in self.taken if sequence >= oldest}
        if oldest in self.kept:
            self.keep(oldest)
        return lost

    def bitmap(self) -> int:
        """Bit k: next_sequence + 1 + k is kept."""
        bits = 0
        for sequence in self.kept:
            beyond = sequence - self.next_sequence - 1
            if 0 <= beyond < WINDOW - 1:
                bits |= 1 << beyond
        return bits
