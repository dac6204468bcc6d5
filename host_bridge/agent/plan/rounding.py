"""Integers to begin with, from the relaxed programme: devices that are on or off run as it has them, never behind it.

Not the best, but near it, and there at once: the solver goes on from here as long as there is time.
"""

import numpy as np

from host_bridge.agent.plan.homes import Ahead, Dwell, Floats
from host_bridge.agent.plan.programme import Programme
from host_bridge.agent.plan.solver import Solved, Start

ALWAYS = Dwell(0, 0)
LEAST_WH = 0.1


def rounded(built: Programme, relaxed: Solved) -> Start:
    """Of the `relaxed` programme's solution: cars and heaters with binaries, and the likeliest start of each task."""
    values, columns, found = relaxed.values, [np.zeros(0, np.int32)], [np.zeros(0)]
    ahead, cars, heaters, tasks = built.ahead, built.cars, built.heaters, built.tasks
    for number, (_, car) in enumerate(cars.of):
        on = cars.on[number]
        if on is not None:
            level = _Level(cars.most_w[number] * ahead.hours, np.cumsum(values[cars.power[number]]) * ahead.hours)
            columns.append(on)
            found.append(_followed(level, car.dwell or ALWAYS, ahead))
    for number, (_, heater) in enumerate(heaters.of):
        on = heaters.on[number]
        if on is not None:
            gain = float(heaters.gain[number])
            level = _Level(gain * heaters.most_w[number], values[heaters.stored[number]])
            level.now, level.kept = float(heaters.start_wh[number]), float(heaters.kept[number])
            level.draw_wh, level.high_wh = gain * heaters.draws_w[number], heaters.high_wh[number]
            columns.append(on)
            found.append(_followed(level, heater.dwell or ALWAYS, ahead))
    for number, start in enumerate(tasks.starts):
        columns.append(start)
        chosen = np.zeros(len(start))
        if len(start) and values[start].max() >= values[tasks.undone[number]]:
            chosen[int(np.argmax(values[start]))] = 1.0
        found.append(chosen)
    return Start(np.concatenate(columns), np.concatenate(found), relaxed.objective)


class _Level:
    """What a device holds while it is switched: `adds_wh` [steps] when on, `wanted_wh` [steps] after each step."""

    def __init__(self, adds_wh: Floats, wanted_wh: Floats) -> None:
        self.adds_wh, self.wanted_wh = adds_wh, wanted_wh
        self.now, self.kept = 0.0, 1.0
        self.draw_wh, self.high_wh = np.zeros(len(adds_wh)), np.full(len(adds_wh), np.inf)

    def after(self, step: int, on: bool, before: float) -> float:
        """The level after `step`."""
        return self.kept * before - float(self.draw_wh[step]) + (float(self.adds_wh[step]) if on else 0.0)

    def wants(self, step: int, lasting: int) -> bool:
        """Whether it would fall behind, and can be on for so many steps without a gap or being too full."""
        if self.after(step, False, self.now) >= self.wanted_wh[step] - LEAST_WH:
            return False
        level = self.now
        for later in range(step, min(step + lasting, len(self.adds_wh))):
            level = self.after(later, True, level)
            if level > self.high_wh[later] or self.adds_wh[later] <= 0:
                return False
        return True


def _followed(level: _Level, dwell: Dwell, ahead: Ahead) -> Floats:
    """[steps], 0 or 1: on where it would else fall behind, as far as its times allow."""
    least = {True: -(-dwell.min_on_s // ahead.step_s), False: -(-dwell.min_off_s // ahead.step_s)}
    on, since = dwell.on, dwell.since_s // ahead.step_s
    found = np.zeros(ahead.steps)
    for step in range(ahead.steps):
        held = since < least[on]
        now = on and bool(level.adds_wh[step] > 0) if held else level.wants(step, 1 if on else max(1, least[True]))
        since = since + 1 if now == on else 1
        on, found[step] = now, float(now)
        level.now = level.after(step, on, level.now)
    return found
