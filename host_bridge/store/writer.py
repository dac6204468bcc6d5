"""Everything that writes to the database, in one thread: commits, rollups, retention, and what to do with damage.

No asyncio here; the Store calls each method in its writer thread. Methods raise what `tables.is_fault` knows when the
database cannot be written; then nothing was changed, the connection is dropped and the next call opens a new one.
"""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import tzinfo
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from host_bridge.model import Event, NodeEvent, Record, Skipped, StoreError, Switching, Verdict
from host_bridge.store import retention, tables
from host_bridge.store.journal import LAST, JournalKey, Journals
from host_bridge.store.walk import Walk

Gaps = dict[JournalKey, list[tuple[int, int]]]  # ranges [first, beyond) of sequences that will never come


class Batch(NamedTuple):
    """What one commit takes."""

    records: list[Record]
    events: list[Event]
    commands: dict[int, tuple[Any, ...]]  # by number: the fields of Command
    floors: dict[JournalKey, int]  # below it a node holds nothing any more


class Committed(NamedTuple):
    """What one commit did."""

    identities: list[tuple[str, int, int]]  # (node, epoch, sequence) of all records of the batch, durable now
    new: int  # the others were there before
    told: list[Event]  # what people are to read of the new ones; kept already


class Note(NamedTuple):
    """Something that people should know; the Store makes an event of it."""

    level: str
    kind: str
    text: str
    node: str = ""


