"""The sections [parameter], [input], [state], [output] of a specification: quantities, their units and their ranges."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from host_bridge.microworld.language.fold import fold
from host_bridge.microworld.language.meaning import Scope, of, settle
from host_bridge.microworld.language.syntax import read as read_expression
from host_bridge.microworld.language.units import NUMBER, ON_OFF, Unit, name, unit
from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Expr, Quantity
from host_bridge.microworld.spec.source import Source
from host_bridge.microworld.spec.toml_places import Path

KEYS = {
    "parameter": ("value", "range", "unit", "says"),
    "input": ("unit", "range", "error", "private", "says"),
    "state": ("unit", "range", "start", "private", "says"),
    "output": ("unit", "range", "safe", "delay", "shared", "reveals", "says"),
}
START = {"state": "start", "output": "safe"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number of the specification that may be chosen anew, in `unit`; least <= value <= greatest."""

    value: int
    least: int
    greatest: int
    unit: str
    says: str = ""


@dataclass(slots=True)
class Declared:
    """A state, an input or an output as it was written: its numbers may name parameters."""

    kind: str
    name: str
    path: Path
    unit_text: str
    unit: Unit
    numbers: dict[str, Expr] = field(default_factory=dict)  # least, greatest, start, error, delay: what is written
    places: dict[str, Path] = field(default_factory=dict)
    says: str = ""
    private: bool = False
    shared: bool = False
    reveals: tuple[str, ...] = ()


def read_parameters(source: Source, taken: dict[str, Path], tick_s: int) -> dict[str, tuple[Parameter, Unit]]:
    """All of [parameter]; their names are added to `taken`."""
    found = {}
    for key in source.table(("parameter",)) or ():
        path: Path = ("parameter", key)
        if not source.name(path, taken):
            continue
        taken[key] = path
        if source.table(path, KEYS["parameter"], ("value",)) is not None:
            parameter = read_parameter(source, path, Scope({}, (), "a parameter", tick_s))
            if parameter:
                found[key] = parameter
    return found


def read_parameter(source: Source, path: Path, scope: Scope) -> tuple[Parameter, Unit] | None:
    """One parameter: its unit is that of its value, or written beside."""
    value_path = (*path, "value")
    stated = read_unit(source, (*path, "unit")) if source.get((*path, "unit")) is not None else None
    if stated is None and isinstance(source.get(value_path), int | str):
        text = source.written(value_path) or ""
        typed = source.attempt(value_path, lambda: settle(of(read_expression(text), scope), read_expression(text)))
        if typed is None:
            return None
        if typed.unit == NUMBER:
            source.wrong(
                value_path, f'its unit is missing: write "{text} W" or the like, or unit = "" for a plain number'
            )
            return None
        stated = typed.unit
    if stated is None:
        source.written(value_path)
        return None
    value = literal(source, value_path, scope, stated)
    least, greatest = (0, 1) if stated.switch else (value, value)
    if source.get((*path, "range")) is not None:
        ends = [literal(source, place, scope, stated) for place in range_places(source, (*path, "range"))]
        least, greatest = ends if len(ends) == 2 else (None, None)
    if value is None or least is None or greatest is None:
        return None
    if not least <= value <= greatest:
        source.wrong(value_path, f"{value} {name(stated)} is outside its range {least} .. {greatest} {name(stated)}")
        return None
    text = "" if stated == NUMBER else source.string((*path, "unit")) or name(stated)
    return Parameter(value, least, greatest, text, source.string((*path, "says"))), stated


def literal(source: Source, path: Path, scope: Scope, wanted: Unit) -> int | None:
    """The number at `path`; without quotes it is in the unit `wanted`."""
    expr = number(source, path, scope, wanted)
    folded = None if expr is None else fold(expr)
    if folded is not None and not isinstance(folded, Const):
        source.wrong(path, "this must be one number: it divides by 0 or leaves 32 bits")
    return folded.value if isinstance(folded, Const) else None


def number(source: Source, path: Path, scope: Scope, wanted: Unit) -> Expr | None:
    """The expression of a bound, a start ... at `path`; a whole number without quotes is in the unit `wanted`."""
    found = source.get(path)
    if isinstance(found, int) and not isinstance(found, bool) and not wanted.switch:
        if INT_MIN <= found <= INT_MAX:
            return Const(found)
        source.wrong(path, f"{found:,} is more than 32 bits hold")
        return None
    typed = source.expression(path, scope, wanted)
    return typed.expr if typed else None


def range_places(source: Source, path: Path) -> list[Path]:
    """The places of the two ends of a range."""
    if len(source.list_of(path)) == 2:
        return [(*path, 0), (*path, 1)]
    source.wrong(path, "a range has two ends: write range = [least, greatest]")
    return []


