"""What meters tell is checked before anything is learnt from it: each fault is flagged, counted and kept out."""

import numpy as np
import pytest

from host_bridge.agent.forecast.checks import believed
from host_bridge.agent.forecast.forecaster import KEEP_DAYS, Forecaster
from host_bridge.agent.forecast.model import ForecastError
from tests.host.agent.forecast_kit import DAY, NAMES, STEP, made, told


def one(days, seed=1):
    """A forecaster of one home, told `days` of load; the load; the step after."""
    load, solar = made(days, 1, seed)
    return told(load, solar, ("oak",)), load[0], days * DAY


def reasons(forecaster, what="load"):
    return forecaster.flags()["oak", what]


@pytest.mark.parametrize(
    ("watts", "reason"),
    [(None, "missing"), (float("nan"), "missing"), (float("inf"), "missing"), (-60.0, "negative"), (1e5 + 1, "beyond")],
)
def test_a_value_that_cannot_be_is_flagged_and_is_a_gap(watts, reason):
    forecaster, _, step = one(5)
    flagged = forecaster.observe("oak", "load", step * STEP, watts)
    assert flagged.reason == reason and flagged.words and reasons(forecaster) == {reason: 1}
    after = forecaster.forecast("oak", "load", (step + 1) * STEP)
    assert after.mean[DAY - 1] == pytest.approx(forecaster.forecast("oak", "load", step * STEP).mean[0])


def test_noise_below_zero_is_zero():
    forecaster, _, step = one(5)
    assert forecaster.observe("oak", "solar", step * STEP, -3.0) is None
    assert forecaster.flags()["oak", "solar"] == {}
    assert believed(np.array([-3.0, 3.0]), np.zeros(2, np.uint8)).tolist() == [0, 3]


def test_a_spike_is_put_aside_and_a_new_load_is_believed_when_it_stays():
    forecaster, load, step = one(10)
    high = 10 * load.max()
    flagged = [forecaster.observe("oak", "load", (step + back) * STEP, high) for back in range(7)]
    assert [each.reason if each else None for each in flagged] == ["spike"] * 4 + [None] * 3


def test_a_lone_spike_changes_no_forecast():
    clean, load, step = one(10)
    spiky, _, _ = one(10)
    clean.observe("oak", "load", step * STEP, None)
    spiky.observe("oak", "load", step * STEP, 20 * load.max())
    ahead = (step + 1) * STEP
    assert (clean.forecast("oak", "load", ahead).mean == spiky.forecast("oak", "load", ahead).mean).all()


def test_nothing_is_a_spike_while_all_is_new():
    forecaster, load, step = one(1)
    assert forecaster.observe("oak", "load", step * STEP, 20 * load.max()) is None


def test_a_frozen_meter_is_flagged_after_hours_and_those_hours_are_taken_back():
    forecaster, _, step = one(10)
    flagged = [forecaster.observe("oak", "load", (step + back) * STEP, 512.0) for back in range(9)]
    assert [each.reason if each else None for each in flagged] == [None] * 7 + ["frozen"] * 2
    assert reasons(forecaster) == {"frozen": 8}  # of nine the first alone may have been true
    gap, _, _ = one(10)
    gap.observe("oak", "load", step * STEP, 512.0)
    ahead = (step + 9) * STEP
    assert (gap.forecast("oak", "load", ahead).mean == forecaster.forecast("oak", "load", ahead).mean).all()


def test_nights_without_sun_are_not_frozen_but_a_load_of_nothing_is():
    load, solar = made(10, 1)
    load[:, 5 * DAY : 7 * DAY] = 0
    solar[:, 2 * DAY : 5 * DAY] = 0  # snow on the roof
    forecaster = told(load, solar, ("oak",))
    assert forecaster.flags() == {("oak", "load"): {"frozen": 2 * DAY - 1}, ("oak", "solar"): {}}


def test_a_step_told_twice_keeps_the_first_value():
    forecaster, load, step = one(5)
    assert forecaster.observe("oak", "load", (step - 1) * STEP, load[-1]) is None
    flagged = forecaster.observe("oak", "load", (step - 1) * STEP, load[-1] + 100)
    assert flagged.reason == "repeated" and reasons(forecaster) == {"repeated": 1}
    assert forecaster.forecast("oak", "load", (step + DAY - 1) * STEP).mean[0] == pytest.approx(load[-1], rel=0.9)
    assert forecaster.flagged[-1].start_s == (step - 1) * STEP


