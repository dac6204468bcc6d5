"""Clearing under a feeder's limits: against the auction, against the whole linear programme, and on drawn books."""

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from host_bridge.market import constrained, programme
from host_bridge.market.book import BookError, Order
from host_bridge.market.clearing import clear
from host_bridge.market.constrained import WORSE_PPM, clear_constrained
from host_bridge.market.local_prices import marginal_mct, whole_prices
from host_bridge.market.settlement import Metered, settle
from host_bridge.market.tariff import Tariff
from tests.host.market.street_kit import GRID, STEP_S, after, faults, fuzzed, random_case, street

HOMES = ("a", "b", "c", "d")
IDLE = np.zeros(4)


def bid(home, energy, limit=30_000, number=0):
    return Order(home, "bid", limit, energy, number)


def offer(home, energy, limit=8_000, number=0):
    return Order(home, "offer", limit, energy, number)


def awards(cleared):
    return {a.home: (a.bought_mwh - a.sold_mwh, a.price_mct) for a in cleared.clearing.awards}


def test_where_no_limit_binds_it_is_the_auction_to_the_letter():
    orders = [bid("a", 700, 29_000), bid("b", 700, 29_000), offer("c", 901, 9_000), offer("d", 77, 9_500)]
    cleared = clear_constrained(orders, GRID, street(HOMES), IDLE, STEP_S)
    assert cleared.clearing == clear(orders, GRID)
    assert cleared.moved_mwh == {"a": 489, "b": 489, "c": -901, "d": -77}
    assert (cleared.full, cleared.curtailed_mwh, cleared.rent_parts) == ((), 0, 0)


def test_a_full_line_bounds_what_passes_it_and_parts_the_prices():
    orders = [bid("d", 1_000_000, 29_000), offer("a", 2_000_000, 10_000), offer("d", 100_000, 29_500, 1)]
    narrow = street(HOMES, full=20_000)  # 1 kW: 250 Wh in a quarter of an hour
    cleared = clear_constrained(orders, GRID, narrow, IDLE, STEP_S)
    assert awards(cleared) == {"a": (-250_000, 10_000), "d": (250_000, 29_000)}
    assert cleared.rent_parts == 250_000 * 19_000
    assert cleared.full
    assert set(cleared.full) <= {"line b", "line c", "line d"}
    assert cleared.curtailed_mwh == 750_000
    assert "750 Wh fewer" in cleared.clearing.why
    assert after(narrow, IDLE, cleared).max() <= 1_000_000 + 1


def test_neighbours_on_one_side_of_a_full_line_still_trade():
    orders = [bid("d", 1_000_000, 29_000), offer("a", 2_000_000, 10_000), offer("c", 400_000, 20_000)]
    orders.append(bid("b", 300_000, 15_000))
    network = street(HOMES, full=1_000_000)
    network.most[network.rows.index("line c")] = 0  # what passes there is used up
    cleared = clear_constrained(orders, GRID, network, IDLE, STEP_S)
    got = awards(cleared)
    leak = round(WORSE_PPM / 20 / 4 * 1000) // 1000 + 13_000  # WORSE_PPM of the line's rating
    assert got["b"][0] == 300_000
    assert 400_000 <= got["d"][0] <= 400_000 + leak
    assert got["a"][1] <= 15_000 < got["d"][1]
    assert cleared.rent_parts > 0


def test_firm_energy_trades_and_moves_nothing():
    orders = [bid("d", 1_000_000), offer("a", 1_000_000)]
    narrow = street(HOMES, full=20_000)
    cleared = clear_constrained(orders, GRID, narrow, IDLE, STEP_S, {("d", 0), ("a", 0)})
    assert cleared.clearing == clear(orders, GRID)
    assert cleared.moved_mwh == {}
    one = clear_constrained(orders, GRID, narrow, IDLE, STEP_S, {("a", 0)})
    assert set(one.moved_mwh) == {"d"}
    assert one.clearing.traded_mwh < 1_000_000


def test_firm_orders_of_one_limit_share_alike():
    orders = [offer("a", 1_000_000), bid("b", 600_000), bid("c", 300_000), bid("d", 10_000_000, 29_000)]
    narrow = street(HOMES, full=24_000)
    cleared = clear_constrained(orders, GRID, narrow, IDLE, STEP_S, {("b", 0), ("c", 0)})
    got = awards(cleared)
    assert cleared.full
    assert abs(got["b"][0] - 2 * got["c"][0]) <= 2