def read_unit(source: Source, path: Path) -> Unit | None:
    """The unit at `path`."""
    text = source.string(path, longest=40)
    try:
        return unit(text)
    except ValueError as error:
        source.wrong(path, str(error))
        return None


def read_quantities(source: Source, kind: str, taken: dict[str, Path], scope: Scope) -> list[Declared]:
    """All of a section; their names are added to `taken`. `scope` holds the parameters."""
    found = []
    for key in source.table((kind,)) or ():
        path: Path = (kind, key)
        if not source.name(path, taken):
            continue
        taken[key] = path
        if source.table(path, KEYS[kind], ("unit",)) is not None:
            declared = read_quantity(source, kind, path, scope)
            if declared:
                found.append(declared)
    return found


def read_quantity(source: Source, kind: str, path: Path, scope: Scope) -> Declared | None:
    """One state, input or output."""
    its = read_unit(source, (*path, "unit"))
    if its is None:
        return None
    declared = Declared(kind, str(path[-1]), path, source.string((*path, "unit")).strip(), its)
    declared.says = source.string((*path, "says"))
    declared.private, declared.shared = source.flag((*path, "private")), source.flag((*path, "shared"))
    reveals = source.list_of((*path, "reveals"))
    declared.reveals = tuple(name for name in reveals if isinstance(name, str))
    if reveals and not declared.shared:
        source.wrong((*path, "reveals"), "only what is shared reveals anything: write shared = true")
    places: dict[str, Path] = {}
    if source.get((*path, "range")) is not None:
        places |= dict(zip(("least", "greatest"), range_places(source, (*path, "range")), strict=False))
    elif its != ON_OFF:
        source.wrong(path, f'{declared.name} has no range: write range = ["0 {source.string((*path, "unit"))}", ...]',
                     key=True)  # fmt: skip
    keys = {"start": START.get(kind, ""), "error": "error", "delay": "delay"}
    places |= {what: (*path, key) for what, key in keys.items() if source.get((*path, key)) is not None}
    if kind in START and "start" not in places:
        says = "its first value" if kind == "state" else "what holds before the first tick and after a fault"
        source.wrong(path, f"{declared.name} has no {START[kind]}: write {START[kind]} = ..., {says}", key=True)
    for what, place in places.items():
        expr = number(source, place, scope, unit("s") if what == "delay" else its)
        if expr is not None:
            declared.numbers[what], declared.places[what] = expr, place
    return declared


def amount(source: Source, declared: Declared, what: str, empty: int, known: Mapping[str, Expr]) -> int:
    """A number of `declared` where the parameters are `known`."""
    if what not in declared.numbers:
        return empty
    return worked_out(source, declared.places[what], declared.numbers[what], known)


def worked_out(source: Source, path: Path, expr: Expr, known: Mapping[str, Expr]) -> int:
    """The value of an expression of parameters; 0 after noting that it has none."""
    folded = fold(expr, known)
    if isinstance(folded, Const):
        return folded.value
    source.wrong(path, "this must be one number: it divides by 0, leaves 32 bits, or names a parameter that is varied")
    return 0


def quantity(source: Source, declared: Declared, known: Mapping[str, Expr], tick_s: int) -> Quantity:
    """The program's quantity of what was declared; mistakes in its numbers are noted."""
    least, greatest = (amount(source, declared, what, n, known) for what, n in (("least", 0), ("greatest", 1)))
    start, error = (amount(source, declared, what, 0, known) for what in ("start", "error"))
    delay_s = amount(source, declared, "delay", 0, known)
    path = declared.path
    if least > greatest:
        source.wrong((*path, "range"), f"the range ends at {greatest}, before it begins at {least}")
    elif not least <= start <= greatest and declared.kind in START and START[declared.kind] in (source.get(path) or {}):
        source.wrong((*path, START[declared.kind]), f"{start} is outside the range {least} .. {greatest}")
    if error < 0 or error > INT_MAX - max(abs(least), abs(greatest)):
        source.wrong((*path, "error"), "an error is 0 or more, and with it the range stays within 32 bits")
    if not 0 <= delay_s <= 3600 * tick_s:
        source.wrong((*path, "delay"), "a delay is 0 to 3600 ticks")
    return Quantity(
        declared.name,
        declared.unit_text,
        least,
        greatest,
        declared.says,
        start,
        error,
        -(-delay_s // tick_s),
        declared.private,
        declared.shared,
        declared.reveals,
    )


def check_reveals(source: Source, declared: list[Declared]) -> None:
    """What an output reveals must be a private state or input."""
    private = {one.name for one in declared if one.private}
    for one in declared:
        for n, named in enumerate(one.reveals):
            if named not in private:
                source.wrong((*one.path, "reveals", n), f"{named[:40]!r} is no private state or input")
