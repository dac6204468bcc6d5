"""All or nothing: homes apart or together, and the rounded start that is there before the solver has finished."""

import time

import numpy as np
import pytest

from host_bridge.agent.plan import Ahead, Battery, Car, Dwell, Home, Limits, Task, WaterHeater, Weights
from host_bridge.agent.plan import solver as solvers
from host_bridge.agent.plan.programme import programme
from host_bridge.agent.plan.rounding import rounded
from host_bridge.agent.plan.solve import solve
from host_bridge.agent.plan.solver import Took, relaxed, solved
from tests.host.agent.plan_kit import BEGIN_S

HOUR = 3600
STEPS = 32
PRICE = np.repeat([20_000.0, 12_000, 30_000, 11_000, 25_000, 40_000, 15_000, 20_000], 4)


def street(count=3, late=False):
    """Homes with one device each that is all or nothing, and batteries."""
    battery = Battery(3000, 2000, 2000, 1000)
    car = Car("car", BEGIN_S, BEGIN_S + 7 * HOUR, 90_000 if late else 5000, 4000, dwell=Dwell(2700, 1800))
    tank = WaterHeater("boiler", 2000, 200, 52, 50, 55, draws_w=200.0, dwell=Dwell(1800, 1800))
    task = Task("washer", 1500, 2 * HOUR, BEGIN_S, BEGIN_S + (HOUR if late else 7 * HOUR))
    kinds = [{"cars": (car,)}, {"heaters": (tank,)}, {"tasks": (task,)}]
    homes = tuple(Home(f"h{number}", battery, **kinds[number % 3]) for number in range(count))
    load = np.random.default_rng(1).uniform(0, 1500, (count, STEPS))
    return homes, Ahead(BEGIN_S, 900, load, load[::-1] * 0.5, PRICE)


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_homes_that_share_nothing_are_planned_apart_and_nothing_of_them_is_lost(late):
    homes, hours = street(late=late)
    plan = solve(homes, hours, pooled=False)
    ones = []
    for at, home in enumerate(homes):
        one = Ahead(BEGIN_S, 900, hours.load_w[at : at + 1], hours.solar_w[at : at + 1], PRICE)
        ones.append(solve([home], one, pooled=False))
    assert plan.names == ("h0", "h1", "h2") and set(plan.runs) == {("h0", "car"), ("h1", "boiler"), ("h2", "washer")}
    assert plan.objective_micro == pytest.approx(sum(one.objective_micro for one in ones), rel=2e-3)
    assert plan.bound_micro <= plan.objective_micro and plan.gap_ppm < 1500 and plan.outcome == "optimal"
    assert plan.bound_micro == pytest.approx(sum(one.bound_micro for one in ones), rel=4e-3)
    assert len(plan.cost_micro) == 3 and [found.home for found in plan.cannot] == (["h0", "h2"] if late else [])
    drawn = sum(run.power_w * (np.array(plan.names) == name)[:, None] for (name, _), run in plan.runs.items())
    np.testing.assert_allclose(plan.grid_w, hours.net_w + plan.charge_w + drawn, atol=1e-6)
    assert plan.worth_mct.shape[:2] == (3, STEPS) and plan.marginal_mct.all(axis=1).any()


@pytest.mark.slow
def test_homes_that_share_a_limit_are_planned_together():
    homes, hours = street()
    free = solve(homes, hours, pooled=False)
    most = float(free.grid_w.sum(axis=0).max()) - 500
    plan = solve(homes, hours, pooled=False, limits=Limits(import_w=most))
    assert plan.grid_w.sum(axis=0).max() <= most + 1 and not plan.cannot
    pooled = solve(homes, hours, pooled=True)
    assert len(pooled.cost_micro) == 1 and pooled.objective_micro <= free.objective_micro * 1.002


def kept(plan):
    """Whether on/off devices are on or off, for their times, and have what they need."""
    car, tank, washer = (plan.runs[key] for key in (("h0", "car"), ("h1", "boiler"), ("h2", "washer")))
    for power, most, least in ((car.power_w, 4000, 3), (tank.power_w, 2000, 2)):
        assert set(np.round(power)) <= {0.0, float(most)}
        edges = np.flatnonzero(np.diff(np.concatenate([[False], power > 1, [False]]).astype(int)))
        assert all(
            end - begin >= least or end == len(power) for begin, end in zip(edges[::2], edges[1::2], strict=True)
        )
    assert car.level[-1] >= 4999 and tank.level[1:].min() >= 49.9 and tank.level.max() <= 55.05
    assert washer.power_w.sum() * 0.25 == pytest.approx(3000)


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [False, True])
def test_a_rounded_start_keeps_every_rule_and_is_told_with_its_distance(pooled, monkeypatch):
    homes, hours = street()
    best = solve(homes, hours, pooled=pooled)
    monkeypatch.setattr(solvers, "GAP", 1e9)  # the start is good enough
    plan = solve(homes, hours, pooled=pooled)
    kept(best)
    kept(plan)
    assert not plan.cannot and best.objective_micro <= plan.objective_micro <= best.objective_micro * 1.2 + 200_000
    assert plan.bound_micro <= best.objective_micro and plan.gap_ppm > 0 and plan.marginal_mct.any()


def test_where_the_solver_finds_no_better_in_its_time_the_start_stays(monkeypatch):
    homes, hours = street()
    built = programme(homes, hours, True, Limits(), Weights(), np.zeros((3, 1)), None, None)
    finished, far = built.matrix.finished(), time.perf_counter() + 60
    start = rounded(built, solved(relaxed(finished), far, Took()))
    run, asked = solvers._run, []

    def no_time_for_integers(finished, deadline, took, start=None):
        asked.append(bool(finished.whole.any()))
        return None if asked[-1] else run(finished, deadline, took)

    monkeypatch.setattr(solvers, "_run", no_time_for_integers)
    found = solved(finished, far, Took(), start)
    assert asked == [False, True] and not found.in_time and found.bound == pytest.approx(start.bound)
    assert found.objective > found.bound and found.duals.any()
