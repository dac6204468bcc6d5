"""A plan's steps as leases, and the guard worlds between them and the contactors."""

from dataclasses import replace

import numpy as np
import pytest

from host_bridge.agent.plan import Battery, Dwell, Home, WaterHeater
from host_bridge.agent.plan.checked import checked
from host_bridge.agent.plan.solve import solve
from host_bridge.agent.plan.switching import Lease, alone_w, leases, mean_w, parts
from tests.host.agent.plan_kit import BEGIN_S, Random, ahead

BATTERY = Battery(4000, 3000, 2000, 2000, 900)


def plan_of(charge_w, battery=BATTERY, net_w=0.0, **more):
    """A plan that asks for that, whatever a battery bears."""
    charge = np.array(charge_w, float)[None]
    hours = ahead(max(net_w, 0.0), max(-net_w, 0.0), steps=charge.shape[1])
    plan = solve([Home("h", battery, **more)], hours, pooled=False)
    content = np.full((1, charge.shape[1] + 1), battery.content_wh)
    return replace(plan, charge_w=charge, grid_w=hours.net_w + charge, content_wh=content, runs=plan.runs)


@pytest.mark.parametrize("own_w", [-2500.0, -800.0, 0.0, 600.0, 2500.0])
@pytest.mark.parametrize("wanted_w", [-2000.0, -900.0, -400.0, 0.0, 500.0, 1500.0, 3000.0])
def test_an_amount_becomes_parts_of_the_step_that_mean_it(own_w, wanted_w):
    own_w = max(own_w, -BATTERY.discharge_w)
    closed = parts(wanted_w, BATTERY, own_w)
    assert all(0 <= part <= 1 for part in closed.values())
    stored_anyway = 0 <= wanted_w < own_w  # storing less sun than there is cannot be asked for
    assert mean_w(closed, BATTERY, own_w) == pytest.approx(own_w if stored_anyway else wanted_w, abs=50)


def test_by_itself_an_inverter_keeps_sun_and_covers_what_is_short():
    assert alone_w(BATTERY, -500, 2000, 0.25) == 500 and alone_w(BATTERY, -5000, 2000, 0.25) == 3000
    assert alone_w(BATTERY, -500, 4000, 0.25) == 0 and alone_w(BATTERY, -500, 3910, 0.25) == pytest.approx(400)
    assert alone_w(BATTERY, 500, 2000, 0.25) == -500 and alone_w(BATTERY, 5000, 2000, 0.25) == -2000
    assert alone_w(BATTERY, 500, 0, 0.25) == 0 and alone_w(BATTERY, 500, 100, 0.25) == pytest.approx(-360)


def test_leases_say_which_contactor_from_when_for_how_long():
    plan = plan_of([1500, 0, -1000, -500], net_w=500.0)
    begins = [BEGIN_S + 900 * step for step in range(4)]
    assert leases(plan, "h", 0) == [
        Lease("battery", "hold", begins[0], 900),
        Lease("battery", "charge", begins[0], 450),
    ]
    assert leases(plan, "h", 1) == [Lease("battery", "hold", begins[1], 900)]
    assert leases(plan, "h", 2) == [Lease("battery", "discharge", begins[2], 300)]
    assert leases(plan, "h", 3) == []
    assert leases(plan_of([1500], never=frozenset(["battery"])), "h", 0) == []
    tank = WaterHeater("boiler", 2000, 200, 49, 50, 60)
    heated = solve([Home("h", heaters=(tank,))], ahead(0, steps=4), pooled=False)
    power = heated.runs["h", "boiler"].power_w[0]
    assert leases(heated, "h", 0) == [Lease("boiler", "boiler", BEGIN_S, round(900 * power / 2000))]


def test_a_plan_within_what_is_borne_passes_as_it_is():
    plan = solve([Home("h", BATTERY)], ahead(600, price=[10_000] * 8 + [50_000] * 8), pooled=False)
    passed, refused = checked(plan)
    assert refused == () and plan.charge_w.max() > 100
    np.testing.assert_allclose(passed.charge_w, plan.charge_w, atol=15)
    np.testing.assert_allclose(passed.grid_w, plan.grid_w, atol=15)


def test_more_than_a_battery_bears_is_cut_to_it():
    passed, refused = checked(plan_of([5000, 0, -3000, 0]))
    assert passed.charge_w[0].tolist() == pytest.approx([3000, 0, -2000, 0])
    assert [(one.step, one.asked_w, one.allowed_w) for one in refused] == [(0, 5000, 3000), (2, -3000, -2000)]
    assert refused[0].says == "battery_guard lets 3000 W of 5000 W through: it bears 3000 W"
    np.testing.assert_allclose(np.diff(passed.content_wh[0]), [675, 0, -2000 / 0.9 / 4, 0], atol=0.1)
    np.testing.assert_allclose(passed.grid_w, passed.charge_w, atol=1e-6)


