"""Every plan goes through the catalogue's guard worlds before anything is sent: what they refuse is cut, and said.

`battery_guard` sees each battery's power and state of charge several times a step, as the plan has it; `relay_guard`
each contactor's switching second by second. Both run as the bytes that were verified, in a sandbox. After a cut the
contents, the meters' power and the costs are reckoned anew, so what depended on it is judged as it now is.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import switching
from host_bridge.agent.plan.homes import Battery, Dwell, Floats, Home, Task
from host_bridge.agent.plan.plan import Plan, Run
from host_bridge.agent.plan.reading import cost_micro
from host_bridge.microworld import catalogue, spec, wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Sandbox, Shape

LOOKS = 5  # of the battery's guard in a step
LEAST_W, LEAST_S = 1.0, 5  # less is rounding
TOLD_WH = 50.0  # the taper before full and empty takes up to this from a step without being told
RELAY = Dwell(60, 60)
BATTERY_VARIED = ("charge_limit", "discharge_limit", "empty", "full")


class Refused(NamedTuple):
    """What a guard world refused in `step`: the mean power that was planned, and what is left of it."""

    home: str
    device: str
    step: int
    asked_w: float
    allowed_w: float
    says: str


@dataclass(frozen=True)
class Guard:
    """A verified world of the catalogue with parameters chosen."""

    program: Program
    wasm: bytes

    @property
    def shape(self) -> Shape:
        """Of its record."""
        return Shape.of(self.program)


def checked(plan: Plan, relay: Dwell = RELAY) -> tuple[Plan, tuple[Refused, ...]]:
    """The plan as the guards leave it, and what they refused. `relay`: of contactors without a dwell of their own, as
    they were when the plan begins; in the grid's time. Raises runtime.WorldFault: a guard itself failed, and
    then nothing of the plan may be sent."""
    charge, refused = _through_battery_guard(plan)
    held = _again(plan, charge, plan.runs)
    charge, runs, cut = _through_relay_guard(held, relay)
    return _again(held, charge, runs), (*refused, *cut)


@lru_cache(maxsize=32)
def guard(name: str, parameters: tuple[tuple[str, int], ...] = (), varied: tuple[str, ...] = ()) -> Guard:
    """The catalogue's world `name` with these parameters."""
    path = catalogue.spec_path(name)
    program = spec.read(path.read_text(encoding="utf-8"), path.name).program(None, dict(parameters), varied)
    return Guard(program, wasm.compile(program))


def _through_battery_guard(plan: Plan) -> tuple[Floats, list[Refused]]:
    """(charge_w as it is let through, what was refused): closed loop, contents follow what is let through."""
    found = [(at, home.battery) for at, home in enumerate(plan.homes) if home.battery is not None]
    if not found:
        return plan.charge_w, []
    its = guard("battery_guard", (("ramp", 20_000),), BATTERY_VARIED)  # a tick here is minutes, not its second
    instance = Sandbox(deadline_ms=1000).load(its.wasm).instance(its.shape)
    rows = np.array([at for at, _ in found])
    batteries = [battery for _, battery in found]
    state = np.array([_guarded(battery) for battery in batteries], np.int32)
    content = np.array([min(max(b.content_wh, 0.0), b.capacity_wh) for b in batteries])
    charge = plan.charge_w.copy()
    hours = plan.ahead.hours / LOOKS
    inputs = np.zeros((len(found), 1, 4), np.int32)
    inputs[:, 0, 2], inputs[:, 0, 3] = [b.cell_c for b in batteries], [b.fault for b in batteries]
    for step in range(plan.steps):
        asked, total = np.round(plan.charge_w[rows, step]), np.zeros(len(found))
        for _ in range(LOOKS):
            inputs[:, 0, 0], inputs[:, 0, 1] = asked, _permille(batteries, content)
            power = instance.run(state, inputs)[:, 0, 0].astype(float)
            power, content = _moved(batteries, content, power, hours)
            total += power / LOOKS
        charge[rows, step] = np.where(np.abs(total - asked) <= LEAST_W, plan.charge_w[rows, step], total)
    return charge, _cut_batteries(plan, found, charge)


