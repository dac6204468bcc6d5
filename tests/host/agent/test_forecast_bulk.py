"""A year of forecasts at once: the same as the live ones, never ahead of its time, and better than persistence."""

import numpy as np
import pytest

from host_bridge.agent.forecast import scored
from host_bridge.agent.forecast.bulk import blocks
from host_bridge.agent.forecast.forecaster import Forecaster
from host_bridge.agent.forecast.model import FORETOLD, LINEAR, PERSISTENCE, POOLED, SEASONAL, ForecastError
from host_bridge.microworld.study.homes import read
from tests.host.agent.forecast_kit import DAY, NAMES, STEP, made
from tests.host.microworld.homes_kit import made_homes, write
from tools import citylearn

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def year():
    """(load, solar) of CityLearn's tuning homes, the ones with odd numbers: [9, 8760] W."""
    homes = read(citylearn.folder())
    return homes.load_wh[::2].astype(float), homes.solar_wh[::2].astype(float)


def test_each_step_is_issued_once_and_the_young_are_on_lower_rungs():
    load, solar = made(6)
    found = list(blocks(load, solar))
    assert [block.first for block in found] == [day * DAY for day in range(6)]
    assert [block.rung for block in found] == [PERSISTENCE] * 3 + [SEASONAL] * 3
    assert sum(block.issues for block in found) == 6 * DAY
    assert all(block.mean[what].shape == (4, DAY, 36) for block in found for what in FORETOLD)


