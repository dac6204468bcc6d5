"""What each member of a coalition is due: its Shapley value, exact up to 12 members, sampled with a bound above.

A game gives every coalition of n members a worth in whole micro-units. A member's Shapley value is its marginal
contribution averaged over all orders in which the coalition can come together (L. S. Shapley, A value for n-person
games, 1953): the one way of sharing that is efficient, symmetric, additive, and gives nothing to who adds nothing.
Coalitions are bit masks: bit i is member i. Only integers and fractions; the shares sum exactly to the total.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from operator import or_
from random import Random

MOST_EXACT = 12
_LOG_SCALE = 1_000_000


def exact(worth: Sequence[int]) -> list[Fraction]:
    """The Shapley values, from the worth of each of the 2**n coalitions by mask. Raises ValueError: see the text."""
    members = len(worth).bit_length() - 1
    if not 1 <= members <= MOST_EXACT or len(worth) != 1 << members:
        raise ValueError(f"{len(worth)} coalitions: give the worth of all 2**n, for n from 1 to {MOST_EXACT}")
    if worth[0]:
        raise ValueError(f"the coalition of nobody is worth {worth[0]}: take that from every coalition")
    return [_exact(worth, members, member) for member in range(members)]


def _exact(worth: Sequence[int], members: int, member: int) -> Fraction:
    """Marginal contributions summed by the coalition's size, as all of one size weigh the same."""
    by_size = [0] * members
    bit = 1 << member
    for mask in range(len(worth)):
        if not mask & bit:
            by_size[mask.bit_count()] += worth[mask | bit] - worth[mask]
    orders = (math.factorial(size) * math.factorial(members - 1 - size) for size in range(members))
    return Fraction(sum(gain * count for gain, count in zip(by_size, orders, strict=True)), math.factorial(members))


def shares(values: Sequence[Fraction]) -> list[int]:
    """Whole micro-units that sum to what `values` sum to, each less than 1 away from its value.

    The units that rounding down leaves go to the largest remainders, among equal ones to the first member.
    """
    total = sum(values, Fraction(0))
    if total.denominator != 1:
        raise ValueError(f"the values sum to {total}, which is not whole")
    whole = [math.floor(value) for value in values]
    by_remainder = sorted(range(len(values)), key=lambda member: (whole[member] - values[member], member))
    for member in by_remainder[: int(total) - sum(whole)]:
        whole[member] += 1
    return whole


@dataclass(frozen=True)
class Sampled:
    """Estimates that sum exactly to the total; with `sure` or more chance, all are within `bounds` at once."""

    values: tuple[Fraction, ...]
    bounds: tuple[int, ...]  # micro-units, rounded up
    samples: int
    sure: Fraction


def orders(members: int, samples: int, seed: int) -> list[list[int]]:
    """Random orders in which the members come together; the same for a seed."""
    chance, order, found = Random(seed), list(range(members)), []  # noqa: S311 (sampling, not a secret)
    for _ in range(samples):
        chance.shuffle(order)
        found.append(order.copy())
    return found


def coalitions(order: Sequence[int]) -> list[int]:
    """The coalitions that come about in this order, the first member alone first."""
    return list(accumulate((1 << member for member in order), or_))


def sampled(
    chosen: Sequence[Sequence[int]],
    worth: Callable[[int], int],
    ranges: Sequence[tuple[int, int]],
    sure: Fraction = Fraction(95, 100),
) -> Sampled:
    """Estimates from the orders `chosen`. `ranges`: (least, greatest) that each member can add to any coalition.

    The bound is the empirical Bernstein bound (A. Maurer, M. Pontil, Empirical Bernstein bounds and sample-variance
    penalization, 2009, theorem 4), on both sides and for all members at once. It holds where `ranges` do, whose
    truth is the caller's: raises ValueError when a sample shows that they do not.
    """
    members, samples = len(ranges), len(chosen)
    if samples < 2 or members < 1 or not 0 < sure < 1:
        raise ValueError("have 2 or more samples, 1 or more members, and `sure` between 0 and 1")
    sums, squares = [0] * members, [0] * members
    for order in chosen:
        before = 0
        for member, mask in zip(order, coalitions(order), strict=True):
            after = worth(mask)
            _demand(member, after - before, ranges[member])
            sums[member] += after - before
            squares[member] += (after - before) ** 2
            before = after
    values = tuple(Fraction(each, samples) for each in sums)
    unsure = (1 - sure) / (2 * members)
    bounds = tuple(
        _bernstein(sums[member], squares[member], samples, greatest - least, unsure)
        for member, (least, greatest) in enumerate(ranges)
    )
    return Sampled(values, bounds, samples, sure)


def _demand(member: int, gain: int, within: tuple[int, int]) -> None:
    if not within[0] <= gain <= within[1]:
        raise ValueError(f"member {member} adds {gain}, outside {within[0]} to {within[1]}: its range is wrong")


def _bernstein(total: int, squares: int, samples: int, width: int, unsure: Fraction) -> int:
    """How far a mean of `samples` values may be from the truth, except with chance `unsure`; rounded up."""
    log = Fraction(math.ceil(math.log(2 / unsure) * _LOG_SCALE) + 1, _LOG_SCALE)
    variance = Fraction(samples * squares - total * total, samples * (samples - 1))
    spread = math.isqrt(math.ceil(2 * variance * log / samples)) + 1
    return spread + math.ceil(7 * width * log / (3 * (samples - 1)))
