"""Forgetting what is old, in batches small enough that a commit never waits long."""

import sqlite3
from typing import NamedTuple

from host_bridge.store.tables import MS_PER_DAY, MS_PER_H

EVENTS_KEPT = 200_000
_BATCH = 2000


class Days(NamedTuple):
    """How long each kind is kept; daily rollups and commands are kept for ever."""

    raw: int
    minute: int
    quarter: int


def step(db: sqlite3.Connection, now_ms: int, days: Days) -> bool:
    """Delete one batch inside the caller's transaction; True when something was deleted."""
    return _raw(db, now_ms - days.raw * MS_PER_DAY) or any(
        _rollup(db, resolution, now_ms - kept * MS_PER_DAY)
        for resolution, kept in (("minute", days.minute), ("quarter", days.quarter))
    ) or _events(db)  # fmt: skip


def _raw(db: sqlite3.Connection, before_ms: int) -> bool:
    """The readings of one node's hour. A mark is made when they are rolled up, so others are never touched."""
    mark = db.execute(
        "SELECT hour, node_id, epoch, first, last FROM marks WHERE hour < ? ORDER BY hour LIMIT 1",
        (before_ms // MS_PER_H,),
    ).fetchone()
    if mark is None:
        return False
    hour, node_id, epoch, first, last = mark
    journal = (node_id, epoch)
    which = "WHERE (node_id, epoch) = (?, ?) AND time_ms < ? AND sequence"
    db.execute(f"DELETE FROM readings {which} BETWEEN ? AND ?", (*journal, before_ms, first, last))
    rolled = "(SELECT rolled_sequence FROM journals WHERE (node_id, epoch) = (?, ?))"
    for table, kept in (("switchings", ""), ("node_events", " AND event <> 'boot'")):  # boots bound what a clock tells
        db.execute(f"DELETE FROM {table} {which} < {rolled}{kept}", (*journal, before_ms, *journal))
    db.execute("DELETE FROM marks WHERE (hour, node_id, epoch) = (?, ?, ?)", (hour, node_id, epoch))
    return True


def _rollup(db: sqlite3.Connection, resolution: str, before_ms: int) -> bool:
    table = f"rollup_{resolution}"
    deleted = db.execute(
        f"""DELETE FROM {table} WHERE (node_id, channel, start_ms) IN (
            SELECT r.node_id, r.channel, r.start_ms FROM (SELECT DISTINCT node_id, channel FROM registers) c
            CROSS JOIN {table} r ON (r.node_id, r.channel) = (c.node_id, c.channel) AND r.start_ms < ? LIMIT ?)""",
        (before_ms, _BATCH),
    )
    return deleted.rowcount > 0


def _events(db: sqlite3.Connection) -> bool:
    deleted = db.execute(
        "DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ? "
        "AND number < (SELECT min(number) FROM events) + ?",
        (EVENTS_KEPT, _BATCH),
    )
    return deleted.rowcount > 0
