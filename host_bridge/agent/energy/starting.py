"""Beginning and going on: what a start reads from the books, what every look sees, what a plan is made of."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from host_bridge.agent.energy import planning, problem
from host_bridge.agent.energy.bills import owed
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.deciding import SELF
from host_bridge.agent.energy.house import Now
from host_bridge.agent.energy.ladder import LAST_PLAN, PLACE, lowest
from host_bridge.agent.energy.leasing import reported
from host_bridge.agent.energy.parts import Parts
from host_bridge.agent.energy.planning import Made
from host_bridge.agent.energy.problem import Problem
from host_bridge.agent.energy.savings import DAYS
from host_bridge.agent.energy.tariff import TariffError
from host_bridge.agent.grid_time import GridTime
from host_bridge.agent.preference import Allowance
from host_bridge.energy_config import AgentConfig
from host_bridge.store.book_rows import DecisionRow, IntervalRow, LineRow, PlanRow, Row, StateRow
from host_bridge.store.reader import Interval as Rollup

if TYPE_CHECKING:
    from host_bridge.store import Store

DAY_S = 86_400
QUARTER_S = 900


async def grid_time(agent: AgentConfig, keeper: Bookkeeper, unix_ms: int) -> GridTime:
    """The grid's clock: people's own, or a replay's, which goes on from where it began first. Raises StoreError."""
    if not agent.start:
        return GridTime()
    began_ms = agent.began_unix_ms
    if not began_ms:
        kept = await keeper.rows(StateRow, "name = 'clock'")
        began_ms = int(json.loads(kept[0].body)["unix_zero_ms"]) if kept else unix_ms
        await keeper.add([StateRow("clock", json.dumps({"unix_zero_ms": began_ms}))])
    return GridTime(agent.speed, began_ms, int(datetime.fromisoformat(agent.start).timestamp()))


async def resume(parts: Parts, store: "Store", now_s: int) -> None:
    """All that goes on from before. Raises StoreError."""
    for row in await parts.keeper.rows(StateRow):
        _take_state(parts, row)
    await parts.watching.resume()
    await parts.settling.resume()
    await parts.paying_out.resume()
    await parts.node_plans.resume()
    await parts.wishes.open()
    offset = parts.sums[""].offset_s
    for home, *its in await parts.keeper.read(lambda books: books.connection().execute(DAYS, (offset,)).fetchall()):
        parts.sums[""].take(*its)
        if home in parts.sums:
            parts.sums[home].take(*its)
    await _learn(parts, store, now_s)


def _take_state(parts: Parts, row: StateRow) -> None:
    kind, _, name = row.name.partition(":")
    if kind == "forecast":
        words = parts.foretelling.resume(row.body)
        if words:
            parts.said.append(words)
    for house in parts.houses:
        if kind == "content" and name == house.name and house.content is not None:
            house.content.resume(json.loads(row.body))
    for each in parts.appliances:
        if kind == "load" and name == f"{each.home}:{each.name}":
            each.resume(json.loads(row.body))


async def _learn(parts: Parts, store: "Store", now_s: int) -> None:
    """From the books, from a folder of history, and where neither has any, from the store's own quarters of an hour."""
    since_s = now_s - parts.config.agent.history_days * DAY_S
    rows = await parts.keeper.rows(IntervalRow, "start_s >= ?", (since_s,))
    if parts.config.agent.history:
        for words in await parts.foretelling.learn_files(Path(parts.config.agent.history), parts.houses):
            parts.say("warning", "energy history", words)
    if rows:
        await parts.foretelling.observe(rows)
    elif parts.step_s == QUARTER_S and not parts.grid.is_replay:
        await parts.foretelling.observe(await _quarters(parts, store, since_s, now_s))


