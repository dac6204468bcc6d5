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
    """The planner's rule in every hour, each home by itself."""
    stores = Stores.of([battery] * len(homes.names))
    return follow(homes.net_wh.astype(float), homes.price.astype(float), stores)


def follow(net_wh: Floats, price_mct: Floats, stores: Stores) -> Lesson:
    """The rule (plan.worth) with `stores` [n] over net_wh [n, hours]: a plan in each hour from the hours before it, the
    next 24 prices, and the net load of the hour itself as the meter tells it while it lasts. Contents begin empty.

    Worths need no contents, so those of a day are worked out side by side, each from the hours before its own alone.
    """
    count, hours = net_wh.shape
    content, contents, charges = np.zeros(count), np.zeros(net_wh.shape), np.zeros(net_wh.shape)
    price, free, eta = np.append(price_mct, price_mct[-DAY:]), np.zeros(DAY), stores.efficiency
    for start in range(0, hours, DAY):
        these = range(start, min(start + DAY, hours))
        ways = np.concatenate([likely(net_wh[:, :hour], DAY, HOUR_S) for hour in these], axis=1)
        prices = np.repeat([price[hour : hour + DAY] for hour in these], count, axis=0)
        worth = worths(ways, prices, free, 1.0, _times(stores, len(these)))[:, 0].reshape(len(these), count, -1)
        for hour, its in zip(these, worth, strict=True):
            contents[:, hour] = content
            charge = law(its, price[hour], 0.0, net_wh[:, hour], content, stores, 1.0)
            charges[:, hour] = charge
            content = np.clip(content + np.where(charge > 0, charge * eta, charge / eta), 0, stores.capacity_wh)
    return Lesson(contents, charges)


def _times(stores: Stores, count: int) -> Stores:
    parts = (stores.capacity_wh, stores.charge_w, stores.discharge_w, stores.efficiency)
    return Stores(*(np.tile(part, count) for part in parts))
