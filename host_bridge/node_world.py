"""A microworld's bytecode and its binding -> the plan that a node runs it by, and back to words.

A binding is written as for a world on the bridge (agent.binding), of one node, whose name may be left out:

    {"inputs":  {"load": "grid.active_power_mw", "asked": "heater.asked", "fault": "heater.tripped",
                 "minute": "clock.minute_of_day", "price": {"series": [[unix_s, value], ...]}, "limit": 2000},
     "outputs": {"close": "heater", "stuck": null}}

A source is CHANNEL.QUANTITY, CONTACTOR.closed, .asked (the host's lease, else the plan's rows, want it closed) or
.tripped (or locked out), clock.minute_of_day, a number in the input's unit, or (for one input) a series in it: each
value holds until the next. A contactor is closed while its output is not 0. The node's own reader
(gridnode.node.controller) judges every document that leaves here.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Any

from gridnode.node import controller as node_controller
from gridnode.node import plan as node_plan
from gridnode.wire import cbor, schema
from host_bridge.microworld.language import units
from host_bridge.microworld.program import Program, Quantity
from host_bridge.model import NodeView

# By the word of a source: its number on the node, and what the node's figure counts.
_OF_CHANNEL = {
    "active_power_mw": (node_controller.POWER, "mW"),
    "frequency_mhz": (node_controller.FREQUENCY, "mHz"),
    "voltage_rms_mv": (node_controller.VOLTAGE, "mV"),
    "current_rms_ma": (node_controller.CURRENT, "mA"),
}
_OF_CONTACTOR = {
    "closed": node_controller.IS_CLOSED,
    "asked": node_controller.ASKED,
    "tripped": node_controller.TRIPPED,
}
_CLOCK = "clock.minute_of_day"
_SERIES = "a series"
_UNBOUND = -1


class NodeWorldError(ValueError):
    """The world cannot run on this node as it is bound; the words say what to write."""


@dataclass(frozen=True, slots=True)
class NodeWorld:
    """What a node's plan says of its world."""

    is_guard: bool
    code: bytes
    valid: tuple[int, int] | None  # Unix s: from, until; None: always
    inputs: tuple[str, ...]  # sources in words, in the program's order
    outputs: tuple[str | None, ...]  # contactors

    @property
    def digest(self) -> str:
        """SHA-256 of the bytecode, 64 hex digits."""
        return hashlib.sha256(self.code).hexdigest()


