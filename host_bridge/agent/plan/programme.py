"""The whole programme of a plan: batteries, loads and meters in one matrix, and where each of them is in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import loads, meters, storing
from host_bridge.agent.plan.homes import Ahead, Floats, Home, Limits, Weights
from host_bridge.agent.plan.matrix import Matrix

BOTH_W = 1.0  # less than that in the other direction is the solver's tolerance
LEAST_TOP = 1000.0  # mct/kWh: what misses and excesses weigh, where energy costs nothing


@dataclass(frozen=True)
class Programme:
    """`matrix` and the places of everything in it."""

    homes: tuple[Home, ...]
    ahead: Ahead
    pooled: bool
    weights: Weights
    matrix: Matrix
    stores: storing.Stores
    cars: loads.Cars
    heaters: loads.Heaters
    tasks: loads.Tasks
    meters: meters.Meters


def programme(
    homes: tuple[Home, ...],
    ahead: Ahead,
    pooled: bool,
    limits: Limits,
    weights: Weights,
    end_mct: Floats,
    one_way: NDArray[np.bool_] | None,
    one_direction: NDArray[np.bool_] | None,
) -> Programme:
    """`one_way` [batteries, steps], `one_direction` [groups, steps]: where binaries forbid both at once."""
    matrix = Matrix()
    mct, _ = weights.prices(ahead)
    top = max(LEAST_TOP, float(np.abs(mct).max()), float(np.abs(ahead.exported()).max()))
    miss = weights.missed * top
    stores = storing.add_stores(matrix, homes, ahead, weights, end_mct)
    cars, car_draws = loads.add_cars(matrix, homes, ahead, miss, float(mct.mean()))
    heaters, heater_draws = loads.add_heaters(matrix, homes, ahead, miss)
    tasks, task_draws = loads.add_tasks(matrix, homes, ahead, miss, mct)
    draws = loads.joined([*_battery_draws(stores), car_draws, heater_draws, task_draws])
    seen = meters.add_meters(matrix, homes, ahead, draws, pooled, limits, weights, weights.over * top)
    if one_way is not None:
        storing.add_one_way(matrix, stores, one_way)
    if one_direction is not None:
        meters.add_one_direction(matrix, seen, one_direction)
    return Programme(homes, ahead, pooled, weights, matrix, stores, cars, heaters, tasks, seen)


def both_ways(built: Programme, values: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[batteries, steps], [groups, steps]: where both directions are used at once."""
    stores, seen = built.stores, built.meters
    batteries = np.minimum(values[stores.charged], values[stores.discharged]) > BOTH_W
    return batteries, np.minimum(values[seen.imported], values[seen.exported]) > BOTH_W


def _battery_draws(stores: storing.Stores) -> list[loads.Draws]:
    steps = stores.charged.shape[1]
    home = np.repeat(stores.at, steps)
    step = np.tile(np.arange(steps), len(stores.at))
    return [
        loads.Draws(home, step, column.ravel(), np.full(column.size, sign))
        for column, sign in ((stores.charged, 1.0), (stores.discharged, -1.0))
    ]
