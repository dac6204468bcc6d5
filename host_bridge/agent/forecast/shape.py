"""What a day usually looks like, step by step: the seasonal baseline, the newest day, and how far it may swing.

Everything here is of arrays [rows, columns], a column a step, a row a home; nan where nothing is believed. A result has
a day more columns than what it is made from: column u is made from columns u - day, u - 2 day, ... alone, so it is
known a day before u, and the column after the last one observed can be read off. For steps further ahead the same day
is told again: `ahead` picks the columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Whole = NDArray[np.int64]

DAYS = 21  # that the baseline reaches back
_FADE = np.exp(-np.arange(DAYS) / 5)  # of the tuning homes' 3, 5, 7, 10 days the best for load, and as good for sun
_CLEAR = 0.9  # of the same step's values in those days: what a clear sky gives
_HAZE = 0.3  # part of the day's best that the swing of any step has at least; 0.1 was worse
_LEAST_W = 50.0  # a swing below this is noise


@dataclass(frozen=True)
class Shape:
    """seasonal, newest, swing: [rows, columns - first + day], beginning at column `first`; swing is above 0.

    residual: [rows, columns - first], what came beside the seasonal baseline, in swings; nan where not known.
    """

    first: int
    day: int
    seasonal: Rows
    newest: Rows
    swing: Rows
    residual: Rows


def shape(values: Rows, what: str, day: int, first: int = 0) -> Shape:
    """The shape of `values` [rows, columns] from column `first` on; what: "load" or "solar"."""
    earlier = [_earlier(values, back * day, first, day) for back in range(1, DAYS + 1)]
    newest = _newest(earlier)
    seasonal = _faded(earlier, newest)
    swing = _swing(earlier, seasonal, day) if what == "solar" else np.maximum(_over_day(seasonal, day), _LEAST_W)
    count = values.shape[1] - first
    residual = (values[:, first:] - seasonal[:, :count]) / swing[:, :count]
    return Shape(first, day, seasonal, newest, swing, residual)


def ahead(columns: Rows, at: Whole, steps: int, day: int) -> Rows:
    """[rows, issues, steps]: of `columns` made by `shape`, those that are known at the issues `at` (columns counted
    from the shape's first): the day to come, then the same day again.
    """
    lead = np.arange(steps)
    return columns[:, at[:, None] + (lead % day)]


def _earlier(values: Rows, back: int, first: int, day: int) -> Rows:
    """[rows, columns - first + day]: what was `back` columns before; nan before the beginning."""
    rows, columns = values.shape
    found = np.full((rows, columns - first + day), np.nan)
    start, end = first - back, columns + day - back
    kept = values[:, max(start, 0) : max(end, 0)]
    found[:, max(-start, 0) : max(-start, 0) + kept.shape[1]] = kept
    return found


def _newest(earlier: list[Rows]) -> Rows:
    """The same step of the newest day that knows it; 0 where none does."""
    found = earlier[0].copy()
    for day in earlier[1:]:
        missing = np.isnan(found)
        if not missing.any():
            break
        found[missing] = day[missing]
    return np.nan_to_num(found)


def _faded(earlier: list[Rows], newest: Rows) -> Rows:
    """The mean of the same step of the days before, the newer the weightier."""
    total, weight = np.zeros_like(newest), np.zeros_like(newest)
    for fade, day in zip(_FADE, earlier, strict=True):
        known = ~np.isnan(day)
        total += np.where(known, day, 0) * fade
        weight += known * fade
    return np.where(weight > 0, total / np.maximum(weight, 1e-9), newest)


def _swing(earlier: list[Rows], seasonal: Rows, day: int) -> Rows:
    """What the sun may swing by: what a clear sky gave in this step, and a part of what it gave at best."""
    days = np.sort(np.stack(earlier), axis=0)  # nan is last
    known = (~np.isnan(days)).sum(axis=0)
    place = np.clip(np.ceil(known * _CLEAR).astype(np.int64) - 1, 0, DAYS - 1)
    clear = np.take_along_axis(days, place[None], axis=0)[0]
    clear = np.where(known > 0, clear, seasonal)
    best = _most_of_day(clear, day)
    return np.maximum(clear + _HAZE * best, _LEAST_W)


def _over_day(columns: Rows, day: int) -> Rows:
    """The mean of the day that ends in each column; of what there is at the beginning."""
    total = np.cumsum(columns, axis=1)
    mean = np.empty_like(total)
    mean[:, :day] = total[:, :day] / np.arange(1, min(day, total.shape[1]) + 1)
    mean[:, day:] = (total[:, day:] - total[:, :-day]) / day
    return mean


def _most_of_day(columns: Rows, day: int) -> Rows:
    """The most of the day that ends in each column."""
    padded = np.concatenate([np.zeros((len(columns), day - 1)), columns], axis=1)
    most: Rows = np.lib.stride_tricks.sliding_window_view(padded, day, axis=1).max(axis=2)
    return most
