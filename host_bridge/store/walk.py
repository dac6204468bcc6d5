"""The walk of the rollups: through each journal in the order of its sequence, exactly once, in bounded steps.

A journal is followed only as far as it is known without a hole, so readings that come late or out of order need no
special case. Its cursor, its last registers and the sums change in the caller's one transaction.
"""

import sqlite3
from datetime import tzinfo
from itertools import chain

from host_bridge.store import tables
from host_bridge.store.journal import Journal, JournalKey, Journals
from host_bridge.store.rollup import Doubt, Register, Rollup, Row

ROWS = 1000  # readings a step: a commit waits for it, 6 ms measured on a PC
CELLS = 4000  # buckets a step, more or less: one reading after a long gap touches thousands

# Sums add up; `excluded` is the row that comes in.
_ADD_CELLS = "ON CONFLICT DO UPDATE SET " + ",".join(
    [f"{c} = {c} + excluded.{c}" for c in ("covered_ms", "import_mwh", "export_mwh", "power_mw_ms", "power_ms")]
    + [f"{c} = {c} + excluded.{c}" for c in ("voltage_mv_ms", "voltage_ms", "readings")]
    + [
        f"power_{f}_mw = coalesce({f}(power_{f}_mw, excluded.power_{f}_mw), power_{f}_mw, excluded.power_{f}_mw)"
        for f in ("min", "max")
    ]
)
_WIDEN_MARK = "ON CONFLICT DO UPDATE SET last = excluded.last"  # the walk only goes forward


class Walk:
    """Takes steps; `registers` is a copy of what the database holds and is dropped with it."""

    def __init__(self, timezone: tzinfo) -> None:
        self._rollup = Rollup(timezone)
        self._registers: dict[tuple[int, int], dict[int, Register]] = {}  # (node_id, epoch) -> channel -> register
        self._doubted: set[tuple[str, int, int]] = set()

    def drop(self) -> None:
        """Forget what was read from the database and what was not yet written to it."""
        self._registers.clear()
        self._rollup.clear()

    def step(self, db: sqlite3.Connection, journals: Journals) -> dict[JournalKey, int]:
        """Count some readings inside the caller's transaction; the sequence that each journal is rolled up to."""
        rolled: dict[JournalKey, int] = {}
        rows = 0
        self._rollup.clear()
        for key, journal in journals.unrolled.items():
            count, rolled[key] = self._follow(db, (journals.node_ids[key[0]], key[1]), journal, ROWS - rows)
            rows += max(count, 1)
            if rows >= ROWS or sum(map(len, self._rollup.cells.values())) > CELLS:
                break
        for resolution, cells in self._rollup.cells.items():
            flat = [value for key, cell in cells.items() for value in (*key, *cell.row())]
            tables.insert(db, f"rollup_{resolution}", 13, flat, _ADD_CELLS)
        return rolled

    def new_doubts(self) -> list[Doubt]:
        """Doubts of the last step, each kind once for a channel: a node in trouble repeats it with every reading."""
        new = []
        for doubt in self._rollup.doubts:
            about = (doubt.kind, doubt.node_id, doubt.channel)
            if about not in self._doubted:
                self._doubted.add(about)
                new.append(doubt)
        return new

    def _follow(self, db: sqlite3.Connection, ids: tuple[int, int], journal: Journal, most: int) -> tuple[int, int]:
        """Count the next readings of a journal; how many, and the sequence to go on from."""
        which = "FROM readings WHERE (node_id, epoch) = (?, ?) AND sequence >= ? AND sequence < ?"
        parameters = (*ids, journal.rolled_sequence, journal.next_sequence, most)
        found = tables.fetch(db, Row._fields, f"{which} ORDER BY sequence LIMIT ?", parameters)
        registers = self._registers_of(db, ids)
        marks: dict[int, list[int]] = {}
        changed: set[int] = set()
        for row in map(Row._make, found):
            register = self._rollup.add(ids[0], registers.get(row.channel), row)
            if register is not None:
                registers[row.channel] = register
                changed.add(row.channel)
            marks.setdefault(max(row.time_ms, 0) // tables.MS_PER_H, [row.sequence, 0])[1] = row.sequence
        sequence = found[-1][0] + 1 if len(found) == most else journal.next_sequence
        flat = chain.from_iterable((*ids, channel, *registers[channel]) for channel in changed)
        tables.insert(db, "registers", 7, list(flat), verb="REPLACE")
        flat = chain.from_iterable((hour, *ids, first, last) for hour, (first, last) in marks.items())
        tables.insert(db, "marks", 5, list(flat), _WIDEN_MARK)
        db.execute("UPDATE journals SET rolled_sequence = ? WHERE (node_id, epoch) = (?, ?)", (sequence, *ids))
        return len(found), sequence

    def _registers_of(self, db: sqlite3.Connection, ids: tuple[int, int]) -> dict[int, Register]:
        if ids not in self._registers:
            columns = "channel, node_end_ms, time_ms, import_mwh, export_mwh"
            rows = db.execute(f"SELECT {columns} FROM registers WHERE (node_id, epoch) = (?, ?)", ids).fetchall()
            self._registers[ids] = {channel: Register(*rest) for channel, *rest in rows}
        return self._registers[ids]
