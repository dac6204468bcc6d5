"""A home's day as the agent's books have it: everything that its account may speak of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from host_bridge.agent.narrative.parts import Figure, Quote, Source
from host_bridge.store.book_rows import (
    KEYS,
    AwardRow,
    DecisionRow,
    ForecastRow,
    IntervalRow,
    LineRow,
    OutcomeRow,
    Row,
    RungRow,
)
from host_bridge.store.books import Books

_DAY = "home = ? AND start_s >= ? AND start_s < ?"
_DECIDED = "decision IN (SELECT number FROM decisions WHERE home = ? AND start_s >= ? AND start_s < ?)"


@dataclass(frozen=True)
class Day:
    """Rows of `home` from `begin_s` to before `end_s` (grid time), oldest first."""

    home: str
    begin_s: int
    end_s: int
    intervals: list[IntervalRow]
    lines: list[LineRow]
    awards: list[AwardRow]
    decisions: list[DecisionRow]
    outcomes: list[OutcomeRow]
    rungs: list[RungRow]  # of the home and of all; the one that held when the day began comes first
    forecasts: list[ForecastRow]  # made last before the day began, or first in it

    def figure(
        self,
        kind: type[Row],
        value: int,
        expression: str,
        show: Callable[[int], str],
        unit: str,
        rows: int,
        more: str = "",
        values: tuple[int, ...] = (),
    ) -> Figure:
        """A figure over the day's rows of `kind`, those that `more` with `values` chooses; `rows`: how many."""
        where = _DECIDED if kind is OutcomeRow else _DAY
        its = (self.home, self.begin_s, self.end_s, *values)
        source = Source(KEYS[kind][0], expression, where + more, its, rows)
        return Figure(show(value), value, unit, source)

    def quote(self, row: DecisionRow | OutcomeRow | RungRow | IntervalRow, column: str) -> Quote:
        """The words in `column` of `row`."""
        table, keys = KEYS[type(row)]
        where = " AND ".join(f"{name} = ?" for name in row._fields[:keys])
        return Quote(str(getattr(row, column)), Source(table, column, where, tuple(row[:keys]), 1))

    def row_figure(self, row: Row, column: str, show: Callable[[int], str], unit: str) -> Figure:
        """The number in `column` of one row."""
        table, keys = KEYS[type(row)]
        where = " AND ".join(f"{name} = ?" for name in row._fields[:keys])
        value = getattr(row, column)
        return Figure(show(value), value, unit, Source(table, column, where, tuple(row[:keys]), 1))


def read(books: Books, home: str, begin_s: int, end_s: int) -> Day:
    """The day from the books. Raises StoreError."""
    within = (home, begin_s, end_s)
    before = books.rows(RungRow, "home IN (?, '') AND since_s <= ?", (home, begin_s), last=1)
    rungs = books.rows(RungRow, "home IN (?, '') AND since_s > ? AND since_s < ?", within)
    return Day(
        *within,
        books.rows(IntervalRow, _DAY, within),
        books.rows(LineRow, _DAY, within),
        books.rows(AwardRow, _DAY, within),
        books.rows(DecisionRow, _DAY, within),
        books.rows(OutcomeRow, _DECIDED, within),
        [*before, *rungs],
        _forecasts(books, home, begin_s, end_s),
    )


def _forecasts(books: Books, home: str, begin_s: int, end_s: int) -> list[ForecastRow]:
    """The one of each kind that was made last before the day began; where there is none, the first made in it."""
    found: list[ForecastRow] = []
    for what in ("load", "solar"):
        older: Sequence[ForecastRow] = books.rows(
            ForecastRow,
            "home = ? AND what = ? AND made_s = (SELECT max(made_s) FROM forecasts "
            "WHERE home = ? AND what = ? AND made_s <= ?)",
            (home, what, home, what, begin_s),
        )
        found += older
    return found
