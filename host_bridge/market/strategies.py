"""What a strategy means in the market: how much a home buys or sells at which limit, and what it then owes its battery.

An intent has what the home needs at any price up to the grid's (need), what it has to sell at any price down to the
grid's (sun), and steps of what its battery would store or give at a price of its own. A home serves itself first: one
that needs does not sell, one that sells sun does not buy. (Plans of the live agent, which know what stored energy is
worth, become orders in agent/energy/orders.py.)
"""

from dataclasses import dataclass
from typing import NamedTuple

from host_bridge.market.book import MOST_EACH, MOST_MWH, Order, Side
from host_bridge.market.clearing import Award
from host_bridge.market.tariff import MOST_MCT, Tariff


class Step(NamedTuple):
    """Energy at a limit: bought at it or less, or sold at it or more."""

    limit_mct: int
    energy_mwh: int


@dataclass(frozen=True, slots=True)
class Intent:
    """Of one home in one interval."""

    home: str
    need_mwh: int = 0
    sun_mwh: int = 0
    store: tuple[Step, ...] = ()
    stock: tuple[Step, ...] = ()

    def battery_mwh(self, award: Award | None) -> int:
        """What the battery takes in (+) or gives (-), beside what the intent reckons with, so that the word is kept."""
        if award is None:
            return 0
        return max(0, award.bought_mwh - self.need_mwh) - max(0, award.sold_mwh - self.sun_mwh)


def orders(intent: Intent, tariff: Tariff) -> tuple[Order, ...]:
    """Bids of need at the grid's price and of storing at its steps; offers of sun and of stock likewise.

    None without the grid's prices. Where a home both needs and sells, its own energy serves it first; steps of the
    battery that would trade with the home's own are left out. What is beyond an order's bounds is cut to them.
    """
    if tariff.bounds is None:
        return ()
    least, most = tariff.bounds
    own = min(intent.need_mwh, intent.sun_mwh)
    need, sun = intent.need_mwh - own, intent.sun_mwh - own
    bids = [Step(most, need), *(() if sun else intent.store)]
    offers = [Step(least, sun), *(() if need else intent.stock)]
    bids = [step for step in bids if step.energy_mwh > 0]
    highest = max((_limit(step) for step in bids), default=-MOST_MCT - 1)
    offers = [step for step in offers if step.energy_mwh > 0 and _limit(step) > highest]
    made: list[tuple[Side, Step]] = [*(("bid", step) for step in bids), *(("offer", step) for step in offers)]
    return tuple(
        Order(intent.home, side, _limit(step), min(step.energy_mwh, MOST_MWH), number)
        for number, (side, step) in enumerate(made[:MOST_EACH])
    )


def _limit(step: Step) -> int:
    return max(-MOST_MCT, min(step.limit_mct, MOST_MCT))
