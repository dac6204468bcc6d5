"""Forecasts: which rung of the ladder tells and why, that none looks ahead, and what is told of all homes together."""

import json

import numpy as np
import pytest

from host_bridge.agent.forecast.fitted import summed
from host_bridge.agent.forecast.forecaster import Forecaster
from host_bridge.agent.forecast.model import FORETOLD, LINEAR, PERSISTENCE, POOLED, SEASONAL, ForecastError
from host_bridge.agent.forecast.skill import LEAD_HOURS
from host_bridge.agent.forecast.spread import spread
from tests.host.agent.forecast_kit import DAY, NAMES, STEP, made, same, tell, told, usual_for

slow = pytest.mark.slow  # the first that learns imports scikit-learn, for a second


# The ladder -------------------------------------------------------------------------------------------------------


def test_before_anything_is_observed_nothing_is_expected_and_it_says_so():
    found = Forecaster(NAMES, STEP).forecast("oak", "load", 5 * STEP)
    assert (found.method, found.steps, found.start_s) == (PERSISTENCE, 36, 5 * STEP)
    assert not found.mean.any() and not found.watts.any() and "nothing believed" in found.why


@pytest.mark.parametrize(
    ("days", "rung", "why"),
    [(1, PERSISTENCE, "only 1.0 days believed"), (4, SEASONAL, "only 4.0 days believed, it wants 7"), (8, LINEAR, "")],
)
def test_a_young_home_is_told_by_a_lower_rung(days, rung, why):
    forecaster, _, _, step = usual_for(days)
    found = forecaster.forecast("elm", "load", step * STEP)
    assert found.method == rung and why in found.why and bool(found.why) == bool(why)


def test_persistence_is_the_newest_day_and_that_day_again():
    forecaster, load, _, step = usual_for(2)
    found = forecaster.forecast("elm", "load", step * STEP)
    assert found.mean == pytest.approx(np.tile(load[1, step - DAY : step], 2)[:36])


def test_the_usual_day_is_a_mean_of_days_the_newer_the_weightier():
    load, solar = np.full((3, 6 * DAY), 100.0), np.zeros((3, 6 * DAY))
    load += np.arange(3 * 6 * DAY).reshape(3, -1) % 7 / 100  # not frozen
    load[:, -DAY:] += 100
    found = told(load, solar).forecast("oak", "load", 6 * DAY * STEP)
    assert found.method == SEASONAL and found.mean == pytest.approx(126, rel=0.01)  # of six, fading


def test_without_a_lesson_it_says_that_nothing_was_learnt():
    load, solar = made(10)
    found = told(load, solar).forecast("oak", "load", 10 * DAY * STEP)
    assert found.method == SEASONAL and found.why == "not linear: nothing was learnt yet"


def test_a_lesson_of_too_little_says_what_is_missing():
    load, solar = made(4)
    forecaster = told(load, solar)
    says = forecaster.fit(4 * DAY * STEP)
    assert [line.split(":")[0] for line in says] == ["load", "solar"] and "days to learn from, it wants 7" in says[0]


def test_the_latest_error_moves_the_next_hours():
    forecaster, load, _, step = usual_for(10, gain=0.5)
    higher, _, _, _ = usual_for(10, gain=0.5)
    for each, extra in ((forecaster, 0.0), (higher, 400.0)):
        each.observe("oak", "load", step * STEP, load[0, step] + extra)
    as_it_was, moved = (each.forecast("oak", "load", (step + 1) * STEP).mean for each in (forecaster, higher))
    assert moved[:23] - as_it_was[:23] == pytest.approx(200, rel=0.08)  # by half, in swings


def test_what_is_late_by_hours_is_reckoned_from_the_last_known_and_longer_is_not_used():
    forecaster, load, _, step = usual_for(10, gain=0.5 * 0.9 ** np.arange(36))
    forecaster.observe("oak", "load", step * STEP, load[0, step])
    known = forecaster.forecast("oak", "load", (step + 1) * STEP)
    late = forecaster.forecast("oak", "load", (step + 3) * STEP)
    assert late.method == LINEAR and late.mean[:21] == pytest.approx(known.mean[2:23])
    later = forecaster.forecast("oak", "load", (step + 8) * STEP)
    assert later.method == SEASONAL and later.why == "not linear: nothing believed for 7 h"


@pytest.mark.parametrize(("weight", "says"), [(np.nan, "not a number"), (1e9, "more than")])
def test_a_model_that_tells_what_cannot_be_is_put_aside(weight, says):
    forecaster, _, _, step = usual_for(10)
    forecaster.take(same(np.full((27, 36), weight)))
    found = forecaster.forecast("oak", "load", step * STEP)
    assert found.method == SEASONAL and says in found.why and np.isfinite(found.watts).all()
    assert forecaster.forecast("oak", "solar", step * STEP).method == LINEAR


def test_a_bound_that_is_said_holds():
    load, solar = made(10)
    forecaster = told(load, solar, bounds_w={("oak", "load"): 700.0})
    assert forecaster.flags()["oak", "load"]["beyond"] == (load[0] > 700).sum()
    assert forecaster.forecast("oak", "load", 10 * DAY * STEP).mean.max() <= 700


