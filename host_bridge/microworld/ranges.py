"""Range analysis: the least and the greatest value of every expression, so that nothing can leave 32 bits unseen.

Intervals, narrowed by the conditions of `if`: in the first branch of if(x < c, ...), x is below c.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from host_bridge.microworld.language.expression import show
from host_bridge.microworld.language.fold import calculate
from host_bridge.microworld.program import COMPARISON, INT_MAX, INT_MIN, LOGIC, Const, Expr, Name, Op, Program, names

Interval = tuple[int, int]
BOOL: Interval = (0, 1)
DEEPEST_PART = 20  # how far a condition is followed into what it compares
MOST_LETS = 4
MOST_WORK = 300_000  # steps of a whole program; beyond them conditions narrow nothing
WORK = 10_000  # steps of one expression

OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
ENDLESS = 1 << 80


class RangeError(ValueError):
    """An operator could leave 32 bits or divide by 0. `where`: "let net", "output close", "next soc", "claim ..."."""

    def __init__(self, where: str, says: str, expr: Expr) -> None:
        super().__init__(f"{where}: {says}")
        self.where, self.says, self.expr = where, says, expr


class TooWide(Exception):
    """Why an expression has no interval, before it is known where it stands."""

    def __init__(self, says: str, expr: Expr) -> None:
        super().__init__(says)
        self.says, self.expr = says, expr


@dataclass(frozen=True, slots=True)
class Known:
    """Intervals of expressions (a Name, or a difference that a condition compared), and what the lets are short for."""

    of: Mapping[Expr, Interval]
    lets: Mapping[str, Expr]
    work: list[int] = field(default_factory=lambda: [0])  # steps that conditions may still be followed for
    follow: int = MOST_LETS  # so many lets may be looked into, one within the other

    def narrowed(self, expr: Expr, low: int, high: int) -> "Known | None":
        """The same, with `expr` between `low` and `high` too; None where that cannot be."""
        before = self.of.get(expr, (-ENDLESS, ENDLESS))
        low, high = max(low, before[0]), min(high, before[1])
        if low > high:
            return None
        return self if (low, high) == before else replace(self, of={**self.of, expr: (low, high)})


def check(program: Program) -> None:
    """Shows that no operator of `program` leaves 32 bits or divides by 0. Raises RangeError."""
    bounds(program)


def bounds(program: Program) -> dict[str, Interval]:
    """The least and the greatest value of all states, inputs, lets and outputs; `next:soc` of a next state.

    Outputs and next states are as computed, not as declared: that they stay in their ranges is the verifier's to
    prove. Raises RangeError.
    """
    known = Known(
        {Name(q.name): (q.least, q.greatest) for q in (*program.state, *program.inputs)},
        dict(program.lets),
        [MOST_WORK],
    )
    for where, name, expr in definitions(program):
        known = replace(known, of={**known.of, Name(name): located(where, expr, known)})
    of_names = {expr.name: interval for expr, interval in known.of.items() if isinstance(expr, Name)}
    in_claims = replace(known, of={**known.of, **prefixed(program, of_names)})
    for claim in program.claims:
        for part in (claim.when, claim.holds):
            if part is not None:
                located(f"claim {claim.name}", part, in_claims)
    for assumption in program.assumptions:
        located("assume", assumption, known)
    return of_names


def definitions(program: Program) -> Iterator[tuple[str, str, Expr]]:
    """Where it stands, name and expression of all that a tick works out, in its order."""
    for name, expr in program.lets:
        yield f"let {name}", name, expr
    for quantity, expr in zip(program.outputs, program.output, strict=True):
        yield f"output {quantity.name}", quantity.name, expr
    for quantity, expr in zip(program.state, program.next_state, strict=True):
        yield f"next {quantity.name}", f"next:{quantity.name}", expr


def prefixed(program: Program, of: Mapping[str, Interval]) -> dict[Expr, Interval]:
    """The intervals of what only claims may name."""
    found: dict[Expr, Interval] = {}
    for q in program.inputs:
        found[Name(f"true:{q.name}")] = (q.least - q.error, q.greatest + q.error)
        found[Name(f"before:{q.name}")] = (q.least, q.greatest)
    for q in program.state:
        found[Name(f"before:{q.name}")] = (min(q.least, q.start), max(q.greatest, q.start))
    for q in program.outputs:
        low, high = of[q.name]
        found[Name(f"before:{q.name}")] = found[Name(f"acted:{q.name}")] = (min(low, q.start), max(high, q.start))
    for claim in program.claims:
        found[Name(f"left:{claim.name}")] = found[Name(f"waited:{claim.name}")] = (0, claim.ticks)
    return found


def located(where: str, expr: Expr, known: Known) -> Interval:
    """The interval of `expr`, which stands at `where`."""
    spare = known.work[0] - WORK
    known.work[0] = min(known.work[0], WORK)
    try:
        return interval(expr, known)
    except TooWide as error:
        raise RangeError(where, error.says, error.expr) from None
    except RecursionError:
        raise RangeError(where, "nested too deep: write parts of it as lets", expr) from None
    finally:
        known.work[0] += max(spare, 0)


def interval(expr: Expr, known: Known) -> Interval:
    """The least and the greatest value of `expr`. Raises TooWide."""
    known.work[0] -= 1
    if isinstance(expr, Const):
        return expr.value, expr.value
    if isinstance(expr, Name):
        return known.of[expr]
    if expr.op == "if":
        return chosen(expr, known)
    args = tuple(interval(arg, known) for arg in expr.args)
    if expr.op in LOGIC or expr.op in COMPARISON:
        return truth(expr.op, args)
    low, high = operator(expr, args)
    noted = known.of.get(expr)
    if noted:  # what both exclude cannot happen
        low, high = max(low, noted[0]), min(high, noted[1])
        low, high = (low, high) if low <= high else noted
    if low < INT_MIN or high > INT_MAX:
        raise TooWide(overflow(expr, low, high), expr)
    return low, high


def chosen(expr: Op, known: Known) -> Interval:
    """Of an `if`: that of the branches that can be taken, each under its condition."""
    condition, yes, no = expr.args
    interval(condition, known)
    found = []
    for holds, branch in ((True, yes), (False, no)):
        under = assume(condition, holds, known)
        if under is not None:
            found.append(interval(branch, under))
    if not found:  # intervals contradict each other, as they may where nothing can be at all
        return interval(yes, known)
    return min(low for low, _ in found), max(high for _, high in found)


def truth(op: str, args: tuple[Interval, ...]) -> Interval:
    """Of a comparison or a logical operator."""
    a, b = args[0], args[-1]
    match op:
        case "not":
            return 1 - a[1], 1 - a[0]
        case "and":
            return min(a[0], b[0]), min(a[1], b[1])
        case "or":
            return max(a[0], b[0]), max(a[1], b[1])
        case "gt" | "ge":
            return truth("lt" if op == "gt" else "le", (b, a))
        case "lt":
            return int(a[1] < b[0]), int(a[0] < b[1])
        case "le":
            return int(a[1] <= b[0]), int(a[0] <= b[1])
        case "ne":
            same = truth("eq", args)
            return 1 - same[1], 1 - same[0]
    return int(a[0] == a[1] == b[0] == b[1]), int(a[0] <= b[1] and b[0] <= a[1])


def operator(expr: Op, args: tuple[Interval, ...]) -> Interval:
    """Of an arithmetic operator, exact in numbers without bounds."""
    op, a, b = expr.op, args[0], args[1] if len(args) > 1 else (0, 0)
    if op in ("div", "mod", "muldiv") and args[-1][0] <= 0 <= args[-1][1]:
        raise TooWide(f"{show(expr.args[-1])} may be 0, and {show(expr)} divides by it: "
                      f"write max(..., 1), or if(... > 0, ..., 0)", expr)  # fmt: skip
    if op == "neg":
        return -a[1], -a[0]
    if op == "abs":
        return (0 if a[0] <= 0 <= a[1] else min(abs(a[0]), abs(a[1]))), max(abs(a[0]), abs(a[1]))
    if op in ("min", "max"):
        pick = min if op == "min" else max
        return pick(a[0], b[0]), pick(a[1], b[1])
    if op == "mod":
        most = max(abs(b[0]), abs(b[1])) - 1
        return max(min(a[0], 0), -most), min(max(a[1], 0), most)
    if op == "muldiv":
        return corners("div", (corners("mul", (a, b)), args[2]))
    return corners(op, (a, b))


def corners(op: str, args: tuple[Interval, ...]) -> Interval:
    """Of an operator whose extremes lie at the ends of its arguments' intervals."""
    values = [calculate(op, ends) or 0 for ends in product(*args)]
    return min(values), max(values)


