"""An installed world: where it runs, what it read and computed at its last tick, and a swap under way."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from host_bridge.model import Event
from host_bridge.web import units
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.world_chart import StepChart, of_ticks
from host_bridge.web.world_words import bound_to, quantity, short

if TYPE_CHECKING:
    from host_bridge.agent.views import NewcomerView, WorldView

EVENTS_SHOWN = 6
Act = Callable[[str], Awaitable[None]]


class WorldCard:
    """`edit` loads its specification into the editor; `remove` and `cancel` ask the host; each gets its name."""

    def __init__(self, name: str, zone: tzinfo, edit: Act, remove: Act, cancel: Act) -> None:
        self.name, self._zone, self._remove, self._sure = name, zone, remove, False
        with box("article", "card world", aria_label=f"world {name}") as self.element:
            with box("header"):
                Text("h3", name)
                self._phase = Text("span", "", "link")
            self._says = Text("p")
            self._where = Text("p", "", "note")
            self._trouble = Text("p", "", "note trouble").props("role=alert")
            self._swap = _Swap(name, cancel)
            self._table = _Quantities(name)
            self._chart = StepChart(f"The last ticks of {name}, inputs and what was computed")
            self._events = box("ol", "events", aria_label=f"Events of {name}, newest first")
            with box("div", "ask"):
                Text("button", "Edit or swap", "button primary").props("type=button").on("click", lambda: edit(name))
                Text("a", "Assurance case", "button").props(f'href="/api/worlds/{name}/case.html" target=_blank')
                self._button = Text("button", "Remove", "button").props("type=button").on("click", self._ask)
        self._told: list[Event] = []

    async def _ask(self) -> None:
        """The second click removes."""
        if self._sure:
            await self._remove(self.name)
            return
        self._sure = True
        self._button.show(f"Remove {self.name}: sure?")

    def tick(self, view: "WorldView", ticks: Sequence[Any], events: Sequence[Event], now_ms: int) -> None:
        choose(self._phase, "phase", view.phase)
        self._phase.show(f"{view.phase}, {view.probation_left} ticks left" if view.probation_left else view.phase)
        self._says.show(view.says)
        last = units.age(now_ms - view.last_ms) if view.last_ms else "none yet"
        self._where.show(
            f"Runs on the bridge, as wasm, every {view.tick_s} s; {short(view.digest)}; {view.ticks} ticks run, "
            f"{view.idle_ticks} not run, {view.missed} missed; the last one: {last}"
            + (f"; falls back on {short(view.previous)}" if view.previous else "")
        )
        trouble = view.fault or view.idle or view.log_fault
        self._trouble.show(trouble)
        mark(self._trouble, hidden=not trouble)
        self._swap.tick(view.newcomer, view.units)
        self._table.tick(view)
        of_it = [tick for tick in ticks if tick.digest == view.digest]
        self._chart.show(*of_ticks(of_it, list(view.inputs), list(view.outputs), self._zone), view.units)
        self._tell([event for event in events if event.text.startswith(f"{self.name}: ")])

    def _tell(self, events: list[Event]) -> None:
        newest = events[-EVENTS_SHOWN:][::-1]
        if newest == self._told:
            return
        self._told = newest
        self._events.clear()
        with self._events:
            for event in newest:
                with box("li", f"level-{event.level}"):
                    Text("time", datetime.fromtimestamp(event.time_ms / 1000, self._zone).strftime("%H:%M:%S"))
                    Text("span", event.kind, "level")
                    Text("span", event.text.partition(": ")[2], "text")


class _Quantities:
    """Inputs with their sources, the state, and what was computed: never shown as measured."""

    def __init__(self, name: str) -> None:
        with box("table", "nodes quantities"):
            Text("caption", f"Values of {name} at its last tick", "visually-hidden")
            with box("thead"), box("tr"):
                for column in ("", "Name", "Value", "Bound to"):
                    Text("th", column).props("scope=col")
            self._body = box("tbody")
        self._cells: dict[tuple[str, str], tuple[Text, Text]] = {}

    def tick(self, view: "WorldView") -> None:
        kinds = {"input": view.inputs, "state": view.state, "computed": view.outputs}
        wanted = [(kind, name) for kind, values in kinds.items() for name in values]
        if list(self._cells) != wanted:
            self._build(wanted)
        for (kind, name), (value, source) in self._cells.items():
            value.show(quantity(kinds[kind][name], view.units.get(name, "")))
            source.show("" if kind == "state" else bound_to(view.binding, kind, name))

    def _build(self, wanted: list[tuple[str, str]]) -> None:
        self._body.clear()
        self._cells = {}
        with self._body:
            for kind, name in wanted:
                with box("tr", f"kind-{kind}"):
                    Text("td", kind, "note")
                    Text("th", name).props("scope=row")
                    cells = Text("td"), Text("td", "", "note")
                    self._cells[kind, name] = cells


class _Swap:
    """A newcomer in its shadow run."""

    def __init__(self, name: str, cancel: Act) -> None:
        with box("section", "switch swap", role="group", aria_label=f"swap of {name}") as self._element:
            Text("h4", "A swap is under way")
            with box("div", "bar", aria_hidden="true"):
                self._bar = box("span")
            self._progress = Text("p", "").props("aria-live=polite")
            self._agreement = Text("p", "", "note")
            with box("div", "ask"):
                Text("button", "Call off", "button").props("type=button").on("click", lambda: cancel(name))

    def tick(self, newcomer: "NewcomerView | None", named: dict[str, str]) -> None:
        mark(self._element, hidden=newcomer is None)
        if newcomer is None:
            return
        attribute(self._bar, "style", f"width:{newcomer.ran / newcomer.shadow_ticks:.1%}")
        unable = f", could not run {newcomer.unable}" if newcomer.unable else ""
        self._progress.show(
            f"Shadow run of {short(newcomer.digest)}: {newcomer.ran} of {newcomer.shadow_ticks} ticks{unable}; "
            f"its outputs go nowhere yet. Asked by {newcomer.asked_by}."
        )
        told = f"It agreed in {newcomer.agreed} of {newcomer.compared} ticks."
        for name, (ours, theirs) in (newcomer.differences[-1]["outputs"] if newcomer.differences else {}).items():
            unit = named.get(name, "")
            told += f" Last difference: {name} {quantity(ours, unit)}, the newcomer {quantity(theirs, unit)}."
        self._agreement.show(told)
