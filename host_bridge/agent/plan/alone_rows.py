"""What a node should do when it is alone, as rows of its plan: from the plan's steps, with what each row is worth.

A battery's inverter by itself stores the sun and covers what is short, so only departures from that need a row: hours
in which it must not discharge (hold), and hours in which it buys (charge). Where a contactor makes no difference, rows
run on through it. Feeding out for others (discharge) is left to a Pi that is there to settle it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import switching
from host_bridge.agent.plan.homes import Battery, Floats
from host_bridge.agent.plan.plan import Plan

MUST_MCT = 1e6  # of a kWh that a wish wants, beside what it saves: wishes go before savings
SMALL_W = 50.0


@dataclass(frozen=True)
class Row:
    """`contactor` (charge, hold, or a device) closed from `start` for `lasting` node's minutes. `worth_mct`: what is
    lost without it, of a load's; 0 of a battery's, whose worth depends on the others (`alone_trial`). `when`, `until`:
    conditions as host_bridge.plan has them. `kind`: mode (runs on through gaps), block (so many minutes, wherever),
    chance (when the sun is left over).
    """

    contactor: str
    start: int
    lasting: int
    worth_mct: float
    says: str
    kind: str = "mode"
    when: str = ""
    until: str = ""

    @property
    def end(self) -> int:
        """The minute in which it ends."""
        return self.start + self.lasting


@dataclass(frozen=True)
class Minutes:
    """The plan's steps beside the node's minutes: one of them is `grid_s` seconds of the grid's time."""

    plan: Plan
    first: int
    grid_s: int

    @property
    def count(self) -> int:
        """Whole minutes until the plan ends."""
        return (self.plan.steps - self.first) * self.plan.step_s // self.grid_s

    def mean(self, values: Floats) -> Floats:
        """[count]: of values [steps], by time."""
        edges = self.grid_s * np.arange(self.count + 1) / self.plan.step_s + self.first
        total = np.append(0.0, np.cumsum(values))
        found: Floats = np.diff(np.interp(edges, np.arange(len(total)), total)) * self.plan.step_s / self.grid_s
        return found


def rows(plan: Plan, home: str, minutes: Minutes) -> tuple[list[Row], list[str]]:
    """(the rows, what is not said by any row, in words)."""
    at = plan.names.index(home)
    found, left_out = _battery_rows(plan, at, minutes)
    for (name, device), run in plan.runs.items():
        if name == home:
            found += _load_rows(plan, at, device, run.power_w, minutes)
    return found, left_out


def _battery_rows(plan: Plan, at: int, minutes: Minutes) -> tuple[list[Row], list[str]]:
    home = plan.homes[at]
    battery = home.battery
    if battery is None or "battery" in home.never or battery.fault or not minutes.count:
        return [], []
    own = np.array([switching.own_w(plan, at, step, battery) for step in range(plan.steps)])
    closed = [switching.parts(float(plan.charge_w[at, step]), battery, own[step]) for step in range(plan.steps)]
    held, bought, sold = (
        minutes.mean(np.array([one.get(name, 0.0) for one in closed]))
        for name in (switching.HOLD, switching.CHARGE, switching.DISCHARGE)
    )
    kwh = minutes.mean(_short_w(plan, at, battery)) * minutes.grid_s / 3.6e6
    found = _hold_rows(held > 0.5, kwh) + _charge_rows(bought, battery, minutes)
    out_wh = float(sold.sum()) * minutes.grid_s / 3600 * battery.discharge_w
    told = [f"{out_wh / 1000:.1f} kWh fed out for others or sold: that takes a Pi to settle it"] if out_wh > 50 else []
    return found, told


def _short_w(plan: Plan, at: int, battery: Battery) -> Floats:
    """[steps]: what the battery would give if it held enough."""
    net = plan.grid_w[at] - plan.charge_w[at]
    return np.asarray(np.clip(net, 0.0, battery.discharge_w))


