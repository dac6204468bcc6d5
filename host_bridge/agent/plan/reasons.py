"""Why a plan does what it does in a step: words made of the solution's own numbers, which an account can link to.

The text depends on the plan alone, so the same plan says the same; every number in it is also in `figures`.
"""

from typing import NamedTuple

import numpy as np

from host_bridge.agent.plan.cannot import clock
from host_bridge.agent.plan.homes import Battery, Car, Task, WaterHeater
from host_bridge.agent.plan.loads import open_part
from host_bridge.agent.plan.plan import Plan, Run

SMALL_W = 20.0
LIMIT_W = 2.0
FULL = 0.995  # of the power that the step allows


class Figure(NamedTuple):
    """A number of the text: what it is of, its value, its unit."""

    name: str
    value: float
    unit: str


class Reason(NamedTuple):
    """`action`: charge, discharge, hold, rest, on, wait. `text` is for people."""

    device: str
    action: str
    text: str
    figures: tuple[Figure, ...]


def why(plan: Plan, home: str, step: int) -> tuple[Reason, ...]:
    """A reason for the battery and for each device of the home, in that step. Raises ValueError: no such home."""
    at = plan.names.index(home)
    its = plan.homes[at]
    found = []
    if its.battery is not None:
        found.append(_battery(plan, at, step, its.battery))
    for device in its.devices:
        run = plan.runs.get((home, device.name))
        if run is None:
            found.append(Reason(device.name, "wait", f"{device.name} must not be switched by the plan", ()))
        elif isinstance(device, Car):
            found.append(_car(plan, step, device, run))
        elif isinstance(device, WaterHeater):
            found.append(_heater(plan, at, step, device, run))
        else:
            found.append(_task(plan, step, device, run))
    return tuple(found)


def _battery(plan: Plan, at: int, step: int, battery: Battery) -> Reason:
    power, content = float(plan.charge_w[at, step]), float(plan.content_wh[at, step])
    buys, sells = plan.prices()
    price, earns, costs_now = float(buys[step]) / 1000, float(sells[step]) / 1000, _costs(plan)
    worth = float(plan.marginal_mct[at, step]) / 1000
    net = float(plan.grid_w[at, step] - plan.charge_w[at, step])
    held = Figure("content", content, "Wh")
    costs, worths = Figure("price", price, "ct/kWh"), Figure("worth stored", worth, "ct/kWh")
    if battery.fault or "battery" in plan.homes[at].never:
        says = "the battery reports a fault" if battery.fault else "the battery must not be switched"
        return Reason("battery", "rest", f"rests: {says}", ())
    if power > SMALL_W:
        moved, sun = Figure("power", power, "W"), Figure("sun left over", max(0.0, -net), "W")
        bound = _limit(plan, at, step)
        if power <= sun.value + SMALL_W:
            sold = Figure("export price", earns, "ct/kWh")
            text = f"stores {_kw(power)} of {_kw(sun.value)} sun left over: sold it earns {earns:.1f} ct/kWh, stored it"
            return Reason(
                "battery", "charge", f"{text} is worth {worth:.1f}{bound[0]}", (moved, sun, sold, worths, *bound[1])
            )
        text = f"charges {_kw(power)}: a kWh {costs_now} {price:.1f} ct now and is worth {worth:.1f} stored"
        if sun.value > SMALL_W:
            text += f"; {_kw(sun.value)} of it is sun left over"
            return Reason("battery", "charge", text + bound[0], (moved, costs, worths, sun, *bound[1]))
        return Reason("battery", "charge", text + _pool(plan) + bound[0], (moved, costs, worths, *bound[1]))
    if power < -SMALL_W:
        return _giving(plan, at, step, power, net, (costs, worths))
    if content <= battery.least_wh + 1 and net > 0:
        return Reason("battery", "rest", f"gives nothing: it holds {content:.0f} Wh, and no less may be", (held,))
    if content >= battery.capacity_wh - 1 and net < 0:
        return Reason("battery", "rest", f"takes nothing more: it is full at {content:.0f} Wh", (held,))
    if net > SMALL_W:
        text = f"holds: what it has is worth {worth:.1f} ct/kWh later, and a kWh {costs_now} {price:.1f} ct now"
        return Reason("battery", "hold", text, (worths, costs))
    text = f"rests: a kWh {costs_now} {price:.1f} ct now and stored it is worth {worth:.1f}"
    return Reason("battery", "rest", text, (costs, worths))


