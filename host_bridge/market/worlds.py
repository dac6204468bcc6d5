"""Homes' bids by a microworld: catalogue/double_auction's bidder, or any other with its outputs.

A strategy world puts out need, store, sun and stock in Wh: energy it would buy at any price, buy at a quarter of the
grid's price or less, sell at any price, sell at three quarters or more. All homes run side by side in one Batch; what
they were awarded is told to them in the next interval, as inputs `bought` and `sold` where the world has these.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from host_bridge.market.clearing import Clearing
from host_bridge.market.strategies import Intent, Step
from host_bridge.microworld import wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Shape

MWH = 1000  # in a Wh
OUTPUTS = ("need", "store", "sun", "stock")
AWARDED = ("bought", "sold")


class WorldBidders:
    """The homes' worlds, all of `program`. Raises ValueError: it has not the four outputs."""

    def __init__(self, program: Program, homes: Sequence[str]) -> None:
        outputs = [quantity.name for quantity in program.outputs]
        missing = [name for name in OUTPUTS if name not in outputs]
        if missing:
            raise ValueError(f"{program.name} has no output {missing[0]}: a strategy puts out {', '.join(OUTPUTS)}")
        self.homes, self._program = tuple(homes), program
        self._places = [outputs.index(name) for name in OUTPUTS]
        self._batch = Batch(len(self.homes), 1, Shape.of(program))
        self._batch.state[:] = [quantity.start for quantity in program.state]
        self._module = self._batch.load(wasm.compile(program))
        self._awarded = dict.fromkeys(AWARDED, [0] * len(self.homes))

    def intents(self, inputs: Mapping[str, Sequence[int]], buy_mct: int) -> list[Intent]:
        """One interval: `inputs` by name, a value for each home. Raises runtime.WorldFault; ValueError: one is missing,
        or out of its range.
        """
        for place, quantity in enumerate(self._program.inputs):
            values = np.asarray({**self._awarded, **inputs}.get(quantity.name, ()), np.int64)
            if values.shape != (len(self.homes),):
                raise ValueError(f"{quantity.name}: {values.size} values for {len(self.homes)} homes")
            if values.min() < quantity.least or values.max() > quantity.greatest:
                raise ValueError(f"{quantity.name} leaves {quantity.least} to {quantity.greatest}: {values.tolist()}")
            self._batch.inputs[:, 0, place] = values
        rows = self._batch.run(self._module)[:, 0, self._places].tolist()
        return [intent(home, row, buy_mct) for home, row in zip(self.homes, rows, strict=True)]

    def awarded(self, clearing: Clearing) -> None:
        """What came of the intents. A Wh that was not bought in full does not count, one sold in part does."""
        awards = {award.home: award for award in clearing.awards}
        found = [awards.get(home) for home in self.homes]
        self._awarded = {
            "bought": [award.bought_mwh // MWH if award else 0 for award in found],
            "sold": [-(-award.sold_mwh // MWH) if award else 0 for award in found],
        }


def intent(home: str, row: Sequence[int], buy_mct: int) -> Intent:
    """Of need, store, sun and stock in Wh."""
    need, store, sun, stock = (energy * MWH for energy in row)
    quarter, three = buy_mct // 4, -(-buy_mct * 3 // 4)
    return Intent(home, need, sun, (Step(quarter, store),), (Step(three, stock),))