async def _quarters(parts: Parts, store: "Store", since_s: int, now_s: int) -> list[IntervalRow]:
    """The rollups of nodes that are known already, as intervals to learn from; they are nobody's bill."""
    found: list[IntervalRow] = []
    for house in parts.houses:
        view = parts.views.get(house.node)
        by_start: dict[int, dict[str, Rollup]] = {}
        for part in house.parts():
            number = house.index(view, part)
            if number is None:
                break
            rows = await store.readings(house.node, number, since_s * 1000, now_s * 1000, "quarter", 10_000)
            for row in rows:
                if isinstance(row, Rollup) and row.duration_ms >= 890_000:
                    by_start.setdefault(row.start_ms // 1000, {})[part] = row
        for start, each in sorted(by_start.items()):
            if len(each) == len(house.parts()):
                found.append(_learnt(house.name, start, each))
    return found


def _learnt(home: str, start_s: int, each: dict[str, Rollup]) -> IntervalRow:
    def of(part: str, way: str) -> int:
        return int(getattr(each[part], f"energy_{way}_mwh")) if part in each else 0

    solar = of("solar", "export") - of("solar", "import")
    return IntervalRow(home, start_s, QUARTER_S, of("grid", "import"), of("grid", "export"), solar,
                       of("battery", "import"), of("battery", "export"), 0, "", "{}")  # fmt: skip


def see(parts: Parts, nows: dict[str, Now], now_s: int) -> None:
    """Contents by the registers as they are now, and what batteries and loads show."""
    for house in parts.houses:
        view = parts.views.get(house.node)
        live = house.live(view, "battery")
        content, now = house.content, nows[house.name]
        if content is not None and live is not None and view is not None:
            content.count(view.journal_epoch, live.energy_import_mwh, live.energy_export_mwh, parts.grid.speed)
            doing = parts.acting.asked.get((house.name, "battery"))
            shown = content.look(now_s, doing.action if doing else SELF, now.battery_w, now.grid_w)
            if shown:
                parts.count("contents_anchored")
        for each in parts.appliances:
            if each.home == house.name:
                closed = view is not None and reported(view, each.config.contactor) == "closed"
                each.see(now_s, closed, parts.zone)


async def problem_of(parts: Parts, nows: dict[str, Now], now_s: int) -> Problem | str:
    """What to plan now, or why nothing can be planned. Raises StoreError."""
    step_s, horizon_s = parts.step_s, parts.config.agent.horizon_h * 3600
    from_s = now_s - now_s % step_s
    try:
        prices, _ = parts.tariff.ahead(from_s, step_s, horizon_s // step_s)
    except TariffError as error:
        return str(error)
    homes, wishes = [], []
    for house in parts.houses:
        wanted = parts.wishes.constraints(house.name, now_s, horizon_s)
        wishes.append(wanted)
        budget = await _budget(parts, house.name, wanted.budgets, now_s, horizon_s)
        controlled = _controlled(parts, house.name)
        homes.append(problem.home(house, parts.appliances, wanted, controlled, budget, now_s, parts.zone))
    forecasts = parts.foretelling.newest or await parts.foretelling.forecasts(from_s)
    nets = [parts.foretelling.net_w.get(house.name, {}) for house in parts.houses]
    return planning.assemble(homes, forecasts, prices, nets, problem.carbon_permille(wishes), from_s, step_s,
                             parts.zone)  # fmt: skip


def _controlled(parts: Parts, home: str) -> bool:
    """Whether it can be asked anything, but for there being no plan yet."""
    house = next(each for each in parts.houses if each.name == home)
    plan = {"no plan", "plan too old"}
    return PLACE[lowest(house.standing.causes.keys() - plan)] <= PLACE[LAST_PLAN]


async def _budget(
    parts: Parts, home: str, budgets: tuple[Allowance, ...], now_s: int, horizon_s: int
) -> int | None:  # fmt: skip
    """Of the hours planned: what is left of each budget until its end, or so much of it as the hours are."""
    left: list[int] = []
    for each in budgets:
        lines = await parts.keeper.rows(LineRow, "home = ? AND start_s >= ?", (home, each.start_s))
        spent = sum(map(owed, lines))
        days_s = max(1, each.end_s - now_s)
        left.append(max(0, each.limit_micro - spent) * min(horizon_s, days_s) // days_s)
    return min(left, default=None)


async def keep_plan(parts: Parts, made: Made, now_s: int) -> None:
    """A plan in the books, and what the guard worlds refused of it. Raises StoreError."""
    rows: list[Row] = []
    if made.plan is not None:
        mode = parts.config.agent.mode
        rows.append(planning.plan_row(parts.keeper.number(PlanRow), made, made.plan, mode, now_s))
    for home, words in made.refused[:20]:
        number = parts.keeper.number(DecisionRow)
        rows.append(DecisionRow(number, home, now_s, now_s, "refused", "plan", 0, 0, words, "{}"))
        parts.count("plans_cut_by_guards")
    if rows:
        await parts.keeper.add(rows)
