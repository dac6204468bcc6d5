"""The node's own estimate of the time of day: Unix time less node time, and how wrong that may be.

A host tells, with each PING, what Unix time it was at a time of this node, give or take `error_ms`. The bound grows by
100 ppm of the time since. A time that contradicts it by more than 2 s is quarantined: only the second in a row that
agrees with it is believed.
"""

JUMP_MS = 2000
GROWTH = 10_000  # ms in which the bound grows by one: 100 ppm
LEAST = 4  # exponent: 16 ms; finer would be news to the journal at every turn, and no window of a meter is so short
BETTER = 8  # times as exact as what was last recorded, or more: worth a record


class Clock:
    """`offset_ms`: Unix time less node time; None: not known in this boot."""

    def __init__(self):
        self.offset_ms: int = None
        self._error_ms = self._at_ms = 0  # the bound, and the node time at which it held
        self._doubted_ms = None  # offset that waits for one that agrees
        self._recorded_ms = 0  # bound that the last CLOCK record tells
        self.quarantined = 0  # how many times were not believed

    def told(self, unix_ms: int, node_time_ms: int, error_ms: int, now_ms: int) -> bool:
        """The host says that it was `unix_ms` when this node's clock showed `node_time_ms`. Whether that is worth a
        CLOCK record: the first time, after a jump, and when much more is known than before."""
        offset_ms = unix_ms - node_time_ms
        error_ms += abs(now_ms - node_time_ms) // GROWTH
        if self.offset_ms is None:
            return self._believe(offset_ms, error_ms, now_ms, True)
        bound_ms = self.bound_ms(now_ms)
        away_ms = abs(offset_ms - self.offset_ms)
        if away_ms > bound_ms + error_ms + JUMP_MS:
            doubted_ms, self._doubted_ms = self._doubted_ms, offset_ms
            if doubted_ms is not None and abs(offset_ms - doubted_ms) <= error_ms + JUMP_MS:
                return self._believe(offset_ms, error_ms, now_ms, True)
            self.quarantined += 1
            return False
        self._doubted_ms = None
        if error_ms <= bound_ms or away_ms > bound_ms + error_ms:
            return self._believe(offset_ms, error_ms, now_ms, error_ms * BETTER < self._recorded_ms)
        return False

    def _believe(self, offset_ms: int, error_ms: int, now_ms: int, record: bool) -> bool:
        self.offset_ms, self._error_ms, self._at_ms, self._doubted_ms = offset_ms, error_ms, now_ms, None
        if record:
            self._recorded_ms = max(error_ms, 1 << LEAST)
        return record

    def bound_ms(self, now_ms: int) -> int:
        """How wrong `offset_ms` may be at most; only where it is known."""
        return self._error_ms + (now_ms - self._at_ms) // GROWTH

    def exponent(self, now_ms: int) -> int:
        """k for bits 11 to 15 of `quality`: the time of day is known to 2^k ms; 0: it is not known."""
        if self.offset_ms is None:
            return 0
        bound_ms, k = self.bound_ms(now_ms), LEAST
        while bound_ms >> k and k < 31:
            k += 1
        return k