def _guarded(battery: Battery) -> tuple[int, ...]:
    """The guard's state at first: nothing flowed, and the four parameters of this battery."""
    limits = [min(20_000, round(power)) for power in (battery.charge_w, battery.discharge_w)]
    return 0, *limits, min(max(battery.floor_permille, 20), 500), min(max(battery.ceiling_permille, 600), 980)


def _permille(batteries: list[Battery], content: Floats) -> NDArray[np.int32]:
    """What the cells' own gauge shows."""
    low, high, full = np.array([(b.floor_permille, b.ceiling_permille, b.capacity_wh) for b in batteries]).T
    shown = np.floor(low + content / np.maximum(full, 1.0) * (high - low))
    return np.asarray(np.clip(shown, 0, 1000), np.int32)


def _moved(batteries: list[Battery], content: Floats, power: Floats, hours: float) -> tuple[Floats, Floats]:
    """(the power, the content after it): no battery gives what it does not hold or takes what has no room."""
    eta, full = np.array([(b.efficiency, b.capacity_wh) for b in batteries]).T
    stored = np.where(power > 0, power * eta, power / eta) * hours
    after = np.clip(content + stored, 0.0, full)
    real = np.where(power > 0, (after - content) / eta, (after - content) * eta) / hours
    return np.where(np.abs(after - content - stored) > 1e-9, real, power), after


def _cut_batteries(plan: Plan, found: list[tuple[int, Battery]], charge: Floats) -> list[Refused]:
    refused = []
    for at, battery in found:
        cut_wh = np.abs(charge[at] - plan.charge_w[at]) * plan.ahead.hours
        for step in np.flatnonzero(cut_wh > TOLD_WH):
            asked, allowed = float(plan.charge_w[at, step]), float(charge[at, step])
            says = f"battery_guard lets {allowed:.0f} W of {asked:.0f} W through: {_why(battery, asked)}"
            refused.append(Refused(plan.names[at], "battery", int(step), asked, allowed, says))
    return refused


def _why(battery: Battery, asked_w: float) -> str:
    if battery.fault:
        return "the battery reports a fault"
    if asked_w > 0 and not 0 <= battery.cell_c < 45:
        return f"its cells are at {battery.cell_c} degC, and are charged from 0 to 45 degC"
    limit = battery.charge_w if asked_w > 0 else battery.discharge_w
    if abs(asked_w) > limit + LEAST_W:
        return f"it bears {limit:.0f} W"
    return "it is full, or nearly" if asked_w > 0 else "it is empty, or nearly"


def _through_relay_guard(plan: Plan, relay: Dwell) -> tuple[Floats, dict[tuple[str, str], Run], list[Refused]]:
    """(charge_w, runs, what was refused) as the contactors may be switched."""
    charge, runs, refused = plan.charge_w.copy(), dict(plan.runs), []
    batches: dict[Dwell, Batch] = {}
    for at, home in enumerate(plan.homes):
        asked = _asked(plan, home)
        for (device, contactor), ticks in asked.items():
            let = _relay(_dwell(home, device, relay), ticks, batches)
            if np.array_equal(let, ticks):
                continue
            planned, parts = (part.reshape(plan.steps, plan.step_s).mean(axis=1) for part in (ticks, let))
            for step in np.flatnonzero(np.abs(planned - parts) * plan.step_s > LEAST_S):
                refused.append(_cut(plan, at, device, contactor, int(step), (planned, parts), charge, runs))
    return charge, runs, refused


def _asked(plan: Plan, home: Home) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """(device, contactor): [seconds] whether it is to be closed."""
    found: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for step in range(plan.steps):
        for lease in switching.leases(plan, home.name, step):
            key = lease.device, lease.contactor
            ticks = found.setdefault(key, np.zeros(plan.steps * plan.step_s, bool))
            begin = step * plan.step_s
            ticks[begin : begin + lease.hold_s] = True
    return found


