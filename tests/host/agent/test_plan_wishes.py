"""Wishes that cannot be had: the closest plan, and words that say what is missing and by when."""

from dataclasses import replace

import numpy as np
import pytest

from host_bridge.agent.plan import Band, Battery, Car, Feeder, Home, Limits, Task, WaterHeater
from host_bridge.agent.plan.solve import solve
from tests.host.agent.plan_kit import BEGIN_S, ahead

HOUR = 3600
HOURS = ahead(200, price=np.linspace(10_000, 30_000, 16))  # 4 hours from 00:00


def says(plan):
    return [found.says for found in plan.cannot]


def solved(home, hours=HOURS, **more):
    return solve([home], hours, pooled=False, **more)


def test_a_deadline_that_is_too_early_gets_all_there_is_time_for():
    car = Car("car", BEGIN_S + HOUR, BEGIN_S + 2 * HOUR, 9000, 4000)
    plan = solved(Home("h", cars=(car,)))
    assert np.allclose(plan.runs["h", "car"].power_w[4:8], 4000)
    assert says(plan) == [
        "car leaves at 02:00 with 5.0 kWh of 9.0 kWh missing; at 4.0 kW at most 4.0 kWh can be had until then"
    ]
    assert plan.cannot[0][:4] == ("h", "car", pytest.approx(5000), "Wh") and plan.outcome == "optimal"


def test_what_is_late_is_had_later():
    car = Car("car", BEGIN_S, BEGIN_S + 4 * HOUR, 9000, 4000, by_s=BEGIN_S + 2 * HOUR)
    plan = solved(Home("h", cars=(car,)))
    assert says(plan)[0].startswith(
        "car lacks 1.0 kWh of 9.0 kWh at 02:00 and gets it later; at 4.0 kW at most 8.0 kWh"
    )
    assert plan.runs["h", "car"].level[-1] == pytest.approx(9000)


def test_a_limit_goes_before_a_wish_and_is_named_as_the_reason():
    car = Car("car", BEGIN_S, BEGIN_S + 4 * HOUR, 9000, 4000)
    plan = solved(Home("h", cars=(car,), import_limit_w=2000))
    assert plan.grid_w.max() <= 2000.01
    assert "1.8 kWh of 9.0 kWh missing" in says(plan)[0] and "a limit or another wish weighs more" in says(plan)[0]


def test_the_dearer_wish_goes_first():
    first, second = (
        Car(name, BEGIN_S, BEGIN_S + 4 * HOUR, 5000, 4000, priority=priority)
        for name, priority in (("a", 2.0), ("b", 1.0))
    )
    plan = solved(Home("h", cars=(first, second), import_limit_w=2200))
    assert plan.runs["h", "a"].level[-1] == pytest.approx(5000) and plan.runs["h", "b"].level[-1] == pytest.approx(3000)
    assert [found.what for found in plan.cannot] == ["b"]


def test_water_that_cannot_be_warm_in_time_is_as_warm_as_can_be():
    tank = WaterHeater("boiler", 1000, 200, 30, 50, 60, bands=(Band(BEGIN_S, BEGIN_S + HOUR, 20, 60),))
    plan = solved(Home("h", heaters=(tank,)))
    assert np.allclose(plan.runs["h", "boiler"].power_w, 1000)
    level = plan.runs["h", "boiler"].level
    assert says(plan) == [f"boiler is {50 - level[5]:.1f} K below 50 degC at 01:15 and out of its band for 180 min"]


def test_water_that_is_too_hot_is_not_heated():
    tank = WaterHeater("boiler", 1000, 200, 70, 30, 55)
    plan = solved(Home("h", heaters=(tank,)), ahead(0, price=[-20_000] * 8))
    assert not plan.runs["h", "boiler"].power_w.any() and "above 55 degC" in says(plan)[0]


def test_water_is_never_heated_above_its_band_however_cheap():
    tank = WaterHeater("boiler", 1000, 200, 40, 30, 55)
    plan = solved(Home("h", heaters=(tank,)), ahead(0, price=[-20_000] * 96))
    assert 54.9 < plan.runs["h", "boiler"].level.max() <= 55.001


def test_a_limit_that_the_load_alone_passes_is_told_with_where_and_for_how_long():
    plan = solved(Home("h", Battery(500, 5000, 5000, 500), import_limit_w=1000), ahead([500] * 4 + [3000] * 4))
    assert len(plan.cannot) == 1 and plan.cannot[0].what == "import limit of 1000 W"
    assert "and for 60 min in all: nothing more can be moved" in says(plan)[0]
    given = -plan.charge_w[0, 4:].sum() * 0.25
    assert given == pytest.approx(500 * 0.949, rel=1e-3), "all that it holds goes against the excess"


