"""Makes an expression smaller without changing what it gives: constants, known conditions, what adds nothing."""

from collections.abc import Callable, Mapping

from host_bridge.microworld.program import INT_MAX, INT_MIN, LOGIC, Const, Expr, Name, Op


def fold(expr: Expr, known: Mapping[str, Expr] | None = None) -> Expr:
    """`expr` with the names of `known` replaced, simplified.

    Where `expr` divides by 0 or leaves 32 bits the result may do so no more; it never does so where `expr` does not.
    """
    if isinstance(expr, Name):
        return (known or {}).get(expr.name, expr)
    if isinstance(expr, Const):
        return expr
    args = tuple(fold(arg, known) for arg in expr.args)
    return simpler(Op(expr.op, args))


def simpler(expr: Op) -> Expr:
    """`expr`, whose arguments are folded, in its smallest known form."""
    if expr.op == "if":
        return choice(expr)
    if all(isinstance(arg, Const) for arg in expr.args):
        value = calculate(expr.op, tuple(arg.value for arg in expr.args if isinstance(arg, Const)))
        return expr if value is None or not INT_MIN <= value <= INT_MAX else Const(value)
    if expr.op in LOGIC:
        return logic(expr)
    return neutral(expr)


def choice(expr: Op) -> Expr:
    """An `if` whose condition, or whose choice, is known."""
    condition, yes, no = expr.args
    if isinstance(condition, Const):
        return yes if condition.value else no
    if yes == no:
        return yes
    if isinstance(condition, Op) and condition.op == "not":
        return choice(Op("if", (condition.args[0], no, yes)))
    return expr


def logic(expr: Op) -> Expr:
    """and, or, not with something known, or the same twice."""
    if expr.op == "not":
        (arg,) = expr.args
        return arg.args[0] if isinstance(arg, Op) and arg.op == "not" else expr
    left, right = expr.args
    if left == right:
        return left
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Const):
            decides = one.value == (expr.op == "or")  # off decides an `and`, on an `or`
            return one if decides else other
    return expr


def neutral(expr: Op) -> Expr:
    """Arithmetic that adds nothing."""
    match expr:
        case Op("add", (Const(0), other)) | Op("add" | "sub", (other, Const(0))):
            return other
        case Op("sub", (Const(0), other)):
            return simpler(Op("neg", (other,)))
        case Op("mul", (Const(1), other)) | Op("mul" | "div", (other, Const(1))):
            return other
        case Op("mul", (Const(0), _)) | Op("mul", (_, Const(0))):
            return Const(0)
        case Op("neg", (Op("neg", (other,)),)):
            return other
        case Op("min" | "max", (left, right)) if left == right:
            return left
        case Op("eq" | "le" | "ge", (left, right)) if left == right:
            return Const(1)
        case Op("ne" | "lt" | "gt", (left, right)) if left == right:
            return Const(0)
        case Op("muldiv", (left, right, Const(1))):
            return simpler(Op("mul", (left, right)))
        case Op("muldiv", (Const(1), other, by)) | Op("muldiv", (other, Const(1), by)):
            return simpler(Op("div", (other, by)))
        case Op("muldiv", (Const(a), other, Const(b))) | Op("muldiv", (other, Const(a), Const(b))) if a == b != 0:
            return other
    return expr


def calculate(op: str, args: tuple[int, ...]) -> int | None:
    """What an operator gives, exact and without bounds; None where it divides by 0. Bools are 0 and 1."""
    a, b = args[0], args[1] if len(args) > 1 else 0
    match op:
        case "add":
            return a + b
        case "sub":
            return a - b
        case "mul":
            return a * b
        case "neg":
            return -a
        case "abs":
            return abs(a)
        case "div":
            return None if b == 0 else towards_zero(a, b)
        case "mod":
            return None if b == 0 else a - b * towards_zero(a, b)
        case "muldiv":
            return None if args[2] == 0 else towards_zero(a * b, args[2])
        case "not":
            return 1 - a
        case "if":
            return b if a else args[2]
    return int(PAIRS[op](a, b))


PAIRS: dict[str, Callable[[int, int], int]] = {
    "min": min,
    "max": max,
    "and": int.__and__,
    "or": int.__or__,
    "lt": int.__lt__,
    "le": int.__le__,
    "gt": int.__gt__,
    "ge": int.__ge__,
    "eq": int.__eq__,
    "ne": int.__ne__,
}


def towards_zero(a: int, b: int) -> int:
    """a / b without the fraction."""
    quotient = abs(a) // abs(b)
    return quotient if (a >= 0) == (b > 0) else -quotient
