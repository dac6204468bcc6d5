"""Batteries in the programme: what goes in, what comes out, what is held, and what the rest is worth at the end.

content[t+1] = content[t] + hours * (efficiency * charged_w - discharged_w / efficiency), between least and capacity:
the storage model of every energy system programme, e.g. PyPSA's (T. Brown et al., J. Open Res. Softw. 6:4, 2018).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan.homes import Ahead, Battery, Floats, Home, Weights
from host_bridge.agent.plan.matrix import Index, Matrix


@dataclass(frozen=True)
class Stores:
    """Of the homes `at` [b] alone, in their order; indices of columns and rows [b, steps]."""

    at: NDArray[np.intp]
    charged: Index
    discharged: Index
    content: Index
    balance: Index
    start_wh: Floats
    efficiency: Floats
    most_in_w: Floats
    most_out_w: Floats


def movable(home: Home) -> Battery | None:
    """The battery that a plan may move; None: there is none, it must not be switched, or it has a fault."""
    battery = home.battery
    usable = battery is not None and "battery" not in home.never and not battery.fault and battery.capacity_wh > 0
    return battery if usable else None


def add_stores(matrix: Matrix, homes: tuple[Home, ...], ahead: Ahead, weights: Weights, end_mct: Floats) -> Stores:
    """`end_mct` [homes, bands]: what a stored kWh is worth after the last step, in equal parts, falling."""
    found = [(at, battery) for at, home in enumerate(homes) if (battery := movable(home)) is not None]
    at = np.array([at for at, _ in found], np.intp)
    column = _numbers([battery for _, battery in found])
    capacity, most_in, most_out, efficiency, least, start = column
    start = np.clip(start, 0.0, capacity)
    shape, hours = (len(found), ahead.steps), ahead.hours
    wear = weights.wear_mct * hours / 1000
    charged = matrix.columns(shape, 0.0, most_in[:, None])
    discharged = matrix.columns(shape, 0.0, most_out[:, None], wear)
    content = matrix.columns(shape, np.minimum(least, start)[:, None], capacity[:, None])
    opening = np.zeros(shape)
    opening[:, :1] = start[:, None]
    balance = matrix.rows(shape, opening, opening)
    matrix.put(balance, content, 1.0)
    matrix.put(balance[:, 1:], content[:, :-1], -1.0)
    matrix.put(balance, charged, -hours * efficiency[:, None])
    matrix.put(balance, discharged, hours / efficiency[:, None])
    _add_end(matrix, content[:, -1], capacity, end_mct[at])
    return Stores(at, charged, discharged, content, balance, start, efficiency, most_in, most_out)


def add_one_way(matrix: Matrix, stores: Stores, where: NDArray[np.bool_]) -> None:
    """In the steps `where` [b, steps] a battery charges or discharges, not both: a binary for each."""
    which, _ = np.nonzero(where)
    way = matrix.columns((len(which),), 0.0, 1.0, whole=True)
    into = matrix.rows(way.shape, -np.inf, 0.0)
    matrix.put(into, stores.charged[where], 1.0)
    matrix.put(into, way, -stores.most_in_w[which])
    out = matrix.rows(way.shape, -np.inf, stores.most_out_w[which])
    matrix.put(out, stores.discharged[where], 1.0)
    matrix.put(out, way, stores.most_out_w[which])


def _add_end(matrix: Matrix, last: Index, capacity: Floats, end_mct: Floats) -> None:
    bands = end_mct.shape[1]
    held = matrix.columns(end_mct.shape, 0.0, capacity[:, None] / bands, -end_mct / 1000)
    row = matrix.rows(last.shape, -np.inf, 0.0)
    matrix.put(row[:, None], held, 1.0)
    matrix.put(row, last, -1.0)


def _numbers(batteries: list[Battery]) -> Floats:
    """[6, b]: capacity, charge_w, discharge_w, efficiency, least, content."""
    rows = [
        (its.capacity_wh, its.charge_w, its.discharge_w, its.efficiency, its.least_wh, its.content_wh)
        for its in batteries
    ]
    return np.array(rows, float).reshape(len(rows), 6).T
