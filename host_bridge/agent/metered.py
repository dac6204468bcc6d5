"""The energy of an interval from registers: what the bills are made of.

A node's readings end where they end, not where intervals do; between two of them a register is taken to rise evenly.
So a boundary that was put a little wrong moves energy from one interval to the next, and never makes or loses any:
each interval ends with the very mark that the next begins with.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from host_bridge.model import Reading

ADJACENT_MS = 2_000  # a clock may have been set by so much between two readings that follow each other


class Mark(NamedTuple):
    """What the registers of a channel said at `at_ms` (Unix). `before`, `after`: sequences of the readings it is
    between; not `is_exact`: readings between these two are missing so far."""

    at_ms: int
    epoch: int
    import_mwh: int
    export_mwh: int
    before: int
    after: int
    is_exact: bool


def mark(readings: Sequence[Reading], at_ms: int, last: Mark | None = None) -> Mark | None:
    """The mark at `at_ms` from a channel's readings in the order of time; None: they do not tell yet.

    `last`: the mark before it, below whose registers it never is.
    """
    place = bisect_left(readings, at_ms, key=lambda reading: reading.time_ms)
    if place == len(readings):
        return None
    after = readings[place]
    before = readings[place - 1] if place else None
    if before is None or before.journal_epoch != after.journal_epoch:
        if after.time_ms != at_ms and not _is_baseline(after):
            return None if before is None else _at(before, at_ms, last, after.sequence)
        return _at(after, at_ms, last, after.sequence)
    span_ms = after.time_ms - before.time_ms
    part_ms = at_ms - before.time_ms
    imported = _even(before.energy_import_mwh, after.energy_import_mwh, part_ms, span_ms)
    exported = _even(before.energy_export_mwh, after.energy_export_mwh, part_ms, span_ms)
    is_exact = abs(span_ms - after.duration_ms) <= ADJACENT_MS
    found = Mark(at_ms, after.journal_epoch, imported, exported, before.sequence, after.sequence, is_exact)
    return _not_below(found, last)


def between(first: Mark, beyond: Mark, readings: Sequence[Reading]) -> tuple[int, int]:
    """(import_mwh, export_mwh) from one mark to a later one. `readings`: those from `first` on in the order of time,
    needed where a new journal began in between: it counts from its own baseline."""
    if first.epoch == beyond.epoch:
        return beyond.import_mwh - first.import_mwh, beyond.export_mwh - first.export_mwh
    imported, exported = 0, 0
    epoch, at = first.epoch, (first.import_mwh, first.export_mwh)
    for reading in readings:
        if not first.at_ms <= reading.time_ms <= beyond.at_ms:
            continue
        registers = reading.energy_import_mwh, reading.energy_export_mwh
        if reading.journal_epoch == epoch:
            imported, exported = imported + max(0, registers[0] - at[0]), exported + max(0, registers[1] - at[1])
        epoch, at = reading.journal_epoch, registers
    if epoch == beyond.epoch:
        imported += max(0, beyond.import_mwh - at[0])
        exported += max(0, beyond.export_mwh - at[1])
    return imported, exported


def _is_baseline(reading: Reading) -> bool:
    return reading.duration_ms == 0


def _at(reading: Reading, at_ms: int, last: Mark | None, after: int) -> Mark:
    """The registers as `reading` has them: what lies between two journals was not metered."""
    registers = reading.energy_import_mwh, reading.energy_export_mwh
    return _not_below(Mark(at_ms, reading.journal_epoch, *registers, reading.sequence, after, True), last)


def _not_below(found: Mark, last: Mark | None) -> Mark:
    """Registers never go down: a reading that came late may show that the mark before was put too high."""
    if last is None or last.epoch != found.epoch:
        return found
    return found._replace(
        import_mwh=max(found.import_mwh, last.import_mwh), export_mwh=max(found.export_mwh, last.export_mwh)
    )


def _even(low: int, high: int, part_ms: int, span_ms: int) -> int:
    return low + (high - low) * part_ms // span_ms if span_ms > 0 else high
