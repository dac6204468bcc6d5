"""From registers to energy per minute, quarter of an hour and local day: exact sums, never a spike.

Energy is the difference of two registers and nothing else. A difference that spans buckets is split in proportion to
time and its remainder is carried, so the buckets of a resolution always add up to it. Power, voltage and the time
covered come from the reading's own interval. Pure: no SQL, no clock.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from datetime import time as time_of_day
from functools import lru_cache
from typing import NamedTuple

from host_bridge.store.tables import MS_PER_H, RESOLUTIONS

MAX_BUCKETS = 3000  # a difference is spread over no more: 50 h of minutes, 31 d of quarters, 8 years
MAX_POWER_MW = 10**10  # 10 MW, above what one channel can meter: beyond it a figure is not believed
MAX_VOLTAGE_MV = 10**9
MAX_TIME_MS = 221_845_392_000_000  # the year 9000; no local day can be told much later

Bounds = Callable[[int], tuple[int, int]]


class Register(NamedTuple):
    """The last registers of a channel that have been counted."""

    node_end_ms: int
    time_ms: int
    import_mwh: int
    export_mwh: int


class Row(NamedTuple):
    """What the rollups need of a stored reading; the columns of the query that feeds them."""

    sequence: int
    channel: int
    time_ms: int
    node_end_ms: int
    duration_ms: int
    energy_import_mwh: int
    energy_export_mwh: int
    active_power_mw: int | None
    voltage_rms_mv: int | None


class Cell:
    """The sums of one channel in one bucket."""

    __slots__ = (
        "covered_ms", "import_mwh", "export_mwh", "power_mw_ms", "power_ms",
        "power_min_mw", "power_max_mw", "voltage_mv_ms", "voltage_ms", "readings",
    )  # fmt: skip

    def __init__(self) -> None:
        self.covered_ms = self.import_mwh = self.export_mwh = self.readings = 0
        self.power_mw_ms = self.power_ms = self.voltage_mv_ms = self.voltage_ms = 0
        self.power_min_mw: int | None = None
        self.power_max_mw: int | None = None

    def cover(self, span_ms: int, power_mw: int | None, voltage_mv: int | None) -> None:
        """`span_ms` of an interval with these means lies in this bucket."""
        self.covered_ms += span_ms
        if power_mw is not None and -MAX_POWER_MW <= power_mw <= MAX_POWER_MW:
            self.power_mw_ms += power_mw * span_ms
            self.power_ms += span_ms
            if self.power_min_mw is None or power_mw < self.power_min_mw:
                self.power_min_mw = power_mw
            if self.power_max_mw is None or power_mw > self.power_max_mw:
                self.power_max_mw = power_mw
        if voltage_mv is not None and voltage_mv <= MAX_VOLTAGE_MV:
            self.voltage_mv_ms += voltage_mv * span_ms
            self.voltage_ms += span_ms

    def row(self) -> tuple[int | None, ...]:
        """In the order of the rollup tables' columns."""
        return (
            self.covered_ms, self.import_mwh, self.export_mwh, self.power_mw_ms, self.power_ms,
            self.power_min_mw, self.power_max_mw, self.voltage_mv_ms, self.voltage_ms, self.readings,
        )  # fmt: skip


class Doubt(NamedTuple):
    """A reading that is kept and not counted. `kind` is for programs, `text` for people."""

    kind: str
    node_id: int
    channel: int
    text: str


