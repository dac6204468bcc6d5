"""What the meters have counted since the last look, kept in the books, and what is wrong with the homes' meters."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from host_bridge.agent.energy import metering
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.metering import Found, Metering, Progress
from host_bridge.model import LinkState, NodeView
from host_bridge.store.book_rows import IntervalRow, StateRow

LATE_STEPS = 3  # behind that many intervals, the meter of a node that is online tells late
KINDS = {"missing": "meter missing", "fault": "meter missing", "wrong sign": "meter wrong sign",
         "frozen": "meter frozen"}  # fmt: skip
METER_CAUSES = ("meter missing", "meter wrong sign", "meter frozen", "solar meter")


class Watching:
    """Of all homes. `is_late` tells whether an interval has been settled without the home already."""

    def __init__(
        self, keeper: Bookkeeper, meters: Metering, houses: Sequence[House], step_s: int,
        is_late: Callable[[int], bool],
    ) -> None:  # fmt: skip
        self._keeper, self._meters, self._houses, self._step_s = keeper, meters, houses, step_s
        self._is_late = is_late
        self.progress: dict[str, Progress] = {}

    async def resume(self) -> None:
        """Where each home's metering stood. Raises StoreError."""
        for row in await self._keeper.rows(StateRow, "name LIKE 'marks:%'"):
            found = metering.resumed(row.body, self._step_s)
            if found is not None:
                self.progress[row.name.partition(":")[2]] = found

    def taking_part(self, start_s: int) -> list[str]:
        """Homes whose meters are known since `start_s` or before."""
        known = self.progress
        return [house.name for house in self._houses if house.name in known and known[house.name].begun_s <= start_s]

    async def collect(self, views: Mapping[str, NodeView], now_s: int) -> list[IntervalRow]:
        """All intervals that are complete by now, kept in the books with how far each home is. Raises StoreError."""
        rows: list[IntervalRow] = []
        for house in self._houses:
            view = views.get(house.node)
            if view is None or not view.channels:
                self._say(house, None, now_s)
                continue
            found = await self._of_home(house, view, now_s)
            rows += [each.row for each in found]
            self._judge(house, view, found, now_s)
        return rows

    async def _of_home(self, house: House, view: NodeView, now_s: int) -> list[Found]:
        progress = self.progress.get(house.name)
        if progress is None:
            begun = await self._meters.begin(house, view, now_s - now_s % self._step_s - self._step_s)
            if begun is not None:
                await self._keeper.add([begun.row(house.name)])
                self.progress[house.name] = begun
            return []
        before = progress.at_s, progress.marks, deepcopy(progress.checks)
        found = await self._meters.collect(house, view, progress, now_s)
        if found:
            found = [each._replace(row=each.row._replace(is_late=int(self._is_late(each.row.start_s))))
                     for each in found]  # fmt: skip
            try:
                await self._keeper.add([*(each.row for each in found), progress.row(house.name)])
            except BaseException:
                progress.at_s, progress.marks, progress.checks = before  # not kept: counted again next time
                raise
        return found

    def _judge(self, house: House, view: NodeView, found: Sequence[Found], now_s: int) -> None:
        """Put the causes that the last interval shows, or lift them."""
        if found:
            wrong = found[-1].wrong
            house.meters = {part: wrong.get(part, "good") for part in house.parts()}
            for kind in METER_CAUSES:
                house.standing.put(kind, None)
            for part, words in wrong.items():
                name = words.partition(":")[0]
                kind = "solar meter" if part == "solar" else KINDS.get(name, "meter missing")
                house.standing.put(kind, f"{part} {words}")
        self._say(house, view, now_s)

    def _say(self, house: House, view: NodeView | None, now_s: int) -> None:
        """Missing altogether, or late."""
        progress = self.progress.get(house.name)
        online = view is not None and view.link_state is LinkState.ONLINE
        unknown = [part for part in house.parts() if online and house.index(view, part) is None]
        for part in unknown:
            house.meters[part] = f"missing: its node has no channel {house.channel(part)}"
        if "grid" in unknown or "battery" in unknown:
            house.standing.put("meter missing", "; ".join(f"{part} {house.meters[part]}" for part in unknown))
        behind = 0 if progress is None else (now_s - progress.at_s) // self._step_s
        late = online and progress is not None and behind > LATE_STEPS
        house.standing.put("meter late", f"{behind} intervals have not come yet" if late else None)
