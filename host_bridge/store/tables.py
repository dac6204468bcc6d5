"""The database file: its tables, how it is opened and migrated, and what is wrong with it in words."""

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from host_bridge.model import ClockRecord, NodeEvent, Reading, StoreError, Switching

APPLICATION_ID = 0x67724E58  # "grNX": this file is ours
BUSY_TIMEOUT_MS = 1000
MS_PER_H, MS_PER_DAY = 3_600_000, 86_400_000
RESOLUTIONS = {"minute": 60_000, "quarter": 900_000, "day": MS_PER_DAY}  # nominal width in ms; a local day may differ

_ROLLUP = """CREATE TABLE rollup_{} (
    node_id INTEGER NOT NULL, channel INTEGER NOT NULL, start_ms INTEGER NOT NULL,
    covered_ms INTEGER NOT NULL,                       -- time that readings tell of
    import_mwh INTEGER NOT NULL, export_mwh INTEGER NOT NULL,
    power_mw_ms INTEGER NOT NULL, power_ms INTEGER NOT NULL,      -- sum of power x time, and that time
    power_min_mw INTEGER, power_max_mw INTEGER,
    voltage_mv_ms INTEGER NOT NULL, voltage_ms INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    PRIMARY KEY (node_id, channel, start_ms)) WITHOUT ROWID"""

_FIRST = (
    "CREATE TABLE nodes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    # The columns of readings and switchings are the fields of Reading and Switching, in their order.
    """CREATE TABLE readings (
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, channel INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, node_end_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
    energy_import_mwh INTEGER NOT NULL, energy_export_mwh INTEGER NOT NULL,
    active_power_mw INTEGER, reactive_power_mvar INTEGER, apparent_power_mva INTEGER,
    voltage_rms_mv INTEGER, current_rms_ma INTEGER, frequency_mhz INTEGER, quality INTEGER NOT NULL,
    PRIMARY KEY (node_id, epoch, sequence)) WITHOUT ROWID""",
    """CREATE TABLE switchings (
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, contactor INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, node_time_ms INTEGER NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL,
    hold_remaining_ms INTEGER NOT NULL,
    PRIMARY KEY (node_id, epoch, sequence)) WITHOUT ROWID""",
    """CREATE TABLE gaps (                                 -- [first, beyond) will never come
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, beyond INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, cause TEXT NOT NULL,
    PRIMARY KEY (node_id, epoch, first)) WITHOUT ROWID""",
    """CREATE TABLE journals (                             -- all below rolled_sequence is in the rollups
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, rolled_sequence INTEGER NOT NULL,
    PRIMARY KEY (node_id, epoch)) WITHOUT ROWID""",
    """CREATE TABLE registers (                            -- the last that the rollups have seen
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, channel INTEGER NOT NULL,
    node_end_ms INTEGER NOT NULL, time_ms INTEGER NOT NULL, import_mwh INTEGER NOT NULL, export_mwh INTEGER NOT NULL,
    PRIMARY KEY (node_id, epoch, channel)) WITHOUT ROWID""",
    """CREATE TABLE marks (                                -- where the readings of an hour are: a coarse index by time
    hour INTEGER NOT NULL, node_id INTEGER NOT NULL, epoch INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (hour, node_id, epoch)) WITHOUT ROWID""",
    *(_ROLLUP.format(resolution) for resolution in RESOLUTIONS),
    """CREATE TABLE events (number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, level TEXT NOT NULL,
    kind TEXT NOT NULL, node TEXT NOT NULL, text TEXT NOT NULL)""",
    # The columns are the fields of Command, in their order.
    """CREATE TABLE commands (number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, node TEXT NOT NULL,
    contactor TEXT NOT NULL, target TEXT NOT NULL, hold_s INTEGER NOT NULL, asked_by TEXT NOT NULL,
    reason TEXT NOT NULL, verdict TEXT NOT NULL, refusal TEXT, detail TEXT NOT NULL, wait_ms INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL)""",
)

