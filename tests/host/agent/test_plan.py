"""Plans obey what batteries, meters and limits obey, cost no more than they must, and are there in any case."""

from dataclasses import replace
from functools import cache
from math import nan

import numpy as np
import pytest

from host_bridge.agent.plan import Ahead, Battery, Car, Dwell, Feeder, Home, Limits, Task, WaterHeater, Weights
from host_bridge.agent.plan.plan import KEPT
from host_bridge.agent.plan.programme import both_ways, programme
from host_bridge.agent.plan.solve import solve
from tests.host.agent.plan_kit import BEGIN_S, Random, ahead

FEW, MANY = (0, 4), range(200, 230)
NO_END = np.zeros((1, 1))  # what is left at the end is worth nothing


def feeder(least=-1e9, most=1e9):
    return Feeder(("line",), np.array([[2.0, 1.0]]), *(np.array([2.0 * bound]) for bound in (least, most)), np.zeros(1))


seeds = pytest.mark.parametrize("seed", [*FEW, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MANY)])
ways = pytest.mark.parametrize("pooled", [False, True])


@cache
def planned(seed, pooled):
    problem = Random(seed)
    return problem, made(problem, pooled, time_limit_s=30)


def made(problem, pooled, **more):
    return solve(problem.homes, problem.ahead, pooled=pooled, limits=problem.limits, weights=problem.weights, **more)


@seeds
@ways
def test_energy_balances_and_batteries_stay_within_their_bounds(seed, pooled):
    problem, plan = planned(seed, pooled)
    drawn = sum(
        (run.power_w * (np.array(plan.names) == name)[:, None] for (name, _), run in plan.runs.items()),
        np.zeros_like(plan.grid_w),
    )
    np.testing.assert_allclose(plan.grid_w, problem.ahead.net_w + plan.charge_w + drawn, atol=1e-6)
    for at, home in enumerate(problem.homes):
        its, charge, content = home.battery, plan.charge_w[at], plan.content_wh[at]
        if its is None or "battery" in home.never:
            assert not charge.any()
            continue
        assert charge.max() <= its.charge_w + 1e-3 and charge.min() >= -its.discharge_w - 1e-3
        stored = np.where(charge > 0, charge * its.efficiency, charge / its.efficiency) * problem.ahead.hours
        np.testing.assert_allclose(np.diff(content), stored, atol=0.02)
        held = min(max(its.content_wh, 0), its.capacity_wh)
        assert content[0] == held and content.min() >= min(its.least_wh, held) - 0.01
        assert content.max() <= its.capacity_wh + 0.01


@seeds
@ways
def test_limits_are_kept_or_said_to_be_passed(seed, pooled):
    problem, plan = planned(seed, pooled)
    told = {(found.home, found.what.split(" limit")[0]): found.amount for found in plan.cannot if "limit" in found.what}
    meters = [
        (home.name, plan.grid_w[at], home.import_limit_w, home.export_limit_w) for at, home in enumerate(plan.homes)
    ]
    meters.append(("", plan.grid_w.sum(axis=0), problem.limits.import_w, problem.limits.export_w))
    for name, grid, most_in, most_out in meters:
        for what, beyond in (("import", (grid - most_in).max()), ("export", (-grid - most_out).max())):
            assert beyond <= told.get((name, what), 0.0) + 2.0, (name, what)
    feeder = problem.limits.feeder
    if feeder is not None and not any("for each W" in found.what for found in plan.cannot):
        seen = feeder.base[:, None] + feeder.per_w @ plan.grid_w
        assert (seen <= feeder.most[:, None] + 4).all() and (seen >= feeder.least[:, None] - 4).all()


