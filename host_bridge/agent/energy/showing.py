"""The agent as people and programs see it: its parts, put into the values of `view`. Reads only, and quickly."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from host_bridge.agent.energy import ladder
from host_bridge.agent.energy.account_today import Today
from host_bridge.agent.energy.deciding import SELF
from host_bridge.agent.energy.house import House, Now
from host_bridge.agent.energy.parts import Parts
from host_bridge.agent.energy.situation import Interval
from host_bridge.agent.energy.view import (
    CommunityView,
    EnergyView,
    FeederView,
    HomeView,
    PoolView,
    RungView,
    SkillView,
    SolveView,
    StandingView,
    TradeView,
)
from host_bridge.model import LinkState

if TYPE_CHECKING:
    from host_bridge.agent.energy.agent import EnergyAgent

LADDER = [RungView(rung.name, place, rung.done, rung.shown) for place, rung in enumerate(ladder.RUNGS)]


def view(agent: "EnergyAgent", unix_ms: int, fault: str) -> EnergyView:
    """All of it; before the books are open, next to nothing, with `fault`."""
    parts = agent.parts
    if parts is None:
        return EnergyView(unix_ms // 1000, 1, "", 900, _nobody(), [], LADDER, [], {}, fault)
    now_s = parts.grid.grid_s(unix_ms)
    nows = {house.name: house.now(parts.views, unix_ms) for house in parts.houses}
    homes = [_home(parts, house, nows[house.name], agent.today) for house in parts.houses]
    speed = parts.grid.speed
    says = f"replayed {speed} times as fast: what nodes metered counts {speed} times" if speed > 1 else ""
    community = _community(parts, agent.interval, agent.today, nows, now_s)
    events = list(reversed(parts.said))
    return EnergyView(now_s, speed, says, parts.step_s, community, homes, LADDER, events, dict(parts.counters), fault)


def _home(parts: Parts, house: House, now: Now, today: Today) -> HomeView:
    node, standing, content = parts.views.get(house.node), house.standing, house.content
    doing = parts.acting.asked.get((house.name, "battery"))
    kept = parts.node_plans.kept.get(house.name)
    return HomeView(
        name=house.name,
        node=house.node,
        link_state=node.link_state.value if node else LinkState.CONNECTING.value,
        standing=StandingView(standing.rung, standing.place, standing.since_s, standing.words()),
        load_w=now.load_w,
        solar_w=now.solar_w,
        battery_w=now.battery_w,
        grid_w=now.grid_w,
        meters=dict(house.meters),
        capacity_wh=house.config.capacity_wh,
        content_estimated_wh=content.wh if content else None,
        content_uncertain_wh=content.uncertain_wh if content else None,
        now_doing=doing.action if doing else SELF,
        now_why=doing.reason if doing else "nothing is asked of it",
        price_mct=house.price_mct,
        position_mwh=house.position_mwh,
        skills=[_skill(parts, house.name, what) for what in ("load", "solar")],
        ahead=parts.ahead.get(house.name),
        next_switching=parts.next_switching.get(house.name) if standing.may(ladder.LAST_PLAN) else None,
        preferences=parts.wishes.views(house.name),
        decisions=list(today.decisions.get(house.name, ())),
        today=today.account(house.name, parts.settling.open_intervals(house.name)),
        savings=parts.sums[house.name].view(parts.settling.open_intervals(house.name)),
        node_plan=kept.version if kept else "",
    )


def _skill(parts: Parts, home: str, what: str) -> SkillView:
    found, skill = parts.foretelling.newest.get((home, what)), parts.foretelling.skill(home, what)
    method, why = (found.method, found.why) if found else ("persistence", "nothing was foretold yet")
    if skill is None:
        return SkillView(what, method, None, None, None, 0, why)
    return SkillView(what, method, skill.permille, skill.mae, skill.mae_persistence, skill.steps, why)


def _community(
    parts: Parts, its: Interval | None, today: Today, nows: dict[str, Now], now_s: int
) -> CommunityView:  # fmt: skip
    market = its.market if its else None
    body: dict[str, Any] = json.loads(market.body) if market else {}
    traded = market.traded_mwh if market else 0
    price = its.price if its and not its.is_guessed else None
    waiting = parts.settling.open_intervals()
    start_s = its.start_s if its else now_s - now_s % parts.step_s
    return CommunityView(
        mode=parts.config.agent.mode,
        interval_s=start_s,
        interval_until_s=start_s + parts.step_s,
        buy_mct=price.buy_mct if price else None,
        sell_mct=price.sell_mct if price else None,
        price_mct=market.price_mct if market and traded else None,
        price_why=market.why if market else "no interval has begun yet",
        traded_mwh=traded,
        trades=[TradeView(*each) for each in body.get("trades", ())],
        grid_w=_sum(now.grid_w for now in nows.values()),
        solar_w=_sum(now.solar_w for now in nows.values()),
        load_w=_sum(now.load_w for now in nows.values()),
        battery_w=_sum(now.battery_w for now in nows.values()),
        silent_homes=sum(now.load_w is None for now in nows.values()),
        feeder=_feeder(body.get("feeder"), today),
        savings=parts.sums[""].view(waiting),
        market=list(today.points),
        solve=_solve(parts),
        books_micro=today.books_micro,
        open_intervals=waiting,
        pool=_pool(parts),
    )


def _pool(parts: Parts) -> PoolView | None:
    if parts.config.agent.mode == "alone":
        return None
    held, last = parts.paying_out.held_micro, parts.paying_out.last
    if last is None:
        return PoolView(held, None, "")
    return PoolView(held, last.micro, datetime.fromtimestamp(last.begin_s, parts.zone).strftime("%Y-%m-%d"))


def _sum(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _feeder(found: dict[str, Any] | None, today: Today) -> FeederView | None:
    if not found or "loading_permille" not in found:
        return None
    return FeederView(found["name"], found["loading_permille"], found["fullest"], found["low_permille"],
                      found["high_permille"], found["curtailed_mwh"], list(today.loadings))  # fmt: skip


def _solve(parts: Parts) -> SolveView | None:
    plan = parts.planner.last
    if plan is None:
        return None
    outcome = plan.outcome if not parts.planner.why else f"{plan.outcome}; since then: {parts.planner.why}"
    return SolveView(plan.made_s, outcome, plan.solve_ms, plan.matrix_ms, plan.gap_ppm, len(plan.homes), plan.steps)


def _nobody() -> CommunityView:
    why = "the energy agent has not begun"
    powers = None, None, None, None
    return CommunityView("alone", 0, 0, None, None, None, why, 0, [], *powers, 0, None, None, [], None, 0, 0)