def test_a_limit_of_all_homes_and_a_feeders_are_told():
    feeder = Feeder(
        ("line 7",), np.array([[2.0, 2.0]]), np.array([-9e9]), np.array([5000.0]), np.array([1000.0]), "ppm"
    )
    hours = ahead(1500, steps=4)
    both = ahead(1500, steps=4)
    hours = type(hours)(BEGIN_S, 900, np.repeat(both.load_w, 2, 0), np.repeat(both.solar_w, 2, 0), both.price_mct)
    plan = solve([Home("a"), Home("b")], hours, pooled=True, limits=Limits(import_w=2500, feeder=feeder))
    words = says(plan)
    assert any("the import limit of 2500 W for all homes is passed by 500 W" in one for one in words)
    assert any("the limit of line 7 (2 ppm for each W) is passed by 1000 W at 00:00" in one for one in words)


def test_a_feeder_from_a_working_point_means_the_same():
    at = Feeder.at(
        ("x",), np.array([[2.0, 1.0]]), np.array([0.0]), np.array([9.0]), np.array([5.0]), np.array([1.0, 2.0])
    )
    assert at.base.tolist() == [1.0]


def test_a_task_without_room_runs_as_soon_as_it_can_and_says_how_late():
    task = Task("washer", 1000, 2 * HOUR, BEGIN_S + HOUR, BEGIN_S + 2 * HOUR)
    plan = solved(Home("h", tasks=(task,)))
    assert plan.runs["h", "washer"].on().nonzero()[0].tolist() == list(range(4, 12))
    assert says(plan) == ["washer ends 60 min after 02:00, when it should be done"]


def test_a_task_that_is_barred_throughout_is_not_run_and_that_is_told():
    task = Task("washer", 1000, HOUR, BEGIN_S, BEGIN_S + 4 * HOUR, barred=((BEGIN_S, BEGIN_S + 4 * HOUR),))
    plan = solved(Home("h", tasks=(task,)))
    assert not plan.runs["h", "washer"].power_w.any()
    assert says(plan) == ["washer cannot run: there is no time for it by 04:00"]


def test_a_task_that_can_wait_beyond_the_hours_planned_is_put_off_where_that_is_cheaper():
    task = Task("washer", 1000, HOUR, BEGIN_S, BEGIN_S + 9 * HOUR)
    dear = solved(Home("h", tasks=(task,)), ahead(0, price=[20_000] * 16))
    cheap = solved(Home("h", tasks=(task,)), ahead(0, price=[20_000] * 4 + [1_000] * 4 + [20_000] * 8))
    assert not dear.cannot
    barred = replace(task, barred=((BEGIN_S + 3 * HOUR, BEGIN_S + 4 * HOUR),))
    off = solved(Home("h", tasks=(barred,)), ahead(0, price=[30_000] * 12 + [10_000] * 4))
    assert not off.cannot and not off.runs["h", "washer"].on().any() and cheap.runs["h", "washer"].on()[4:8].all()


def test_a_car_that_has_time_after_the_hours_planned_is_not_charged_at_any_price():
    car = Car("car", BEGIN_S, BEGIN_S + 9 * HOUR, 30_000, 4000)  # 16 kWh can be had in these hours, 20 after them
    plan = solved(Home("h", cars=(car,)), ahead(0, price=[30_000] * 12 + [1_000] * 4))
    assert not plan.cannot and plan.runs["h", "car"].level[-1] == pytest.approx(10_000)
    assert np.allclose(plan.runs["h", "car"].power_w[12:], 4000)


def test_a_budget_is_kept_by_leaving_a_wish_or_told_to_be_passed():
    car = Car("car", BEGIN_S, BEGIN_S + 4 * HOUR, 4000, 4000)
    free = solved(Home("h", cars=(car,)), ahead(0, price=[20_000] * 16))
    bound = solved(Home("h", cars=(car,), budget_micro=400_000), ahead(0, price=[20_000] * 16))
    assert free.cost_micro == (800_000,) and bound.cost_micro[0] <= 400_001
    assert "2.0 kWh of 4.0 kWh missing" in says(bound)[0]
    passed = solved(Home("h", budget_micro=100_000), ahead(500, price=[20_000] * 16))
    assert says(passed) == ["the budget is passed by 30.0 ct: less would leave a wish undone"]


def test_a_battery_that_holds_less_or_more_than_it_may_is_told_and_a_faulty_one_left_out():
    low = solved(Home("h", Battery(4000, 1000, 1000, 500, least_wh=1000)))
    over = solved(Home("h", Battery(4000, 1000, 1000, 5000)))
    faulty = solved(Home("h", Battery(4000, 1000, 1000, 2000, fault=True)))
    assert says(low) == ["the battery holds 500 Wh, 500 Wh less than the 1000 Wh to keep"]
    assert "is said to hold 1000 Wh more than it can" in says(over)[0] and over.content_wh[0, 0] == 4000
    assert says(faulty) == ["the battery reports a fault: it is not planned with"] and not faulty.charge_w.any()
