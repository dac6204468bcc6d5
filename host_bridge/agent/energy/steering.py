"""What each battery should take or give until the interval ends: the worth of what is stored against the price, on the
net load as it is measured now (`plan.worth.law`). Pure.

What was bought or sold in the market is there already: a home pays the supplier only for what it takes beyond that.
Pooled, all batteries are one, and each has its share of what is left for them to do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.problem import battery
from host_bridge.agent.energy.tariff import Price
from host_bridge.agent.plan.homes import Battery, Floats
from host_bridge.agent.plan.plan import Plan
from host_bridge.agent.plan.worth import Stores, law, shared


class Standing(NamedTuple):
    """A home with a battery as the law sees it: `net_w` without its battery, less what it has bought (+ sold)."""

    house: House
    net_w: float


class Target(NamedTuple):
    """Until the interval ends: W into the battery (- out of it), and the figures behind it."""

    charge_w: float
    worth_mct: float  # of a stored kWh, where the content is now
    why: str


def alone(plan: Plan, step: int, homes: Sequence[Standing], price: Price, hours: float) -> dict[str, Target]:
    """Each home for itself (and after the market, for what is left)."""
    found = [(each, its) for each in homes if (its := battery(each.house)) is not None and _known(plan, each)]
    if not found:
        return {}
    worth = np.array([plan.worth_mct[plan.names.index(each.house.name), step] for each, _ in found])
    net = np.array([each.net_w for each, _ in found])
    charge = _law(plan, step, worth, net, [its for _, its in found], hours)
    return {
        each.house.name: _target(float(charge[k]), worth[k], its, price, float(net[k]))
        for k, (each, its) in enumerate(found)
    }


def pooled(
    plan: Plan, step: int, homes: Sequence[Standing], others_w: float, price: Price, hours: float
) -> dict[str, Target]:  # fmt: skip
    """All behind one meter; `others_w`: what homes without a battery, or without our say, take from it."""
    found = [(each, its) for each in homes if (its := battery(each.house)) is not None and _known(plan, each)]
    if not found:
        return {}
    batteries = [its for _, its in found]
    stores = Stores.of(batteries).together()
    worth = plan.worth_mct[plan.names.index(found[0][0].house.name), step][None]
    net = np.array([sum(each.net_w for each, _ in found) + others_w])
    content = np.array([sum(its.content_wh for its in batteries)])
    least = np.array([sum(its.least_wh for its in batteries)])
    buys, earns = plan.prices()
    total = law(worth, buys[step], earns[step], net, content, stores, hours, least)
    parts = shared(float(total[0]), batteries, hours)
    return {
        each.house.name: _target(float(parts[k]), worth[0], its, price, float(net[0]))
        for k, (each, its) in enumerate(found)
    }


def _law(
    plan: Plan, step: int, worth: Floats, net: Floats, batteries: list[Battery], hours: float
) -> Floats:  # fmt: skip
    """By the plan's own prices, in whose units its worths are: the tariff's, where carbon weighs nothing."""
    content = np.array([its.content_wh for its in batteries])
    least = np.array([its.least_wh for its in batteries])
    buys, earns = plan.prices()
    return law(worth, buys[step], earns[step], net, content, Stores.of(batteries), hours, least)


def _known(plan: Plan, each: Standing) -> bool:
    return each.house.name in plan.names


def _target(
    charge_w: float, worths: Floats, its: Battery, price: Price,
    net_w: float,
) -> Target:  # fmt: skip
    bands = len(worths)
    place = min(int(its.content_wh / max(its.capacity_wh, 1.0) * bands), bands - 1)
    worth = float(worths[place])
    return Target(charge_w, worth, _why(charge_w, worth, its, price, net_w))


def _why(charge_w: float, worth: float, its: Battery, price: Price, net_w: float) -> str:
    """In words, from the law's own numbers."""
    later, costs, earns = (_cents(mct) for mct in (worth, price.buy_mct, price.sell_mct))
    if charge_w > max(0.0, -net_w) + 1:
        return f"a kWh costs {costs} now, and one that is stored is worth {later}"
    if charge_w > 1:
        return f"what is left over is stored: a kWh of it is worth {later} later, and earns {earns} now"
    if charge_w < -max(0.0, net_w) - 1:
        return f"a kWh earns {earns} now, and what is stored is worth {later}"
    if charge_w < -1:
        return f"what is short is served from the battery: a kWh costs {costs} now, and what is stored is worth {later}"
    if net_w > 0 and its.content_wh > its.least_wh + 1:
        return f"a kWh costs {costs} now, and what is stored will be worth {later}"
    if net_w > 0:
        return "the battery is empty, and no sun is left over"
    return f"what is left over earns {earns} a kWh now, and stored it is worth {later}"


def _cents(mct: float) -> str:
    return f"{mct / 1000:.1f} ct"
