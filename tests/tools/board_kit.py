"""Boards with one thing changed, in a folder of their own."""

import shutil
from pathlib import Path

from tools import boards
from tools.boards import Board, BoardError


def changed(folder: Path, name: str, file: str, old: str, new: str) -> Path:
    """A copy of boards/ that holds `name` with `old`, which is there at least once, made into `new` at its first."""
    copy = folder / "boards"
    shutil.copytree(boards.BOARDS / name, copy / name)
    path = copy / name / file
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, 1))
    return copy


def loaded(folder: Path, name: str, file: str, old: str, new: str) -> Board:
    return boards.load(name, changed(folder, name, file, old, new))


def said(folder: Path, name: str, file: str, old: str, new: str) -> str:
    """What is said about the changed board: the refusal, or its problems."""
    try:
        return "\n".join(boards.check(loaded(folder, name, file, old, new)))
    except BoardError as error:
        return str(error)
