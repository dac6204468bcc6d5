"""The auction by its rules: against the plainest Python, on drawn books and on such as nobody should place."""

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_bridge.market.book import MOST_EACH, MOST_MWH, BookError, Order
from host_bridge.market.clearing import Award, clear, in_proportion
from host_bridge.market.sharing import dividend, share
from host_bridge.market.tariff import Tariff
from tests.host.market.books_kit import faults, fuzzed, plainly, random_book

GRID = Tariff(30_000, 8_000)


def bid(home, energy, limit=30_000, number=0):
    return Order(home, "bid", limit, energy, number)


def offer(home, energy, limit=8_000, number=0):
    return Order(home, "offer", limit, energy, number)


def awards(orders, tariff=GRID):
    return {award.home: (award.bought_mwh, award.sold_mwh, award.price_mct) for award in clear(orders, tariff).awards}


def test_need_and_sun_meet_in_the_middle():
    clearing = clear([bid("a", 700), offer("b", 700)], GRID)
    assert clearing.price_mct == 19_000
    assert clearing.awards == (Award("a", 700, 0, 19_000), Award("b", 0, 700, 19_000))
    assert clearing.award("a").bought_mwh == 700
    assert clearing.award("c") is None


def test_the_better_limit_is_served_first_and_the_margin_in_proportion():
    orders = [offer("s", 100, 10_000), bid("a", 50, 29_000), bid("b", 60, 20_000), bid("c", 40, 20_000)]
    assert awards(orders) == {
        "a": (50, 0, 15_000),
        "b": (30, 0, 15_000),
        "c": (20, 0, 15_000),
        "s": (0, 100, 15_000),
    }


def test_odd_units_go_to_the_largest_remainder_and_then_by_name():
    assert awards([offer("s", 2), bid("a", 3), bid("b", 3), bid("c", 3)]) == {
        "a": (1, 0, 19_000),
        "b": (1, 0, 19_000),
        "s": (0, 2, 19_000),
    }
    assert awards([offer("s", 1), bid("a", 3), bid("b", 4)])["b"] == (1, 0, 19_000)


def test_the_grids_prices_bound_what_is_asked():
    assert clear([bid("a", 5, 99_000), offer("b", 5, -99_000)], GRID).price_mct == 19_000
    assert clear([bid("a", 5, 7_999), offer("b", 5, 0)], GRID).why == "no bid reaches an offer"
    assert clear([bid("a", 5), offer("b", 5, 30_001)], GRID).traded_mwh == 0
    assert clear([bid("a", 5), offer("b", 5, 30_000)], GRID).price_mct == 30_000


@pytest.mark.parametrize(
    ("orders", "tariff", "why"),
    [
        ([], GRID, "nobody bids"),
        ([offer("a", 1)], GRID, "nobody bids"),
        ([bid("a", 1)], GRID, "nobody offers"),
        ([bid("a", 1), offer("b", 1)], Tariff(None, 0), "the grid's price is not known"),
        ([bid("a", 1), offer("b", 1)], Tariff(1, None), "the grid's price is not known"),
        ([bid("a", 1), offer("b", 1)], Tariff(-1, 0), "the grid pays more for energy than it takes"),
    ],
)
def test_where_nothing_is_traded_it_says_why(orders, tariff, why):
    clearing = clear(orders, tariff)
    assert (clearing.price_mct, clearing.awards, clearing.traded_mwh, clearing.why) == (None, (), 0, why)


def test_prices_below_zero_are_prices():
    clearing = clear([bid("a", 5, 0), offer("b", 5, -6_000)], Tariff(-1_000, -6_001))
    assert clearing.price_mct == -3_500
    assert faults([bid("a", 5, 0), offer("b", 5, -6_000)], Tariff(-1_000, -6_001), clearing) == []


def test_what_is_no_book_is_refused():
    with pytest.raises(BookError, match="itself"):
        clear([bid("a", 5), offer("a", 5, number=1)], GRID)