def test_power_tapers_off_just_before_a_battery_is_full():
    battery = replace(BATTERY, content_wh=3960.0)
    hours = ahead(0.0, steps=4, step_s=60)
    plan = solve([Home("h", battery)], hours, pooled=False)
    passed, _ = checked(replace(plan, charge_w=np.array([[3000.0, 0, 0, 0]])))
    assert 700 < passed.charge_w[0, 0] <= 1500


def test_a_batterys_relay_is_not_switched_for_an_instant():
    passed, refused = checked(plan_of([150, 0, 0, 0]))
    assert passed.charge_w[0].tolist() == pytest.approx([200, 0, 0, 0]) and refused[0][:3] == ("h", "battery", 0)
    assert "closed for 60 s of the step, not 45 s" in refused[0].says


def test_nothing_is_charged_into_a_full_battery_or_taken_from_an_empty_one():
    full, refused = checked(plan_of([2000] * 6, replace(BATTERY, content_wh=3500)))
    assert full.content_wh.max() <= 4000 and full.charge_w[0, -1] == 0 and "it is full, or nearly" in refused[-1].says
    empty, refused = checked(plan_of([-2000] * 6, replace(BATTERY, content_wh=500)))
    assert empty.content_wh.min() >= 0 and empty.charge_w[0, -1] == 0 and "it is empty, or nearly" in refused[-1].says
    assert full.content_wh[0, -1] > 3950 and empty.content_wh[0, -1] < 50


@pytest.mark.parametrize(
    ("change", "charge", "left", "says"),
    [
        ({"fault": True}, [2000, -2000], [0, 0], "the battery reports a fault"),
        ({"cell_c": 50}, [2000, -2000], [0, -2000], "its cells are at 50 degC, and are charged from 0 to 45 degC"),
        ({"cell_c": -5}, [2000, 0], [0, 0], "its cells are at -5 degC"),
    ],
)
def test_a_faulty_hot_or_cold_battery_is_spared(change, charge, left, says):
    passed, refused = checked(plan_of(charge, replace(BATTERY, **change)))
    assert passed.charge_w[0].tolist() == pytest.approx(left) and says in refused[0].says


def test_costs_follow_what_is_cut():
    passed, _ = checked(plan_of([5000, 0], net_w=1000.0))
    assert passed.cost_micro == (round((4000 + 1000) * 0.25 * 20_000 / 100),)


def test_a_relay_is_not_switched_faster_than_it_bears():
    tank = WaterHeater("boiler", 2000, 200, 49, 50, 60, dwell=Dwell(600, 300))
    plan = solve([Home("h", heaters=(tank,))], ahead(0, steps=8), pooled=False)
    run = replace(plan.runs["h", "boiler"], power_w=np.array([200.0, 0, 2000, 0, 0, 0, 0, 0]))
    passed, refused = checked(replace(plan, runs={("h", "boiler"): run}, grid_w=run.power_w[None]))
    np.testing.assert_allclose(passed.runs["h", "boiler"].power_w[:4], [2000 * 600 / 900, 0, 2000, 0])
    assert refused[0][:3] == ("h", "boiler", 0) and "closed for 600 s of the step, not 90 s" in refused[0].says
    np.testing.assert_allclose(passed.grid_w[0], passed.runs["h", "boiler"].power_w)


def test_a_relay_that_has_just_been_switched_rests_first():
    tank = WaterHeater("boiler", 2000, 200, 49, 50, 60, dwell=Dwell(60, 450, on=False, since_s=0))
    plan = solve([Home("h", heaters=(tank,))], ahead(0, steps=2), pooled=False)
    run = replace(plan.runs["h", "boiler"], power_w=np.array([2000.0, 0]))
    passed, refused = checked(replace(plan, runs={("h", "boiler"): run}, grid_w=run.power_w[None]))
    assert passed.runs["h", "boiler"].power_w[0] == pytest.approx(1000, abs=5) and len(refused) == 1


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 90))])
def test_what_is_let_through_stays_within_every_battery(seed):
    problem = Random(seed)
    plan = solve(problem.homes, problem.ahead, pooled=True, limits=problem.limits, weights=problem.weights)
    rough = np.random.default_rng(seed).uniform(-9000, 9000, plan.charge_w.shape)
    asked = np.where([[home.battery is not None and "battery" not in home.never] for home in plan.homes], rough, 0)
    passed, _ = checked(replace(plan, charge_w=asked, grid_w=plan.grid_w - plan.charge_w + asked))
    for at, home in enumerate(problem.homes):
        if home.battery is None or "battery" in home.never:
            continue
        its, charge, content = home.battery, passed.charge_w[at], passed.content_wh[at]
        assert content.min() >= -1e-6 and content.max() <= its.capacity_wh + 1e-6
        assert charge.max() <= its.charge_w + 1 and charge.min() >= -its.discharge_w - 1
        stored = np.where(charge > 0, charge * its.efficiency, charge / its.efficiency) * problem.ahead.hours
        np.testing.assert_allclose(np.diff(content), stored, atol=0.02)
