"""What people want of each home: proposed, confirmed, kept in the books, and given to the planner.

A sentence sets nothing: it is read into a proposal, which a person confirms. What cannot be read says so.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.view import PreferenceView
from host_bridge.agent.preference import Constraints, Preference, Preferences, constraints, read, understand
from host_bridge.store.book_rows import PreferenceRow

LONGEST = 300  # letters of a sentence


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a sentence was read as. `document` None: it was not understood, and `words` says why and what to write."""

    home: str
    sentence: str
    document: dict[str, Any] | None
    words: str
    confidence: float
    alternatives: list[dict[str, Any]]  # {"document", "words"} each: what else it may have meant


class Wishes:
    """`devices`: {home: names that preferences may speak of}; `changed` is called when one is set;
    `now_s` is the grid's clock."""

    def __init__(
        self, keeper: Bookkeeper, devices: Mapping[str, Sequence[str]], zone: tzinfo, changed: Callable[[], None],
        now_s: Callable[[], int],
    ) -> None:  # fmt: skip
        self._keeper, self._devices, self._zone = keeper, devices, zone
        self._changed, self._now_s = changed, now_s
        self._rows: dict[str, list[PreferenceRow]] = defaultdict(list)

    async def open(self) -> None:
        """What holds, from the books; what this version cannot read is passed over. Raises StoreError."""
        self._rows.clear()
        for row in await self._keeper.rows(PreferenceRow, "ended_s = 0"):
            if row.home in self._devices and _read(row) is not None:
                self._rows[row.home].append(row)

    async def propose(self, home: str, sentence: str) -> Proposal:
        """Read a sentence; nothing is set. Raises KeyError: no such home."""
        devices = list(self._devices[home])
        text = " ".join(sentence.split())[:LONGEST]
        found = await asyncio.to_thread(understand, text, devices)
        also = [{"document": each.document(), "words": each.words()} for each in found.alternatives]
        document = found.preference.document() if found.preference else None
        return Proposal(home, text, document, found.words, found.confidence, also)

    async def confirm(
        self, home: str, document: Mapping[str, Any], asked_by: str, sentence: str = ""
    ) -> PreferenceView:
        """Set it, in place of one of the same key. Raises KeyError, PreferenceError (words say what to write),
        StoreError: nothing was set then."""
        wanted, now_s = read(dict(document), list(self._devices[home])), self._now_s()
        Preferences(tuple(self._of(home))).set(wanted)  # not too many
        old = [row for row in self._rows[home] if _key(row) == wanted.key()]
        new = PreferenceRow(self._keeper.number(PreferenceRow), home, json.dumps(wanted.document()), asked_by,
                            sentence[:LONGEST], now_s, 0)  # fmt: skip
        await self._keeper.add([*(row._replace(ended_s=now_s) for row in old), new])
        self._rows[home] = [row for row in self._rows[home] if row not in old] + [new]
        self._changed()
        return _view(new)

    async def forget(self, home: str, number: int, asked_by: str) -> None:
        """It holds no more. Raises KeyError: there is none of that number; StoreError."""
        now_s = self._now_s()
        row = next((row for row in self._rows[home] if row.number == number), None)
        if row is None:
            raise KeyError(number)
        await self._keeper.add([row._replace(ended_s=now_s, asked_by=asked_by)])
        self._rows[home].remove(row)
        self._changed()

    def views(self, home: str) -> list[PreferenceView]:
        """In the order in which they were set."""
        return [_view(row) for row in self._rows[home]]

    def constraints(self, home: str, now_s: int, horizon_s: int) -> Constraints:
        """What the plan has to keep from `now_s` on."""
        return constraints(self._of(home), now_s, self._zone, horizon_s)

    def devices(self, home: str) -> list[str]:
        """That can be spoken of. Raises KeyError."""
        return list(self._devices[home])

    def _of(self, home: str) -> list[Preference]:
        return [found for row in self._rows[home] if (found := _read(row)) is not None]


def _read(row: PreferenceRow) -> Preference | None:
    try:
        return read(json.loads(row.document))
    except ValueError:
        return None


def _key(row: PreferenceRow) -> object:
    found = _read(row)
    return found.key() if found else None


def _view(row: PreferenceRow) -> PreferenceView:
    document = json.loads(row.document)
    found = _read(row)
    return PreferenceView(row.number, row.home, found.words() if found else "", document, row.since_s, row.sentence)
