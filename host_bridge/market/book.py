"""The order book of one interval: what each home would buy or sell, up to which price. Bounded, and checked.

A home places all its orders for the interval at once, and may place others instead until the book is cleared. Nothing
depends on who came first: of two placings of a home the one of the higher revision stays, and of equal ones the
greater, whichever came first. A book is full when each of its homes has MOST_EACH orders, so none crowds out another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from host_bridge.market.tariff import MOST_MCT

Side = Literal["bid", "offer"]

MOST_EACH = 16  # orders of a home
MOST_MWH = 100_000_000  # of an order: 100 kWh
MOST_HOMES = 10_000
_MOST_NAME = 64


class BookError(ValueError):
    """An order or a book is not as it must be; the text says what to give."""


@dataclass(frozen=True, order=True, slots=True)
class Order:
    """To buy (bid) up to `energy_mwh` at `limit_mct` or less, or to sell it (offer) at `limit_mct` or more. `number`
    tells a home's orders apart: 0 to MOST_EACH - 1. Raises BookError.
    """

    home: str
    side: Side
    limit_mct: int
    energy_mwh: int
    number: int = 0

    def __post_init__(self) -> None:
        if type(self.home) is not str or not 1 <= len(self.home) <= _MOST_NAME:
            raise BookError(f"home is {self.home!r}: give a name of 1 to {_MOST_NAME} characters")
        if self.side not in ("bid", "offer"):
            raise BookError(f"{self.home}: side is {self.side!r}: give bid or offer")
        self._demand("limit_mct", self.limit_mct, -MOST_MCT, MOST_MCT)
        self._demand("energy_mwh", self.energy_mwh, 1, MOST_MWH)
        self._demand("number", self.number, 0, MOST_EACH - 1)

    def _demand(self, name: str, value: int, least: int, most: int) -> None:
        if type(value) is not int or not least <= value <= most:
            raise BookError(f"{self.home}: {name} is {value!r}: give a whole number from {least} to {most}")


class Book:
    """The orders of the interval that begins at `start_s`, of the homes it is opened for. Raises BookError."""

    def __init__(self, start_s: int, homes: Iterable[str]) -> None:
        self.start_s = start_s
        self._placed: dict[str, tuple[int, tuple[Order, ...]]] = dict.fromkeys(homes, (-1, ()))
        if len(self._placed) > MOST_HOMES:
            raise BookError(f"{len(self._placed)} homes: a book has {MOST_HOMES} at most")

    def place(self, home: str, orders: Iterable[Order], revision: int = 0) -> None:
        """All orders of `home`, instead of those of lower revisions; none at all takes them back. Raises BookError:
        nothing of them is placed then, and what was placed before stays.
        """
        if home not in self._placed:
            raise BookError(f"{home} does not take part in this interval")
        if type(revision) is not int or revision < 0:
            raise BookError(f"{home}: revision is {revision!r}: give a whole number from 0")
        placed = tuple(sorted(orders))
        if any(order.home != home for order in placed):
            raise BookError(f"{home} places orders of another home: give its own")
        check(placed)
        self._placed[home] = max(self._placed[home], (revision, placed))

    def orders(self) -> tuple[Order, ...]:
        """All of them, by home and number."""
        found = (order for _, orders in self._placed.values() for order in orders)
        return tuple(sorted(found, key=lambda order: (order.home, order.number)))


def check(orders: Iterable[Order]) -> None:
    """Raises BookError where a number of a home occurs twice, or a home would trade with itself."""
    numbers: set[tuple[str, int]] = set()
    best_bid: dict[str, int] = {}
    least_offer: dict[str, int] = {}
    for order in orders:
        if (order.home, order.number) in numbers:
            raise BookError(f"{order.home}: two orders have the number {order.number}: number them 0, 1, ...")
        numbers.add((order.home, order.number))
        if order.side == "bid":
            best_bid[order.home] = max(best_bid.get(order.home, order.limit_mct), order.limit_mct)
        else:
            least_offer[order.home] = min(least_offer.get(order.home, order.limit_mct), order.limit_mct)
    for home, bid in best_bid.items():
        if home in least_offer and bid >= least_offer[home]:
            raise BookError(
                f"{home} bids {bid} mct/kWh and offers at {least_offer[home]}: it would buy from itself; "
                "bid less than you offer for"
            )
    if len({home for home, _ in numbers}) > MOST_HOMES:
        raise BookError(f"more than {MOST_HOMES} homes")
