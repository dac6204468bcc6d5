"""What an account is made of: words, figures that know their rows, and sentences of others, quoted with their row.

No number gets into an account but by a Figure or a Quote, so none can be invented; see `Account.loose_numbers`.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from host_bridge.store.book_rows import KEYS, Row
from host_bridge.store.books import Books

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a table in agent.db and what was read from them: SELECT `expression` FROM `table` WHERE `where`."""

    table: str
    expression: str  # of SQL, over the rows
    where: str
    values: tuple[Any, ...]
    rows: int  # how many there are


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in an account: as shown, as it is, and where it is from."""

    text: str
    value: int
    unit: str
    source: Source


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that a row holds, as they stand there."""

    text: str
    source: Source


Part = str | Figure | Quote


@dataclass(frozen=True, slots=True)
class Sentence:
    """`about`: happened, decided, cost, refused or uncertain."""

    about: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """As people read it."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Account:
    """A home's day. `begin_s`, `end_s`: grid time."""

    home: str
    begin_s: int
    end_s: int
    length: str
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def figures(self) -> list[Figure]:
        """Every number, in the order in which they are told."""
        return [part for sentence in self.sentences for part in sentence.parts if isinstance(part, Figure)]

    def loose_numbers(self) -> list[str]:
        """Numbers in the text, but for the home's name, that no row stands behind: none, ever."""
        words = [part for sentence in self.sentences for part in sentence.parts if isinstance(part, str)]
        words = [word.replace(self.home, "") for word in words]
        return [number for word in words for number in _NUMBER.findall(word)]

    def document(self) -> dict[str, Any]:
        """For JSON: the text, and each sentence in parts with their rows."""
        told = [
            {"about": sentence.about, "text": sentence.text, "parts": [_part(part) for part in sentence.parts]}
            for sentence in self.sentences
        ]
        span = {"home": self.home, "begin_s": self.begin_s, "end_s": self.end_s, "length": self.length}
        return {**span, "text": self.text, "sentences": told}


def _part(part: Part) -> dict[str, Any]:
    return {"text": part} if isinstance(part, str) else asdict(part)


def rows_of(books: Books, source: Source) -> Sequence[Row]:
    """The rows behind a figure or a quote. Raises StoreError."""
    kind = next(kind for kind, (table, _) in KEYS.items() if table == source.table)
    return books.rows(kind, source.where, source.values)
