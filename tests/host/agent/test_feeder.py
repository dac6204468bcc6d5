"""Real feeders: their linear model against the full power flow, and the market's clearing checked by it."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from host_bridge.agent.feeder import checked, grids, linear
from host_bridge.agent.feeder.checked import TOLERANCE_PPM, clear_checked, moved_w
from host_bridge.agent.feeder.flow import FeederError, NoFlow
from host_bridge.market.book import Order
from host_bridge.market.clearing import clear
from host_bridge.market.constrained import WORSE_PPM, clear_constrained
from host_bridge.market.network import Limits
from host_bridge.market.tariff import Tariff

pytestmark = pytest.mark.slow  # pandapower takes seconds to import

GRID = Tariff(30_000, 8_000)
HOMES = [f"home-{number}" for number in range(1, 18)]
STEP_S = 900
# Within 2 kW of each home around the state it was made in, what the linear model may be wrong by.
VOLTAGE_PPM, LOADING_PPM = 100, 1_000


@pytest.fixture(scope="module")
def demo():
    return grids.read(grids.DEMO, HOMES)


@pytest.fixture(scope="module")
def village():
    return grids.read(grids.BENCH, [f"home-{number:02}" for number in range(57)])


def book(seed, homes, most_mwh=2_500_000, part=0.5):
    chance = np.random.default_rng(seed)
    orders = []
    for home in homes:
        side = "bid" if chance.random() < part else "offer"
        for number in range(2):
            limit = chance.integers(18_000, 30_000) if side == "bid" else chance.integers(8_000, 20_000)
            orders.append(Order(home, side, int(limit), int(chance.integers(1, most_mwh)), number))
    return orders


@pytest.mark.parametrize("name", grids.GRIDS)
def test_the_linear_model_is_the_power_flow_nearby(name):
    feeder = grids.read(name, HOMES)
    chance = np.random.default_rng(1)
    for _ in range(3):
        at_w = chance.uniform(-4_000, 6_000) + chance.uniform(-2_000, 2_000, 17)
        flow, network = feeder.state(at_w)
        assert np.abs(network.values(at_w)[: network.voltages] - flow.voltage_ppm).max() < 1
        for _ in range(4):
            near_w = at_w + chance.uniform(-2_000, 2_000, 17)
            flow, value = feeder.flow(near_w), network.values(near_w)
            assert np.abs(value[: network.voltages] - flow.voltage_ppm).max() < VOLTAGE_PPM
            assert np.abs(np.abs(value[network.voltages :]) - flow.loading_ppm).max() < LOADING_PPM


def test_each_sensitivity_is_the_finite_difference_of_full_power_flows(demo):
    at_w = np.random.default_rng(2).uniform(2_000, 6_000, 17)
    network = demo.sensitivities(at_w)
    for home in range(0, 17, 4):
        step = np.zeros(17)
        step[home] = 1_000
        above, below = demo.flow(at_w + step), demo.flow(at_w - step)
        by_flow = (above.voltage_ppm - below.voltage_ppm) / 2_000
        assert by_flow == pytest.approx(network.per_w[: network.voltages, home], abs=0.001)  # flows are whole ppm
        by_flow = (above.loading_ppm - below.loading_ppm) / 2_000
        forward = np.sign(network.values(at_w)[network.voltages :])
        passes = np.abs(by_flow) > 0.5
        assert by_flow[passes] == pytest.approx((network.per_w[network.voltages :, home] * forward)[passes], rel=0.02)


def test_the_part_of_a_current_across_the_voltage_leaves_less_for_the_part_along_it():
    assert linear.along(np.array([1_000.0, 500.0, 300.0]), np.array([600.0, 0.0, 400.0])).tolist() == [800, 500, 0]


def test_what_is_read_off_the_linear_model_is_the_flows(village):
    at_w = np.random.default_rng(3).uniform(0, 9_000, 57)
    flow, network = village.state(at_w)
    assert abs(network.lowest_ppm(at_w) - flow.voltage_ppm.min()) <= 1
    assert abs(network.highest_ppm(at_w) - flow.voltage_ppm.max()) <= 1
    assert abs(network.loading_ppm(at_w) - flow.loading_ppm.max()) < LOADING_PPM
    assert 0 < flow.losses_w < at_w.sum() / 10


def test_awards_keep_the_limits_in_the_full_power_flow(demo, village):
    chance, curtailed = np.random.default_rng(4), 0
    for feeder, trial in [(demo, seed) for seed in range(12)] + [(village, seed) for seed in range(6)]:
        count = len(feeder.homes)
        draws = chance.random() < 0.5  # or feeds in; and what goes the same way more is what moves
        base = (1 if draws else -1) * chance.uniform(3_000, 8_000) + chance.uniform(-2_000, 2_000, count)
        orders = book(trial, feeder.homes, part=chance.uniform(0.3, 0.7))
        firm = {(o.home, o.number) for o in orders if (o.side == "offer") == draws} if trial % 2 else set()
        found = clear_checked(feeder, orders, GRID, base, STEP_S, firm)
        before, after = feeder.flow(base), feeder.flow(base + moved_w(feeder, found.cleared, STEP_S))
        spare = WORSE_PPM + TOLERANCE_PPM
        assert (after.loading_ppm <= np.maximum(1_000_000, before.loading_ppm) + spare).all()
        assert (after.voltage_ppm >= np.minimum(900_000, before.voltage_ppm) - spare).all()
        assert (after.voltage_ppm <= np.maximum(1_100_000, before.voltage_ppm) + spare).all()
        assert not found.why
        assert (found.flow.voltage_ppm == after.voltage_ppm).all()
        curtailed += found.cleared.curtailed_mwh > 0
        if not found.cleared.full:
            assert found.cleared.clearing == clear(orders, GRID)
    assert curtailed >= 3


def test_the_same_whatever_came_first(demo):
    orders, firm, base = overfull(demo)
    first = clear_checked(demo, orders, GRID, base, STEP_S, firm)
    assert first.cleared.full
    again = clear_checked(demo, orders[::-1], GRID, base, STEP_S, firm)
    assert again.cleared == first.cleared


def wrong_at_first(feeder, monkeypatch, times, factor=0.5):
    """The linear model says `factor` of what each watt does, so many times; awards overshoot then."""
    state, said = feeder.state, []

    def saying(homes_w):
        flow, network = state(homes_w)
        said.append(len(said) < times)
        return flow, replace(network, per_w=network.per_w * factor) if said[-1] else network

    monkeypatch.setattr(feeder, "state", saying)


def overfull(feeder):
    """Half of the homes bid for all the other half's: its transformer has no room for the firm ones' sun to stay."""
    orders = book(5, feeder.homes, part=0.5)
    return orders, {(order.home, order.number) for order in orders if order.side == "offer"}, np.full(17, 6_500.0)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_violation_found_by_the_full_flow_is_cleared_again_from_there(demo, monkeypatch, wrong):
    orders, firm, base = overfull(demo)
    wrong_at_first(demo, monkeypatch, wrong)
    found = clear_checked(demo, orders, GRID, base, STEP_S, firm)
    assert found.rounds == 2 if wrong == 0 else found.rounds > 1
    assert found.why == ""
    assert found.flow.loading_ppm.max() <= 1_000_000 + TOLERANCE_PPM
    assert found.cleared.full == ("transformer",)
    assert found.cleared.moved_mwh


def test_limits_are_taken_narrower_where_the_linear_model_stays_wrong(demo, monkeypatch):
    orders, firm, base = overfull(demo)
    state = demo.state

    def saying_too_little(homes_w):
        flow, network = state(homes_w)
        return flow, replace(network, value=network.value - 10_000)

    monkeypatch.setattr(demo, "state", saying_too_little)
    found = clear_checked(demo, orders, GRID, base, STEP_S, firm)
    assert found.rounds > 2
    assert found.why == ""
    assert found.flow.loading_ppm.max() <= 1_000_000 + TOLERANCE_PPM


def test_what_never_comes_within_the_limits_leaves_firm_trade_alone(demo, monkeypatch):
    orders, firm, base = overfull(demo)
    monkeypatch.setattr(checked, "ROUNDS", 1)
    wrong_at_first(demo, monkeypatch, 99)
    found = clear_checked(demo, orders, GRID, base, STEP_S, firm)
    assert found.cleared.moved_mwh == {}
    assert "transformer would be" in found.why
    assert found.why == found.cleared.clearing.why
    assert found.cleared.clearing.awards == clear([o for o in orders if o.side == "offer"], GRID).awards
    assert found.cleared.curtailed_mwh > 0


def test_no_power_flow_no_trade_beyond_the_baseline(demo):
    orders = book(6, demo.homes)
    firm = {(orders[0].home, 0), (orders[1].home, 1)}
    with pytest.raises(NoFlow, match="does not converge: homes draw 5100 kW together"):
        demo.flow(np.full(17, 300_000.0))
    found = clear_checked(demo, orders, GRID, np.full(17, 300_000.0), STEP_S, firm)
    assert (found.flow, found.rounds, found.cleared.moved_mwh) == (None, 0, {})
    assert "does not converge" in found.why
    found = clear_checked(demo, orders, GRID, np.full(17, np.nan), STEP_S, firm)
    assert "the power of each of its 17 homes" in found.why
    assert demo.flow(np.zeros(17)).loading_ppm.max() < 20_000  # and it can be asked again


def test_awards_that_no_power_flow_bears_are_none(demo, monkeypatch):
    orders, _, base = overfull(demo)
    boundless = [Order(o.home, o.side, o.limit_mct, 90_000_000, o.number) for o in orders]
    firm = {(o.home, o.number) for o in boundless if o.side == "offer"}
    monkeypatch.setattr(
        checked, "clear_constrained", lambda o, t, n, b, s, f: clear_constrained(o, t, blind(n), b, s, f)
    )
    found = clear_checked(demo, boundless, GRID, base, STEP_S, firm)
    assert "does not converge" in found.why
    assert found.cleared.moved_mwh == {}
    assert found.flow is not None


def blind(network):
    return replace(network, per_w=network.per_w * 0)


def test_threads_share_a_feeder(demo):
    states = [np.full(17, power) for power in (-4_000.0, 0.0, 2_500.0, 7_000.0)] * 3
    alone = [demo.flow(state).loading_ppm.tolist() for state in states]
    with ThreadPoolExecutor(4) as pool:
        together = [flow.loading_ppm.tolist() for flow in pool.map(demo.flow, states)]
    assert together == alone


def test_limits_are_the_owners():
    strict = grids.read(grids.DEMO, HOMES, limits=Limits(900, 1100, 800, 500))
    least, most, loading = strict.limits_ppm()
    assert {(low, high) for low, high in zip(least, most, strict=True)} == {(900_000, 1_100_000)}
    assert set(loading[:-1]) == {800_000} and loading[-1] == 500_000
    orders, firm, _ = overfull(strict)
    found = clear_checked(strict, orders, GRID, np.full(17, 2_000.0), STEP_S, firm)
    assert "transformer" in found.cleared.full
    assert found.flow.loading_ppm[-1] == pytest.approx(500_000, abs=WORSE_PPM + TOLERANCE_PPM)


def test_homes_are_spread_over_the_load_buses_or_put_where_asked():
    few = grids.read(grids.BENCH, ["a", "b", "c"])
    assert len({few.buses[bus] for bus in few.home_bus}) == 3
    assert max(few.home_bus) - min(few.home_bus) > 50
    many = grids.read("kerber_landnetz_freileitung_2", HOMES)
    assert len(set(many.home_bus)) == 8
    put = grids.read(grids.BENCH, ["a", "b"], {"a": 5, "b": -1})
    assert put.buses[put.home_bus[0]] == "5"
    row = put.sensitivities(np.zeros(2)).rows[put.home_bus[0]]
    assert row == "voltage at a"
    with pytest.raises(FeederError, match="home 'a': the feeder has no load bus 1; it has 3, 5"):
        grids.read(grids.BENCH, ["a"], {"a": 1})


def test_two_homes_at_one_bus_draw_together(demo):
    pair = [number for number in range(17) if demo.home_bus[number] == demo.home_bus[0]][:2]
    one, other = np.zeros(17), np.zeros(17)
    one[pair[0]], other[pair[1]] = 4_000, 4_000
    assert len(pair) == 2
    assert (demo.flow(one).voltage_ppm == demo.flow(other).voltage_ppm).all()
    assert demo.flow(one + other).voltage_ppm.min() < demo.flow(one).voltage_ppm.min()


def test_a_grid_is_the_same_each_time_it_is_read_and_others_draw_their_own_lots():
    read = []
    for seed in (1, 2):
        random.seed(seed)
        read.append(grids.read(grids.BENCH, HOMES).sensitivities(np.zeros(17)).per_w)
        assert random.random() == random.Random(seed).random()
    assert (read[0] == read[1]).all()