def _relay(dwell: Dwell, ticks: NDArray[np.bool_], batches: dict[Dwell, Batch]) -> NDArray[np.bool_]:
    """[seconds]: whether the guard has it closed."""
    times = tuple(
        (name, min(max(s, 1), 3600)) for name, s in (("min_on", dwell.min_on_s), ("min_off", dwell.min_off_s))
    )
    its = guard("relay_guard", times)
    batch = batches.get(dwell)
    if batch is None:
        batch = batches[dwell] = Batch(1, len(ticks), its.shape)
    batch.inputs[0] = 0
    batch.inputs[0, :, 0] = ticks
    batch.inputs[0, 1:, 2] = ticks[:-1]  # a relay that follows
    names = [quantity.name for quantity in its.program.state]
    batch.state[0] = [quantity.start for quantity in its.program.state]
    batch.state[0, names.index("closed")] = dwell.on
    batch.state[0, names.index("since")] = min(dwell.since_s, 3600)
    return batch.run(batch.load(its.wasm))[0, :, 0].astype(bool)


def _dwell(home: Home, device: str, relay: Dwell) -> Dwell:
    known = {its.name: its.dwell for its in home.devices if not isinstance(its, Task) and its.dwell is not None}
    return known.get(device, relay)


def _cut(
    plan: Plan,
    at: int,
    device: str,
    contactor: str,
    step: int,
    parts: tuple[Floats, Floats],
    charge: Floats,
    runs: dict[tuple[str, str], Run],
) -> Refused:
    """Take over what the guard leaves of one contactor in one step, and say it."""
    planned, let = float(parts[0][step]), float(parts[1][step])
    home, seconds = plan.homes[at], (round(let * plan.step_s), round(planned * plan.step_s))
    says = f"relay_guard has {contactor} closed for {seconds[0]} s of the step, not {seconds[1]} s"
    says += ": its minimum times, or too many closings in an hour"
    battery = home.battery
    if device == "battery" and battery is not None:
        asked = float(charge[at, step])
        own = switching.own_w(plan, at, step, battery)
        closed = switching.parts(float(plan.charge_w[at, step]), battery, own) | {contactor: let}
        charge[at, step] = switching.mean_w(closed, battery, own)
        return Refused(home.name, device, step, asked, float(charge[at, step]), says)
    run = runs[home.name, device]
    power = run.power_w.copy()
    asked, power[step] = float(power[step]), let * switching.rated_w(plan, at, device)
    runs[home.name, device] = Run(power, run.level)
    return Refused(home.name, device, step, asked, float(power[step]), says)


def _again(plan: Plan, charge: Floats, runs: dict[tuple[str, str], Run]) -> Plan:
    """The plan with this power: contents, meters and costs follow."""
    content, charge = plan.content_wh.astype(float), charge.astype(float)
    for at, home in enumerate(plan.homes):
        if home.battery is not None:
            now = np.array([content[at, 0]])
            for step in range(plan.steps):
                power, now = _moved([home.battery], now, charge[at, step : step + 1], plan.ahead.hours)
                charge[at, step], content[at, step + 1] = power[0], now[0]
    changed = sum((run.power_w - plan.runs[key].power_w) * _is(plan, key[0]) for key, run in runs.items())
    grid = plan.grid_w - plan.charge_w + charge + changed
    costs = cost_micro(grid, plan.ahead, plan.pooled) if plan.cost_micro else ()
    return replace(plan, charge_w=charge, content_wh=content, grid_w=grid, runs=runs, cost_micro=costs)


def _is(plan: Plan, name: str) -> Floats:
    """[homes, 1]: 1 for the home of that name."""
    is_it: Floats = (np.array(plan.names) == name).astype(float)[:, None]
    return is_it