def _giving(plan: Plan, at: int, step: int, power: float, net: float, figures: tuple[Figure, Figure]) -> Reason:
    costs, worths = figures
    moved, bound = Figure("power", -power, "W"), _limit(plan, at, step)
    if -power <= net + SMALL_W:
        text = f"gives {_kw(-power)}: a kWh {_costs(plan)} {costs.value:.1f} ct now, what is stored is worth"
        text += f" {worths.value:.1f}"
        return Reason("battery", "discharge", text + bound[0], (moved, costs, worths, *bound[1]))
    if plan.pooled and float(plan.grid_w[:, step].sum()) > -SMALL_W:
        text = f"gives {_kw(-power)}, more than the home needs: neighbours would buy at {costs.value:.1f} ct/kWh, what"
        text += f" is stored is worth {worths.value:.1f}"
        return Reason("battery", "discharge", text + bound[0], (moved, costs, worths, *bound[1]))
    earns = Figure("export price", float(plan.prices()[1][step]) / 1000, "ct/kWh")
    text = f"sells {_kw(-power)} at {earns.value:.1f} ct/kWh: what is stored is worth {worths.value:.1f}"
    return Reason("battery", "discharge", text + bound[0], (moved, earns, worths, *bound[1]))


def _limit(plan: Plan, at: int, step: int) -> tuple[str, tuple[Figure, ...]]:
    """Words for a limit that the meter is at."""
    home, grid = plan.homes[at], float(plan.grid_w[at, step])
    whole = float(plan.grid_w[:, step].sum())
    for what, power, limit in (
        ("import", grid, home.import_limit_w),
        ("export", -grid, home.export_limit_w),
        ("import of all homes", whole, plan.limits_w[0]),
        ("export of all homes", -whole, plan.limits_w[1]),
    ):
        if power >= limit - LIMIT_W:
            return f"; the {what} is at its limit of {limit:.0f} W", (Figure(f"{what} limit", limit, "W"),)
    return "", ()


def _car(plan: Plan, step: int, car: Car, run: Run) -> Reason:
    ahead, left_wh = plan.ahead, max(0.0, car.needs_wh - float(run.level[step]))
    left = Figure("still needed", left_wh, "Wh")
    if left_wh < 1:
        return Reason(car.name, "wait", f"{car.name} has what it needs", (left,))
    if run.power_w[step] > SMALL_W:
        return _charging(plan, step, car, run, left)
    if not open_part(ahead, car.arrives_s, car.leaves_s, car.barred)[step]:
        return Reason(car.name, "wait", f"{car.name} is not there, or must not charge now", ())
    later = np.flatnonzero(run.power_w[step + 1 :] > SMALL_W)
    if not len(later):
        text = f"{car.name} waits: {_kwh(left_wh)} are not to be had in these hours within its wishes and limits"
        return Reason(car.name, "wait", text, (left,))
    then = step + 1 + int(later[0])
    costs, costs_then = _price(plan, step), _price(plan, then, "price then")
    begin = clock(ahead.from_s + then * ahead.step_s, ahead.zone)
    text = (
        f"{car.name} waits until {begin}: a kWh {_costs(plan)} {costs_then.value:.1f} ct then and {costs.value:.1f} now"
    )
    return Reason(car.name, "wait", text, (costs_then, costs, left))


