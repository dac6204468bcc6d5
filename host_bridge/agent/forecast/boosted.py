"""Gradient boosting, the linear model's rival: tried on the tuning homes and not taken (README.md).

Given the same inputs and, as trees can use them, how far ahead, the hour, and what is usual; told to say what the
linear model is to say. One model for all homes and all steps ahead (scikit-learn's histogram boosting).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast import linear
from host_bridge.agent.forecast.shape import Rows, Shape, Whole, ahead, shape

_ROWS = 120_000  # learnt from, by chance
_CHUNK = 24  # issues told at once


def boosted(values: Rows, what: str, day: int, steps: int, first: int, refit_steps: int) -> Iterator[tuple[int, Rows]]:
    """(first issue, [homes, issues, steps] W) of a day after the other, from the issue `first` on; learnt anew from
    the weeks before each `refit_steps`.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-untyped]

    form, chance = shape(values, what, day), np.random.default_rng(1)
    model = HistGradientBoostingRegressor(
        max_iter=120, learning_rate=0.06, max_leaf_nodes=24, min_samples_leaf=60, l2_regularization=5, random_state=1
    )
    for begin in range(first, values.shape[1], refit_steps):
        low = max(day, begin - linear.WINDOW_DAYS * day)
        at = np.sort(chance.integers(low, begin - steps, _ROWS // len(values) // 4))
        after = linear.targets(form, at, steps)
        some = chance.random(after.shape) < _ROWS / after.size
        model.fit(_given(form, at, steps)[some], after[some])
        for issue in range(begin, min(begin + refit_steps, values.shape[1]), _CHUNK):
            now = np.arange(issue, min(issue + _CHUNK, begin + refit_steps, values.shape[1]))
            given = _given(form, now, steps)
            beside = model.predict(given.reshape(-1, given.shape[3])).reshape(given.shape[:3])
            usual = ahead(form.seasonal, now, steps, day)
            told = usual + beside * ahead(form.swing, now, steps, day)
            yield issue, np.where(usual > 0, np.maximum(told, 0), 0)  # no sun at night


def _given(form: Shape, at: Whole, steps: int) -> NDArray[np.float32]:
    """[homes, issues, steps, inputs]."""
    day, lead = form.day, np.arange(steps)
    before = linear.inputs(form.residual, at, day)
    usual, swing = ahead(form.seasonal, at, steps, day), ahead(form.swing, at, steps, day)
    newest = ahead(form.newest, at, steps, day)
    found = np.empty((*usual.shape, before.shape[2] + 4), np.float32)
    found[..., :-4] = before[:, :, None]
    found[..., -4] = lead
    found[..., -3] = (at[:, None] + lead) % day
    found[..., -2] = usual / swing
    found[..., -1] = (newest - usual) / swing
    return found
