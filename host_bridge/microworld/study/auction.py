"""The double auction of catalogue/double_auction, hour by hour: homes bid, a price is found, trades are shared out.

Three modules take turns: `bidder` for each home, `clearing` once, `award` once for bids and once for offers, a tick of
it being a home. What a home was awarded is among its inputs of the next hour.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.microworld import wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Module, Shape
from host_bridge.microworld.study.feeds import DEAR_MCT
from host_bridge.microworld.study.forecast import hours_until
from host_bridge.microworld.study.homes import Homes, Whole
from host_bridge.microworld.study.settle import WH_MCT, Grid, cost_micro

EIGHTHS_TO_STORE = 2  # up to this price bids to store are good
EIGHTHS_OF_STOCK = 6  # from this price on offers from stock are good


@dataclass(frozen=True)
class Cars:
    """A car in each `every`th home comes home at `hour` each day and needs `daily_wh`: assumed, not recorded."""

    every: int = 3
    hour: int = 18
    daily_wh: int = 6000

    def needs(self, homes: Homes) -> Whole:
        """[homes, hours] Wh that a car which comes home in this hour needs."""
        comes = np.where(homes.hour_of_day == self.hour, self.daily_wh, 0)
        has = np.arange(len(homes.names)) % self.every == 0
        needs: Whole = np.outer(has, comes).astype(np.int32)
        return needs


@dataclass(frozen=True)
class Year:
    """What came of it; all [homes, hours] but `pays` [hours]. What is bought is needed first, the rest is stored."""

    need: Whole
    sun: Whole
    bought: Whole
    sold: Whole
    pays: Whole
    owed: Whole  # what the car still needs at the end of the hour

    def bills_micro(self, price: Whole) -> NDArray[np.int64]:
        """[homes] micro-units: what is needed and not bought comes from the grid; trades at their hour's price."""
        trades = np.einsum("nh,h->n", self.bought - self.sold, self.pays.astype(np.int64)) // WH_MCT
        bills: NDArray[np.int64] = cost_micro(self.need - self.bought, price) + trades
        return bills

    @property
    def grid_wh(self) -> Grid:
        """[homes, hours] Wh that come from the grid."""
        imported: Grid = np.maximum(self.need - self.bought, 0)
        return imported


class _World:
    """One module over `lanes` lanes and `ticks` ticks at a time."""

    def __init__(self, program: Program, lanes: int, ticks: int) -> None:
        self.batch = Batch(lanes, ticks, Shape.of(program))
        self.batch.state[:] = [quantity.start for quantity in program.state]
        self._module: Module = self.batch.load(wasm.compile(program))

    def run(self) -> Whole:
        """The outputs [lanes, ticks, O]; they are written over by the next run."""
        return self.batch.run(self._module)


def run(bidder: Program, clearing: Program, award: Program, homes: Homes, cars: Cars, *, trade: bool = True) -> Year:
    """The year of `homes`; without `trade` nobody is awarded anything. Raises runtime.WorldFault."""
    count, hours = homes.load_wh.shape
    bidders, cleared, shared = _World(bidder, count, 1), _World(clearing, 1, 1), _World(award, 1, count)
    owed = next(place for place, quantity in enumerate(bidder.state) if quantity.name == "owed")
    everywhere = [np.broadcast_to(each, (count, hours)) for each in (homes.price, hours_until(homes.price >= DEAR_MCT))]
    fixed = np.stack([homes.load_wh, homes.solar_wh, *everywhere, cars.needs(homes)], axis=-1)
    need, sun, bought, sold, left = np.zeros((5, count, hours), np.int32)
    year = Year(need, sun, bought, sold, np.zeros(hours, np.int32), left)
    given = bidders.batch.inputs
    for hour in range(hours):
        given[:, 0, :5] = fixed[:, hour]
        bids = bidders.run()[:, 0]
        year.need[:, hour], year.sun[:, hour] = bids[:, 0], bids[:, 2]
        year.owed[:, hour] = bidders.batch.state[:, owed]
        if trade:
            year.pays[hour] = _trade(cleared, shared, bids, int(homes.price[hour]), given[:, 0, 5:])
            year.bought[:, hour], year.sold[:, hour] = given[:, 0, 5], given[:, 0, 6]
    return year


def _trade(cleared: _World, shared: _World, bids: Whole, price: int, awards: Whole) -> int:
    """Clears the bids [homes, 4]; puts what each bought and sold into `awards` [homes, 2]; the price."""
    awards[:] = 0
    totals = bids.sum(axis=0)
    if not (totals[0] + totals[1] and totals[2] + totals[3]):
        return 0
    cleared.batch.inputs[0, 0] = [*totals, price]
    eighths, traded, demand, supply, pays = cleared.run()[0, 0].tolist()
    wanted = bids[:, 0] + (bids[:, 1] if eighths <= EIGHTHS_TO_STORE else 0)
    offered = bids[:, 2] + (bids[:, 3] if eighths >= EIGHTHS_OF_STOCK else 0)
    for side, (asked, total) in enumerate(((wanted, demand), (offered, supply))):
        shared.batch.inputs[0, :, 0] = asked
        shared.batch.state[0] = total, traded
        awards[:, side] = shared.run()[0, :, 0]
    return int(pays)
