"""The planner as teacher: what it does with each home's battery over recorded hours, a plan every hour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import Battery
from host_bridge.agent.plan.worth import Stores, law, likely, worths
from host_bridge.microworld.study.homes import Homes

DAY, HOUR_S = 24, 3600
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lesson:
    """[homes, hours] Wh each: what was in the battery at the hour's beginning, and what went into it in the hour."""

    content_wh: Floats
    charge_wh: Floats


def teach(homes: Homes, battery: Battery) -> Lesson:
    """The planner's rule (plan.worth) in every hour, from the hours before it, the next 24 prices, and the net load of
    the hour itself as the meter tells it while it lasts. Contents begin empty."""
    net, count = homes.net_wh.astype(float), len(homes.names)
    stores, side_by_side = Stores.of([battery] * count), Stores.of([battery] * count * DAY)
    content, contents, charges = np.zeros(count), np.zeros(net.shape), np.zeros(net.shape)
    price, free = np.append(homes.price, homes.price[-DAY:]).astype(float), np.zeros(DAY)
    for start in range(0, homes.hours - homes.hours % DAY, DAY):
        hours = range(start, start + DAY)
        ways = np.concatenate([likely(net[:, :hour], DAY, HOUR_S) for hour in hours], axis=1)
        prices = np.repeat([price[hour : hour + DAY] for hour in hours], count, axis=0)
        worth = worths(ways, prices, free, 1.0, side_by_side)[:, 0].reshape(DAY, count, -1)
        for hour, its in zip(hours, worth, strict=True):
            contents[:, hour] = content
            charge = law(its, price[hour], 0.0, net[:, hour], content, stores, 1.0)
            charges[:, hour] = charge
            content = content + np.where(charge > 0, charge * battery.efficiency, charge / battery.efficiency)
            content = np.clip(content, 0, battery.capacity_wh)
    return Lesson(contents, charges)
