"""The pool is paid out once a day: whole, and by what each home added to the community's day.

Settlement leaves in the pool what nobody's line has: pooled, all that one bill saves; with a market, part of the gain
on what was not traded. When all of a local day is settled, or PATIENCE_S after its end without those whose meters have
not told, the homes receive it in proportion to their Shapley values of that day (market.coalition). None is below 0,
so no home pays more in the end than at the grid alone. What comes in for that day later is in the next day's.

A payment is a line in the day's last second, with the pool's beside it: kept together with how far it goes, or not at
all, so no day is paid twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import numpy as np

from host_bridge.agent.energy import bills
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.settling import GRACE
from host_bridge.agent.energy.tariff import Tariff as Prices
from host_bridge.market import coalition
from host_bridge.market.sharing import dividend
from host_bridge.market.tariff import Tariff
from host_bridge.store.book_rows import IntervalRow, LineRow, StateRow

PATIENCE_S = 3 * 86_400
STEPS = GRACE + 2  # after which the day's last interval is settled for those whose meters have told
POOL = "=pool"
STATE = "paid out until"
ORDERS = 20_000  # of homes, drawn for a day where there are too many for exact shares: a second of a thread
LEAST_SAMPLES = 100
SETTLED = """start_s >= ? AND start_s < ? AND EXISTS
    (SELECT 1 FROM lines WHERE lines.start_s = intervals.start_s AND lines.home = intervals.home)"""


@dataclass(frozen=True, slots=True)
class Paid:
    """What was paid out of the pool, micro-units, for the local day from `begin_s` to before `end_s`."""

    begin_s: int
    end_s: int
    micro: int


class PayingOut:
    """`held_micro`: what the pool has now. `last`: the newest day that was paid out."""

    def __init__(
        self, keeper: Bookkeeper, homes: Sequence[str], prices: Prices, zone: tzinfo, step_s: int,
        on_lines: Callable[[Sequence[LineRow]], None],
    ) -> None:  # fmt: skip
        self._keeper, self._homes, self._prices, self._zone = keeper, tuple(homes), prices, zone
        self._last_s, self._on_lines = STEPS * step_s, on_lines
        self._until_s: int | None = None  # the end of the last day that was paid; None: nothing was settled yet
        self.held_micro = 0
        self.last: Paid | None = None

    async def resume(self) -> None:
        """How far it went before a restart, and what the pool holds. Raises StoreError."""
        kept = await self._keeper.rows(StateRow, "name = ?", (STATE,))
        pool = await self._keeper.rows(LineRow, f"home LIKE '{POOL}%'")
        self.held_micro = -sum(map(bills.owed, pool))
        payments = [line for line in pool if line.is_payment]
        if payments:
            last = payments[-1]
            self.last = Paid(self._midnight(last.start_s), last.start_s + 1, last.dividend_micro)
        if kept:
            self._until_s = int(kept[0].body)
        elif pool:
            self._until_s = self._midnight(pool[0].start_s)

    def add(self, lines: Iterable[LineRow]) -> None:
        """New lines of the books."""
        for line in lines:
            if line.home.startswith(POOL):
                self.held_micro -= bills.owed(line)
                if self._until_s is None:
                    self._until_s = self._midnight(line.start_s)

    async def pay(self, now_s: int, is_open: Callable[[int], bool]) -> Paid | None:
        """The next day, if it is due; `is_open`: whether an interval before a moment waits for a meter. Raises
        StoreError: it is paid later."""
        begin_s = self._until_s
        if begin_s is None:
            return None
        end_s = self._next_midnight(begin_s)
        if now_s < end_s + (PATIENCE_S if is_open(end_s) else self._last_s):
            return None
        newer = await self._keeper.rows(LineRow, f"start_s >= ? AND home LIKE '{POOL}%'", (end_s,))
        micro = max(0, self.held_micro + sum(map(bills.owed, newer)))
        lines = await self._lines(begin_s, end_s, micro, now_s) if micro else []
        if wrong := bills.unbalanced(lines):
            raise AssertionError(f"what is paid out of the pool for {end_s} sums to {wrong} micro-units")
        await self._keeper.add([*lines, StateRow(STATE, str(end_s))])
        self.add(lines)
        self._on_lines(lines)
        self._until_s = end_s
        if not micro:
            return None
        self.last = Paid(begin_s, end_s, micro)
        return self.last

    async def _lines(self, begin_s: int, end_s: int, micro: int, now_s: int) -> list[LineRow]:
        rows = await self._keeper.rows(IntervalRow, SETTLED, (begin_s, end_s))
        weights = await asyncio.to_thread(self._weights, rows)
        parts = {home: part for home, part in dividend(micro, weights).items() if part}
        received = {home: -part for home, part in parts.items()} | {POOL: micro}
        return [
            LineRow(end_s - 1, name, 0, 0, 0, 0, 0, 0, now_s, 0, dividend_micro=owed)
            for name, owed in received.items()
        ]  # fmt: skip

    def _weights(self, rows: Sequence[IntervalRow]) -> dict[str, int]:
        """Each home's Shapley value of what `rows` save by one bill, micro-units; the same for the same rows."""
        tariffs = {start_s: price for start_s in sorted({row.start_s for row in rows})
                   if (price := self._prices.at(start_s)) is not None}  # fmt: skip
        if not tariffs:
            return dict.fromkeys(self._homes, 0)
        place = {start_s: at for at, start_s in enumerate(tariffs)}
        homes = {home: at for at, home in enumerate(sorted({row.home for row in rows} | set(self._homes)))}
        energy = np.zeros((2, len(homes), len(place)), np.int64)
        for row in rows:
            if row.start_s in place:
                energy[:, homes[row.home], place[row.start_s]] = row.import_mwh, row.export_mwh
        prices = [Tariff(price.buy_mct, price.sell_mct) for price in tariffs.values()]
        samples = max(LEAST_SAMPLES, min(coalition.SAMPLES, ORDERS // len(homes)))
        members = coalition.settle(coalition.Period(list(homes), energy[0], energy[1], prices), samples)
        return {member.home: max(0, member.share_micro) for member in members}

    def _midnight(self, at_s: int) -> int:
        """At which the local day of `at_s` began."""
        day = datetime.fromtimestamp(at_s, self._zone)
        return int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())

    def _next_midnight(self, midnight_s: int) -> int:
        """Local days have 23 to 25 hours."""
        tomorrow = datetime.fromtimestamp(midnight_s, self._zone) + timedelta(days=1)  # by the clock on the wall
        return self._midnight(int(tomorrow.timestamp()))
