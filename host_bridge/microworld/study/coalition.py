"""What coalitions of recorded homes save by running their batteries together: the game that shapley.py shares."""

from collections.abc import Iterable

import numpy as np

from host_bridge.microworld import wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Shape
from host_bridge.microworld.study.feeds import Lanes
from host_bridge.microworld.study.homes import Homes
from host_bridge.microworld.study.settle import WH_MCT, cost_micro

TOGETHER = 64  # coalitions in one batch


def costs_micro(program: Program, homes: Homes, masks: Iterable[int]) -> dict[int, int]:
    """What each coalition (a mask of homes, not 0) pays behind one meter when its batteries run by `program`.

    `program` has the output `charge` alone. Raises feeds.FeedError, runtime.WorldFault.
    """
    wanted = sorted(set(masks))
    lanes = min(TOGETHER, len(wanted))
    batch = Batch(lanes, homes.hours, Shape.of(program))
    module = batch.load(wasm.compile(program))
    found: dict[int, int] = {}
    for at in range(0, len(wanted), lanes):
        part = wanted[at : at + lanes]
        groups = [members(mask) for mask in part + part[:1] * (lanes - len(part))]
        course = Lanes(homes, groups)
        batch.inputs[:] = course.inputs(program)
        batch.state[:] = [quantity.start for quantity in program.state]
        charge = batch.run(module)[:, :, 0]
        found |= zip(part, cost_micro(course.grid_wh(charge), homes.price).tolist(), strict=False)
    return found


def members(mask: int) -> tuple[int, ...]:
    """The numbers of the homes in `mask`."""
    return tuple(number for number in range(mask.bit_length()) if mask >> number & 1)


def savings_micro(costs: dict[int, int]) -> dict[int, int]:
    """What each coalition of `costs` saves beside its members each running its own battery; nobody saves nothing."""
    saved = {mask: sum(costs[1 << member] for member in members(mask)) - cost for mask, cost in costs.items()}
    return {0: 0, **saved}


def singles(homes: Homes) -> list[int]:
    """The masks of the homes one by one."""
    return [1 << number for number in np.arange(len(homes.names)).tolist()]


def ranges_micro(homes: Homes) -> list[tuple[int, int]]:
    """What each member can add to a coalition: from nothing to what all energy that passes its meter would cost at
    the highest price. An assumption, as batteries run by rules may do as they like with a member's energy;
    shapley.sampled checks it at every sample.
    """
    passed = np.abs(homes.net_wh).sum(axis=1, dtype=np.int64)
    return [(0, most) for most in (passed * int(homes.price.max()) // WH_MCT).tolist()]
