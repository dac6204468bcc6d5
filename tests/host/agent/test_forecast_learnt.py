"""What a home's forecaster learns: better than the usual day, sure of what it says, and of nothing that came after."""

from dataclasses import replace

import numpy as np
import pytest

from host_bridge.agent.forecast.fitted import Fitted
from host_bridge.agent.forecast.linear import Linear
from host_bridge.agent.forecast.model import FORETOLD, LINEAR, POOLED, SEASONAL
from tests.host.agent.forecast_kit import DAY, NAMES, STEP, made, same, tell, told, usual_for

slow = pytest.mark.slow  # the first that learns imports scikit-learn, for a second


@pytest.fixture(scope="module")
def learnt():
    """A forecaster that learnt from 30 days and was then told 5 more; load, solar."""
    load, solar = made(45)
    forecaster = told(load[:, : 30 * DAY], solar[:, : 30 * DAY])
    assert forecaster.fit(30 * DAY * STEP) == []
    tell(forecaster, load[:, 30 * DAY : 35 * DAY], solar[:, 30 * DAY : 35 * DAY], 30 * DAY)
    return forecaster, load, solar


@slow
def test_what_was_learnt_beats_the_usual_day_and_persistence(learnt):
    load, solar = made(60)
    forecaster = told(load[:, : 40 * DAY], solar[:, : 40 * DAY])
    forecaster.fit(40 * DAY * STEP)
    wrong = np.zeros(3)
    for step in range(40 * DAY, 58 * DAY):
        forecaster.forecasts(step * STEP)
        rungs = forecaster._told[1].rungs
        wrong += np.abs(rungs[:, :3, :6] - load[:, step : step + 6]).mean(axis=(1, 2))
        wrong += np.abs(rungs[:, 4:7, :6] - solar[:, step : step + 6]).mean(axis=(1, 2))
        tell(forecaster, load[:, step : step + 1], solar[:, step : step + 1], step)
    assert wrong[0] < 0.9 * wrong[1] < wrong[2]
    assert all(forecaster.skill(POOLED, what).permille > 100 for what in FORETOLD)


@slow
def test_quantiles_rise_hold_what_they_say_and_are_of_the_sum(learnt):
    forecaster, load, solar = learnt
    inside, width, widths = [], 0.0, 0.0
    for step in range(30 * DAY, 33 * DAY, 5):
        found = forecaster.forecasts(step * STEP)
        for (home, what), one in found.items():
            assert (np.diff(one.watts, axis=0) >= 0).all() and (what == "net" or one.watts.min() >= 0)
            if home != POOLED and what == "net":
                came = (load - solar)[NAMES.index(home), step : step + 36]
                inside.append((came >= one.watts[0]) & (came <= one.watts[-1]))
        width += (found[POOLED, "load"].watts[-1] - found[POOLED, "load"].watts[0]).mean()
        widths += sum((found[home, "load"].watts[-1] - found[home, "load"].watts[0]).mean() for home in NAMES)
    assert 0.65 < np.mean(inside) < 0.92
    assert width < 0.8 * widths


def at_noon(solar_of_others, own):
    """What the three hours after noon bring to oak, whose neighbours told this sun in the two hours before; own: did
    oak tell what it had?
    """
    load, solar = made(35)
    noon = 34 * DAY + 12
    forecaster = told(load[:, : 30 * DAY], solar[:, : 30 * DAY])
    forecaster.fit(30 * DAY * STEP)
    tell(forecaster, load[:, 30 * DAY : noon - 2], solar[:, 30 * DAY : noon - 2], 30 * DAY)
    for step in (noon - 2, noon - 1):
        for row, home in enumerate(NAMES):
            if row or own:
                forecaster.observe(home, "solar", step * STEP, solar[row, step] * (solar_of_others if row else 1))
    found = forecaster.forecast("oak", "solar", noon * STEP)
    assert found.method == LINEAR
    return found.mean[:3].sum()


@slow
@pytest.mark.parametrize(("own", "most"), [(True, 0.97), (False, 0.8)])
def test_a_cloud_over_the_neighbours_is_seen(own, most):
    assert at_noon(0.2, own) < most * at_noon(1.0, own)


@slow
def test_a_lesson_does_not_know_what_comes_after_it():
    load, solar = made(30)
    early, late = told(load[:, : 20 * DAY], solar[:, : 20 * DAY]), told(load, solar)
    for forecaster in (early, late):
        forecaster.fit(20 * DAY * STEP)
    then, now = (forecaster.forecasts(20 * DAY * STEP) for forecaster in (early, late))
    assert all((then[key].watts == now[key].watts).all() for key in then)
    assert then["oak", "load"].method == LINEAR


@slow
def test_nothing_is_learnt_from_what_is_not_believed():
    load, solar = made(30)
    wrong = load.copy()
    wrong[:, 500:503] = -4000  # a clamp turned round
    wrong[:, 400] = 60_000
    gaps = load.copy()
    gaps[:, 500:503] = gaps[:, 400] = np.nan
    found = []
    for values in (wrong, gaps):
        forecaster = told(values, solar)
        forecaster.fit(30 * DAY * STEP)
        found.append(forecaster.forecasts(30 * DAY * STEP))
    assert all((found[0][key].watts == found[1][key].watts).all() for key in found[0])


@slow
def test_a_lesson_may_run_while_observations_come_in(learnt):
    load, solar = made(32)
    one, other = told(load[:, : 30 * DAY], solar[:, : 30 * DAY]), told(load[:, : 30 * DAY], solar[:, : 30 * DAY])
    lesson = one.lesson(30 * DAY * STEP)
    tell(one, load[:, 30 * DAY :] * 2, solar[:, 30 * DAY :], 30 * DAY)
    other.fit(30 * DAY * STEP)
    assert one.take(lesson()) == []
    at = 30 * DAY * STEP
    assert (one.forecast("oak", "load", at).watts == other.forecast("oak", "load", at).watts).all()


@slow
def test_a_home_of_a_week_is_told_by_what_was_learnt_from_the_others(learnt):
    load, solar = made(30)
    load[2, : 21 * DAY] = np.nan
    forecaster = told(load, solar)
    forecaster.fit(30 * DAY * STEP)
    assert forecaster.forecast("ash", "load", 30 * DAY * STEP).method == LINEAR


def test_weights_that_are_not_finite_are_no_model():
    fitted = same(np.zeros((27, 36)))
    bad = replace(fitted, models={what: Linear(model.weights * np.nan, DAY) for what, model in fitted.models.items()})
    forecaster, _, _, step = usual_for(10)
    forecaster.take(bad)
    assert forecaster.forecast("oak", "solar", step * STEP).method == SEASONAL
    forecaster.take(Fitted(why={"load": "a reason", "solar": "another"}))
    assert forecaster.forecast("oak", "load", step * STEP).why == "not linear: a reason"
