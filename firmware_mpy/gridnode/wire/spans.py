"""Sets of numbers as ranges, and which records of one journal the host has, with gaps of any length."""

from gridnode.wire.radio import WANTED_MAX

SPANS_MAX = 4096  # beyond so many ranges nothing is taken that would make another


class Spans:
    """A set of numbers, small where they lie together."""

    def __init__(self):
        self.edges = []  # where a range begins, where it ends, where the next begins ...

    def _at(self, number: int) -> int:
        """How many edges are at or before `number`: odd if it is in."""
        low, high = 0, len(self.edges)
        while low < high:
            middle = (low + high) // 2
            if self.edges[middle] <= number:
                low = middle + 1
            else:
                high = middle
        return low

    def __contains__(self, number: int) -> bool:
        return bool(self._at(number) & 1)

    def add(self, number: int):
        """Put it in."""
        edges, at = self.edges, self._at(number)
        if at & 1:
            return
        joins_last = at > 0 and edges[at - 1] == number
        joins_next = at < len(edges) and edges[at] == number + 1
        if joins_last and joins_next:
            del edges[at - 1 : at + 1]
        elif joins_last:
            edges[at - 1] = number + 1
        elif joins_next:
            edges[at] = number
        else:
            edges[at:at] = [number, number + 1]

    def discard(self, number: int):
        """Take it out."""
        edges, at = self.edges, self._at(number)
        if at & 1:
            first, end = edges[at - 1], edges[at]
            kept = ([first, number] if first < number else []) + ([number + 1, end] if number + 1 < end else [])
            edges[at - 1 : at + 1] = kept

    def drop_below(self, number: int):
        """Take out all below `number`."""
        at = self._at(number)
        self.edges = ([number] if at & 1 else []) + self.edges[at:]

    def covers(self, first: int, end: int) -> bool:
        """Whether all of first .. end - 1 is in."""
        at = self._at(first)
        return first >= end or bool(at & 1 and self.edges[at] >= end)

    def count_below(self, number: int) -> int:
        """How many are below `number`."""
        edges = self.edges
        return sum([min(edges[at + 1], number) - edges[at] for at in range(0, len(edges), 2) if edges[at] < number])


class GapReceiver:
    """As stream.Receiver, for records that come in any order and over any time: taken is in memory, kept is on disk."""

    def __init__(self, next_sequence: int = 0, kept=()):
        self.next_sequence = next_sequence  # all below are kept, or known to be lost
        self.taken = Spans()
        self.kept = Spans()
        for sequence in kept:
            self.keep(sequence)

    def take(self, sequence: int) -> bool:
        """True if the record is new; False if it is to be dropped."""
        if sequence < self.next_sequence or sequence in self.taken or len(self.taken.edges) >= 2 * SPANS_MAX:
            return False
        self.taken.add(sequence)
        return True

    def keep(self, sequence: int):
        """The record is safely stored."""
        if sequence >= self.next_sequence:
            self.taken.add(sequence)
            self.kept.add(sequence)
            self._go_on()

    def _go_on(self):
        edges = self.kept.edges
        if edges and edges[0] == self.next_sequence:
            self.next_sequence = edges[1]
            del edges[:2]
            self.taken.drop_below(self.next_sequence)

    def forget(self, sequence: int):
        """The record was taken but could not be kept: it must come again."""
        if sequence not in self.kept:
            self.taken.discard(sequence)

    def floor(self, oldest: int) -> int:
        """The node no longer holds what is below `oldest`; return how many records are lost for good."""
        if oldest <= self.next_sequence:
            return 0
        lost = oldest - self.next_sequence - self.kept.count_below(oldest)
        self.next_sequence = oldest
        self.kept.drop_below(oldest)
        self.taken.drop_below(oldest)
        self._go_on()
        return lost

    def bitmap(self) -> int:
        """Bit k: next_sequence + 1 + k is kept."""
        return sum([1 << bit for bit in range(30) if self.next_sequence + 1 + bit in self.kept])

    def wanted(self, batch: int, beyond: int) -> tuple:
        """(first group, bits of the groups from it on of which something below `beyond` is missing); see WANT."""
        first = self.next_sequence // batch
        bits = 0
        for bit in range(WANTED_MAX):
            at = (first + bit) * batch
            if not self.taken.covers(max(at, self.next_sequence), min(at + batch, beyond)):
                bits |= 1 << bit
        return first, bits
