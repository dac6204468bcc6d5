"""The strategies of catalogue/double_auction's bidder in plain Python: what its world must come to, and does in tests.

Whole Wh, rounded as the world's: a quotient towards 0, what is drawn from a battery up where it would not do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class House:
    """The world's parameters: Wh, Wh in an hour, permille of one way, mct/kWh, hours."""

    capacity: int = 6400
    most: int = 5000
    efficiency: int = 949
    dear: int = 30_000
    lead: int = 3
    night: int = 10
    car_most: int = 3700


class Hour(NamedTuple):
    """The world's inputs, in its order."""

    load: int
    solar: int
    price: int
    until: int
    car: int
    bought: int
    sold: int


class Held(NamedTuple):
    """The world's state, in its order."""

    held: int = 0
    owed: int = 0
    due: int = 0
    over: int = 0


class Bids(NamedTuple):
    """The world's outputs, in its order."""

    need: int
    store: int
    sun: int
    stock: int


class _Now(NamedTuple):
    """What a strategy decides by."""

    surplus: int
    deficit: int
    room: int
    ready: int
    dear: bool
    hour: Hour


class _Choice(NamedTuple):
    """What is kept of the sun (or drawn), given to the home, asked for and offered."""

    kept: int
    given: int
    wanted: int
    offered: int


def _none(now: _Now, house: House) -> _Choice:
    return _Choice(0, 0, 0, 0)


def _own(now: _Now, house: House) -> _Choice:
    return _Choice(now.surplus, now.deficit, 0, 0)


def _shared(now: _Now, house: House) -> _Choice:
    return _Choice(now.surplus, now.deficit, now.room, now.ready if now.dear else 0)


def _saving(now: _Now, house: House) -> _Choice:
    return _shared(now, house)._replace(given=now.deficit if now.dear else 0)


def _planned(now: _Now, house: House) -> _Choice:
    kept = now.room if not now.dear and now.hour.until <= house.lead else now.surplus
    given = now.deficit if now.dear or now.hour.until >= house.night else 0
    return _shared(now, house)._replace(kept=kept, given=given)


STRATEGIES: dict[str, Callable[[_Now, House], _Choice]] = {
    "none": _none,
    "own": _own,
    "shared": _shared,
    "saving": _saving,
    "planned": _planned,
}


def step(strategy: str, driver: str, house: House, state: Held, hour: Hour) -> tuple[Held, Bids]:
    """One hour of the home: the battery by `strategy`, the car `at_once` or `cheap`."""
    content = _content(house, state, hour)
    dear = hour.price >= house.dear
    wants = min(state.owed + hour.car, 100_000)
    charging = 0 if driver == "cheap" and dear else min(wants, house.car_most)
    surplus, deficit = max(hour.solar - hour.load - charging, 0), max(hour.load + charging - hour.solar, 0)
    room = min(house.most, (house.capacity - content) * 1000 // house.efficiency)
    ready = min(house.most, content * house.efficiency // 1000)
    choice = STRATEGIES[strategy](_Now(surplus, deficit, room, ready, dear, hour), house)
    into = min(choice.kept, room)
    out = 0 if into > surplus else min(choice.given, deficit, ready)
    need, sun = deficit - out + max(into - surplus, 0), max(surplus - into, 0)
    store = 0 if need else min(choice.wanted, room - into)
    stock = 0 if sun or into else min(choice.offered, ready - out)
    after = content + into * house.efficiency // 1000 - _drawn(house, out)
    return Held(after, wants - charging, need, sun), Bids(need, store, sun, stock)


def _content(house: House, state: Held, hour: Hour) -> int:
    """With what was bought beyond the need, without what was sold beyond the sun, of the hour before."""
    stored = max(hour.bought - state.due, 0) * house.efficiency // 1000
    drawn = _drawn(house, max(hour.sold - state.over, 0))
    return max(0, min(state.held + stored - drawn, house.capacity))


def _drawn(house: House, given: int) -> int:
    """What giving takes from the content."""
    about = given * 1000 // house.efficiency
    return about + 1 if about * house.efficiency // 1000 < given else about
