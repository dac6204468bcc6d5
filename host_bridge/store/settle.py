"""Gives records of a node's former boots the time of day that the CLOCK record of their boot tells.

They come marked TIME_UNSURE, with a guess (see records.py). A boot's records lie together in the journal, from its
"boot" event to the next one's; where records were lost on the node a boot may have begun unseen, so that is a border
too. The rollups go no further than what is settled, so that no reading moves to another bucket afterwards.
"""

import sqlite3
from typing import NamedTuple

from gridnode.wire.schema import TIME_UNSURE

# Table -> its node time and Unix time.
_TIMES = {
    "readings": ("node_end_ms", "time_ms"),
    "switchings": ("node_time_ms", "time_ms"),
    "node_events": ("node_time_ms", "time_ms"),
}
_MOST_BOOTS = 100  # a step: a commit waits for it
Ids = tuple[int, int]  # node_id, epoch


class _Clock(NamedTuple):
    shift_ms: int  # Unix time minus node time
    is_sure: bool
    node_time_ms: int  # when it was known to +- error_ms; the bound grows by 100 ppm of the time from there
    error_ms: int


def settle(db: sqlite3.Connection, ids: Ids, sequence: int, beyond: int) -> int:
    """Settle the records of a journal from `sequence` on, up to `beyond` at most; the sequence it came to.

    All below `beyond` must be stored or known lost. It stops at a boot whose end is not among them.
    """
    at = sequence
    for _ in range(_MOST_BOOTS):
        first = _first_unsure(db, ids, at, beyond)
        if first is None:
            return beyond
        end = _end_of_boot(db, ids, first, beyond)
        if end is None:
            return first
        _set_times(db, ids, first, end, _clock(db, ids, first, end))
        at = end
    return at


def _first_unsure(db: sqlite3.Connection, ids: Ids, sequence: int, beyond: int) -> int | None:
    found: list[int] = []
    for table in _TIMES:
        which = "(node_id, epoch) = (?, ?) AND sequence >= ? AND sequence < ? AND quality & 512"
        row = db.execute(f"SELECT min(sequence) FROM {table} WHERE {which}", (*ids, sequence, beyond)).fetchone()
        found += [number for number in row if number is not None]
    return min(found, default=None)


def _end_of_boot(db: sqlite3.Connection, ids: Ids, first: int, beyond: int) -> int | None:
    """The border behind `first`. None: not known yet.

    Where a firmware records no boots, a newest reading with a sure time tells that the former ones are over.
    """
    border = _border(db, "min", "> ? AND {} < ?", ids, first, beyond)
    if border is None:
        which = "(node_id, epoch) = (?, ?) AND sequence > ? AND sequence < ? ORDER BY sequence DESC LIMIT 1"
        newest = db.execute(f"SELECT sequence, quality FROM readings WHERE {which}", (*ids, first, beyond)).fetchone()
        border = newest[0] if newest and not newest[1] & TIME_UNSURE else None
    return border


def _border(db: sqlite3.Connection, which: str, where: str, ids: Ids, *bounds: int) -> int | None:
    (border,) = db.execute(
        f"""SELECT {which}(border) FROM (
            SELECT sequence AS border FROM node_events
            WHERE (node_id, epoch) = (?, ?) AND event = 'boot' AND sequence {where.format("sequence")}
            UNION ALL SELECT beyond FROM gaps
            WHERE (node_id, epoch) = (?, ?) AND cause = 'lost on the node' AND beyond {where.format("beyond")})""",
        (*ids, *bounds, *ids, *bounds),
    ).fetchone()
    return None if border is None else int(border)


def _clock(db: sqlite3.Connection, ids: Ids, first: int, end: int) -> _Clock | None:
    """Of the boot; else the next one's, as if the node had not been off in between."""
    begin = _border(db, "max", "<= ?", ids, first) or 0
    columns = "unix_ms - node_time_ms, node_time_ms, error_ms"
    find = f"SELECT {columns} FROM clocks WHERE (node_id, epoch) = (?, ?) AND sequence >= ?"
    own = db.execute(f"{find} AND sequence < ? ORDER BY sequence DESC LIMIT 1", (*ids, begin, end)).fetchone()
    if own is not None:
        return _Clock(own[0], True, *own[1:])
    later = db.execute(f"{find} ORDER BY sequence LIMIT 1", (*ids, end)).fetchone()
    return None if later is None else _Clock(later[0], False, *later[1:])


def _set_times(db: sqlite3.Connection, ids: Ids, first: int, end: int, clock: _Clock | None) -> None:
    if clock is None:
        return
    which = "(node_id, epoch) = (?, ?) AND sequence >= ? AND sequence < ?"
    for table, (node_time, unix_time) in _TIMES.items():
        keep = -1 if not clock.is_sure else ~TIME_UNSURE
        db.execute(
            f"UPDATE {table} SET {unix_time} = {node_time} + ?, quality = quality & ? WHERE {which} AND quality & 512",
            (clock.shift_ms, keep, *ids, first, end),
        )
    if clock.is_sure:
        bound = "? + abs(node_end_ms - ?) / 10000"
        db.execute(
            f"UPDATE readings SET clock_error_ms = {bound} WHERE {which} AND clock_error_ms IS NULL",
            (clock.error_ms, clock.node_time_ms, *ids, first, end),
        )
    for table in ("switchings", "node_events"):
        same = "(r.node_id, r.epoch, r.sequence) = (e.node_id, e.epoch, e.sequence)"
        settled = f"coalesce((SELECT r.time_ms FROM {table} r WHERE {same}), time_ms)"
        db.execute(f"UPDATE events AS e SET time_ms = {settled} WHERE {which}", (*ids, first, end))
