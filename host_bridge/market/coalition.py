"""Coalition mode: the homes run as one, pay the grid one bill, and share what that saves by Shapley values.

What a coalition of homes is worth is what its members' bills alone come to, less its one bill, in which imports and
exports of an interval are set off (where the grid takes more than it pays; else they are not). The bill for more homes
together is never above the sum of theirs, so nobody adds less than nothing: every share is 0 or more, and no home pays
more than alone. Shares are whole micro-units that sum exactly: what the homes pay is the grid's bill to the last one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.market.tariff import Tariff, ceil_micro, floor_micro
from host_bridge.microworld.study import shapley

Whole = NDArray[np.int64]

SAMPLES = 1000
_LOW_BITS = 20


class CoalitionError(ValueError):
    """No period that homes can share; the text says what to give."""


@dataclass(frozen=True, slots=True)
class Member:
    """A home's account of a period, micro-units. `bound_micro`: how far its share may be from its Shapley value, 0
    where it is exact but for rounding.
    """

    home: str
    alone_micro: int
    share_micro: int
    bound_micro: int

    @property
    def pays_micro(self) -> int:
        """To the grid, by way of the coalition."""
        return self.alone_micro - self.share_micro


class Period:
    """What homes metered over intervals: `imports`, `exports` mWh [homes, intervals], a tariff for each interval.

    Raises CoalitionError: sizes differ, energy is below 0, a price is not known.
    """

    def __init__(self, homes: Sequence[str], imports: Whole, exports: Whole, tariffs: Sequence[Tariff]) -> None:
        shape = (len(homes), len(tariffs))
        if not homes or imports.shape != shape or exports.shape != shape or min(imports.min(), exports.min()) < 0:
            raise CoalitionError(f"give imports and exports of {shape} [homes, intervals], 0 or more")
        prices = [(tariff.buy_mct, tariff.sell_mct) for tariff in tariffs]
        if any(price is None for pair in prices for price in pair):
            raise CoalitionError("a price of the grid is not known: share a period when all are")
        self.homes = tuple(homes)
        self._imports, self._exports = imports.astype(np.int64), exports.astype(np.int64)
        buy, sell = np.array(prices, np.int64).T
        self._spread = np.maximum(buy - sell, 0)
        self._alone = [
            _dot(buy, each) - _dot(sell, out) for each, out in zip(self._imports, self._exports, strict=True)
        ]
        self._costs: dict[int, int] = {}

    def cost_micro(self, mask: int) -> int:
        """The grid's bill for the homes of `mask` together (bit i: home i), rounded up."""
        if mask not in self._costs:
            chosen = [home for home in range(len(self.homes)) if mask >> home & 1]
            within = np.minimum(self._imports[chosen].sum(axis=0), self._exports[chosen].sum(axis=0))
            alone = sum(self._alone[home] for home in chosen)
            self._costs[mask] = ceil_micro(alone - _dot(self._spread, within))
        return self._costs[mask]

    def alone_micro(self, home: int) -> int:
        """The grid's bill for one home, nothing set off."""
        return ceil_micro(self._alone[home])

    def worth_micro(self, mask: int) -> int:
        """What the homes of `mask` save by one bill."""
        chosen = (home for home in range(len(self.homes)) if mask >> home & 1)
        return sum(self.alone_micro(home) for home in chosen) - self.cost_micro(mask)

    def most_micro(self, home: int) -> int:
        """More than this no home adds to any coalition: all its energy set off, and what rounding may add."""
        return floor_micro(_dot(self._spread, np.maximum(self._imports[home], self._exports[home]))) + 2


def settle(period: Period, samples: int = SAMPLES, seed: int = 1) -> list[Member]:
    """What each home pays and why: exact shares up to shapley.MOST_EXACT homes, sampled above; the same for a seed."""
    homes = len(period.homes)
    ranges = [(0, period.most_micro(home)) for home in range(homes)]
    micro, bounds = share(homes, period.worth_micro, ranges, samples, seed)
    return [Member(home, period.alone_micro(at), micro[at], bounds[at]) for at, home in enumerate(period.homes)]


def share(
    homes: int, worth: Callable[[int], int], ranges: Sequence[tuple[int, int]], samples: int = SAMPLES, seed: int = 1
) -> tuple[list[int], list[int]]:
    """(shares, bounds) in micro-units of any game: `worth` of each mask of homes, 0 of none; `ranges` as of
    shapley.sampled. The shares sum to the worth of all exactly. Raises ValueError as shapley does.
    """
    if homes <= shapley.MOST_EXACT:
        return shapley.shares(shapley.exact([worth(mask) for mask in range(1 << homes)])), [0] * homes
    found = shapley.sampled(shapley.orders(homes, samples, seed), worth, ranges)
    return shapley.shares(found.values), list(found.bounds)


def _dot(prices: Whole, energy: Whole) -> int:
    """Exact where 64 bits would not hold it: the energy's low and high bits apart."""
    high, low = energy >> _LOW_BITS, energy & ((1 << _LOW_BITS) - 1)
    return (int(prices @ high) << _LOW_BITS) + int(prices @ low)