@seeds
@ways
def test_devices_run_only_when_and_as_they_may(seed, pooled):
    problem, plan = planned(seed, pooled)
    starts = problem.ahead.from_s + problem.step_s * np.arange(plan.steps)
    for home in problem.homes:
        for device in home.devices:
            power = plan.runs[home.name, device.name].power_w
            assert power.min() >= 0 and power.max() <= device.power_w + 1e-3
            if isinstance(device, Car):
                gone = (starts + problem.step_s <= device.arrives_s) | (starts >= device.leaves_s)
                assert not power[gone].any()
                small = (power > 1) & (power < device.least_w - 1)
                part = [
                    problem.step_s > device.arrives_s - s > 0 or problem.step_s > device.leaves_s - s > 0
                    for s in starts
                ]
                assert not (small & ~np.array(part)).any() or device.barred
            if not isinstance(device, Task):
                for begin, end in device.barred:
                    assert not power[(starts >= begin) & (starts + problem.step_s <= end)].any()


@seeds
@ways
def test_no_plan_beats_the_bound_of_the_relaxed_problem(seed, pooled):
    _, plan = planned(seed, pooled)
    assert plan.bound_micro <= plan.objective_micro + 1
    if plan.outcome == "optimal":
        assert plan.gap_ppm <= 1001


@pytest.mark.parametrize("seed", range(6))
def test_the_cost_told_is_what_the_solver_minimised(seed):
    problem = Random(seed, plain=True)
    plan = made(problem, False, end_mct=np.zeros((len(problem.homes), 1)))
    wear_mct = -10 * np.minimum(plan.charge_w, 0).sum() * problem.ahead.hours / 1000
    below = problem.ahead.exported() > problem.ahead.price_mct
    assert below.any() or sum(plan.cost_micro) + 10 * wear_mct == pytest.approx(plan.objective_micro, abs=20)


@pytest.mark.parametrize("seed", range(6))
def test_pooled_is_never_dearer_than_alone(seed):
    problem = Random(seed, plain=True)
    earns = np.minimum(problem.ahead.exported(), problem.ahead.price_mct)
    problem.ahead = replace(problem.ahead, export_mct=earns)
    alone, pooled = (made(problem, way) for way in (False, True))
    assert pooled.objective_micro <= alone.objective_micro + 5
    assert len(pooled.cost_micro) == 1 and len(alone.cost_micro) == len(problem.homes)


def test_energy_is_bought_when_cheap_for_when_it_is_dear():
    home = Home("h", Battery(4000, 4000, 4000, 0, 900))
    plan = solve([home], ahead(1000, price=[10_000] * 4 + [50_000] * 4), pooled=False, end_mct=NO_END)
    assert plan.charge_w[0, :4].sum() * 0.25 == pytest.approx(1000 / 0.81, rel=1e-3)
    assert np.allclose(plan.grid_w[0, 4:], 0, atol=1e-3) and plan.content_wh[0, -1] == pytest.approx(0, abs=0.01)
    assert plan.cost_micro == (round((1000 + 1000 / 0.81) * 10_000 / 100),)
    assert plan.marginal_mct[0, 0] == pytest.approx(10_000 / 0.9, rel=1e-3)


def test_what_is_not_worth_its_losses_is_not_moved():
    home = Home("h", Battery(4000, 4000, 4000, 0, 900))
    plan = solve([home], ahead(1000, price=[10_000] * 4 + [12_000] * 4), pooled=False, end_mct=NO_END)
    assert not plan.charge_w.any()


@pytest.mark.parametrize("export", [None, np.full(8, -5_000.0)])
def test_a_negative_price_buys_no_energy_to_burn_it(export):
    home = Home("h", Battery(1000, 4000, 4000, 0, 800))
    hours = ahead(500, price=[-30_000] * 8, export_mct=export)
    plan = solve([home], hours, pooled=False)
    assert plan.outcome == "optimal" and plan.binaries > 0
    stored = np.where(plan.charge_w > 0, plan.charge_w * 0.8, plan.charge_w / 0.8)[0] * 0.25
    np.testing.assert_allclose(np.diff(plan.content_wh[0]), stored, atol=0.02)
    sure = solve([home], hours, pooled=False, weights=Weights(wear_mct=0), end_mct=NO_END)
    assert sure.cost_micro[0] == pytest.approx(sure.objective_micro, abs=20), "what the meter sees is what was counted"
    built = programme((home,), hours, False, Limits(), Weights(), np.zeros((1, 1)), None, None)
    assert both_ways(built, np.full(built.matrix.columns_made, 5.0))[0].all()


