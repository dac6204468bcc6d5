"""The plan that costs least over the hours ahead: the programme, handed to HiGHS whole, and read back.

A linear programme as long as nothing is all or nothing; with integers for tasks' starts, minimum times, least powers,
and for batteries and meters only in steps where the relaxed solution would use both directions at once, which pays
where energy is worth less than nothing (a negative price, an export limit). What is left of both is netted at the end.

With integers, homes that share nothing are solved one by one, and all begin with the relaxed solution, rounded.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import plan as plans
from host_bridge.agent.plan.homes import MONEY, NO_LIMITS, Ahead, Floats, Home, Limits, Task, Weights
from host_bridge.agent.plan.plan import Plan
from host_bridge.agent.plan.programme import Programme, both_ways, programme
from host_bridge.agent.plan.reading import read
from host_bridge.agent.plan.rounding import rounded
from host_bridge.agent.plan.solver import Solved, Start, Took, relaxed, solved
from host_bridge.agent.plan.worth import plan_worths

ROUNDS = 3  # relaxed; with binaries where both directions were used; with them wherever whoever did might

Where = NDArray[np.bool_] | None


def solve(
    homes: Sequence[Home],
    ahead: Ahead,
    *,
    pooled: bool,
    limits: Limits = NO_LIMITS,
    weights: Weights = MONEY,
    time_limit_s: float = 10.0,
    last: Plan | None = None,
    end_mct: Floats | None = None,
) -> Plan:
    """A Plan in any case. Wishes and limits that cannot be kept are in its `cannot`, by how much and in words. Without
    a solution (numbers that are none, no time) it is `last`, shifted, or one that moves nothing; `outcome` says so.

    `end_mct` [homes, bands]: what a stored kWh is worth after the last step (`worth`); else half the mean price.
    """
    kept, deadline = tuple(homes), time.perf_counter() + time_limit_s
    wrong = unusable(kept, ahead)
    if wrong:
        known = ahead.blank(len(kept)) if last is None else last.ahead.moved(ahead.from_s)
        return _instead(kept, known, pooled, last, wrong)
    if end_mct is None:
        efficiency = [home.battery.efficiency if home.battery else 0.0 for home in kept]
        end_mct = 0.5 * max(0.0, float(np.mean(weights.prices(ahead)[0]))) * np.array(efficiency)[:, None]
    asked = Asked(kept, ahead, pooled, limits, weights, np.asarray(end_mct, float))
    found = by_home(asked, deadline) if apart(asked) else together(asked, deadline)
    if found is None:
        return _instead(kept, ahead, pooled, last, "time limit" if time.perf_counter() >= deadline else "no solution")
    return plan_worths(found)


@dataclass(frozen=True)
class Asked:
    """The arguments of `solve`."""

    homes: tuple[Home, ...]
    ahead: Ahead
    pooled: bool
    limits: Limits
    weights: Weights
    end_mct: Floats

    def of(self, at: int) -> "Asked":
        """Of the home with that number alone; what it shares with others is left out."""
        one = slice(at, at + 1)
        ahead = replace(self.ahead, load_w=self.ahead.load_w[one], solar_w=self.ahead.solar_w[one])
        return replace(self, homes=self.homes[one], ahead=ahead, limits=NO_LIMITS, end_mct=self.end_mct[one])

    def programme(self, stores: Where = None, meters: Where = None) -> Programme:
        """Where they are given, batteries and meters use one direction only."""
        return programme(self.homes, self.ahead, self.pooled, self.limits, self.weights, self.end_mct, stores, meters)


def mixed(asked: Asked) -> bool:
    """Whether integers are to be expected."""
    switched = any(
        isinstance(its, Task) or its.dwell is not None or getattr(its, "least_w", 0)
        for home in asked.homes
        for its in home.devices
    )
    buys, earns = asked.weights.prices(asked.ahead)
    return switched or bool((buys < np.maximum(0, earns)).any())


def apart(asked: Asked) -> bool:
    """Whether each home is a programme of its own, and worth solving as that: integers of one do not touch others'."""
    shared = np.isfinite([asked.limits.import_w, asked.limits.export_w]).any() or asked.limits.feeder is not None
    return not asked.pooled and not shared and len(asked.homes) > 1 and mixed(asked)


def by_home(asked: Asked, deadline: float) -> Plan | None:
    """Each home by itself, in its part of the time that is left; None: one of them has no solution."""
    found: list[Plan] = []
    for at in range(len(asked.homes)):
        now = time.perf_counter()
        its = together(asked.of(at), now + (deadline - now) / (len(asked.homes) - at))
        if its is None:
            return None
        found.append(its)
    return plans.side_by_side(found, asked.ahead)


