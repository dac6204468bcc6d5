"""A plan as it is handed on: what each home does in each step, what it costs, what cannot be had, how it was found."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.plan.homes import MONEY, Ahead, Floats, Home, Weights

OPTIMAL, TIME_LIMIT = "optimal", "time limit"
KEPT = "last good plan kept"
NOTHING = "nothing planned"


class Cannot(NamedTuple):
    """A wish or limit that the plan does not keep: by how much at most, in `unit`, and that in words."""

    home: str
    what: str
    amount: float
    unit: str
    says: str


@dataclass(frozen=True)
class Run:
    """One device of a home: power_w [steps] at its plug; `level` [steps + 1]: Wh charged of a car, degC of a heater, Wh
    done of a task, at the beginning of each step and the end of the last."""

    power_w: Floats
    level: Floats

    def on(self) -> NDArray[np.bool_]:
        """[steps]: whether it takes any power."""
        return self.power_w > 1


@dataclass(frozen=True)
class Plan:
    """charge_w (+ into the battery), grid_w (+ import) [homes, steps]; content_wh [homes, steps + 1], which begins with
    what is in now; runs by (home, device). worth_mct [homes, steps, bands]: what another stored kWh is worth after the
    step in each equal part of the battery, lowest first (`worth`), and marginal_mct [homes, steps]: the same at the
    planned content, from the solver; both in what `prices` counts. cost_micro: of the grid's energy, money alone,
    [homes] alone, [1] pooled; objective_micro: as weighed, with the worth of what is left, wear and what wishes missed
    weigh. gap_ppm: to the best that the solver could not exclude.
    """

    made_s: int
    step_s: int
    homes: tuple[Home, ...]
    pooled: bool
    ahead: Ahead
    charge_w: Floats
    grid_w: Floats
    content_wh: Floats
    runs: dict[tuple[str, str], Run]
    marginal_mct: Floats
    worth_mct: Floats
    outcome: str
    cost_micro: tuple[int, ...] = ()
    objective_micro: int = 0
    bound_micro: int = 0
    cannot: tuple[Cannot, ...] = ()
    matrix_ms: float = 0.0
    solve_ms: float = 0.0
    read_ms: float = 0.0
    worth_ms: float = 0.0
    gap_ppm: int = 0
    columns: int = 0
    rows: int = 0
    binaries: int = 0
    weights: Weights = MONEY
    limits_w: tuple[float, float] = field(default=(np.inf, np.inf))  # of all homes together: import, export

    @property
    def good(self) -> bool:
        """Whether the solver made it, rather than it being kept or empty."""
        return (
            self.outcome.startswith((OPTIMAL, TIME_LIMIT)) and KEPT not in self.outcome and NOTHING not in self.outcome
        )

    def prices(self) -> tuple[Floats, Floats]:
        """[steps] each: what an imported and an exported kWh weigh, as `worth_mct` reckons: prices, and carbon if that
        counts. `worth.law` is to be given these."""
        return self.weights.prices(self.ahead)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the homes, in order."""
        return tuple(home.name for home in self.homes)

    @property
    def steps(self) -> int:
        """How many there are."""
        return int(self.charge_w.shape[1])

    def step_of(self, at_s: int) -> int | None:
        """The step that `at_s` lies in; None: none."""
        step: int = (at_s - self.ahead.from_s) // self.step_s
        return step if 0 <= step < self.steps else None

    def shifted(self, ahead: Ahead, outcome: str, made_s: int) -> "Plan":
        """The same from `ahead.from_s` on: steps gone by are dropped, those beyond its end do nothing by plan."""
        steps = ahead.steps
        gone = (ahead.from_s - self.ahead.from_s) // self.step_s
        if self.step_s != ahead.step_s or not 0 <= gone < self.steps or len(self.homes) != len(ahead.net_w):
            gone_by = outcome.replace(KEPT, f"{NOTHING}, for the last good plan does not reach these hours")
            return nothing(self.homes, self.pooled, ahead, gone_by, made_s)
        past = gone + np.arange(steps)
        there = past < self.steps

        def moved(values: Floats) -> Floats:
            mask = there if values.ndim < 3 else there[:, None]
            return np.where(mask, np.take(values, np.minimum(past, self.steps - 1), axis=1), 0.0)

        charge = moved(self.charge_w)
        edges = np.minimum(gone + np.arange(steps + 1), self.steps)
        runs = {key: Run(moved(run.power_w[None])[0], run.level[edges]) for key, run in self.runs.items()}
        draws = np.array([_drawn(runs, home, steps) for home in self.homes])
        return replace(
            self,
            made_s=made_s,
            ahead=ahead,
            charge_w=charge,
            grid_w=ahead.net_w + charge + draws,
            content_wh=self.content_wh[:, edges],
            runs=runs,
            marginal_mct=moved(self.marginal_mct),
            worth_mct=moved(self.worth_mct),
            outcome=outcome,
            matrix_ms=0.0,
            solve_ms=0.0,
            read_ms=0.0,
        )


def gap_ppm(objective: float, bound: float) -> int:
    """How far above the bound, in millionths of it."""
    return round(1e6 * (objective - bound) / max(abs(objective), 1e-6))


def side_by_side(parts: list[Plan], ahead: Ahead) -> Plan:
    """Plans of one home each, made apart, as one."""

    def stacked(name: str) -> Floats:
        return np.concatenate([getattr(part, name) for part in parts])

    objective, bound = sum(part.objective_micro for part in parts), sum(part.bound_micro for part in parts)
    return replace(
        parts[0],
        ahead=ahead,
        homes=tuple(home for part in parts for home in part.homes),
        charge_w=stacked("charge_w"),
        grid_w=stacked("grid_w"),
        content_wh=stacked("content_wh"),
        marginal_mct=stacked("marginal_mct"),
        worth_mct=stacked("worth_mct"),
        runs={key: run for part in parts for key, run in part.runs.items()},
        cost_micro=tuple(cost for part in parts for cost in part.cost_micro),
        cannot=tuple(found for part in parts for found in part.cannot),
        outcome=OPTIMAL if all(part.outcome == OPTIMAL for part in parts) else TIME_LIMIT,
        objective_micro=objective,
        bound_micro=bound,
        gap_ppm=gap_ppm(objective, bound),
        matrix_ms=sum(part.matrix_ms for part in parts),
        solve_ms=sum(part.solve_ms for part in parts),
        read_ms=sum(part.read_ms for part in parts),
        columns=sum(part.columns for part in parts),
        rows=sum(part.rows for part in parts),
        binaries=sum(part.binaries for part in parts),
    )


def nothing(homes: tuple[Home, ...], pooled: bool, ahead: Ahead, outcome: str, made_s: int) -> Plan:
    """The plan in which nothing is moved: batteries rest, nothing that waits is started."""
    shape = (len(homes), ahead.steps)
    content = np.array([[home.battery.content_wh if home.battery else 0.0] for home in homes]).reshape(-1, 1)
    contents, zero, worth = np.repeat(content, ahead.steps + 1, axis=1), np.zeros(shape), np.zeros((*shape, 1))
    return Plan(made_s, ahead.step_s, homes, pooled, ahead, zero, ahead.net_w, contents, {}, zero, worth, outcome)


def _drawn(runs: dict[tuple[str, str], Run], home: Home, steps: int) -> Floats:
    found = np.zeros(steps)
    for (name, _), run in runs.items():
        if name == home.name:
            found += run.power_w
    return found
