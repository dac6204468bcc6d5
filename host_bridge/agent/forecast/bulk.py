"""A year of forecasts at once, for trying plans on it: by the same code as the live ones, block after block.

Each block is issued by what was learnt before its first step, as a Pi that learns every `refit_steps` would; in the
first weeks, while all is new, every day.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast import linear
from host_bridge.agent.forecast.fitted import Fitted, fit, summed, tell
from host_bridge.agent.forecast.ladder import rung_of_age
from host_bridge.agent.forecast.model import LEVELS, LINEAR, MEASURED, ForecastError, day_of
from host_bridge.agent.forecast.shape import DAYS, Rows, Shape, Whole, shape

_YOUNG_DAYS = 28


@dataclass(frozen=True)
class Block:
    """Forecasts issued at the steps first, first + 1, ...: each knows what was before its step alone, and its lead 0
    is that step. mean: of load, solar and net, [homes + 1, issues, steps] W, the last row of all homes together. Where
    fitted.why says that nothing could be learnt, the linear rung is the seasonal one.
    """

    first: int
    rung: str
    mean: Mapping[str, NDArray[np.float32]]
    fitted: Fitted

    @property
    def issues(self) -> int:
        """How many."""
        return int(self.mean["load"].shape[1])

    def quantiles(self, what: str) -> NDArray[np.float32]:
        """[homes + 1, issues, steps, levels] W. While no error is known, all are the mean."""
        mean = self.mean[what]
        spreads = self.fitted.spreads.get(self.rung)
        if spreads is None:
            return np.repeat(mean[..., None], len(LEVELS), axis=3)
        slot = np.arange(self.first, self.first + self.issues)
        found = mean[..., None] + spreads[what].of(slot, mean.shape[2])
        return found if what == "net" else np.maximum(found, 0)


def blocks(
    load: Rows, solar: Rows, step_s: int = 3600, horizon: int = 36, refit_steps: int = 168, rung: str | None = None
) -> Iterator[Block]:
    """Over `load` and `solar` [homes, steps] W, that begin at a midnight; nan is missing. horizon: steps ahead. rung:
    of the ladder, for comparing; None takes the best that the age of the history allows. Raises ForecastError.
    """
    if load.shape != solar.shape or load.ndim != 2:
        raise ForecastError(f"load {load.shape} and solar {solar.shape}: give both as [homes, steps]")
    day = day_of(step_s)
    forms = {what: shape(values, what, day) for what, values in zip(MEASURED, (load, solar), strict=True)}
    first, end = 0, load.shape[1]
    while first < end:
        best = rung or rung_of_age(first / day)
        learnt = _learn(forms, first, horizon, best, day)
        last = min(first + (refit_steps if first >= _YOUNG_DAYS * day else day), end)
        yield Block(first, best, _means(forms, learnt, best, first, last, horizon), learnt)
        first = last


def _learn(forms: Mapping[str, Shape], first: int, horizon: int, rung: str, day: int) -> Fitted:
    """From the columns before `first` alone, as far back as the live path keeps."""
    begin = max(0, first - (linear.WINDOW_DAYS + DAYS) * day)
    past = {what: _cut(form, begin, first) for what, form in forms.items()}
    return fit(past, begin, horizon, (rung,), models=rung == LINEAR)


def _cut(form: Shape, begin: int, end: int) -> Shape:
    known, told = slice(begin, end), slice(begin, end + form.day)
    return replace(
        form,
        first=begin,
        seasonal=form.seasonal[:, told],
        newest=form.newest[:, told],
        swing=form.swing[:, told],
        residual=form.residual[:, known],
    )


def _means(
    forms: Mapping[str, Shape], learnt: Fitted, rung: str, first: int, last: int, horizon: int
) -> dict[str, NDArray[np.float32]]:
    begin = max(0, first - 2 * forms["load"].day)
    at: Whole = np.arange(first - begin, last - begin)
    told = []
    for what in MEASURED:
        form = _cut(forms[what], begin, last)
        told.append(np.maximum(tell(form, rung, learnt.models.get(what), at, begin, horizon), 0))
    return {what: part.astype(np.float32) for what, part in summed(told[0], told[1]).items()}