class Rollup:
    """Sums readings of any number of channels, each channel's in the order of its journal.

    `cells` (resolution -> (node_id, channel, start_ms) -> Cell) and `doubts` are what has come together since
    they were last cleared.
    """

    def __init__(self, timezone: tzinfo) -> None:
        self.cells: dict[str, dict[tuple[int, int, int], Cell]] = {resolution: {} for resolution in RESOLUTIONS}
        self.doubts: list[Doubt] = []
        day = day_bounds(timezone)
        bounds: dict[str, Bounds] = {"minute": _grid(60_000), "quarter": _grid(900_000), "day": day}
        self._bounds = [(self.cells[name], bounds[name], width * MAX_BUCKETS) for name, width in RESOLUTIONS.items()]

    def clear(self) -> None:
        """Forget the cells and doubts, which are stored or given up."""
        for cells in self.cells.values():
            cells.clear()
        self.doubts.clear()

    def add(self, node_id: int, last: Register | None, row: Row) -> Register | None:
        """Count one reading; returns the registers that the next one is compared with."""
        if not 0 <= row.time_ms <= MAX_TIME_MS:
            self.doubts.append(Doubt("time out of range", node_id, row.channel, "a reading has an impossible time"))
            return last
        if last is None:  # nothing is known of the energy before the first register, and none is invented
            self._count(node_id, row, row.duration_ms, 0, 0)
            return Register(row.node_end_ms, row.time_ms, row.energy_import_mwh, row.energy_export_mwh)
        elapsed_ms = _elapsed_ms(last, row)
        longest_ms = max(elapsed_ms, row.time_ms - last.time_ms)
        most = MAX_POWER_MW * longest_ms // MS_PER_H + 1000
        imported = self._difference(node_id, row.channel, last.import_mwh, row.energy_import_mwh, most)
        exported = self._difference(node_id, row.channel, last.export_mwh, row.energy_export_mwh, most)
        self._count(node_id, row, elapsed_ms, imported, exported)
        return Register(row.node_end_ms, row.time_ms, last.import_mwh + imported, last.export_mwh + exported)

    def _difference(self, node_id: int, channel: int, before: int, after: int, most: int) -> int:
        """Energy between two values of a register; 0 when it fell or leapt.

        The value believed stays the last: a register that falls and comes back must not count the way up again.
        """
        if 0 <= after - before <= most:
            return after - before
        kind = "register fell" if after < before else "register leapt"
        text = f"{kind} from {before} to {after} mWh; it is not counted until it is believable again"
        self.doubts.append(Doubt(kind, node_id, channel, text))
        return 0

    def _count(self, node_id: int, row: Row, elapsed_ms: int, imported: int, exported: int) -> None:
        """Add to the buckets of [time - elapsed, time]; the reading's own interval is the end of that span."""
        if not (row.duration_ms or imported or exported):
            return
        end = row.time_ms
        for cells, bounds, longest_ms in self._bounds:
            start = end - min(elapsed_ms, longest_ms)
            own = max(start, end - row.duration_ms)
            low, high = bounds(start)
            shared_in = shared_out = 0
            while True:
                cell = cells.get((node_id, row.channel, low))
                if cell is None:
                    cell = cells[node_id, row.channel, low] = Cell()
                last = end <= high
                upto = end if last else high
                part_in = imported if last else imported * (upto - start) // (end - start)
                part_out = exported if last else exported * (upto - start) // (end - start)
                cell.import_mwh += part_in - shared_in
                cell.export_mwh += part_out - shared_out
                shared_in, shared_out = part_in, part_out
                begin = own if own > low else low
                if upto > begin:
                    cell.cover(upto - begin, row.active_power_mw, row.voltage_rms_mv)
                if last:
                    cell.readings += row.duration_ms > 0
                    break
                low, high = bounds(high)


def _elapsed_ms(last: Register, row: Row) -> int:
    """Time since the last registers, by the node's clock: a step of ours must not smear energy over hours.

    After a reboot the node's clock begins again, and only ours can tell.
    """
    elapsed_ms = row.node_end_ms - last.node_end_ms
    if elapsed_ms >= row.duration_ms:
        return elapsed_ms
    return max(row.time_ms - last.time_ms, row.duration_ms)


def _grid(width_ms: int) -> Bounds:
    return lambda moment_ms: (moment_ms - moment_ms % width_ms, moment_ms - moment_ms % width_ms + width_ms)


def day_bounds(timezone: tzinfo) -> Bounds:
    """Start and end of the local day that holds a moment; 23 or 25 h long where the clocks change."""

    @lru_cache(maxsize=4096)
    def of_quarter(quarter: int) -> tuple[int, int]:  # offsets from UTC are multiples of a quarter of an hour
        day = datetime.fromtimestamp(quarter * 900, timezone).date()
        midnights = [datetime.combine(d, time_of_day(), timezone) for d in (day, day + timedelta(days=1))]
        low, high = (round(midnight.timestamp() * 1000) for midnight in midnights)
        return low, high

    return lambda moment_ms: of_quarter(moment_ms // 900_000)
