"""What a home would spend if its node followed given rows and all went as is expected: what each row is worth."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from host_bridge.agent.plan import switching
from host_bridge.agent.plan.alone_rows import Minutes, Row
from host_bridge.agent.plan.homes import Floats
from host_bridge.agent.plan.storing import movable

END_PART = 0.5  # of the mean price: what is left in the battery is worth, as in `solve`


@dataclass(frozen=True)
class Trial:
    """Of the home with number `at` in the plan of `minutes`, from its first step on."""

    minutes: Minutes
    at: int

    def lost_mct(self, rows: list[Row], instead_of: list[Row]) -> float:
        """What the battery saves less with `rows` than with `instead_of`; below 0: it saves more."""
        return self.cost_mct(rows) - self.cost_mct(instead_of)

    def cost_mct(self, rows: list[Row]) -> float:
        """For energy from the grid, less what is left in the battery; the loads' rows are not looked at."""
        battery = movable(self.minutes.plan.homes[self.at])
        if battery is None:
            return 0.0
        closed = {name: self._parts(rows, name) for name in (switching.HOLD, switching.CHARGE)}
        net_w, buys, earns = self._expected
        hours = self.minutes.plan.ahead.hours
        content = float(self.minutes.plan.content_wh[self.at, self.minutes.first])
        spent = 0.0
        for step, net in enumerate(net_w):
            own = switching.alone_w(battery, net, content, hours)
            power = switching.mean_w({name: parts[step] for name, parts in closed.items()}, battery, own)
            power = min(power, (battery.capacity_wh - content) / battery.efficiency / hours)
            content += (power * battery.efficiency if power > 0 else power / battery.efficiency) * hours
            grid = net + power
            spent += (grid * buys[step] if grid > 0 else grid * earns[step]) * hours / 1000
        return spent - END_PART * float(np.mean(buys)) * battery.efficiency * content / 1000

    @cached_property
    def _expected(self) -> tuple[list[float], list[float], list[float]]:
        plan, first = self.minutes.plan, self.minutes.first
        net = plan.grid_w[self.at, first:] - plan.charge_w[self.at, first:]
        return net.tolist(), np.asarray(plan.ahead.price_mct)[first:].tolist(), plan.ahead.exported()[first:].tolist()

    def _parts(self, rows: list[Row], contactor: str) -> list[float]:
        """[steps]: the part of each step in which the rows have it closed."""
        closed = np.zeros(self.minutes.count)
        for row in rows:
            if row.contactor == contactor:
                closed[row.start : row.end] = 1.0
        plan = self.minutes.plan
        edges = np.arange(plan.steps - self.minutes.first + 1) * plan.step_s / self.minutes.grid_s
        total: Floats = np.interp(edges, np.arange(len(closed) + 1), np.append(0.0, np.cumsum(closed)))
        return list((np.diff(total) * self.minutes.grid_s / plan.step_s).tolist())