class Writer:
    """The one writing connection, and what is known of each journal."""

    def __init__(self, path: Path, timezone: tzinfo) -> None:
        self.notes: list[Note] = []
        self.suspect = False  # the file may be damaged: read it whole before the next use
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lost = False  # the file that held the journals
        self._journals = Journals()
        self._walk = Walk(timezone)

    def open(self) -> sqlite3.Connection:
        """Open the database if it is not open; a damaged one is moved aside and a new one begun."""
        if self._db is None:
            missing = not (self._path.exists() and self._path.stat().st_size)
            db = self._connect()
            self._lost = self._lost or missing
            try:
                self._journals.load(db, self._lost)
            except BaseException as error:
                self.suspect = self.suspect or tables.is_damage(error)
                db.close()
                raise
            self._db, self._file = db, tables.identity(self._path)
            self._lost = self.suspect = False
        return self._db

    def close(self) -> None:
        """Close the database; its write-ahead log goes with the last connection."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def begin_commands(self) -> int:
        """As `last_command`, at the start: one that an ended bridge left pending is unknown from now on."""
        with self._transaction() as db:
            db.execute(
                "UPDATE commands SET verdict = ?, detail = ? WHERE verdict = ?",
                (Verdict.UNKNOWN.value, "the bridge ended before the outcome came", Verdict.PENDING.value),
            )
        return self.last_command()

    def last_command(self) -> int:
        """The highest number given to a command so far."""
        with self._using() as db:
            (number,) = db.execute("SELECT coalesce(max(number), 0) FROM commands").fetchone()
        return int(number)

    def received(self, node: str, epoch: int) -> tuple[int, set[int]]:
        """The next sequence of a journal and what is stored above it; less than that while nothing can be read."""
        key = (node, epoch)
        if self._db is not None:
            try:
                with self._using() as db:
                    journal = self._journals.of(db, key)
                return journal.next_sequence, set(journal.ahead)
            except Exception as error:
                if not tables.is_fault(error):
                    raise
        return self._journals.remembered(key), set()

    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction. When this returns, all of it has survived a power cut."""
        identities = [record[:3] for record in batch.records]
        try:
            return Committed(identities, *self._commit(batch, refused=[]))
        except OverflowError:
            refused = [record for record in batch.records if not _fits(record)]
            fitting = [record for record in batch.records if _fits(record)]
            new, told = self._commit(batch._replace(records=fitting), refused)
            text = f"{len(refused)} readings hold numbers of more than 64 bits and cannot be kept"
            self.notes.append(Note("error", "readings refused", text, refused[0].node))
            return Committed(identities, new + len(refused), told)

    def roll_up(self) -> bool:
        """Take one bounded step of the rollups; True when there is more to do."""
        self.open()  # after an error it is here that the journals are read again
        unrolled = self._journals.unrolled
        if not unrolled:
            return False
        with self._transaction() as db:
            rolled = self._walk.step(db, self._journals)
        for key, sequence in rolled.items():
            journal = unrolled.pop(key)
            if journal.rolled_sequence < sequence < journal.next_sequence:
                unrolled[key] = journal  # at the end: every journal gets its turn
            journal.rolled_sequence = sequence  # one that waits for a clock is taken up again with its next record
        names = {node_id: node for node, node_id in self._journals.node_ids.items()}
        for doubt in self._walk.new_doubts():
            text = f"channel {doubt.channel}: {doubt.text}"
            self.notes.append(Note("warning", doubt.kind, text, names[doubt.node_id]))
        return bool(unrolled)

    def prune(self, now_ms: int, days: retention.Days) -> bool:
        """Delete one bounded batch of what is older than `days`; True when there is more."""
        if self._journals.thin():
            self._walk.drop()
        with self._transaction() as db:
            return retention.step(db, now_ms, days)

    def _commit(self, batch: Batch, refused: list[Record]) -> tuple[int, list[Event]]:
        """Store `batch`, note `refused` as gaps; how many records were new, and what people are to read of them."""
        kinds: defaultdict[type, list[Record]] = defaultdict(list)
        for record in batch.records:
            kinds[type(record)].append(record)
        arriving: defaultdict[JournalKey, list[int]] = defaultdict(list)
        for record in chain(batch.records, refused):
            arriving[record[0], record[1]].append(record[2])
        with self._transaction() as db:
            for key in chain(arriving, batch.floors):
                self._journals.keep(db, key)
            told = self._untold(db, [*kinds[Switching], *kinds[NodeEvent]])
            new = self._insert(db, kinds)
            lost = {
                key: self._journals[key].gaps_below(oldest, arriving.get(key, ()))
                for key, oldest in batch.floors.items()
            }
            self._insert_gaps(db, lost, "lost on the node")
            self._insert_gaps(db, _gaps_of(refused), "refused")
            self._insert_gaps(db, _gaps_of(kinds[Skipped]), "skipped by the node")
            rows: list[tuple[Any, ...]] = [(None, *event, None, None, None) for event in batch.events]
            rows += [(None, *event, self._journals.node_ids[key[0]], *key[1:]) for key, event in told.items()]
            tables.insert(db, "events", 9, list(chain.from_iterable(rows)))
            tables.insert(db, "commands", 13, list(chain.from_iterable(batch.commands.values())), verb="REPLACE")
        for key, sequences in arriving.items():
            self._journals[key].take(sequences)
        self._give_up(lost)
        self._journals.note_unrolled(chain(arriving, lost))
        return new + len(kinds[Skipped]), list(told.values())

    def _untold(self, db: sqlite3.Connection, records: list[Record]) -> dict[tuple[str, int, int], Event]:
        """What people are to read of those that are not stored yet, by their identity."""
        told: dict[tuple[str, int, int], Event] = {}
        for record in records:
            if isinstance(record, (Switching, NodeEvent)) and record.told is not None:
                node, epoch, sequence = record[:3]
                which = f"FROM {tables.RECORDS[type(record)]} WHERE (node_id, epoch, sequence) = (?, ?, ?)"
                if not db.execute(f"SELECT 1 {which}", (self._journals.node_ids[node], epoch, sequence)).fetchone():
                    told.setdefault(record[:3], record.told)
        return told

    def _insert(self, db: sqlite3.Connection, kinds: Mapping[type, list[Record]]) -> int:
        new = 0
        for kind, table in tables.RECORDS.items():
            rows: Iterable[tuple[Any, ...]] = kinds[kind]
            columns = len(kind._fields)
            if kind in (Switching, NodeEvent):  # their last field is not a column
                columns -= 1
                rows = (row[:-1] for row in rows)
            flat = list(chain.from_iterable(rows))
            flat[::columns] = [self._journals.node_ids[str(node)] for node in flat[::columns]]
            new += tables.insert(db, table, columns, flat, "ON CONFLICT DO NOTHING")
        return new

    def _insert_gaps(self, db: sqlite3.Connection, gaps: Gaps, cause: str) -> None:
        now_ms = int(time.time() * 1000)
        rows = [
            (self._journals.node_ids[node], epoch, first, beyond, now_ms, cause)
            for (node, epoch), ranges in gaps.items()
            for first, beyond in ranges
        ]
        widened = "ON CONFLICT DO UPDATE SET beyond = max(beyond, excluded.beyond)"
        tables.insert(db, "gaps", 6, list(chain.from_iterable(rows)), widened)

    def _give_up(self, lost: Gaps) -> None:
        for key, ranges in lost.items():
            for first, beyond in ranges:
                self._journals[key].skip(first, beyond)
            count = sum(beyond - first for first, beyond in ranges)
            if count:
                text = f"{count} readings lost on the node before they came here"
                self.notes.append(Note("warning", "readings lost", text, key[0]))

    # The connection

    def _connect(self) -> sqlite3.Connection:
        try:
            db = tables.connect(self._path)
        except sqlite3.DatabaseError as error:
            if not tables.is_damage(error):
                raise
            return self._start_anew()
        with ExitStack() as closing:
            closing.callback(db.close)
            if not self.suspect or tables.is_sound(db):
                closing.pop_all()
                return db
        return self._start_anew()

    def _start_anew(self) -> sqlite3.Connection:
        aside = tables.move_aside(self._path)
        self._lost, self.suspect = True, False
        db = tables.connect(self._path)
        copied = tables.salvage(db, aside)
        carried = f"; carried over: {', '.join(copied)}" if copied else ""
        text = f"the database was damaged: it is kept as {aside.name}, and a new one was begun{carried}"
        self.notes.append(Note("error", "database damaged", text))
        return db

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The open connection; on any error it is dropped with all that was remembered of the file."""
        db = self.open()
        try:
            yield db
        except BaseException as error:
            self.suspect = self.suspect or tables.is_damage(error)
            self._drop()
            raise

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self.suspect:
            self._drop()
        with self._using() as db:
            self._check_place()
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
            self._check_place()

    def _check_place(self) -> None:
        """SQLite goes on writing to a file that was moved or deleted: what goes there is not kept."""
        if tables.identity(self._path) != self._file:
            raise StoreError(f"{self._path} was moved or removed while in use: bring it back")

    def _drop(self) -> None:
        self._journals.drop()
        self._walk.drop()
        self.close()


def _fits(record: Record) -> bool:
    return all(type(value) is not int or -LAST <= value <= LAST for value in record)


def _gaps_of(records: Iterable[Record]) -> Gaps:
    """Their sequences as ranges, each as long as it goes."""
    gaps: defaultdict[JournalKey, list[tuple[int, int]]] = defaultdict(list)
    for node, epoch, sequence in sorted({record[:3] for record in records}):
        ranges = gaps[node, epoch]
        if ranges and ranges[-1][1] == sequence:
            ranges[-1] = (ranges[-1][0], sequence + 1)
        elif sequence < LAST:
            ranges.append((sequence, sequence + 1))
    return gaps
