"""Today's energy, read from the store once for all open pages: totals since midnight and bars over the day."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from host_bridge.model import NodeView, StoreError

if TYPE_CHECKING:
    from host_bridge.store import Store

MINUTE_MS, QUARTER_MS = 60_000, 900_000
TOTALS_EVERY_S, BARS_EVERY_S = 3.0, 10.0
READ_SHARE = 0.1  # of the time at most is spent reading: a big fleet's bars are read less often
MINUTES_UP_TO_MS = 3 * 3_600_000  # a day that covers less than this is drawn in minutes
RAW_UP_TO_MS = 6 * MINUTE_MS  # and less than this from the readings themselves
RAW_BIN_MS = 10_000
MOST_ROWS = 5000

Energy = tuple[int, int]  # import, export in mWh


class Bars(NamedTuple):
    """Energy of all homes over the day, in bins of equal length."""

    bin_ms: int
    starts_ms: list[int]  # Unix time of each bin's start
    imported_mwh: list[int]
    exported_mwh: list[int]


class Today:
    """Call `refresh` as often as you like; it reads only when what it holds has aged."""

    def __init__(self, store: "Store", views: Mapping[str, NodeView], zone: tzinfo) -> None:
        self._store, self._views, self._zone = store, views, zone
        self.energy: dict[tuple[str, int], Energy] = {}
        self.bars = Bars(QUARTER_MS, [], [], [])
        self.trouble = ""  # why the store could not be read, in words
        self._totals_due = self._bars_due = 0.0
        self._reading = asyncio.Lock()

    def of_home(self, node: str) -> Energy | None:
        """Energy since midnight of one node, its channels added; None when nothing is stored of today."""
        return _sum([energy for (name, _), energy in self.energy.items() if name == node])

    def of_all(self) -> Energy | None:
        return _sum(list(self.energy.values()))

    async def refresh(self) -> None:
        if self._reading.locked():
            return
        async with self._reading:
            try:
                await self._read(time.monotonic())
                self.trouble = ""
            except StoreError as error:
                self.trouble = f"Stored readings cannot be shown: {error}"

    async def _read(self, started: float) -> None:
        if started >= self._totals_due:
            self._totals_due = started + TOTALS_EVERY_S
            self.energy = await self._store.energy_since(midnight_ms(self._zone, 0))
        if started >= self._bars_due:
            self._bars_due = started + BARS_EVERY_S
            self.bars = await self._read_bars()
            self._bars_due = started + max(BARS_EVERY_S, (time.monotonic() - started) / READ_SHARE)

    async def _read_bars(self) -> Bars:
        start_ms, end_ms, now_ms = midnight_ms(self._zone, 0), midnight_ms(self._zone, 1), _now_ms()
        quarters = await self._rows("quarter", start_ms, end_ms)
        if quarters and now_ms - quarters[0].start_ms > MINUTES_UP_TO_MS:
            return binned(_deltas(quarters), QUARTER_MS, start_ms, end_ms)
        minutes = await self._rows("minute", start_ms, end_ms)
        if minutes and now_ms - minutes[0].start_ms > RAW_UP_TO_MS:
            return binned(_deltas(minutes), MINUTE_MS)
        raw = await self._raw(max(start_ms, now_ms - RAW_UP_TO_MS), now_ms)
        return binned(raw, max(RAW_BIN_MS, self._longest_interval_ms()))

    async def _rows(self, resolution: Any, start_ms: int, end_ms: int) -> list[Any]:
        rows: list[Any] = []
        for node, channel in self._channels():
            rows += await self._store.readings(node, channel, start_ms, end_ms, resolution, MOST_ROWS)
        return sorted(rows, key=lambda row: row.start_ms)

    async def _raw(self, start_ms: int, end_ms: int) -> list[tuple[int, int, int]]:
        deltas: list[tuple[int, int, int]] = []
        for node, channel in self._channels():
            readings = await self._store.readings(node, channel, start_ms, end_ms, "raw", MOST_ROWS)
            deltas += register_deltas(readings)
        return deltas

    def _longest_interval_ms(self) -> int:
        return max((view.interval_s * 1000 for view in self._views.values()), default=0)

    def _channels(self) -> list[tuple[str, int]]:
        return [(view.name, channel) for view in self._views.values() for channel in range(len(view.channels))]


def register_deltas(readings: list[Any]) -> list[tuple[int, int, int]]:
    """(time_ms, import_mwh, export_mwh) between successive readings of one channel; a new journal starts anew."""
    return [
        (new.time_ms - 1, new.energy_import_mwh - old.energy_import_mwh, new.energy_export_mwh - old.energy_export_mwh)
        for old, new in pairwise(readings)
        if old.journal_epoch == new.journal_epoch and new.energy_import_mwh >= old.energy_import_mwh
        and new.energy_export_mwh >= old.energy_export_mwh
    ]  # fmt: skip


def binned(deltas: list[tuple[int, int, int]], bin_ms: int, start_ms: int = 0, end_ms: int = 0) -> Bars:
    """Add up (time_ms, import, export) in bins from `start_ms` to `end_ms`, or over what the deltas span."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for time_ms, imported, exported in deltas:
        total = sums[time_ms // bin_ms * bin_ms]
        total[0] += imported
        total[1] += exported
    if not sums:
        return Bars(bin_ms, [], [], [])
    first, last = (start_ms, end_ms - 1) if end_ms else (min(sums), max(sums))
    starts = list(range(first // bin_ms * bin_ms, last + 1, bin_ms))
    return Bars(bin_ms, starts, [sums[start][0] for start in starts], [sums[start][1] for start in starts])


def _deltas(rows: list[Any]) -> list[tuple[int, int, int]]:
    return [(row.start_ms, row.energy_import_mwh, row.energy_export_mwh) for row in rows]


def _sum(energies: list[Energy]) -> Energy | None:
    return (sum(e[0] for e in energies), sum(e[1] for e in energies)) if energies else None


def midnight_ms(zone: tzinfo, days_ahead: int) -> int:
    """Unix ms of the local midnight that began today, or that begins the day `days_ahead`."""
    day = datetime.fromtimestamp(_now_ms() / 1000, zone).date() + timedelta(days=days_ahead)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return round(midnight.timestamp() * 1000)


def _now_ms() -> int:
    return int(time.time() * 1000)
