"""One step of the agent, in its parts: meter, settle, foretell, judge, trade. What acts on it is `acting`.

Every part keeps what it found in the books before the next begins, so a bridge that ends anywhere goes on from there.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from host_bridge.agent.energy import orders, trading
from host_bridge.agent.energy.acting import limits_of
from host_bridge.agent.energy.house import House, Now
from host_bridge.agent.energy.ladder import LAST_PLAN_S, PLACE, RUNGS, SIMPLE, lowest
from host_bridge.agent.energy.orders import Store, Wish
from host_bridge.agent.energy.parts import Parts
from host_bridge.agent.energy.planning import forecast_row
from host_bridge.agent.energy.situation import Interval
from host_bridge.agent.energy.tariff import TariffError
from host_bridge.agent.energy.trading import FeederGone
from host_bridge.agent.narrative.amounts import ct
from host_bridge.agent.plan.plan import Plan
from host_bridge.market.book import BookError
from host_bridge.market.tariff import Tariff
from host_bridge.model import LinkState
from host_bridge.store.book_rows import AwardRow, ForecastRow, MarketRow, RungRow, StateRow

PLAN_LATE_STEPS = 2  # an older plan than that is the last one, not a new one


async def meter(parts: Parts, now_s: int) -> None:
    """Intervals that are complete: kept, learnt from, settled; a day's pool paid out. Raises StoreError."""
    rows = await parts.watching.collect(parts.views, now_s)
    for row in rows:
        parts.settling.metered(row)
        parts.count("intervals_metered")
        if row.is_late:
            parts.count("intervals_late")
    if rows:
        unbelieved = await parts.foretelling.observe(rows)
        for home, words in unbelieved.items():
            parts.count("observations_refused")
            parts.said.append(f"{home}: {words}")
    lines = await parts.settling.settle(now_s)
    parts.count("lines_settled", sum(not line.home.startswith("=") for line in lines))
    late = sorted({line.home for line in lines if line.is_late and not line.home.startswith("=")})
    if late:
        parts.say("info", "energy settled late", f"energy that came late is settled for {', '.join(late)}")
    paid = await parts.paying_out.pay(now_s, parts.settling.is_open_before)
    if paid:
        day = datetime.fromtimestamp(paid.begin_s, parts.zone)
        parts.say("info", "pool paid out", f"{ct(paid.micro)} of {day:%Y-%m-%d}, to each home by what it added")


async def foretell(parts: Parts, now_s: int) -> None:
    """Forecasts of this step; once an hour of the grid they are kept. Raises StoreError."""
    found = await parts.foretelling.forecasts(now_s)
    for house in parts.houses:
        for kind in ("young forecast", "forecast diverged"):
            house.standing.put(kind, None)
        kind, words = parts.foretelling.why_simple(house.name)
        if kind:
            house.standing.put(kind, words)
    if now_s % 3600 < parts.step_s:
        rows: list[ForecastRow] = []
        for (home, what), each in found.items():
            if what in ("load", "solar") and home != "*":
                skill = parts.foretelling.skill(home, what)
                rows.append(forecast_row(each, now_s, 1000 - skill.permille if skill else 1000))
        await parts.keeper.add([*rows, parts.foretelling.state()])


def price(parts: Parts, its: Interval) -> None:
    """Of the interval; absent, it is guessed and nothing is traded."""
    known = parts.tariff.at(its.start_s)
    its.price, its.is_guessed = known, known is None
    absent = None if known else "no row of the tariff covers this interval"
    steps = parts.config.agent.horizon_h * 3600 // parts.step_s
    guesses = 0
    try:
        ahead, guesses = parts.tariff.ahead(its.start_s, parts.step_s, steps)
        its.price = its.price or ahead[0]
    except TariffError as error:
        absent = str(error)
    for house in parts.houses:
        house.standing.put("price absent", absent)
        house.standing.put("price guessed", f"{guesses} of {steps} steps" if guesses else None)


def judge(parts: Parts, nows: dict[str, Now], now_s: int, books: str, clock: str) -> None:
    """Put every cause that can be seen now, or lift it."""
    age, late_s = parts.planner.age_s(now_s), (PLAN_LATE_STEPS + 1) * parts.step_s
    why = parts.planner.why or "the solver is late"
    for house in parts.houses:
        put, view = house.standing.put, parts.views.get(house.node)
        away = view is None or view.link_state is not LinkState.ONLINE
        put("node away", (f"{house.node} is {view.link_state}" if view else f"{house.node} was never heard")
            if away else None)  # fmt: skip
        refused = parts.leasing.refusing(house.node)
        put("node refuses", refused or None)
        silent = not away and nows[house.name].net_w is None and "meter missing" not in house.standing.causes
        if silent:
            put("meter missing", "no power is told")
        elif house.standing.causes.get("meter missing") == "no power is told" and nows[house.name].net_w is not None:
            put("meter missing", None)
        put("no plan", why if age is not None and late_s < age <= LAST_PLAN_S else None)
        put("plan too old", why if age is None or age > LAST_PLAN_S else None)
        put("books", books or None)
        put("clock", clock or None)


def climb(parts: Parts, now_s: int) -> list[RungRow]:
    """Have every home take the rung that its causes ask for; those that have changed, to be kept."""
    rows: list[RungRow] = []
    for house in parts.houses:
        if house.standing.settle(now_s):
            words = house.standing.words()
            shown = f"{house.standing.rung}: {words[0]}" if words else RUNGS[house.standing.place].shown
            text = f"{house.name}: {shown}"
            rows.append(RungRow(house.name, now_s, house.standing.rung, words[0] if words else ""))
            parts.say("warning" if house.standing.place > 1 else "info", "energy rung", text, house.node)
            parts.count("rung_changes")
    return rows


