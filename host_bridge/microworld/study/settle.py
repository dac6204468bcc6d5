"""What energy costs, exactly: integers throughout, in micro-units of account.

A watt-hour at 1 mct/kWh (a thousandth of a cent) is a hundredth of a micro-unit, so costs are summed in those and cut
to micro-units once. What is fed into the grid earns nothing. Metered alone, each home pays for its own imports of
each hour; pooled, all homes are behind one meter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.int32] | NDArray[np.int64]  # Wh of each hour, imports above 0, exports below
Prices = NDArray[np.int32]  # [hours], mct/kWh

WH_MCT = 100  # Wh times mct/kWh, in a micro-unit


def cost_micro(grid_wh: Grid, price: Prices) -> NDArray[np.int64]:
    """[...] micro-units for `grid_wh` [..., hours], each behind a meter of its own. Exact below 9e16 of them."""
    return priced_micro(np.maximum(grid_wh, 0), price)


def priced_micro(imported_wh: Grid, price: Prices) -> NDArray[np.int64]:
    """As `cost_micro`, of what is imported alone: nothing below 0."""
    hundredths: NDArray[np.int64] = np.einsum("...h,h->...", imported_wh, price.astype(np.int64))
    return hundredths // WH_MCT


def alone_micro(grid_wh: Grid, price: Prices) -> int:
    """All homes of [homes, hours], each metered alone."""
    return int(cost_micro(grid_wh, price).sum())


def pooled_micro(grid_wh: Grid, price: Prices) -> int:
    """The homes of [homes, hours] behind one meter."""
    return int(cost_micro(grid_wh.sum(axis=0, dtype=np.int64), price))


def permille(cost: int, base: int) -> int:
    """`cost` in thousandths of `base`, rounded half up. `base` above 0."""
    return (2000 * cost + base) // (2 * base)


def ratio(thousandths: int) -> str:
    """Thousandths as people read them: 720 is 0.720."""
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{abs(thousandths) // 1000}.{abs(thousandths) % 1000:03}"


@dataclass(frozen=True)
class Settled:
    """One run beside the same homes without batteries, metered alone; micro-units."""

    alone: int
    pooled: int
    base: int

    @property
    def alone_permille(self) -> int:
        """What the homes pay, metered alone, in thousandths of `base`."""
        return permille(self.alone, self.base)

    @property
    def pooled_permille(self) -> int:
        """What they pay behind one meter, in thousandths of `base`."""
        return permille(self.pooled, self.base)


def settle(grid_wh: Grid, net_wh: Grid, price: Prices) -> Settled:
    """`grid_wh` is what the meters saw, `net_wh` load less sun: both [homes, hours]."""
    return Settled(alone_micro(grid_wh, price), pooled_micro(grid_wh, price), alone_micro(net_wh, price))