def together(asked: Asked, deadline: float) -> Plan | None:
    """All homes in one programme; None: no solution in time."""
    begun, took = time.perf_counter(), Took()
    start = _first_guess(asked, deadline, took) if mixed(asked) else None
    best = _rounds(asked, deadline, took, start)
    if best is None:
        return None
    built, its = best
    found = read(built, its.values, its.duals, asked.limits)
    return replace(
        found,
        outcome=plans.OPTIMAL if its.in_time else plans.TIME_LIMIT,
        binaries=built.matrix.whole_made,
        objective_micro=round(10 * its.objective),
        bound_micro=round(10 * its.bound),
        gap_ppm=plans.gap_ppm(its.objective, its.bound),
        matrix_ms=1e3 * took.matrix,
        solve_ms=1e3 * took.solver,
        read_ms=1e3 * (time.perf_counter() - begun - took.matrix - took.solver),
    )


def unusable(homes: tuple[Home, ...], ahead: Ahead) -> str:
    """Why nothing can be planned with these numbers; "" where it can."""
    shape = (len(homes), ahead.steps)
    if not homes or not ahead.steps or ahead.step_s <= 0:
        return "there is no home or no step to plan for"
    named = {"load": ahead.load_w, "solar": ahead.solar_w}
    for what, values in named.items():
        array = np.asarray(values, float)
        if array.shape != shape:
            return f"the forecast of {what} has the shape {array.shape}, not {shape}"
        if not np.isfinite(array).all():
            home, step = np.argwhere(~np.isfinite(array))[0]
            return f"no forecast of {what} for {homes[home].name} in step {step}"
    for what, values in {"price": ahead.price_mct, "export price": ahead.exported(), "carbon": ahead.carbon()}.items():
        if np.asarray(values).shape != shape[1:] or not np.isfinite(np.asarray(values, float)).all():
            return f"the {what} is not known for every step"
    return next((words for home in homes if (words := _no_number(home))), "")


def _no_number(home: Home) -> str:
    """What of the home's own numbers is none, in words; "": all are."""
    battery = home.battery
    if battery is not None and not np.isfinite(battery.content_wh):
        return f"what the battery of {home.name} holds is not known"
    if battery is not None and not 0 < battery.efficiency_permille <= 1000:
        return f"the battery of {home.name} cannot have an efficiency of {battery.efficiency_permille} permille"
    named = [("the home", home), ("its battery", battery), *((its.name, its) for its in home.devices)]
    for name, its in named:
        for field in fields(its) if its is not None else ():
            value = getattr(its, field.name)
            if isinstance(value, int | float | np.ndarray) and np.isnan(value).any():
                return f"{field.name} of {name} is no number for {home.name}"
    return ""


def _instead(homes: tuple[Home, ...], ahead: Ahead, pooled: bool, last: Plan | None, why: str) -> Plan:
    if last is not None and last.names == tuple(home.name for home in homes):
        return last.shifted(ahead, f"{why}: {plans.KEPT}", last.made_s)
    return plans.nothing(homes, pooled, ahead, f"{why}: {plans.NOTHING}", ahead.from_s)


def _rounds(asked: Asked, deadline: float, took: Took, start: Start | None) -> tuple[Programme, Solved] | None:
    """Solve; where both directions are used at once, forbid that there and solve again. None: no solution in time."""
    stores: Where = None
    meters: Where = None
    best: tuple[Programme, Solved] | None = None
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        built = asked.programme(stores, meters)
        finished = built.matrix.finished()
        took.matrix += time.perf_counter() - begun
        found = solved(finished, deadline, took, start)
        if found is None:
            break
        best = built, found
        both = both_ways(built, found.values)
        new = [was is None or bool((now & ~was).any()) for now, was in zip(both, (stores, meters), strict=True)]
        if not (both[0].any() and new[0]) and not (both[1].any() and new[1]):
            break
        stores, meters = _forbidden(both[0], stores), _forbidden(both[1], meters)
    return best


def _first_guess(asked: Asked, deadline: float, took: Took) -> Start | None:
    """Integers to begin with; None: there are none, or no time."""
    begun = time.perf_counter()
    built = asked.programme()
    finished = built.matrix.finished()
    took.matrix += time.perf_counter() - begun
    found = solved(relaxed(finished), deadline, took) if built.matrix.whole_made else None
    return None if found is None else rounded(built, found)


def _forbidden(both: NDArray[np.bool_], before: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Where both directions are to be forbidden: where they were used; the second time all steps of whoever did."""
    return both if before is None else before | both.any(axis=1, keepdims=True)
