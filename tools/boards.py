"""Boards as literals: read, checked, listed. python -m tools.boards [NAME] [--json]

A board is a folder of boards/: board.py holds what the node reads, manifest.py what the tools read. Both are literals
only; they are never executed here.
"""

import argparse
import ast
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.board_check import problems
from tools.board_shape import shape

BOARDS = Path(__file__).resolve().parent.parent / "boards"


class BoardError(RuntimeError):
    """A board cannot be used; the text names the file and the key."""


@dataclass(frozen=True)
class Board:
    """`board`: the names of board.py and their values, `manifest`: those of manifest.py."""

    name: str
    folder: Path
    board: dict[str, Any]
    manifest: dict[str, Any]


def names(folder: Path = BOARDS) -> list[str]:
    """Every board that there is."""
    return sorted(path.parent.name for path in folder.glob("*/board.py"))


def load(name: str, folder: Path = BOARDS) -> Board:
    """The board of that name. Raises BoardError when there is none or its files are not literals with every key."""
    if name not in names(folder):
        raise BoardError(f"there is no board {name!r}; there are {', '.join(names(folder))}")
    board = Board(name, folder / name, _literals(folder / name / "board.py"), _literals(folder / name / "manifest.py"))
    wrong = shape(board)
    if wrong:
        raise BoardError(wrong[0])
    return board


def check(board: Board) -> list[str]:
    """What is wrong with the board as it is wired, one sentence each, with file and key; empty: nothing."""
    return problems(board)


def _literals(path: Path) -> dict[str, Any]:
    """Name -> value of each assignment in the file, which may hold nothing else."""
    try:
        statements = ast.parse(path.read_text(encoding="utf-8"), str(path)).body
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}; a board has a board.py and a manifest.py") from None
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise BoardError(f"{path}{line}: {getattr(error, 'msg', error)}") from None
    found: dict[str, Any] = {}
    for number, statement in enumerate(statements):
        if isinstance(statement, ast.Assign) and [type(target) for target in statement.targets] == [ast.Name]:
            name = ast.unparse(statement.targets[0])
            if name in found:
                raise BoardError(f"{path}, line {statement.lineno}: {name} is set twice")
            found[name] = _value(path, name, statement.value)
        elif not (number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            raise BoardError(f"{path}, line {statement.lineno}: only NAME = literal may stand here")
    return found


def _value(path: Path, name: str, value: ast.expr) -> Any:
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            _refuse_twice(path, name, node)
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise BoardError(f"{path}, line {value.lineno}: {name} is not a literal; write its value out") from None


def _refuse_twice(path: Path, name: str, value: ast.Dict) -> None:
    keys = [key.value for key in value.keys if isinstance(key, ast.Constant)]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise BoardError(f"{path}, line {value.lineno}: {name}: {twice!r} is given twice")


def price_eur(board: Board, group: str | None = None) -> float:
    """What the parts cost together, all of them or those of one group."""
    return sum(
        float(part["count"] * part["price_eur"])
        for part in board.manifest["PARTS"]
        if group is None or part["group"] == group
    )


def _flash(board: Board) -> dict[str, Any] | None:
    """The write budget; None: the board has no flash of ours, or without mpy-cross the program's size is not known."""
    from tools import flash_life, node_files  # which need this module

    try:
        budget = flash_life.budget(board)
    except node_files.NodeFilesError:
        return None
    return {**asdict(budget), "words": str(budget)} if budget else None


def _described(name: str, *, whole: bool) -> dict[str, Any]:
    try:
        board = load(name)
    except BoardError as error:
        return {"board": name, "problems": [str(error)]}
    return {
        "board": name,
        "name": board.board["NAME"],
        "mcu": board.board["MCU"],
        "image": board.manifest["IMAGE"],
        "parts": board.manifest["PARTS"],
        "price_eur": round(price_eur(board), 2),
        "limits": board.manifest["LIMITS"],
        "flash": _flash(board) if whole else None,
        "problems": check(board),
    }


def _print(row: dict[str, Any], *, whole: bool) -> None:
    if "name" in row:
        print(f"{row['board']:<16} {row['price_eur']:>7.2f} EUR  {row['name']} ({row['mcu']})")
    if whole and "name" in row:
        for part in row["parts"]:
            print(f"  {part['count']:>3} x {part['price_eur']:>6.2f}  {part['part']}: {part['why']}")
        for limit in row["limits"]:
            print(f"  limit: {limit}")
        if row["flash"]:
            print(f"  flash: {row['flash']['words']}")
    for problem in row["problems"]:
        print(f"  WRONG: {problem}")


def main(arguments: Sequence[str]) -> int:
    """List boards, or one with its parts and limits; 1 when one of them has a problem."""
    parser = argparse.ArgumentParser(prog="python -m tools.boards", description="The boards, their parts and problems.")
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of {', '.join(names())}")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(arguments)
    if options.name is not None and options.name not in names():
        print(f"boards: there is no board {options.name!r}; there are {', '.join(names())}", file=sys.stderr)
        return 1
    whole = options.name is not None
    rows = [_described(name, whole=whole) for name in ([options.name] if whole else names())]
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            _print(row, whole=whole)
    return 1 if any(row["problems"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
