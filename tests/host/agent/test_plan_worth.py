"""The worth of stored energy against the solver's own duals and bound, and the rule that acts on it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from host_bridge.agent.plan import Ahead, Battery, Home, Weights
from host_bridge.agent.plan.solve import solve
from host_bridge.agent.plan.worth import Stores, law, likely, plan_worths, shared, worths
from host_bridge.microworld.study.homes import read
from tests.host.agent.plan_kit import BEGIN_S, STEP_S
from tools import citylearn

SURE = 64  # bands: nearly as fine as the programme, which knows none


def one(capacity=4000.0, power=2000.0, permille=900, content=0.0, least=0.0):
    return Battery(capacity, power, power, content, permille, least)


def followed(battery, net_w, price, export, hours, bands=SURE):
    """(cost in mct less the worth of what is left, contents): the rule over steps that go as was thought."""
    stores, content, cost, contents = Stores.of([battery]), np.array([battery.content_wh]), 0.0, []
    worth = worths(net_w[None, None], price, export, hours, stores, bands)[0]
    for step in range(len(net_w)):
        charge = law(worth[step][None], price[step], export[step], net_w[step : step + 1], content, stores, hours)
        assert abs(charge[0]) <= battery.charge_w + 1e-6
        content = content + np.where(charge > 0, charge * battery.efficiency, charge / battery.efficiency) * hours
        assert -1e-6 <= content[0] <= battery.capacity_wh + 1e-6
        grid = net_w[step] + charge[0]
        cost += (max(grid, 0) * price[step] - max(-grid, 0) * export[step]) * hours / 1000
        contents.append(content[0])
    return cost - 0.5 * price.mean() * battery.efficiency * content[0] / 1000, np.array(contents)


@pytest.mark.parametrize("seed", range(6))
def test_the_rule_costs_what_the_programme_costs_where_all_goes_as_was_thought(seed):
    rng = np.random.default_rng(seed)
    steps, hours = int(rng.integers(6, 40)), float(rng.choice([0.25, 1.0]))
    net, price = rng.uniform(-3000, 3000, steps), rng.uniform(10_000, 50_000, steps)
    export = rng.uniform(0, 1, steps) * price * rng.choice([0, 0.8])
    battery = one(*rng.uniform([500, 500], [8000, 5000]), int(rng.integers(800, 1001)))
    hourly = Ahead(BEGIN_S, int(3600 * hours), np.maximum(net, 0)[None], np.maximum(-net, 0)[None], price, export)
    least = solve([Home("h", battery)], hourly, pooled=False, weights=Weights(wear_mct=0)).objective_micro / 10
    cost, _ = followed(battery, net, price, export, hours)
    resting = (np.maximum(net, 0) * price - np.maximum(-net, 0) * export).sum() * hours / 1000
    assert least - 1 <= cost <= least + 0.01 * (resting - least) + 2


def test_the_worth_is_the_programmes_dual():
    home, price = Home("h", one(content=1000.0)), np.array([20.0, 21, 22, 23, 35, 41, 25, 24]) * 1000
    net = np.array([[100.0, -500, 0, 300, 900, 1200, 500, 400]])
    hourly = Ahead(BEGIN_S, 3600, np.maximum(net, 0), np.maximum(-net, 0), price)
    plan = solve([home], hourly, pooled=False, weights=Weights(wear_mct=0))
    fine = worths(net[:, None], price, np.zeros(8), 1.0, Stores.of([home.battery]), SURE)[0]
    inside = [step for step in range(8) if 100 < plan.content_wh[0, step + 1] < 3900]
    assert len(inside) == 6
    for step in inside:
        band = int(plan.content_wh[0, step + 1] / 4000 * SURE)
        assert fine[step, band + 2] - 1 <= plan.marginal_mct[0, step] <= fine[step, band - 2] + 1


def test_a_plan_without_duals_is_told_the_worth_of_its_contents_all_the_same():
    price = np.repeat([20_000.0, 50_000.0], 4)
    hourly = Ahead(BEGIN_S, 3600, np.full((1, 8), 300.0), np.zeros((1, 8)), price)
    plan = solve([Home("h", one(content=2000.0))], hourly, pooled=False, weights=Weights(wear_mct=0))
    again = plan_worths(replace(plan, marginal_mct=np.zeros((1, 8))))
    assert again.marginal_mct[0, 0] == pytest.approx(plan.marginal_mct[0, 0], rel=0.1) and plan.marginal_mct[0, 0] > 0


@pytest.mark.parametrize("seed", range(6))
def test_worth_falls_with_content_and_is_no_more_than_the_dearest_energy_saved(seed):
    rng = np.random.default_rng(seed)
    ways, price = rng.uniform(-3000, 3000, (5, 3, 20)), rng.uniform(-10_000, 50_000, 20)
    found = worths(ways, price, np.full(20, 5_000.0), 0.25, Stores.of([one(), one(900.0), one(9000.0)]), 8)
    assert found.shape == (3, 20, 8) and (np.diff(found, axis=2) <= 1e-6).all() and np.isfinite(found).all()
    assert found.max() <= price.max() / 0.9 + 1e-6


def test_room_that_the_sun_will_fill_is_worth_what_the_sun_would_earn():
    found = worths(np.array([[[0.0, -1000.0]]]), np.full(2, 20_000.0), np.full(2, 900.0), 1.0, Stores.of([one()]), 40)
    np.testing.assert_allclose(found[0, 0], [9000.0] * 31 + [1000.0] * 9)  # 900 Wh of 4000 are stored of 1 kWh


def test_several_ways_are_worth_their_mean():
    price, stores = np.array([20.0, 50.0, 50.0, 20.0]) * 1000, Stores.of([one()])
    ways = np.array([[[0.0, 2000, 2000, 0]], [[0.0, -2000, -2000, 0]]])
    both = worths(ways, price, np.zeros(4), 1.0, stores)
    each = [worths(way[None], price, np.zeros(4), 1.0, stores) for way in ways]
    np.testing.assert_allclose(both, np.mean(each, axis=0))
    assert each[0][0, 0].min() > each[1][0, 0].max()


def act(worth, price, net, *, content=2000.0, export=0.0, least=0.0, hours=1.0):
    found = law(
        np.array([worth], float), price, export, np.array([net]), np.array([content]), Stores.of([one()]), hours, least
    )
    return float(found[0])


def test_the_rule_buys_keeps_gives_and_sells_by_the_worth():
    high, low = [40_000] * 4, [1_000] * 4
    assert act(high, 20_000, 500.0) == pytest.approx(2000) and act(high, 40_000, 500.0) == 0
    assert act(high, 50_000, 500.0) == pytest.approx(-500) and act(low, 20_000, -700.0) == pytest.approx(700)
    assert act([40_000, 40_000, 1_000, 1_000], 20_000, 0.0, content=1500.0) == pytest.approx(500 / 0.9)
    assert act([40_000, 1_000, 1_000, 1_000], 30_000, 1800.0) == pytest.approx(-900), "down to what is worth more"
    assert act(low, 20_000, -700.0, export=5_000) == pytest.approx(-1800), "selling pays more than keeping"
    assert act([8_000] * 4, 20_000, -700.0, export=5_000) == pytest.approx(700)
    assert act(low, 50_000, 1800.0, least=1500.0) == pytest.approx(-450), "what is to be kept is kept"
    assert act(high, -10_000, 500.0) == pytest.approx(2000) and act(low, -10_000, 500.0) == pytest.approx(2000)
    assert act(high, 20_000, 0.0, content=3900.0) == pytest.approx(100 / 0.9), "there is no more room"
    assert act(low, 50_000, 500.0, content=100.0, hours=0.25) == pytest.approx(-360), "nor more content"


def test_what_a_pool_does_is_shared_by_room_and_by_content():
    full, empty, half = (Battery(4000, 2000, 2000, content, 1000) for content in (4000, 0, 2000))
    assert shared(3000, [full, empty, half], 1.0).tolist() == [0, 1500, 1500]
    assert shared(-1200, [full, empty, half], 1.0).tolist() == [-600, 0, -600]
    assert shared(99_999, [full, empty, half], 1.0).tolist() == [0, 2000, 2000] and not shared(0, [full], 1.0).any()
    assert shared(-500, [empty], 1.0).tolist() == [0]


def test_the_last_days_are_told_again_moved_by_how_today_differs():
    day = np.arange(24.0)
    past = np.concatenate([day + 100 * back for back in (2, 1, 0)])[None]  # oldest first
    plain = likely(past, 30, 3600, days=3)
    assert plain.shape == (3, 1, 30)
    # today was 100 below yesterday, which was 100 below the day before; half of that goes on, and fades
    np.testing.assert_allclose(plain[:, 0, 0], [0 - 50, 100 - 100, 200 - 100])
    np.testing.assert_allclose(plain[0, 0, 1:3], [1 - 45, 2 - 40.5])
    np.testing.assert_allclose(likely(np.tile(day, 4)[None], 30, 3600)[:, 0], np.tile(np.append(day, day[:6]), (7, 1)))
    assert likely(day[None, :5], 10, 3600).shape == (7, 1, 10) and not likely(day[None, :5], 10, 3600).any()


def test_what_is_likely_knows_nothing_of_what_comes():
    past = np.random.default_rng(1).uniform(0, 1, (2, 24 * 9))
    longer = np.concatenate([np.full((2, 24), 99.0), past], axis=1)
    np.testing.assert_array_equal(likely(past, 24, 3600), likely(longer, 24, 3600))


def test_a_plan_carries_the_worths_of_its_homes_or_of_its_pool():
    homes = [Home("a", one()), Home("b"), Home("c", one(9000.0))]
    load, price = np.full((3, 8), 800.0), np.array([20.0] * 4 + [50.0] * 4) * 1000
    hours = Ahead(BEGIN_S, STEP_S, load, np.zeros_like(load), price)
    alone, pooled = (solve(homes, hours, pooled=way) for way in (False, True))
    assert not alone.worth_mct[1].any() and (alone.worth_mct[0, 0] != alone.worth_mct[2, 0]).any()
    assert (pooled.worth_mct[0] == pooled.worth_mct[2]).all() and pooled.worth_mct[0].any()
    both = Stores.of([homes[0].battery, homes[2].battery]).together()
    sure = worths(load.sum(axis=0)[None, None], price, np.zeros(8), 0.25, both)[0]
    np.testing.assert_allclose(pooled.worth_mct[0], sure)
    ways = replace(hours, scenarios_w=np.stack([load, load * 3]), pool_scenarios_w=load.sum(axis=0)[None] * 0)
    assert solve(homes, ways, pooled=False).worth_mct[2, 0].sum() > alone.worth_mct[2, 0].sum()
    assert solve(homes, ways, pooled=True).worth_mct[0, 0].sum() < pooled.worth_mct[0, 0].sum()


def test_carbon_counts_in_the_worth_as_in_the_plan():
    load, price, carbon = np.full((1, 8), 800.0), np.full(8, 20_000.0), np.array([100.0] * 4 + [500.0] * 4)
    hours = Ahead(BEGIN_S, STEP_S, load, np.zeros_like(load), price, carbon_g=carbon)
    clean = solve([Home("a", one())], hours, pooled=False, weights=Weights().for_carbon(800, hours))
    plain = solve([Home("a", one())], hours, pooled=False)
    buys, earns = clean.prices()
    assert act(clean.worth_mct[0, 0], buys[0], 800.0, content=0.0, export=earns[0], hours=0.25) > 0
    assert act(plain.worth_mct[0, 0], 20_000, 800.0, content=0.0, hours=0.25) == 0


def year(net, price, stores, hours):
    """[homes, hours] Wh: each hour by the rule, on the worth that hours before it tell."""
    content, grid, day = np.zeros(len(net)), net[:, hours].copy(), 24
    for first in range(0, len(hours), day):
        these = hours[first : first + day]
        ways = np.concatenate([likely(net[:, max(0, hour - 9 * day) : hour], day, 3600) for hour in these], axis=1)
        known = [np.append(price[hour : hour + day], [price[hour : hour + day].mean()] * day)[:day] for hour in these]
        many = Stores(*(np.tile(getattr(stores, its.name), len(these)) for its in fields(stores)))
        worth = worths(ways, np.repeat(known, len(net), axis=0), np.zeros(day), 1.0, many)[:, 0]
        for at, hour in enumerate(these):
            mine = worth[at * len(net) : (at + 1) * len(net)]
            charge = law(mine, price[hour], 0.0, net[:, hour], content, stores, 1.0)
            content = content + np.where(charge > 0, charge * stores.efficiency, charge / stores.efficiency)
            grid[:, first + at] += charge
    return grid


@pytest.mark.slow
def test_a_year_of_citylearns_homes_costs_no_more_than_the_goals():
    homes = read(citylearn.folder())
    net, price, hours = homes.net_wh.astype(float), homes.price.astype(float), np.arange(homes.hours)
    stores = Stores.of([Battery(6400, 5000, 5000, 0.0)] * len(net))

    def cost(grid):
        return (np.maximum(grid, 0) * price).sum()

    part = slice(0, None, 3)
    few = Stores(*(getattr(stores, its.name)[part] for its in fields(stores)))
    alone = cost(year(net[part], price, few, hours)) / cost(net[part])
    pooled = cost(year(net.sum(axis=0, keepdims=True), price, stores.together(), hours)) / cost(net)
    assert alone <= 0.675 and pooled <= 0.512, (alone, pooled)