def test_sun_beyond_an_export_limit_is_not_burnt_in_the_battery():
    home = Home("h", Battery(1000, 4000, 4000, 900, 800), export_limit_w=1000.0)
    plan = solve([home], ahead(0, solar=3000, steps=8), pooled=False)
    stored = np.where(plan.charge_w > 0, plan.charge_w * 0.8, plan.charge_w / 0.8)[0] * 0.25
    np.testing.assert_allclose(np.diff(plan.content_wh[0]), stored, atol=0.02)
    passed = float((-plan.grid_w[0] - 1000).max())
    assert passed > 1000 and [round(found.amount) for found in plan.cannot] == [round(passed)] and plan.binaries > 0
    assert f"is passed by {passed:.0f} W at " in plan.cannot[0].says
    sun_wh, lost_wh = 3000 * 2, 0.2 * np.maximum(plan.charge_w, 0).sum() * 0.25
    lost_wh += (1 / 0.8 - 1) * -np.minimum(plan.charge_w, 0).sum() * 0.25
    held_wh = plan.content_wh[0, -1] - plan.content_wh[0, 0]
    assert -plan.grid_w.sum() * 0.25 == pytest.approx(sun_wh - held_wh - lost_wh, abs=1)


@ways
@pytest.mark.parametrize(
    ("limits", "seen"),
    [
        (Limits(import_w=2500.0), lambda grid: grid.sum(axis=0).max() <= 2500.1),
        (Limits(export_w=1500.0), lambda grid: grid.sum(axis=0).min() >= -1500.1),
        (Limits(feeder=feeder(most=900.0)), lambda grid: (grid[0] + 0.5 * grid[1]).max() <= 900.1),
        (Limits(feeder=feeder(least=-700.0)), lambda grid: (grid[0] + 0.5 * grid[1]).min() >= -700.1),
    ],
)
def test_what_can_be_kept_of_all_homes_and_the_feeder_is_kept(limits, seen, pooled):
    homes = [Home(name, Battery(6000, 4000, 4000, 3000)) for name in "ab"]
    load, sun = np.array([[0.0, 1600, 0, 300]] * 2), np.array([[1200.0, 0, 900, 0]] * 2)
    price = np.array([20_000.0, 10_000, 20_000, 30_000])
    hours = Ahead(BEGIN_S, 900, load, sun, price, np.full(4, 5_000.0))
    worthless, dear = np.zeros((2, 1)), np.full((2, 1), 25_000.0)  # what is left at the end
    for end_mct in (worthless, dear):
        plan = solve(homes, hours, pooled=pooled, limits=limits, end_mct=end_mct)
        assert seen(plan.grid_w) and not plan.cannot
    assert not all(seen(solve(homes, hours, pooled=pooled, end_mct=end_mct).grid_w) for end_mct in (worthless, dear))


def test_with_integers_the_worth_of_what_is_stored_is_told_too():
    task = Task("washer", 2000, 2700, BEGIN_S, BEGIN_S + 3 * 3600)
    home = Home("h", Battery(4000, 4000, 4000, 0, 900), tasks=(task,))
    plan = solve([home], ahead(1000, price=[10_000] * 4 + [50_000] * 4), pooled=False, end_mct=NO_END)
    assert plan.binaries > 0 and plan.marginal_mct[0, 0] == pytest.approx(10_000 / 0.9, rel=1e-3)