def overflow(expr: Op, low: int, high: int) -> str:
    """What to write instead of an operator that is too wide."""
    reached = high if high > INT_MAX else low
    named = sorted(names(expr)) or ["the numbers"]
    instead = "use muldiv or to(...), or" if expr.op == "mul" else "clamp its parts, or"
    return f"{show(expr)} may reach {reached:,}, more than 32 bits hold: {instead} narrow the range of {named[0]}"


def assume(condition: Expr, holds: bool, known: Known) -> Known | None:
    """`known` where `condition` holds, or does not; None where that cannot be."""
    if known.work[0] < 0:
        return known
    match condition:
        case Const(value):
            return known if bool(value) == holds else None
        case Name(name):
            narrowed = known.narrowed(condition, int(holds), int(holds))
            definition = known.lets.get(name)
            if narrowed is None or definition is None or known.follow == 0:
                return narrowed
            inside = assume(definition, holds, replace(narrowed, follow=known.follow - 1))
            return inside and replace(inside, follow=known.follow)
        case Op("not", (arg,)):
            return assume(arg, not holds, known)
        case Op("and" | "or" as op, (left, right)) if holds == (op == "and"):
            once = assume(left, holds, known)
            again = once and assume(right, holds, once)
            return again and assume(left, holds, again)
        case Op("and" | "or", (left, right)):
            return either(assume(left, holds, known), assume(right, holds, known), known)
        case Op(op, (left, right)) if op in COMPARISON:
            return compared(op if holds else OPPOSITE[op], left, right, known)
    return known


