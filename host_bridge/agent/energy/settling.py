"""Settles what is metered: each home's interval once, those that come late when they come, all of it kept at once.

An interval is settled as soon as all homes have told, or GRACE intervals after its end without those that have not.
Homes that are metered alone are settled one by one; trade and the community's own balance need them together.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from host_bridge.agent.energy import bills
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.tariff import Tariff as Prices
from host_bridge.market.clearing import Clearing
from host_bridge.market.settlement import Fees, Settled
from host_bridge.market.tariff import Tariff
from host_bridge.store.book_rows import AwardRow, IntervalRow, LineRow, MarketRow, StateRow

GRACE = 2  # intervals
UNSETTLED = """NOT EXISTS
    (SELECT 1 FROM lines WHERE lines.start_s = intervals.start_s AND lines.home = intervals.home)"""


class Settling:
    """`waiting`: rows that are metered and not settled, by interval and home. `taking_part`: the homes of the interval
    that begins then, which are those whose meters are known by then."""

    def __init__(
        self, keeper: Bookkeeper, taking_part: Callable[[int], Sequence[str]], prices: Prices, fees: Fees, step_s: int,
        together: bool, on_lines: Callable[[Sequence[LineRow]], None],
    ) -> None:  # fmt: skip
        self._keeper, self._taking_part, self._prices, self._fees = keeper, taking_part, prices, fees
        self._step_s, self._together, self._on_lines = step_s, together, on_lines
        self.waiting: dict[int, dict[str, IntervalRow]] = defaultdict(dict)
        self._settled: dict[int, Settled] = {}  # those with open homes

    async def resume(self) -> None:
        """What was left from before a restart: rows without a line. Raises StoreError."""
        for row in await self._keeper.rows(IntervalRow, UNSETTLED):
            self.metered(row)
        for state in await self._keeper.rows(StateRow, "name LIKE 'settled:%' AND body <> ''"):
            before = bills.resumed(state)
            if before is not None:
                self._settled[int(state.name.partition(":")[2])] = before

    def metered(self, row: IntervalRow) -> None:
        """An interval of a home to be settled; it is kept in the books already."""
        self.waiting[row.start_s][row.home] = row

    def is_settled(self, start_s: int) -> bool:
        """Whether others of this interval have been settled without somebody."""
        return start_s in self._settled

    def is_open_before(self, moment_s: int) -> bool:
        """Whether an interval that began before waits for a meter or a price."""
        return any(start_s < moment_s for known in (self._settled, self.waiting) for start_s in known)

    def open_intervals(self, home: str | None = None) -> int:
        """How many (interval, home) are known to wait: metered and not settled, or not metered while others are."""
        late = sum(len(each.open) if home is None else home in each.open for each in self._settled.values())
        return late + sum(
            len(rows) if home is None else home in rows
            for start, rows in self.waiting.items() if start not in self._settled
        )  # fmt: skip

    async def settle(self, now_s: int) -> list[LineRow]:
        """All that can be settled now; the lines that are new. Raises StoreError: what was not kept is done later."""
        new: list[LineRow] = []
        for start_s in sorted(self.waiting):
            tariff = self._tariff(start_s)
            if tariff is None:
                continue
            rows = self.waiting[start_s]
            if not self._together:
                new += await self._alone(start_s, rows, tariff, now_s)
            elif start_s in self._settled:
                new += await self._late(start_s, rows, tariff, now_s)
            elif set(self._taking_part(start_s)) <= rows.keys() or now_s >= start_s + (1 + GRACE) * self._step_s:
                new += await self._first(start_s, rows, tariff, now_s)
        return new

    def _tariff(self, start_s: int) -> Tariff | None:
        """A bill is not changed later: the one by which the others were settled goes before."""
        if start_s in self._settled and self._settled[start_s].tariff is not None:
            return self._settled[start_s].tariff
        price = self._prices.at(start_s)
        return None if price is None else Tariff(price.buy_mct, price.sell_mct)

    async def _alone(
        self, start_s: int, rows: Mapping[str, IntervalRow], tariff: Tariff, now_s: int
    ) -> list[LineRow]:  # fmt: skip
        late = now_s >= start_s + (1 + GRACE) * self._step_s
        lines = [line for row in rows.values() for line in bills.alone_rows(start_s, row, tariff, now_s, late)]
        await self._keep(start_s, lines, [])
        del self.waiting[start_s]
        return lines

    async def _first(
        self, start_s: int, rows: Mapping[str, IntervalRow], tariff: Tariff, now_s: int
    ) -> list[LineRow]:  # fmt: skip
        cleared = await self._clearing(start_s)
        homes = self._taking_part(start_s)
        settled, lines = bills.settled_rows(start_s, rows, homes, cleared, tariff, self._fees, None, now_s)
        await self._keep(start_s, lines, [bills.kept(start_s, settled)] if settled.open else [])
        del self.waiting[start_s]
        if settled.open:
            self._settled[start_s] = settled
        return lines

    async def _late(
        self, start_s: int, rows: dict[str, IntervalRow], tariff: Tariff, now_s: int
    ) -> list[LineRow]:  # fmt: skip
        cleared, new = await self._clearing(start_s), []
        for home in sorted(rows):
            before = self._settled[start_s]
            own = {home: rows[home]}
            settled, lines = bills.settled_rows(start_s, own, (), cleared, tariff, self._fees, before, now_s)
            await self._keep(start_s, lines, [bills.kept(start_s, settled)])
            self._settled[start_s] = settled
            del rows[home]
            new += lines
        del self.waiting[start_s]
        if not self._settled[start_s].open:
            del self._settled[start_s]
        return new

    async def _clearing(self, start_s: int) -> Clearing:
        market = await self._keeper.rows(MarketRow, "start_s = ?", (start_s,))
        awards = await self._keeper.rows(AwardRow, "start_s = ?", (start_s,))
        return bills.clearing(market[0] if market else None, awards)

    async def _keep(self, start_s: int, lines: Sequence[LineRow], states: Sequence[StateRow]) -> None:
        """All or nothing; an interval whose accounts do not sum to zero is a fault of the program, never a bill."""
        wrong = bills.unbalanced(lines)
        if wrong:
            raise AssertionError(f"the accounts of the interval at {start_s} sum to {wrong} micro-units")
        await self._keeper.add([*lines, *states])
        self._on_lines(lines)
