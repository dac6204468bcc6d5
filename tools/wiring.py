"""Draws each board's wiring.svg from its board.py and manifest.py, and puts its parts and limits into its README.

    python -m tools.wiring [NAME ...] [--check]

The same literals give the same bytes. --check writes nothing and ends with 1 when a file is out of date.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import boards
from tools.board_shape import GROUPS
from tools.board_uses import uses
from tools.boards import Board, BoardError, price_eur
from tools.wiring_picture import draw

PICTURE, README = "wiring.svg", "README.md"
BEGIN, END = "<!-- made by tools/wiring.py from board.py and manifest.py: -->\n", "<!-- end -->\n"
_GROUP_WORDS = {
    "node": "the node itself",
    "meter": "metering",
    "switching": "switching",
    "installation": "installation, the same whatever commands it",
}


def tables(board: Board) -> str:
    """Pins, parts and limits, as Markdown."""
    lines = _pins(board) + _parts(board) + ["", "Limits:", ""]
    return "\n".join(lines + [f"- {limit}" for limit in board.manifest["LIMITS"]]) + "\n"


def _pins(board: Board) -> list[str]:
    used = uses(board)
    if not used:
        return []
    rows = [f"| {use.pin} | {use.key} | {use.words} |" for use in used]
    return ["| GPIO | in board.py | what for |", "|---|---|---|", *rows, ""]


def _parts(board: Board) -> list[str]:
    parts: list[dict[str, Any]] = board.manifest["PARTS"]
    if not parts:
        return []
    lines = ["| part | count | each, EUR | what for |", "|---|---:|---:|---|"]
    for group in GROUPS:
        mine = [part for part in parts if part["group"] == group]
        lines += [f"| {part['part']} | {part['count']} | {part['price_eur']:.2f} | {part['why']} |" for part in mine]
        if mine:
            lines.append(f"| **{_GROUP_WORDS[group]}** | | **{price_eur(board, group):.2f}** | |")
    lines.append(f"| **together** | | **{price_eur(board):.2f}** | |")
    return [*lines, "", "Prices are an orientation for 2026-11, retail with tax; no shop was asked."]


def readme(board: Board, text: str) -> str:
    """README.md with the tables put between its two marks. Raises BoardError when a mark is missing."""
    before, mark, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    if not mark or not end:
        lost = (BEGIN if not mark else END).strip()
        raise BoardError(f"{board.folder / README} has lost a mark; put this line back: {lost}")
    return before + BEGIN + tables(board) + END + behind


def stale(board: Board) -> Mapping[Path, str]:
    """File -> what it should hold, of those that hold something else. Raises BoardError."""
    readme_path = board.folder / README
    try:
        wanted = {readme_path: readme(board, readme_path.read_text(encoding="utf-8"))}
    except OSError as error:
        raise BoardError(f"{readme_path}: {error.strerror}; every board explains itself there") from None
    if board.manifest["HEADER"] is not None:
        wanted[board.folder / PICTURE] = draw(board)
    return {path: text for path, text in wanted.items() if not _holds(path, text)}


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def main(arguments: Sequence[str]) -> int:
    """Draw, or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.wiring", description="Draw the boards' wiring pictures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(boards.names())}; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when a file is out of date")
    options = parser.parse_args(arguments)
    found: dict[Path, str] = {}
    try:
        for name in options.names or boards.names():
            board = boards.load(name)
            wrong = boards.check(board)
            if wrong:
                raise BoardError(wrong[0])
            found.update(stale(board))
    except BoardError as error:
        print(f"wiring: {error}", file=sys.stderr)
        return 1
    for path, text in found.items():
        if not options.check:
            path.write_text(text, encoding="utf-8")
        print(f"{path}: {'out of date; run python -m tools.wiring' if options.check else 'written'}")
    return 1 if found and options.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