def either(one: Known | None, other: Known | None, known: Known) -> Known | None:
    """What is known where one or the other is."""
    if one is None or other is None:
        return one or other
    both = dict(known.of)
    for expr in one.of.keys() & other.of.keys():
        a, b = one.of[expr], other.of[expr]
        both[expr] = (min(a[0], b[0]), max(a[1], b[1]))
    return replace(known, of=both)


def compared(op: str, left: Expr, right: Expr, known: Known) -> Known | None:
    """`known` where the comparison holds."""
    if op in ("gt", "ge"):
        return compared("lt" if op == "gt" else "le", right, left, known)
    a, b = interval(left, known), interval(right, known)
    if op == "ne":
        return unequal(left, right, a, b, known)
    if op == "eq":
        low, high = max(a[0], b[0]), min(a[1], b[1])
        narrowed = narrow(left, low, high, known)
        return narrowed and narrow(right, low, high, narrowed)
    gap = int(op == "lt")
    narrowed = narrow(left, -ENDLESS, b[1] - gap, known)
    narrowed = narrowed and narrow(right, a[0] + gap, ENDLESS, narrowed)
    narrowed = narrowed and narrowed.narrowed(Op("sub", (right, left)), gap, ENDLESS)
    return narrowed and narrowed.narrowed(Op("sub", (left, right)), -ENDLESS, -gap)


def unequal(left: Expr, right: Expr, a: Interval, b: Interval, known: Known) -> Known | None:
    """`known` without the one value that the other side has, where it is at an end."""
    for one, its, other in ((left, a, b), (right, b, a)):
        if other[0] == other[1] and other[0] in its:
            low, high = its[0] + (other[0] == its[0]), its[1] - (other[0] == its[1])
            return narrow(one, low, high, known) if low <= high else None
    return known


def narrow(expr: Expr, low: int, high: int, known: Known, depth: int = DEEPEST_PART) -> Known | None:
    """`known` where `expr` lies between `low` and `high`, followed down into its parts; None where it cannot."""
    now = interval(expr, known)
    known.work[0] -= len(known.of) // 8
    low, high = max(low, now[0]), min(high, now[1])
    if low > high:
        return None
    if isinstance(expr, Const) or (low, high) == now:
        return known
    narrowed = known.narrowed(expr, low, high)
    if narrowed is None or depth == 0:
        return narrowed
    if isinstance(expr, Name):
        definition = known.lets.get(expr.name)
        if definition is None or known.follow == 0:
            return narrowed
        inside = narrow(definition, low, high, replace(narrowed, follow=known.follow - 1), depth - 1)
        return inside and replace(inside, follow=known.follow)
    for part, least, greatest in parts(expr, low, high, narrowed):
        narrowed = narrow(part, least, greatest, narrowed, depth - 1)
        if narrowed is None:
            return None
    return narrowed


def parts(expr: Op, low: int, high: int, known: Known) -> Iterator[tuple[Expr, int, int]]:
    """What it means for the arguments of `expr` that it lies between `low` and `high`."""
    match expr:
        case Op("add", (left, right)):
            a, b = interval(left, known), interval(right, known)
            yield left, low - b[1], high - b[0]
            yield right, low - a[1], high - a[0]
        case Op("sub", (left, right)):
            a, b = interval(left, known), interval(right, known)
            yield left, low + b[0], high + b[1]
            yield right, a[0] - high, a[1] - low
        case Op("neg", (arg,)):
            yield arg, -high, -low
        case Op("max", (left, right)):
            yield left, -ENDLESS, high
            yield right, -ENDLESS, high
        case Op("min", (left, right)):
            yield left, low, ENDLESS
            yield right, low, ENDLESS
        case Op("abs", (arg,)):
            yield arg, -high, high
        case Op("mul", (arg, Const(by)) | (Const(by), arg)) if by > 0:
            yield arg, -(-low // by), high // by
