"""What a written expression means: its names found, its units checked, sugar gone: a typed tree of program.Expr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction

from host_bridge.microworld.language.expression import build
from host_bridge.microworld.language.spec_error import ExpressionError
from host_bridge.microworld.language.syntax import Node, read
from host_bridge.microworld.language.units import NUMBER, ON_OFF, TIME, Unit, name, unit
from host_bridge.microworld.program import COMPARISON, INT_MAX, INT_MIN, Const, Expr, Name, Op

LARGEST = 3000  # operators and operands of one expression when its sugar is gone
SAME_UNIT = {"add": "+", "sub": "-", "min": "min", "max": "max", "mod": "%", "clamp": "clamp", "between": "between"}
WHAT_PREFIX = {
    "next": ("state",),
    "before": ("state", "input", "output"),
    "true": ("input",),
    "acted": ("output",),
    "left": ("stays",),
    "waited": ("within",),
}


@dataclass(frozen=True, slots=True)
class Known:
    """Something that an expression may name. kind: state, input, output, let, parameter; stays, within for claims."""

    kind: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression with its unit. `literal`: a number of that unit as it was written, which may still be converted."""

    expr: Expr
    unit: Unit
    literal: Fraction | None = None
    size: int = 1


@dataclass(slots=True)
class Scope:
    """What may be named at one place, and the length of a tick, which is named `tick`."""

    known: Mapping[str, Known]
    kinds: tuple[str, ...]
    place: str  # "a let", "a rule", "a claim" ...
    tick_s: int = 1
    prefixes: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)  # kind -> what to do instead of naming one here


def mean(text: str, scope: Scope, wanted: Unit | None = None) -> Typed:
    """What `text` means in `scope`, in the unit `wanted` where one is. Raises ExpressionError."""
    node = read(text)
    typed = of(node, scope)
    return settle(typed, node) if wanted is None else expect(typed, wanted, node)


def expect(typed: Typed, wanted: Unit, node: Node) -> Typed:
    """`typed` in the unit `wanted`. Raises ExpressionError that says how to get it."""
    if typed.unit == wanted and typed.literal is None:
        return typed
    if typed.literal is not None and not wanted.switch:
        if typed.unit.dimensions == wanted.dimensions and (typed.unit != NUMBER or wanted == NUMBER):
            return constant(typed.literal * typed.unit.scale / wanted.scale, wanted, node)
        if typed.literal == 0 and typed.unit == NUMBER:
            return Typed(Const(0), wanted)
    if wanted.switch:
        raise ExpressionError(f"this is {article(typed.unit)}, not on or off: compare it with something", node.at)
    if typed.unit.switch:
        raise ExpressionError(f"this is on or off, not {article(wanted)}: write if(..., a, b)", node.at)
    raise ExpressionError(
        f"this is {article(typed.unit)}, wanted is {article(wanted)}: {advice(typed, wanted)}", node.at
    )


def article(unit: Unit) -> str:
    """How a message calls a unit."""
    return name(unit) if unit in (NUMBER, ON_OFF) else f"in {name(unit)}"


def advice(typed: Typed, wanted: Unit) -> str:
    """What to write to come from a unit to another one."""
    if typed.literal is not None and typed.unit == NUMBER:
        shown = typed.literal if typed.literal.denominator == 1 else float(typed.literal)
        return f"write {shown} {name(wanted)}"
    if wanted == NUMBER and typed.unit.dimensions != wanted.dimensions:
        return f"divide it by 1 {name(typed.unit)}"
    if typed.unit.dimensions == wanted.dimensions:
        return f"write to({name(wanted)}, ...)"
    times = tuple(b - a for a, b in zip(typed.unit.dimensions, wanted.dimensions, strict=True))
    if times == TIME:
        return f"multiply by a time: to({name(wanted)}, ... * tick)"
    if tuple(-n for n in times) == TIME:
        return f"divide by a time: to({name(wanted)}, ... / 1 h)"
    return "they measure different things"


def settle(typed: Typed, node: Node) -> Typed:
    """`typed`, whose number, if it is one, is of the unit that it was written in."""
    return typed if typed.literal is None else constant(typed.literal, typed.unit, node)