def test_a_gap_may_be_filled_late():
    load, solar = made(6, 1)
    forecaster = told(load[:, : 5 * DAY], solar[:, : 5 * DAY], ("oak",))
    whole = told(load, solar, ("oak",))
    for step in [*range(5 * DAY + 1, 6 * DAY), 5 * DAY]:
        assert forecaster.observe("oak", "load", step * STEP, load[0, step]) is None
    ahead = 6 * DAY * STEP
    assert (forecaster.forecast("oak", "load", ahead).mean == whole.forecast("oak", "load", ahead).mean).all()


def test_a_clock_that_leaps_ahead_is_believed_only_when_it_goes_on():
    forecaster, _, step = one(5)
    far = step + 30 * DAY
    flagged = [forecaster.observe("oak", "load", (far + back) * STEP, 700.0 + back) for back in range(5)]
    assert [each.reason if each else None for each in flagged] == ["leap"] * 3 + [None] * 2
    again, _, _ = one(5)
    for leap in (far, far + 9, far + 700):  # a clock that wanders
        assert again.observe("oak", "load", leap * STEP, 700.0).reason == "leap"
    assert again.observe("oak", "load", step * STEP, 700.0) is None


def test_a_history_may_have_gaps_of_weeks_and_its_last_steps_a_gap_before_them():
    load, _ = made(40, 1)
    forecaster = Forecaster(("oak",), STEP)
    steps = np.array([*range(DAY), *range(20 * DAY, 40 * DAY - 3), 40 * DAY - 1])
    forecaster.observe_many("oak", "load", steps * STEP, load[0, steps])
    assert reasons(forecaster) == {}


def test_what_is_older_than_is_kept_is_refused_and_memory_stays_as_it_was():
    forecaster = Forecaster(("oak",), STEP)
    chance = np.random.default_rng(2)
    size = None
    for day in range(0, 3 * KEEP_DAYS, 5):
        starts = (day * DAY + np.arange(5 * DAY)) * STEP
        forecaster.observe_many("oak", "load", starts, 500 + chance.random(5 * DAY))
        held = forecaster._history._told.nbytes, len(forecaster.flagged)
        size = size or held
        assert held == size
    assert forecaster.observe("oak", "load", 0, 500.0).reason == "old"


def test_a_time_between_steps_is_flagged():
    forecaster, _, step = one(5)
    assert forecaster.observe("oak", "load", step * STEP + 7, 500.0).reason == "off grid"
    assert reasons(forecaster) == {"off grid": 1}


def test_a_home_or_a_thing_that_is_not_known_is_an_error_that_says_which_are():
    forecaster = Forecaster(NAMES, STEP)
    for home, what in (("fir", "load"), ("oak", "net")):
        with pytest.raises(ForecastError, match="oak"):
            forecaster.observe(home, what, 0, 1.0)
    with pytest.raises(ForecastError, match="net"):
        forecaster.forecast("oak", "heat", 0)
    with pytest.raises(ForecastError, match="one of each"):
        forecaster.observe_many("oak", "load", [0, STEP], [1.0])


@pytest.mark.parametrize(
    "wrong",
    [{"homes": ()}, {"homes": ("oak", "oak")}, {"homes": ("*",)}, {"step_s": 7}, {"step_s": 0}, {"horizon_s": 1000}],
)
def test_arguments_that_cannot_be_are_refused(wrong):
    with pytest.raises(ForecastError):
        Forecaster(**({"homes": NAMES, "step_s": 900, "horizon_s": 3600} | wrong))


@pytest.mark.parametrize("seed", range(5))
def test_many_at_once_are_as_one_by_one(seed):
    chance, (load, _) = np.random.default_rng(seed), made(8, 1, seed)
    values = load[0].copy()
    values[chance.integers(0, 8 * DAY, 8)] = [np.nan, -900, 2e5, 30_000, 30_000, np.inf, -np.inf, 0]
    at = int(chance.integers(20, 7 * DAY))
    values[at : at + 10] = values[at]
    steps = np.flatnonzero(chance.random(8 * DAY) > 0.05)
    together, apart = Forecaster(("oak",), STEP), Forecaster(("oak",), STEP)
    together.observe_many("oak", "load", steps * STEP, values[steps])
    for step in steps.tolist():
        apart.observe("oak", "load", step * STEP, values[step])
    assert together.flags() == apart.flags()
    ahead = 8 * DAY * STEP
    assert (together.forecast("oak", "load", ahead).mean == apart.forecast("oak", "load", ahead).mean).all()
