"""Means over 3 s and 10 min of one channel's windows (IEC 61000-4-30:2015, 4.4 and 4.5)."""

from gridnode.metering.interval import Interval

SHORT, LONG = 0, 1  # spans, as in wire.schema
WINDOWS = 15  # 150 or 180 cycles
LONG_MS = 600_000


class Aggregates:
    """Takes every window that ends; keeps the newest whole aggregate of each span.

    That of 10 min ends with the first window that reaches a multiple of 10 min of the time of day, which is `end_us`
    and `offset_ms()`: Unix time less the channel's, or anything else as long as that is not known. When it changes, the
    10 min begin anew. At their end the 3 s do too. A chip's windows count as they come: 15 may be more than 3 s.
    """

    def __init__(self, offset_ms=int):
        self._offset_ms = offset_ms
        self._offset = None  # as it was with the last window
        self._short = Interval()
        self._long = Interval()
        self._taken = {}  # by span
        self._windows = 0  # in the 3 s being gathered
        self._number = None  # of the 10 min being gathered
        self._whole = False  # whether they were gathered from their beginning

    def add(self, window, end_us: int):
        """`window` (a WindowMeter or a ChipWindow with figures) has ended at `end_us`, which never goes back."""
        self._short.add(window)
        self._windows += 1
        end_ms = end_us // 1000
        offset = self._offset_ms()
        if offset != self._offset:
            self._offset, self._number, self._whole = offset, None, False
        number = (end_ms + offset) // LONG_MS
        if number != self._number:
            self._end_long(number, end_ms)
        elif self._windows == WINDOWS:
            self._end_short(end_ms)

    def _end_short(self, end_ms: int):
        self._long.absorb(self._short)
        means = self._short.take()
        if self._windows == WINDOWS:
            self._taken[SHORT] = (end_ms,) + means
        self._windows = 0

    def _end_long(self, number: int, end_ms: int):
        self._end_short(end_ms)
        means = self._long.take()
        if self._whole and number == self._number + 1:
            self._taken[LONG] = (end_ms,) + means
        self._whole = self._number is not None
        self._number = number

    def take(self, span: int):
        """(end_ms, six quantities, quality) of the newest whole aggregate; None before there is one."""
        return self._taken.get(span)
