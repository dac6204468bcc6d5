"""Why a plan does what it does: the reason that holds, with the plan's own numbers, and the same words every time."""

import re

import numpy as np
import pytest

from host_bridge.agent.plan import Band, Battery, Car, Home, Task, WaterHeater, Weights
from host_bridge.agent.plan.reasons import why
from host_bridge.agent.plan.solve import solve
from tests.host.agent.plan_kit import BEGIN_S, Random, ahead

BATTERY = Battery(4000, 4000, 4000, 0, 900)
NO_END = np.zeros((1, 1))  # what is left at the end is worth nothing
TARIFF = [10_000.0] * 4 + [50_000.0] * 4


def told(home, hours, step, **more):
    plan = solve([home], hours, pooled=False, **more)
    return plan, {reason.device: reason for reason in why(plan, home.name, step)}


def test_what_is_bought_to_be_stored_names_price_and_worth():
    # 1 kWh of load for 1 h: what is bought at 10 ct is worth 10 / 0.9 as long as more can be bought
    plan, _ = told(Home("h", BATTERY), ahead(1000, price=TARIFF), 3, end_mct=NO_END)
    step = int(np.flatnonzero(plan.charge_w[0] > 20)[0])
    found = why(plan, "h", step)[0]
    assert found.action == "charge" and found.device == "battery"
    power = plan.charge_w[0, step] / 1000
    assert found.text == f"charges {power:.2f} kW: a kWh costs 10.0 ct now and is worth 11.1 stored"
    assert [figure.unit for figure in found.figures] == ["W", "ct/kWh", "ct/kWh"]


def test_where_carbon_counts_a_price_is_said_to_hold_it():
    hours = ahead(1000, price=20_000, steps=8, carbon_g=np.array([100.0] * 4 + [500.0] * 4))
    _, found = told(Home("h", BATTERY), hours, 5, weights=Weights().for_carbon(800, hours), end_mct=NO_END)
    assert found["battery"].text.startswith("gives 1.00 kW: a kWh with its CO2 weighs 30.7 ct now, what is stored")


def test_what_is_given_holds_and_rests_say_why():
    home, hours = Home("h", Battery(4000, 4000, 4000, 500, 900)), ahead(1000, price=TARIFF)
    _, found = told(home, hours, 4, end_mct=NO_END)
    assert found["battery"].text == "gives 1.00 kW: a kWh costs 50.0 ct now, what is stored is worth 11.1"
    _, found = told(home, ahead(1000, price=[20_000.0] * 4 + [50_000.0] * 4), 0, end_mct=np.array([[46_000.0]]))
    assert found["battery"].action in ("hold", "charge")
    dear = Home("h", Battery(4000, 0.0, 4000, 500, 900))
    _, found = told(dear, hours, 0)
    assert found["battery"].text == "holds: what it has is worth 45.0 ct/kWh later, and a kWh costs 10.0 ct now"
    _, found = told(Home("h", Battery(4000, 0.0, 4000, 0, 900)), hours, 5)
    assert found["battery"].text == "gives nothing: it holds 0 Wh, and no less may be"


def test_sun_is_stored_sold_or_left():
    sunny = ahead(0, solar=2000, price=TARIFF)
    text = "stores 2.00 kW of 2.00 kW sun left over: sold it earns 0.0 ct/kWh, stored it is worth 8.0"
    _, found = told(Home("h", BATTERY), sunny, 0, end_mct=np.array([[8_000.0]]))
    assert found["battery"].text == text and found["battery"].figures[1] == ("sun left over", 2000.0, "W")
    full = Home("h", Battery(4000, 4000, 4000, 4000, 900))
    _, found = told(full, sunny, 0, end_mct=np.array([[30_000.0]]))
    assert found["battery"].text == "takes nothing more: it is full at 4000 Wh"
    _, found = told(full, ahead(0, price=TARIFF, export_mct=np.full(8, 30_000.0)), 0, end_mct=np.zeros((1, 1)))
    assert re.fullmatch(r"sells \d\.\d\d kW at 30.0 ct/kWh: what is stored is worth \d+\.\d", found["battery"].text)


def test_in_a_pool_energy_for_neighbours_is_said_to_be_that():
    homes = [Home("a", Battery(4000, 4000, 4000, 4000, 900)), Home("b")]
    hours = ahead(0, price=TARIFF)
    hours = type(hours)(BEGIN_S, 900, np.array([[0.0] * 8, [1500.0] * 8]), np.zeros((2, 8)), hours.price_mct)
    plan = solve(homes, hours, pooled=True)
    text = why(plan, "a", 5)[0].text
    assert text.startswith("gives 1.50 kW, more than the home needs: neighbours would buy at 50.0 ct/kWh")
    assert why(plan, "b", 5) == ()