def constant(value: Fraction, unit: Unit, node: Node) -> Typed:
    """A whole number of `unit`."""
    if value.denominator != 1:
        raise ExpressionError(f"{float(value):g} {name(unit)} is no whole number: use a finer unit", node.at)
    if not INT_MIN <= value <= INT_MAX:
        raise ExpressionError(f"{int(value):,} {name(unit)} is more than 32 bits hold: use a coarser unit", node.at)
    return Typed(Const(int(value)), unit)


def of(node: Node, scope: Scope) -> Typed:
    """The meaning of `node` and all below it."""
    if node.kind == "number":
        return Typed(Const(0), unit(node.text), node.number)
    if node.kind == "switch":
        return Typed(Const(int(node.number)), ON_OFF)
    if node.kind == "name":
        return named(node, scope)
    if node.kind == "prefixed":
        return prefixed(node, scope)
    args = [of(arg, scope) for arg in node.args]
    exact = exactly(node, args)
    if exact is not None:
        return exact
    if node.kind == "to":
        return bounded(conversion(node, settle(args[0], node.args[0])), args, node)
    if node.kind in ("and", "or", "not", "implies"):
        args = [expect(arg, ON_OFF, at) for arg, at in zip(args, node.args, strict=True)]
        return bounded(Typed(build(node, tuple(arg.expr for arg in args)), ON_OFF), args, node)
    if node.kind == "if":
        args = [expect(args[0], ON_OFF, node.args[0]), *alike(args[1:], node.args[1:], node, "if")]
        return bounded(Typed(build(node, tuple(arg.expr for arg in args)), args[1].unit), args, node)
    if node.kind in COMPARISON or node.kind in ("chain", "between"):
        return comparison(node, args)
    return arithmetic(node, args)


def exactly(node: Node, args: list[Typed]) -> Typed | None:
    """What + - * and a minus make of written numbers: a written number."""
    literals = [arg.literal for arg in args]
    if None in literals or node.kind not in ("add", "sub", "mul", "neg"):
        return None
    first = literals[0] or Fraction(0)
    if node.kind == "neg":
        return Typed(Const(0), args[0].unit, -first)
    second = literals[1] or Fraction(0)
    if node.kind == "mul":
        return Typed(Const(0), args[0].unit * args[1].unit, first * second)
    if args[0].unit.dimensions != args[1].unit.dimensions:
        return None
    finer = min(args[0].unit, args[1].unit, key=lambda unit: unit.scale)
    first, second = first * args[0].unit.scale / finer.scale, second * args[1].unit.scale / finer.scale
    return Typed(Const(0), finer, first + second if node.kind == "add" else first - second)


def bounded(typed: Typed, args: list[Typed], node: Node) -> Typed:
    """`typed` with its size, which is limited: a name in sugar may be written twice."""
    repeats = 2 if node.kind in ("chain", "between") else 1
    size = 3 + sum(arg.size for arg in args) * repeats
    if size > LARGEST:
        raise ExpressionError("too long for one expression: write parts of it as lets", node.at)
    return Typed(typed.expr, typed.unit, None, size)


def alike(args: list[Typed], nodes: tuple[Node, ...], node: Node, sign: str) -> list[Typed]:
    """`args` in one unit: that of the first that is no written number."""
    rigid = [arg for arg in args if arg.literal is None]
    if rigid:
        wanted = rigid[0].unit
    else:
        wanted = min((arg.unit for arg in args if arg.literal or arg.unit != NUMBER), key=lambda unit: unit.scale,
                     default=NUMBER)  # fmt: skip
    for arg in rigid:
        if arg.unit != wanted:
            says = f"{sign} wants one unit: here are {name(wanted)} and {name(arg.unit)}"
            raise ExpressionError(f"{says}; {advice(arg, wanted)}", node.at)
    return [expect(arg, wanted, at) for arg, at in zip(args, nodes, strict=True)]


def comparison(node: Node, args: list[Typed]) -> Typed:
    """A comparison or a chain of them; on and off are compared as 1 and 0, and only by == and !=."""
    same = alike(args, node.args, node, "a comparison")
    exprs = tuple(arg.expr for arg in same)
    if same[0].unit.switch:
        if node.kind not in ("eq", "ne"):
            raise ExpressionError("on and off are compared by == or != only", node.at)
        exprs = tuple(Op("if", (expr, Const(1), Const(0))) for expr in exprs)
    return bounded(Typed(build(node, exprs), ON_OFF), same, node)


