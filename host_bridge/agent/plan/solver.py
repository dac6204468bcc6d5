"""HiGHS: one finished programme in, values and duals out, within a time.

Q. Huangfu, J. A. J. Hall, Mathematical Programming Computation 10 (2018) 119-142.
"""

import time
from dataclasses import dataclass, replace

import highspy
import numpy as np

from host_bridge.agent.plan.homes import Floats
from host_bridge.agent.plan.matrix import Finished, Index

GAP = 1e-3  # of the objective: integers that are so good are good enough
FOR_DUALS = 0.2  # of the time: kept for the linear programme that is left when the integers are found


@dataclass(frozen=True)
class Solved:
    """What the solver found: columns' values, rows' duals. With integers the duals are of the programme in which these
    are fixed as found; all 0 where there was no time for that. `bound`: no solution is better. `in_time`: within GAP.
    """

    values: Floats
    duals: Floats
    objective: float
    bound: float
    in_time: bool


@dataclass
class Took:
    """Seconds by the stopwatch: to put programmes together and hand them over, and in the solver."""

    matrix: float = 0.0
    solver: float = 0.0


@dataclass(frozen=True)
class Start:
    """Integers to begin with: `columns` have `values`. `bound`: the relaxed programme's objective."""

    columns: Index
    values: Floats
    bound: float


class Quiet(highspy.Highs):
    """Without the banner on standard output, which the usual one prints when it sets up callbacks: none are used."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        self.setOptionValue("output_flag", False)


def solved(finished: Finished, deadline: float, took: Took, start: Start | None = None) -> Solved | None:
    """None: no solution until the stopwatch shows `deadline`. With a `start` that has all integers, its own solution
    comes first, and stays unless more time finds a better one."""
    if not finished.whole.any():
        return _run(finished, deadline, took)
    first = None
    if start is not None and len(start.columns) == int(finished.whole.sum()):
        values = np.zeros(len(finished.cost))
        values[start.columns] = start.values
        first = _run(_fixed(finished, values), deadline, took)
        if first is not None and first.objective - start.bound <= GAP * abs(first.objective):
            return replace(first, bound=start.bound)
    now = time.perf_counter()
    found = _run(finished, now + (deadline - now) * (1 - FOR_DUALS), took, start)
    bound = max(start.bound if start is not None else -np.inf, found.bound if found is not None else -np.inf)
    if found is None or (first is not None and first.objective <= found.objective):
        return first if first is None else replace(first, bound=min(bound, first.objective), in_time=False)
    again = _run(_fixed(finished, found.values), deadline, took)
    found = replace(found, duals=np.zeros_like(found.duals)) if again is None else replace(again, in_time=found.in_time)
    return replace(found, bound=min(bound, found.objective))


def _run(finished: Finished, deadline: float, took: Took, start: Start | None = None) -> Solved | None:
    begun = time.perf_counter()
    solver = Quiet()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", GAP)
    _pass(solver, finished)
    if start is not None:
        solver.setSolution(len(start.columns), start.columns, start.values)
    took.matrix += time.perf_counter() - begun
    begun = time.perf_counter()
    solver.setOptionValue("time_limit", max(0.0, deadline - begun))
    solver.run()
    took.solver += time.perf_counter() - begun
    info, outcome = solver.getInfo(), solver.getModelStatus()
    good, whole = outcome == highspy.HighsModelStatus.kOptimal, bool(finished.whole.any())
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if not good and not (feasible and whole):
        return None
    solution, objective = solver.getSolution(), info.objective_function_value
    bound = info.mip_dual_bound if whole else objective
    return Solved(np.array(solution.col_value), np.array(solution.row_dual), objective, bound, good)


def relaxed(finished: Finished) -> Finished:
    """The same without integers."""
    return replace(finished, whole=np.zeros_like(finished.whole))


def _fixed(its: Finished, values: Floats) -> Finished:
    """The linear programme that is left where the integers are as in `values`."""
    whole = its.whole == 1
    found = np.round(values)
    lower, upper = np.where(whole, found, its.lower), np.where(whole, found, its.upper)
    return relaxed(replace(its, lower=lower, upper=upper))


def _pass(solver: highspy.Highs, its: Finished) -> None:
    by_rows, minimise = int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMinimize)
    sizes = len(its.cost), len(its.row_lower), len(its.value)
    bounds = its.cost, its.lower, its.upper, its.row_lower, its.row_upper
    solver.passModel(*sizes, by_rows, minimise, 0.0, *bounds, its.start, its.index, its.value, its.whole)
