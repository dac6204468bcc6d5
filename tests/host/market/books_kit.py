"""Books of every kind from a seed, what must hold of their clearing, and the rules once more in the plainest Python."""

from random import Random

from host_bridge.market.book import MOST_MWH, Order
from host_bridge.market.clearing import Clearing, clear
from host_bridge.market.tariff import MOST_MCT, Tariff

ENERGIES = (1, 2, 3, 999, MOST_MWH - 1, MOST_MWH)


def random_book(chance: Random) -> tuple[list[Order], Tariff]:
    """Orders of a few homes, or of none, or of hundreds; often alike, tiny, huge, or at limits far off."""
    tariff = random_tariff(chance)
    homes = chance.choices((0, 1, 2, 3, 5, 8, 17, 300), (1, 1, 6, 6, 6, 4, 2, 0.05))[0]
    limits = random_limits(chance, tariff)
    energies = chance.choice((ENERGIES, (1,), (MOST_MWH,), (7, 7, 7, 5), range(1, 5_000_000), range(1, 12)))
    orders = [order for home in range(homes) for order in _orders(chance, f"home-{home:03}", limits, energies)]
    chance.shuffle(orders)
    return orders, tariff


def random_limits(chance: Random, tariff: Tariff) -> list[int]:
    """The few prices that all limits of a book are of, or many; most between the grid's."""
    low, high = tariff.bounds or (-10, 40)
    if chance.random() < 0.5:
        return [chance.randint(low, high) for _ in range(chance.randint(1, 5))]
    between = [low + (high - low) * part // 7 for part in range(8)]
    return [*between, max(low - 1, -MOST_MCT), min(high + 1, MOST_MCT), -MOST_MCT, MOST_MCT]


def random_tariff(chance: Random) -> Tariff:
    """Often plain; also below 0, without room between the prices, upside down, or not known."""
    plain = (30_000, 8_000), (54_000, 0), (40, 3), (-2_000, -5_000), (MOST_MCT, -MOST_MCT)
    odd = (20, 20), (1, 0), (-1, 5), (None, 0), (20, None)
    return Tariff(*chance.choice(plain if chance.random() < 0.9 else odd))


def _orders(chance: Random, home: str, limits: list[int], energies) -> list[Order]:
    """On one side at any limit; of every fourth home on both, so that it does not trade with itself."""
    count = chance.choices((0, 1, 2, 4), (1, 6, 3, 1))[0]
    both, pivot, side = chance.random() < 0.25, chance.choice(limits), chance.choice(("bid", "offer"))
    made = []
    for number in range(count):
        limit = chance.choice(limits)
        here = ("bid" if limit < pivot else "offer") if both else side
        made.append(Order(home, here, limit, chance.choice(energies), number))
    return made


def faults(orders: list[Order], tariff: Tariff, clearing: Clearing) -> list[str]:
    """What is wrong with a clearing; nothing where it never crosses, loses or makes energy, or trades too little."""
    bought = sum(award.bought_mwh for award in clearing.awards)
    sold = sum(award.sold_mwh for award in clearing.awards)
    wrong = []
    if not bought == sold == clearing.traded_mwh:
        wrong.append(f"{bought} bought, {sold} sold, {clearing.traded_mwh} traded")
    if clearing.traded_mwh != most_traded(orders, tariff):
        wrong.append(f"{clearing.traded_mwh} traded, {most_traded(orders, tariff)} could be")
    if clearing.price_mct is None:
        return wrong + (["awards without a price"] if clearing.awards or not clearing.why else [])
    if tariff.bounds is None or not tariff.bounds[0] <= clearing.price_mct <= tariff.bounds[1]:
        wrong.append(f"price {clearing.price_mct} is not within {tariff.bounds}")
    for award in clearing.awards:
        if award.price_mct != clearing.price_mct or min(award.bought_mwh, award.sold_mwh) != 0:
            wrong.append(f"{award}")
        if award.bought_mwh > good(orders, "bid", clearing.price_mct, tariff, award.home):
            wrong.append(f"{award.home} buys beyond its bids")
        if award.sold_mwh > good(orders, "offer", clearing.price_mct, tariff, award.home):
            wrong.append(f"{award.home} sells beyond its offers")
    return wrong


def most_traded(orders: list[Order], tariff: Tariff) -> int:
    """At any one price, tried one by one."""
    if tariff.bounds is None:
        return 0
    prices = {min(max(order.limit_mct, tariff.bounds[0]), tariff.bounds[1]) for order in orders}
    return max((min(good(orders, side, price, tariff) for side in ("bid", "offer")) for price in prices), default=0)


def good(orders: list[Order], side: str, price: int, tariff: Tariff, home: str = "") -> int:
    """mWh of orders that are good for a price within the grid's, of one home or all."""
    least, most = tariff.bounds
    return sum(
        order.energy_mwh
        for order in orders
        if order.side == side
        and home in ("", order.home)
        and (min(order.limit_mct, most) >= price if side == "bid" else max(order.limit_mct, least) <= price)
    )


def plainly(orders: list[Order], tariff: Tariff) -> dict[str, tuple[int, int, int]]:
    """{home: (bought, sold, price)} by the rules of clearing.py, one order after the other."""
    traded = most_traded(orders, tariff)
    if not traded:
        return {}
    least, most = tariff.bounds
    prices = {min(max(order.limit_mct, least), most) for order in orders}
    last_bid = max(price for price in prices if good(orders, "bid", price, tariff) >= traded)
    last_offer = min(price for price in prices if good(orders, "offer", price, tariff) >= traded)
    found: dict[str, tuple[int, int, int]] = {}
    for side, at in (("bid", 0), ("offer", 1)):
        ours = [order for order in orders if order.side == side]
        key = {o: -min(o.limit_mct, most) if side == "bid" else max(o.limit_mct, least) for o in ours}
        last = -last_bid if side == "bid" else last_offer
        for order, got in _served(ours, key, last, traded).items():
            was = found.get(order.home, (0, 0, 0))
            found[order.home] = tuple(was[place] + (got if place == at else 0) for place in (0, 1)) + (0,)
    price = (last_offer + last_bid) // 2
    return {home: (each[0], each[1], price) for home, each in sorted(found.items()) if each[0] or each[1]}


def _served(orders: list[Order], key: dict[Order, int], last: int, traded: int) -> dict[Order, int]:
    got = {order: order.energy_mwh for order in orders if key[order] < last}
    rest = traded - sum(got.values())
    margin = sorted((order for order in orders if key[order] == last), key=lambda order: (order.home, order.number))
    whole = sum(order.energy_mwh for order in margin)
    got |= {order: order.energy_mwh * rest // whole for order in margin}
    margin.sort(key=lambda order: -(order.energy_mwh * rest % whole))
    for order in margin[: traded - sum(got.values())]:
        got[order] += 1
    return got


def fuzzed(seed: int) -> list[str]:
    """What is wrong with the book of `seed`: by `faults`, or as it comes otherwise when the orders come otherwise."""
    chance = Random(seed)
    orders, tariff = random_book(chance)
    clearing = clear(orders, tariff)
    wrong = faults(orders, tariff, clearing)
    chance.shuffle(orders)
    if clear(orders, tariff) != clearing:
        wrong.append("another order of arrival, another clearing")
    return wrong
