"""Shapley's axioms on random games, and how near samples come."""

from fractions import Fraction
from itertools import permutations
from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.microworld.study import coalition, shapley
from tests.host.microworld.homes_kit import catalogue_spec, made_homes

GAMES = st.integers(1, 6).flatmap(
    lambda members: st.lists(st.integers(-(10**12), 10**12), min_size=(1 << members) - 1, max_size=(1 << members) - 1)
)


def game(worth):
    return [0, *worth]


def by_definition(worth, members):
    """The mean of what each adds, over all orders."""
    added = [0] * members
    for order in permutations(range(members)):
        before = 0
        for member, mask in zip(order, shapley.coalitions(order), strict=True):
            added[member] += worth[mask] - worth[before]
            before = mask
    return [Fraction(each, factorial(members)) for each in added]


@settings(max_examples=40)
@given(GAMES)
def test_it_is_the_mean_over_all_orders_and_efficient(worth):
    worth = game(worth)
    values = shapley.exact(worth)
    assert values == by_definition(worth, len(values))
    assert sum(values) == worth[-1] == sum(shapley.shares(values))
    assert all(abs(share - value) < 1 for share, value in zip(shapley.shares(values), values, strict=True))


@settings(max_examples=40)
@given(GAMES, st.integers(-1000, 1000))
def test_who_adds_nothing_but_itself_gets_itself(worth, alone):
    worth = game(worth)
    values = shapley.exact(worth + [each + alone for each in worth])
    assert values[-1] == alone and values[:-1] == shapley.exact(worth)


@settings(max_examples=40)
@given(GAMES)
def test_alike_members_get_alike(worth):
    worth = game(worth)
    members = len(worth).bit_length() - 1
    alike = [worth[mask & ~3 | (0, 1, 1, 3)[mask & 3]] if members > 1 else worth[mask] for mask in range(len(worth))]
    values = shapley.exact(alike)
    assert values[0] == values[min(1, members - 1)]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=15, max_size=15))
def test_shares_of_two_games_add_up(pairs):
    one, two = game([a for a, _ in pairs]), game([b for _, b in pairs])
    both = shapley.exact([a + b for a, b in zip(one, two, strict=True)])
    assert both == [a + b for a, b in zip(shapley.exact(one), shapley.exact(two), strict=True)]


def test_the_gloves():
    # Two have a left glove, one the right one; a pair is worth 6 (L. S. Shapley and M. Shubik).
    worth = [6 if mask & 4 and mask & 3 else 0 for mask in range(8)]
    assert shapley.exact(worth) == [1, 1, 4]


def test_rounding_goes_to_the_largest_remainder():
    assert shapley.shares([Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)]) == [1, 0, 0]
    assert shapley.shares([Fraction(-1, 2), Fraction(5, 2)]) == [0, 2]
    with pytest.raises(ValueError, match="not whole"):
        shapley.shares([Fraction(1, 3)])


@pytest.mark.parametrize("worth", [[], [0], [0, 1, 2], [1, 2], [0] * (1 << 13)])
def test_what_is_no_game_is_refused(worth):
    with pytest.raises(ValueError, match="coalition"):
        shapley.exact(worth)


def test_samples_are_within_their_bounds_and_sum_to_the_total():
    worth = [mask.bit_count() ** 2 * 1000 + mask for mask in range(64)]
    exact = shapley.exact(worth)
    ranges = [(0, 12_000)] * 6
    found = shapley.sampled(shapley.orders(6, 400, 1), worth.__getitem__, ranges)
    assert sum(found.values) == worth[-1]
    assert all(abs(a - b) <= bound for a, b, bound in zip(found.values, exact, found.bounds, strict=True))
    more = shapley.sampled(shapley.orders(6, 4000, 1), worth.__getitem__, ranges)
    assert max(more.bounds) < min(found.bounds) and found == shapley.sampled(
        shapley.orders(6, 400, 1), worth.__getitem__, ranges
    )


def test_bounds_hold_as_often_as_they_say():
    worth = [(mask * 2654435761) % 1000 if mask else 0 for mask in range(32)]
    exact, ranges = shapley.exact(worth), [(-1000, 1000)] * 5
    missed = 0
    for seed in range(60):
        found = shapley.sampled(shapley.orders(5, 30, seed), worth.__getitem__, ranges, Fraction(1, 2))
        missed += any(abs(a - b) > bound for a, b, bound in zip(found.values, exact, found.bounds, strict=True))
    assert missed <= 30


def test_a_range_that_does_not_hold_is_found_out():
    with pytest.raises(ValueError, match="member 0 adds 5, outside 0 to 4"):
        shapley.sampled([[0], [0]], lambda mask: 5, [(0, 4)])


def test_a_bound_by_hand():
    # Values 0 and 2: variance 2. log(2 / 0.05) = 3.689; sqrt(2 * 2 * 3.689 / 2) + 7 * 2 * 3.689 / 3 = 2.7 + 17.2.
    worths = iter((0, 2))
    found = shapley.sampled([[0], [0]], lambda mask: next(worths), [(0, 2)], Fraction(9, 10))
    assert 20 <= found.bounds[0] <= 22


def test_coalitions_of_homes_save_and_share_it_all():
    homes, program = made_homes(4, 72), catalogue_spec("coalition").program()
    costs = coalition.costs_micro(program, homes, range(1, 16))
    saved = coalition.savings_micro(costs)
    assert all(saved[mask] == 0 for mask in (0, 1, 2, 4, 8))
    shares = shapley.shares(shapley.exact([saved[mask] for mask in range(16)]))
    assert sum(shares) == saved[15] == sum(costs[mask] for mask in (1, 2, 4, 8)) - costs[15] > 0
    assert costs == coalition.costs_micro(program, homes, range(15, 0, -1))
    assert costs[5] == coalition.costs_micro(program, homes.some([0, 2]), [3])[3]
