"""One world as it runs: a module with its state, the claims that are watched beside it, and where it stands in life."""

from collections.abc import Mapping
from typing import Any

from host_bridge.agent import life
from host_bridge.microworld.bundle import Bundle
from host_bridge.microworld.monitor import Monitor
from host_bridge.microworld.program import Program, Quantity
from host_bridge.microworld.reference import in_ranges
from host_bridge.microworld.runtime import Module, Shape, WorldFault
from host_bridge.microworld.tick_log import Tick

Mapped = Mapping[str, str | int]  # a state of the newcomer -> a state of the one before, or a number


class HandOverError(ValueError):
    """A state cannot be handed over; the text says which and why."""


class World:
    """`module` is compiled; `fuel` is of a step, the sandbox's unless given. Raises WorldFault: it does not start."""

    def __init__(self, bundle: Bundle, program: Program, module: Module, phase: str, fuel: int | None = None) -> None:
        self.bundle, self.program, self.module, self.phase = bundle, program, module, phase
        self.state = start(program)
        self.inputs: tuple[int, ...] = ()
        self.outputs: tuple[int, ...] = tuple(quantity.start for quantity in program.outputs)
        self.ticks = 0  # that it has run
        self.fault = ""
        self._instance = module.instance(Shape.of(program), fuel)
        self._number = 0
        self._monitor = Monitor(program)

    @property
    def digest(self) -> str:
        return self.bundle.digest

    @property
    def short(self) -> str:
        """What people and audit rows know it by."""
        return f"sha256:{self.digest[:12]}"

    def take(self, event: str) -> None:
        """A step in its life."""
        self.phase = life.after(self.phase, event)

    def begin(self, state: tuple[int, ...], outputs: tuple[int, ...] | None = None) -> None:
        """Go on from `state`, handed in; `outputs` are those that hold now, its safe ones unless given."""
        self.state, self._number = state, 0
        if outputs is not None:
            self.outputs = outputs
        self._monitor.begin(state, self.outputs)

    def why_not(self, inputs: tuple[int, ...]) -> str:
        """Why a tick must not be run on `inputs`; "" where it may."""
        return in_ranges(self.program, inputs) or ""

    def tick(self, inputs: tuple[int, ...], time_ms: int) -> tuple[Tick, str]:
        """(what there is to log, why it must not go on so: "" where it may). Inputs are as `why_not` wants them."""
        before, number = self.state, self._number
        self.inputs, self.ticks, self._number = inputs, self.ticks + 1, number + 1
        try:
            after, outputs = self._instance.step(before, inputs)
        except WorldFault as fault:
            self.fault = str(fault)
            return Tick(self.digest, number, time_ms, before, inputs, (), fault.cause), self.fault
        self.state, self.outputs = after, outputs
        try:
            broken = self._monitor.tick(before, inputs, outputs, after)
        except ArithmeticError as error:  # what cannot be watched must not go on
            broken = [str(error)]
        if broken:
            self.fault = f"claim broken: {', '.join(broken)}"
        return Tick(self.digest, number, time_ms, before, inputs, outputs), self.fault

    def named(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """State, inputs and outputs by name."""
        program = self.program
        return _by_name(program.state, self.state), _by_name(program.inputs, self.inputs), self.outputs_by_name()

    def outputs_by_name(self) -> dict[str, int]:
        return _by_name(self.program.outputs, self.outputs)


def start(program: Program) -> tuple[int, ...]:
    """The state that a program begins with."""
    return tuple(quantity.start for quantity in program.state)


def check_mapping(old: Program, new: Program, mapping: Mapped) -> None:
    """Whether `mapping` names what there is, in units that fit. Raises HandOverError."""
    news, olds = {quantity.name: quantity for quantity in new.state}, {q.name: q for q in old.state}
    for name, source in mapping.items():
        if name not in news:
            raise HandOverError(f"{new.name} has no state {name}; it has: {', '.join(news) or 'none'}")
        if isinstance(source, str):
            if source not in olds:
                raise HandOverError(f"{old.name} has no state {source}; it has: {', '.join(olds) or 'none'}")
            if olds[source].unit != news[name].unit:
                raise HandOverError(f"{name} is in {news[name].unit!r}, and {source} in {olds[source].unit!r}")


def hand_over(old: Program, state: tuple[int, ...], new: Program, mapping: Mapped) -> tuple[int, ...]:
    """`state` of `old` as `new` has it: by `mapping`, else by name and unit, else the state's start.

    Raises HandOverError: a value is out of the range that `new` has for it.
    """
    held = _by_name(old.state, state)
    alike = {quantity.name for quantity in old.state} & {
        quantity.name for quantity in new.state if quantity.unit == _unit(old, quantity.name)
    }
    values = []
    for quantity in new.state:
        source: Any = mapping.get(quantity.name, quantity.name if quantity.name in alike else quantity.start)
        value = held[source] if isinstance(source, str) else int(source)
        if not quantity.least <= value <= quantity.greatest:
            where = f" ({old.name}'s {source})" if isinstance(source, str) else ""
            bounds = f"from {quantity.least} to {quantity.greatest}"
            raise HandOverError(
                f"state {quantity.name} would be {value}{where}, and the newcomer has it {bounds}: "
                f"map it to a number or to another state"
            )
        values.append(value)
    return tuple(values)


def hand_back(new: Program, state: tuple[int, ...], old: Program, mapping: Mapped) -> tuple[int, ...]:
    """`state` of a newcomer that failed as the one before it has it; what does not fit begins anew."""
    back = {source: name for name, source in mapping.items() if isinstance(source, str)}
    held, values = _by_name(new.state, state), []
    for quantity in old.state:
        name = back.get(quantity.name, quantity.name if quantity.name not in mapping else "")
        value = held.get(name, quantity.start)
        fits = _unit(new, name) == quantity.unit and quantity.least <= value <= quantity.greatest
        values.append(value if fits else quantity.start)
    return tuple(values)


def outputs_held(old: World, new: Program) -> tuple[int, ...]:
    """The outputs that hold when `new` takes over from `old`: by name and unit, else its safe ones."""
    held, units = old.outputs_by_name(), {quantity.name: quantity.unit for quantity in old.program.outputs}
    found = []
    for quantity in new.outputs:
        value = held[quantity.name] if units.get(quantity.name) == quantity.unit else quantity.start
        found.append(value if quantity.least <= value <= quantity.greatest else quantity.start)
    return tuple(found)


def _unit(program: Program, state: str) -> str | None:
    return next((quantity.unit for quantity in program.state if quantity.name == state), None)


def _by_name(quantities: tuple[Quantity, ...], values: tuple[int, ...]) -> dict[str, int]:
    return {quantity.name: value for quantity, value in zip(quantities, values, strict=False)}
