"""Short names in place of long ones, in all of a node's sources: on a microcontroller each name that is not in its
firmware costs some 20 bytes of memory, and time whenever a module that has it is loaded.

Changed are names that nobody outside can mean: those that begin with an underscore, those of a module's own things that
no other module names, and those of parameters that no call names. Each module has the same few new ones, which are
words of every MicroPython's own: those take no memory at all. So a traceback of a board has strange names;
`python -m tools.real_names BOARD` says what they stand for.
"""

import ast
import builtins
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

PACKAGE = "gridnode/"
_LETTERS = string.ascii_lowercase
# None of them is used in any of our sources; if one comes to be, it is left out there.
_WORDS = (
    "acos acosh asin asinh atan atan2 atanh ceil center closure cmath copysign coro crc8 deflate degrees disable "
    "ellipse endswith erf erfc expm1 fabs fmod frexp fromkeys gmtime heapify heappop heappush heapq hline imag "
    "indices isalpha isinf islower isnan isspace isupper ldexp lgamma log10 log2 lstrip mem16 mem8 mktime modf "
    "newline parity peek period polar poly popitem randint real rel_tol rfind rindex rmdir rsplit scroll search "
    "single sizeof sub sysname tau toggle trunc umount uname uniform union vline"
)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# Of what is no module of ours, or is called by the firmware itself.
_TYPES = (list, dict, set, str, bytes, bytearray, memoryview, int, float, tuple)
_OTHERS = {name for kind in _TYPES for name in dir(kind)}
_OTHERS |= {*dir(builtins), "ioctl", "readinto", "readline", "read", "write", "close", "flush", "seek"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def shortened(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """`sources` (path on the node -> text) with short names; files outside the package are left as they are."""
    trees = {path: ast.parse(text) for path, text in sources.items() if path.endswith(".py")}
    short = _short(trees)
    named = {each.arg for tree in trees.values() for each in ast.walk(tree) if isinstance(each, ast.keyword)}
    done = dict(sources)
    for path in short:
        _Parameters(named).visit(trees[path])
        _Own(short[path]).visit(trees[path])
        done[path] = ast.unparse(trees[path]).encode() + b"\n"
    return done


def long_names(sources: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Path of each module -> short name -> the one that it stands for; but those of parameters."""
    short = _short({path: ast.parse(text) for path, text in sources.items() if path.endswith(".py")})
    return {path: {new: name for name, new in names.items()} for path, names in short.items()}


def _short(trees: Mapping[str, ast.Module]) -> dict[str, dict[str, str]]:
    """Path of each module of the package -> long name -> short name."""
    nodes = {path: list(ast.walk(tree)) for path, tree in trees.items()}
    own = {path: _defined(tree, nodes[path]) for path, tree in trees.items()}
    counts = {path: Counter(_names(found)) for path, found in nodes.items()}
    shared = {name for path, tree in trees.items() for name in _shared(tree, nodes[path], own[path])}
    spread = Counter(name for counted in counts.values() for name in counted)
    kept = shared | _OTHERS | {name for name, modules in spread.items() if modules > 1 and not _is_private(name)}
    new = [word for word in _WORDS.split() if word not in kept and word not in spread]
    ours = [path for path in trees if path.startswith(PACKAGE)]
    return {path: _short_names(own[path] - kept, counts[path], new) for path in ours}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _defined(tree: ast.Module, nodes: Sequence[ast.AST]) -> set[str]:
    """What a module, whose `nodes` these are, makes: functions, classes, attributes, variables."""
    own = {each.name for each in nodes if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    own |= {each.attr for each in nodes if isinstance(each, ast.Attribute) and not _is_read(each)}
    own |= {name for each in nodes if isinstance(each, ast.ClassDef) for name in _assigned(each)}
    own |= {name for each in nodes if isinstance(each, ast.Global) for name in each.names}
    return own | set(_assigned(tree))


def _assigned(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    for statement in scope.body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield from _stored(statement)


def _shared(tree: ast.Module, nodes: Sequence[ast.AST], own: Set[str]) -> Iterator[str]:
    """Names that a module has of another one, or writes as a text. `own`: what it makes itself."""
    local = {each.name for each in tree.body if isinstance(each, ast.ClassDef)}
    for each in nodes:
        if isinstance(each, ast.Attribute) and each.attr not in own:
            yield each.attr
        elif isinstance(each, ast.ImportFrom | ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
        elif isinstance(each, ast.ClassDef) and any(ast.unparse(base) not in local for base in each.bases):
            yield from own  # what it inherits may have names like its own
        elif isinstance(each, ast.keyword) and each.arg:
            yield each.arg


def _is_read(node: ast.Attribute | ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name in a piece of program, as often as it is there."""
    for each in nodes:
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.arg):
            yield each.arg
        elif isinstance(each, ast.FunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.Global | ast.Nonlocal):
            yield from each.names
        elif isinstance(each, ast.alias):
            yield each.asname or each.name
        elif isinstance(each, ast.ExceptHandler) and each.name:
            yield each.name


def _fresh(prefix: str, taken: Set[str]) -> Iterator[str]:
    """prefix + a, b, .. z, aa, ab, ..., but those that are taken."""
    for first in ["", *_LETTERS]:
        for last in _LETTERS:
            if prefix + first + last not in taken:
                yield prefix + first + last


def _short_names(own: Set[str], counts: Mapping[str, int], new: Sequence[str]) -> dict[str, str]:
    """Those that a module's `own` names get: of `new`, and when these are used up others."""
    wanted = sorted((name for name in own if not name.startswith("__") and name != "_"), key=lambda n: (-counts[n], n))
    return dict(zip(wanted, (*new, *_fresh("_", set(counts))), strict=False))


class _Own(ast.NodeTransformer):
    """Gives the module's own names their short ones."""

    def __init__(self, short: Mapping[str, str]) -> None:
        self._short = short

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "attr", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str) and not isinstance(node, ast.alias | ast.keyword):
                setattr(node, field, self._short.get(name, name))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._short.get(name, name) for name in node.names]
        return self.generic_visit(node)


class _Parameters(ast.NodeTransformer):
    """Gives parameters short names, within their functions, from the outermost inwards."""

    def __init__(self, named: Set[str | None]) -> None:
        self._named = named

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        nodes = list(ast.walk(node))
        fresh = _fresh("", set(_names(nodes)))
        again = Counter(each.arg for each in nodes if isinstance(each, ast.arg))
        bound = {name for inner in nodes if isinstance(inner, _COMPREHENSIONS) for name in _stored(inner)}
        bound |= {name for inner in nodes if isinstance(inner, ast.Nonlocal) for name in inner.names}
        bound |= {name for default in node.args.defaults for name in _names(ast.walk(default))}
        short = {}
        for each in node.args.posonlyargs + node.args.args:
            name = each.arg
            if name not in ("self", *self._named) and again[name] == 1 and name not in bound and len(name) > 1:
                short[name] = next(fresh)
        for inner in nodes:
            if isinstance(inner, ast.Name):
                inner.id = short.get(inner.id, inner.id)
            elif isinstance(inner, ast.arg):
                inner.arg = short.get(inner.arg, inner.arg)
        return self.generic_visit(node)


def _stored(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id
