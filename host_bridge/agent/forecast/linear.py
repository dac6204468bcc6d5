"""The linear model: from how the last day went beside the usual, how the next hours will.

Ridge regression (scikit-learn) over all homes at once, in swings (shape.py), so that a home of a week learns from its
neighbours: inputs are the residuals of the last hours (the last hour step by step), and of all homes' mean; outputs are
the residuals of all steps ahead. For the sun one for each hour in which it is issued, learnt from the hours beside it
too, as what a morning says of noon is not what an evening says of the morning. Gradient boosting was tried on the
tuning homes and was no better: README.md.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast.shape import Rows, Shape, Whole

HOURS = 24
WINDOW_DAYS = 112  # learnt from
LEAST_DAYS = 7  # of issues, or nothing is learnt
_NEIGHBOUR_HOURS = 3
_RIDGE = 5.0  # a home, whose neighbours say much the same; 0, 3 and 10 were no better
_BESIDE = 1  # hours, for the sun
_MOST = 5.0  # swings: an input beyond is cut


class Unfit(ValueError):
    """The model could not be learnt; why."""


@dataclass(frozen=True)
class Linear:
    """weights: [bands, inputs, steps], a band for each hour of issue or one for all."""

    weights: NDArray[np.float32]
    day: int

    def residual(self, known: Rows, at: Whole, hour: Whole) -> Rows:
        """[rows, issues, steps] in swings: expected beside the baseline. known: the shape's residual; at: columns of
        it, before which all is used; hour: [issues] of the day in which they are issued.
        """
        given = inputs(known, at, self.day)
        found = np.empty((given.shape[0], len(at), self.weights.shape[2]))
        bands = hour % len(self.weights)
        for band in np.unique(bands):
            here = bands == band
            found[:, here] = given[:, here] @ self.weights[band]
        return found


def inputs(known: Rows, at: Whole, day: int) -> NDArray[np.float32]:
    """[rows, issues, inputs] at the columns `at`, from the columns before; 0, the usual, where nothing is known."""
    an_hour = day // HOURS
    seen = np.clip(np.nan_to_num(known), -_MOST, _MOST)
    count = np.maximum((~np.isnan(known)).sum(axis=0), 1)
    hourly, together = _hourly(seen, an_hour), _hourly(seen.sum(axis=0, keepdims=True) / count, an_hour)
    found = np.empty((len(known), len(at), an_hour - 1 + HOURS + _NEIGHBOUR_HOURS), np.float32)
    for back in range(1, an_hour):
        found[..., back - 1] = _before(seen, at, back)
    for back in range(HOURS):
        found[..., an_hour - 1 + back] = _before(hourly, at, back * an_hour + 1)
    for back in range(_NEIGHBOUR_HOURS):
        found[..., an_hour - 1 + HOURS + back] = _before(together, at, back * an_hour + 1)
    return found


def _hourly(seen: Rows, an_hour: int) -> Rows:
    """The mean of the hour that ends with each column."""
    total = np.cumsum(np.concatenate([np.zeros((len(seen), an_hour)), seen], axis=1), axis=1)
    mean: Rows = (total[:, an_hour:] - total[:, :-an_hour]) / an_hour
    return mean


def _before(columns: Rows, at: Whole, back: int) -> Rows:
    """[rows, issues]; 0 before the beginning."""
    place = at - back
    return np.where(place >= 0, columns[:, np.maximum(place, 0)], 0)


def learn(form: Shape, at: Whole, hour: Whole, steps: int, *, by_hour: bool) -> Linear:
    """From the issues `at`, columns of form.residual, all of whose `steps` are before its end. Raises Unfit."""
    spanned = (int(at[-1]) + 1 - int(at[0])) / form.day if len(at) else 0.0
    if spanned < LEAST_DAYS:
        raise Unfit(f"only {spanned:.1f} days to learn from, it wants {LEAST_DAYS}")
    given, after = inputs(form.residual, at, form.day), targets(form, at, steps)
    known = np.isfinite(after).mean(axis=2) > 0.75
    bands = [_band(given, after, known, hour, band) for band in range(HOURS)] if by_hour else None
    weights = np.stack(bands) if bands else _ridge(given[known], after[known], len(given))[None]
    if not np.isfinite(weights).all():
        raise Unfit("its weights are not finite")
    return Linear(weights.astype(np.float32), form.day)


def targets(form: Shape, at: Whole, steps: int) -> NDArray[np.float32]:
    """[rows, issues, steps] in swings: what came beside the baseline as it was told at the issue; nan where unknown."""
    day, lead = form.day, np.arange(steps)
    came, told = at[:, None] + lead, at[:, None] + lead % day
    seasonal, swing = form.seasonal, form.swing
    values = form.residual[:, came] * swing[:, came] + seasonal[:, came]
    found: NDArray[np.float32] = ((values - seasonal[:, told]) / swing[:, told]).astype(np.float32)
    return found


def _band(
    given: NDArray[np.float32], after: NDArray[np.float32], known: NDArray[np.bool_], hour: Whole, band: int
) -> NDArray[np.float64]:
    apart = np.minimum((hour - band) % HOURS, (band - hour) % HOURS)
    here = known & (apart <= _BESIDE)[None]
    return _ridge(given[here], after[here], len(given))


def _ridge(given: NDArray[np.float32], after: NDArray[np.float32], homes: int) -> NDArray[np.float64]:
    """[inputs, steps]. A step that is not known counts as having been as usual."""
    from sklearn.linear_model import Ridge  # type: ignore[import-untyped]  # 1 s to import; only when learning

    if len(given) < given.shape[1]:
        raise Unfit(f"{len(given)} rows for {given.shape[1]} inputs")
    model = Ridge(alpha=_RIDGE * homes, fit_intercept=False, solver="cholesky")
    model.fit(given, np.clip(np.nan_to_num(after), -_MOST, _MOST))
    return np.ascontiguousarray(model.coef_.T, np.float64)