def test_persistence_of_the_first_days_is_the_day_before():
    load, solar = made(3)
    second = list(blocks(load, solar))[1]
    for issue in (0, 5, 23):
        wanted = [load[1, DAY + issue + lead - DAY * (1 + lead // DAY)] for lead in range(36)]
        assert second.mean["load"][1, issue] == pytest.approx(wanted, rel=1e-5)


def test_the_future_is_not_known_on_the_lower_rungs():
    load, solar = made(7)
    other_load, other_solar = load.copy(), solar.copy()
    other_load[:, 100:] *= 3
    other_solar[:, 100:] /= 2
    for one, other in zip(blocks(load, solar), blocks(other_load, other_solar), strict=True):
        known = max(0, min(one.issues, 101 - one.first))
        assert (one.mean["net"][:, :known] == other.mean["net"][:, :known]).all()
        assert one.first < 100 or not (one.mean["net"] == other.mean["net"]).all()


@pytest.mark.parametrize("wrong", [{"step_s": 1000}, {"step_s": 7200}])
def test_steps_that_do_not_part_an_hour_are_refused(wrong):
    with pytest.raises(ForecastError, match="part an hour"):
        next(blocks(*made(2), **wrong))


def test_load_and_solar_of_different_shapes_are_refused():
    load, solar = made(2)
    with pytest.raises(ForecastError, match="both"):
        next(blocks(load, solar[:, 1:]))


@slow
@pytest.mark.parametrize("an_hour", [1, 4])
def test_the_future_is_not_known(year, an_hour):
    """At any issue: what comes at and after the step changes nothing, in means and in quantiles."""
    chance, days = np.random.default_rng(1), 14
    load, solar = (np.repeat(part[:3, : days * DAY], an_hour, axis=1) for part in year)
    load += chance.random(load.shape)
    changed = an_hour * (12 * DAY + 11)
    other_load, other_solar = load.copy(), solar.copy()
    other_load[:, changed:] = chance.permutation(other_load[:, changed:].ravel()).reshape(3, -1)
    other_solar[:, changed:] = 0
    after = 0
    both = (blocks(*pair, 3600 // an_hour, 36 * an_hour) for pair in ((load, solar), (other_load, other_solar)))
    for one, other in zip(*both, strict=True):
        known = max(0, min(one.issues, changed + 1 - one.first))
        for what in FORETOLD:
            assert (one.quantiles(what)[:, :known] == other.quantiles(what)[:, :known]).all()
            assert (one.mean[what][:, :known] == other.mean[what][:, :known]).all()
        after += int((one.mean["net"][:, known:] != other.mean["net"][:, known:]).sum())
    assert after > 0 and one.rung == LINEAR


@slow
@pytest.mark.parametrize(("days", "an_hour"), [(4, 1), (12, 1), (11, 4)])
def test_it_tells_what_the_live_path_tells(year, days, an_hour):
    """An hour after the other, as all homes then have told the same steps."""
    load, solar = (np.repeat(part[:3, : (days + 1) * DAY], an_hour, axis=1) for part in year)
    load += np.random.default_rng(1).random(load.shape)
    step_s = STEP // an_hour
    block = list(blocks(load, solar, step_s, 36 * an_hour))[days]
    assert block.first == days * DAY * an_hour
    forecaster = Forecaster(NAMES, step_s)
    told_until = 0
    for step in range(block.first, load.shape[1], an_hour):
        for row, home in enumerate(NAMES):
            starts = np.arange(told_until, step) * step_s
            forecaster.observe_many(home, "load", starts, load[row, told_until:step])
            forecaster.observe_many(home, "solar", starts, solar[row, told_until:step])
        if step == block.first:
            forecaster.fit(step * step_s)
        told_until = step
        found = forecaster.forecasts(step * step_s)
        for row, home in enumerate((*NAMES, POOLED)):
            for what in FORETOLD:
                assert found[home, what].method == block.rung
                issue = step - block.first
                assert found[home, what].mean == pytest.approx(block.mean[what][row, issue], rel=1e-4, abs=0.1)
                levels = block.quantiles(what)[row, issue].T
                assert found[home, what].watts == pytest.approx(levels, rel=1e-3, abs=2.0)


@slow
def test_on_real_homes_it_beats_the_usual_day_and_persistence_and_knows_how_sure_it_is(year):
    load, solar = (part[:3, : 70 * DAY] for part in year)
    came = {"load": load, "solar": solar, "net": load - solar}
    wrong, inside = {}, []
    for rung in (LINEAR, SEASONAL, PERSISTENCE):
        for block in blocks(load, solar, rung=rung):
            if not 28 * DAY <= block.first < 60 * DAY:
                continue
            at = block.first + np.arange(block.issues)[:, None] + np.arange(36)
            for what, values in came.items():
                errors = np.abs(block.mean[what][:-1] - values[:, at])
                wrong[rung, what] = wrong.get((rung, what), 0) + errors.sum()
                if rung == LINEAR and what == "net":
                    levels = block.quantiles(what)[:-1]
                    inside.append((values[:, at] >= levels[..., 0]) & (values[:, at] <= levels[..., -1]))
    for what, most in (("load", 0.99), ("solar", 1.0), ("net", 0.99)):  # the sun's weeks are few yet
        assert wrong[LINEAR, what] < most * min(wrong[SEASONAL, what], wrong[PERSISTENCE, what])
    assert 0.72 < np.concatenate(inside, axis=1).mean() < 0.85


@slow
def test_real_meters_that_are_right_are_believed(year):
    flags = []
    for home in range(len(year[0])):
        forecaster = Forecaster(("oak",), STEP)
        for what, values in zip(("load", "solar"), year, strict=True):
            forecaster.observe_many("oak", what, np.arange(8760) * STEP, values[home])
        flags.append(forecaster.flags())
    assert all(not counts for found in flags for counts in found.values())


@slow
def test_the_table_has_both_parts_each_and_together(tmp_path, capsys):
    folder = write(made_homes(2, 32 * DAY), tmp_path)
    assert scored.main([str(folder)]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[2::2]] == ["| tuning, each"] * 3 + ["| held-out, each"] * 3
    assert rows[0][3:5] == ["linear", "seasonal"] and all(len(row) == 6 for row in rows[2:])
    assert rows[2][2:] == rows[3][2:]  # one home is all of them


def test_scoring_says_what_is_wrong_with_the_folder(tmp_path, capsys):
    assert scored.main([str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_the_table_goes_between_its_marks_and_nothing_else_changes(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- scored: begin -->\nold\n<!-- scored: end -->\nafter\n")
    scored._written(readme, "| new |\n")
    assert readme.read_text() == "before\n<!-- scored: begin -->\n| new |\n<!-- scored: end -->\nafter\n"
