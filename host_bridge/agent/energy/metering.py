"""From the store's readings to the rows of the books: what each home's meters counted in each interval, in order.

A home's intervals follow each other without a gap: each begins with the marks that the one before ended with, and one
whose readings have not all come holds up those behind it. So late energy is counted in its own interval, once.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from host_bridge.agent import metered
from host_bridge.agent.energy.checks import Counted, MeterChecks
from host_bridge.agent.energy.house import House
from host_bridge.agent.grid_time import GridTime
from host_bridge.agent.metered import Mark
from host_bridge.model import NodeView, Reading
from host_bridge.store.book_rows import IntervalRow, StateRow

MOST_ROWS = 10_000  # of one look into the store
MOST_INTERVALS = 400  # of one home in one go
SILENT_S = 1800  # of the grid: a channel that tells nothing for so long, while others do, is missing

Readings = Callable[[str, int, int, int, str, int], Awaitable[Sequence[Any]]]  # Store.readings
Received = Callable[[str, int], Awaitable[tuple[int, set[int]]]]  # Store.received


class Found(NamedTuple):
    """An interval of a home, with what is wrong: {part: words}."""

    row: IntervalRow
    wrong: dict[str, str]


@dataclass(slots=True)
class Progress:
    """How far a home is metered: from `begun_s` until `at_s`, with the marks there by part (None: it was missing)."""

    begun_s: int
    at_s: int
    marks: dict[str, Mark | None]
    checks: MeterChecks
    since_ms: dict[str, int] = field(default_factory=dict)  # by part: time of the reading before the mark

    def row(self, home: str) -> StateRow:
        """What goes on after a restart."""
        return StateRow(f"marks:{home}", json.dumps({"begun_s": self.begun_s, "at_s": self.at_s,
                        "marks": self.marks, "since_ms": self.since_ms}))  # fmt: skip


def resumed(body: str, step_s: int) -> Progress | None:
    """From StateRow's body; None where it is not ours."""
    try:
        said = json.loads(body)
        marks = {part: Mark(*mark) if mark else None for part, mark in said["marks"].items()}
        since = {part: int(at_ms) for part, at_ms in said["since_ms"].items()}
        return Progress(int(said["begun_s"]), int(said["at_s"]), marks, MeterChecks(step_s), since)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class Metering:
    """Reads what has come of one home after another. `grid`: its clock."""

    def __init__(self, readings: Readings, received: Received, grid: GridTime, step_s: int) -> None:
        self._readings, self._received, self._grid, self._step_s = readings, received, grid, step_s

    async def begin(self, house: House, view: NodeView, at_s: int) -> Progress | None:
        """Marks at `at_s`, from which `house` is metered; None: its grid meter has not told yet."""
        readings = await self._come(house, view, at_s, {})
        marks = self._marks(house, readings, {}, at_s, {})
        if marks.get("grid") is None:
            return None
        return Progress(at_s, at_s, marks, MeterChecks(self._step_s), self._before(readings, at_s, {}))

    async def collect(self, house: House, view: NodeView, progress: Progress, until_s: int) -> list[Found]:
        """The intervals that are complete, up to `until_s`; `progress` is moved on. Raises StoreError."""
        if progress.at_s + self._step_s > until_s:
            return []
        whole = await self._whole(view.name, progress)
        readings = await self._come(house, view, progress.at_s, progress.since_ms)
        found: list[Found] = []
        while progress.at_s + self._step_s <= until_s and len(found) < MOST_INTERVALS:
            end_s = progress.at_s + self._step_s
            marks = self._marks(house, readings, progress.marks, end_s, whole)
            untold = [part for part in house.parts() if marks.get(part) is None]
            if not all(self._given_up(part, readings, end_s) for part in untold):
                break
            missing = [part for part in house.parts() if part in untold or progress.marks.get(part) is None]
            found.append(self._interval(house, progress, marks, readings, missing))
            progress.at_s, progress.marks = end_s, marks
            progress.since_ms = self._before(readings, end_s, progress.since_ms)
        return found

    async def _whole(self, node: str, progress: Progress) -> dict[int, int]:
        """{journal epoch: sequence below which everything has come, or never will}."""
        epochs = {mark.epoch for mark in progress.marks.values() if mark}
        return {epoch: (await self._received(node, epoch))[0] for epoch in epochs}

    async def _come(
        self, house: House, view: NodeView, at_s: int, since_ms: Mapping[str, int]
    ) -> dict[str, list[Reading]]:  # fmt: skip
        """{part: readings} from the one before `at_s` on."""
        at_ms, reach_ms = self._grid.unix_ms(at_s), max(120_000, 4000 * view.interval_s)
        come: dict[str, list[Reading]] = {}
        for part in house.parts():
            number = house.index(view, part)
            if number is not None:
                since = min(at_ms - reach_ms, since_ms.get(part, at_ms))
                rows = await self._readings(house.node, number, since, 1 << 53, "raw", MOST_ROWS)
                come[part] = [row for row in rows if isinstance(row, Reading)]
        return come

    def _before(self, come: Mapping[str, list[Reading]], at_s: int, last: Mapping[str, int]) -> dict[str, int]:
        """{part: time of its reading at `at_s` or the last before}: however long a silence, a mark needs that one."""
        at_ms, found = self._grid.unix_ms(at_s), dict(last)
        for part, readings in come.items():
            before = [each.time_ms for each in readings if each.time_ms <= at_ms]
            if before:
                found[part] = before[-1]
        return found

    def _marks(
        self, house: House, come: Mapping[str, list[Reading]], last: Mapping[str, Mark | None], at_s: int,
        whole: Mapping[int, int],
    ) -> dict[str, Mark | None]:  # fmt: skip
        at_ms = self._grid.unix_ms(at_s)
        found: dict[str, Mark | None] = {}
        for part in house.parts():
            mark = metered.mark(come.get(part, []), at_ms, last.get(part))
            settled = mark is not None and (mark.is_exact or mark.after < whole.get(mark.epoch, 0))
            found[part] = mark if settled else None
        return found

    def _given_up(self, part: str, come: Mapping[str, list[Reading]], end_s: int) -> bool:
        """Whether `part` tells nothing there while the grid's meter has gone on for SILENT_S: nobody waits for it. One
        whose readings have come in part is waited for."""
        if part == "grid":
            return False
        others = come.get("grid", [])
        newest_ms = others[-1].time_ms if others else 0
        gone_on = newest_ms >= self._grid.unix_ms(end_s + SILENT_S)
        return gone_on and metered.mark(come.get(part, []), self._grid.unix_ms(end_s)) is None

    def _interval(
        self, house: House, progress: Progress, marks: dict[str, Mark | None], come: Mapping[str, list[Reading]],
        missing: Sequence[str],
    ) -> Found:  # fmt: skip
        start_s, end_s = progress.at_s, progress.at_s + self._step_s
        counted: dict[str, Counted] = {}
        where: dict[str, list[list[int]]] = {}
        for part in house.parts():
            first, beyond = progress.marks.get(part), marks.get(part)
            if first is not None and beyond is not None:
                counted[part] = self._counted(first, beyond, come.get(part, []))
                where[part] = [[mark.epoch, mark.before, mark.after] for mark in (first, beyond)]
        wrong = progress.checks.look(counted, missing)
        nothing = Counted(0, 0)
        grid, solar, battery = (counted.get(part, nothing) for part in ("grid", "solar", "battery"))
        flags = "; ".join(f"{part}: {words}" for part, words in wrong.items())
        row = IntervalRow(
            house.name, start_s, end_s - start_s, grid.import_mwh, grid.export_mwh,
            solar.export_mwh - solar.import_mwh, battery.import_mwh, battery.export_mwh, 0, flags, json.dumps(where),
        )  # fmt: skip
        return Found(row, wrong)

    def _counted(self, first: Mark, beyond: Mark, readings: Sequence[Reading]) -> Counted:
        imported, exported = metered.between(first, beyond, readings)
        within = [each for each in readings if first.at_ms < each.time_ms <= beyond.at_ms]
        quality = 0
        for each in within:
            quality |= each.quality & 0x3FF
        told = sum(abs(each.active_power_mw or 0) * each.duration_ms for each in within) // 3_600_000
        energy = self._grid.energy_mwh
        return Counted(energy(imported), energy(exported), quality, energy(told))
