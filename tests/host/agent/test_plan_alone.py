"""What a node follows when it is alone: taken by its own reader, within its bytes, and worth following."""

from dataclasses import replace

import numpy as np
import pytest

from gridnode.node.plan import Plan as NodePlan
from gridnode.wire import schema
from host_bridge.agent.plan import Battery, Car, Home, Task, WaterHeater
from host_bridge.agent.plan.alone import alone
from host_bridge.agent.plan.alone_rows import Minutes, Row, merges, rows
from host_bridge.agent.plan.solve import solve
from host_bridge.agent.plan.switching import alone_w
from host_bridge.microworld.study.homes import read
from host_bridge.plan import empty
from tests.host.agent.plan_kit import BEGIN_S, STEP_S, ahead, neighbourhood
from tools import citylearn

CONTACTORS = ("battery charge", "battery discharge", "battery hold", "heater", "plug")
NAMES = {"charge": "battery charge", "discharge": "battery discharge", "hold": "battery hold"}
ALL = {**NAMES, "boiler": "heater", "car": "plug", "washer": "plug"}
BATTERY = Battery(6400, 5000, 5000, 2000)


def wishes(document, minute, export_w=0, *, unix_s=BEGIN_S, closed=()):
    """What the node's own reader has it do: the contactors to be closed."""
    plan = NodePlan.parse(document, len(CONTACTORS))
    at_ms = (unix_s + 60 * minute) * 1000
    measured = (-1000 * export_w, 50_000, 230_000)
    return {name for k, name in enumerate(CONTACTORS) if plan.wish(k, at_ms, measured, name in closed) == "closed"}


def made(home, hours, **more):
    plan = solve([home], hours, pooled=False)
    return plan, alone(plan, home.name, CONTACTORS, ALL, hours.from_s, **more)


def day(price, load=500.0, solar=0.0):
    """Hours of one home in steps of 15 min."""
    parts = (np.repeat(part, 4) if np.size(part) > 1 else part for part in (load, solar, price))
    return ahead(*parts, steps=4 * len(price))


TARIFF = np.array([20.0] * 16 + [50.0] * 4 + [20.0] * 4) * 1000


def test_it_holds_for_the_dear_hours_and_buys_what_they_lack():
    plan, found = made(Home("h", BATTERY), day(TARIFF, load=1500.0))
    assert found.left_out == () and len(found.document) <= schema.BLOB_MAX
    charging = [minute for minute in range(24 * 60) if "battery charge" in wishes(found.document, minute)]
    bought_wh = plan.charge_w[0, :64].sum() * 0.25
    assert len(charging) == pytest.approx(60 * bought_wh / 5000, abs=1) and charging[-1] < 16 * 60
    assert all("battery hold" in wishes(found.document, minute) for minute in range(0, 16 * 60, 5))
    assert not any(wishes(found.document, minute) for minute in range(16 * 60, 20 * 60))
    assert "valid_from = 2026-09-22T00:00:00Z" in found.toml


def test_hours_in_which_nothing_is_short_do_not_part_a_row():
    load = np.array([900.0] * 4 + [0.0] * 2 + [900.0] * 18)
    _, found = made(Home("h", BATTERY), day(TARIFF, load=load))
    assert sum(row.contactor == "hold" for row in found.rows) == 1


def test_it_buys_where_that_is_cheapest():
    price = TARIFF.copy()
    price[10] = 15_000
    _, found = made(Home("h", BATTERY), day(price, load=1200.0))
    charging = [minute for minute in range(24 * 60) if "battery charge" in wishes(found.document, minute)]
    assert charging and charging[0] >= 10 * 60 and charging[-1] < 11 * 60


def test_a_flat_price_needs_no_plan():
    _, found = made(Home("h", BATTERY), day([20_000.0] * 24))
    assert found.document == empty() and found.rows == () and found.left_out == ()


def test_a_car_a_task_and_a_heater_have_their_minutes_and_the_heater_the_sun():
    car = Car("car", BEGIN_S, BEGIN_S + 8 * 3600, 4000, 4000)
    tank = WaterHeater("boiler", 2000, 200, 45, 45, 60)
    solar = np.array([0.0] * 10 + [3000.0] * 5 + [0.0] * 9)
    _, found = made(Home("h", cars=(car,), heaters=(tank,)), day(np.arange(24.0) * 500 + 10_000, solar=solar))
    minutes = range(24 * 60)
    assert sum("plug" in wishes(found.document, minute) for minute in minutes) == 60
    assert sum("heater" in wishes(found.document, minute) for minute in minutes) > 30
    assert "heater" in wishes(found.document, 21 * 60, export_w=2500), "the sun is left over, whatever was thought"
    assert "heater" not in wishes(found.document, 21 * 60, export_w=500)
    assert "heater" in wishes(found.document, 21 * 60, export_w=0, closed=("heater",)), "it takes that sun itself"
    _, found = made(Home("h", tasks=(Task("washer", 2000, 3600, BEGIN_S, BEGIN_S + 9 * 3600),)), day(TARIFF))
    assert sum("plug" in wishes(found.document, minute) for minute in minutes) == 60


