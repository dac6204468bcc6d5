"""One price for an interval's orders: a uniform-price double auction, in whole mWh and mct/kWh.

The rules, in order:

1. Bounds. Nobody pays more than to the grid or gets less than from it: a bid above what the grid takes counts as
   one at that price, an offer below what the grid pays as one at that. Without both prices, or where the grid pays
   more than it takes, nothing is traded: `why` says so.
2. Energy. As much is traded as any one price allows: the greatest min(bids at that price or above, offers at that
   price or below).
3. Price. All trade at the middle of the prices that allow it, which lie between the limit of the last offer that is
   needed for that energy and the limit of the last bid; rounded down to a whole mct/kWh.
4. Who. On each side, orders are served by limit, the best first. Those at the last limit that is served share what is
   left for them in proportion to their energy, rounded down; the mWh that this leaves over go one each to the largest
   remainders, and among equal ones to the first by name of the home.

So no award is beyond its order or its limit, what is bought is what is sold to the mWh, and nothing depends on the
order of arrival. No home buys from itself, or buys and sells at once, as none may bid what it offers for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from host_bridge.market.book import MOST_MWH, Order, check
from host_bridge.market.tariff import MOST_MCT, Tariff

Whole = NDArray[np.int64]

_ENERGY_BITS = MOST_MWH.bit_length()
_ENERGY = (1 << _ENERGY_BITS) - 1


@dataclass(frozen=True, slots=True)
class Award:
    """What a home bought or sold, one of the two being 0, and at which price."""

    home: str
    bought_mwh: int
    sold_mwh: int
    price_mct: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """What came of the orders. `awards` are of the homes that trade, by name; `price_mct` is None where none does, and
    `why` then says why.
    """

    price_mct: int | None
    awards: tuple[Award, ...]
    traded_mwh: int
    why: str = ""

    def award(self, home: str) -> Award | None:
        """Of `home`; None: it does not trade."""
        return next((award for award in self.awards if award.home == home), None)


@dataclass(frozen=True)
class Sheet:
    """Orders as columns, in any order: numbers of homes in `homes`, which are sorted by name; all [orders]."""

    homes: tuple[str, ...]
    home: Whole
    is_bid: NDArray[np.bool_]
    limit_mct: Whole
    energy_mwh: Whole
    number: Whole

    @staticmethod
    def of(orders: Sequence[Order]) -> "Sheet":
        """Of orders that `book.check` passes."""
        homes = tuple(sorted({order.home for order in orders}))
        place = {home: number for number, home in enumerate(homes)}
        rows = [(place[o.home], o.side == "bid", o.limit_mct, o.energy_mwh, o.number) for o in orders]
        home, is_bid, limit, energy, number = np.array(rows, np.int64).reshape(-1, 5).T
        return Sheet(homes, home, is_bid.astype(bool), limit, energy, number)


class Cleared(NamedTuple):
    """What came of a sheet: mWh that each home bought and sold, [homes] both; no price where nothing is traded."""

    price_mct: int | None
    traded_mwh: int
    bought_mwh: Whole
    sold_mwh: Whole


def clear(orders: Iterable[Order], tariff: Tariff) -> Clearing:
    """By the rules above. Raises book.BookError: the orders are not of one book."""
    given = tuple(orders)
    check(given)
    if tariff.bounds is None:
        return Clearing(None, (), 0, tariff.why_not)
    sheet = Sheet.of(given)
    price, traded, bought, sold = clear_sheet(sheet, *tariff.bounds)
    if price is None:
        return Clearing(None, (), 0, _why_nothing(sheet))
    rows = zip(sheet.homes, bought.tolist(), sold.tolist(), strict=True)
    awards = tuple(Award(home, buys, sells, price) for home, buys, sells in rows if buys or sells)
    return Clearing(price, awards, traded)


def _why_nothing(sheet: Sheet) -> str:
    if not sheet.is_bid.any():
        return "nobody bids"
    return "nobody offers" if sheet.is_bid.all() else "no bid reaches an offer"


def clear_sheet(sheet: Sheet, least_mct: int, most_mct: int) -> Cleared:
    """The same of columns, between the grid's prices."""
    bids, offers = np.flatnonzero(sheet.is_bid), np.flatnonzero(~sheet.is_bid)
    bid_limits = np.minimum(sheet.limit_mct[bids], most_mct)
    offer_limits = np.maximum(sheet.limit_mct[offers], least_mct)
    bid_energy, offer_energy = sheet.energy_mwh[bids], sheet.energy_mwh[offers]
    traded, last_bid, last_offer = _crossing(bid_limits, bid_energy, offer_limits, offer_energy)
    homes = len(sheet.homes)
    if not traded:
        return Cleared(None, 0, np.zeros(homes, np.int64), np.zeros(homes, np.int64))
    bought = _served(traded, -bid_limits, bid_energy, sheet.home[bids], -last_bid)
    sold = _served(traded, offer_limits, offer_energy, sheet.home[offers], last_offer)
    price = (last_offer + last_bid) // 2
    return Cleared(price, traded, _by_home(sheet.home[bids], bought, homes), _by_home(sheet.home[offers], sold, homes))


