"""A world tried on recorded homes: what its batteries did, what was paid."""

from collections.abc import Iterator, Mapping

import numpy as np

from host_bridge.microworld import wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Shape
from host_bridge.microworld.study.feeds import FeedError, Lanes
from host_bridge.microworld.study.homes import Homes, Whole
from host_bridge.microworld.study.settle import Settled, alone_micro, settle

HOUR_S = 3600
DAY_HOURS = 24


def is_shared(program: Program) -> bool:
    """Whether the batteries of a coalition run by it: it has the input `share`."""
    return any(quantity.name == "share" for quantity in program.inputs)


def charge_place(program: Program) -> int:
    """Where among the outputs `charge` is. Raises FeedError: there is none."""
    names = [quantity.name for quantity in program.outputs]
    if "charge" not in names:
        raise FeedError(f"{program.name} has no output `charge` (Wh into the battery), so no bill can be made of it")
    return names.index("charge")


def outputs(program: Program, lanes: Lanes) -> Whole:
    """[lanes, hours, outputs] of a run over all hours. Raises FeedError, runtime.WorldFault."""
    batch = Batch(len(lanes.groups), lanes.homes.hours, Shape.of(program))
    batch.inputs[:] = lanes.inputs(program)
    batch.state[:] = [quantity.start for quantity in program.state]
    return batch.run(batch.load(wasm.compile(program))).copy()


def bills(program: Program, homes: Homes) -> Settled:
    """What `homes` pay when their batteries run by `program`. A coalition's members have one meter: alone is pooled.

    Raises FeedError, runtime.WorldFault.
    """
    lanes = Lanes(homes, [range(len(homes.names))]) if is_shared(program) else Lanes.alone(homes)
    grid = lanes.grid_wh(outputs(program, lanes)[:, :, charge_place(program)])
    if is_shared(program):
        paid = alone_micro(grid, homes.price)
        return Settled(paid, paid, alone_micro(homes.net_wh, homes.price))
    return settle(grid, homes.net_wh, homes.price)


def by_day(program: Program, held: Mapping[str, Whole]) -> Iterator[Whole]:
    """[ticks of an hour, hours of the day, outputs] for each whole day, the inputs `held` [hours] for an hour each.

    `program` ticks more often than once an hour. Raises FeedError: an input is not in `held`; runtime.WorldFault.
    """
    missing = [quantity.name for quantity in program.inputs if quantity.name not in held]
    if missing or HOUR_S % program.tick_s:
        raise FeedError(f"{program.name} needs {', '.join(missing) or 'ticks that make an hour'}")
    ticks = HOUR_S // program.tick_s
    batch = Batch(1, DAY_HOURS * ticks, Shape.of(program))
    module = batch.load(wasm.compile(program))
    batch.state[:] = [quantity.start for quantity in program.state]
    fed = np.stack([held[quantity.name] for quantity in program.inputs], axis=1)
    for hour in range(0, len(fed) - DAY_HOURS + 1, DAY_HOURS):
        batch.inputs[0] = np.repeat(fed[hour : hour + DAY_HOURS], ticks, axis=0)
        yield batch.run(module).reshape(DAY_HOURS, ticks, len(program.outputs)).swapaxes(0, 1)
