"""Cars, water heaters and tasks in the programme: what may run when, what it must have done by when, what is missing.

Whatever may not be possible has a column for what is missing, at a price no saving can pay: so there is always a plan,
and it misses as little as can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan.homes import Ahead, Car, Dwell, Floats, Home, Span, Task, WaterHeater
from host_bridge.agent.plan.matrix import Index, Matrix

WH_PER_LITRE_K = 1.163  # of water: 4186 J/(kg K)
LATER_MCT = 1.0  # of a kWh a day later: of two times that cost the same, the earlier one is surer


@dataclass(frozen=True)
class Draws:
    """What takes power: column `column` takes `watts` in step `step` of home `home` for each unit of it. All [n]."""

    home: NDArray[np.intp]
    step: NDArray[np.intp]
    column: Index
    watts: Floats


@dataclass(frozen=True)
class Cars:
    """power, most_w [c, steps]; `on`: binaries [steps] of those that have them; late: Wh missing by the deadline,
    missing: when it leaves [c]."""

    of: tuple[tuple[int, Car], ...]
    power: Index
    on: tuple[Index | None, ...]
    late: Index
    missing: Index
    most_w: Floats


@dataclass(frozen=True)
class Heaters:
    """power [w, steps]; stored [w, steps]: Wh above what is around after the step; cold, hot: Wh beyond the band.
    kept, gain [w]: a and (1 - a) C / U; the rest [w, steps]."""

    of: tuple[tuple[int, WaterHeater], ...]
    power: Index
    on: tuple[Index | None, ...]
    stored: Index
    cold: Index
    hot: Index
    start_wh: Floats
    wh_per_k: Floats
    kept: Floats
    gain: Floats
    most_w: Floats
    draws_w: Floats
    high_wh: Floats


@dataclass(frozen=True)
class Tasks:
    """Of each task: the columns of its possible starts, their steps, and the column for not at all or later."""

    of: tuple[tuple[int, Task], ...]
    starts: tuple[Index, ...]
    steps: tuple[NDArray[np.intp], ...]
    undone: Index
    late_s: tuple[int, ...]


def open_part(ahead: Ahead, from_s: int, until_s: int, barred: Sequence[Span]) -> Floats:
    """[steps]: the part of each step that lies in the span and in none barred (which may not overlap each other)."""
    edges = ahead.from_s + ahead.step_s * np.arange(ahead.steps + 1)

    def part(begin: float, end: float) -> Floats:
        inside: Floats = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin), 0, None) / ahead.step_s
        return inside

    found = part(from_s, until_s)
    for begin, end in barred:
        found = found - part(max(begin, from_s), min(end, until_s)) * (end > begin)
    return np.clip(found, 0.0, 1.0)


def add_cars(matrix: Matrix, homes: tuple[Home, ...], ahead: Ahead, miss: float, mean_mct: float) -> tuple[Cars, Draws]:
    """`miss`: mct of a kWh that a wish of priority 1 misses; mean_mct: of a kWh taken after the horizon."""
    of = tuple((at, car) for at, home in enumerate(homes) for car in home.cars if car.name not in home.never)
    shape, hours, end_s = (len(of), ahead.steps), ahead.hours, ahead.from_s + ahead.steps * ahead.step_s
    parts = [open_part(ahead, car.arrives_s, car.leaves_s, car.barred) for _, car in of]
    rated = np.array([car.power_w for _, car in of])
    most = rated[:, None] * np.array(parts).reshape(shape)
    power = matrix.columns(shape, 0.0, most, _later_mct(ahead) * hours / 1000)
    price = np.array([miss * car.priority / 1000 for _, car in of])
    late, missing = (matrix.columns((len(of),), 0.0, np.inf, price) for _ in range(2))
    after = np.array([car.power_w * max(0, car.leaves_s - max(car.arrives_s, end_s)) / 3600 for _, car in of])
    put_off = matrix.columns((len(of),), 0.0, after, mean_mct / 1000)
    due = np.array([min(car.by_s or car.leaves_s, car.leaves_s) for _, car in of])
    needs = np.array([max(0.0, car.needs_wh) for _, car in of])
    edges = ahead.from_s + ahead.step_s * np.arange(1, ahead.steps + 1)
    before = edges <= due[:, None]
    full = np.array([np.inf if _switched(car.dwell, ahead) else 0.0 for _, car in of])
    spare = matrix.columns(
        (len(of),), 0.0, full, 0.1 * price
    )  # a full car stops by itself: whole steps may be too much
    all_in = matrix.rows((len(of),), needs, needs)
    matrix.put(all_in, spare, -1.0)
    matrix.put(all_in[:, None], power, hours)
    by = matrix.rows((len(of),), needs, np.inf)
    matrix.put(np.broadcast_to(by[:, None], shape)[before], power[before], hours)
    for row, slack in ((all_in, missing), (by, late)):
        matrix.put(row, slack, 1.0)
    matrix.put(all_in, put_off, 1.0)
    matrix.put(by, put_off, (due > end_s).astype(float))
    on: list[Index | None] = [None] * len(of)
    for number, (_, car) in enumerate(of):
        if _switched(car.dwell, ahead) or car.least_w > 0:
            low = most[number] if _switched(car.dwell, ahead) else np.minimum(car.least_w, most[number])
            on[number] = _add_switch(matrix, power[number], low, most[number], car.dwell, ahead)
    return Cars(of, power, tuple(on), late, missing, most), _spread(of, power)


def add_heaters(matrix: Matrix, homes: tuple[Home, ...], ahead: Ahead, miss: float) -> tuple[Heaters, Draws]:
    """Stored heat with loss, exactly for a power that is constant in a step: with C in Wh/K and U in W/K,
    stored[t+1] = a * stored[t] + (1 - a) * C / U * (power - draw),  a = exp(-U * hours / C)."""
    of = tuple((at, its) for at, home in enumerate(homes) for its in home.heaters if its.name not in home.never)
    shape, hours = (len(of), ahead.steps), ahead.hours
    wh_per_k = np.array([WH_PER_LITRE_K * max(its.litres, 1.0) for _, its in of])
    lost = np.array([max(its.loss_w_per_k, 1e-9) for _, its in of])
    kept = np.array([exp(-u * hours / c) for u, c in zip(lost, wh_per_k, strict=True)])
    gain = (1 - kept) * wh_per_k / lost
    draws = np.array([np.broadcast_to(its.draws_w, ahead.steps) for _, its in of], float).reshape(shape)
    start = np.array([(its.now_c - its.around_c) for _, its in of]) * wh_per_k
    low, high = (_bands(of, ahead, side) * wh_per_k[:, None] for side in ("low_c", "high_c"))
    most = np.array([its.power_w * open_part(ahead, 0, 1 << 60, its.barred) for _, its in of]).reshape(shape)
    price = np.array([miss * its.priority / 1000 for _, its in of])[:, None]
    switched = np.array([_switched(its.dwell, ahead) for _, its in of], bool)
    power = matrix.columns(shape, 0.0, most)
    stored = matrix.columns(shape, -np.inf, np.inf)
    cold = matrix.columns(shape, 0.0, np.inf, price)
    hot = matrix.columns(shape, 0.0, np.where(switched, np.inf, 0.0)[:, None], price * 2)
    left = _left_alone(start, kept, gain, draws)
    opening = -gain[:, None] * draws
    opening[:, :1] += (kept * start)[:, None]
    row = matrix.rows(shape, opening, opening)
    matrix.put(row, stored, 1.0)
    matrix.put(row[:, 1:], stored[:, :-1], -kept[:, None])
    matrix.put(row, power, -gain[:, None])
    for lower, upper, slack, sign in ((low, np.inf, cold, 1.0), (-np.inf, np.maximum(high, left), hot, -1.0)):
        band = matrix.rows(shape, lower, upper)
        matrix.put(band, stored, 1.0)
        matrix.put(band, slack, sign)
    on: list[Index | None] = [None] * len(of)
    for number in np.flatnonzero(switched):
        its = of[number][1]
        on[number] = _add_switch(matrix, power[number], most[number], most[number], its.dwell, ahead)
    known = start, wh_per_k, kept, gain, most, draws, np.maximum(high, left)
    return Heaters(of, power, tuple(on), stored, cold, hot, *known), _spread(of, power)


def add_tasks(matrix: Matrix, homes: tuple[Home, ...], ahead: Ahead, miss: float, mct: Floats) -> tuple[Tasks, Draws]:
    """A binary for each step in which a task may start; one of them is 1, or the task is put off or undone."""
    of = tuple((at, task) for at, home in enumerate(homes) for task in home.tasks if task.name not in home.never)
    end_s = ahead.from_s + ahead.steps * ahead.step_s
    starts, steps, found, late, undone_mct = [], [], [], [], []
    for at, task in of:
        when, late_s = _possible(task, ahead)
        beyond_wh = task.power_w * np.clip(ahead.from_s + when * ahead.step_s + task.duration_s - end_s, 0, None) / 3600
        fixed = float(task.started_s is not None)
        later_mct = _later_mct(ahead)[np.maximum(when, 0)] * task.power_w * task.duration_s / 3.6e6
        column = matrix.columns(when.shape, fixed, 1.0, beyond_wh * mct.mean() / 1000 + later_mct, whole=True)
        later = task.started_s is None and task.latest_s - task.duration_s >= max(end_s, task.earliest_s)
        undone_mct.append(
            (mct.mean() if later else miss * task.priority) / 1000 * task.power_w * task.duration_s / 3600
        )
        starts.append(column)
        steps.append(when)
        late.append(late_s)
        found.append(_task_draws(at, task, when, column, ahead))
    undone = matrix.columns((len(of),), 0.0, 1.0, undone_mct)
    rows = matrix.rows((len(of),), 1.0, 1.0)
    matrix.put(rows, undone, 1.0)
    for row, column in zip(rows, starts, strict=True):
        matrix.put(row, column, 1.0)
    return Tasks(of, tuple(starts), tuple(steps), undone, tuple(late)), joined(found)


def _later_mct(ahead: Ahead) -> Floats:
    """[steps]: of a kWh."""
    return np.arange(ahead.steps, dtype=np.float64) * (LATER_MCT * ahead.step_s / 86_400)


def _possible(task: Task, ahead: Ahead) -> tuple[NDArray[np.intp], int]:
    """(the steps in which it may start, how late it then ends in s). A running one: the step it did, below 0."""
    if task.started_s is not None:
        return np.array([(task.started_s - ahead.from_s) // ahead.step_s], np.intp), 0
    first = max(0, -(-(task.earliest_s - ahead.from_s) // ahead.step_s))
    last = (task.latest_s - task.duration_s - ahead.from_s) // ahead.step_s
    when = np.arange(first, ahead.steps, dtype=np.intp)
    begin = ahead.from_s + when * ahead.step_s
    allowed = np.ones(len(when), bool)
    for from_s, until_s in task.barred:
        allowed &= (begin >= until_s) | (begin + task.duration_s <= from_s)
    within = when[allowed & (when <= last)]
    if len(within) or last >= ahead.steps or not allowed.any():
        return within, 0
    closest = when[allowed][:1]
    return closest, int(ahead.from_s + closest[0] * ahead.step_s + task.duration_s - task.latest_s)


def _task_draws(at: int, task: Task, when: NDArray[np.intp], column: Index, ahead: Ahead) -> Draws:
    lasts = np.arange(-(-task.duration_s // ahead.step_s))
    part = np.minimum(task.duration_s - lasts * ahead.step_s, ahead.step_s) / ahead.step_s
    step = (when[:, None] + lasts).ravel()
    inside = (step >= 0) & (step < ahead.steps)
    watts = np.broadcast_to(task.power_w * part, (len(when), len(lasts))).ravel()
    columns = np.repeat(column, len(lasts))
    return Draws(np.full(int(inside.sum()), at, np.intp), step[inside], columns[inside], watts[inside])


def _bands(of: Sequence[tuple[int, WaterHeater]], ahead: Ahead, side: str) -> Floats:
    """[w, steps]: that side of the comfort band at each step's end, in K above what is around."""
    ends = ahead.from_s + ahead.step_s * np.arange(1, ahead.steps + 1)
    found = np.zeros((len(of), ahead.steps))
    for number, (_, its) in enumerate(of):
        found[number] = getattr(its, side)
        for band in its.bands:
            found[number][(ends > band.from_s) & (ends <= band.until_s)] = getattr(band, side)
        found[number] -= its.around_c
    return found


