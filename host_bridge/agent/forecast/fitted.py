"""What was learnt from a stretch of history, and how each rung of the ladder tells the steps ahead with it.

The live forecasts (forecaster.py) and a year's in bulk (bulk.py) both go through here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast import linear
from host_bridge.agent.forecast.linear import Linear, Unfit
from host_bridge.agent.forecast.model import MEASURED, PERSISTENCE, SEASONAL, Watts
from host_bridge.agent.forecast.shape import Rows, Shape, Whole, ahead
from host_bridge.agent.forecast.spread import Spread, spread

SPREAD_DAYS = 42  # whose errors make the quantiles
_HOURS = 24

Told = dict[str, Rows]  # of load, solar and net: [homes + 1, issues, steps]; the last row is of all homes


@dataclass(frozen=True)
class Fitted:
    """models: of load and solar, as far as they could be learnt; why: of those that could not, in words. spreads: of
    each rung, of load, solar and net.
    """

    models: Mapping[str, Linear] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    spreads: Mapping[str, Mapping[str, Spread]] = field(default_factory=dict)


def fit(forms: Mapping[str, Shape], slot: int, steps: int, rungs: Sequence[str], *, models: bool = True) -> Fitted:
    """From the shapes of load and solar, whose first column is the step `slot` counted from a midnight. models: or
    only the spreads of the lower rungs.
    """
    learnt, why = {}, {}
    for what in MEASURED if models else ():
        at = issues(forms[what], steps, linear.WINDOW_DAYS)
        try:
            hour = _hour(at + slot, forms[what].day)
            learnt[what] = linear.learn(forms[what], at, hour, steps, by_hour=what == "solar")
        except (Unfit, ValueError, FloatingPointError) as error:  # numpy's LinAlgError is a ValueError
            why[what] = str(error)
    at = issues(forms["load"], steps, SPREAD_DAYS)
    an_hour = forms["load"].day // _HOURS
    spreads = {}
    for rung in rungs if len(at) else ():
        wrong = errors(forms, learnt, rung, at, slot, steps)
        spreads[rung] = {what: spread(wrong[what], at + slot, an_hour) for what in wrong}
    return Fitted(learnt, why, spreads)


def issues(form: Shape, steps: int, days: int) -> Whole:
    """The columns of the last `days`, about one an hour, at which forecasts can be judged; of those, at all phases of
    an hour in turn. None of them before a day was observed.
    """
    known = np.flatnonzero(np.isfinite(form.residual).any(axis=0))
    end = form.residual.shape[1] - steps + 1
    begin = max(int(known[0]) + form.day if len(known) else end, end - days * form.day)
    an_hour = form.day // _HOURS
    return np.arange(end - 1, begin - 1, -an_hour - (an_hour > 1), dtype=np.int64)[::-1]


def tell(form: Shape, rung: str, model: Linear | None, at: Whole, slot: int, steps: int, late: int = 0) -> Rows:
    """[homes, issues, steps] W, as the rung has it: not cut to what can be. model: for the linear rung. late: steps
    before the issue of which nothing is known, so that what was beside the usual is from before them.
    """
    day = form.day
    if rung == PERSISTENCE:
        return ahead(form.newest, at, steps, day)
    usual = ahead(form.seasonal, at, steps, day)
    if rung == SEASONAL or model is None:
        return usual
    beside = model.residual(form.residual, at - late, _hour(at - late + slot, day))
    if late:
        beside = np.concatenate([beside[..., late:], np.zeros_like(beside[..., :late])], axis=2)
    return usual + beside * ahead(form.swing, at, steps, day)


def errors(
    forms: Mapping[str, Shape], models: Mapping[str, Linear], rung: str, at: Whole, slot: int, steps: int
) -> dict[str, NDArray[np.float32]]:
    """What came less what the rung told, of load, solar and net: [homes + 1, issues, steps]; nan where not known."""
    found = {}
    came = at[:, None] + np.arange(steps)
    for what in MEASURED:
        form = forms[what]
        values = form.residual[:, came] * form.swing[:, came] + form.seasonal[:, came]
        told = np.maximum(tell(form, rung, models.get(what), at, slot, steps), 0)
        found[what] = values - told
    return {what: part.astype(np.float32) for what, part in summed(found["load"], found["solar"]).items()}


def summed(load: Watts, solar: Watts) -> Told:
    """Load, solar and net, each with a last row of all homes: the sum of those that are known, raised to the number
    of homes if at least half are.
    """
    parts = {"load": load, "solar": solar, "net": load - solar}
    return {what: np.concatenate([part, _sum(part)]) for what, part in parts.items()}


def _sum(part: Rows) -> Rows:
    missing = np.isnan(part)
    if not missing.any():
        whole: Rows = part.sum(axis=0, keepdims=True)
        return whole
    known = len(part) - missing.sum(axis=0, keepdims=True)
    total = np.nansum(part, axis=0, keepdims=True) * (len(part) / np.maximum(known, 1))
    mostly: Rows = np.where(known * 2 >= len(part), total, np.nan)
    return mostly


def _hour(slot: Whole, day: int) -> Whole:
    hour: Whole = slot * _HOURS // day % _HOURS
    return hour
