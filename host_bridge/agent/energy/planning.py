"""Plans made beside the loop, one at a time: forecast, solve, check by the guard worlds. The last good one is kept.

Nothing here touches a node or the books; what comes back says all that they are to hold.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import numpy as np

from host_bridge.agent.energy import problem as problems
from host_bridge.agent.energy.problem import Problem
from host_bridge.agent.energy.tariff import Price
from host_bridge.agent.forecast.model import Forecast
from host_bridge.agent.plan import Home, Plan, Weights
from host_bridge.agent.plan.homes import Floats
from host_bridge.store.book_rows import ForecastRow, PlanRow

MODES = {"alone": False, "pooled": True, "market": False}  # whether a plan is made for all homes behind one meter
Forecasts = Mapping[tuple[str, str], Forecast]


@dataclass(frozen=True)
class Made:
    """A plan as it came out: `fault` says why there is none; `refused`: by the guard worlds, (home, words)."""

    plan: Plan | None
    refused: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    took_ms: float = 0.0


@dataclass
class Planner:
    """`last`: the last good plan, None before there is one. `making`: one is under way."""

    mode: str
    solve_s: float
    last: Plan | None = None
    making: bool = False
    failures: int = 0
    why: str = field(default="no plan has been made yet")

    async def make(self, problem: Problem) -> Made:
        """Solve and check in a thread. Never raises for what a problem says; `last` is the good one that came of it."""
        self.making = True
        try:
            made = await asyncio.to_thread(_make, problem, MODES[self.mode], self.solve_s, self.last)
        finally:
            self.making = False
        if made.plan is not None and made.plan.good:
            self.last, self.failures, self.why = made.plan, 0, ""
        else:
            self.failures += 1
            self.why = made.fault or (made.plan.outcome if made.plan else "nothing came of it")
        return made

    def age_s(self, now_s: int) -> int | None:
        """Of the last good plan; None: there is none."""
        return None if self.last is None else now_s - self.last.made_s


def _make(problem: Problem, pooled: bool, solve_s: float, last: Plan | None) -> Made:
    from host_bridge.agent.plan.checked import checked
    from host_bridge.agent.plan.solve import solve

    begun = time.perf_counter()
    try:
        plan = solve(
            problem.homes, problem.ahead, pooled=pooled, weights=problem.weights, time_limit_s=solve_s, last=last
        )
        plan, refused = checked(plan)
    except Exception as error:  # a solver's fault is not the bridge's: the last good plan holds
        return Made(None, fault=f"the planner failed: {error}")
    words = tuple((each.home, each.says) for each in refused)
    return Made(plan, words, "", 1e3 * (time.perf_counter() - begun))


def assemble(
    homes: Sequence[Home], forecasts: Forecasts, prices: Sequence[Price], nets: Sequence[Mapping[int, float]],
    carbon_permille: int, from_s: int, step_s: int, zone: tzinfo,
) -> Problem:  # fmt: skip
    """The problem of these homes over as many steps as there are prices."""
    steps = len(prices)
    load, solar = (
        np.array([series(forecasts, home.name, what, from_s, steps) for home in homes]) for what in ("load", "solar")
    )
    past = problems.past(nets, from_s, step_s)
    its = problems.ahead(from_s, step_s, load, solar, prices, past, zone)
    return Problem(tuple(homes), its, Weights().for_carbon(carbon_permille, its))


def series(forecasts: Forecasts, home: str, what: str, from_s: int, steps: int) -> Floats:
    """[steps] mean W from `from_s` on; the last step goes on where a forecast does not reach. NaN: there is none."""
    found = forecasts.get((home, what))
    gone = (from_s - found.start_s) // found.step_s if found else 0
    if found is None or not 0 <= gone < found.steps:
        return np.full(steps, np.nan)
    known = found.mean[gone : gone + steps]
    return np.concatenate([known, np.full(steps - len(known), known[-1])])


def plan_row(number: int, made: Made, plan: Plan, mode: str, now_s: int) -> PlanRow:
    """For the books."""
    homes = {
        name: {
            "charge_w": _round(plan.charge_w[k]),
            "grid_w": _round(plan.grid_w[k]),
            "content_wh": _round(plan.content_wh[k]),
            "load_w": _round(np.asarray(plan.ahead.load_w)[k]),
            "solar_w": _round(np.asarray(plan.ahead.solar_w)[k]),
        }
        for k, name in enumerate(plan.names)
    }
    body = {
        "from_s": plan.ahead.from_s,
        "step_s": plan.step_s,
        "price_mct": [round(price) for price in plan.ahead.price_mct],
        "homes": homes,
        "cannot": [each.says for each in plan.cannot],
        "refused": [list(each) for each in made.refused],
    }
    return PlanRow(number, now_s, mode, plan.outcome, round(plan.solve_ms, 3), round(plan.matrix_ms, 3), plan.gap_ppm,
                   plan.objective_micro, json.dumps(body))  # fmt: skip


def forecast_row(found: Forecast, now_s: int, skill_permille: int) -> ForecastRow:
    """For the books; `skill_permille`: of persistence's error, below 1000 is better than it."""
    body = {"start_s": found.start_s, "step_s": found.step_s, "mean_w": _round(found.mean),
            "levels": list(found.levels), "watts": [_round(row) for row in found.watts]}  # fmt: skip
    return ForecastRow(found.home, found.what, now_s, found.method, found.why, skill_permille, json.dumps(body))


def _round(values: Any) -> list[int]:
    return [round(float(value)) for value in np.asarray(values)]