def _charging(plan: Plan, step: int, car: Car, run: Run, left: Figure) -> Reason:
    due_s, ahead = min(car.by_s or car.leaves_s, car.leaves_s), plan.ahead
    moved = Figure("power", float(run.power_w[step]), "W")
    text = f"{car.name} charges {_kw(moved.value)}, {_kwh(left.value)} being needed by {clock(due_s, ahead.zone)}"
    until = open_part(ahead, car.arrives_s, due_s, car.barred)
    rest = until[step:]
    if float(run.power_w[step:][rest > 0].sum()) >= FULL * car.power_w * float(rest.sum()):
        return Reason(car.name, "on", f"{text}: every minute until then is", (moved, left))
    costs, mean_mct = _price(plan, step), float((plan.prices()[0] * until).sum() / max(until.sum(), 1e-9))
    mean = Figure("mean price until then", mean_mct / 1000, "ct/kWh")
    text += f": a kWh {_costs(plan)} {costs.value:.1f} ct now, {mean.value:.1f} on the mean until then"
    return Reason(car.name, "on", text, (moved, left, costs, mean))


def _heater(plan: Plan, at: int, step: int, heater: WaterHeater, run: Run) -> Reason:
    ahead, power = plan.ahead, float(run.power_w[step])
    price = _price(plan, step)
    now = Figure("water", float(run.level[step]), "degC")
    low = Figure("lowest wanted", _low(heater, ahead.from_s + (step + 1) * ahead.step_s), "degC")
    is_at = f"{heater.name} is at {now.value:.1f} degC"
    if power <= SMALL_W:
        return Reason(heater.name, "wait", f"{is_at}, {low.value:.0f} are wanted: it can wait", (now, low))
    moved = Figure("power", power, "W")
    over = Figure("sun left over", max(0.0, power - float(plan.grid_w[at, step])), "W")
    if plan.grid_w[at, step] <= LIMIT_W:
        text = f"{is_at} and heats {_kw(power)} with {_kw(over.value)} of the home's own"
        return Reason(heater.name, "on", text, (now, moved, over))
    mean = Figure("mean price", float(np.mean(plan.prices()[0])) / 1000, "ct/kWh")
    text = (
        f"{is_at}, {low.value:.0f} are wanted, and heats {_kw(power)}: a kWh {_costs(plan)} {price.value:.1f} ct now,"
    )
    return Reason(heater.name, "on", f"{text} {mean.value:.1f} on the mean", (now, low, moved, price, mean))


def _low(heater: WaterHeater, end_s: int) -> float:
    for band in reversed(heater.bands):
        if band.from_s < end_s <= band.until_s:
            return band.low_c
    return heater.low_c


def _task(plan: Plan, step: int, task: Task, run: Run) -> Reason:
    ahead = plan.ahead
    on = np.flatnonzero(run.power_w > 0)
    price = _price(plan, step)
    due = clock(task.latest_s, ahead.zone)
    if not len(on):
        return Reason(task.name, "wait", f"{task.name} does not run in these hours; it is to be done by {due}", ())
    begin = clock(ahead.from_s + int(on[0]) * ahead.step_s, ahead.zone)
    mean = Figure("mean price while it runs", float(np.mean(plan.prices()[0][on])) / 1000, "ct/kWh")
    a_kwh = f"a kWh {_costs(plan)} {mean.value:.1f} ct on the mean then"
    if run.power_w[step] > 0:
        text = f"{task.name} runs from {begin}, to be done by {due}: {a_kwh}"
        return Reason(task.name, "on", text, (mean,))
    if step < on[0]:
        text = f"{task.name} waits until {begin}: {a_kwh}, {price.value:.1f} now"
        return Reason(task.name, "wait", text, (mean, price))
    return Reason(task.name, "wait", f"{task.name} is done", ())


def _price(plan: Plan, step: int, name: str = "price") -> Figure:
    return Figure(name, float(plan.prices()[0][step]) / 1000, "ct/kWh")


def _costs(plan: Plan) -> str:
    """Its verb: with a weight on carbon a price is more than money."""
    return "with its CO2 weighs" if plan.weights.carbon_mct_per_kg else "costs"


def _pool(plan: Plan) -> str:
    return ", for all homes together" if plan.pooled else ""


def _kw(power_w: float) -> str:
    return f"{power_w / 1000:.2f} kW"


def _kwh(energy_wh: float) -> str:
    return f"{energy_wh / 1000:.1f} kWh"