def test_a_tank_without_a_thermostat_is_not_left_to_the_sun():
    tank = WaterHeater("boiler", 2000, 200, 45, 45, 60, thermostat=False)
    _, found = made(Home("h", heaters=(tank,)), day(TARIFF, solar=np.full(24, 3000.0)))
    assert not any(row.when for row in found.rows)


def spiky(seed):
    """A price that goes up and down every hour."""
    rng = np.random.default_rng(seed)
    return np.where(np.arange(36) % 2, 45_000.0, 15_000.0) + rng.integers(-40, 40, 36) * 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_what_does_not_fit_is_merged_or_left_out_and_that_is_said(seed):
    battery = replace(BATTERY, capacity_wh=1500.0, content_wh=700.0, charge_w=1500.0)
    tank = WaterHeater("boiler", 2000, 300, 46, 45, 60, draws_w=300.0)
    car = Car("car", BEGIN_S, BEGIN_S + 30 * 3600, 11_000, 1000)
    home = Home("h", battery, (car,), (tank,))
    plan, found = made(home, ahead(600, price=np.repeat(spiky(seed), 4)))
    assert 100 < len(found.document) <= schema.BLOB_MAX
    assert len(rows(plan, "h", Minutes(plan, 0, 60))[0]) > len(found.rows)
    wanted = 60 * plan.runs["h", "car"].power_w.sum() * 0.25 / 1000
    minutes = sum("plug" in wishes(found.document, minute) for minute in range(36 * 60))
    assert minutes == pytest.approx(wanted, abs=4), "wishes go before savings"


def test_many_runs_of_two_cars_become_fewer_with_all_their_minutes():
    cars = tuple(Car(name, BEGIN_S, BEGIN_S + 36 * 3600, 9000, 500) for name in ("car", "boiler"))
    plan, found = made(Home("h", cars=cars), ahead(0, price=np.repeat(spiky(1), 4)))
    assert len(rows(plan, "h", Minutes(plan, 0, 60))[0]) >= 30 and 150 < len(found.document) <= schema.BLOB_MAX
    closed = [wishes(found.document, minute) for minute in range(36 * 60)]
    assert [sum(name in now for now in closed) for name in ("heater", "plug")] == [18 * 60, 18 * 60]
    assert found.left_out == () and any("; car" in row.says for row in found.rows)


def test_what_has_no_room_is_the_least_and_is_told():
    names = {f"c{number}": "plug" for number in range(24)}
    cars = tuple(
        Car(name, BEGIN_S + 3600 * k, BEGIN_S + 3600 * (k + 1), 100 * (k + 1), 4000) for k, name in enumerate(names)
    )
    home = Home("h", cars=cars)
    plan = solve([home], day(TARIFF), pooled=False)
    found = alone(plan, "h", CONTACTORS, names, BEGIN_S)
    assert 165 < len(found.document) <= schema.BLOB_MAX
    left = {words.split(":")[0] for words in found.left_out}
    assert left == {f"c{number}" for number in range(24 - len(found.rows))} and "no room" in found.left_out[0]


def test_two_rows_become_one_as_their_kind_has_it():
    plan = solve([Home("h", BATTERY)], day(np.arange(24.0)[::-1] * 1000 + 10_000, load=500.0), pooled=False)
    hold, buy, run = (
        [Row(name, start, 60, 1.0, says, kind) for start, says in ((0, "one"), (180, "two"))]
        for name, kind in (("hold", "mode"), ("charge", "block"), ("car", "block"))
    )
    found = {both.contactor: both for *_, both in merges(hold + buy + run, Minutes(plan, 0, 60))}
    assert [(its.start, its.lasting, its.says) for its in found.values()] == [
        (120, 120, "one; two") if name == "charge" else (0, 240 if name == "hold" else 120, "one; two")
        for name in found
    ]
    assert len(found) == 3


def test_contactors_that_a_node_has_not_are_left_out_and_named():
    plan = solve([Home("h", BATTERY)], day(TARIFF, load=1500.0), pooled=False)
    found = alone(plan, "h", ("battery hold",), {"hold": "battery hold"}, BEGIN_S)
    assert {row.contactor for row in found.rows} == {"hold"}
    assert any("the node has no contactor for charge" in words for words in found.left_out)


