"""The student's weights, by the teacher: python -m host_bridge.agent.policy.fitting FOLDER (as homes.read has it).

The student is a net of two layers on what a node can know: N, what the home lacked since dear hours began yesterday;
S, what its sun had left over yesterday; s, the same today so far. Hidden: relu(S - s). In the early part of the day it
    buys   while what the battery can give < buy * N              (from `buy_from` on)
    holds  while what the battery can give < keep * N - wait * relu(S - s)
and else follows the meter. Weights are 0 or 1: any other costs a multiplication, for which a node's plan has no bytes
left. Those are taken with which the homes pay least beside the teacher. Homes with an odd number alone are looked at
(tests/bench/energy_year.py has the rule).
"""

import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import Battery
from host_bridge.agent.policy.teacher import Lesson, teach
from host_bridge.microworld.study.homes import Homes, Whole, read

DEAR_FROM = 16
WEIGHTS = (0, 1)
BUY_FROM = (13, 14, 15)
BATTERY = Battery(6400, 5000, 5000, 0.0, 949)
_ETA, _FULL_WH = BATTERY.efficiency, BATTERY.capacity_wh * BATTERY.efficiency
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Of the student; `buy_from` an hour of the day."""

    buy: int
    keep: int
    wait: int
    buy_from: int


@dataclass(frozen=True)
class Fitted:
    """`given_up`: how much more the homes pay than by the teacher, 0.01 is a hundredth. `agrees`: part of the hours in
    which both do the same kind of thing at the teacher's content: buy, give, take sun, rest."""

    weights: Weights
    given_up: float
    agrees: float


def fit(homes: Homes) -> Fitted:
    """The best of all weights on `homes`."""
    lesson, known = teach(homes, BATTERY), _known(homes)
    tried = (Weights(*each) for each in product(WEIGHTS, WEIGHTS, WEIGHTS, BUY_FROM))
    return min((compare(homes, lesson, weights, known) for weights in tried), key=lambda fitted: fitted.given_up)


def compare(homes: Homes, lesson: Lesson, weights: Weights, known: tuple[Floats, Floats] | None = None) -> Fitted:
    """The student with these weights beside the teacher, hour by hour."""
    needed, to_come = known or _known(homes)
    content, charge = np.zeros(len(homes.names)), np.zeros(homes.net_wh.shape)
    clocks = homes.hour_of_day
    at_teachers = _moved(lesson.content_wh, homes.net_wh, needed, to_come, clocks, weights)
    for hour in range(homes.hours):
        known_now = needed[:, hour], to_come[:, hour]
        charge[:, hour] = _moved(content, homes.net_wh[:, hour], *known_now, clocks[hour], weights)
        content = content + np.where(charge[:, hour] > 0, charge[:, hour] * _ETA, charge[:, hour] / _ETA)
        content = np.clip(content, 0, BATTERY.capacity_wh)
    same = _kind(homes, at_teachers) == _kind(homes, lesson.charge_wh)
    paid, by_teacher = _paid(homes, charge), _paid(homes, lesson.charge_wh)
    return Fitted(weights, paid / by_teacher - 1 if by_teacher else 0.0, float(same.mean()))


def _known(homes: Homes) -> tuple[Floats, Floats]:
    """(N, relu(S - s)) [homes, hours], each sum at most a battery, as the specification has them."""
    need, sun, need_before, sun_before = np.zeros((4, len(homes.names)))
    found = np.zeros((2, *homes.net_wh.shape))
    for hour, clock in enumerate(homes.hour_of_day):
        net = homes.net_wh[:, hour]
        if clock == 0:
            need_before, sun_before, need, sun = need, sun, np.zeros_like(need), np.zeros_like(sun)
        found[0, :, hour], found[1, :, hour] = need_before, np.maximum(sun_before - sun, 0)
        need = np.minimum(need + np.maximum(net, 0), _FULL_WH) if clock >= DEAR_FROM else need
        sun = np.minimum(sun + np.maximum(-net, 0), _FULL_WH)
    return found[0], found[1]


def _moved(
    content: Floats, net: NDArray[np.int32], needed: Floats, to_come: Floats, clock: Whole, its: Weights
) -> Floats:
    """Wh into the batteries in an hour of the day `clock`, as the student decides at these contents."""
    gives, early = content * _ETA, clock < DEAR_FROM
    buys = early & (clock >= its.buy_from) & (gives < its.buy * needed)
    holds = early & (gives < its.keep * needed - its.wait * to_come)
    room = np.minimum((BATTERY.capacity_wh - content) / _ETA, BATTERY.charge_w)
    bought = np.minimum((its.buy * needed - gives) / _ETA / _ETA, room)
    sun = np.minimum(np.maximum(-net, 0), room)
    out = np.where(buys | holds, 0, np.minimum(np.maximum(net, 0), np.minimum(gives, BATTERY.discharge_w)))
    found: Floats = np.where(buys, np.maximum(bought, sun), sun) - out
    return found


def _kind(homes: Homes, moved: Floats) -> NDArray[np.int64]:
    """0 rests, 1 takes sun, 2 buys, 3 gives."""
    surplus = np.maximum(-homes.net_wh, 0)
    return np.select([moved < -1, moved > surplus + 1, moved > 1], [3, 2, 1], 0)


def _paid(homes: Homes, charge: Floats) -> float:
    return float((np.maximum(homes.net_wh + charge, 0) * homes.price).sum())


def main() -> int:
    """Fit on the homes with odd numbers of the folder, and say what was found."""
    homes = read(Path(sys.argv[1]))
    print(fit(homes.some(list(range(0, len(homes.names), 2)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
