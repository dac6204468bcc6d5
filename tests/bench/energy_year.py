"""A year of CityLearn's 17 homes under one controller after the other: what each meter saw, and what that comes to.

THE SPLIT, written before anything was tuned on these homes for this benchmark: homes whose number is odd (01, 03 .. 17)
are for tuning, those whose number is even (02, 04 .. 16) are held out: nothing is chosen or trained by them.

All figures are of the data set's hours. What a controller may know in an hour: all hours before it, the tariff 24 hours
ahead, and the net load of the hour itself as the meter tells it while it lasts, which a battery follows by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan import Battery
from host_bridge.agent.plan.solver import Quiet
from host_bridge.agent.plan.worth import Stores, shared
from host_bridge.agent.policy.teacher import follow, teach
from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.study import trial
from host_bridge.microworld.study.feeds import Lanes
from host_bridge.microworld.study.homes import Homes

DAY = 24
AHEAD = 24
CAPACITY_WH, POWER_W, EFFICIENCY_PERMILLE = 6400, 5000, 949  # of each home's battery; one way
Say = Callable[[str], None]
Wh = NDArray[np.float64]


def tuning(count: int) -> list[int]:
    """Indexes of the homes for tuning."""
    return list(range(0, count, 2))


def held_out(count: int) -> list[int]:
    """Indexes of the homes held out."""
    return list(range(1, count, 2))


@dataclass(frozen=True)
class Year:
    """What came of a controller: grid_wh [homes, hours] as each meter saw it, charge_wh into each battery."""

    homes: Homes
    charge_wh: Wh

    @property
    def grid_wh(self) -> Wh:
        found: Wh = self.homes.net_wh + self.charge_wh
        return found

    def cost(self, *, pooled: bool) -> float:
        """Relative to no battery, metered alone."""
        base = float((np.maximum(self.homes.net_wh, 0) * self.homes.price).sum())
        return float((self._imported(pooled) * self.homes.price).sum()) / base

    def carbon(self, *, pooled: bool) -> float:
        """Grams of what is imported, relative to no battery, metered alone."""
        base = float((np.maximum(self.homes.net_wh, 0) * self.homes.carbon).sum())
        return float((self._imported(pooled) * self.homes.carbon).sum()) / base

    def self_sufficiency(self, *, pooled: bool) -> float:
        """Part of the load that was not imported."""
        return 1 - float(self._imported(pooled).sum()) / float(self.homes.load_wh.sum())

    def peak_kw(self, *, pooled: bool) -> float:
        """Highest import of an hour: of all homes together, or the mean of each home's own."""
        return float(np.atleast_2d(self._imported(pooled)).max(axis=1).mean()) / 1000

    def cycles(self) -> float:
        """Full discharges of a battery, the mean of the homes."""
        out = np.maximum(-self.charge_wh, 0).sum() / (EFFICIENCY_PERMILLE / 1000)
        return float(out / CAPACITY_WH / len(self.homes.names))

    def _imported(self, pooled: bool) -> Wh:
        grid = self.grid_wh.sum(axis=0) if pooled else self.grid_wh
        found: Wh = np.maximum(grid, 0)
        return found


def idle(homes: Homes) -> Year:
    """No battery."""
    return Year(homes, np.zeros(homes.net_wh.shape))


def rule(homes: Homes, strategy: str) -> Year:
    """A simple rule of the catalogue's world predictive_schedule: greedy or time_of_use."""
    program = spec.read(catalogue.spec_path("predictive_schedule").read_text(encoding="utf-8")).program(
        profile={"battery": strategy}
    )
    charge = trial.outputs(program, Lanes.alone(homes))[:, :, trial.charge_place(program)]
    return Year(homes, charge.astype(float))


def alone(homes: Homes) -> Year:
    """Ours, each home by itself."""
    return Year(homes, teach(homes, _battery()).charge_wh)


def pooled(homes: Homes) -> Year:
    """Ours, the batteries run for all homes together: each hour their total is shared out by what each can do."""
    count = len(homes.names)
    net = homes.net_wh.sum(axis=0, keepdims=True).astype(float)
    total = follow(net, homes.price.astype(float), _stores(count).together()).charge_wh[0]
    eta = EFFICIENCY_PERMILLE / 1000
    content, charge = np.zeros(count), np.zeros(homes.net_wh.shape)
    for hour, wanted in enumerate(total):
        batteries = [_battery(content_wh=its) for its in content]
        charge[:, hour] = shared(float(wanted), batteries, 1.0)
        content += np.where(charge[:, hour] > 0, charge[:, hour] * eta, charge[:, hour] / eta)
        content = np.clip(content, 0, CAPACITY_WH)
    return Year(homes, charge)


def foresight(homes: Homes, *, pool: bool) -> float:
    """Cost by the linear programme that knows the whole year, relative to no battery metered alone: no controller with
    these batteries does better. Contents begin empty."""
    base = float((np.maximum(homes.net_wh, 0) * homes.price).sum())
    nets = homes.net_wh.sum(axis=0, keepdims=True) if pool else homes.net_wh
    size = len(homes.names) if pool else 1
    return sum(_least_cost(net.astype(float), homes.price.astype(float), size) for net in nets) / base


def _battery(content_wh: float = 0.0) -> Battery:
    return Battery(CAPACITY_WH, POWER_W, POWER_W, content_wh, EFFICIENCY_PERMILLE)


def _stores(count: int) -> Stores:
    return Stores.of([_battery() for _ in range(count)])


def _least_cost(net: Wh, price: Wh, size: int) -> float:
    """HiGHS: minimise price * import; import >= net + in - out; content' = content + eta in - out / eta."""
    hours, eta = len(net), EFFICIENCY_PERMILLE / 1000
    lp = highspy.HighsLp()
    columns = 4 * hours  # import, in, out, content after
    lp.num_col_, lp.num_row_ = columns, 2 * hours
    zero, inf = np.zeros(hours), np.full(hours, highspy.kHighsInf)
    most = np.full(hours, float(POWER_W * size))
    lp.col_cost_ = np.concatenate([price, zero, zero, zero])
    lp.col_lower_ = np.zeros(columns)
    lp.col_upper_ = np.concatenate([inf, most, most, np.full(hours, float(CAPACITY_WH * size))])
    lp.row_lower_ = np.concatenate([net, zero])
    lp.row_upper_ = np.concatenate([inf, zero])
    at = np.arange(hours)
    rows = np.concatenate([at, at, at, at + hours, at + hours, at + hours, at[1:] + hours])
    cols = np.concatenate(
        [at, at + hours, at + 2 * hours, at + 3 * hours, at + hours, at + 2 * hours, at[:-1] + 3 * hours]
    )
    one = np.ones(hours)
    values = np.concatenate([one, -one, one, one, -eta * one, one / eta, -np.ones(hours - 1)])
    order = np.argsort(cols, kind="stable")
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.searchsorted(cols[order], np.arange(columns + 1)).astype(np.int32)
    lp.a_matrix_.index_, lp.a_matrix_.value_ = rows[order].astype(np.int32), values[order]
    solver = Quiet()
    solver.setOptionValue("threads", 1)  # as the planner's: HiGHS refuses to run with another number in one process
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError("the bound could not be solved")
    return float(solver.getInfo().objective_function_value)