def _crossing(bid_limits: Whole, bid_energy: Whole, offer_limits: Whole, offer_energy: Whole) -> tuple[int, int, int]:
    """(energy traded, limit of the last bid needed, of the last offer needed); the first 0 where no price will do.

    The most is traded at the limit of some bid: between two of them demand stays, and supply grows with the price.
    """
    if not len(bid_limits) or not len(offer_limits):
        return 0, 0, 0
    bid_steps, bid_amounts = _by_limit(-bid_limits, bid_energy)
    offer_steps, offer_amounts = _by_limit(offer_limits, offer_energy)
    demand, supply = np.cumsum(bid_amounts), np.cumsum(offer_amounts)
    reached = np.searchsorted(offer_steps, -bid_steps, "right")
    traded = int(np.minimum(demand, np.append(0, supply)[reached]).max())
    if not traded:
        return 0, 0, 0
    return traded, -int(bid_steps[np.searchsorted(demand, traded)]), int(offer_steps[np.searchsorted(supply, traded)])


def _by_limit(limits: Whole, energy: Whole) -> tuple[Whole, Whole]:
    """Both sorted by limit, as one number each, which sorts faster than two. Limits are within ±MOST_MCT."""
    packed = np.sort((limits + MOST_MCT) << _ENERGY_BITS | energy)
    return (packed >> _ENERGY_BITS) - MOST_MCT, packed & _ENERGY


def _served(traded: int, limits: Whole, energy: Whole, ranks: Whole, last: int) -> Whole:
    """[orders] mWh of one side, whose best limits are the lowest."""
    got = np.where(limits < last, energy, 0)
    margin = np.flatnonzero(limits == last)
    got[margin] = in_proportion(traded - int(got.sum()), energy[margin], ranks[margin])
    return got


def in_proportion(total: int, energy: Whole, ranks: Whole) -> Whole:
    """Whole parts of `total` in the proportion of `energy`, which is `total` in all or more: rule 4's second half.

    The quotient is taken in floating point, and is one too small or too great where the product is within 1e-7 of a
    whole one. What then remains of it is all or more, or below 0, so that it is the first or the last to get one of the
    missing units, which puts it right. The products overflow 64 bits, what remains of them does not: as both are
    modulo 2**64, it is exact.
    """
    whole = int(energy.sum())
    if total == whole:
        return energy
    got = (energy * (total / whole)).astype(np.int64)
    rest = energy * np.int64(total) - got * np.int64(whole)
    missing = total - int(got.sum())
    if missing:
        got[_largest(rest, ranks, missing)] += 1
    return got


def _largest(rest: Whole, ranks: Whole, count: int) -> NDArray[np.intp]:
    """Which are the `count` largest; of equal ones those of the lowest rank."""
    edge = np.partition(rest, len(rest) - count)[len(rest) - count]
    above, at = np.flatnonzero(rest > edge), np.flatnonzero(rest == edge)
    return np.append(above, at[np.argsort(ranks[at])[: count - len(above)]])


def _by_home(home: Whole, energy: Whole, homes: int) -> Whole:
    """[homes] sums, exact: floating point is whole below 2**53, and a book holds less than 2**44 mWh."""
    return np.bincount(home, energy, homes).astype(np.int64)
