"""The walk of the rollups: through each journal in the order of its sequence, exactly once, in bounded steps.

A journal is followed only as far as it is known without a hole, so readings that come late or out of order need no
special case. Its cursor, its last registers and the sums change in the caller's one transaction.
"""

import sqlite3
from collections import deque
from datetime import tzinfo
from itertools import chain

from host_bridge.store import tables
from host_bridge.store.journal import Journal, JournalKey, Journals
from host_bridge.store.rollup import Doubt, Register, Rollup, Row
from host_bridge.store.settle import settle

REPLACED = "registers replaced"
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
        self._settled: dict[tuple[int, int], int] = {}  # below this sequence every time is settled
        self._begun: set[tuple[int, int, int]] = set()  # (node_id, epoch, channel) whose new registers were told of
        self._doubted: set[tuple[str, int, int]] = set()

    def drop(self) -> None:
        """Forget what was read from the database and what was not yet written to it."""
        self._registers.clear()
        self._settled.clear()
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
            if about not in self._doubted or doubt.kind == REPLACED:
                self._doubted.add(about)
                new.append(doubt)
        return new

    def _follow(self, db: sqlite3.Connection, ids: tuple[int, int], journal: Journal, most: int) -> tuple[int, int]:
        """Count the next readings of a journal; how many, and the sequence to go on from."""
        begin = max(journal.rolled_sequence, self._settled.get(ids, 0))
        beyond = self._settled[ids] = settle(db, ids, begin, journal.next_sequence)
        which = "FROM readings WHERE (node_id, epoch) = (?, ?) AND sequence >= ? AND sequence < ?"
        parameters = (*ids, journal.rolled_sequence, beyond, most)
        found = tables.fetch(db, Row._fields, f"{which} ORDER BY sequence LIMIT ?", parameters)
        registers = self._registers_of(db, ids)
        begins = self._beginnings(db, ids, journal.rolled_sequence, beyond)
        marks: dict[int, list[int]] = {}
        changed: set[int] = set()
        for row in map(Row._make, found):
            self._begin_anew(db, ids, begins, row.sequence)
            last = registers.get(row.channel)
            if last is None:
                self._compare_journals(db, ids, row)
            register = self._rollup.add(ids[0], last, row)
            if register is not None:
                registers[row.channel] = register
                changed.add(row.channel)
            marks.setdefault(max(row.time_ms, 0) // tables.MS_PER_H, [row.sequence, 0])[1] = row.sequence
        sequence = found[-1][0] + 1 if len(found) == most else beyond
        self._begin_anew(db, ids, begins, sequence)
        changed &= set(registers)
        flat = chain.from_iterable((*ids, channel, *registers[channel]) for channel in changed)
        tables.insert(db, "registers", 7, list(flat), verb="REPLACE")
        flat = chain.from_iterable((hour, *ids, first, last) for hour, (first, last) in marks.items())
        tables.insert(db, "marks", 5, list(flat), _WIDEN_MARK)
        db.execute("UPDATE journals SET rolled_sequence = ? WHERE (node_id, epoch) = (?, ?)", (sequence, *ids))
        return len(found), sequence

    def _beginnings(
        self, db: sqlite3.Connection, ids: tuple[int, int], first: int, beyond: int
    ) -> deque[tuple[int, int, int]]:
        """(sequence, channel, mWh) wherever the node has found no register and begun a new one, in order."""
        which = "(node_id, epoch) = (?, ?) AND event = 'registers began' AND sequence >= ? AND sequence < ?"
        query = f"SELECT sequence, subject, coalesce(value, 0) FROM node_events WHERE {which} ORDER BY sequence"
        return deque(db.execute(query, (*ids, first, beyond)).fetchall())

    def _begin_anew(
        self, db: sqlite3.Connection, ids: tuple[int, int], begins: deque[tuple[int, int, int]], sequence: int
    ) -> None:
        """Forget the registers of channels that have begun new ones before `sequence`."""
        while begins and begins[0][0] < sequence:
            _, channel, value = begins.popleft()
            last = self._registers_of(db, ids).pop(channel, None)
            if last is not None:
                db.execute("DELETE FROM registers WHERE (node_id, epoch, channel) = (?, ?, ?)", (*ids, channel))
                self._begun.add((*ids, channel))
                self._replaced(ids[0], channel, (last.import_mwh, last.export_mwh), (value, 0))

    def _compare_journals(self, db: sqlite3.Connection, ids: tuple[int, int], row: Row) -> None:
        """Tell of registers that are below those of the journal before: of another unit, or of an erased one."""
        query = "SELECT import_mwh, export_mwh FROM registers WHERE node_id = ? AND channel = ? AND epoch <> ?"
        before = db.execute(f"{query} ORDER BY time_ms DESC LIMIT 1", (ids[0], row.channel, ids[1])).fetchone()
        after = (row.energy_import_mwh, row.energy_export_mwh)
        if before is None or (*ids, row.channel) in self._begun:
            return
        if after[0] < before[0] or after[1] < before[1]:
            self._replaced(ids[0], row.channel, before, after)

    def _replaced(self, node_id: int, channel: int, before: tuple[int, int], after: tuple[int, int]) -> None:
        was, now = (f"{pair[0] / 1e6:.3f} kWh import and {pair[1] / 1e6:.3f} kWh export" for pair in (before, after))
        text = (
            f"the registers were replaced: they stood at {was}, and go on from {now}; the sums here go on as they are"
        )
        self._rollup.doubts.append(Doubt(REPLACED, node_id, channel, text))

    def _registers_of(self, db: sqlite3.Connection, ids: tuple[int, int]) -> dict[int, Register]:
        if ids not in self._registers:
            columns = "channel, node_end_ms, time_ms, import_mwh, export_mwh"
            rows = db.execute(f"SELECT {columns} FROM registers WHERE (node_id, epoch) = (?, ?)", ids).fetchall()
            self._registers[ids] = {channel: Register(*rest) for channel, *rest in rows}
        return self._registers[ids]
