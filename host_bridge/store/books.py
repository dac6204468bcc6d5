"""The agent's books: agent.db, beside the readings. Whatever is added together is kept together, or not at all.

Synchronous, of one thread: whoever has a loop to keep runs it in a thread of its own.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from host_bridge.model import StoreError
from host_bridge.store import tables
from host_bridge.store.book_rows import AGEING, KEYS, MAY_CHANGE, Row

APPLICATION_ID = 0x67724E41  # "grNA"
VERSION = 2  # 1: lines had no dividend_micro
_SQL = {str: "TEXT", int: "INTEGER", float: "REAL"}

R = TypeVar("R", bound=Row)


class Books:
    """Open or make `path`. Every method raises StoreError in words that say what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def add(self, rows: Sequence[Row]) -> int:
        """Keep `rows`, all or none; how many were new. A key that is there already keeps what it has."""
        with _Transaction(self) as db:
            return sum(self._put(db, kind, list(its)) for kind, its in groupby(rows, key=type))

    def next_number(self, kind: type[Row]) -> int:
        """One more than the highest number that `kind` (numbered) has had."""
        table, _ = KEYS[kind]
        return int(self._fetch(f"SELECT coalesce(max(number), 0) + 1 FROM {table}", ())[0][0])

    def rows(self, kind: type[R], where: str = "", values: Sequence[Any] = (), last: int = 0) -> list[R]:
        """Rows by their key, oldest first; `where` an SQL condition on columns with ? for `values`; the `last` n."""
        table, keys = KEYS[cast(type[Row], kind)]
        order = ", ".join(kind._fields[:keys]) if "start_s" not in kind._fields else "start_s, " + kind._fields[0]
        condition = f" WHERE {where}" if where else ""
        if last:
            backward = order.replace(",", " DESC,") + " DESC"
            query = f"SELECT * FROM {table}{condition} ORDER BY {backward} LIMIT {int(last)}"
            return [kind(*row) for row in reversed(self._fetch(query, values))]
        return [kind(*row) for row in self._fetch(f"SELECT * FROM {table}{condition} ORDER BY {order}", values)]

    def prune(self, before_s: int) -> int:
        """Let go plans, forecasts and orders from before `before_s`; how many."""
        with _Transaction(self) as db:
            return sum(
                db.execute(f"DELETE FROM {KEYS[kind][0]} WHERE {column} < ?", (before_s,)).rowcount
                for kind, column in AGEING.items()
            )

    def connection(self) -> sqlite3.Connection:
        """The open file. Raises sqlite3.Error, OSError or StoreError."""
        if self._db is None:
            self._db = _open(self._path)
        return self._db

    def failed(self, error: Exception) -> StoreError:
        """What to tell of `error`; the file is opened anew next time."""
        self.close()
        return StoreError(tables.in_words(error, self._path))

    def _put(self, db: sqlite3.Connection, kind: type[Row], rows: list[Row]) -> int:
        table, keys = KEYS[kind]
        flat = [value for row in rows for value in row]
        if kind in MAY_CHANGE:
            return tables.insert(db, table, len(kind._fields), flat, verb="INSERT OR REPLACE")
        key = ", ".join(kind._fields[:keys])  # not OR IGNORE, which would also pass over a mistake of ours
        return tables.insert(db, table, len(kind._fields), flat, f"ON CONFLICT ({key}) DO NOTHING")

    def _fetch(self, query: str, values: Sequence[Any]) -> list[Any]:
        try:
            return self.connection().execute(query, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            if not tables.is_fault(error):
                raise
            raise self.failed(error) from error


class _Transaction:
    """All that is done within is kept, or nothing of it."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def __enter__(self) -> sqlite3.Connection:
        try:
            db = self._books.connection()
            db.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as error:
            if not tables.is_fault(error):
                raise
            raise self._books.failed(error) from error
        return db

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        db = self._books.connection()
        try:
            db.execute("COMMIT" if error is None else "ROLLBACK")
        except sqlite3.Error as failed:
            error = error or failed
        if isinstance(error, (sqlite3.Error, OSError)) and tables.is_fault(error):
            raise self._books.failed(error) from error


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # bills tell when people are at home
    db = sqlite3.connect(path, isolation_level=None, timeout=tables.BUSY_TIMEOUT_MS / 1000, check_same_thread=False)
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (found,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION_ID and found:
            raise StoreError(f"{path} is a database of another program: move it away, or name another state_dir")
        if version > VERSION:
            raise StoreError(f"{path} was written by a newer gridnexus: install that again, or move the file away")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # what is settled stays settled over a power cut
        if version < VERSION:
            _make(db, version)
    except BaseException:
        db.close()
        raise
    return db


def _make(db: sqlite3.Connection, version: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    if version == 1:
        db.execute("ALTER TABLE lines ADD COLUMN dividend_micro INTEGER NOT NULL DEFAULT 0")
    for statement in _statements():
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _statements() -> Iterable[str]:
    for kind, (table, keys) in KEYS.items():
        hints = get_type_hints(kind)
        columns = ", ".join(f"{name} {_SQL[hints[name]]} NOT NULL" for name in kind._fields)
        key = ", ".join(kind._fields[:keys])
        yield f"CREATE TABLE IF NOT EXISTS {table} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID"
    yield "CREATE INDEX IF NOT EXISTS decisions_of_homes ON decisions (home, start_s)"
    yield "CREATE INDEX IF NOT EXISTS intervals_by_time ON intervals (start_s)"
