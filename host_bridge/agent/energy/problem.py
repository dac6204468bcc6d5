"""What the planner is given: homes as they stand, what is expected, prices, and what people want. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from math import inf

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.energy.appliances import Appliance, of_home
from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.tariff import Price
from host_bridge.agent.plan import Ahead, Battery, Car, Home, Task, WaterHeater, Weights
from host_bridge.agent.preference import Constraints

Floats = NDArray[np.float64]
DAY_S = 86_400
HISTORY_DAYS = 8  # of net load that scenarios are made of


@dataclass(frozen=True)
class Problem:
    """Arguments of `plan.solve`. `budgets`: in the homes."""

    homes: tuple[Home, ...]
    ahead: Ahead
    weights: Weights


def battery(house: House) -> Battery | None:
    """As it stands; None: there is none."""
    if house.content is None:
        return None
    of = house.config
    return Battery(of.capacity_wh, of.charge_w, of.discharge_w, house.content.wh, of.efficiency_permille, of.least_wh)


def home(
    house: House, appliances: Sequence[Appliance], wishes: Constraints, controlled: bool, budget_micro: int | None,
    now_s: int, zone: tzinfo,
) -> Home:  # fmt: skip
    """One home for the planner; one that is not `controlled` is reckoned with, and nothing is planned for it."""
    planned = [each.planned(now_s, zone, wishes) for each in of_home(appliances, house.name)] if controlled else []
    of = house.config
    return Home(
        house.name,
        battery(house),
        tuple(each for each in planned if isinstance(each, Car)),
        tuple(each for each in planned if isinstance(each, WaterHeater)),
        tuple(each for each in planned if isinstance(each, Task)),
        float(of.import_limit_w or inf),
        float(of.export_limit_w or inf),
        budget_micro,
        wishes.never | (frozenset() if controlled else {"battery"}),
    )


def ahead(
    from_s: int, step_s: int, load_w: Floats, solar_w: Floats, prices: Sequence[Price], past_w: Floats | None,
    zone: tzinfo,
) -> Ahead:  # fmt: skip
    """load_w, solar_w [homes, steps]; past_w [homes, any]: net load until `from_s`, oldest first, None: too young.

    An export that earns more than the import costs is reckoned with at the import's price: nobody buys to sell.
    """
    buy = np.array([price.buy_mct for price in prices], float)
    sell = np.minimum(np.array([price.sell_mct for price in prices], float), buy)
    known = [price.carbon_g for price in prices]
    carbon = np.array([grams or 0 for grams in known], float) if all(grams is not None for grams in known) else None
    scenarios = None
    if past_w is not None:
        from host_bridge.agent.plan.worth import likely

        scenarios = likely(past_w, len(prices), step_s)
    return Ahead(from_s, step_s, load_w, solar_w, buy, sell, carbon, scenarios, zone=zone)


def carbon_permille(wishes: Sequence[Constraints]) -> int:
    """How much CO2 counts for all homes together: the mean of what they want."""
    return sum(each.carbon_permille for each in wishes) // max(1, len(wishes))


def past(nets: Sequence[Mapping[int, float]], now_s: int, step_s: int) -> Floats | None:
    """[homes, steps] net load until `now_s` in W, oldest first, from what is known by the step's start; a step that is
    not known is as a day before, or after. None: less than a day is known of any home."""
    day = DAY_S // step_s
    oldest = min((min(net) for net in nets if net), default=now_s)
    days = min((now_s - oldest) // DAY_S, HISTORY_DAYS)
    if days < 1:
        return None
    starts = now_s - step_s * np.arange(days * day, 0, -1)
    found = np.array([[net.get(int(start), np.nan) for start in starts] for net in nets], float)
    folded = found.reshape(len(nets), days, day)
    for k in range(1, days):
        folded[:, k] = np.where(np.isnan(folded[:, k]), folded[:, k - 1], folded[:, k])
    for k in range(days - 2, -1, -1):
        folded[:, k] = np.where(np.isnan(folded[:, k]), folded[:, k + 1], folded[:, k])
    known: Floats = np.nan_to_num(folded).reshape(len(nets), -1)
    return known