# Nodes record more than readings and switchings, and records may come long after the boot that made them.
_SECOND = (
    # The columns of node_events and clocks are the fields of NodeEvent and ClockRecord, in their order.
    """CREATE TABLE node_events (
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, event TEXT NOT NULL,
    subject INTEGER NOT NULL, time_ms INTEGER NOT NULL, node_time_ms INTEGER NOT NULL, value INTEGER,
    duration_ms INTEGER NOT NULL, quality INTEGER NOT NULL,
    PRIMARY KEY (node_id, epoch, sequence)) WITHOUT ROWID""",
    """CREATE TABLE clocks (                              -- node time and Unix time of one moment of a node's boot
    node_id INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    node_time_ms INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
    PRIMARY KEY (node_id, epoch, sequence)) WITHOUT ROWID""",
    "ALTER TABLE switchings ADD COLUMN quality INTEGER NOT NULL DEFAULT 0",
    # Of an event that a node has recorded: by these its time is corrected.
    "ALTER TABLE events ADD COLUMN node_id INTEGER",
    "ALTER TABLE events ADD COLUMN epoch INTEGER",
    "ALTER TABLE events ADD COLUMN sequence INTEGER",
    "CREATE INDEX events_of_nodes ON events (node_id, epoch, sequence) WHERE node_id IS NOT NULL",
    # TIME_UNSURE: few rows, and looked for at every step of the rollups.
    *(
        f"CREATE INDEX unsure_{table} ON {table} (node_id, epoch, sequence) WHERE quality & 512"
        for table in ("readings", "switchings", "node_events")
    ),
)

# How well times are known.
_THIRD = (
    "ALTER TABLE readings ADD COLUMN clock_error_ms INTEGER",
    "ALTER TABLE clocks ADD COLUMN error_ms INTEGER NOT NULL DEFAULT 0",
)

# One step a schema version: a file of version n gets STEPS[n:]. Never change a step that was released; add one.
STEPS: list[Sequence[str]] = [_FIRST, _SECOND, _THIRD]

# What is carried over from a damaged file, as far as it can be read; raw readings stay in it.
ESSENTIAL = ("nodes", "journals", "registers")
SALVAGED = ("rollup_day", "rollup_quarter", "rollup_minute", "commands", "gaps", "events", "node_events", "clocks")

# Where the records of a journal are.
RECORDS: dict[type[Reading | Switching | NodeEvent | ClockRecord], str] = {
    Reading: "readings",
    Switching: "switchings",
    NodeEvent: "node_events",
    ClockRecord: "clocks",
}
READING_COLUMNS = ("node_id", "epoch", *Reading._fields[2:])


def connect(path: Path) -> sqlite3.Connection:
    """Open `path` for writing, made and migrated as needed.

    Raises sqlite3.Error or OSError when that fails, StoreError when the file is not ours or is newer than this program.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # readings tell when people are at home
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        version = _version(db, path)
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # acknowledged means durable over a power cut
        db.execute("PRAGMA journal_size_limit = 16777216")
        if version < len(STEPS):
            db.execute("BEGIN IMMEDIATE")
            _migrate(db, _version(db, path))  # asked again: another program may have been faster
            db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection, path: Path) -> int:
    """The file's schema version, 0 when it is empty. Raises StoreError when it is not for this program."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise StoreError(f"{path} is a database of another program: move it away, or name another state_dir")
    if version > len(STEPS):
        raise StoreError(
            f"{path} was written by a newer gridnexus (schema {version}, this one knows {len(STEPS)}): "
            "install that version again, or move the file away to start a new one"
        )
    return int(version)


def _migrate(db: sqlite3.Connection, version: int) -> None:
    for statement in chain.from_iterable(STEPS[version:]):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {len(STEPS)}")


def insert(
    db: sqlite3.Connection, table: str, columns: int, flat: list[Any], conflict: str = "", verb: str = "INSERT"
) -> int:
    """Insert rows given as one flat list, many a statement; how many changed the table.

    sqlite3 gives up the GIL at every step of a statement. With executemany and a busy event loop each row would wait
    for it (1.5 ms a row measured); with hundreds of rows in a step the wait no longer shows.
    """
    changed, at = 0, 0
    row = "(" + ",".join("?" * columns) + ")"
    for rows in (512, 64, 8, 1):
        while len(flat) - at >= rows * columns:
            values = ",".join([row] * rows)
            beyond = at + rows * columns
            changed += db.execute(f"{verb} INTO {table} VALUES {values} {conflict}", flat[at:beyond]).rowcount
            at = beyond
    return changed