def issued(forecaster, load, solar, step, steps):
    """Go on for `steps`: forecast, then observe. The rungs that told oak's load."""
    rungs = []
    for now in range(step, step + steps):
        rungs.append(forecaster.forecast("oak", "load", now * STEP).method)
        tell(forecaster, load[:, now : now + 1], solar[:, now : now + 1], now)
    return rungs


@slow
def test_a_rung_that_does_worse_than_persistence_for_a_day_is_left_until_it_does_better():
    forecaster, load, solar, step = usual_for(10, gain=-1.0)
    rungs = issued(forecaster, load, solar, step, 30)
    assert set(rungs[:DAY]) == {LINEAR} and LINEAR not in rungs[DAY:]
    assert "for a day it has been worse than persistence" in forecaster.forecast("oak", "load", (step + 30) * STEP).why
    forecaster.take(same(np.zeros((27, 36))))
    assert issued(forecaster, load, solar, step + 30, 60)[-1] == LINEAR


def test_both_reasons_are_told_when_two_rungs_are_left():
    load, solar = made(2)
    forecaster = told(load, solar)
    why = forecaster.forecast("oak", "load", 2 * DAY * STEP).why
    assert why == "not linear: only 2.0 days believed, it wants 7; not seasonal: only 2.0 days believed, it wants 3"


# What is told -----------------------------------------------------------------------------------------------------


def test_all_homes_together_are_the_sum_and_say_who_is_on_a_lower_rung():
    forecaster, _, _, step = usual_for(10)
    found = forecaster.forecasts(step * STEP)
    for what in FORETOLD:
        assert found[POOLED, what].mean == pytest.approx(sum(found[home, what].mean for home in NAMES))
        assert found["oak", "net"].mean == pytest.approx(found["oak", "load"].mean - found["oak", "solar"].mean)
    later = forecaster.forecasts((step + 9) * STEP)
    assert later[POOLED, "load"].why == "3 of 3 homes: not linear: nothing believed for 9 h"


def test_a_home_that_is_cut_off_does_not_touch_the_others():
    forecaster, load, solar, step = usual_for(10, gain=0.5)
    whole, _, _, _ = usual_for(10, gain=0.5)
    for now in range(step, step + 12):
        for home, row in (("oak", 0), ("elm", 1)):
            forecaster.observe(home, "load", now * STEP, load[row, now])
    tell(whole, load[:, step : step + 12], solar[:, step : step + 12], step)
    cut, full = (each.forecasts((step + 12) * STEP) for each in (forecaster, whole))
    assert (cut["oak", "load"].mean == full["oak", "load"].mean).all()
    assert cut["ash", "load"].method == SEASONAL and np.isfinite(cut[POOLED, "net"].watts).all()


def test_forecasts_at_a_time_before_are_what_they_were():
    forecaster, load, solar, step = usual_for(10, gain=0.5)
    then = forecaster.forecasts(step * STEP)
    tell(forecaster, load[:, step : step + 9] * 3, solar[:, step : step + 9] / 2, step)
    again = forecaster.forecasts(step * STEP)
    assert all(
        (then[key].mean == again[key].mean).all() and (then[key].watts == again[key].watts).all() for key in then
    )


def test_within_a_step_it_stays_the_same_and_begins_at_the_step():
    forecaster, _, _, step = usual_for(10)
    early, late = (forecaster.forecast("oak", "load", step * STEP + after) for after in (0, STEP - 1))
    assert early.start_s == late.start_s == step * STEP and (early.mean == late.mean).all()


def test_quarter_hours_are_told_a_day_and_a_half_ahead():
    load, solar = (np.repeat(part, 4, axis=1) for part in made(9))
    load += np.random.default_rng(1).random(load.shape)
    forecaster = Forecaster(NAMES)
    for row, home in enumerate(NAMES):
        forecaster.observe_many(home, "load", np.arange(9 * 96) * 900, load[row])
        forecaster.observe_many(home, "solar", np.arange(9 * 96) * 900, solar[row])
    found = forecaster.forecast("oak", "load", 9 * 96 * 900)
    assert (found.steps, found.step_s) == (144, 900) and found.mean == pytest.approx(found.mean[np.arange(144) % 96])
    assert found.wh == pytest.approx(found.mean / 4)


# Skill ------------------------------------------------------------------------------------------------------------


def test_skill_is_reckoned_against_persistence_on_the_steps_that_came():
    load, solar = np.tile(np.linspace(100, 900, DAY), (3, 20)), np.zeros((3, 20 * DAY))
    load += np.arange(20 * DAY) // DAY % 2 * 100.0  # persistence is always off by 100 W, a day and a half ahead too
    forecaster = told(load[:, : 12 * DAY], solar[:, : 12 * DAY])
    issued(forecaster, load, solar, 12 * DAY, 2 * DAY)
    forecaster.forecasts(14 * DAY * STEP)
    skill = forecaster.skill("oak", "load")
    assert skill.steps == 2 * DAY and skill.mae_persistence == pytest.approx(
        100 * (len(LEAD_HOURS) - 1 / 2) / 6, rel=0.09
    )
    assert skill.permille == round(1000 - 1000 * skill.mae / skill.mae_persistence) > 300
    assert forecaster.skill("oak", "solar").permille == 0
    assert forecaster.skill(POOLED, "load").mae == pytest.approx(3 * skill.mae)


