"""Named constants, put in place of their names in all of a node's sources: on a microcontroller each name costs some
30 bytes of memory, and a lookup whenever it is used.

A constant is a name in capitals that a module of gridnode assigns once, at its top level, to a whole number or a short
text: a literal, what is reckoned from others, or a place in a tuple or range() of such.
"""

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

PACKAGE = "gridnode/"
TEXT_MAX = 10  # characters: MicroPython keeps such a text once, however often it is written
_OPERATORS: Mapping[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}


Value = int | str
_Found = dict[str, dict[str, Value]]  # by path and name


class _NotConstantError(Exception):
    """An expression that says more than a whole number or a short text."""


def folded(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """`sources` (path on the node -> text) with their constants replaced; other files are left as they are, and what
    they import by name is left where it is defined.

    Raises ValueError where one name stands for two things in a file.
    """
    found: _Found = {}
    trees = {path: ast.parse(text) for path, text in sources.items() if path.startswith(PACKAGE)}
    others = [ast.parse(text) for path, text in sources.items() if path not in trees and path.endswith(".py")]
    kept = {each for tree in others for each in _by_name(tree, trees)}
    for path in trees:  # before any of them is changed
        _constants(path, trees, found)
    slim = {path: _Folder(path, trees, found, kept).visit(tree) for path, tree in trees.items()}
    return {path: ast.unparse(slim[path]).encode() + b"\n" if path in slim else text for path, text in sources.items()}


def _by_name(tree: ast.Module, trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """(path, name) of what is imported by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((_path(node.module, trees), alias.name) for alias in node.names)


def _constants(path: str, trees: Mapping[str, ast.Module], found: _Found) -> dict[str, Value]:
    """Those of a module; fills `found`."""
    if path in found:
        return found[path]
    own = found[path] = {}
    tree = trees[path]
    folder = _Folder(path, trees, found)
    nodes = list(ast.walk(tree))
    stored = Counter(node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
    stored.update(name for node in nodes if isinstance(node, ast.Global) for name in node.names)
    stored.update(node.arg for node in nodes if isinstance(node, ast.arg))
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            for name, value in _assigned(statement.targets[0], statement.value, folder.value):
                if name.isupper() and stored[name] == 1:
                    own[name] = value
    return own


def _assigned(target: ast.expr, value: ast.expr, evaluate: Callable[[ast.expr], Value]) -> Iterator[tuple[str, Value]]:
    """Each name with its value, if all have one."""
    try:
        if isinstance(target, ast.Name):
            yield target.id, evaluate(value)
        elif isinstance(target, ast.Tuple):
            if isinstance(value, ast.Tuple):
                values = [evaluate(each) for each in value.elts]
            elif isinstance(value, ast.Call) and ast.unparse(value.func) == "range" and len(value.args) == 1:
                values = list(range(int(evaluate(value.args[0]))))
            else:
                return
            for each, number in zip(target.elts, values, strict=True):
                if isinstance(each, ast.Name):
                    yield each.id, number
    except _NotConstantError:
        return


class _Folder(ast.NodeTransformer):
    """Replaces constants in the module `path`, its own and those it imports."""

    def __init__(
        self, path: str, trees: Mapping[str, ast.Module], found: _Found, kept: Set[tuple[str, str]] = frozenset()
    ) -> None:
        self._trees, self._found, self._kept = trees, found, kept
        self._own = path
        self._modules: dict[str, str] = {}  # name here -> path
        self._imported: dict[str, tuple[str, str]] = {}  # name here -> path, name there
        for node in ast.walk(trees[path]):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    here = alias.asname or alias.name
                    module = _path(f"{node.module}.{alias.name}", trees)
                    known = self._modules.get(here) or self._imported.get(here)
                    same = known in (None, module, (_path(node.module, trees), alias.name))
                    if not same and (here.isupper() or module in trees or here in self._modules):
                        raise ValueError(f"{path}: {here} is imported from two modules; give one of them another name")
                    if module in trees:
                        self._modules[here] = module
                    else:
                        self._imported[here] = (_path(node.module, trees), alias.name)

    def value(self, node: ast.expr) -> Value:
        """What an expression comes to. Raises _NotConstantError."""
        folded = self.visit(node)
        if isinstance(folded, ast.Constant):
            value = folded.value
            if type(value) is int or (isinstance(value, str) and len(value) <= TEXT_MAX):
                return value
        elif isinstance(folded, ast.BinOp) and type(folded.op) in _OPERATORS:
            return self._number(_OPERATORS[type(folded.op)](self.value(folded.left), self.value(folded.right)))
        elif isinstance(folded, ast.UnaryOp) and type(folded.op) in _OPERATORS:
            return self._number(_OPERATORS[type(folded.op)](self.value(folded.operand)))
        raise _NotConstantError

    def _number(self, value: Any) -> int:
        if type(value) is not int:
            raise _NotConstantError
        return value

    def _known(self, path: str) -> dict[str, Value]:
        return _constants(path, self._trees, self._found) if path in self._trees else {}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        path, name = self._imported.get(node.id, (self._own, node.id))
        number = self._known(path).get(name)
        return node if number is None else ast.Constant(number)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load) and node.value.id in self._modules:
            number = self._known(self._modules[node.value.id]).get(node.attr)
            return node if number is None else ast.Constant(number)
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        """Without it, when every name that it gives has gone."""
        names = [each.id for each in ast.walk(node.targets[0]) if isinstance(each, ast.Name)]
        gone = [name in self._found[self._own] and (self._own, name) not in self._kept for name in names]
        if len(node.targets) == 1 and names and all(gone):
            return None
        self.generic_visit(node)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | None:
        if not node.module:
            return node
        there = self._known(_path(node.module, self._trees))
        node.names = [alias for alias in node.names if alias.name not in there]
        return node if node.names else ast.Pass()


def _path(module: str, trees: Mapping[str, ast.Module]) -> str:
    """Of a module or a package."""
    folder = module.replace(".", "/")
    package = f"{folder}/__init__.py"
    return package if package in trees else f"{folder}.py"
