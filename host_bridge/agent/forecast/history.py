"""What was observed, kept for some months as a table of steps: a row for each home and thing, a column a step.

Bounded: what is older than `keep_days` makes room. Slots are steps counted from the epoch, so a midnight (UTC) is a
multiple of `day`, and time that goes back or leaps is just another column.
"""

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast import checks
from host_bridge.agent.forecast.checks import BELIEVED, LEAP, MISSING, OLD, REPEATED
from host_bridge.agent.forecast.shape import Rows, Whole

_LEAP_DAYS = 7  # ahead of all that was told
_LEAP_STEPS = 4  # in a row, and time did go on


class History:
    """rows: what ("load" or "solar") and bound in W of each."""

    def __init__(self, rows: list[tuple[str, float]], day: int, keep_days: int) -> None:
        self._rows, self._day = rows, day
        self._width = keep_days * day
        self.first = 0  # the slot of the first column
        self._newest: int | None = None
        self._told = np.full((len(rows), self._width), np.nan)
        self._codes = np.full((len(rows), self._width), MISSING, np.uint8)
        self._heard = np.zeros((len(rows), self._width), np.bool_)
        self._leaps: dict[int, tuple[int, int]] = {}  # row: last slot that leapt, how many in a row

    def put(self, row: int, slots: Whole, watts: Rows) -> tuple[Whole, NDArray[np.uint8]]:
        """Take `watts` for the rising `slots` of a row; nan is missing. (slots, codes) of what is not believed, also
        of earlier steps that turned out frozen.
        """
        codes = np.full(len(slots), BELIEVED, np.uint8)
        kept = self._place(row, slots, codes)
        column = slots[kept] - self.first
        again = self._heard[row, column]
        codes[np.flatnonzero(kept)[again]] = REPEATED
        same = again & (self._told[row, column] == watts[kept])  # told once more: no news
        fresh, column = np.flatnonzero(kept)[~again], column[~again]
        told, found = np.zeros(0, np.int64), np.zeros(0, np.uint8)
        if len(column):
            told, found = self._write(row, column, watts[fresh])
        refused = (codes > BELIEVED) & ((codes != OLD) | ~kept.any())  # a long history's beginning is passed over
        refused[np.flatnonzero(kept)[same]] = False
        return np.concatenate([slots[refused], told]), np.concatenate([codes[refused], found])

    def window(self, end: int, columns: int) -> Rows:
        """[rows, columns]: what is believed of the steps before slot `end`; nan where nothing is."""
        found = np.full((len(self._rows), columns), np.nan)
        begin = end - columns
        low, high = max(begin, self.first), min(end, self.first + self._width)
        if self._newest is not None and low < high:
            here = slice(low - self.first, high - self.first)
            found[:, low - begin : high - begin] = checks.believed(self._told[:, here], self._codes[:, here])
        return found

    def bound(self, row: int, end: int) -> float:
        """W that a forecast from slot `end` on cannot pass: what would be a spike, and what is said of the row."""
        column = min(max(end - self.first, 0), self._width) // self._day * self._day
        usual = checks.limit_w(self._told[row], self._codes[row], column, self._day)
        return min(usual, self._rows[row][1])

    def _place(self, row: int, slots: Whole, codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which slots have a column, made if need be; codes are set of those that have none."""
        if not len(slots):
            return np.zeros(0, np.bool_)
        if self._newest is None:
            self._newest = int(slots[0]) - 1
            self.first = (int(slots[0]) // self._day + 1) * self._day - self._width
        leap, end = _LEAP_DAYS * self._day, 0
        for stretch in np.split(slots, np.flatnonzero(np.diff(slots) > leap) + 1):
            begin, end = end, end + len(stretch)
            if stretch[0] > self._newest + leap and not self._goes_on(row, stretch):
                codes[begin:end] = LEAP
            else:
                self._reach(int(stretch[-1]))
        codes[(slots < self.first) & (codes == BELIEVED)] = OLD
        placed: NDArray[np.bool_] = codes == BELIEVED
        return placed

    def _goes_on(self, row: int, stretch: Whole) -> bool:
        """Whether time has gone on for some steps after its leap, in this stretch or those before."""
        last, count = self._leaps.get(row, (0, 0))
        again = 0 < stretch[0] - last <= self._day
        count = len(stretch) + (count if again else 0)
        self._leaps[row] = int(stretch[-1]), count
        return count >= _LEAP_STEPS

    def _reach(self, newest: int) -> None:
        """Make room up to the slot `newest`, by whole days."""
        assert self._newest is not None  # noqa: S101 (set by the caller)
        self._newest = max(self._newest, newest)
        over = self._newest - (self.first + self._width) + 1
        if over <= 0:
            return
        shift = -(-over // self._day) * self._day
        for table, empty in ((self._told, np.nan), (self._codes, MISSING), (self._heard, False)):
            if shift < self._width:
                table[:, :-shift] = table[:, shift:].copy()
            table[:, -min(shift, self._width) :] = empty
        self.first += shift

    def _write(self, row: int, column: Whole, watts: Rows) -> tuple[Whole, NDArray[np.uint8]]:
        what, bound = self._rows[row]
        self._told[row, column], self._heard[row, column] = watts, np.isfinite(watts)
        start, end = int(column[0]), int(column[-1]) + 1
        begin = max(0, start - checks.context(self._day))
        before = self._codes[row, begin:end].copy()
        checks.screen(self._told[row, :end], self._codes[row, :end], start, what, bound, self._day)
        fresh = np.zeros(end - begin, np.bool_)
        fresh[column - begin] = True
        now = self._codes[row, begin:end]
        news = ((now != before) | fresh) & (now > BELIEVED)
        return np.flatnonzero(news) + begin + self.first, now[news].copy()
