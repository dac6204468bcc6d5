"""A plan for 17 homes, 24 h in steps of 15 minutes: the whole of it against the solver's own time on its matrix."""

import time
from statistics import median

import numpy as np

from host_bridge.agent.plan import Ahead, Battery, Home
from host_bridge.agent.plan.solve import solve
from host_bridge.microworld.study.homes import Homes
from tests.bench.energy_year import CAPACITY_WH, EFFICIENCY_PERMILLE, POWER_W
from tests.bench.figures import Figure

STEP_S, STEPS = 900, 96
DAYS = (20, 110, 200, 290, 340)  # of the year, one after the other
REACH = 1.5


def figures(homes: Homes) -> list[Figure]:
    """Median over the days, homes behind one meter each and pooled; the worse of both is held to the reach."""
    found = {pooled: [_ratio(homes, day, pooled=pooled) for day in DAYS] for pooled in (False, True)}
    worst = max(median(ratio for ratio, _ in its) for its in found.values())
    solver_ms = median(solver_ms for its in found.values() for _, solver_ms in its)
    return [
        Figure("a plan for 17 homes, 24 h x 15 min, whole time / solver's own", worst, "ratio", REACH, at_least=False),
        Figure("the solver's own time on that matrix (median)", solver_ms, "ms"),
    ]


def _ratio(homes: Homes, day: int, *, pooled: bool) -> tuple[float, float]:
    hours = slice(24 * day, 24 * day + 24)
    load, solar = (np.repeat(each[:, hours], 4, axis=1).astype(float) for each in (homes.load_wh, homes.solar_wh))
    price = np.repeat(homes.price[hours], 4).astype(float)
    planned = [
        Home(name, Battery(CAPACITY_WH, POWER_W, POWER_W, CAPACITY_WH / 4, EFFICIENCY_PERMILLE)) for name in homes.names
    ]
    begun = time.perf_counter()
    plan = solve(planned, Ahead(86_400 * day, STEP_S, load, solar, price), pooled=pooled, time_limit_s=60)
    whole_ms = 1000 * (time.perf_counter() - begun)
    if plan.outcome != "optimal":
        raise RuntimeError(f"day {day}: {plan.outcome}")
    return whole_ms / plan.solve_ms, plan.solve_ms
