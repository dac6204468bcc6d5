"""How good what was told turned out, kept up as observations come in: against persistence, on the same steps.

Bounded: of each issue only some distances ahead are kept until they can be scored, and what was scored fades.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast.model import METHODS, PERSISTENCE, Skill
from host_bridge.agent.forecast.shape import Rows

LEAD_HOURS = (0, 1, 3, 6, 12, 24)  # ahead, that are scored
_TOLD = len(METHODS)  # the place of what was told, behind the rungs
_SHOWN_DAYS, _ROLLING_DAYS = 14.0, 3.0  # after which an error weighs 1/e
_WORSE_DAYS = 1.0  # in which a rung's rolling error was above persistence's, and it steps down


class Scores:
    """rows: how many things are told. Slots are steps counted from the epoch."""

    def __init__(self, rows: int, day: int, steps: int) -> None:
        self._leads = np.array([hour * day // 24 for hour in LEAD_HOURS if hour * day // 24 < steps])
        self._day, self._rows = day, rows
        self._width = int(self._leads[-1]) + 2 * day  # how late an observation may be and still be scored
        self._pending = np.full((rows, _TOLD + 1, len(self._leads), self._width), np.nan, np.float32)
        self._slots = np.full(self._width, -1, np.int64)  # whose forecasts are in each place
        self._sums = np.zeros((2, rows, _TOLD + 1))  # shown, rolling
        self._weights = np.zeros((2, rows))
        self._worse = np.zeros((rows, len(METHODS)))  # steps
        self._count = np.zeros(rows, np.int64)
        self._issued = 0  # the slot of the newest issue

    def expect(self, slot: int, rungs: Rows, told: Rows) -> None:
        """Keep what was issued in `slot`: rungs [rungs, rows, steps] as in METHODS, told [rows, steps]. Not what is
        issued for a time just gone, as after a clock went back: that was scored.
        """
        if self._issued - self._width < slot < self._issued:
            return
        self._issued = slot
        for place, lead in enumerate(self._leads.tolist()):
            column = self._column(slot + lead)
            self._pending[:, :_TOLD, place, column] = rungs[:, :, lead].T
            self._pending[:, _TOLD, place, column] = told[:, lead]

    def score(self, came: Rows, end: int) -> None:
        """`came` [rows, steps] are what is believed of the steps before slot `end`; each is scored once."""
        begin = end - came.shape[1]
        for slot in range(max(begin, end - self._width + int(self._leads[-1])), end):
            column = slot % self._width
            if self._slots[column] == slot:
                wrong = _mean(np.abs(self._pending[:, :, :, column] - came[:, slot - begin, None, None]))
                rows = np.isfinite(wrong).all(axis=1)
                if rows.any():
                    self._take(rows, wrong[rows])
                    self._pending[rows, :, :, column] = np.nan

    def skill(self, row: int) -> Skill:
        """Of what was told in `row`."""
        weight = self._weights[0, row]
        if weight == 0:
            return Skill(0.0, 0.0, 0, 0)
        told, newest = (self._sums[0, row, [_TOLD, METHODS.index(PERSISTENCE)]] / weight).tolist()
        return Skill(told, newest, round(1000 - 1000 * told / newest) if newest > 0 else 0, int(self._count[row]))

    def worse(self, row: int) -> frozenset[str]:
        """The rungs that have been worse than persistence for a day."""
        return frozenset(
            rung for rung, steps in zip(METHODS, self._worse[row], strict=True) if steps >= _WORSE_DAYS * self._day
        )

    def document(self) -> dict[str, Any]:
        """What lasts; JSON-able, of some numbers a row."""
        return {
            "sums": self._sums.tolist(),
            "weights": self._weights.tolist(),
            "worse": self._worse.tolist(),
            "count": self._count.tolist(),
        }

    def resume(self, document: dict[str, Any]) -> None:
        """Raises ValueError, KeyError or TypeError, and changes nothing, if it is not of such rows."""
        kept = (self._sums, self._weights, self._worse, self._count)
        found = [
            _like(document[name], was) for name, was in zip(("sums", "weights", "worse", "count"), kept, strict=True)
        ]
        for was, new in zip(kept, found, strict=True):
            was[...] = new

    def _column(self, slot: int) -> int:
        column = slot % self._width
        if self._slots[column] != slot:
            self._slots[column] = slot
            self._pending[:, :, :, column] = np.nan
        return column

    def _take(self, rows: NDArray[np.bool_], wrong: Rows) -> None:
        for place, days in enumerate((_SHOWN_DAYS, _ROLLING_DAYS)):
            fade = np.exp(-1 / (days * self._day))
            self._sums[place][rows] = self._sums[place][rows] * fade + wrong
            self._weights[place][rows] = self._weights[place][rows] * fade + 1
        rolling = self._sums[1][rows][:, :_TOLD]
        above = rolling > rolling[:, [METHODS.index(PERSISTENCE)]]
        self._worse[rows] = np.where(above, self._worse[rows] + 1, 0)
        self._count[rows] += 1


def _mean(wrong: NDArray[Any]) -> NDArray[Any]:
    """[rows, columns]: over the distances of which a forecast was kept; nan where of none."""
    known = np.isfinite(wrong)
    count = known.sum(axis=2)
    mean: NDArray[Any] = np.where(count > 0, np.where(known, wrong, 0).sum(axis=2) / np.maximum(count, 1), np.nan)
    return mean


def _like(numbers: Sequence[Any], was: NDArray[Any]) -> NDArray[Any]:
    found = np.asarray(numbers, dtype=was.dtype)
    if found.shape != was.shape or not np.isfinite(found).all() or (found < 0).any():
        raise ValueError(f"skill of shape {found.shape}, here it is {was.shape}; finite and not below 0")
    return found
