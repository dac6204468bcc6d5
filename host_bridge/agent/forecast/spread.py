"""How sure a forecast is: by how much such forecasts were off, for steps as far ahead and for that hour of the day.

Empirical quantiles of the errors of the last weeks, of the same fit (so a little too narrow: README.md has the
measured coverage). What is told of all homes has the errors of the sums, not the sum of the errors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast.model import LEVELS
from host_bridge.agent.forecast.shape import Rows, Whole

HOURS = 24
_FAR_HOURS = (1, 3, 6, 12, 24)  # errors of steps up to the next of these are put together
_LEAST = 8  # errors, or those of the whole day are taken

Errors = NDArray[np.float32]


@dataclass(frozen=True)
class Spread:
    """offsets: [rows, distances, hours of the day, levels] W to add to the mean."""

    offsets: NDArray[np.float32]
    an_hour: int

    def of(self, slot: Whole, steps: int) -> NDArray[np.float32]:
        """[rows, issues, steps, levels] for forecasts issued at `slot` [issues], counted from a midnight."""
        far, hour = _far(steps, self.an_hour), _hours(slot, steps, self.an_hour)
        return self.offsets[:, far[None], hour]


def spread(errors: Errors, slot: Whole, an_hour: int) -> Spread:
    """From `errors` [rows, issues, steps], what came less what was told, nan where it is not known."""
    rows, _, steps = errors.shape
    far, hour = _far(steps, an_hour), _hours(slot, steps, an_hour)
    offsets = np.zeros((rows, len(_FAR_HOURS) + 1, HOURS, len(LEVELS)), np.float32)
    for distance in np.unique(far):
        leads = far == distance
        near, when = errors[:, :, leads], hour[:, leads]
        whole = _quantiles(near.reshape(rows, -1))[0]
        for of_day in range(HOURS):
            found, count = _quantiles(near[:, when == of_day])
            offsets[:, distance, of_day] = np.where(count[:, None] >= _LEAST, found, whole)
    return Spread(offsets, an_hour)


def observed(values: Rows) -> NDArray[np.float32]:
    """[rows, levels] W to add to the mean, when no error is known yet: as what was observed lies about its mean."""
    count = np.maximum((~np.isnan(values)).sum(axis=1, keepdims=True), 1)
    around = values - np.nansum(values, axis=1, keepdims=True) / count
    return _quantiles(around.astype(np.float32))[0]


def _quantiles(errors: Errors) -> tuple[NDArray[np.float32], Whole]:
    """([rows, levels], how many [rows]) of errors [rows, any], passing over nan; 0 where there are none."""
    if not errors.shape[1]:
        return np.zeros((len(errors), len(LEVELS)), np.float32), np.zeros(len(errors), np.int64)
    ranked = np.sort(errors, axis=1)  # nan is last
    count = (~np.isnan(errors)).sum(axis=1)
    place = np.asarray(LEVELS) * np.maximum(count - 1, 0)[:, None]
    below = place.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)[:, None])
    low, high = np.take_along_axis(ranked, below, 1), np.take_along_axis(ranked, above, 1)
    found = low + (high - low) * (place - below)
    return np.nan_to_num(found).astype(np.float32), count


def _far(steps: int, an_hour: int) -> Whole:
    return np.searchsorted(np.asarray(_FAR_HOURS) * an_hour, np.arange(steps), side="right")


def _hours(slot: Whole, steps: int, an_hour: int) -> Whole:
    hours: Whole = (slot[:, None] + np.arange(steps)) // an_hour % HOURS
    return hours