def test_a_home_has_one_award_of_firm_and_moving_energy():
    orders = [bid("d", 100_000, 30_000, 0), bid("d", 1_000_000, 29_000, 1), offer("a", 2_000_000, 10_000)]
    cleared = clear_constrained(orders, GRID, street(HOMES, full=20_000), IDLE, STEP_S, {("d", 0)})
    assert [a.home for a in cleared.clearing.awards] == ["a", "d"]
    assert cleared.clearing.award("d").bought_mwh == 100_000 + cleared.moved_mwh["d"]


def test_a_home_that_stores_its_sun_as_the_street_is_full_is_awarded_the_difference():
    """The others' bids pay 25,000 for its sun, and what c cannot send away is to be had for 8,000."""
    orders = [bid("a", 9_000_000, 25_000), offer("c", 9_000_000, 8_000)]
    orders += [offer("d", 1_000_000, 15_000, 0), bid("d", 600_000, 12_000, 1)]
    network = street(HOMES)
    network.least[network.rows.index("line c")] = -100_000
    cleared = clear_constrained(orders, GRID, network, np.array([0, 0, 0, -4_000.0]), STEP_S, {("d", 0)})
    assert cleared.moved_mwh["d"] == 600_000
    assert cleared.full == ("line c",)
    award = cleared.clearing.award("d")
    assert (award.bought_mwh, award.sold_mwh) == (0, 400_000)
    assert (25_000 * 1_000_000 - 8_000 * 600_000) // 400_000 > 30_000
    assert award.price_mct == 30_000  # more would be beyond the grid's
    assert cleared.rent_parts > 0


