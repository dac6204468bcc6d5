"""A street as a feeder: a chain of homes behind a transformer, linear; and what must hold of any clearing on it."""

from random import Random

import numpy as np

from host_bridge.market.constrained import WORSE_PPM, Constrained, clear_constrained
from host_bridge.market.network import Sensitivities
from host_bridge.market.programme import BEYOND_PPM
from host_bridge.market.tariff import Tariff
from tests.host.market.books_kit import random_book

STEP_S = 900
DROP = 2.0  # ppm of voltage for a W through one piece of the street
LINE, TRANSFORMER = 20.0, 12.0  # ppm of the rating for a W
GRID = Tariff(30_000, 8_000)


def street(homes, voltage=(900_000, 1_100_000), full=1_000_000) -> Sensitivities:
    """With nobody drawing anything; the first home is the nearest."""
    count = len(homes)
    place = np.arange(count)
    shared = np.minimum.outer(place, place) + 1.0  # pieces of street that two homes have in common
    behind = (place[None, :] >= place[:, None]).astype(float)
    rows = [f"voltage at {home}" for home in homes] + [f"line {home}" for home in homes] + ["transformer"]
    per_w = np.vstack([-DROP * shared, LINE * behind, np.full((1, count), TRANSFORMER)])
    value = np.concatenate([np.full(count, 1_000_000.0), np.zeros(count + 1)])
    least = np.concatenate([np.full(count, float(voltage[0])), np.full(count + 1, -float(full))])
    most = np.concatenate([np.full(count, float(voltage[1])), np.full(count + 1, float(full))])
    return Sensitivities(tuple(homes), tuple(rows), count, np.zeros(count), value, per_w, least, most)


def after(network: Sensitivities, baseline_w, cleared: Constrained):
    """[rows] with what was awarded."""
    moved = np.array([cleared.moved_mwh.get(home, 0) * 3.6 / STEP_S for home in network.homes])
    return network.values(baseline_w + moved)


def faults(orders, tariff, network, baseline_w, firm, cleared) -> list[str]:
    """What is wrong with a clearing: energy lost or made, beyond a limit of an order or the feeder, a rent below 0."""
    clearing = cleared.clearing
    bought, sold = sum(a.bought_mwh for a in clearing.awards), sum(a.sold_mwh for a in clearing.awards)
    wrong = []
    if not bought == sold == clearing.traded_mwh:
        wrong.append(f"{bought} bought, {sold} sold, {clearing.traded_mwh} traded")
    if cleared.rent_parts < 0:
        wrong.append(f"rent {cleared.rent_parts}")
    names = [award.home for award in clearing.awards]
    if names != sorted(set(names)):
        wrong.append("awards are not one a home, by name")
    for award in clearing.awards:
        wrong += _beyond_orders(orders, tariff, award, cleared.moved_mwh.get(award.home, 0))
    value, base = after(network, baseline_w, cleared), network.values(baseline_w)
    most, least = np.maximum(network.most, base + WORSE_PPM), np.minimum(network.least, base - WORSE_PPM)
    over = np.maximum(value - most, least - value)
    if over.max() > BEYOND_PPM + np.abs(network.per_w).max() * 3.6 / STEP_S * (len(cleared.full) + 3):
        wrong.append(f"{network.rows[int(over.argmax())]} is {over.max()} ppm beyond its limit")
    if set(cleared.moved_mwh) - {order.home for order in orders if (order.home, order.number) not in firm}:
        wrong.append("what is firm moves")
    return wrong


def _beyond_orders(orders, tariff, award, moved) -> list[str]:
    """Buyers are held to what their best bids would pay for the energy, sellers to what their best offers ask."""
    least, most = tariff.bounds
    side = "bid" if award.bought_mwh else "offer"
    mwh = award.bought_mwh or award.sold_mwh
    best = sorted(
        ((max(least, min(o.limit_mct, most)), o.energy_mwh) for o in orders if (o.home, o.side) == (award.home, side)),
        reverse=side == "bid",
    )
    worth, left = 0, mwh
    for limit, energy in best:
        worth, left = worth + limit * min(energy, left), left - min(energy, left)
    mean = mwh if 0 < abs(moved) < mwh else 0  # of two prices: rounded against the home, by less than a mct/kWh
    beyond = award.price_mct * mwh - worth if side == "bid" else worth - award.price_mct * mwh
    if left or beyond > mean or not least <= award.price_mct <= most:
        return [f"{award} is beyond its orders"]
    return []


def random_case(seed: int):
    """Orders, tariff, street, baseline and what is firm; most often with limits that some of it would break."""
    chance = Random(seed)
    orders, tariff = random_book(chance)
    homes = sorted({order.home for order in orders} | {"home-000", "home-999"})
    network = street(homes, full=chance.choice((1_000_000, 100_000, 3_000)))
    base = np.array([chance.uniform(-1, 1) * chance.choice((0, 1_000, 8_000)) for _ in homes])
    part = chance.choice((0.0, 0.0, 0.4, 1.0))
    firm = {(order.home, order.number) for order in orders if chance.random() < part}
    return orders, tariff, network, base, firm


def fuzzed(seed: int) -> tuple[list[str], bool]:
    """What is wrong with the case of `seed`, and whether a limit bound in it."""
    orders, tariff, network, base, firm = random_case(seed)
    cleared = clear_constrained(orders, tariff, network, base, STEP_S, firm)
    wrong = faults(orders, tariff, network, base, firm, cleared) if tariff.bounds else []
    Random(seed).shuffle(orders)
    if clear_constrained(orders, tariff, network, base, STEP_S, firm) != cleared:
        wrong.append("another order of arrival, another clearing")
    return wrong, bool(cleared.full)
