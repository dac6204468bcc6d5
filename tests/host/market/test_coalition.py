"""One bill for all, shared by Shapley values: exact sums, nobody above its bill alone, against the definition."""

from fractions import Fraction
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.market import coalition
from host_bridge.market.clearing import Clearing
from host_bridge.market.coalition import CoalitionError, Period
from host_bridge.market.settlement import Metered, settle
from host_bridge.market.tariff import PARTS, Tariff
from host_bridge.microworld.study import coalition as study
from tests.host.microworld.homes_kit import catalogue_spec, made_homes

KWH = 1_000_000
GRID = Tariff(30_000, 10_000)


def period(imports, exports, tariffs):
    homes = [f"home-{number}" for number in range(len(imports))]
    return Period(homes, np.array(imports, np.int64), np.array(exports, np.int64), tariffs)


def test_two_homes_that_fit_share_what_they_save():
    members = coalition.settle(period([[2 * KWH], [0]], [[0], [2 * KWH]], [GRID]))
    assert [member.alone_micro for member in members] == [600_000, -200_000]
    assert [member.share_micro for member in members] == [200_000, 200_000]
    assert [member.bound_micro for member in members] == [0, 0]
    assert sum(member.pays_micro for member in members) == 0


def test_who_adds_nothing_gets_nothing():
    members = coalition.settle(period([[KWH], [0], [KWH]], [[0], [KWH], [0]], [Tariff(10, 10)]))
    assert [member.share_micro for member in members] == [0, 0, 0]
    members = coalition.settle(period([[KWH], [0], [0]], [[0], [KWH], [0]], [GRID]))
    assert members[2].share_micro == 0


ENERGY = st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 10**9))
PRICE = st.integers(-60, 60)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.data())
def test_the_bill_is_paid_to_the_last_unit_and_nobody_pays_more_than_alone(homes, intervals, data):
    rows = st.lists(st.lists(ENERGY, min_size=intervals, max_size=intervals), min_size=homes, max_size=homes)
    tariffs = [Tariff(*data.draw(st.tuples(PRICE, PRICE))) for _ in range(intervals)]
    imports, exports = data.draw(rows), data.draw(rows)
    together = period(imports, exports, tariffs)
    members = coalition.settle(together)
    assert sum(member.pays_micro for member in members) == together.cost_micro((1 << homes) - 1)
    assert sum(member.pays_micro for member in members) == bill_micro(imports, exports, tariffs)
    assert all(0 <= member.share_micro <= together.most_micro(at) for at, member in enumerate(members))
    for member, value in zip(members, by_definition(together, homes), strict=True):
        assert abs(member.share_micro - value) < 1


def bill_micro(imports, exports, tariffs):
    """The grid's one bill, interval by interval."""
    parts = 0
    for at, tariff in enumerate(tariffs):
        bought, sold = sum(row[at] for row in imports), sum(row[at] for row in exports)
        within = min(bought, sold) if tariff.bounds else 0
        parts += tariff.buy_mct * (bought - within) - tariff.sell_mct * (sold - within)
    return -(-parts // PARTS)


def by_definition(together, homes):
    """The mean of what each adds, over all orders."""
    added = [0] * homes
    for order in permutations(range(homes)):
        mask = 0
        for home in order:
            added[home] += together.worth_micro(mask | 1 << home) - together.worth_micro(mask)
            mask |= 1 << home
    return [Fraction(each, factorial(homes)) for each in added]


def many(homes=15, intervals=6):
    chance = np.random.default_rng(3)
    net = chance.integers(-3 * KWH, 3 * KWH, (homes, intervals))
    return period(np.maximum(net, 0), np.maximum(-net, 0), [GRID] * intervals)


def test_shares_of_many_are_sampled_within_their_bounds_and_sum_exactly():
    together = many()
    members = coalition.settle(together, samples=200)
    assert sum(member.pays_micro for member in members) == together.cost_micro((1 << 15) - 1)
    assert all(member.bound_micro > 0 and member.share_micro >= 0 for member in members)
    again, other = coalition.settle(together, samples=200), coalition.settle(together, samples=200, seed=2)
    assert members == again
    assert members != other
    for one, two in zip(members, other, strict=True):
        assert abs(one.share_micro - two.share_micro) <= one.bound_micro + two.bound_micro


def test_the_bill_is_the_one_that_the_market_comes_to():
    together = many(intervals=1)
    told = {
        home: Metered(int(together._imports[at, 0]), int(together._exports[at, 0]))
        for at, home in enumerate(together.homes)
    }
    assert settle(Clearing(None, (), 0), told, GRID).grid_micro == together.cost_micro((1 << 15) - 1)


def test_energy_and_prices_beyond_64_bits_are_exact():
    most = 1_000_000_000
    together = period([[most] * 9000, [0] * 9000], [[0] * 9000, [most] * 9000], [Tariff(1_000_000, -1_000_000)] * 9000)
    assert together.worth_micro(3) == 9000 * most * 2_000_000 // PARTS


@pytest.mark.parametrize(
    ("imports", "exports", "tariffs", "says"),
    [
        ([[1]], [[1, 2]], [GRID], r"\(1, 1\)"),
        ([[1]], [[1]], [GRID, GRID], r"\(1, 2\)"),
        ([[-1]], [[1]], [GRID], "0 or more"),
        ([[1]], [[1]], [Tariff(None, 0)], "not known"),
    ],
)
def test_what_is_no_period_is_refused(imports, exports, tariffs, says):
    with pytest.raises(CoalitionError, match=says):
        period(imports, exports, tariffs)


def test_a_game_of_batteries_run_by_the_coalitions_world_is_shared_too():
    homes, program = made_homes(4), catalogue_spec("coalition").program()
    costs = study.costs_micro(program, homes, range(1, 1 << 4))
    saved = study.savings_micro(costs)
    shares, bounds = coalition.share(4, saved.__getitem__, study.ranges_micro(homes))
    assert sum(shares) == saved[0b1111] > 0
    assert bounds == [0] * 4