def test_a_car_is_charged_in_the_cheapest_hours_before_its_deadline():
    car = Car("car", BEGIN_S, BEGIN_S + 4 * 3600, 4000, 4000, by_s=BEGIN_S + 3 * 3600)
    price = np.repeat([30_000, 20_000, 25_000, 10_000, 5_000], 4)
    plan = solve([Home("h", cars=(car,))], ahead(100, price=price), pooled=False)
    run = plan.runs["h", "car"]
    assert np.allclose(run.power_w[4:8], 4000) and run.power_w.sum() * 0.25 == pytest.approx(4000)
    assert run.level[-1] == pytest.approx(4000) and not plan.cannot and plan.binaries == 0


def test_a_car_that_must_have_a_least_power_has_it_or_none():
    car = Car("car", BEGIN_S, BEGIN_S + 7200, 2500, 7400, least_w=4000)
    plan = solve([Home("h", cars=(car,))], ahead(100, price=np.linspace(10_000, 20_000, 8)), pooled=False)
    power = plan.runs["h", "car"].power_w
    assert power.sum() * 0.25 == pytest.approx(2500) and power[power > 1].min() >= 3999 and plan.binaries == 8


def test_minimum_times_are_kept_and_what_is_on_stays_on_for_them():
    dwell = Dwell(3 * 900, 2 * 900, on=True, since_s=900)
    tank = WaterHeater("boiler", 1000, 200, 55, 40, 70, dwell=dwell, draws_w=500.0)
    price = np.array([50, 50, 50, 50, 10, 50, 10, 50, 10, 50, 50, 50], float) * 1000
    plan = solve([Home("h", heaters=(tank,))], ahead(100, price=price), pooled=False)
    on = np.concatenate([[True], plan.runs["h", "boiler"].on()])
    assert on[1:3].all(), "one step of three has passed"
    edges = np.flatnonzero(np.diff(on.astype(int)))
    for edge, following in zip(edges, [*edges[1:], len(on) + 9], strict=True):
        assert following - edge >= (3 if on[edge + 1] else 2)


@pytest.mark.parametrize("gap", [3, 5])
def test_what_was_switched_off_stays_off_for_its_time(gap):
    dwell = Dwell(60, 900 * gap, on=True)
    tank = WaterHeater("boiler", 2000, 100, 50, 45, 60, dwell=dwell, draws_w=600.0)
    plan = solve([Home("h", heaters=(tank,))], ahead(100, price=[10_000.0, 50_000] * 12), pooled=False)
    on = plan.runs["h", "boiler"].on()
    edges = np.flatnonzero(np.diff(np.concatenate([[True], on, [True]]).astype(int)))
    off = [end - begin for begin, end in zip(edges[::2], edges[1::2], strict=False) if end < len(on)]
    assert min(off) == gap


def test_what_has_been_on_long_enough_may_be_switched_off_at_once():
    dwell = Dwell(3600, 60, on=True)
    tank = WaterHeater("boiler", 2000, 200, 50, 49.9, 60, dwell=dwell)
    plan = solve([Home("h", heaters=(tank,))], ahead(100, price=[10_000.0] + [50_000.0] * 7), pooled=False)
    assert plan.runs["h", "boiler"].on().tolist() == [True] + [False] * 7


def test_water_follows_its_equation_and_stays_in_its_band():
    tank = WaterHeater("boiler", 2000, 40, 50, 48, 60, loss_w_per_k=8.0, around_c=20, draws_w=300.0)
    plan = solve([Home("h", heaters=(tank,))], ahead(0, price=np.linspace(30_000, 10_000, 24)), pooled=False)
    run, now = plan.runs["h", "boiler"], 50.0
    for step in range(24):  # Euler's small steps, beside the closed form
        for _ in range(900):
            now += (run.power_w[step] - 300 - 8.0 * (now - 20)) / 3600 / (1.163 * 40)
        assert now == pytest.approx(run.level[step + 1], abs=0.01)
    assert run.level.min() >= 47.99 and run.level.max() <= 60.01 and not plan.cannot