def fetch(
    db: sqlite3.Connection, columns: Sequence[str], query: str, parameters: Sequence[Any] | dict[str, Any]
) -> list[list[Any]]:
    """The rows of `query` ("FROM ..."), read in one step of SQLite: for the reason given in `insert`."""
    names = ",".join(f"c{number}" for number in range(len(columns)))
    aliased = ",".join(f"{column} AS c{number}" for number, column in enumerate(columns))
    sql = f"SELECT json_group_array(json_array({names})) FROM (SELECT {aliased} {query})"
    (text,) = db.execute(sql, parameters).fetchone()
    rows: list[list[Any]] = json.loads(text)
    return rows


def identity(path: Path) -> tuple[int, int] | None:
    """Which file `path` names now; None when it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def is_damage(error: BaseException) -> bool:
    """True when the error says that the file's content is broken, not that it cannot be reached."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_fault(error: BaseException) -> bool:
    """True for what the world does to a database; False for a mistake in our own SQL or arguments."""
    if isinstance(error, (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError)):
        return False
    return isinstance(error, (sqlite3.Error, OSError, StoreError))


def is_sound(db: sqlite3.Connection) -> bool:
    """Read the whole file and tell whether it is well-formed. Takes seconds per GB."""
    try:
        return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return False


def move_aside(path: Path) -> Path:
    """Rename a damaged database with its write-ahead log; nothing in it is thrown away. Returns the new path."""
    stamp = time.strftime("%Y%m%dT%H%M%S")
    target = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.stem}.damaged-{stamp}-{number}{path.suffix}")
    for suffix in ("-wal", "-shm", ""):  # the file itself last: after a power cut in between it is found damaged again
        with_suffix = path.with_name(path.name + suffix)
        if with_suffix.exists():
            with_suffix.rename(target.with_name(target.name + suffix))
    return target


def salvage(db: sqlite3.Connection, damaged: Path) -> list[str]:
    """Copy what can be read of the small tables of `damaged` into the new database; the names of those copied.

    Journals and registers come whole or not at all: half of them would count energy twice. Of the others what comes
    before the damage is kept too.
    """
    source = sqlite3.connect(damaged)  # not attached: its damage would spoil the transaction that copies
    copied = []
    try:
        db.execute("BEGIN IMMEDIATE")
        if all(_copied_whole(source, db, table) for table in ESSENTIAL):
            copied = [table for table in SALVAGED if _copied_whole(source, db, table)]
            db.execute("COMMIT")
    except sqlite3.Error:  # an old schema, or the new file cannot be written either: that will be told of
        copied = []
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        source.close()
    return copied


def _copied_whole(source: sqlite3.Connection, db: sqlite3.Connection, table: str) -> bool:
    try:
        cursor = source.execute(f"SELECT * FROM {table}")
        while rows := cursor.fetchmany(512):
            insert(db, table, len(rows[0]), list(chain.from_iterable(rows)), verb="INSERT OR IGNORE")
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return False
    return True


def in_words(error: BaseException, path: Path) -> str:
    """What is wrong with the database and what to do about it."""
    words = {
        sqlite3.SQLITE_FULL: f"the disk that holds {path} is full: free some space",
        sqlite3.SQLITE_BUSY: f"another program holds {path} locked: close it",
        sqlite3.SQLITE_LOCKED: f"another program holds {path} locked: close it",
        sqlite3.SQLITE_READONLY: f"{path} cannot be written: check its owner, and that its disk is writable",
        sqlite3.SQLITE_CANTOPEN: f"{path} cannot be opened: check that {path.parent} exists and may be written",
        sqlite3.SQLITE_IOERR: f"the disk that holds {path} gives errors: check its space, its cable and its age",
        sqlite3.SQLITE_CORRUPT: f"{path} is damaged",
        sqlite3.SQLITE_NOTADB: f"{path} is damaged: it is not a database",
    }
    code = _code(error)
    if code in words:
        return words[code]
    if isinstance(error, FileNotFoundError):
        return f"{path.parent} is gone: bring it back"
    if isinstance(error, OSError):
        return f"{path} cannot be opened: {error.strerror}"
    return str(error)


def _code(error: BaseException) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF  # the extended codes keep the primary one in the low byte