def _left_alone(start: Floats, kept: Floats, gain: Floats, draws: Floats) -> Floats:
    """[w, steps]: what would be stored without any heating."""
    found = np.empty_like(draws)
    now = start
    for step in range(draws.shape[1]):
        now = kept * now - gain * draws[:, step]
        found[:, step] = now
    return found


def _switched(dwell: Dwell | None, ahead: Ahead) -> bool:
    """Whether it is on or off for whole steps: its minimum times are longer than a step."""
    return dwell is not None and max(dwell.min_on_s, dwell.min_off_s) > ahead.step_s


def _add_switch(matrix: Matrix, power: Index, low: Floats, most: Floats, dwell: Dwell | None, ahead: Ahead) -> Index:
    """The binaries. Power is 0, or low to most; with minimum times: what was switched on within its time is on, and
    what was switched off within it is off (D. Rajan, S. Takriti, IBM RC23628, 2005)."""
    steps = len(power)
    on = matrix.columns((steps,), 0.0, most > 0, whole=True)
    for bound, lower, upper in ((most, -np.inf, 0.0), (low, 0.0, np.inf)):
        row = matrix.rows((steps,), lower, upper)
        matrix.put(row, power, 1.0)
        matrix.put(row, on, -bound)
    if dwell is None:
        return on
    switched = {True: dwell.min_on_s, False: dwell.min_off_s}
    held = min(steps, -(-max(0, switched[dwell.on] - dwell.since_s) // ahead.step_s))
    held = int(np.argmin(np.append(most[:held] > 0, False))) if dwell.on else held  # until it is taken away
    fixed = matrix.rows((held,), float(dwell.on) * (most[:held] > 0), float(dwell.on))
    matrix.put(fixed, on[:held], 1.0)
    up, down = (matrix.columns((steps,), 0.0, 1.0) for _ in range(2))
    opening = np.zeros(steps)
    opening[0] = dwell.on
    change = matrix.rows((steps,), opening, opening)
    matrix.put(change, on, 1.0)
    matrix.put(change[1:], on[:-1], -1.0)
    matrix.put(change, up, -1.0)
    matrix.put(change, down, 1.0)
    for lasting_s, turned, sign, most_on in ((dwell.min_on_s, up, -1.0, 0.0), (dwell.min_off_s, down, 1.0, 1.0)):
        window = max(1, -(-lasting_s // ahead.step_s))
        row = matrix.rows((steps,), -np.inf, most_on)
        matrix.put(row, on, sign)
        after, begun = np.nonzero(np.tri(steps) - np.tri(steps, k=-window))
        matrix.put(row[after], turned[begun], 1.0)
    return on


def _spread(of: Sequence[tuple[int, object]], power: Index) -> Draws:
    """Columns of power in W, as draws."""
    homes = np.array([at for at, _ in of], np.intp)
    steps = power.shape[1]
    home = np.repeat(homes, steps)
    return Draws(home, np.tile(np.arange(steps), len(of)), power.ravel(), np.ones(power.size))


def joined(parts: Sequence[Draws]) -> Draws:
    """All of them as one."""
    if not parts:
        none = np.zeros(0, np.intp)
        return Draws(none, none, np.zeros(0, np.int32), np.zeros(0))
    return Draws(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("home", "step", "column", "watts"))
    )
