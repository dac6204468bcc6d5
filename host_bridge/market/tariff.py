"""What the grid takes and pays for energy in one interval, and amounts of money as whole micro-units.

Prices are whole mct/kWh (a thousandth of a cent), energy whole mWh: their product is a PART of a micro-unit, of which
there are 100,000 in one. Prices may be below 0, and may not be known yet.
"""

from dataclasses import dataclass

PARTS = 100_000  # mWh times mct/kWh, in a micro-unit
MOST_MCT = 1_000_000  # 10 units of account for a kWh, either way


class TariffError(ValueError):
    """No price: the text says what to give."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """`buy_mct`: what the grid takes for a kWh that a home imports; `sell_mct`: what it pays for one exported. None:
    not known yet. Raises TariffError.
    """

    buy_mct: int | None
    sell_mct: int | None = 0

    def __post_init__(self) -> None:
        for name, price in (("buy_mct", self.buy_mct), ("sell_mct", self.sell_mct)):
            if price is not None and (type(price) is not int or not -MOST_MCT <= price <= MOST_MCT):
                raise TariffError(f"{name} is {price!r}: give a whole number of mct/kWh within ±{MOST_MCT}, or None")

    @property
    def bounds(self) -> tuple[int, int] | None:
        """(least, most) mct/kWh between which neighbours can trade without loss to either; None where there is nothing
        between: a price is not known, or the grid pays more for energy than it takes, so that all is best left to it.
        """
        if self.buy_mct is None or self.sell_mct is None or self.sell_mct > self.buy_mct:
            return None
        return self.sell_mct, self.buy_mct

    @property
    def why_not(self) -> str:
        """Why there are no `bounds`; empty where there are."""
        if self.buy_mct is None or self.sell_mct is None:
            return "the grid's price is not known"
        return "the grid pays more for energy than it takes" if self.sell_mct > self.buy_mct else ""


def floor_micro(parts: int) -> int:
    """Whole micro-units in `parts`, rounded down."""
    return parts // PARTS


def ceil_micro(parts: int) -> int:
    """The same rounded up: how the grid's bills are rounded."""
    return -(-parts // PARTS)