def arithmetic(node: Node, args: list[Typed]) -> Typed:
    """+ - * / and the functions of numbers."""
    for arg, at in zip(args, node.args, strict=True):
        if arg.unit.switch:
            raise ExpressionError("on and off are no numbers: write if(..., a, b)", at.at)
    if node.kind in SAME_UNIT:
        args = alike(args, node.args, node, SAME_UNIT[node.kind])
    else:
        args = [settle(arg, at) for arg, at in zip(args, node.args, strict=True)]
    result = args[0].unit
    if node.kind in ("mul", "muldiv"):
        result = result * args[1].unit
    if node.kind in ("div", "muldiv"):
        result = result / args[-1].unit
    return bounded(Typed(build(node, tuple(arg.expr for arg in args)), result), args, node)


def conversion(node: Node, arg: Typed) -> Typed:
    """to(unit, x): x times an exact factor. Where x is a product it needs no more than 64 bits on the way."""
    try:
        wanted = unit(node.text)
    except ValueError as error:
        raise ExpressionError(str(error), node.at) from None
    if arg.unit.dimensions != wanted.dimensions or wanted.switch or arg.unit.switch:
        says = f"{name(arg.unit)} cannot be turned into {name(wanted)}: {advice(arg, wanted)}"
        raise ExpressionError(says, node.at)
    factor = arg.unit.scale / wanted.scale
    if max(factor.numerator, factor.denominator) > INT_MAX:
        raise ExpressionError(f"from {name(arg.unit)} to {name(wanted)} is too far: convert in two steps", node.at)
    return Typed(scaled(arg.expr, factor.numerator, factor.denominator), wanted)


def scaled(expr: Expr, times: int, by: int) -> Expr:
    """expr * times / by, as short as can be."""
    if by == 1:
        return expr if times == 1 else Op("mul", (expr, Const(times)))
    if isinstance(expr, Op) and expr.op == "mul":
        left, right = expr.args
        if times == 1:
            return Op("muldiv", (left, right, Const(by)))
        if isinstance(right, Const) and abs(right.value * times) <= INT_MAX:
            return Op("muldiv", (left, Const(right.value * times), Const(by)))
    return Op("div", (expr, Const(by))) if times == 1 else Op("muldiv", (expr, Const(times), Const(by)))


def named(node: Node, scope: Scope) -> Typed:
    """A name of the specification, or `tick`."""
    if node.text == "tick":
        return Typed(Const(scope.tick_s), unit("s"))
    found = scope.known.get(node.text)
    if found is None:
        raise ExpressionError(unknown(node.text, [n for n, k in scope.known.items() if k.kind in scope.kinds]), node.at)
    if found.kind == "broken":
        raise ExpressionError("", node.at)  # its own mistake is told where it stands
    if found.kind not in scope.kinds:
        hint = scope.hints.get(found.kind, "")
        raise ExpressionError(f"{scope.place} cannot name the {found.kind} {node.text}{hint and ': ' + hint}", node.at)
    return Typed(Name(node.text), found.unit)


def prefixed(node: Node, scope: Scope) -> Typed:
    """next(soc), before(close) ..., which only claims may name."""
    if node.prefix not in scope.prefixes:
        hint = ": claims may" if node.prefix not in ("left", "waited") else ": [[always]] and [[lemma]] may"
        raise ExpressionError(f"{scope.place} cannot name {node.prefix}(...){hint}", node.at)
    kinds, found = WHAT_PREFIX[node.prefix], scope.known.get(node.text)
    if found is not None and found.kind == "broken":
        raise ExpressionError("", node.at)
    if found is None or found.kind not in kinds:
        wanted = " or ".join(f"[[{kind}]] claim" if kind in ("stays", "within") else kind for kind in kinds)
        fit = [name for name, known in scope.known.items() if known.kind in kinds]
        an = "an" if wanted[0] in "io" else "a"
        says = f"{node.prefix}(...) wants the name of {an} {wanted}: {unknown(node.text, fit)}"
        raise ExpressionError(says, node.args[0].at)
    return Typed(Name(f"{node.prefix}:{node.text}"), found.unit)


def unknown(word: str, names: list[str]) -> str:
    """Says that nothing has this name, and which name is near."""
    near = get_close_matches(word, names, 1)
    return f"nothing is called {word[:40]!r} here" + (f": did you mean {near[0]}?" if near else "")
