"""Bills by hand, forecasts that look back only, and what feeds a world."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.microworld.study import trial
from host_bridge.microworld.study.feeds import FEEDS, FeedError, Lanes
from host_bridge.microworld.study.forecast import (
    Battery,
    before_dear,
    expected_wh,
    foresight_mct,
    hours_until,
    terminal_wh,
    worths,
)
from host_bridge.microworld.study.settle import cost_micro, permille, ratio, settle
from tests.host.microworld.homes_kit import CHEAP, DEAR, catalogue_spec, made_homes


def whole(*rows):
    return np.array(rows, np.int32)


def test_a_bill_by_hand():
    # 1000 Wh at 22 ct/kWh are 22 ct, 500 Wh at 54 ct/kWh are 27 ct; what is fed in earns nothing.
    grid, price = whole([1000, -900, 500], [0, 900, -500]), whole(22_000, 22_000, 54_000)
    assert cost_micro(grid, price).tolist() == [490_000, 198_000]
    settled = settle(grid, grid, price)
    assert (settled.alone, settled.base) == (688_000, 688_000) and settled.alone_permille == 1000
    assert settled.pooled == 220_000  # the second home's 900 Wh are the first one's surplus
    assert settled.pooled_permille == 320


@settings(max_examples=40)
@given(st.lists(st.integers(-50_000, 50_000), min_size=6, max_size=6), st.lists(st.integers(0, 90_000), min_size=3))
def test_a_pool_never_pays_more(grid, price):
    grid, price = whole(grid[:3], grid[3:]), whole(*price[:3])
    settled = settle(grid, grid, price)
    assert settled.pooled <= settled.alone + 1  # each home's bill is cut to micro-units


def test_a_year_of_the_dearest_hours_is_exact():
    grid, price = np.full((1000, 9000), 100_000, np.int32), np.full(9000, 1_000_000, np.int32)
    assert cost_micro(grid, price).tolist() == [100_000 * 1_000_000 * 9000 // 100] * 1000


def test_thousandths():
    assert [permille(cost, 2000) for cost in (1999, 2001, 1, 0)] == [1000, 1001, 1, 0]
    assert [ratio(value) for value in (1000, 720, 7, -45)] == ["1.000", "0.720", "0.007", "-0.045"]


def test_a_forecast_is_of_earlier_days():
    net = np.arange(72, dtype=np.int32)[None]
    yesterday = expected_wh(net)
    assert yesterday[0, :24].tolist() == [0] * 24 and yesterday[0, 24:].tolist() == list(range(72))
    week = expected_wh(net, 7)
    assert week[0, 72] == (48 + 24 + 0) // 3 and week[0, 24] == 0
    assert expected_wh(whole([*[0] * 23, -5, *[0] * 23, -8]), 2)[0, -1] == -6  # cut towards zero


@settings(max_examples=40)
@given(st.integers(24, 71), st.integers(0, 23))
def test_no_forecast_knows_what_comes(hour, ahead):
    one, two = made_homes(hours=72), made_homes(hours=72)
    two.load_wh[:, hour:] += 500
    for days in (1, 7):
        expected = [expected_wh(homes.net_wh, days)[:, hour + ahead] for homes in (one, two)]
        assert (expected[0] == expected[1]).all()


def test_hours_until_dear_ones():
    dear = np.array([0, 0, 1, 1, 0, 0], bool)
    assert hours_until(dear).tolist() == [2, 1, 0, 0, 24, 24]
    assert hours_until(np.zeros(30, bool)).tolist() == [24] * 30


def test_what_dear_hours_lack():
    net = whole([-100, 300, 500, -50, 700, 400])
    dear = np.array([0, 0, 1, 1, 1, 0], bool)
    lack, sun = before_dear(np.concatenate([net, np.zeros((1, 24), np.int32)], axis=1), dear)
    assert lack.tolist() == [[1200, 1200, 1200, 700, 700, 0]]
    assert sun.tolist() == [[100, 0, 0, 0, 0, 0]]


def test_stored_energy_is_worth_what_it_will_save():
    net = whole([*[0] * 18, 1000, *[0] * 5] * 3)
    price = whole(*([*[20_000] * 18, 60_000, *[20_000] * 5] * 3))
    battery = Battery(4000, 4000, 1000)
    worth = worths(net, price, battery)[0]
    assert worth.shape == (72, 4)
    assert worth[41, 0] == 60_000  # the first quarter serves the dear hour that comes now
    assert worth[30, 0] == 20_000  # until then it can be bought
    assert worth[41, 3] == 20_000  # the last is left over, and need not be bought again


def test_what_passes_the_terminals():
    assert terminal_wh(np.array([900, -900, 0, 1]), Battery(6400, 5000, 900)).tolist() == [1000, -810, 0, 2]


def test_perfect_foresight_by_hand():
    # 900 Wh in the battery cost 1000 Wh at 1 and give 810 Wh at 3; but steps are of 300 Wh, and 700 Wh are needed.
    battery = Battery(900, 5000, 900)
    assert foresight_mct(whole([0, 700])[0], whole(1, 3), battery, 300) == 1000
    assert foresight_mct(whole([0, 700])[0], whole(1, 1), battery, 300) == 700


def test_no_rule_beats_perfect_foresight():
    homes = made_homes(hours=24 * 7)
    spec = catalogue_spec("predictive_schedule")
    least = sum(foresight_mct(net, homes.price, Battery(), 50) for net in homes.net_wh) // 100
    for strategy in spec.agents["battery"]:
        paid = trial.bills(spec.program({"battery": strategy}), homes).alone
        assert paid > least * 0.99  # its steps are of 50 Wh


def test_every_feed_is_one_of_the_lanes():
    lanes = Lanes(made_homes(), [(0, 1), (3,)])
    assert all(lanes.feed(name).shape == (2, 48) for name in FEEDS)
    assert (lanes.net_wh[0] == lanes.homes.net_wh[:2].sum(axis=0)).all()
    assert (lanes.feed("share")[0] == lanes.net_wh[0] // 2).all()


def test_a_coalitions_meter_counts_every_battery():
    lanes = Lanes(made_homes(), [(0, 1), (3,)])
    grid = lanes.grid_wh(np.full((2, 48), 10, np.int32))
    assert (grid == lanes.net_wh + [[20], [10]]).all()


def test_what_cannot_be_fed_is_said():
    with pytest.raises(FeedError, match="feed no input 'wanted': there are load"):
        Lanes.alone(made_homes()).inputs(catalogue_spec("lamp").program())
    homes = made_homes()
    homes.load_wh[2, 5] = 30_000
    with pytest.raises(FeedError, match="load goes from .* to 30000 Wh, but its range is 0 to 20000"):
        Lanes.alone(homes).inputs(catalogue_spec("predictive_schedule").program())
    with pytest.raises(FeedError, match="homes 0 to 3"):
        Lanes(homes, [(4,)])
    with pytest.raises(FeedError, match="no output `charge`"):
        trial.charge_place(catalogue_spec("lamp").program())


def test_a_battery_that_is_not_used_changes_nothing():
    homes = made_homes()
    settled = trial.bills(catalogue_spec("predictive_schedule").program({"battery": "none"}), homes)
    assert settled.alone == settled.base and settled.alone_permille == 1000


def test_greedy_by_hand():
    homes = made_homes(1, 2)
    homes.load_wh[:], homes.solar_wh[:], homes.price[:] = [[0, 3000]], [[2000, 0]], [CHEAP, DEAR]
    settled = trial.bills(catalogue_spec("predictive_schedule").program({"battery": "greedy"}), homes)
    kept = 2000 * 949 // 1000
    given_back = kept * 949 // 1000
    assert settled.alone == (3000 - given_back) * DEAR // 100


def test_seconds_of_held_hours():
    homes = made_homes(1, 48)
    held = {"wanted": np.ones(48, np.int32), "carbon": np.tile(np.int32([100, 250]), 24)}
    held["frequency"] = np.full(48, 50_000, np.int32)
    days = list(trial.by_day(catalogue_spec("lamp").program(), held))
    assert len(days) == 2 and days[0].shape == (3600, 24, 1) and homes.hours == 48
    assert days[1][-1, :, 0].tolist() == [100, 30] * 12
    with pytest.raises(FeedError, match="lamp needs carbon"):
        next(trial.by_day(catalogue_spec("lamp").program(), {"wanted": held["wanted"], "frequency": held["frequency"]}))
