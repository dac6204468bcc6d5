"""What was saved against doing nothing, from settled lines: exact sums, and how sure they are. Pure.

Doing nothing is the same metered load and sun without the battery, netted over each interval, at the same tariff;
paid is all that the homes owe by their lines. Both are exact. How much of it is luck of the days is told by a day-block
bootstrap (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8): whole days drawn with replacement.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from host_bridge.agent.energy.bills import OWED, owed
from host_bridge.agent.energy.view import SavingsView
from host_bridge.store.book_rows import LineRow

DAY_S = 86_400
LEAST_DAYS = 5
DRAWS, LOW, HIGH, SEED = 2000, 2.5, 97.5, 1
WHOLE_PERMILLE = 900  # of a day's intervals: with fewer it is no whole day


_SETTLES = "dividend_micro = 0"  # an interval; the others pay out a day's pool
# Of homes by day; days begin at the parameter. A year of lines is too much to be read one by one.
DAYS = f"""SELECT home, (start_s - ?) / 86400, sum({OWED}), sum(nothing_micro), count(*) FILTER (WHERE {_SETTLES}),
    min(start_s) FILTER (WHERE {_SETTLES}), max(start_s) FILTER (WHERE {_SETTLES})
    FROM lines WHERE home NOT LIKE '=%' GROUP BY 1, 2"""  # noqa: S608 - our own words


@dataclass(slots=True)
class Sums:
    """Of one home, or of all: paid and nothing by day, days beginning at `offset_s` of the grid's clock."""

    step_s: int
    homes: int = 1
    offset_s: int = 0
    days: dict[int, list[int]] = field(default_factory=dict)  # [paid, nothing, lines]
    from_s: int = 0
    until_s: int = 0

    def add(self, lines: Iterable[LineRow]) -> None:
        """Lines of homes; those of accounts are passed over."""
        for line in lines:
            if line.home.startswith("="):
                continue
            day = self.days.setdefault((line.start_s - self.offset_s) // DAY_S, [0, 0, 0])
            day[0] += owed(line)
            if line.is_payment:
                continue
            day[1] += line.nothing_micro
            day[2] += 1
            self.from_s = min(self.from_s or line.start_s, line.start_s)
            self.until_s = max(self.until_s, line.start_s + self.step_s)

    def take(self, day: int, paid: int, nothing: int, lines: int, first_s: int | None, last_s: int | None) -> None:
        """A day's sums, as DAYS reads them."""
        its = self.days.setdefault(day, [0, 0, 0])
        for place, value in enumerate((paid, nothing, lines)):
            its[place] += value
        if first_s is not None and last_s is not None:
            self.from_s = min(self.from_s or first_s, first_s)
            self.until_s = max(self.until_s, last_s + self.step_s)

    def view(self, open_intervals: int) -> SavingsView:
        """As people are told of it."""
        paid, nothing, count = (sum(day[k] for day in self.days.values()) for k in range(3))
        least = DAY_S // self.step_s * self.homes * WHOLE_PERMILLE // 1000
        whole = [day for day in self.days.values() if day[2] >= least]
        low, high = _band(np.array(whole, float)) if len(whole) >= LEAST_DAYS else (None, None)
        permille = _permille(nothing - paid, nothing)
        says = (
            f"95 of 100 draws of {len(whole)} whole days lie within; what batteries hold now is not counted"
            if low is not None
            else f"too young for a band: {len(whole)} of {LEAST_DAYS} whole days"
        )
        return SavingsView(self.from_s, self.until_s, count, open_intervals, nothing, paid, nothing - paid, permille,
                           low, high, len(whole), says)  # fmt: skip


def _permille(saved: int, nothing: int) -> int | None:
    return (2000 * saved + nothing) // (2 * nothing) if nothing > 0 else None


def _band(days: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> tuple[int | None, int | None]:
    """The band of saved permille of the days [paid, nothing, count]; the same days, the same band."""
    drawn = np.random.default_rng(SEED).integers(0, len(days), (DRAWS, len(days)))
    sums = days[drawn].sum(axis=1)
    usable = sums[:, 1] > 0
    if not usable.any():
        return None, None
    ratios = 1000 * (sums[usable, 1] - sums[usable, 0]) / sums[usable, 1]
    return round(float(np.percentile(ratios, LOW))), round(float(np.percentile(ratios, HIGH)))
