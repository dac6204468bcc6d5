"""The student at work: its wasm in closed loop with a simulated battery and meter, tick by tick as on a node.

At each tick it is told what the meters showed under what it last decided; the load of a recorded hour is taken as even.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.microworld import wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Shape
from host_bridge.microworld.study.homes import Homes

HOUR_S, DAY_MIN = 3600, 1440
MOST_W = 30_000  # of the policy's inputs
Floats = NDArray[np.float64]


@dataclass
class Inverters:
    """Batteries [homes] behind inverters with the contacts `charge` and `hold`. content_wh is theirs, not estimated."""

    content_wh: Floats
    capacity_wh: float = 6400.0
    power_w: float = 5000.0
    efficiency: float = 0.949  # of one way

    def run(self, net_w: Floats, charge: NDArray[np.bool_], hold: NDArray[np.bool_], hours: float) -> Floats:
        """W into the batteries over the next `hours`; their contents go with it."""
        room = (self.capacity_wh - self.content_wh) / self.efficiency / hours
        wanted = np.where(charge, self.power_w, np.maximum(-net_w, 0))
        into = np.minimum(np.minimum(wanted, self.power_w), room)
        can = np.minimum(self.content_wh * self.efficiency / hours, self.power_w)
        out = np.where(charge | hold, 0, np.minimum(np.maximum(net_w, 0), can))
        self.content_wh = self.content_wh + (into * self.efficiency - out / self.efficiency) * hours
        self.content_wh = np.clip(self.content_wh, 0, self.capacity_wh)
        return into - out


Tell = Callable[[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]], None]


def charges(program: Program, homes: Homes, tell: Tell | None = None) -> Iterator[Floats]:
    """For each hour of `homes`: [homes, ticks] W into the batteries. `tell`: called with the states [homes, S] before
    each tick, its inputs [homes, I] and its outputs [homes, O]. Raises runtime.WorldFault.
    """
    count, ticks = len(homes.names), HOUR_S // program.tick_s
    batch = Batch(count, 1, Shape.of(program))
    module = batch.load(wasm.compile(program))
    batch.state[:] = [quantity.start for quantity in program.state]
    names = [quantity.name for quantity in program.outputs]
    inverters, power = Inverters(np.zeros(count)), np.zeros(count)
    places = [[quantity.name for quantity in program.inputs].index(name) for name in ("grid", "battery", "minute")]
    for hour in range(homes.hours):
        net, clock = homes.net_wh[:, hour].astype(float), int(homes.hour_of_day[hour])
        found = np.empty((count, ticks))
        for tick in range(ticks):
            told = batch.inputs[:, 0]
            for place, values in zip(places, (net + power, power), strict=False):
                told[:, place] = np.clip(np.rint(values), -MOST_W, MOST_W)
            told[:, places[2]] = 60 * clock + tick * program.tick_s // 60
            before = batch.state.copy() if tell else batch.state
            made = batch.run(module)[:, 0].astype(bool)
            if tell:
                tell(before, told.copy(), batch.outputs[:, 0].copy())
            charge, hold = (made[:, names.index(name)] for name in ("charge", "hold"))
            power = inverters.run(net, charge, hold, program.tick_s / HOUR_S)
            found[:, tick] = power
        yield found


def bill_mct(program: Program, homes: Homes) -> float:
    """Wh * mct/kWh that the homes pay, each metered alone, tick by tick."""
    paid = 0.0
    for hour, power in enumerate(charges(program, homes)):
        grid = np.maximum(homes.net_wh[:, hour, None] + power, 0)
        paid += float(grid.mean(axis=1).sum()) * float(homes.price[hour])
    return paid
