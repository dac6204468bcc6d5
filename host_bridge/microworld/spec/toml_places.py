"""Where in a TOML text every key and value stands, which the standard library's reader does not tell."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from host_bridge.microworld.language.spec_error import SpecError

LONGEST = 65536
Path = tuple[str | int, ...]

BARE = re.compile(r"[A-Za-z0-9_-]+")
BLANK = re.compile(r"[ \t]*")
ENDLESS_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){20}""")
GAP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
SCALAR = re.compile(r"[^,\]}#\r\n]*")
STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\r?\n[ \t\r\n]*|.)", re.DOTALL)


@dataclass(slots=True)
class Places:
    """The parsed document, and for the path of a key or value how far from the beginning it stands."""

    text: str
    document: dict[str, Any] = field(default_factory=dict)
    keys: dict[Path, int] = field(default_factory=dict)
    values: dict[Path, int] = field(default_factory=dict)

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of what stands `offset` characters from the beginning."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def key(self, path: Path) -> int:
        """Where the key stands; where it is not written, its table; at last the beginning."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path, self.values.get(path, 0))

    def value(self, path: Path, at: int = 0) -> int:
        """Where a value stands; in a string, where the character stands that is its `at`-th when read."""
        if path not in self.values:
            return self.key(path)
        start = self.values[path]
        return string_place(self.text, start, at) if self.text[start : start + 1] in ("'", '"') else start


def read(text: str, name: str) -> Places:
    """The document of `text` with its places. Raises SpecError where it is no TOML, or longer than 64 kB."""
    if len(text) > LONGEST or len(text.encode("utf-8", "replace")) > LONGEST:
        raise SpecError("a specification has at most 64 kB", 1, 1, name)
    places = Places(text)
    endless = ENDLESS_KEY.search(text)  # the standard library takes seconds for one
    if endless:
        raise SpecError("a key of so many parts has no place here", *places.line_column(endless.start()), name)
    try:
        places.document = tomllib.loads(text)
        Scanner(places).document()
    except tomllib.TOMLDecodeError as error:
        says, line, column = where(str(error), text)
        raise SpecError(says, line, column, name) from None
    except (ValueError, RecursionError, OverflowError):
        raise SpecError("nested too deep, or a number of too many digits", 1, 1, name) from None
    return places


def where(says: str, text: str) -> tuple[str, int, int]:
    """What the standard library's message says, and the line and the column at its end."""
    found = re.search(r" \(at line (\d+), column (\d+)\)$", says)
    if found:
        return says[: found.start()], int(found.group(1)), int(found.group(2))
    lines = text.split("\n")
    return says.removesuffix(" (at end of document)"), len(lines), len(lines[-1]) + 1


def string_place(text: str, start: int, wanted: int) -> int:
    """Where the `wanted`-th character of the string that begins at `start` stands in the text."""
    quote = text[start]
    at = start + 3 if text.startswith(quote * 3, start) else start + 1
    if at == start + 3 and text.startswith(("\n", "\r\n"), at):
        at = text.index("\n", at) + 1
    while at < len(text):
        escape = ESCAPE.match(text, at) if quote == '"' else None
        joins = escape is not None and escape.group()[1:].strip(" \t").startswith(("\n", "\r"))
        if wanted == 0 and not joins:
            break
        if escape:
            at = escape.end()
        else:
            at += 2 if text.startswith("\r\n", at) else 1  # a line's end is read as one character
        wanted -= not joins
    return at


class Scanner:
    """Walks through a text that is known to be TOML."""

    def __init__(self, places: Places) -> None:
        self.places, self.text, self.at = places, places.text, 0
        self.lengths: dict[Path, int] = {}  # of arrays of tables

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Goes past what `pattern` matches."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def document(self) -> None:
        """All tables, keys and values."""
        table: Path = ()
        self.skip(GAP)
        while self.at < len(self.text):
            table = self.header() if self.text[self.at] == "[" else self.pair(table)
            self.skip(GAP)

    def header(self) -> Path:
        """[table] or [[array of tables]]; the path of what follows."""
        start, several = self.at, self.text.startswith("[[", self.at)
        self.at += 1 + several
        path = self.inside(self.dotted())
        if several:
            index = self.lengths[path] = self.lengths.get(path, -1) + 1
            self.places.keys.setdefault(path, start)
            path = (*path, index)
        self.places.keys[path] = start
        self.at += 1 + several
        return path

    def inside(self, keys: Sequence[str]) -> Path:
        """The path that a header's keys mean: those of an array of tables mean its last table."""
        path: Path = ()
        for n, key in enumerate(keys, 1):
            path = (*path, key)
            if path in self.lengths and n < len(keys):
                path = (*path, self.lengths[path])
        return path

    def pair(self, table: Path) -> Path:
        """key = value."""
        start = self.at
        path = (*table, *self.dotted())
        for n in range(len(table) + 1, len(path) + 1):
            self.places.keys.setdefault(path[:n], start)
        self.at += 1
        self.skip(BLANK)
        self.value(path)
        return table

    def dotted(self) -> list[str]:
        """A key and those after its dots; stands behind it and the blanks that follow."""
        keys: list[str] = []
        while True:
            self.skip(BLANK)
            found = BARE.match(self.text, self.at) or STRING.match(self.text, self.at)
            if found is None:  # cannot be in what tomllib has read
                self.at = len(self.text)
                return keys
            self.at = found.end()
            word = found.group()
            keys.append(next(iter(tomllib.loads(f"{word} = 0"))) if word[0] in "'\"" else word)
            self.skip(BLANK)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def value(self, path: Path) -> None:
        """A value, and all that is in it."""
        self.places.values[path] = self.at
        first = self.text[self.at : self.at + 1]
        if first == "[":
            self.array(path)
        elif first == "{":
            self.inline(path)
        elif first in ("'", '"'):
            self.skip(STRING)
        else:
            self.skip(SCALAR)

    def array(self, path: Path) -> None:
        """[value, value]."""
        self.at, index = self.at + 1, 0
        self.skip(GAP)
        while self.at < len(self.text) and self.text[self.at] != "]":
            self.value((*path, index))
            index += 1
            self.separator()
        self.at += 1

    def inline(self, path: Path) -> None:
        """{ key = value, key = value }."""
        self.at += 1
        self.skip(GAP)
        while self.at < len(self.text) and self.text[self.at] != "}":
            self.pair(path)
            self.separator()
        self.at += 1

    def separator(self) -> None:
        """The comma and the gaps around it."""
        self.skip(GAP)
        if self.text.startswith(",", self.at):
            self.at += 1
            self.skip(GAP)