def test_a_task_starts_once_where_it_is_cheapest_in_its_window():
    task = Task("washer", 2000, 2700, BEGIN_S, BEGIN_S + 3 * 3600)
    price = np.array([30] * 4 + [10, 20, 10, 10, 12] + [5] * 7, float) * 1000
    plan = solve([Home("h", tasks=(task,))], ahead(0, price=price), pooled=False)
    assert plan.runs["h", "washer"].on().nonzero()[0].tolist() == [9, 10, 11]


def test_a_running_task_goes_on():
    task = Task("washer", 2000, 3600, BEGIN_S - 1800, BEGIN_S + 3600, started_s=BEGIN_S - 1800)
    plan = solve([Home("h", tasks=(task,))], ahead(0, price=[50_000] * 2 + [1_000] * 6), pooled=False)
    assert plan.runs["h", "washer"].on().tolist() == [True] * 2 + [False] * 6


def test_what_must_never_be_switched_is_left_alone():
    car = Car("car", BEGIN_S, BEGIN_S + 7200, 1500, 7400)
    home = Home("h", Battery(4000, 4000, 4000, 2000), (car,), never=frozenset(["battery", "car"]))
    plan = solve([home], ahead(1000, price=[10_000] * 4 + [50_000] * 4), pooled=False)
    assert not plan.charge_w.any() and not plan.runs and not plan.cannot


def test_carbon_and_peaks_count_when_they_are_given_a_weight():
    home = Home("h", Battery(4000, 4000, 4000, 0))
    carbon = np.array([100.0] * 4 + [500.0] * 4)
    hours = ahead(1000, price=20_000, steps=8, carbon_g=carbon)
    weights = Weights().for_carbon(800, hours)
    assert weights.cost == pytest.approx(0.2) and solve([home], hours, pooled=False).charge_w.max() == 0
    assert weights.prices(hours)[0][[0, 7]].tolist() == pytest.approx([4000 + 16_000 / 3, 4000 + 80_000 / 3])
    assert solve([home], hours, pooled=False, weights=weights).charge_w[0, :4].sum() > 3000
    peaky = ahead([500] * 6 + [4000] * 2, price=20_000)
    flat = solve([home], peaky, pooled=False, weights=Weights(peak_mct_per_kw=50_000))
    assert flat.grid_w.max() < 2000 and solve([home], peaky, pooled=False).grid_w.max() == pytest.approx(4000)


