"""A Program as a graph: equal parts once, lets dissolved, operators lowered to those that machines have.

A part's index is above those of the parts it is made of. Its range bounds its value wherever that value is used; it
does not know the guards of `if`, so it may be wider than ranges.py's, and wider than 32 bits where a guard says no.
"""

from dataclasses import dataclass

from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Expr, Name, Program

Range = tuple[int, int]
MIRRORED = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
_COMMUTATIVE = {"add", "mul", "and", "or", "eq", "ne"}


@dataclass(frozen=True, slots=True)
class Part:
    """op: const (value), local (a quantity's place in the record: value), or an operator of `args`, indices of parts.

    Operators are add, sub, mul, div, mod, muldiv, COMPARISON's, and, or, not, if.
    """

    op: str
    args: tuple[int, ...] = ()
    value: int = 0


class Graph:
    """The parts of one Program; `outputs` and `next_state` are indices into `parts`, in the Program's order."""

    def __init__(self, program: Program) -> None:
        self.parts: list[Part] = []
        self.ranges: list[Range] = []
        self._index: dict[Part, int] = {}
        self._named: dict[str, int] = {}
        for place, quantity in enumerate((*program.state, *program.inputs)):
            part = Part("local", value=place)
            self._named[quantity.name] = self._add(part, (quantity.least, quantity.greatest))
        for name, expr in program.lets:
            self._named[name] = self._lower(expr)
        self.outputs: list[int] = []
        for quantity, expr in zip(program.outputs, program.output, strict=True):
            self.outputs.append(self._lower(expr))
            self._named[quantity.name] = self.outputs[-1]
        self.next_state = [self._lower(expr) for expr in program.next_state]

    def below(self, roots: set[int]) -> set[int]:
        """`roots` and all that they are made of."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            index = waiting.pop()
            if index not in found:
                found.add(index)
                waiting += self.parts[index].args
        return found

    def fits(self, index: int) -> bool:
        """Whether the part and all below it stay in 32 bits, whatever guards say."""
        inside = (self.ranges[each] for each in self.below({index}))
        return all(least >= INT_MIN and greatest <= INT_MAX for least, greatest in inside)

    def _lower(self, expr: Expr) -> int:
        if isinstance(expr, Const):
            return self._const(expr.value)
        if isinstance(expr, Name):
            return self._named[expr.name]
        args = [self._lower(arg) for arg in expr.args]
        match expr.op:
            case "neg":
                return self._op("sub", self._const(0), args[0])
            case "abs":
                return self._if(self._op("lt", args[0], self._const(0)), self._op("sub", self._const(0), *args), *args)
            case "min":
                return self._if(self._op("lt", *args), *args)
            case "max":
                return self._if(self._op("gt", *args), *args)
            case "not":
                return self._not(*args)
            case "if":
                return self._if(*args)
        return self._op(expr.op, *args)

    def _const(self, value: int) -> int:
        return self._add(Part("const", value=value), (value, value))

    def _not(self, index: int) -> int:
        part = self.parts[index]
        if part.op in MIRRORED:
            return self._op(MIRRORED[part.op], *part.args)
        return part.args[0] if part.op == "not" else self._op("not", index)

    def _if(self, condition: int, then: int, otherwise: int) -> int:
        part = self.parts[condition]
        if part.op == "const" or then == otherwise:
            return then if part.value or then == otherwise else otherwise
        if part.op == "not":
            return self._if(part.args[0], otherwise, then)
        sides = [self.parts[side] for side in (then, otherwise)]
        values = [side.value if side.op == "const" else None for side in sides]
        if values == [1, 0]:
            return condition
        if values == [0, 1]:
            return self._not(condition)
        least, greatest = zip(self.ranges[then], self.ranges[otherwise], strict=True)
        return self._add(Part("if", (condition, then, otherwise)), (min(least), max(greatest)))

    def _op(self, op: str, *args: int) -> int:
        """The part, or a simpler one that is equal."""
        if op in _COMMUTATIVE and self.parts[args[0]].op == "const":
            args = args[::-1]  # one order for both, the constant last
        least, greatest = range_of(op, [self.ranges[arg] for arg in args])
        if least == greatest:
            return self._const(least)
        neutral = {"add": 0, "sub": 0, "mul": 1, "div": 1, "or": 0, "and": 1}.get(op)
        last = self.parts[args[-1]]
        if neutral is not None and last.op == "const" and last.value == neutral:
            return args[0]
        if op in ("and", "or") and args[0] == args[1]:
            return args[0]
        return self._add(Part(op, args), (least, greatest))

    def _add(self, part: Part, bounds: Range) -> int:
        if part not in self._index:
            self._index[part] = len(self.parts)
            self.parts.append(part)
            self.ranges.append(bounds)
        return self._index[part]


def range_of(op: str, of: list[Range]) -> Range:
    """The range of an operator's result from those of its arguments, in exact integers."""
    (a, b), (c, d) = of[0], of[1 if len(of) > 1 else 0]
    match op:
        case "add":
            return a + c, b + d
        case "sub":
            return a - d, b - c
        case "mul":
            corners = [x * y for x in (a, b) for y in (c, d)]
            return min(corners), max(corners)
        case "div":
            return _quotient((a, b), (c, d))
        case "mod":
            most = max(abs(c), abs(d)) - 1
            return max(min(a, 0), -most), min(max(b, 0), most)
        case "muldiv":
            return _quotient(range_of("mul", of[:2]), of[2])
        case "and" | "or" | "not":
            return 0, 1
    return _compared(op, (a, b), (c, d))


def _quotient(dividend: Range, divisor: Range) -> Range:
    """Of a division towards zero; the divisor is largest and smallest beside 0 and at its ends."""
    least, greatest = divisor
    divisors = {value for value in (least, greatest, -1, 1) if value and least <= value <= greatest}
    corners = [abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1) for x in dividend for y in divisors]
    return min(corners, default=0), max(corners, default=0)


def _compared(op: str, one: Range, other: Range) -> Range:
    (a, b), (c, d) = one, other
    always = {"lt": b < c, "le": b <= c, "gt": a > d, "ge": a >= d, "eq": a == b == c == d, "ne": b < c or a > d}
    never = {"lt": a >= d, "le": a > d, "gt": b <= c, "ge": b < c, "eq": b < c or a > d, "ne": a == b == c == d}
    return int(always[op]), int(not never[op])
