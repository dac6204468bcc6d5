"""How far the record of each node's journal reaches: what is stored, what is known lost, what is still awaited."""

import sqlite3
from collections.abc import Iterable

from host_bridge.store import tables

LAST = (1 << 63) - 1  # SQLite's largest integer: the sequence that would need a successor beyond it is not tracked
JOURNALS_KEPT = 10_000  # in memory; those of a node that reboots for ever are read again when needed

LONGEST_SKIP = 1000  # a node leaves some tens of sequences free

JournalKey = tuple[str, int]  # node, journal epoch


class Journal:
    """Everything below `next_sequence` is stored or known lost; `ahead` is stored above it."""

    __slots__ = ("next_sequence", "ahead", "rolled_sequence", "kept")

    def __init__(self, rolled_sequence: int = 0, kept: bool = False) -> None:
        self.next_sequence = rolled_sequence
        self.rolled_sequence = rolled_sequence  # everything below it is in the rollups
        self.ahead: set[int] = set()
        self.kept = kept  # has its row in the database

    def take(self, sequences: Iterable[int]) -> None:
        """These are stored now."""
        following = self.next_sequence
        for sequence in sequences:
            if sequence == following:
                self.ahead.discard(sequence)
                following += sequence < LAST
            elif following < sequence < LAST:
                self.ahead.add(sequence)
        self.next_sequence = following
        self._join()

    def gaps_below(self, oldest: int, arriving: Iterable[int] = ()) -> list[tuple[int, int]]:
        """The ranges [first, beyond) below `oldest` that are neither stored nor in `arriving`."""
        known = sorted(s for s in self.ahead.union(arriving) if self.next_sequence <= s < oldest)
        gaps, first = [], self.next_sequence
        for sequence in [*known, min(oldest, LAST)]:
            if sequence > first:
                gaps.append((first, sequence))
            first = sequence + 1
        return gaps

    def skip(self, first: int, beyond: int) -> None:
        """[first, beyond) will never come."""
        if first <= self.next_sequence < beyond:
            self.next_sequence = beyond
            self.ahead = {sequence for sequence in self.ahead if sequence >= beyond}
            self._join()

    def _join(self) -> None:
        while self.next_sequence in self.ahead:
            self.ahead.remove(self.next_sequence)
            self.next_sequence += 1


class Journals:
    """The journals of one database file, read from it when first asked for, and what outlives the loss of that file."""

    def __init__(self) -> None:
        self.node_ids: dict[str, int] = {}
        self.unrolled: dict[JournalKey, Journal] = {}  # those that the rollups have not caught up with
        self._journals: dict[JournalKey, Journal] = {}
        self._carried: dict[JournalKey, int] = {}  # next sequences to go on from if the file is lost

    def __getitem__(self, key: JournalKey) -> Journal:
        return self._journals[key]

    def of(self, db: sqlite3.Connection, key: JournalKey) -> Journal:
        """The journal, empty if nothing of it is stored."""
        if key not in self._journals:
            self._journals[key] = self._read(db, key)
        return self._journals[key]

    def keep(self, db: sqlite3.Connection, key: JournalKey) -> None:
        """Make sure, inside the caller's transaction, that node and journal have their rows."""
        node, epoch = key
        if node not in self.node_ids:
            db.execute("INSERT INTO nodes (name) VALUES (?) ON CONFLICT DO NOTHING", (node,))
            (self.node_ids[node],) = db.execute("SELECT id FROM nodes WHERE name = ?", (node,)).fetchone()
        journal = self.of(db, key)
        if not journal.kept:
            db.execute("INSERT INTO journals VALUES (?, ?, 0)", (self.node_ids[node], epoch))
            journal.kept = True

    def note_unrolled(self, keys: Iterable[JournalKey]) -> None:
        """These have changed: the rollups may have to catch up with them."""
        for key in keys:
            journal = self._journals[key]
            if journal.next_sequence > journal.rolled_sequence:
                self.unrolled[key] = journal

    def remembered(self, key: JournalKey) -> int:
        """The next sequence as it was when the file was last at hand."""
        return self._carried.get(key, 0)

    def drop(self) -> None:
        """Forget all that the file holds, but for how far each journal had come."""
        self._carried |= {key: journal.next_sequence for key, journal in self._journals.items()}
        self.node_ids, self._journals, self.unrolled = {}, {}, {}

    def thin(self) -> bool:
        """Forget idle journals if there are very many; True when it was so."""
        if len(self._journals) <= JOURNALS_KEPT:
            return False
        self._journals = {k: j for k, j in self._journals.items() if k in self.unrolled or j.ahead}
        return True

    def load(self, db: sqlite3.Connection, lost: bool) -> None:
        """Read what a database just opened knows; go on from memory where the file that held it is lost."""
        self.drop()
        if lost:
            self._carry_over(db)
        self.node_ids = dict(db.execute("SELECT name, id FROM nodes").fetchall())
        unrolled = """SELECT n.name, j.epoch FROM journals j JOIN nodes n ON n.id = j.node_id WHERE EXISTS (
            SELECT 1 FROM readings r WHERE (r.node_id, r.epoch) = (j.node_id, j.epoch)
            AND r.sequence >= j.rolled_sequence)"""
        for key in db.execute(unrolled).fetchall():
            self.unrolled[key] = self.of(db, key)
        self._carried.clear()

    def _read(self, db: sqlite3.Connection, key: JournalKey) -> Journal:
        ids = (self.node_ids.get(key[0]), key[1])
        row = db.execute("SELECT rolled_sequence FROM journals WHERE (node_id, epoch) = (?, ?)", ids).fetchone()
        if row is None:
            return Journal()
        journal = Journal(row[0], kept=True)
        for table in tables.RECORDS.values():
            which = f"FROM {table} WHERE (node_id, epoch) = (?, ?) AND sequence >= ? ORDER BY sequence"
            journal.take(sequence for (sequence,) in tables.fetch(db, ["sequence"], which, (*ids, row[0])))
        gaps = "SELECT first, beyond FROM gaps WHERE (node_id, epoch) = (?, ?) AND beyond > ? ORDER BY first"
        for first, beyond in db.execute(gaps, (*ids, row[0])).fetchall():
            if first > journal.next_sequence:  # skipped by the node; what it has lost always reaches down to the rest
                journal.take(range(first, min(beyond, first + LONGEST_SKIP)))
            journal.skip(first, beyond)
        return journal

    def _carry_over(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        for (node, epoch), sequence in self._carried.items():
            db.execute("INSERT INTO nodes (name) VALUES (?) ON CONFLICT DO NOTHING", (node,))
            db.execute(
                "INSERT INTO journals SELECT id, ?, ? FROM nodes WHERE name = ? ON CONFLICT DO UPDATE "
                "SET rolled_sequence = max(rolled_sequence, excluded.rolled_sequence)",
                (epoch, sequence, node),
            )
        db.execute("COMMIT")
