"""The language of rules without units: what a syntax tree means as a program.Expr, and an Expr as text again."""

from functools import reduce

from host_bridge.microworld.language.spec_error import ExpressionError, SpecError
from host_bridge.microworld.language.syntax import ROW, SHOWN, SIGNS, Node, Reader
from host_bridge.microworld.program import Const, Expr, Name, Op


def build(node: Node, args: tuple[Expr, ...]) -> Expr:
    """What `node`, an operator or sugar for some, means with its arguments' meanings in place of its own."""
    if node.kind == "implies":
        return Op("or", (Op("not", (args[0],)), args[1]))
    if node.kind == "clamp":
        return Op("min", (Op("max", (args[0], args[1])), args[2]))
    if node.kind == "between":
        return Op("and", (Op("le", (args[1], args[0])), Op("le", (args[0], args[2]))))
    if node.kind == "chain":
        pairs = [Op(op, (args[i], args[i + 1])) for i, op in enumerate(node.text.split())]
        return reduce(lambda left, right: Op("and", (left, right)), pairs)
    return Op(node.kind, args)


def parse(text: str, where: str = "") -> Expr:
    """An expression without units, as `show` writes it. Raises SpecError whose file is `where`."""
    try:
        return plain(Reader(text, *SHOWN).whole())
    except ExpressionError as error:
        line = text.count("\n", 0, error.at) + 1
        raise SpecError(error.says, line, error.at - text.rfind("\n", 0, error.at), where) from None


def plain(node: Node) -> Expr:
    """The meaning of a tree in which no number has a unit."""
    if node.kind == "to" or (node.text and node.kind == "number"):
        raise ExpressionError("a unit has no place here", node.at)
    if node.kind in ("number", "switch"):
        if node.number.denominator != 1:
            raise ExpressionError("not a whole number", node.at)
        return Const(int(node.number))
    if node.kind == "name":
        return Name(node.text)
    if node.kind == "prefixed":
        return Name(f"{node.prefix}:{node.text}")
    return build(node, tuple(plain(arg) for arg in node.args))


LEVEL = {op: row + 2 for op, row in ROW.items()}  # how tightly it binds; implies: 1
UNARY, WHOLE = 7, 8


def show(expr: Expr) -> str:
    """`expr` as a person writes it; parse(show(expr)) is `expr` again."""
    match expr:
        case Op("or", (Op("not", (when,)), then)):
            return f"{within(when, 2)} implies {show(then)}"
    return written(expr)[0]


def written(expr: Expr) -> tuple[str, int]:
    """The text of `expr`, and how tightly its outermost operator binds."""
    match expr:
        case Const(value):
            return str(value), WHOLE if value >= 0 else UNARY
        case Name(name):
            prefix, _, named = name.rpartition(":")
            quoted = f"'{named}'" if prefix in ("left", "waited") else named
            return (f"{prefix}({quoted})" if prefix else named), WHOLE
        case Op("and", (Op("le", (low, value)), Op("le", (same, high)))) if value == same:
            return f"{within(low, 5)} <= {within(value, 5)} <= {within(high, 5)}", LEVEL["le"]
        case Op("min", (Op("max", (value, low)), high)):
            return f"clamp({within(value, 0)}, {within(low, 0)}, {within(high, 0)})", WHOLE
        case Op("not", (arg,)):
            return f"not {within(arg, LEVEL['lt'])}", LEVEL["lt"]
        case Op("neg", (arg,)):
            return "-" + (f"({arg.value})" if isinstance(arg, Const) else within(arg, UNARY)), UNARY
        case Op(op, (left, right)) if op in SIGNS:
            level = LEVEL[op]
            after = within(right, level + 1)
            if op == "mod" and after.startswith("-"):
                after = f"({after})"  # else 5 % -a would be 5 percent less a
            return f"{within(left, level + (level == LEVEL['lt']))} {SIGNS[op]} {after}", level
        case Op(op, args):
            return f"{op}({', '.join(within(arg, 0) for arg in args)})", WHOLE


def within(expr: Expr, level: int) -> str:
    """`expr` as a part of something that binds as tightly as `level`, in parentheses where it must be."""
    text, own = written(expr)
    return text if own >= level else f"({text})"
