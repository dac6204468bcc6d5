"""A plan's step as leases of contactors: which is closed, from when, for how long.

A battery's three contactors are its inverter's dry contacts. All open: it covers what is short and stores the sun by
itself. `hold`: it gives nothing. `charge`, `discharge`: rated power in or out. Charge goes before discharge before
hold. An amount is the fitting part of the step at rated power, and what the inverter does by itself in the rest.
"""

from dataclasses import dataclass

from host_bridge.agent.plan.homes import Battery
from host_bridge.agent.plan.plan import Plan

CHARGE, DISCHARGE, HOLD = "charge", "discharge", "hold"
LEAST_PART = 0.02  # of a step: less is not worth a contactor's wear
NEAR_W = 50.0


@dataclass(frozen=True)
class Lease:
    """`device` "battery": `contactor` is charge, discharge or hold; else both are the device's name."""

    device: str
    contactor: str
    from_s: int
    hold_s: int


def alone_w(battery: Battery, net_w: float, content_wh: float, hours: float) -> float:
    """What the inverter does by itself: sun goes in, what is short comes out, as far as there is room or content."""
    if net_w < 0:
        return min(-net_w, battery.charge_w, max(0.0, battery.capacity_wh - content_wh) / battery.efficiency / hours)
    return -min(net_w, battery.discharge_w, max(0.0, content_wh) * battery.efficiency / hours)


def parts(charge_w: float, battery: Battery, own_w: float) -> dict[str, float]:
    """Contactor: the part of the step that it is closed, so that the mean is charge_w where the inverter by itself
    would have `own_w`. Storing less sun than there is cannot be asked for."""
    kept_w = max(own_w, 0.0)
    if abs(charge_w - own_w) <= NEAR_W:
        return {}
    if charge_w > kept_w + NEAR_W:
        part = (charge_w - kept_w) / max(battery.charge_w - kept_w, 1.0)
        return {HOLD: 1.0, CHARGE: min(1.0, part)}
    if charge_w > own_w:
        part = (charge_w - own_w) / max(kept_w - own_w, 1.0)
        return {HOLD: min(1.0, part)}
    if charge_w >= 0:
        return {}
    return {DISCHARGE: min(1.0, (own_w - charge_w) / max(own_w + battery.discharge_w, 1.0))}


def mean_w(closed: dict[str, float], battery: Battery, own_w: float) -> float:
    """The power over the step when the contactors are closed for these parts of it: `parts` the other way round."""
    charge = closed.get(CHARGE, 0.0)
    discharge = min(closed.get(DISCHARGE, 0.0), 1.0 - charge)
    hold = max(0.0, min(closed.get(HOLD, 0.0) - charge, 1.0 - charge - discharge))
    rest = 1.0 - charge - discharge - hold
    return charge * battery.charge_w - discharge * battery.discharge_w + hold * max(own_w, 0.0) + rest * own_w


def leases(plan: Plan, home: str, step: int) -> list[Lease]:
    """Of one home in one step, in order of the contactors."""
    at = plan.names.index(home)
    its, begin = plan.homes[at], plan.ahead.from_s + step * plan.step_s
    found = []
    battery = its.battery
    if battery is not None and "battery" not in its.never and not battery.fault:
        own = own_w(plan, at, step, battery)
        for contactor, part in parts(float(plan.charge_w[at, step]), battery, own).items():
            if part >= LEAST_PART:
                found.append(Lease("battery", contactor, begin, round(part * plan.step_s)))
    for (name, device), run in plan.runs.items():
        if name == home:
            part = min(1.0, float(run.power_w[step]) / rated_w(plan, at, device))
            if part >= LEAST_PART:
                found.append(Lease(device, device, begin, round(part * plan.step_s)))
    return found


def own_w(plan: Plan, at: int, step: int, battery: Battery) -> float:
    """What the inverter would do by itself in that step, at the planned content."""
    net = float(plan.grid_w[at, step] - plan.charge_w[at, step])
    return alone_w(battery, net, float(plan.content_wh[at, step]), plan.ahead.hours)


def rated_w(plan: Plan, at: int, device: str) -> float:
    """The power of that device of the home with that number."""
    return max([1.0, *(its.power_w for its in plan.homes[at].devices if its.name == device)])
