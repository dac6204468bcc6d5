"""Clearing that the feeder can bear: as `clearing.clear` where no limit binds, else by a linear programme.

What an award moves. `baseline_w` is what each home draws on average over the interval when it is awarded nothing. A
moving order (a battery, a load that can wait) draws its award on top of it. A firm order (the sun there is, a load that
must run) happens anyway: it is in the baseline already, trades, and moves nothing.

The rules, beside those of `clearing`, whose bounds hold here too:

1. What `clear` awards stands where it breaks no limit. Else the awards are those of the greatest welfare (limits times
   energies bought, less those sold) that keep all limits. Where the baseline itself is beyond a limit, trade may not
   make it worse.
2. Energies are rounded down to whole mWh, and the side with more then gives the difference up, from where it gains
   least. So bought = sold to the mWh; a limit is exceeded by what these few mWh move, and half a ppm, at most: by less
   than 1 ppm where a W moves nothing by more than 20 ppm and an interval is 15 minutes.
3. Prices are local. One price could not hold all orders to what they are awarded: on one side of a full line there are
   bids left out that reach offers which are served on the other. So moving energy is at the marginal price with what
   full limits add at its home, firm energy at the marginal price alone: the middle of the prices that no served limit
   speaks against, in whole mct/kWh, rounded up where those who share a price buy more than they sell, else down. No
   price is beyond the limit of an order that it serves.
4. A home has one award: what it buys less what it sells, at the mean of its prices, rounded to a mct/kWh against it
   and cut to the bounds. (It sells firm and buys moving energy where its battery relieves the feeder of its own sun.)
5. What buyers pay beyond what sellers get is the feeder's rent, never below 0; `settlement` leaves it in the pool. It
   falls due where the feeder is too small, so the pool may spend it there, or as a dividend.
6. Firm orders of one limit share what is left for them as in `clearing`. Between moving orders of different homes at
   one limit the solver chooses, the same way each time. Nothing depends on the order of arrival.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from host_bridge.market.book import MOST_EACH, BookError, Order, check
from host_bridge.market.clearing import Award, Clearing, Sheet, clear, clear_sheet, in_proportion
from host_bridge.market.local_prices import is_trade, marginal_mct, whole_energies, whole_prices
from host_bridge.market.network import Floats, Sensitivities
from host_bridge.market.programme import Programme, Room, Solution, Unsolved, solve
from host_bridge.market.tariff import MOST_MCT, Tariff

WORSE_PPM = 1000.0

Whole = NDArray[np.int64]
Firm = Collection[tuple[str, int]]  # (home, number) of orders

_MWH_W = 3.6  # a mWh within a second, in W
_LIMITS = 2 * MOST_MCT + 1


@dataclass(frozen=True)
class Constrained:
    """`clearing` for `settlement`. `moved_mwh`: what homes draw beyond their baselines, of those that do. `full` names
    the limits that bind, `curtailed_mwh` is what they took from trade; where none binds all is as in `clear`."""

    clearing: Clearing
    moved_mwh: Mapping[str, int] = field(default_factory=dict)
    full: tuple[str, ...] = ()
    curtailed_mwh: int = 0

    @property
    def rent_parts(self) -> int:
        """What buyers pay beyond what sellers get, mWh * mct/kWh (tariff.PARTS in a micro-unit)."""
        return sum(award.price_mct * (award.bought_mwh - award.sold_mwh) for award in self.clearing.awards)


def clear_constrained(
    orders: Iterable[Order], tariff: Tariff, network: Sensitivities, baseline_w: Floats, step_s: int, firm: Firm = ()
) -> Constrained:
    """By the rules above; `baseline_w` is of `network.homes`. Some ms: not for an event loop. Raises book.BookError:
    the orders are not of one book, or of homes that are not on the feeder; ValueError for a baseline of other shape or
    not of numbers."""
    given = list(orders)
    check(given)
    if baseline_w.shape != network.at_w.shape or not np.isfinite(baseline_w).all():
        raise ValueError(f"the baseline needs the power of each of the feeder's {len(network.homes)} homes, as numbers")
    if tariff.bounds is None:
        return Constrained(Clearing(None, (), 0, tariff.why_not))
    asked = _Asked.of(given, tariff.bounds, network, firm)
    value = network.values(baseline_w)
    low, high = np.minimum(network.least - value, -WORSE_PPM), np.maximum(network.most - value, WORSE_PPM)
    room = Room.of(network.per_w * (_MWH_W / step_s), low, high)
    return _clear(asked, tariff.bounds, room, network.rows) or Constrained(clear(given, tariff))


@dataclass(frozen=True)
class _Asked:
    """Orders as columns. The homes of `sheet` are twice those there are: what is firm of a home (even), and what moves
    (odd); `place` [homes of the sheet] is on the feeder, -1 of what is firm."""

    sheet: Sheet
    place: Whole

    @staticmethod
    def of(orders: list[Order], bounds: tuple[int, int], network: Sensitivities, firm: Firm) -> "_Asked":
        sheet = Sheet.of(orders)
        on_feeder = {home: place for place, home in enumerate(network.homes)}
        away = [home for home in sheet.homes if home not in on_feeder]
        if away:
            raise BookError(f"not on the feeder: {', '.join(away)}")
        moves = np.ones(len(orders), np.int64)
        if firm:
            happens = frozenset(firm)
            moves[:] = [(order.home, order.number) not in happens for order in orders]
        place = np.array([place for home in sheet.homes for place in (-1, on_feeder[home])], np.int64)
        least, most = bounds
        limit = np.where(sheet.is_bid, np.minimum(sheet.limit_mct, most), np.maximum(sheet.limit_mct, least))
        homes = tuple(home for home in sheet.homes for _ in range(2))
        twice = Sheet(homes, sheet.home * 2 + moves, sheet.is_bid, limit, sheet.energy_mwh, sheet.number)
        return _Asked(twice, place)

    def drawn(self, net: Whole, places: int) -> Floats:
        """[places of the feeder] mWh that move, of what the sheet's homes bought less sold."""
        moves = self.place >= 0
        return np.bincount(self.place[moves], net[moves], places).astype(np.float64)

    def columns(self, room: Room) -> tuple[Programme, Whole]:
        """The programme, in which orders that it cannot tell apart are one column, and the column of each order."""
        sheet, place = self.sheet, self.place[self.sheet.home]
        key = ((place + 1) * 2 + sheet.is_bid) * _LIMITS + sheet.limit_mct + MOST_MCT
        _, first, own = np.unique(key, return_index=True, return_inverse=True)
        sign = np.where(sheet.is_bid[first], 1.0, -1.0)
        most = np.bincount(own, sheet.energy_mwh).astype(np.float64)
        return Programme(sheet.limit_mct[first].astype(np.float64), most, sign, place[first], room), own

    def local(self, programme: Programme, own: Whole, found: Solution) -> tuple[Whole, Whole, int]:
        """What the sheet's homes bought less sold and the price of each, from the programme's columns; and the marginal
        price without what limits add."""
        homes = len(self.sheet.homes)
        net, prices = np.zeros(homes, np.int64), np.zeros(homes, np.int64)
        if not is_trade(found):
            return net, prices, 0
        marginal, bare = marginal_mct(programme, found)
        got = whole_energies(programme, found, marginal)
        of_order = self._split(got, own, programme.most_mwh)
        np.add.at(net, self.sheet.home, np.where(self.sheet.is_bid, of_order, -of_order))
        prices[self.sheet.home] = whole_prices(programme, got, marginal)[own]
        return net, prices, bare

    def _split(self, got: Whole, own: Whole, most: Floats) -> Whole:
        """[orders] mWh of what the columns got."""
        sheet = self.sheet
        of_order = np.where((got == most)[own], sheet.energy_mwh, 0)
        for column in np.flatnonzero((got > 0) & (got < most)):
            orders = np.flatnonzero(own == column)
            ranks = sheet.home[orders] * MOST_EACH + sheet.number[orders]
            of_order[orders] = in_proportion(int(got[column]), sheet.energy_mwh[orders], ranks)
        return of_order

    def awarded(self, net: Whole, prices: Whole, bounds: tuple[int, int], price: int) -> Constrained:
        """One award for each home that trades, of what is firm and what moves."""
        awards, homes = [], self.sheet.homes
        total, parts = net[0::2] + net[1::2], (net * prices)[0::2] + (net * prices)[1::2]
        for place in np.flatnonzero(total).tolist():
            mwh = int(total[place])
            each = _mean_price(mwh, int(parts[place]), bounds)
            awards.append(Award(homes[2 * place], max(mwh, 0), max(-mwh, 0), each))
        moved = {homes[at]: int(net[at]) for at in np.flatnonzero(net).tolist() if at % 2}
        traded = sum(award.bought_mwh for award in awards)
        return Constrained(Clearing(price if awards else None, tuple(awards), traded), moved)