def _hold_rows(held: NDArray[np.bool_], kwh: Floats) -> list[Row]:
    """Runs of holding; minutes in which nothing is short belong to either side, so runs join across them."""
    matters = kwh > SMALL_W * 1e-3 / 60
    return [
        Row(switching.HOLD, start, end - start, 0.0, f"not giving {kwh[start:end].sum():.1f} kWh, for dearer hours")
        for start, end in _spans(held & matters, ~matters)
    ]


def _charge_rows(bought: Floats, battery: Battery, minutes: Minutes) -> list[Row]:
    """One row for each run of buying, gaps of up to three hours being part of it, for the minutes that fill it."""
    found = []
    gap = max(1, 10_800 // minutes.grid_s)
    for start, end in _joined(_spans(bought > 1e-3, np.zeros(len(bought), bool)), gap):
        lasting = round(float(bought[start:end].sum()))
        if lasting:
            kwh = lasting * minutes.grid_s / 3.6e6 * battery.charge_w
            begin = cheapest(minutes, start, end, lasting)
            found.append(Row(switching.CHARGE, begin, lasting, 0.0, f"buying {kwh:.1f} kWh to store", "block"))
    return found


def _load_rows(plan: Plan, at: int, device: str, power_w: Floats, minutes: Minutes) -> list[Row]:
    rated = switching.rated_w(plan, at, device)
    part = minutes.mean(power_w) / rated
    price = minutes.mean(np.asarray(plan.ahead.price_mct, float))
    found = []
    for start, end in _spans(part > 1e-3, np.zeros(len(part), bool)):
        lasting = max(1, round(float(part[start:end].sum())))
        kwh = lasting * minutes.grid_s / 3.6e6 * rated
        worth = kwh * (MUST_MCT + max(0.0, float(price.mean() - price[start:end].mean())))
        found.append(Row(device, start, lasting, worth, f"{device}: {kwh:.1f} kWh", "block"))
    if any(its.name == device and its.thermostat and not its.barred for its in plan.homes[at].heaters):
        over = np.clip(-minutes.mean(plan.grid_w[at]), 0, rated)
        kwh = float(over[over > rated / 2].sum()) * minutes.grid_s / 3.6e6
        earns = float(np.mean(plan.ahead.exported()))
        worth = max(0.0, kwh * (float(price.mean()) - earns)) + 1.0
        when, until = f"export >= {rated:.0f} W", "export >= -100 W"
        says = f"{device}: heats with sun that is left over"
        found.append(Row(device, 0, minutes.count, worth, says, "chance", when, until))
    return found


def cheapest(minutes: Minutes, start: int, end: int, lasting: int) -> int:
    """Where in the span so many minutes cost least; the latest of these."""
    price = minutes.mean(np.asarray(minutes.plan.ahead.price_mct, float))[start : max(end, start + lasting)]
    total = np.append(0.0, np.cumsum(price))
    cost = np.round(total[lasting:] - total[:-lasting], 3)
    return start + len(cost) - 1 - int(np.argmin(cost[::-1]))


def _spans(wanted: NDArray[np.bool_], either: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of `wanted`, joined across what may be `either`."""
    edges = np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]]))
    spans = list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and bool(either[found[-1][1] : start].all()):
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _joined(spans: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if found and start - found[-1][1] <= gap:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def merges(of: list[Row], minutes: Minutes) -> Iterator[tuple[int, int, Row]]:
    """(the two rows' places, the row they become) for neighbours of one contactor. A mode runs on through the gap; a
    battery's buying moves to where it is cheapest; a load's goes on at once, so that no deadline is missed."""
    order = sorted(range(len(of)), key=lambda place: (of[place].contactor, of[place].kind, of[place].start))
    for first, second in pairwise(order):
        one, two = of[first], of[second]
        if one.contactor == two.contactor and one.kind == two.kind and one.kind != "chance":
            lasting = two.end - one.start if one.kind == "mode" else one.lasting + two.lasting
            buys = one.contactor == switching.CHARGE
            start = cheapest(minutes, one.start, two.end, lasting) if buys else one.start
            worth, says = one.worth_mct + two.worth_mct, f"{one.says}; {two.says}"
            yield first, second, replace(one, start=start, lasting=lasting, worth_mct=worth, says=says)