def test_an_observation_that_comes_late_is_scored_and_once():
    forecaster, load, _, step = usual_for(10)
    forecaster.forecasts(step * STEP)
    forecaster.forecasts((step + 5) * STEP)
    assert forecaster.skill("oak", "load").steps == 0
    for _ in range(3):
        forecaster.observe("oak", "load", step * STEP, load[0, step])
        forecaster.forecasts((step + 6) * STEP)
    assert forecaster.skill("oak", "load").steps == 1 and forecaster.skill("elm", "load").steps == 0


def test_a_clock_that_goes_back_scores_no_step_twice():
    forecaster, load, solar, step = usual_for(10)
    issued(forecaster, load, solar, step, 5)
    forecaster.forecasts((step + 5) * STEP)
    scored = forecaster.skill("oak", "load")
    for now in (step + 2, step + 3, step + 5):
        forecaster.forecasts(now * STEP)
    assert scored.steps == 5 and forecaster.skill("oak", "load") == scored


def test_the_sum_of_homes_stands_for_one_that_is_missing_but_not_for_most():
    load = np.array([[1.0, 1.0], [3.0, np.nan], [np.nan, np.nan]])
    found = summed(load[:, :, None], 0 * load[:, :, None])["load"][-1, :, 0]
    assert found[0] == 6 and np.isnan(found[1])


def test_an_hour_of_few_errors_is_as_sure_as_the_whole_day():
    wrong = np.full((1, 2 * DAY, 1), 10.0)
    wrong[:, :DAY] = -10.0
    wrong[:, 5::DAY] = 500.0
    few = spread(wrong.astype(np.float32), np.arange(2 * DAY), 1).of(np.array([5, 6]), 1)[0, :, 0]
    assert (few[0] == few[1]).all()
    many = np.tile(wrong, (1, 20, 1)).astype(np.float32)
    assert (spread(many, np.arange(40 * DAY), 1).of(np.array([5]), 1)[0, 0, 0] == 500).all()


def test_what_is_not_believed_is_not_scored():
    forecaster, _, _, step = usual_for(10)
    forecaster.forecasts(step * STEP)
    forecaster.observe("oak", "load", step * STEP, -500.0)
    forecaster.forecasts((step + 1) * STEP)
    assert forecaster.skill("oak", "load").steps == 0


@slow
def test_a_restart_goes_on_with_skill_and_counts_and_tells_the_same():
    forecaster, load, solar, step = usual_for(10, gain=-3.0)
    forecaster.observe("ash", "load", 7, 1.0)
    issued(forecaster, load, solar, step, 30)
    kept = json.loads(json.dumps(forecaster.document()))
    again, _, _, _ = usual_for(10, gain=-3.0)
    tell(again, load[:, step : step + 30], solar[:, step : step + 30], step)
    again.resume(kept)
    before, after = (each.forecasts((step + 30) * STEP) for each in (forecaster, again))
    assert all((before[key].mean == after[key].mean).all() and before[key].why == after[key].why for key in before)
    assert again.skill("oak", "load").steps == 29 and again.flags()["ash", "load"] == {"off grid": 1}


@pytest.mark.parametrize("first", ["history", "document"])
def test_what_was_flagged_before_a_restart_is_counted_once(first):
    load, solar = made(5)
    load[0, 50:53] = -900
    before = told(load, solar)
    again = Forecaster(NAMES, STEP)
    if first == "history":
        tell(again, load, solar)
    again.resume(json.loads(json.dumps(before.document())))
    if first == "document":
        tell(again, load, solar)
    again.observe("oak", "load", 5 * DAY * STEP, -900.0)
    assert again.flags()["oak", "load"] == {"negative": 4}


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 0},
        {"until_s": None},
        {"homes": ["fir"]},
        {"skill": {}},
        {"skill": 7},
        {"counts": [["oak", "load", {"spike": -1}]]},
        {"counts": None},
    ],
)
def test_a_document_that_is_not_usable_is_refused_and_all_begins_anew(changed):
    forecaster, load, solar, step = usual_for(8)
    issued(forecaster, load, solar, step, 3)
    fresh = Forecaster(NAMES, STEP)
    with pytest.raises(ForecastError, match="begins anew"):
        fresh.resume(forecaster.document() | changed)
    assert fresh.skill("oak", "load").steps == 0 and fresh.flags() == Forecaster(NAMES, STEP).flags()


def test_skill_that_is_no_number_is_refused():
    forecaster, _, _, _ = usual_for(8)
    document = forecaster.document()
    document["skill"]["weights"][0][0] = float("nan")
    with pytest.raises(ForecastError, match="finite"):
        Forecaster(NAMES, STEP).resume(document)