def _clear(asked: _Asked, bounds: tuple[int, int], room: Room, rows: tuple[str, ...]) -> Constrained | None:
    """None: even without limits nothing is traded."""
    price, traded, bought, sold = clear_sheet(asked.sheet, *bounds)
    if price is None:
        return None
    net = bought - sold
    broken = room.broken(asked.drawn(net, room.effect.shape[1]))
    if not len(broken):
        return asked.awarded(net, np.full(len(net), price), bounds, price)
    programme, own = asked.columns(room)
    try:
        found = solve(programme, broken)
    except Unsolved as error:
        return Constrained(Clearing(None, (), 0, f"nothing is traded: {error}"), curtailed_mwh=traded)
    net, prices, price = asked.local(programme, own, found)
    cleared = asked.awarded(net, prices, bounds, max(bounds[0], min(price, bounds[1])))
    full = found.rows if len(found.rows) else broken
    return _told(cleared, tuple(rows[row] for row in full), max(0, traded - cleared.clearing.traded_mwh))


def _told(cleared: Constrained, full: tuple[str, ...], curtailed_mwh: int) -> Constrained:
    """With why there was less trade than there could have been."""
    at = cleared.clearing
    less = f"{curtailed_mwh / 1000:.0f} Wh fewer" if curtailed_mwh >= 500 else "not the same"
    why = f"{', '.join(full)} at the limit: {less} are traded than without"
    clearing = Clearing(at.price_mct, at.awards, at.traded_mwh, why)
    return Constrained(clearing, cleared.moved_mwh, full, curtailed_mwh)


def _mean_price(net_mwh: int, parts: int, bounds: tuple[int, int]) -> int:
    """Of a home that pays `parts` for `net_mwh`, or gets them for it where both are below 0; rounded against it."""
    mean = -(-parts // net_mwh) if net_mwh > 0 else parts // net_mwh
    return max(bounds[0], min(mean, bounds[1]))
