"""Which observations are believed. One that is not keeps its place as a gap: nothing is learnt from it or scored on it.

A rule looks at what was observed before alone, but for a frozen meter, which is known only after hours: then the hours
before are taken back too.
"""

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast.shape import Rows

# Codes of what became of a step; the place in this list is the number.
BELIEVED, MISSING, NEGATIVE, BEYOND, SPIKE, FROZEN = range(6)
# Those of observations that never got a place.
OLD, REPEATED, LEAP, OFF_GRID = range(6, 10)
REASONS = (
    "believed",
    "missing",
    "negative",
    "beyond",
    "spike",
    "frozen",
    "old",
    "repeated",
    "leap",
    "off grid",
)
WORDS = {
    "missing": "nothing was told, or not a number",
    "negative": "below zero: a meter or a clamp is the wrong way round",
    "beyond": "more than the connection can carry",
    "spike": "several times what has ever been, and not for long",
    "frozen": "the very same value for hours: the meter hangs",
    "old": "older than what is kept",
    "repeated": "another value for a step that was told before; the first is kept (a clock went back?)",
    "leap": "more than a week ahead of all that was told (a clock went ahead?); believed when it goes on",
    "off grid": "does not begin at a step of the grid",
}

MOST_W = 100_000.0  # of a home, where nothing else is said
_NOISE_W = 50.0  # below zero by this is a meter's noise, and zero
_FROZEN_HOURS = 8  # of a value above zero; in whole Wh the tuning homes have up to 6 h
_DARK_HOURS = 36  # of a load of zero; the tuning homes have up to 12 h
_SPIKE_TIMES, _SPIKE_W = 3.0, 1000.0
_SPIKE_STEPS = 4  # in a row: from then on it is a new load
_SPIKE_DAYS = 60  # looked back for the second highest day
_YOUNG_DAYS = 3  # with anything in them, before which nothing is a spike

Codes = NDArray[np.uint8]


def context(day: int) -> int:
    """How many columns before the first new one `screen` wants to see again."""
    return 2 * day


def screen(told: Rows, codes: Codes, start: int, what: str, bound_w: float, day: int) -> None:
    """Set `codes` [columns] for the columns of one home's `told` [columns] W from `start` on, where there is a
    longer history before; of those before only what turns out frozen. Days are counted from the first column.
    """
    new = told[start:]
    codes[start:] = BELIEVED
    codes[start:][new > bound_w] = BEYOND
    codes[start:][new < -_NOISE_W] = NEGATIVE
    codes[start:][~np.isfinite(new)] = MISSING
    _spikes(told, codes, start, day)
    begin = max(0, start - context(day))
    codes[begin:][_frozen(told[begin:], codes[begin:], what, day)] = FROZEN


def limit_w(told: Rows, codes: Codes, end: int, day: int) -> float:
    """Above which a value in the day that begins at `end` is a spike: of the second highest day; inf while young."""
    begin = max(0, end - _SPIKE_DAYS * day)
    begin += (end - begin) % day
    days = np.where(_sound(codes[begin:end]), told[begin:end], 0.0).reshape(-1, day).max(axis=1)
    days = days[days > 0]
    if len(days) < _YOUNG_DAYS:
        return float("inf")
    return float(_SPIKE_TIMES * np.partition(days, -2)[-2] + _SPIKE_W)


def believed(told: Rows, codes: Codes) -> Rows:
    """`told` with nan for what is not believed, and never below 0."""
    return np.where(codes == BELIEVED, np.maximum(told, 0), np.nan)


def _spikes(told: Rows, codes: Codes, start: int, day: int) -> None:
    for begin in range(start // day * day, len(told), day):
        first, end = max(begin, start), min(begin + day, len(told))
        if not np.nanmax(told[first:end], initial=0) > _SPIKE_W:
            continue
        back = max(0, first - _SPIKE_STEPS)
        usable = _sound(codes[back:end]) | (codes[back:end] == SPIKE)
        high = usable & (told[back:end] > limit_w(told, codes, begin, day))
        brief = high & (_place_in_run(high) < _SPIKE_STEPS)
        codes[first:end][brief[first - back :]] = SPIKE


def _sound(codes: Codes) -> NDArray[np.bool_]:
    """What was believed when it was told."""
    sound: NDArray[np.bool_] = (codes == BELIEVED) | (codes == FROZEN)
    return sound


def _place_in_run(high: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each step, how many in a row were high just before it."""
    steps = np.arange(len(high))
    low = np.maximum.accumulate(np.where(high, -1, steps))
    place: NDArray[np.int64] = steps - 1 - low
    return place


def _frozen(told: Rows, codes: Codes, what: str, day: int) -> NDArray[np.bool_]:
    """All but the first of each run of the same value that is too long."""
    same = np.append(False, told[1:] == told[:-1])
    if not same.any():
        return same
    run = np.cumsum(~same) - 1  # which run each step is of
    length = np.bincount(run)[run]
    hours = length * (24 / day)
    dark = (told <= 0) & (told >= -_NOISE_W)
    long = np.where(dark, (hours >= _DARK_HOURS) if what == "load" else False, hours >= _FROZEN_HOURS)
    found: NDArray[np.bool_] = same & long & _sound(codes)
    return found
