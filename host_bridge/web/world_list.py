"""What runs where: a card for each world on the bridge, one for each on a node."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from host_bridge.model import Event, NodeTick, NodeView
from host_bridge.web import units
from host_bridge.web.elements import Text, box, choose, mark
from host_bridge.web.node_worlds import OnNode
from host_bridge.web.world_card import Act, WorldCard
from host_bridge.web.world_words import quantity, short

if TYPE_CHECKING:
    from host_bridge.agent.worlds import WorldHost


class WorldList:
    """Cards come and go with what is installed."""

    def __init__(self, zone: tzinfo, edit: Act, remove: Act, cancel: Act) -> None:
        self._zone, self._acts = zone, (edit, remove, cancel)
        self._cards: dict[str, WorldCard] = {}
        self._on_nodes: dict[str, _NodeCard] = {}
        self._empty = Text("p", "No world runs yet: choose a specification below, and install it.", "empty card")
        self._section = box("section", "homes worlds", aria_label="What runs where")

    def tick(
        self,
        host: "WorldHost",
        on_nodes: Sequence[OnNode],
        views: dict[str, NodeView],
        events: Sequence[Event],
        now_ms: int,
    ) -> None:
        found = {view.name: view for view in host.views()}
        for name in [name for name in self._cards if name not in found]:
            self._cards.pop(name).element.delete()
        for name, view in found.items():
            if name not in self._cards:
                with self._section:
                    self._cards[name] = WorldCard(name, self._zone, *self._acts)
            self._cards[name].tick(view, host.ticks(name, 180), events, now_ms)
        self._tick_nodes(on_nodes, views, now_ms)
        mark(self._empty, hidden=bool(found or on_nodes))

    def _tick_nodes(self, on_nodes: Sequence[OnNode], views: dict[str, NodeView], now_ms: int) -> None:
        names = [each.node for each in on_nodes]
        for name in [name for name in self._on_nodes if name not in names]:
            self._on_nodes.pop(name).element.delete()
        for each in on_nodes:
            if each.node not in self._on_nodes:
                with self._section:
                    self._on_nodes[each.node] = _NodeCard(each.node)
            self._on_nodes[each.node].tick(each, views[each.node], now_ms)


class _NodeCard:
    """A world that a node runs."""

    def __init__(self, node: str) -> None:
        with box("article", "card world", aria_label=f"world on {node}") as self.element:
            with box("header"):
                self._name = Text("h3")
                self._phase = Text("span", "", "link")
            self._where = Text("p", "", "note")
            self._last = Text("p")

    def tick(self, its: OnNode, view: NodeView, now_ms: int) -> None:
        """What is known of it now."""
        self._name.show(f"{its.name} on {its.node}")
        newest = view.world_ticks[-1] if view.world_ticks else None
        phase = "not heard of yet" if newest is None else newest.fault or "running"
        self._phase.show(phase)
        choose(self._phase, "phase", "running" if newest and not newest.fault else "probation")
        role = "between every wish and the contactor" if its.world.is_guard else "while no host holds its contactors"
        self._where.show(
            f"Runs on the node, as bytecode, {role}; {short(its.world.digest)}; "
            f"inputs: {', '.join(its.world.inputs) or 'none'}; "
            f"outputs: {', '.join(name or 'only shown' for name in its.world.outputs)}"
        )
        self._last.show(last_words(its, newest, now_ms))


def last_words(its: OnNode, tick: NodeTick | None, now_ms: int) -> str:
    """The newest tick of a node's world; None: none was heard."""
    if tick is None:
        return "It tells of its ticks while it is online."
    program, told = its.program, tick.words()
    age = f"Tick {tick.number}, {units.age(now_ms - tick.time_ms)}"
    if tick.fault:
        return f"{age}: not run, {tick.fault}"
    outputs = told[-len(its.world.outputs) :]
    if program is None:
        return f"{age}: computed {', '.join(map(str, outputs))}"
    shown = (f"{of.name} {quantity(value, of.unit)}" for of, value in zip(program.outputs, outputs, strict=True))
    return f"{age}: computed {', '.join(shown)}"