async def trade(parts: Parts, its: Interval, nows: dict[str, Now]) -> None:
    """Clear the interval's market, once; after a restart it is as it was. Raises StoreError."""
    found = await parts.keeper.rows(MarketRow, "start_s = ?", (its.start_s,))
    if not found:
        await _clear(parts, its, nows)
        found = await parts.keeper.rows(MarketRow, "start_s = ?", (its.start_s,))
    its.market = found[0]
    its.awards = {row.home: row for row in await parts.keeper.rows(AwardRow, "start_s = ?", (its.start_s,))}
    for house in parts.houses:
        award = its.awards.get(house.name)
        house.position_mwh = award.bought_mwh - award.sold_mwh if award else 0
        house.price_mct = award.price_mct if award else its.price.buy_mct if its.price else None


async def _clear(parts: Parts, its: Interval, nows: dict[str, Now]) -> None:
    known = None if its.is_guessed else its.price
    tariff = Tariff(known.buy_mct, known.sell_mct) if known else Tariff(None)
    why = "" if parts.config.agent.mode == "market" else f"homes are {parts.config.agent.mode}: there is no market"
    plan = parts.planner.last
    traders = _traders(parts, its, plan) if not why else []
    least = parts.config.market.least_homes
    few = f"{len(traders)} of {least}" if not why and len(traders) < least else None
    for house in parts.houses:
        house.standing.put("too few homes", few)
        for kind in ("feeder gone", "market fault"):
            house.standing.put(kind, None)
    if why or few or plan is None:
        text = why or f"too few homes can trade: {few}"
        await parts.keeper.add([trading.no_market(its.start_s, text, tariff)])
        return
    wishes = {house.name: _wish(parts, house, plan, its, tariff, nows) for house in traders}
    others = {house.name: nows[house.name].grid_w or 0.0 for house in parts.houses if house.name not in wishes}
    try:
        traded = await parts.trading.clear(wishes, others, tariff, parts.step_s)
    except (FeederGone, BookError) as error:
        kind = "feeder gone" if isinstance(error, FeederGone) else "market fault"
        for house in parts.houses:
            house.standing.put(kind, str(error))
        parts.count("markets_failed")
        await parts.keeper.add([trading.no_market(its.start_s, f"{kind}: {error}", tariff)])
        return
    parts.count("markets_cleared")
    await parts.keeper.add(trading.rows(its.start_s, traded, tariff))


def _traders(parts: Parts, its: Interval, plan: Plan | None) -> Sequence[House]:
    """Homes that stand well enough, but for what the market itself may have put on them before."""
    if plan is None or its.price is None or its.is_guessed or plan.step_of(its.start_s) is None:
        return []
    own = {"too few homes", "feeder gone", "market fault"}
    return [house for house in parts.houses if PLACE[lowest(house.standing.causes.keys() - own)] <= PLACE[SIMPLE]]


def _wish(parts: Parts, house: House, plan: Plan, its: Interval, tariff: Tariff, nows: dict[str, Now]) -> Wish:
    """What the home bids and offers: by its forecast, or where there is none by what it takes now."""
    step, at = plan.step_of(its.start_s) or 0, plan.names.index(house.name)
    hours = (its.end_s - its.start_s) / 3600
    net_w = expected_w(parts, house, its.start_s, nows[house.name])
    loads_w = sum(float(run.power_w[step]) for (name, _), run in plan.runs.items() if name == house.name)
    content, of = house.content, house.config
    store = None
    if content is not None and "battery" not in plan.homes[at].never:
        limits = limits_of(house)
        store = Store(
            of.capacity_wh, content.wh, of.least_wh, min(limits.charge_w * hours, limits.room_wh),
            min(limits.discharge_w * hours, limits.left_wh), of.efficiency_permille / 1000,
            worths_in_money(plan, at, step),
        )  # fmt: skip
    return orders.wish(house.name, (net_w + loads_w) * hours, store, tariff)


def worths_in_money(plan: Plan, at: int, step: int) -> list[float]:
    """What a stored kWh is worth, in the market's mct: the plan reckons with carbon besides, where that counts."""
    scale = plan.weights.cost or 1.0
    carbon = float(plan.prices()[0][step]) - scale * float(plan.ahead.price_mct[step])
    return [(float(mct) - carbon) / scale for mct in plan.worth_mct[at, step]]


def expected_w(parts: Parts, house: House, start_s: int, now: Now) -> float:
    """Load less sun in the step that begins then: the mean of the forecast and of what is measured now, where both are
    known. What flows now tells most of the next quarter of an hour."""
    found = parts.foretelling.newest.get((house.name, "net"))
    foretold = None
    if found is not None and found.steps and found.start_s == start_s:
        foretold = float(found.mean[0])
    known = [watts for watts in (foretold, now.net_w) if watts is not None]
    return sum(known) / len(known) if known else 0.0


def states(parts: Parts) -> list[StateRow]:
    """Contents and appliances, to go on with after a restart."""
    rows = [
        StateRow(f"content:{house.name}", json.dumps(house.content.document()))
        for house in parts.houses
        if house.content is not None
    ]
    return rows + [StateRow(f"load:{each.home}:{each.name}", json.dumps(each.document())) for each in parts.appliances]