def test_without_time_the_last_plan_is_kept_and_moved_on():
    home = Home("h", Battery(4000, 4000, 4000, 0), (Car("car", BEGIN_S, BEGIN_S + 7200, 4000, 4000),))
    hours = ahead(1000, price=[10_000] * 4 + [50_000] * 4)
    last = solve([home], hours, pooled=False)
    later = replace(hours, from_s=BEGIN_S + 2 * 900)
    kept = solve([home], later, pooled=False, time_limit_s=0.0, last=last)
    assert kept.outcome == f"time limit: {KEPT}" and not kept.good and last.good
    np.testing.assert_array_equal(kept.charge_w[0], [*last.charge_w[0, 2:], 0, 0])
    np.testing.assert_array_equal(kept.content_wh[0, :7], last.content_wh[0, 2:])
    np.testing.assert_array_equal(kept.runs["h", "car"].power_w[:6], last.runs["h", "car"].power_w[2:])
    np.testing.assert_allclose(kept.grid_w[0], later.net_w[0] + kept.charge_w[0] + kept.runs["h", "car"].power_w)
    assert kept.made_s == last.made_s
    none = solve([home], hours, pooled=False, time_limit_s=0.0)
    assert none.outcome == "time limit: nothing planned" and not none.charge_w.any() and not none.good
    twice = solve([home], replace(hours, from_s=BEGIN_S + 3 * 900), pooled=False, time_limit_s=0.0, last=kept)
    np.testing.assert_array_equal(twice.charge_w[0, :5], last.charge_w[0, 3:])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"load_w": np.full((1, 8), np.nan)}, "no forecast of load for h in step 0"),
        ({"solar_w": np.zeros((1, 7))}, "the forecast of solar has the shape"),
        ({"price_mct": np.array([1.0] * 7 + [np.inf])}, "the price is not known"),
        ({"export_mct": np.zeros(5)}, "the export price is not known"),
    ],
)
def test_numbers_that_are_none_keep_the_last_plan_and_say_which(change, says):
    home, hours = Home("h", Battery(4000, 4000, 4000, 0)), ahead(1000, price=[10_000] * 4 + [50_000] * 4)
    last = solve([home], hours, pooled=False)
    found = solve([home], replace(hours, **change), pooled=False, last=last)
    assert says in found.outcome and KEPT in found.outcome
    np.testing.assert_array_equal(found.charge_w, last.charge_w)
    moved = solve([home], replace(hours, **change, from_s=BEGIN_S + 2 * 900), pooled=False, last=last)
    assert moved.ahead.price_mct.tolist() == [10_000] * 2 + [50_000] * 6
    none = solve([home], replace(hours, **change), pooled=False)
    assert "nothing planned" in none.outcome and none.steps == 8 and not none.charge_w.any()
    gone = solve([home], replace(hours, **change, from_s=BEGIN_S + 9 * 900), pooled=False, last=last)
    assert "does not reach these hours" in gone.outcome and not gone.charge_w.any() and not gone.good


@pytest.mark.parametrize(
    ("home", "says"),
    [
        (Home("h", Battery(4000, 4000, 4000, nan)), "what the battery of h holds is not known"),
        (Home("h", Battery(nan, 4000, 4000, 0)), "capacity_wh of its battery is no number for h"),
        (Home("h", Battery(4000, 4000, 4000, 0, 0)), "cannot have an efficiency of 0 permille"),
        (Home("h", cars=(Car("car", BEGIN_S, BEGIN_S + 9000, nan, 4000),)), "needs_wh of car is no number for h"),
        (Home("h", heaters=(WaterHeater("boiler", 2000, 100, nan, 40, 50),)), "now_c of boiler is no number for h"),
        (Home("h", import_limit_w=nan), "import_limit_w of the home is no number for h"),
    ],
)
def test_what_is_no_number_is_named(home, says):
    assert says in solve([home], ahead(1, steps=4), pooled=False).outcome


@pytest.mark.parametrize(
    "home",
    [
        Home("h", Battery(0, 0, 0, 0)),
        Home("h", Battery(1000, 0, 0, 0)),
        Home("h", heaters=(WaterHeater("boiler", 2000, 0, 45, 40, 50, loss_w_per_k=0),)),
        Home("h", heaters=(WaterHeater("boiler", 2000, 100, 45, 60, 50),)),
        Home("h", tasks=(Task("washer", 100, 0, BEGIN_S, BEGIN_S + 900),)),
        Home("h", tasks=(Task("washer", 100, 900, BEGIN_S + 900, BEGIN_S),)),
        Home("h", cars=(Car("car", BEGIN_S + 7200, BEGIN_S, 5000, 4000),)),
    ],
)
def test_devices_that_make_no_sense_make_a_plan_all_the_same(home):
    assert solve([home], ahead(100, steps=8), pooled=False).outcome == "optimal"


def test_a_plan_tells_what_it_took():
    plan = solve([Home("h", Battery(4000, 4000, 4000, 0))], ahead(1000, price=[10_000] * 4 + [50_000] * 4), pooled=True)
    assert plan.solve_ms > 0 and plan.matrix_ms > 0 and plan.read_ms > 0 and plan.gap_ppm == 0
    assert (
        plan.columns > 0 and plan.rows > 0 and plan.step_of(BEGIN_S + 1000) == 1 and plan.step_of(BEGIN_S - 1) is None
    )