def test_a_limit_that_binds_is_named():
    home = Home("h", Battery(4000, 4000, 4000, 3000, 900), import_limit_w=1200.0)
    plan, _ = told(home, ahead([1000] * 4 + [2000] * 4, price=20_000), 5)
    assert plan.grid_w[0, 5] == pytest.approx(1200, abs=1) or plan.charge_w[0, 5] < -800
    reason = next(r for step in range(8) for r in why(plan, "h", step) if "limit" in r.text)
    assert reason.text.endswith("; the import is at its limit of 1200 W")
    assert reason.figures[-1] == ("import limit", 1200.0, "W")


def test_a_car_says_what_it_needs_by_when_and_why_now_or_later():
    car = Car("car", BEGIN_S, BEGIN_S + 2 * 3600, 2000, 4000)
    _, found = told(Home("h", cars=(car,)), ahead(100, price=TARIFF[::-1]), 0)
    assert found["car"].text == "car waits until 01:00: a kWh costs 10.0 ct then and 50.0 now"
    plan, _ = told(Home("h", cars=(car,)), ahead(100, price=TARIFF[::-1]), 4)
    step = int(plan.runs["h", "car"].on().argmax())
    text = why(plan, "h", step)[0].text
    assert step == 4 and text.endswith(
        "2.0 kWh being needed by 02:00: a kWh costs 10.0 ct now, 30.0 on the mean until then"
    )
    full = Car("car", BEGIN_S, BEGIN_S + 2 * 3600, 9000, 4000)
    _, found = told(Home("h", cars=(full,)), ahead(100, price=TARIFF), 1)
    assert found["car"].text == "car charges 4.00 kW, 8.0 kWh being needed by 02:00: every minute until then is"
    later = Car("car", BEGIN_S + 3600, BEGIN_S + 2 * 3600, 1000, 4000)
    _, found = told(Home("h", cars=(later,)), ahead(100, price=TARIFF), 0)
    assert "is not there, or must not charge now" in found["car"].text
    _, found = told(Home("h", cars=(Car("car", BEGIN_S, BEGIN_S + 9000, 0, 4000),)), ahead(100, price=TARIFF), 0)
    assert found["car"].text == "car has what it needs"
    _, found = told(Home("h", cars=(car,), never=frozenset(["car"])), ahead(100, price=TARIFF), 0)
    assert found["car"].text == "car must not be switched by the plan"


def test_a_heater_and_a_task_say_theirs():
    tank = WaterHeater("boiler", 2000, 200, 45, 40, 60, bands=(Band(BEGIN_S + 3600, BEGIN_S + 7200, 50, 60),))
    plan, _ = told(Home("h", heaters=(tank,)), ahead(0, price=TARIFF), 0)
    on = plan.runs["h", "boiler"].on()
    texts = [why(plan, "h", step)[0].text for step in range(8)]
    assert "degC, 50 are wanted" in texts[4] and all(
        ("heats" in text) == bool(flag) for text, flag in zip(texts, on, strict=True)
    )
    assert any(re.search(r"a kWh costs 10\.0 ct now, 30\.0 on the mean", text) for text in texts)
    _, found = told(Home("h", heaters=(tank,)), ahead(0, solar=3000, price=TARIFF), 0)
    assert found["boiler"].action in ("on", "wait")
    task = Task("washer", 1000, 1800, BEGIN_S, BEGIN_S + 7200)
    plan, found = told(Home("h", tasks=(task,)), ahead(0, price=TARIFF[::-1]), 0)
    begin = plan.runs["h", "washer"].on().argmax()
    assert found["washer"].text.endswith("a kWh costs 10.0 ct on the mean then, 50.0 now")
    assert why(plan, "h", int(begin))[0].text.startswith(
        f"washer runs from 01:{15 * (begin - 4):02d}, to be done by 02:00"
    )
    assert begin + 2 > 7 or why(plan, "h", 7)[0].text == "washer is done"


@pytest.mark.parametrize("seed", [0, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in range(30, 50))])
def test_every_number_in_the_words_is_a_figure_of_the_plan(seed):
    problem = Random(seed)
    plan = solve(problem.homes, problem.ahead, pooled=bool(seed % 2), limits=problem.limits, weights=problem.weights)
    again = solve(problem.homes, problem.ahead, pooled=bool(seed % 2), limits=problem.limits, weights=problem.weights)
    for home in plan.names:
        for step in range(plan.steps):
            reasons = why(plan, home, step)
            assert reasons == why(again, home, step) or plan.binaries
            for reason in reasons:
                known = {
                    f"{figure.value / scale:.{digits}f}"
                    for figure in reason.figures
                    for scale in (1, 1000)
                    for digits in (0, 1, 2)
                }
                said = re.findall(r"-?\d+\.?\d*", re.sub(r"CO2|\d\d:\d\d|car\d*|h\d|line \d|bus \d", "", reason.text))
                assert set(said) <= known | {"-0.0", "0.0"}, (reason.text, known)
