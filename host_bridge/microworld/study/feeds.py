"""What a world's inputs are fed with when it is tried on recorded homes, by the input's name.

A lane is a battery, of one home or, in worlds that have the input `share`, of each member of a coalition, who all do
the same. The world's output `charge` is what the battery takes in; its meter counts net load + charge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from host_bridge.microworld.program import Program, Quantity
from host_bridge.microworld.study.forecast import Battery, before_dear, expected_wh, hours_until, worths
from host_bridge.microworld.study.homes import Homes, Whole

WEEK = 7
DEAR_MCT = 30_000


class FeedError(ValueError):
    """These homes cannot feed this world; the text says what to do."""


@dataclass
class Lanes:
    """Groups of homes, each of which is a lane: net load is theirs together, `share` one member's part of it.

    Raises FeedError: a group is empty or names a home that is not there.
    """

    homes: Homes
    groups: Sequence[Sequence[int]]
    battery: Battery = field(default_factory=Battery)
    dear_mct: int = DEAR_MCT

    def __post_init__(self) -> None:
        numbers = range(len(self.homes.names))
        if not self.groups or any(not group or not set(group) <= set(numbers) for group in self.groups):
            raise FeedError(f"a lane has one or more of the homes 0 to {numbers[-1]}")
        self.sizes: Whole = np.array([[len(group)] for group in self.groups], np.int32)
        net = self.homes.net_wh
        self.net_wh: Whole = np.stack([net[list(group)].sum(axis=0, dtype=np.int32) for group in self.groups])
        self.share_wh: Whole = self.net_wh // self.sizes
        self._known: dict[str, Whole] = {}

    @staticmethod
    def alone(homes: Homes) -> "Lanes":
        """A lane for each home."""
        return Lanes(homes, [(number,) for number in range(len(homes.names))])

    def grid_wh(self, charge: Whole, into: Whole | None = None) -> Whole:
        """[lanes, hours] Wh that each lane's meter counts, exports below 0, when each battery takes in `charge`.

        `into`: an array to hold it, where there is one. At most 1000 homes of 100 kWh an hour: far within 32 bits.
        """
        grid: Whole = np.multiply(charge, self.sizes, out=into)
        grid += self.net_wh
        return grid

    def feed(self, name: str) -> Whole:
        """[lanes, hours] for the input `name`. Raises FeedError."""
        if name not in self._known:
            if name not in FEEDS:
                raise FeedError(f"recorded homes feed no input {name!r}: there are {', '.join(FEEDS)}")
            self._known |= FEEDS[name](self, name)
        return self._known[name]

    def inputs(self, program: Program) -> Whole:
        """[lanes, hours, inputs] for `program`. Raises FeedError: an input cannot be fed, or leaves its range."""
        fed = np.empty((len(self.groups), self.homes.hours, len(program.inputs)), np.int32)
        for place, quantity in enumerate(program.inputs):
            fed[:, :, place] = _within(quantity, self.feed(quantity.name))
        return fed


def _within(quantity: Quantity, values: Whole) -> Whole:
    if values.min() < quantity.least or values.max() > quantity.greatest:
        raise FeedError(
            f"{quantity.name} goes from {values.min()} to {values.max()} {quantity.unit}, but its range is "
            f"{quantity.least} to {quantity.greatest}: widen the range in the specification"
        )
    return values


def _same(lanes: Lanes, hours: Whole) -> Whole:
    return np.broadcast_to(hours, (len(lanes.groups), lanes.homes.hours))


def _summed(lanes: Lanes, name: str) -> dict[str, Whole]:
    of_homes = lanes.homes.load_wh if name == "load" else lanes.homes.solar_wh
    return {name: np.stack([of_homes[list(group)].sum(axis=0, dtype=np.int32) for group in lanes.groups])}


def _dear(lanes: Lanes, name: str) -> dict[str, Whole]:
    dear = lanes.homes.price >= lanes.dear_mct
    found = {"until": _same(lanes, hours_until(dear))}
    for days, of in ((1, "yesterday"), (WEEK, "week")):
        found[f"lack_{of}"], found[f"sun_{of}"] = before_dear(expected_wh(lanes.share_wh, days), dear)
    return found


def _worths(lanes: Lanes, name: str) -> dict[str, Whole]:
    bands = worths(lanes.share_wh, lanes.homes.price, lanes.battery)
    return {f"worth_{band + 1}": bands[:, :, band] for band in range(bands.shape[2])}


FEEDS: dict[str, Callable[[Lanes, str], dict[str, Whole]]] = {
    "load": _summed,
    "solar": _summed,
    "share": lambda lanes, name: {name: lanes.share_wh},
    "price": lambda lanes, name: {name: _same(lanes, lanes.homes.price)},
    "carbon": lambda lanes, name: {name: _same(lanes, lanes.homes.carbon)},
    "hour": lambda lanes, name: {name: _same(lanes, lanes.homes.hour_of_day)},
    **dict.fromkeys(("until", "lack_yesterday", "sun_yesterday", "lack_week", "sun_week"), _dear),
    **dict.fromkeys(("worth_1", "worth_2", "worth_3", "worth_4"), _worths),
}
