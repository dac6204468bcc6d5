"""What may be known of the hours to come, from those before: whole numbers, and never a look ahead.

The forecast that is made in hour t for hour t + k (k from 0 to 23) is of the same hour of earlier days: of yesterday
(persistence), or the mean of a week. From it, what a schedule needs before dear hours: how much will be missing in
them, how much sun comes before, and what energy in the battery will be worth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host_bridge.microworld.study.homes import Whole

DAY = 24
_STEPS = 4  # levels of the dynamic programme within a band
_NEVER = 1 << 60


def expected_wh(net_wh: Whole, days: int = 1) -> Whole:
    """[homes, hours + 24]: at t + k, what is expected for hour t + k; it is known in hour t for k from 0 to 23.

    The mean of the same hour of the last `days` days that there are, cut towards zero; 0 on the first day.
    """
    homes, hours = net_wh.shape
    total, count = np.zeros((homes, hours + DAY), np.int64), np.zeros(hours + DAY, np.int64)
    for back in range(1, days + 1):
        start = DAY * back
        reach = max(0, hours + DAY - start)
        total[:, start:] += net_wh[:, :reach]
        count[start:] += 1
    mean = np.abs(total) // np.maximum(count, 1) * np.sign(total)
    return mean.astype(np.int32)


def hours_until(dear: NDArray[np.bool_]) -> Whole:
    """[hours]: how long until the next dear hour that is at most 23 away, 0 in one; 24 where none is."""
    far = np.full(len(dear) + 1, DAY, np.int32)
    for hour in range(len(dear) - 1, -1, -1):
        far[hour] = 0 if dear[hour] else min(far[hour + 1] + 1, DAY)
    return far[:-1]


def before_dear(expected: Whole, dear: NDArray[np.bool_]) -> tuple[Whole, Whole]:
    """(missing_wh, sun_wh), both [homes, hours]: what the dear hours that come next (or go on) will lack in all, and
    the sun that will be left over until they begin. Of the hours up to 23 ahead; prices are known that far.
    """
    hours = len(dear)
    until = hours_until(dear)
    rest = hours_until(~dear)  # in a dear hour: how long it goes on
    at = np.arange(hours)
    begin = np.minimum(at + until, hours)
    length = np.append(rest, 0)[np.minimum(begin, hours)]
    end = np.minimum(begin + length, at + DAY)
    lacking, left = _sums(np.maximum(expected, 0)), _sums(np.maximum(-expected, 0))
    missing = lacking[:, np.maximum(end, begin)] - lacking[:, begin]
    return missing.astype(np.int32), (left[:, begin] - left[:, at]).astype(np.int32)


@dataclass(frozen=True)
class Battery:
    """What the forecasts of worth reckon with: Wh, Wh in one hour at the terminals, permille of one way."""

    capacity: int = 6400
    most: int = 5000
    efficiency: int = 949


def worths(net_wh: Whole, price: Whole, battery: Battery, bands: int = 4, days: int = 1) -> Whole:
    """[homes, hours, bands] mct/kWh: what energy in each equal part of the battery, the lowest first, is expected to
    save after this hour. By a dynamic programme (R. Bellman, 1957) over the 24 hours to come, whose prices are known
    and whose net load is as `expected_wh`; what is left then saves the mean price.
    """
    found = [_worths(expected, price, battery, bands) for expected in expected_wh(net_wh, days)]
    return np.stack(found)


def _worths(expected: Whole, price: Whole, battery: Battery, bands: int) -> Whole:
    """[hours, bands] of one home."""
    hours, step = len(price), battery.capacity // (bands * _STEPS)
    levels = np.arange(bands * _STEPS + 1) * step
    moved = terminal_wh(levels[None, :] - levels[:, None], battery)
    known = np.append(price, np.repeat(price[-DAY:], 2))[: hours + DAY].astype(np.int64)
    ahead = np.append(0, np.cumsum(known))
    mean = (ahead[DAY:] - ahead[:-DAY])[:hours] // DAY
    left = -(mean[:, None] * (levels * battery.efficiency // 1000))
    for hour in range(DAY - 1, 0, -1):
        cost = np.maximum(expected[hour : hour + hours, None, None] + moved, 0) * known[hour : hour + hours, None, None]
        left = np.where(np.abs(moved) <= battery.most, cost + left[:, None, :], _NEVER).min(axis=2)
    edges = left[:, ::_STEPS]
    saved: Whole = ((edges[:, :-1] - edges[:, 1:]) // (step * _STEPS)).astype(np.int32)
    return saved


def terminal_wh(stored_wh: NDArray[np.int64], battery: Battery) -> NDArray[np.int64]:
    """What passes the terminals when the content changes by `stored_wh`: more than that in, less out."""
    into = -(-np.maximum(stored_wh, 0) * 1000 // battery.efficiency)
    passed: NDArray[np.int64] = into - np.maximum(-stored_wh, 0) * battery.efficiency // 1000
    return passed


def foresight_mct(net_wh: Whole, price: Whole, battery: Battery, step: int = 50) -> int:
    """Wh * mct/kWh: the least that hours [hours] known in full would have cost, with a battery that is empty at
    first and whose content is a multiple of `step` Wh. No schedule does better but by finer steps.
    """
    levels = np.arange(battery.capacity // step + 1) * step
    moved = terminal_wh(levels[None, :] - levels[:, None], battery)
    never = np.where(np.abs(moved) <= battery.most, 0, _NEVER)
    left = np.zeros(len(levels), np.int64)
    for net, mct in zip(net_wh[::-1].tolist(), price[::-1].tolist(), strict=True):
        left = (np.maximum(moved + net, 0) * mct + never + left).min(axis=1)
    return int(left[0])


def _sums(values: Whole) -> NDArray[np.int64]:
    """[homes, hours + 1]: of all hours before."""
    homes = values.shape[0]
    return np.concatenate([np.zeros((homes, 1), np.int64), np.cumsum(values, axis=1, dtype=np.int64)], axis=1)
