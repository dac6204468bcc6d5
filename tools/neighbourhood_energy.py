"""The energy of a neighbourhood, counted four ways: books, registers, recordings, contents of the batteries.

Registers are those that the bridge stored of what the nodes told; what is compared with them shares no code with the
product.
"""

import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from tools.homes import read_profile
from tools.neighbourhood import HomeNode
from tools.neighbourhood_files import SPEED, Calendar

EFFICIENCY = 0.949
_NONE = 1 << 60  # off by as much: nothing was there to be compared
_MS_PER_HOUR = 3_600_000


class Register(NamedTuple):
    """Of a channel, in real mWh, at a Unix time and the node's own."""

    at_ms: int
    node_ms: int
    duration_ms: int
    import_mwh: int
    export_mwh: int


Metered = list[list[Register]]  # of grid, solar, battery


def energy(kept: sqlite3.Connection, told: sqlite3.Connection, nodes: Sequence[HomeNode], calendar: Calendar) -> Any:
    """By how much they differ in the worst home, in mWh of the grid and in millionths of a home's own.

    kept: agent.db, told: the bridge's readings. books: against the registers, from a home's first interval to its last.
    load, solar: registers against the recording. content: the battery's, against what its meter says went in and out.
    """
    metered = {node.name: [_registers(told, node.name, channel) for channel in range(3)] for node in nodes}
    recording = [_recording_off_ppm(node, metered[node.name], calendar) for node in nodes]
    return {
        "books_off_mwh": max(_books_off_mwh(kept, node.name, metered[node.name], calendar) for node in nodes),
        "load_off_ppm": max(load for load, _ in recording),
        "solar_off_ppm": max(solar for _, solar in recording),
        "content_off_mwh": max(_content_off_mwh(node, metered[node.name][2], calendar) for node in nodes),
    }


def _registers(db: sqlite3.Connection, node: str, channel: int) -> list[Register]:
    rows = db.execute(
        "SELECT time_ms, node_end_ms, duration_ms, energy_import_mwh, energy_export_mwh FROM readings"
        " JOIN nodes ON id = node_id WHERE name = ? AND channel = ? ORDER BY epoch, sequence",
        (node, channel),
    )
    return [Register(*row) for row in rows]


def _books_off_mwh(db: sqlite3.Connection, name: str, metered: Metered, calendar: Calendar) -> int:
    row: tuple[int | None, ...] = db.execute(
        "SELECT min(start_s), max(start_s + duration_s), sum(import_mwh), sum(export_mwh), sum(solar_mwh),"
        " sum(charge_mwh), sum(discharge_mwh) FROM intervals WHERE home = ?",
        (name,),
    ).fetchone()
    first, beyond, *sums = row
    if first is None or beyond is None:
        return _NONE
    begin_ms, end_ms = calendar.unix_ms(first), calendar.unix_ms(beyond)
    grid, solar, battery = (
        [after - before for before, after in zip(_at(each, begin_ms), _at(each, end_ms), strict=True)]
        for each in metered
    )
    rose = (grid[0], grid[1], solar[1], battery[0], battery[1])
    return max(round(abs((told or 0) - counted * SPEED)) for told, counted in zip(sums, rose, strict=True))


def _at(registers: Sequence[Register], at_ms: float) -> tuple[float, float]:
    """(import, export) at a moment: a register is taken to rise evenly between two readings."""
    place = min(max(bisect_right(registers, at_ms, key=lambda each: each.at_ms), 1), len(registers) - 1)
    before, after = registers[place - 1], registers[place]
    part = (at_ms - before.at_ms) / (after.at_ms - before.at_ms) if after.at_ms > before.at_ms else 1.0
    part = min(max(part, 0.0), 1.0)
    return (
        before.import_mwh + part * (after.import_mwh - before.import_mwh),
        before.export_mwh + part * (after.export_mwh - before.export_mwh),
    )


def _recording_off_ppm(node: HomeNode, metered: Metered, calendar: Calendar) -> tuple[float, float]:
    """(load, solar) over all of a home's intervals."""
    grid, solar, battery = (
        (each[-1].import_mwh - each[0].import_mwh, each[-1].export_mwh - each[0].export_mwh) for each in metered
    )
    load_mwh = grid[0] - grid[1] + solar[1] - solar[0] - battery[0] + battery[1]
    hourly = list(zip(*read_profile(node.profile), strict=True))
    true = [0.0, 0.0]
    for each in metered[0]:
        end = node.start_hour + (each.at_ms - calendar.began_unix_ms) * SPEED / _MS_PER_HOUR
        begin = end - each.duration_ms * SPEED / _MS_PER_HOUR
        for which in (0, 1):
            true[which] += _integral(hourly[which], begin, end) / SPEED
    return _ppm(load_mwh, true[0]), _ppm(solar[1], true[1])


def _ppm(told: float, true: float) -> float:
    return round(abs(told - true) / max(abs(true), 1000.0) * 1e6, 1)  # at night there is no sun to be off by


def _integral(hourly: Sequence[int], begin: float, end: float) -> float:
    """mW h under the lines from hour to hour."""
    total, at = 0.0, begin
    while at < end:
        hour = int(at)
        until = min(hour + 1.0, end)
        first, second = hourly[hour % len(hourly)], hourly[(hour + 1) % len(hourly)]
        total += (first + (second - first) * ((at + until) / 2 - hour)) * (until - at)
        at = until
    return total


def _content_off_mwh(node: HomeNode, battery: Sequence[Register], calendar: Calendar) -> int:
    """Worst of all readings at whose end the battery was looked at: those that end with a whole second of its age, as
    windows do that no contactor has cut short."""
    contents = dict(node.contents)
    parts = Counter(each.node_ms % 1000 for each in battery if each.duration_ms)
    whole = max(parts, key=parts.__getitem__, default=0)
    offs = []
    for each in battery:
        age_ms = round((each.at_ms - calendar.began_unix_ms) / 1000) * 1000
        if each.node_ms % 1000 == whole and age_ms in contents:
            flowed = (each.import_mwh * EFFICIENCY - each.export_mwh / EFFICIENCY) * SPEED
            offs.append(contents[age_ms] - flowed)
    return round(max(offs) - min(offs)) if offs else _NONE