def document(
    program: Program,
    code: bytes,
    binding: Mapping[str, Any],
    view: NodeView,
    *,
    guard: bool,
    valid: tuple[int, int] | None = None,
    zone: tzinfo = UTC,
) -> bytes:
    """The plan that has `view`'s node run `code`, the bytecode of `program`. Raises NodeWorldError.

    guard: it stands between the host's wish and the contactor; else it acts while no host holds the contactor. valid:
    (from, until) in Unix s, at most 31 days; None: always, for guards only. zone: of minutes of the day; where it
    changes to summer time and back, the plan has to be made anew.
    """
    if valid is None and not guard:
        raise NodeWorldError("a world that acts by itself needs a time until when: at most 31 days")
    begin_s, end_s = valid or (0, 0)
    inputs, outputs = _tables(binding, program)
    ahead = datetime.fromtimestamp(begin_s, zone).utcoffset()
    numbers: list[int] = []
    series: list[int] = []
    for quantity in program.inputs:
        written = inputs[quantity.name]
        if isinstance(written, dict) and not series and set(written) == {"series"} and valid:
            series = _series(quantity, written["series"], begin_s, end_s)
            numbers += node_controller.PRICE, 0, 1
        else:
            numbers += _source(quantity, written, view, int(ahead.total_seconds()) // 60 if ahead else 0)
    numbers += [_contactor(name.name, outputs.get(name.name), view) for name in program.outputs]
    return _checked([node_plan.WITH_WORLD, begin_s, end_s, series, [int(guard), code, *numbers]], view)


def read(body: bytes, view: NodeView) -> NodeWorld | None:
    """The world of a plan that this node keeps; None where the plan has none, or is none."""
    try:
        plan = node_plan.Plan.parse(body, len(view.contactors))
        if plan.world is None:
            return None
        _judged(body, view)
    except ValueError:
        return None
    is_guard, code, *numbers = plan.world
    count = (code[2], code[3])
    sources = [numbers[3 * k : 3 * k + 3] for k in range(count[0])]
    contactors = [None if index == _UNBOUND else view.contactors[index] for index in numbers[3 * count[0] :]]
    valid = (plan.from_unix_s, plan.until_unix_s) if plan.until_unix_s else None
    return NodeWorld(
        bool(is_guard),
        code,
        valid,
        tuple(_worded(source, index, view) for source, index, _ in sources),
        tuple(contactors),
    )


def _tables(binding: Mapping[str, Any], program: Program) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if not isinstance(binding, dict) or set(binding) - {"inputs", "outputs"}:
        raise NodeWorldError('a binding has two tables: {"inputs": {...}, "outputs": {...}}')
    tables = binding.get("inputs", {}), binding.get("outputs", {})
    for table, quantities, what in zip(tables, (program.inputs, program.outputs), ("input", "output"), strict=True):
        known = [quantity.name for quantity in quantities]
        if not isinstance(table, dict) or set(table) - set(known):
            strange = sorted(set(table) - set(known))[0] if isinstance(table, dict) else table
            raise NodeWorldError(f"{program.name} has no {what} {strange}; it has: {', '.join(known) or 'none'}")
    missing = [quantity.name for quantity in program.inputs if quantity.name not in tables[0]]
    if missing:
        raise NodeWorldError(f"input {missing[0]} is not bound: write where it comes from, as CHANNEL.QUANTITY")
    return tables


def _source(quantity: Quantity, written: Any, view: NodeView, ahead_min: int) -> tuple[int, int, int]:
    name = quantity.name
    if type(written) is int or type(written) is bool:
        if not quantity.least <= written <= quantity.greatest:
            raise NodeWorldError(f"input {name}: {written} is outside {quantity.least} .. {quantity.greatest}")
        return node_controller.CONSTANT, int(written), 1
    if not isinstance(written, str) or "." not in written:
        series = "one series where it has a time until when"
        raise NodeWorldError(f"input {name}: write CHANNEL.QUANTITY, CONTACTOR.asked, {_CLOCK}, a number, or {series}")
    if written == _CLOCK:
        return node_controller.MINUTE, ahead_min, _divisor(quantity, "min")
    subject, _, what = written.removeprefix(f"{view.name}.").rpartition(".")
    if what in _OF_CONTACTOR:
        if not quantity.is_bool:
            raise NodeWorldError(f'input {name} is in {quantity.unit or "numbers"}; {what} is "on/off"')
        return _OF_CONTACTOR[what], _index(name, subject, view.contactors, f"{view.name} has no contactor"), 1
    if what not in _OF_CHANNEL:
        known = ", ".join((*_OF_CHANNEL, *_OF_CONTACTOR))
        raise NodeWorldError(f"input {name}: a node knows no {what!r}; it knows {known}")
    number, counted = _OF_CHANNEL[what]
    return number, _index(name, subject, view.channels, f"{view.name} has no channel"), _divisor(quantity, counted)


def _series(quantity: Quantity, rows: Any, begin_s: int, end_s: int) -> list[int]:
    """Minute from the beginning, value, minute, value, ... of what holds in that time."""
    if not isinstance(rows, list) or not all(
        isinstance(row, list | tuple) and len(row) == 2 and all(type(number) is int for number in row) for row in rows
    ):
        raise NodeWorldError(f"input {quantity.name}: a series has rows [unix seconds, value], whole numbers")
    found: dict[int, int] = {}
    for time_s, value in sorted(rows):
        if not quantity.least <= value <= quantity.greatest:
            raise NodeWorldError(f"input {quantity.name}: {value} is outside {quantity.least} .. {quantity.greatest}")
        if time_s < end_s:
            found[max(0, -(-(time_s - begin_s) // 60))] = value
    return [number for row in found.items() for number in row]


def _contactor(name: str, written: Any, view: NodeView) -> int:
    if written is None:
        return _UNBOUND
    if not isinstance(written, str):
        raise NodeWorldError(f"output {name}: write a contactor of {view.name}, or null where it is only told")
    return _index(name, written.removeprefix(f"{view.name}."), view.contactors, f"{view.name} has no contactor")


def _index(name: str, subject: str, there: Sequence[str], lacks: str) -> int:
    if subject not in there:
        raise NodeWorldError(f"{name}: {lacks} {subject}; it has: {', '.join(there) or 'none'}")
    return there.index(subject)


def _divisor(quantity: Quantity, counted: str) -> int:
    """Of the node's figure, which counts `counted`, for the input's unit."""
    given, wanted = units.unit(counted), units.unit(quantity.unit)
    if wanted == units.NUMBER and counted == "min":
        return 1
    ratio = wanted.scale / given.scale
    if wanted.switch or given.dimensions != wanted.dimensions or ratio.denominator != 1:
        raise NodeWorldError(f"input {quantity.name} is in {units.name(wanted)}, and the node tells {counted}")
    return ratio.numerator


def _worded(source: int, index: int, view: NodeView) -> str:
    """A source as it may be written."""
    for what, (number, _) in _OF_CHANNEL.items():
        if source == number:
            return f"{view.channels[index]}.{what}"
    for what, number in _OF_CONTACTOR.items():
        if source == number:
            return f"{view.contactors[index]}.{what}"
    return {node_controller.MINUTE: _CLOCK, node_controller.PRICE: _SERIES}.get(source, str(index))


def _checked(items: list[Any], view: NodeView) -> bytes:
    buffer = bytearray(16 * len(str(items)))  # more than its CBOR needs
    body = bytes(buffer[: cbor.put(buffer, 0, items)])
    if len(body) > schema.BLOB_MAX:
        raise NodeWorldError(f"it takes {len(body)} bytes and a node keeps {schema.BLOB_MAX}: a smaller world, please")
    try:
        _judged(body, view)
    except ValueError as error:
        raise NodeWorldError(f"the node would refuse it: {error}") from None
    return body


def _judged(body: bytes, view: NodeView) -> None:
    """Raises ValueError where the node would: by its own reader, which looks only at how much the node has."""
    plan = node_plan.Plan.parse(body, len(view.contactors))
    node_controller.Controller(body, plan, SimpleNamespace(contactors=view.contactors), list(view.channels))
