"""Where a world's inputs come from and where its outputs go, as people write it:

    {"inputs":  {"load": "kitchen.grid.active_power_mw", "closed": "kitchen.heater.closed",
                 "minute": "clock.minute_of_day", "limit": 2000, "price": {"series": [[unix_s, value], ...]}},
     "outputs": {"close": "kitchen.heater", "spare": {"contactor": "kitchen.pump", "hold_s": 120}, "shift": null}}

A source is NODE.CHANNEL.QUANTITY (the node's newest figure, scaled to the input's unit), NODE.CONTACTOR.closed (as the
node reports it), clock.minute_of_day, clock.hour (of the configuration's zone), a number in the input's unit, or a
series in it, where each value holds until the next and the last for a day. An output goes to a contactor, or (null, or
not named) is published only.
"""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from host_bridge.agent.sources import CLOCK, QUANTITIES, BindingError, Missing, Source, Views, source_of, value
from host_bridge.microworld.program import Program, Quantity

__all__ = ["CLOCK", "QUANTITIES", "Binding", "BindingError", "Missing", "Target", "Views"]

LEAST_HOLD_S, HOLD_TICKS = 60, 5  # of a lease, unless the binding says otherwise


class Target(NamedTuple):
    """A contactor that an output switches."""

    node: str
    contactor: str
    hold_s: int


@dataclass(slots=True)
class Binding:
    """The binding of one program. `written` is what was given, to be kept and shown."""

    written: dict[str, Any]
    sources: list[Source]
    targets: dict[str, Target] = field(default_factory=dict)  # by output

    @classmethod
    def of(cls, written: Any, program: Program) -> "Binding":
        """Raises BindingError."""
        inputs, outputs = _tables(written)
        names = [quantity.name for quantity in program.inputs]
        for name in inputs:
            if name not in names:
                raise BindingError(f"{program.name} has no input {name}; it has: {', '.join(names) or 'none'}")
        for name in names:
            if name not in inputs:
                raise BindingError(f"input {name} is not bound: write where it comes from, as NODE.CHANNEL.QUANTITY")
        sources = [source_of(quantity, inputs[quantity.name]) for quantity in program.inputs]
        known = {quantity.name: quantity for quantity in program.outputs}
        for name in outputs:
            if name not in known:
                raise BindingError(f"{program.name} has no output {name}; it has: {', '.join(known)}")
        targets = {name: _target(known[name], to, program.tick_s) for name, to in outputs.items() if to is not None}
        if len({target[:2] for target in targets.values()}) < len(targets):
            raise BindingError("two outputs go to one contactor")
        return cls({"inputs": dict(inputs), "outputs": dict(outputs)}, sources, targets)

    def check(self, views: Views) -> None:
        """Whether the nodes have what is bound, as far as they are known now. Raises BindingError."""
        for source in self.sources:
            if source.node:
                _check_node(views, source.node, source.subject, source.kind == "closed", source.name)
        for name, target in self.targets.items():
            _check_node(views, target.node, target.contactor, True, name)

    def gather(self, views: Views, time_ms: int, tick_s: int, zone: tzinfo = UTC) -> tuple[int, ...]:
        """The inputs now, in the program's order; `time_ms` is Unix time. Raises Missing."""
        return tuple(value(source, views, time_ms, tick_s, zone) for source in self.sources)


def _tables(written: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(written, dict) or set(written) - {"inputs", "outputs"}:
        raise BindingError('a binding has two tables: {"inputs": {...}, "outputs": {...}}')
    inputs, outputs = written.get("inputs", {}), written.get("outputs", {})
    if not isinstance(inputs, dict) or not isinstance(outputs, dict):
        raise BindingError('a binding has two tables: {"inputs": {...}, "outputs": {...}}')
    return inputs, outputs


def _target(quantity: Quantity, written: Any, tick_s: int) -> Target:
    hold_s = max(LEAST_HOLD_S, HOLD_TICKS * tick_s)
    if isinstance(written, dict) and set(written) == {"contactor", "hold_s"}:
        written, hold_s = written["contactor"], written["hold_s"]
        if type(hold_s) is not int or hold_s < 2 * tick_s:
            raise BindingError(f"output {quantity.name}: hold_s must be at least two ticks, {2 * tick_s} s")
    if not isinstance(written, str) or not all(written.rpartition(".")):
        raise BindingError(f"output {quantity.name}: write NODE.CONTACTOR, or null to publish it only")
    if not quantity.is_bool:
        raise BindingError(f'output {quantity.name} is in {quantity.unit or "numbers"}; a contactor needs "on/off"')
    node, _, contactor = written.rpartition(".")
    return Target(node, contactor, hold_s)


def _check_node(views: Views, node: str, subject: str, contactor: bool, name: str) -> None:
    view = views.get(node)
    if view is None:
        raise BindingError(f"{name}: no node is called {node}; known: {', '.join(views) or 'none'}")
    there = view.contactors if contactor else view.channels
    if there and subject not in there:
        what = "contactor" if contactor else "channel"
        raise BindingError(f"{name}: {node} has no {what} {subject}; it has: {', '.join(there)}")
