"""What is open in settlement: intervals that wait for a meter, home by home; and that the books balance."""

from datetime import tzinfo

from host_bridge.agent.energy.view import EnergyView, SolveView
from host_bridge.web import units
from host_bridge.web.elements import Text, box, mark
from host_bridge.web.energy_words import at, intervals, open_homes, span
from host_bridge.web.header import Panel


class OpenPanel:
    """Settlement, the last plan, and what people should know."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        with Panel("Settlement", "") as panel:
            self._words = Text("p")
            self._list = box("ul", "open-homes")
            self._books = Text("p", "", "note")
        self._note = panel.note
        with Panel("What to know", "newest first"):
            self._plan = Text("p", "", "note")
            self._events = box("ul", "told", tabindex="0", aria_label="What to know")
            self._none = Text("p", "Nothing out of the ordinary.", "note")
        self._shown: list[str] | None = None
        self._open: list[str] | None = None

    def tick(self, view: EnergyView) -> None:
        rows = open_rows(view)
        count = view.community.open_intervals
        self._note.show("on metered energy, once each")
        self._words.show(open_words(count))
        self._fill(rows)
        self._books.show(
            f"All accounts, the grid's and the pool's included, sum to {view.community.books_micro:,} micro-units."
        )
        self._plan.show(plan_words(view.community.solve, self._zone))
        if view.events != self._shown:
            self._shown = list(view.events)
            self._events.clear()
            with self._events:
                for told in view.events:
                    Text("li", told)
        mark(self._events, hidden=not view.events)
        mark(self._none, hidden=bool(view.events))

    def _fill(self, rows: list[str]) -> None:
        if rows == self._open:
            return
        self._open = rows
        self._list.clear()
        with self._list:
            for row in rows:
                Text("li", row)
        mark(self._list, hidden=not rows)


def open_words(count: int) -> str:
    """How much waits."""
    if not count:
        return "Every interval that has ended is settled."
    verb = "waits" if count == 1 else "wait"
    return f"{intervals(count)} {verb} for a meter. Each is settled once its node tells of it."


def open_rows(view: EnergyView) -> list[str]:
    """Who, how much, and since when that home is where it is."""
    return [
        f"{home.name}: {intervals(count)} open; {home.link_state}, {home.standing.rung} for "
        f"{span(home.standing.since_s, view.time_s)} of the grid's time"
        for home, count in open_homes(view)
    ]


def plan_words(solve: SolveView | None, zone: tzinfo) -> str:
    """How the last plan came about."""
    if solve is None:
        return "No plan has been made yet."
    gap = "unknown" if solve.gap_ppm is None else f"{solve.gap_ppm / 10_000:.2f}{units.SPACE}%"
    return (
        f"Last plan {at(solve.time_s, zone)}: {solve.outcome}, in {units.lapse(solve.solve_ms)} "
        f"(of these {units.lapse(solve.matrix_ms)} for the matrix), gap {gap}, "
        f"{solve.homes}{units.SPACE}homes, {solve.steps}{units.SPACE}steps."
    )