def test_energy_for_others_is_left_to_a_pi_that_settles_it():
    homes = (Home("a", replace(BATTERY, content_wh=6000.0)), Home("b"))
    hours = day(TARIFF, load=1500.0)
    both = replace(hours, load_w=np.array([hours.load_w[0] * 0, hours.load_w[0]]), solar_w=np.zeros((2, 96)))
    plan = solve(homes, both, pooled=True)
    found = alone(plan, "a", CONTACTORS, ALL, BEGIN_S)
    assert plan.charge_w[0].min() < -100 and not any("discharge" in row.contactor for row in found.rows)
    assert any("that takes a Pi to settle it" in words for words in found.left_out)


def test_it_begins_in_the_step_asked_for_and_at_the_nodes_own_time_and_pace():
    home = Home("h", BATTERY)
    plan = solve([home], day(TARIFF, load=1500.0), pooled=False)
    late = alone(plan, "h", CONTACTORS, ALL, BEGIN_S + 15 * 3600)
    assert "battery hold" in wishes(late.document, 30, unix_s=BEGIN_S + 15 * 3600)
    assert not wishes(late.document, 90, unix_s=BEGIN_S + 15 * 3600)
    fast = alone(plan, "h", CONTACTORS, ALL, BEGIN_S, unix_s=1_000_000_020, speed=60)
    assert "battery hold" in wishes(fast.document, 15, unix_s=1_000_000_020)
    assert not wishes(fast.document, 16, unix_s=1_000_000_020), "a minute is an hour of the grid's"
    assert NodePlan.parse(fast.document, 5).until_unix_s == 1_000_000_020 + 24 * 60
    within = alone(plan, "h", CONTACTORS, ALL, BEGIN_S + 450, unix_s=1_000_000_450)
    assert NodePlan.parse(within.document, 5).from_unix_s == 1_000_000_000
    beyond = alone(plan, "h", CONTACTORS, ALL, BEGIN_S + 25 * 3600)
    assert beyond.document == empty() and "does not reach" in beyond.left_out[0]


def followed(document, net_w, battery, begin_s):
    """(W of the grid in each minute, Wh left): the inverter and its contactors, as the node closes them."""
    content, grid = battery.content_wh, []
    for minute in range(len(net_w) * STEP_S // 60):
        net = net_w[minute * 60 // STEP_S]
        own = alone_w(battery, net, content, 1 / 60)
        closed = wishes(document, minute, int(-net), unix_s=begin_s)
        if "battery charge" in closed:
            power = min(battery.charge_w, (battery.capacity_wh - content) / battery.efficiency * 60)
        else:
            power = max(own, 0.0) if "battery hold" in closed else own
        content += (power * battery.efficiency if power > 0 else power / battery.efficiency) / 60
        grid.append(net + power)
    return np.array(grid), content


@pytest.mark.slow
def test_days_of_citylearns_homes_alone_cost_less_than_with_the_inverter_by_itself():
    recorded, spent = read(citylearn.folder()), dict.fromkeys(("none", "inverter", "alone", "plan"), 0.0)
    for number in (20, 100, 180, 300):
        homes, sure = neighbourhood(recorded, number, hours=36)
        rng = np.random.default_rng(number)
        wrong = [part * rng.uniform(0.6, 1.4, part.shape) for part in (sure.load_w, sure.solar_w)]
        thought = replace(sure, load_w=wrong[0], solar_w=wrong[1])
        plan, foresight = solve(homes, thought, pooled=False), solve(homes, sure, pooled=False)
        price = np.repeat(sure.price_mct, STEP_S // 60)
        left_mct = 0.5 * 0.949 * sure.price_mct.mean() / 1000
        for at, home in enumerate(homes[:6]):
            found = alone(plan, home.name, CONTACTORS, NAMES, sure.from_s)
            net = sure.net_w[at]
            spent["none"] += (
                np.maximum(np.repeat(net, 15), 0) * price
            ).sum() / 6e4 - left_mct * home.battery.content_wh
            for name, document in (("inverter", empty()), ("alone", found.document)):
                grid, content = followed(document, net, home.battery, sure.from_s)
                spent[name] += (np.maximum(grid, 0) * price).sum() / 6e4 - left_mct * content
            spent["plan"] += foresight.cost_micro[at] / 10 - left_mct * foresight.content_wh[at, -1]
    assert spent["plan"] <= spent["alone"] + 1 < spent["inverter"] < spent["none"]
    saved = (spent["inverter"] - spent["alone"]) / (spent["inverter"] - spent["plan"])
    assert saved > 0.6, f"of what is left to be saved, a document saves {saved:.2f}: {spent}"