def test_the_greatest_book_is_cleared_exactly():
    homes = [f"home-{number:04}" for number in range(3000)]
    orders = [bid(home, MOST_MWH, number=number) for home in homes[:2999] for number in range(4)]
    orders += [offer(homes[-1], MOST_MWH - 1, number=number) for number in range(MOST_EACH)]
    clearing = clear(orders, GRID)
    assert clearing.traded_mwh == 16 * (MOST_MWH - 1)
    assert sum(award.bought_mwh for award in clearing.awards) == clearing.traded_mwh
    bought = [award.bought_mwh for award in clearing.awards if award.bought_mwh]
    assert max(bought) - min(bought) <= 4  # one mWh for each order


LIMITS = st.integers(-3, 45)
ENERGIES = st.one_of(st.integers(1, 9), st.integers(1, MOST_MWH))
SIDED = st.tuples(st.sampled_from("abcdef"), st.booleans(), LIMITS, ENERGIES)


def drawn_orders(rows):
    """Each home on the side of its first row."""
    sides: dict[str, bool] = {}
    numbers: dict[str, int] = {}
    orders = []
    for home, buys, limit, energy in rows:
        number = numbers[home] = numbers.get(home, -1) + 1
        side = "bid" if sides.setdefault(home, buys) else "offer"
        orders.append(Order(home, side, limit, energy, number))
    return orders


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SIDED, max_size=14), st.tuples(LIMITS, LIMITS), st.randoms(use_true_random=False))
def test_any_book_is_cleared_as_the_plainest_python_does_in_any_order(rows, prices, chance):
    orders, tariff = drawn_orders(rows), Tariff(max(prices), min(prices))
    clearing = clear(orders, tariff)
    assert faults(orders, tariff, clearing) == []
    assert awards(orders, tariff) == plainly(orders, tariff)
    chance.shuffle(orders)
    assert clear(orders, tariff) == clearing


def test_seeded_books_of_every_kind():
    for seed in range(400):
        assert fuzzed(seed) == [], f"book {seed}"
        orders, tariff = random_book(Random(seed))
        assert awards(orders, tariff) == plainly(orders, tariff), f"book {seed}"


@pytest.mark.slow
@settings(max_examples=50_000, deadline=None, database=None)
@given(st.integers(0, 1 << 62))
def test_fifty_thousand_books_never_cross_and_never_lose_or_make_a_unit(seed):
    assert fuzzed(seed) == []


@given(st.lists(st.one_of(st.integers(1, 5), st.integers(1, MOST_MWH)), min_size=1, max_size=40), st.data())
def test_columns_are_shared_as_plain_integers_are(energy, data):
    total = data.draw(st.integers(0, sum(energy)))
    ranks = data.draw(st.permutations(range(len(energy))))
    by_rank = sorted(range(len(energy)), key=lambda at: ranks[at])
    wanted = share(total, [energy[at] for at in by_rank])
    got = in_proportion(total, np.array(energy, np.int64), np.array(ranks, np.int64))
    assert [int(got[at]) for at in by_rank] == wanted


@given(st.lists(st.integers(0, 10**30), min_size=1, max_size=20), st.data())
def test_shares_sum_and_are_near_their_proportion(weights, data):
    total = data.draw(st.integers(0, sum(weights)))
    parts = share(total, weights)
    assert sum(parts) == total
    whole = sum(weights) or 1
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - weight * total) < whole
        assert part <= weight


def test_what_cannot_be_shared_is_refused():
    for total, weights in [(-1, [1]), (1, []), (1, [0]), (1, [2, -1])]:
        with pytest.raises(ValueError, match="cannot be shared"):
            share(total, weights)
    assert share(0, []) == []


def test_a_dividend_without_weights_is_in_equal_parts():
    assert dividend(7, {"b": 0, "a": 0}) == {"a": 4, "b": 3}
    assert dividend(7, {"b": 6, "a": 0}) == {"a": 0, "b": 7}
