"""What meters see, in the programme: the balance of each group behind one meter, money, limits, peaks, budgets.

    imported - exported = load - sun + charged - discharged + cars + heaters + tasks      (each step)

A limit may be passed where it cannot be kept, at a price no saving can pay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan.homes import Ahead, Feeder, Floats, Home, Limits, Weights
from host_bridge.agent.plan.loads import Draws
from host_bridge.agent.plan.matrix import Index, Matrix


@dataclass(frozen=True)
class Limit:
    """per_w @ (each home's net W) <= `most`, if it can be. per_w [homes]; `home` "": of all together."""

    home: str
    what: str
    per_w: Floats
    most: float


@dataclass(frozen=True)
class Meters:
    """group [homes]: behind which meter each is. imported, exported, balance, reach_w [groups, steps]. `limits`
    may be passed where they cannot be kept, and so may budgets."""

    group: NDArray[np.intp]
    imported: Index
    exported: Index
    balance: Index
    reach_w: tuple[Floats, Floats]
    limits: tuple[Limit, ...]


def add_meters(
    matrix: Matrix,
    homes: tuple[Home, ...],
    ahead: Ahead,
    draws: Draws,
    pooled: bool,
    limits: Limits,
    weights: Weights,
    over_mct: float,
) -> Meters:
    """`over_mct`: what a kWh beyond a limit weighs."""
    group = np.zeros(len(homes), np.intp) if pooled else np.arange(len(homes))
    shape = (int(group.max()) + 1, ahead.steps)
    net = _summed(ahead.net_w, group, shape)
    reach = _reach(homes, ahead, group, net)
    hours = ahead.hours / 1000
    price, earns = weights.prices(ahead)
    imported = matrix.columns(shape, 0.0, reach[0], price * hours)
    exported = matrix.columns(shape, 0.0, reach[1], -earns * hours)
    balance = matrix.rows(shape, net, net)
    matrix.put(balance, imported, 1.0)
    matrix.put(balance, exported, -1.0)
    matrix.put(balance[group[draws.home], draws.step], draws.column, -draws.watts)
    found = _all_limits(homes, limits)
    _add_limits(matrix, ahead, draws, imported, exported, found, over_mct * hours)
    if weights.peak_mct_per_kw:
        peak = matrix.columns((shape[0], 1), 0.0, np.inf, weights.peak_mct_per_kw / 1000)
        row = matrix.rows(shape, 0.0, np.inf)
        matrix.put(row, peak, 1.0)
        matrix.put(row, imported, -1.0)
    if not pooled:
        _add_budgets(matrix, homes, ahead, imported, exported, weights)
    return Meters(group, imported, exported, balance, reach, tuple(found))


def add_one_direction(matrix: Matrix, meters: Meters, where: NDArray[np.bool_]) -> None:
    """In the steps `where` [groups, steps] a meter imports or exports, not both: a binary for each."""
    way = matrix.columns((int(where.sum()),), 0.0, 1.0, whole=True)
    into = matrix.rows(way.shape, -np.inf, 0.0)
    matrix.put(into, meters.imported[where], 1.0)
    matrix.put(into, way, -meters.reach_w[0][where])
    out = matrix.rows(way.shape, -np.inf, meters.reach_w[1][where])
    matrix.put(out, meters.exported[where], 1.0)
    matrix.put(out, way, meters.reach_w[1][where])


def _summed(net_w: Floats, group: NDArray[np.intp], shape: tuple[int, ...]) -> Floats:
    found = np.zeros(shape)
    np.add.at(found, group, net_w)
    return found


def _reach(homes: tuple[Home, ...], ahead: Ahead, group: NDArray[np.intp], net: Floats) -> tuple[Floats, Floats]:
    """[groups, steps]: the most that could ever be imported and exported."""
    into, out = np.zeros(len(homes)), np.zeros(len(homes))
    for at, home in enumerate(homes):
        into[at] = sum(its.power_w for its in home.devices) + (home.battery.charge_w if home.battery else 0.0)
        out[at] = home.battery.discharge_w if home.battery else 0.0
    most_in, most_out = (np.bincount(group, weights=part)[:, None] for part in (into, out))
    return np.asarray(np.maximum(net, 0) + most_in + 1.0), np.asarray(np.maximum(-net, 0) + most_out + 1.0)


def _all_limits(homes: tuple[Home, ...], limits: Limits) -> list[Limit]:
    """Those of homes, of all of them together, and of the feeder, of which each row is scaled to W of one home."""
    count, found = len(homes), []
    for at, home in enumerate(homes):
        one = np.eye(count)[at]
        found += [Limit(home.name, f"import limit of {home.import_limit_w:.0f} W", one, home.import_limit_w)]
        found += [Limit(home.name, f"export limit of {home.export_limit_w:.0f} W", -one, home.export_limit_w)]
    found += [Limit("", f"import limit of {limits.import_w:.0f} W for all homes", np.ones(count), limits.import_w)]
    found += [Limit("", f"export limit of {limits.export_w:.0f} W for all homes", -np.ones(count), limits.export_w)]
    found += _feeder_limits(limits.feeder) if limits.feeder is not None else []
    return [limit for limit in found if np.isfinite(limit.most) and limit.per_w.any()]


def _feeder_limits(feeder: Feeder) -> list[Limit]:
    found = []
    for at, name in enumerate(feeder.names):
        row = np.asarray(feeder.per_w[at], float)
        scale = max(float(np.abs(row).max()), 1e-12)
        per_w: Floats = row / scale
        what = f"limit of {name} ({scale:.3g} {feeder.unit} for each W)"
        found.append(Limit("", what, per_w, float(feeder.most[at] - feeder.base[at]) / scale))
        found.append(Limit("", what, -per_w, float(feeder.base[at] - feeder.least[at]) / scale))
    return found


def _add_limits(
    matrix: Matrix, ahead: Ahead, draws: Draws, imported: Index, exported: Index, found: list[Limit], over_mct: float
) -> None:
    """Each in every step, on net powers that have a column here for each home that a limit is on; those of all homes on
    what all meters see."""
    count = len(ahead.net_w)
    whole = [np.abs(limit.per_w).min() == 1 and np.ptp(limit.per_w) == 0 and count > 1 for limit in found]
    mine = np.any(
        [limit.per_w != 0 for limit, all_of in zip(found, whole, strict=True) if not all_of] or [[False]], axis=0
    )
    mine = np.broadcast_to(mine, count)
    place = np.cumsum(mine) - 1
    net = matrix.columns((int(mine.sum()), ahead.steps), -np.inf, np.inf)
    row = matrix.rows(net.shape, ahead.net_w[mine], ahead.net_w[mine])
    matrix.put(row, net, 1.0)
    its = mine[draws.home]
    matrix.put(row[place[draws.home[its]], draws.step[its]], draws.column[its], -draws.watts[its])
    for limit, all_of in zip(found, whole, strict=True):
        if all_of:
            sign = float(limit.per_w[0])
            _soft(matrix, [(imported, sign), (exported, -sign)], limit.most, over_mct)
        else:
            on = np.flatnonzero(limit.per_w)
            _soft(matrix, [(net[place[on]], limit.per_w[on, None])], limit.most, over_mct)


def _soft(matrix: Matrix, terms: list[tuple[Index, float | Floats]], most: float, over_mct: float) -> None:
    """terms @ x <= most in each step, or past it at that price. Terms [any, steps] are summed."""
    steps = terms[0][0].shape[-1]
    over = matrix.columns((steps,), 0.0, np.inf, over_mct)
    row = matrix.rows((steps,), -np.inf, most)
    for column, value in terms:
        matrix.put(np.broadcast_to(row, column.shape), column, value)
    matrix.put(row, over, -1.0)


def _add_budgets(
    matrix: Matrix, homes: tuple[Home, ...], ahead: Ahead, imported: Index, exported: Index, weights: Weights
) -> None:
    """Each home's money over the hours planned; passing it by one weighs as three wishes' worth of it."""
    hours = ahead.hours / 1000
    for at, home in enumerate(homes):
        if home.budget_micro is not None:
            over = matrix.columns((1,), 0.0, np.inf, 3 * weights.missed)
            row = matrix.rows((1,), -np.inf, home.budget_micro / 10)
            matrix.put(row, imported[at], np.asarray(ahead.price_mct) * hours)
            matrix.put(row, exported[at], -ahead.exported() * hours)
            matrix.put(row, over, -1.0)
