"""Everything that reads the database for people and programs, in a thread and on a connection of its own.

Read-only, so that a long read never holds up a commit. A file that was replaced meanwhile is opened anew.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from host_bridge.model import Command, Event, Reading, Refusal, StoreError, Verdict
from host_bridge.store import tables
from host_bridge.store.journal import LAST
from host_bridge.store.rollup import day_bounds
from host_bridge.store.tables import MS_PER_H, READING_COLUMNS


class Interval(NamedTuple):
    """One channel over one minute, quarter of an hour or local day."""

    start_ms: int
    duration_ms: int  # how much of it readings cover
    energy_import_mwh: int
    energy_export_mwh: int
    active_power_mw: int | None  # mean over time; + is import
    active_power_min_mw: int | None  # of the readings' means
    active_power_max_mw: int | None
    voltage_rms_mv: int | None  # mean over time
    readings: int  # that ended in it


_INTERVAL = (
    "start_ms", "covered_ms", "import_mwh", "export_mwh",
    "CAST(round(1.0 * power_mw_ms / nullif(power_ms, 0)) AS INTEGER)", "power_min_mw", "power_max_mw",
    "CAST(round(1.0 * voltage_mv_ms / nullif(voltage_ms, 0)) AS INTEGER)", "readings",
)  # fmt: skip

# Rolled-up readings by way of the hours' marks (each row under its own hour only, as marks may overlap when a clock
# was set back), the few that are not rolled up yet by their journal's end.
_RAW = """FROM (
    SELECT r.* FROM marks m CROSS JOIN readings r
        ON (r.node_id, r.epoch) = (m.node_id, m.epoch) AND r.sequence BETWEEN m.first AND m.last
    WHERE m.hour BETWEEN :first_hour AND :last_hour AND m.node_id = :node_id
        AND max(r.time_ms, 0) / 3600000 = m.hour
    UNION ALL
    SELECT r.* FROM journals j CROSS JOIN readings r
        ON (r.node_id, r.epoch) = (j.node_id, j.epoch) AND r.sequence >= j.rolled_sequence
    WHERE j.node_id = :node_id)
    WHERE channel = :channel AND time_ms >= :start_ms AND time_ms < :end_ms
    ORDER BY time_ms, epoch, sequence LIMIT :limit"""


class Reader:
    """Reads; every method raises StoreError in words when the database cannot be read."""

    def __init__(self, path: Path, timezone: tzinfo) -> None:
        self.saw_damage = False
        self._path = path
        self._day_bounds = day_bounds(timezone)
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the connection; the next read opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def raw(self, node: str, channel: int, start_ms: int, end_ms: int, limit: int) -> list[Reading]:
        """Readings of a channel with start_ms <= time_ms < end_ms, oldest first."""
        parameters = {
            "node_id": self._node_id(node), "channel": channel, "start_ms": start_ms, "end_ms": end_ms, "limit": limit,
            "first_hour": max(start_ms, 0) // MS_PER_H, "last_hour": max(end_ms - 1, 0) // MS_PER_H,
        }  # fmt: skip
        return [Reading(node, *row) for row in self._fetch(READING_COLUMNS[1:], _RAW, parameters)]

    def intervals(
        self, node: str, channel: int, start_ms: int, end_ms: int, resolution: str, limit: int
    ) -> list[Interval]:
        """Rollups of a channel that begin at start_ms or later and before end_ms, oldest first."""
        query = f"""FROM rollup_{resolution} WHERE node_id = ? AND channel = ? AND start_ms >= ? AND start_ms < ?
            ORDER BY start_ms LIMIT ?"""
        parameters = (self._node_id(node), channel, start_ms, end_ms, limit)
        return [Interval(*row) for row in self._fetch(_INTERVAL, query, parameters)]

    def energy_since(self, start_ms: int) -> dict[tuple[str, int], tuple[int, int]]:
        """Import and export of each (node, channel) since `start_ms`, to its minute; best at a local midnight."""
        low, high = self._day_bounds(start_ms)
        whole_days = low if low == start_ms else high
        totals: dict[tuple[str, int], tuple[int, int]] = {}
        for resolution, first, beyond in (
            ("day", whole_days, LAST),
            ("minute", start_ms - start_ms % 60_000, whole_days),
        ):
            query = f"""FROM (SELECT DISTINCT node_id, channel FROM registers) c JOIN nodes n ON n.id = c.node_id
                CROSS JOIN rollup_{resolution} r ON (r.node_id, r.channel) = (c.node_id, c.channel)
                WHERE r.start_ms >= ? AND r.start_ms < ? GROUP BY c.node_id, c.channel"""
            columns = ("n.name", "c.channel", "sum(r.import_mwh)", "sum(r.export_mwh)")
            for node, channel, imported, exported in self._fetch(columns, query, (first, beyond)):
                before = totals.get((node, channel), (0, 0))
                totals[node, channel] = (before[0] + imported, before[1] + exported)
        return totals

    def nodes(self) -> list[str]:
        """The names of all nodes that ever sent something."""
        return [name for (name,) in self._fetch(("name",), "FROM nodes ORDER BY name", ())]

    def commands(self, limit: int) -> list[Command]:
        """The newest commands, newest first."""
        columns = tuple(field.name for field in fields(Command))
        return [_command(row) for row in self._fetch(columns, "FROM commands ORDER BY number DESC LIMIT ?", (limit,))]

    def events(self, limit: int, node: str = "", since_ms: int = 0) -> list[Event]:
        """The events stored last, the last first: all, or of one node, or of `since_ms` and later."""
        which = "(:node = '' OR node = :node) AND time_ms >= :since_ms"
        parameters = {"limit": limit, "node": node, "since_ms": since_ms}
        rows = self._fetch(Event._fields, f"FROM events WHERE {which} ORDER BY number DESC LIMIT :limit", parameters)
        return [Event(*row) for row in rows]

    def _node_id(self, node: str) -> int | None:
        rows = self._fetch(("id",), "FROM nodes WHERE name = ?", (node,))
        return rows[0][0] if rows else None

    def _fetch(self, columns: Sequence[str], query: str, parameters: Sequence[Any] | dict[str, Any]) -> list[list[Any]]:
        try:
            return tables.fetch(self._connection(), columns, query, parameters)
        except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
            self.close()
            if not tables.is_fault(error):
                raise
            self.saw_damage = self.saw_damage or tables.is_damage(error)
            raise StoreError(tables.in_words(error, self._path)) from error

    def _connection(self) -> sqlite3.Connection:
        file = tables.identity(self._path)
        if file != self._file:
            self.close()
        if self._db is None:
            uri = self._path.resolve().as_uri() + "?mode=ro"
            self._db = sqlite3.connect(uri, uri=True, timeout=tables.BUSY_TIMEOUT_MS / 1000)
            self._file = file
        return self._db


def _command(row: list[Any]) -> Command:
    command = Command(*row)
    command.verdict = Verdict(command.verdict)
    command.refusal = Refusal(command.refusal) if command.refusal else None
    return command
