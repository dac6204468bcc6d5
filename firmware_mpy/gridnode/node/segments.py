"""The journal's full blocks, in files of 42: the newest file grows, the oldest goes when there are too many.

A file's name is the first sequence in it. Its size is chosen to fill four blocks of a littlefs.
"""

import os

from gridnode.node.block import SIZE
from gridnode.node.pair import store

BLOCKS = 42
FILE_BLOCKS = 4  # of a littlefs, for a full file
NO_SPACE = 28  # ENOSPC


class Segments:
    """At most `most` files of `blocks` blocks in `folder`, which is made if it is not there."""

    def __init__(self, folder: str, most: int = 31, blocks: int = BLOCKS):
        self._folder = folder
        self._most = most
        self._blocks = blocks
        make_folder(folder)
        self._firsts = sorted([int(name) for name in os.listdir(folder) if name.isdigit()])
        self.written = 0  # blocks, since this was made

    @property
    def firsts(self) -> list:
        """First sequence of each file."""
        return self._firsts

    @property
    def held(self) -> int:
        """Blocks in all files."""
        return (
            max((len(self._firsts) - 1) * self._blocks + self.blocks(len(self._firsts) - 1), 1) if self._firsts else 0
        )

    @property
    def capacity(self) -> int:
        """Blocks that are held for sure when all files are full: the oldest one goes before another begins."""
        return (self._most - 1) * self._blocks

    @property
    def to_come(self) -> int:
        """Blocks of a littlefs that files yet to be begun will take."""
        return (self._most - len(self._firsts)) * FILE_BLOCKS

    def forget(self):
        """Remove every file."""
        while self._firsts:
            self._remove_oldest()

    def append(self, first: int, content):
        """Keep a block (SIZE bytes) whose first sequence is `first`. Raises OSError; then nothing has changed."""
        index, place = self._last()
        new = index < 0 or place >= self._blocks
        if new and len(self._firsts) >= self._most:
            self._remove_oldest()
        try:
            self._write(first, place, content, new)
        except OSError as error:
            if error.args[0] != NO_SPACE or len(self._firsts) < 2:
                raise
            self._remove_oldest()
            self._write(first, place, content, new)
        self.written += 1

    def _write(self, first: int, place: int, content, new: bool):
        if new:
            store(self._path(first), content)
            self._firsts.append(first)
        else:
            store(self._path(self._firsts[-1]), content, "r+b", place * SIZE)

    def _last(self):
        index = len(self._firsts) - 1
        return index, self.blocks(index) if index >= 0 else 0

    def blocks(self, index: int) -> int:
        """How many whole blocks the file of that index has: what a power cut left of one more does not count."""
        return os.stat(self._path(self._firsts[index]))[6] // SIZE

    def index(self, sequence: int) -> int:
        """Of the file that has `sequence` if any has it; -1: it is before all of them."""
        index = len(self._firsts) - 1
        while index >= 0 and self._firsts[index] > sequence:
            index -= 1
        return index

    def load(self, index: int, place: int, content) -> bool:
        """Read a block into `content`[:SIZE]; False if there is none there, or it cannot be read."""
        try:
            with open(self._path(self._firsts[index]), "rb") as file:
                file.seek(place * SIZE)
                return file.readinto(memoryview(content)[:SIZE]) == SIZE
        except OSError:
            return False

    def _remove_oldest(self):
        os.remove(self._path(self._firsts[0]))
        self._firsts.pop(0)

    def _path(self, first: int) -> str:
        return "%s/%010d" % (self._folder, first)


def make_folder(path: str):
    """Make it, unless it is there. Raises OSError if it cannot be."""
    try:
        os.stat(path)
    except OSError:
        os.mkdir(path)