def test_a_mean_of_prices_is_rounded_against_the_home():
    network = street(HOMES)
    network.most[network.rows.index("line d")] = 20_000  # 250 Wh
    orders = [offer("a", 9_000_000, 10_000), bid("d", 900_000, 20_000, 0), bid("d", 100_001, 30_000, 1)]
    cleared = clear_constrained(orders, GRID, network, IDLE, STEP_S, {("d", 1)})
    award = cleared.clearing.award("d")
    assert cleared.moved_mwh["d"] == 250_000
    pays = 250_000 * 20_000 + 100_001 * 10_000
    assert (award.bought_mwh, award.price_mct) == (350_001, -(-pays // 350_001))
    assert pays % 350_001
    network.most[network.rows.index("line d")], network.least[network.rows.index("line d")] = 1_000_000, -20_000
    orders = [bid("a", 9_000_000, 20_000), offer("d", 900_000, 10_000, 0), offer("d", 100_001, 9_000, 1)]
    cleared = clear_constrained(orders, GRID, network, IDLE, STEP_S, {("d", 1)})
    assert cleared.clearing.award("d").price_mct == (250_000 * 10_000 + 100_001 * 20_000) // 350_001


def test_those_who_buy_pay_a_price_rounded_up_and_those_who_sell_get_it_rounded_down():
    """Along the street prices rise from a's 10,000 to d's 29,000 with what each home does to the voltage at d."""
    network = street(HOMES, voltage=(995_000, 1_100_000))
    orders = [offer("a", 9_000_000, 10_000), bid("d", 9_000_000, 29_000)]
    orders += [offer("b", 100_000, 9_000), bid("c", 100_000, 29_500)]
    cleared = clear_constrained(orders, GRID, network, IDLE, STEP_S)
    assert cleared.full == ("voltage at d",)
    got = {home: price for home, (_, price) in awards(cleared).items()}
    assert got == {"a": 10_000, "b": 10_000 + 19_000 // 3, "c": 10_000 + -(-38_000 // 3), "d": 29_000}


def test_the_price_is_the_middle_of_those_that_no_served_limit_speaks_against():
    room = programme.Room(np.zeros((1, 1)), np.zeros(1), np.zeros(1))
    columns = np.array([20_001.0, 25_000.0, 10_000.0, 21_000.0]), np.full(4, 700.0), np.array([1.0, 1.0, -1.0, -1.0])
    asked = programme.Programme(*columns, np.array([-1, 0, 0, -1]), room)
    served = programme.Solution(np.array([700.0, 300.0, 1_000.0, 0.0]), np.array([2_000.0]), np.array([0]))
    marginal, bare = marginal_mct(asked, served)
    assert (marginal.tolist(), bare) == ([14_000.5, 16_000.5, 16_000.5, 14_000.5], 14_000)


def test_the_solvers_noise_passes_no_limit():
    orders = [bid("d", 1_000_000, 29_000), offer("a", 2_000_000, 10_000)]
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constrained, "solve", lambda asked, broken: seen.append(asked) or programme.solve(asked, broken))
        clear_constrained(orders, GRID, street(HOMES, full=20_000), IDLE, STEP_S)
    at = seen[0].limit_mct + np.where(seen[0].sign > 0, 0.01, -0.01)
    assert whole_prices(seen[0], np.full(2, 250_000), at).tolist() == seen[0].limit_mct.tolist()


def test_the_price_that_is_told_is_within_the_grids_though_the_feeders_is_not():
    network = street(HOMES)
    row = network.rows.index("line c")
    network.per_w[row], network.most[row] = [0, 0, 18, 20], 20_000
    orders = [offer("c", 9_000_000, 10_000), bid("d", 9_000_000, 29_000)]
    network.most[row + 1 :] = 1e9
    network.least[:4] = 0
    cleared = clear_constrained(orders, GRID, network, IDLE, STEP_S)
    assert awards(cleared) == {"c": (-2_500_000, 10_000), "d": (2_500_000, 29_000)}
    assert cleared.clearing.price_mct == 8_000


def test_trade_may_relieve_a_baseline_beyond_its_limits_and_not_make_it_worse():
    narrow, base = street(HOMES, full=20_000), np.array([0.0, 0.0, 0.0, 5_000.0])
    away = clear_constrained([bid("d", 500_000), offer("a", 500_000)], GRID, narrow, base, STEP_S)
    assert after(narrow, base, away).max() <= narrow.values(base).max() + WORSE_PPM + 1
    assert away.clearing.traded_mwh < 20_000
    back = clear_constrained([offer("d", 500_000), bid("a", 500_000)], GRID, narrow, base, STEP_S)
    assert back.clearing.traded_mwh == 500_000


def test_low_voltage_at_the_end_of_the_street_binds_too():
    network = street(HOMES, voltage=(995_000, 1_005_000))
    cleared = clear_constrained([bid("d", 900_000), offer("a", 900_000)], GRID, network, IDLE, STEP_S)
    assert cleared.full == ("voltage at d",)
    assert after(network, IDLE, cleared)[:4].min() >= 995_000 - 1


def test_the_best_of_all_trades_as_the_whole_programme_finds_it():
    checked = 0
    for seed in range(400):
        orders, tariff, network, base, firm = random_case(seed)
        cleared = tariff.bounds and clear_constrained(orders, tariff, network, base, STEP_S, firm)
        if not cleared or not cleared.full or len(orders) > 60:
            continue
        checked += 1
        best = _best(orders, tariff, network, base, firm)
        assert _welfare(orders, tariff, network, base, firm) == pytest.approx(best, rel=1e-6, abs=1e3)
    assert checked > 15


def _columns(orders, tariff, network, firm):
    sign = np.array([1.0 if o.side == "bid" else -1.0 for o in orders])
    least, most = tariff.bounds
    limit = np.array([min(o.limit_mct, most) if o.side == "bid" else max(o.limit_mct, least) for o in orders])
    effect = np.array([network.per_w[:, network.homes.index(o.home)] * 3.6 / STEP_S for o in orders]).T
    return sign, limit, effect * sign * [(o.home, o.number) not in firm for o in orders]


def _room(network, base):
    value = network.values(base)
    return np.minimum(network.least - value, -WORSE_PPM), np.maximum(network.most - value, WORSE_PPM)


def _best(orders, tariff, network, base, firm):
    """By another interface to a solver, with all limits at once; mct/kWh * mWh."""
    sign, limit, effect = _columns(orders, tariff, network, firm)
    low, high = _room(network, base)
    bounds = [(0, o.energy_mwh / 1000) for o in orders]
    found = linprog(
        -sign * limit, np.vstack([effect, -effect]), np.concatenate([high, -low]) / 1000, [sign], [0], bounds
    )
    assert found.success, found.message
    return -found.fun * 1000


def _welfare(orders, tariff, network, base, firm):
    seen = []

    def spy(asked, broken):
        seen.append((asked, programme.solve(asked, broken)))
        return seen[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constrained, "solve", spy)
        clear_constrained(orders, tariff, network, base, STEP_S, firm)
    asked, found = seen[-1]
    return float((asked.sign * asked.limit_mct) @ found.energy_mwh)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_drawn_books_lose_nothing_and_break_no_limit(seed):
    assert fuzzed(seed)[0] == []


@pytest.mark.slow
def test_ten_thousand_drawn_books():
    found = [fuzzed(seed) for seed in range(10_000)]
    assert [(seed, wrong) for seed, (wrong, _) in enumerate(found) if wrong] == []
    assert sum(bound for _, bound in found) > 500


def test_the_kit_sees_what_is_wrong():
    orders = [bid("d", 1_000_000), offer("a", 1_000_000)]
    narrow = street(HOMES, full=20_000)
    careless = clear_constrained(orders, GRID, street(HOMES), IDLE, STEP_S)
    assert any("beyond its limit" in text for text in faults(orders, GRID, narrow, IDLE, set(), careless))


def test_settled_as_awarded_it_sums_to_nothing_and_the_rent_is_the_pools():
    bound = 0
    for seed in range(300):
        orders, tariff, network, base, _ = random_case(seed)
        if tariff.bounds is None:
            continue
        cleared = clear_constrained(orders, tariff, network, base, STEP_S)
        bound += bool(cleared.full)
        told = {a.home: Metered(a.bought_mwh, a.sold_mwh) for a in cleared.clearing.awards}
        settled = settle(cleared.clearing, told, tariff)
        lines = settled.lines.values()
        others = settled.grid_micro + settled.operator_micro + settled.pool_micro
        assert sum(line.total_micro for line in lines) + others == 0
        assert all(line.saved_micro >= 0 for line in lines)
        assert settled.pool_micro >= cleared.rent_parts // 100_000 - 1
    assert bound > 15


def test_the_same_whatever_came_first():
    orders, tariff, network, base, firm = next(
        case for case in map(random_case, range(1000)) if case[1].bounds and clear_constrained(*case[:4], STEP_S).full
    )
    first = clear_constrained(orders, tariff, network, base, STEP_S, firm)
    for seed in range(20):
        Random(seed).shuffle(orders)
        assert clear_constrained(orders, tariff, network, base, STEP_S, firm) == first


def test_without_prices_or_a_solution_nothing_is_traded_and_it_says_why(monkeypatch):
    orders = [bid("d", 1_000_000), offer("a", 1_000_000)]
    narrow = street(HOMES, full=20_000)
    cleared = clear_constrained(orders, Tariff(None, 8_000), narrow, IDLE, STEP_S)
    assert (cleared.clearing.awards, cleared.clearing.why) == ((), "the grid's price is not known")
    assert "nobody bids" in clear_constrained(orders[1:], GRID, narrow, IDLE, STEP_S).clearing.why

    def gives_up(asked, broken):
        raise programme.Unsolved("the solver found no best trade: Time limit reached")

    monkeypatch.setattr(constrained, "solve", gives_up)
    cleared = clear_constrained(orders, GRID, narrow, IDLE, STEP_S)
    assert (cleared.clearing.awards, cleared.moved_mwh) == ((), {})
    assert "Time limit" in cleared.clearing.why


@pytest.mark.parametrize(
    "baseline", [np.zeros(3), np.array([0.0, np.nan, 0.0, 0.0]), np.array([0.0, 0.0, np.inf, 0.0])]
)
def test_a_baseline_that_is_none_is_refused(baseline):
    with pytest.raises(ValueError, match="baseline needs the power of each"):
        clear_constrained([bid("a", 1)], GRID, street(HOMES), baseline, STEP_S)


def test_a_home_elsewhere_is_named():
    with pytest.raises(BookError, match="not on the feeder: z"):
        clear_constrained([bid("z", 1)], GRID, street(HOMES), IDLE, STEP_S)


def test_where_the_first_way_of_solving_fails_another_finds_the_same():
    orders = [bid("d", 1_000_000, 29_000), offer("a", 2_000_000, 10_000), offer("c", 50_000, 20_000)]
    seen, found = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constrained, "solve", lambda asked, broken: seen.append(asked) or programme.solve(asked, broken))
        clear_constrained(orders, GRID, street(HOMES, full=20_000), IDLE, STEP_S)
    for most in (2**31 - 1, 0):
        solver = programme.begun(seen[0])
        programme.limit(solver, seen[0], np.arange(len(seen[0].room.low)))
        solver.setOptionValue("simplex_iteration_limit", most)
        solver.setOptionValue("presolve", "off")
        programme.run(solver)
        found.append((solver.getOptionValue("solver")[1], solver.getInfo().objective_function_value))
    assert [way for way, _ in found] == ["choose", "ipm"]
    assert found[0][1] < 0
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-9)


def test_a_faint_effect_is_none():
    room = programme.Room.of(np.array([[1.0, 1e-9, -1e-3], [0.0, 0.0, 0.0]]), np.full(2, -1.0), np.full(2, 1.0))
    assert room.effect.tolist() == [[1.0, 0.0, -1e-3], [0.0, 0.0, 0.0]]
