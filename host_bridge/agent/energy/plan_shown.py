"""A home's part of the plan as series for a chart, and the next change of a contactor that it holds. Pure."""

from itertools import pairwise

import numpy as np

from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.parts import Parts
from host_bridge.agent.energy.view import AheadView, SwitchingView
from host_bridge.agent.plan import switching
from host_bridge.agent.plan.plan import Plan
from host_bridge.agent.plan.reasons import why

ACTIONS = {"charge": "charge", "discharge": "discharge", "hold": "hold"}


def show(parts: Parts, now_s: int) -> None:
    """Put what the newest plan has of each home where the view finds it. Some ms a home: in a thread."""
    plan = parts.planner.last
    if plan is None:
        return
    series = {house.name: ahead(parts, plan, house.name, now_s) for house in parts.houses}
    changes = {house.name: next_switching(plan, house, now_s) for house in parts.houses}
    parts.ahead = {home: each for home, each in series.items() if each is not None}
    parts.next_switching = {home: each for home, each in changes.items() if each is not None}


def ahead(parts: Parts, plan: Plan, home: str, now_s: int) -> AheadView | None:
    """From the step that is under way; None: the plan does not hold the home, or has come to its end."""
    first = plan.step_of(now_s)
    if first is None or home not in plan.names:
        return None
    at, start_s, steps = plan.names.index(home), plan.ahead.from_s + first * plan.step_s, plan.steps - first
    loads = sum((run.power_w for (name, _), run in plan.runs.items() if name == home), np.zeros(plan.steps))
    series = {}
    for what in ("load", "solar"):
        found = parts.foretelling.newest.get((home, what))
        offset = (start_s - found.start_s) // plan.step_s if found else 0
        for key, level in (("low", 0), ("high", -1)):
            row = found.watts[level] if found is not None and offset >= 0 else np.zeros(0)
            series[what, key] = _padded(row[offset:], steps, np.asarray(getattr(plan.ahead, f"{what}_w"))[at, first:])
    prices = [parts.tariff.at(start_s + k * plan.step_s) for k in range(steps)]
    return AheadView(
        start_s, plan.step_s,
        _round(np.asarray(plan.ahead.load_w)[at, first:]), series["load", "low"], series["load", "high"],
        _round(np.asarray(plan.ahead.solar_w)[at, first:]), series["solar", "low"], series["solar", "high"],
        _round(plan.charge_w[at, first:]), _round(np.asarray(loads)[first:]), _round(plan.grid_w[at, first:]),
        _round(plan.content_wh[at, first + 1 :]),
        [price.buy_mct if price else None for price in prices], [price.sell_mct if price else None for price in prices],
        ["; ".join(reason.text for reason in why(plan, home, step)) for step in range(first, plan.steps)],
        plan.made_s,
    )  # fmt: skip


def next_switching(plan: Plan, house: House, now_s: int) -> SwitchingView | None:
    """The first step to come in which a contactor is closed that was not, or open that was closed, with its reason."""
    first = plan.step_of(now_s)
    if first is None or house.name not in plan.names:
        return None
    closed = [{lease.contactor: lease for lease in switching.leases(plan, house.name, step)}
              for step in range(first, plan.steps)]  # fmt: skip
    for k, (before, after) in enumerate(pairwise(closed), first + 1):
        at_s = plan.ahead.from_s + k * plan.step_s
        changed = sorted(after.keys() ^ before.keys(), key=lambda name: (name not in after, name == "hold"))
        if not changed:
            continue
        name = changed[0]
        lasts = 0
        while k - first + lasts < len(closed) and (name in closed[k - first + lasts]) == (name in after):
            lasts += 1
        reason = next((each.text for each in why(plan, house.name, k) if each.device in (name, "battery")), "")
        target, action = ("closed", name) if name in after else ("open", _left(after))
        return SwitchingView(at_s, _contactor(house, name), target, action, at_s + lasts * plan.step_s, reason)
    return None


def _left(after: dict[str, switching.Lease]) -> str:
    return next((name for name in ("charge", "discharge", "hold") if name in after), "self-consumption")


def _contactor(house: House, name: str) -> str:
    if name in ACTIONS and house.config.capacity_wh:
        return str(getattr(house.config, name))
    return next((load.contactor for load in house.loads if load.device == name), name)


def _padded(row: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", steps: int,
            mean: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> list[float]:  # fmt: skip
    """Where a forecast is not that long, its mean."""
    return _round(np.concatenate([row[:steps], mean[len(row[:steps]) :]]))


def _round(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> list[float]:
    return [round(float(value), 1) for value in values]
