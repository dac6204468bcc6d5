"""The solver's columns, read back as a Plan: netted, priced, and with words for what it does not keep."""

from dataclasses import replace

import numpy as np

from host_bridge.agent.plan import plan as plans
from host_bridge.agent.plan.cannot import cannot
from host_bridge.agent.plan.homes import Ahead, Floats, Limits
from host_bridge.agent.plan.plan import Plan, Run
from host_bridge.agent.plan.programme import Programme


def read(built: Programme, values: Floats, duals: Floats, limits: Limits) -> Plan:
    """What the columns' `values` mean. Duals of the batteries' balances are the worth of what they hold."""
    homes, ahead = built.homes, built.ahead
    blank = plans.nothing(homes, built.pooled, ahead, "", ahead.from_s)
    charge, content = np.zeros_like(blank.charge_w), blank.content_wh.copy()
    stores = built.stores
    moved = _netted(values[stores.charged], values[stores.discharged], stores.efficiency)
    charge[stores.at] = moved
    content[stores.at, 0] = stores.start_wh
    content[stores.at, 1:] = values[stores.content]
    marginal = np.zeros_like(charge)
    marginal[stores.at] = -1000 * duals[stores.balance] + 0.0
    runs, drawn = _runs(built, values)
    grid = ahead.net_w + charge + drawn
    found = replace(
        blank,
        charge_w=charge,
        content_wh=content,
        grid_w=grid,
        runs=runs,
        marginal_mct=marginal,
        cost_micro=cost_micro(grid, ahead, built.pooled),
        columns=built.matrix.columns_made,
        rows=built.matrix.rows_made,
        weights=built.weights,
        limits_w=(limits.import_w, limits.export_w),
    )
    return replace(found, cannot=cannot(built, values, found))


def cost_micro(grid_w: Floats, ahead: Ahead, pooled: bool) -> tuple[int, ...]:
    """Of each home, or of all behind one meter: what the meter sees, at the prices; no weights."""
    seen = grid_w.sum(axis=0, keepdims=True) if pooled else grid_w
    mct = np.maximum(seen, 0) * ahead.price_mct - np.maximum(-seen, 0) * ahead.exported()
    return tuple(round(one) for one in (10 * ahead.hours / 1000 * mct.sum(axis=1)).tolist())


def _netted(charged: Floats, discharged: Floats, efficiency: Floats) -> Floats:
    """The power that moves the same energy in one direction only: what a battery can do."""
    stored = charged * efficiency[:, None] - discharged / efficiency[:, None]
    moved = np.where(stored > 0, stored / efficiency[:, None], stored * efficiency[:, None])
    return np.where(np.abs(moved) < 1e-6, 0.0, moved)


def _runs(built: Programme, values: Floats) -> tuple[dict[tuple[str, str], Run], Floats]:
    """The devices', and [homes, steps] what they take."""
    homes, ahead = built.homes, built.ahead
    drawn = np.zeros_like(ahead.net_w)
    runs: dict[tuple[str, str], Run] = {}
    cars, heaters, tasks = built.cars, built.heaters, built.tasks
    for number, (at, car) in enumerate(cars.of):
        power = np.clip(values[cars.power[number]], 0, None)
        level = np.minimum(np.cumsum(power * ahead.hours), max(car.needs_wh, 0.0) + 1e-6)
        _take(runs, drawn, at, (homes[at].name, car.name), Run(power, np.append(0.0, level)))
    for number, (at, heater) in enumerate(heaters.of):
        power = np.clip(values[heaters.power[number]], 0, None)
        stored = np.append(heaters.start_wh[number], values[heaters.stored[number]])
        level = heater.around_c + stored / heaters.wh_per_k[number]
        _take(runs, drawn, at, (homes[at].name, heater.name), Run(power, level))
    for number, (at, task) in enumerate(tasks.of):
        power = _task_power(built, number, values)
        _take(runs, drawn, at, (homes[at].name, task.name), Run(power, np.append(0.0, np.cumsum(power * ahead.hours))))
    return runs, drawn


def _take(runs: dict[tuple[str, str], Run], drawn: Floats, at: int, key: tuple[str, str], run: Run) -> None:
    former = runs.get(key)
    runs[key] = run if former is None else Run(former.power_w + run.power_w, former.level + run.level)
    drawn[at] += run.power_w


def _task_power(built: Programme, number: int, values: Floats) -> Floats:
    tasks, ahead = built.tasks, built.ahead
    _, task = tasks.of[number]
    power = np.zeros(ahead.steps)
    chosen = tasks.steps[number][np.round(values[tasks.starts[number]]) == 1]
    for start in chosen:
        lasts = np.arange(-(-task.duration_s // ahead.step_s))
        part = np.minimum(task.duration_s - lasts * ahead.step_s, ahead.step_s) / ahead.step_s
        inside = (start + lasts >= 0) & (start + lasts < ahead.steps)
        power[(start + lasts)[inside]] += task.power_w * part[inside]
    return power
