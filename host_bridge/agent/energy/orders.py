"""What a home bids and offers in an interval: its own position at every price, cut into orders. Pure.

At a high price its battery serves the load and sells, at a low one it fills up: the position (+ buys) falls with the
price in segments, each at the worth of a part of what is stored. What is above zero is bid, what is below is offered;
what no price changes is firm. So its own sun and battery serve its own load before a neighbour's.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from host_bridge.market.book import MOST_EACH, Order
from host_bridge.market.tariff import MOST_MCT, Tariff

LEAST_MWH = 1000  # less is no order
MOST_SIDE = (MOST_EACH - 2) // 2


class Store(NamedTuple):
    """A battery in one interval: at its terminals at most `charge_wh` in and `discharge_wh` out; `worth_mct`: of a
    stored kWh in each equal part of the capacity, lowest first, falling."""

    capacity_wh: float
    content_wh: float
    least_wh: float
    charge_wh: float
    discharge_wh: float
    efficiency: float
    worth_mct: Sequence[float]


class Segment(NamedTuple):
    """So much more is taken (less given) as soon as the price is below `price_mct`."""

    energy_wh: float
    price_mct: float


class Wish(NamedTuple):
    """The orders of a home, the numbers of the firm ones, and the W it takes if it is awarded nothing."""

    orders: tuple[Order, ...]
    firm: tuple[int, ...]
    baseline_wh: float


def wish(home: str, net_wh: float, store: Store | None, tariff: Tariff) -> Wish:
    """`net_wh`: load less sun of the interval, as forecast. No orders without prices to trade between."""
    if tariff.bounds is None:
        return Wish((), (), net_wh)
    least, most = tariff.bounds
    parts = segments(store) if store else []
    lowest = net_wh - (_discharged(store) if store else 0.0)
    bids: list[tuple[float, int]] = []
    offers: list[tuple[float, int]] = []
    at = lowest
    for energy, price in parts:  # from the highest price down
        limit = round(min(max(price, least), most))
        below, above = min(max(-at, 0.0), energy), min(max(at + energy, 0.0), energy)
        if below > 0:
            offers.append((below, limit))
        if above > 0:
            bids.append((above, limit))
        at += energy
    if bids and offers and bids[0][1] >= offers[-1][1]:  # it bids below the price that it offers at, never the same
        bids = [(energy, min(limit, offers[-1][1] - 1)) for energy, limit in bids]
    firm_bid, firm_offer = max(lowest, 0.0), max(-at, 0.0)
    return _made(home, bids, offers, firm_bid, firm_offer, least, most)


def segments(store: Store) -> list[Segment]:
    """By falling price: what discharging is given up for, then what charging is done for."""
    found: list[Segment] = []
    for low, high, worth in _bands(store):
        held = min(max(min(high, store.content_wh) - max(low, store.least_wh), 0.0), high - low)
        if held > 0:
            found.append(Segment(held * store.efficiency, worth / store.efficiency))
    out = _first(reversed(found), _discharged(store))  # the highest parts go first: they are worth least
    into: list[Segment] = []
    for low, high, worth in _bands(store):
        room = high - max(low, store.content_wh)
        if room > 0:
            into.append(Segment(room / store.efficiency, worth * store.efficiency))
    return sorted([*out, *_first(into, store.charge_wh)], key=lambda segment: -segment.price_mct)


def _bands(store: Store) -> list[tuple[float, float, float]]:
    wide = store.capacity_wh / max(1, len(store.worth_mct))
    return [(k * wide, (k + 1) * wide, float(worth)) for k, worth in enumerate(store.worth_mct)]


def _discharged(store: Store) -> float:
    return min(store.discharge_wh, max(0.0, store.content_wh - store.least_wh) * store.efficiency)


def _first(parts: Iterable[Segment], energy_wh: float) -> list[Segment]:
    """The first of `parts`, as far as `energy_wh` goes."""
    taken: list[Segment] = []
    for part in parts:
        energy = min(part.energy_wh, energy_wh)
        if energy > 0:
            taken.append(Segment(energy, part.price_mct))
            energy_wh -= energy
    return taken


def _made(
    home: str, bids: list[tuple[float, int]], offers: list[tuple[float, int]], firm_bid: float, firm_offer: float,
    least: int, most: int,
) -> Wish:  # fmt: skip
    """Numbers 0 and 1 are the firm ones."""
    best = max((limit for _, limit in bids), default=-MOST_MCT)
    rows = [("bid", energy, limit, 2 + k) for k, (energy, limit) in enumerate(_merged(bids, round_up=False))]
    rows += [("offer", energy, limit, 9 + k) for k, (energy, limit) in enumerate(_merged(offers, round_up=True))]
    if firm_bid:
        rows.append(("bid", firm_bid, most, 0))
    if firm_offer:
        rows.append(("offer", firm_offer, max(least, best + 1) if bids else least, 1))
    orders = tuple(
        Order(home, "bid" if side == "bid" else "offer", limit, round(energy * 1000), number)
        for side, energy, limit, number in rows
        if round(energy * 1000) >= LEAST_MWH
    )
    return Wish(orders, tuple(order.number for order in orders if order.number < 2), firm_bid - firm_offer)


def _merged(parts: list[tuple[float, int]], round_up: bool) -> list[tuple[float, int]]:
    """At most MOST_SIDE; those merged take the limit that none of them would not have agreed to."""
    while len(parts) > MOST_SIDE:
        (first, a), (second, b) = parts[-2], parts[-1]
        parts = [*parts[:-2], (first + second, max(a, b) if round_up else min(a, b))]
    return parts
