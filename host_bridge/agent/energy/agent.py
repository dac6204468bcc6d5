"""The energy agent: one task beside the WorldHost. Each interval of the grid it meters, settles, foretells, trades,
decides and acts, and has the next plan made beside the loop; between intervals it looks whether what was decided holds.

Nothing is asked of a node whose reason is not in the books. Whatever fails puts homes down the ladder, where less is
asked of them; on its last rung nothing is.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any

from host_bridge.agent import narrative
from host_bridge.agent.energy import plan_shown, showing, starting, stepping, tariff
from host_bridge.agent.energy.account_today import Today
from host_bridge.agent.energy.account_today import read as read_today
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.house import Now
from host_bridge.agent.energy.ladder import LAST_PLAN
from host_bridge.agent.energy.leasing import Outcome
from host_bridge.agent.energy.parts import Parts, assemble
from host_bridge.agent.energy.situation import Interval, net_mwh, situation
from host_bridge.agent.energy.tariff import TariffError
from host_bridge.agent.energy.view import EnergyView, HomeView
from host_bridge.agent.energy.wishes import Wishes
from host_bridge.agent.narrative import Account
from host_bridge.config import Config, ConfigError
from host_bridge.events import EventLog
from host_bridge.model import StoreError
from host_bridge.store.book_rows import IntervalRow, OutcomeRow
from host_bridge.store.books import Books

if TYPE_CHECKING:
    from host_bridge.agent.feeder.drawing import Picture
    from host_bridge.dispatch import Dispatch
    from host_bridge.fleet import Fleet
    from host_bridge.store import Store

TICK_S = 1.0
LOOKS = 15  # in an interval, at most one a tick
METER_LOOKS = 4  # of which so many look for energy that has come
RETRY_S = 10.0  # between attempts to open the books
KEEP_DAYS = 3  # of plans, forecasts and orders


class EnergyAgent:
    """`clock_ms` never jumps, `wall_ms` is Unix time. Raises ConfigError: the prices cannot be used."""

    def __init__(
        self, config: Config, fleet: "Fleet", dispatch: "Dispatch", store: "Store", events: EventLog,
        books: Books | None = None,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        self._config, self._fleet, self._dispatch, self._store, self._events = config, fleet, dispatch, store, events
        self._clock_ms, self._wall_ms = clock_ms, wall_ms
        try:
            self._tariff = tariff.read(config.tariff, config.zone)
        except TariffError as error:
            raise ConfigError(str(error)) from None
        self._keeper = Bookkeeper(books or Books(config.books))
        self.parts: Parts | None = None  # None: the books were not opened yet
        self.interval: Interval | None = None
        self.today = Today()
        self._seen_s, self._looked_s, self._metered_s = 0, 0, 0
        self._books_fault, self._clock_fault = "the books are not open yet", ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._replan = False
        self._failed: BaseException | None = None  # a task's programming error: it ends the bridge, as any other
        self._shown: tuple[int, EnergyView] | None = None

    # Life

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self.advance(self._wall_ms())
                await asyncio.sleep(TICK_S if self.parts else RETRY_S)
        finally:
            await self.close()

    async def advance(self, unix_ms: int) -> None:
        """Do what is due at `unix_ms`. What takes long goes on beside; `settled` waits for it."""
        if self._failed is not None:
            raise self._failed
        try:
            if self.parts is None:
                self.parts = await self._open(unix_ms)
            if self._keeper.fault:  # of a write beside the loop, or before: is there room again?
                await self._keeper.add(stepping.states(self.parts))
            await self._advance(self.parts, self.parts.grid.grid_s(unix_ms), unix_ms)
            self._books_fault = ""
        except StoreError as error:
            await self._stand_still(str(error))
        if self.parts is not None:
            self.parts.leasing.ask(self._fleet.views)

    async def settled(self) -> None:
        """Wait for what is under way beside the loop: plans, requests, documents."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """End what is under way; nothing is given back, leases end by themselves."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(StoreError):
            if self.parts is not None and not self._keeper.fault:
                await self._keeper.add(stepping.states(self.parts))
            await self._keeper.close()

    # For people and programs

    def view(self) -> EnergyView:
        """All that is shown, made anew at most once a second."""
        now_ms = self._clock_ms()
        if self._shown is None or now_ms >= self._shown[0] + 1000:
            self._shown = now_ms, showing.view(self, self._wall_ms(), self._books_fault)
        return self._shown[1]

    def home(self, name: str) -> HomeView:
        """Raises KeyError: no home is called so."""
        return next((home for home in self.view().homes if home.name == name), None) or _no_home(name)

    @property
    def keeper(self) -> Bookkeeper:
        """The books, for those who read them."""
        return self._keeper

    @property
    def preferences(self) -> Wishes:
        """What people want. Raises StoreError: the books are not open yet."""
        return self.opened().wishes

    async def past(self, home: str, since_s: int) -> list[IntervalRow]:
        """What the meters of `home` counted since then, oldest first. Raises StoreError."""
        return await self._keeper.rows(IntervalRow, "home = ? AND start_s >= ?", (home, since_s))

    async def account(self, home: str, day: str, length: str = "short") -> Account:
        """What happened, was decided and cost on a local day, as 2026-07-01. Raises KeyError: no such home; ValueError:
        no such day or length; StoreError."""
        parts = self.opened()
        if home not in parts.sums or not home:
            raise KeyError(home)
        midnight = datetime.combine(date.fromisoformat(day), clock_time(), parts.zone)
        begin_s, end_s = int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())
        found = await self._keeper.read(lambda books: narrative.read(books, home, begin_s, end_s))
        return narrative.tell(found, length, parts.zone)

    def today_local(self) -> str:
        """The grid's day in the configuration's zone, as 2026-07-01. Raises StoreError."""
        return datetime.fromtimestamp(self.now_s, self.opened().zone).strftime("%Y-%m-%d")

    def feeder_picture(self) -> "Picture | None":
        """Of the last interval; None: no feeder is configured, or its state is not known."""
        return self.parts.trading.picture if self.parts else None

    @property
    def now_s(self) -> int:
        """The grid's clock. Raises StoreError: the books, which know it, are not open yet."""
        return self.opened().grid.grid_s(self._wall_ms())

    def opened(self) -> Parts:
        """Raises StoreError: the books are not open yet."""
        if self.parts is None:
            raise StoreError(f"the energy agent has not begun: {self._books_fault}")
        return self.parts

    # Parts of the above

    async def _open(self, unix_ms: int) -> Parts:
        await self._keeper.open()
        grid = await starting.grid_time(self._config.agent, self._keeper, unix_ms)
        now_s = grid.grid_s(unix_ms)
        parts = assemble(
            self._config, grid, self._keeper, self._tariff, self._store, self._dispatch, self._fleet.views, self._tell,
            self._spawn, self._clock_ms, self._told, self._changed, lambda: grid.grid_s(self._wall_ms()),
        )  # fmt: skip
        await starting.resume(parts, self._store, now_s)
        parts.say("info", "energy agent started", f"the energy agent looks after {len(parts.houses)} homes")
        return parts

    async def _advance(self, parts: Parts, now_s: int, unix_ms: int) -> None:
        nows = {house.name: house.now(self._fleet.views, unix_ms) for house in parts.houses}
        starting.see(parts, nows, now_s)
        start_s = now_s - now_s % parts.step_s
        before = self.interval
        if before is not None and start_s < before.start_s:
            if not self._clock_fault:
                self._clock_fault = f"it is {before.start_s - start_s} s back; what is decided already is not again"
                parts.say("warning", "energy clock", f"the clock was set back: {self._clock_fault}")
            stepping.judge(parts, nows, now_s, "", self._clock_fault)
            await self._take_rungs(parts, now_s)
            return
        self._clock_fault = ""
        if before is None or start_s > before.start_s:
            await self._step(parts, nows, now_s, start_s)
        elif now_s >= self._looked_s + max(1, parts.step_s // LOOKS):
            if now_s >= self._metered_s + parts.step_s // METER_LOOKS:
                self._metered_s = now_s
                await stepping.meter(parts, now_s)
            stepping.judge(parts, nows, now_s, "", "")
            await self._take_rungs(parts, now_s)
            await self._act(parts, nows, now_s, unix_ms)

    async def _step(self, parts: Parts, nows: dict[str, Now], now_s: int, start_s: int) -> None:
        missed = (start_s - self.interval.start_s) // parts.step_s - 1 if self.interval else 0
        if missed > 0:
            parts.count("intervals_missed", missed)
            parts.say("warning", "energy intervals missed", f"{missed} intervals went by without a decision")
        self._metered_s = now_s
        await stepping.meter(parts, now_s)
        await stepping.foretell(parts, start_s)
        its = Interval(start_s, start_s + parts.step_s)
        its.begun_mwh = net_mwh(parts)
        stepping.price(parts, its)
        stepping.judge(parts, nows, now_s, "", "")
        await stepping.trade(parts, its, nows)
        await self._take_rungs(parts, now_s)
        self.interval = its
        parts.count("steps")
        await self._act(parts, nows, now_s, parts.grid.unix_ms(now_s))
        await parts.keeper.add(stepping.states(parts))
        self.today = await read_today(parts.keeper, [house.name for house in parts.houses], now_s, parts.zone)
        if start_s % 86_400 < parts.step_s:
            await parts.keeper.prune(now_s - KEEP_DAYS * 86_400)
        self._plan_beside(parts, nows, now_s)

    async def _take_rungs(self, parts: Parts, now_s: int) -> None:
        rows = stepping.climb(parts, now_s)
        for house in parts.houses:
            if not house.standing.may(LAST_PLAN):
                parts.acting.rest(house, [each for each in parts.appliances if each.home == house.name])
        if rows:
            await parts.keeper.add(rows)

    async def _act(self, parts: Parts, nows: dict[str, Now], now_s: int, unix_ms: int) -> None:
        """Decide and ask, where there is a plan and a price. Raises StoreError: nothing new was asked."""
        self._looked_s = now_s
        if self._replan:  # a wish that has just been said goes before what was planned without it
            self._plan_beside(parts, nows, now_s)
            return
        if self.interval is None:
            return
        steered = [house for house in parts.houses if house.standing.may(LAST_PLAN)]
        until_ms = self._clock_ms() + max(0, parts.grid.unix_ms(self.interval.end_s) - unix_ms)
        found = situation(parts, self.interval, steered, nows, now_s, until_ms)
        if found is not None:
            await parts.acting.act(steered, parts.appliances, found)

    def _plan_beside(self, parts: Parts, nows: dict[str, Now], now_s: int) -> None:
        if not parts.planner.making:
            self._replan = False
            self._spawn(self._plan(parts, nows, now_s))

    async def _plan(self, parts: Parts, nows: dict[str, Now], now_s: int) -> None:
        """Made of what is known now, kept in the books, then followed, and sent to nodes for when they are alone."""
        try:
            given = await starting.problem_of(parts, nows, now_s)
            if isinstance(given, str):
                parts.planner.failures, parts.planner.why = parts.planner.failures + 1, given
                parts.count("plans_failed")
                return
            made = await parts.planner.make(given)
            parts.count("plans_made" if made.plan is not None and made.plan.good else "plans_failed")
            await starting.keep_plan(parts, made, now_s)
            if made.plan is not None and made.plan.good:
                unix_s = parts.grid.unix_ms(now_s) // 1000
                steered = [house for house in parts.houses if house.standing.may(LAST_PLAN)]
                await parts.node_plans.send(made.plan, steered, parts.appliances, self._fleet.views, now_s, unix_s)
        except StoreError:
            parts.count("writes_failed")  # the next look finds out, and asks nothing until then
        finally:
            await asyncio.to_thread(plan_shown.show, parts, now_s)

    async def _stand_still(self, words: str) -> None:
        """The books cannot be written or read: nothing new is asked of anybody, what is held ends by itself."""
        if words != self._books_fault:
            self._events.add("error", "energy books", f"{words}. Until then nothing is asked of any home")
        self._books_fault = words
        parts = self.parts
        if parts is None:
            return
        now_s = parts.grid.grid_s(self._wall_ms())
        for house in parts.houses:
            house.standing.put("books", words)
            house.standing.settle(now_s)
            parts.acting.rest(house, [each for each in parts.appliances if each.home == house.name])

    async def _told(self, outcome: Outcome) -> None:
        """How a request ended: kept, and counted."""
        parts, command = self.opened(), outcome.command
        if command is None:
            parts.count("requests_not_sent")
            return
        parts.count(f"requests_{command.verdict.value}")
        detail = f"{outcome.contactor} {command.target}: {command.detail}" if command.detail else (
            f"{outcome.contactor} {command.target}")  # fmt: skip
        row = OutcomeRow(outcome.decision, command.number, self.now_s, command.verdict.value, detail)
        try:
            await self._keeper.add([row])
        except StoreError:
            parts.count("writes_failed")

    def _changed(self) -> None:
        """A preference was set: plan anew at the next look."""
        self._replan = True

    def _tell(self, level: str, kind: str, text: str, node: str = "") -> None:
        self._events.add(level, kind, text, node)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failed = task.exception()


def _no_home(name: str) -> HomeView:
    raise KeyError(name)
