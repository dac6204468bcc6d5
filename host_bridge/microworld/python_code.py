"""Expressions as Python functions, built node by node as a syntax tree: no text of a specification is ever executed."""

import ast
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

from host_bridge.microworld.language.fold import towards_zero
from host_bridge.microworld.program import Const, Expr, Name

BINARY: dict[str, ast.operator] = {"add": ast.Add(), "sub": ast.Sub(), "mul": ast.Mult()}
BINARY |= {"and": ast.BitAnd(), "or": ast.BitOr()}
COMPARE: dict[str, ast.cmpop] = {"lt": ast.Lt(), "le": ast.LtE(), "gt": ast.Gt(), "ge": ast.GtE()}
COMPARE |= {"eq": ast.Eq(), "ne": ast.NotEq()}
FUNCTIONS: dict[str, Callable[..., int]] = {"min": min, "max": max, "abs": abs}
NOTHING_ELSE: dict[str, Any] = {"__builtins__": {}}


def divided(a: int, b: int) -> int:
    """a / b towards zero; 0 where b is, which only a run out of its ranges asks for: it must not stop a monitor."""
    return towards_zero(a, b) if b else 0


FUNCTIONS["div"] = divided
FUNCTIONS["mod"] = lambda a, b: a - b * divided(a, b)
FUNCTIONS["muldiv"] = lambda a, b, c: divided(a * b, c)


class Code:
    """Collects the statements of one function of several sequences of integers, which returns some of its names."""

    def __init__(self) -> None:
        self.body: list[ast.stmt] = []
        self.local: dict[str, str] = {}  # a specification's name -> the function's own

    def own(self, name: str) -> str:
        """The function's own name for `name`."""
        return self.local.setdefault(name, f"v{len(self.local)}")

    def unpack(self, argument: str, names: Sequence[str]) -> None:
        """Gives the names of an argument's values, in their order."""
        if names:
            target = ast.Tuple([ast.Name(self.own(name), ast.Store()) for name in names], ast.Store())
            self.body.append(ast.Assign([target], ast.Name(argument, ast.Load())))

    def let(self, name: str, value: Expr | ast.expr) -> None:
        """Adds `name = value`."""
        code = value if isinstance(value, ast.expr) else self.expr(value)
        self.body.append(ast.Assign([ast.Name(self.own(name), ast.Store())], code))

    def load(self, name: str) -> ast.expr:
        """The value of a name that was unpacked or let."""
        return ast.Name(self.local[name], ast.Load())

    def expr(self, expr: Expr) -> ast.expr:
        """`expr` as Python's tree. Bools are 0 and 1, or Python's own, which count the same."""
        if isinstance(expr, Const):
            return ast.Constant(expr.value)
        if isinstance(expr, Name):
            return self.load(expr.name)
        args = [self.expr(arg) for arg in expr.args]
        if expr.op in BINARY:
            return ast.BinOp(args[0], BINARY[expr.op], args[1])
        if expr.op in COMPARE:
            return ast.Compare(args[0], [COMPARE[expr.op]], [args[1]])
        if expr.op == "if":
            return ast.IfExp(args[0], args[1], args[2])
        if expr.op == "not":
            return ast.BinOp(ast.Constant(1), ast.Sub(), args[0])
        if expr.op == "neg":
            return ast.UnaryOp(ast.USub(), args[0])
        return ast.Call(ast.Name(f"f_{expr.op}", ast.Load()), args, [])

    def function(self, arguments: Sequence[str], returns: Sequence[Sequence[ast.expr]]) -> Callable[..., Any]:
        """The function; it returns a tuple for each of `returns`."""
        result = ast.Tuple([ast.Tuple(list(part), ast.Load()) for part in returns], ast.Load())
        signature = ast.arguments([], [ast.arg(name) for name in arguments], None, [], [], None, [])
        made = ast.FunctionDef("tick", signature, [*self.body, ast.Return(result)], [])
        tree = ast.fix_missing_locations(ast.Module([made], []))
        module = compile(tree, "<microworld>", "exec")
        code = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
        return FunctionType(code, {f"f_{name}": function for name, function in FUNCTIONS.items()} | NOTHING_ELSE)
