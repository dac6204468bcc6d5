"""The figures of `bench energy` on homes small enough to reckon by hand; controllers beside the bound; the rivals."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from host_bridge.agent.plan import Ahead, Battery, Home
from host_bridge.agent.plan.solve import solve
from host_bridge.microworld.study.homes import Homes
from tests.bench import energy, energy_emhass, energy_market, energy_rivals, simbench_homes
from tests.bench.energy_year import (
    CAPACITY_WH,
    EFFICIENCY_PERMILLE,
    POWER_W,
    Year,
    alone,
    foresight,
    held_out,
    idle,
    pooled,
    rule,
    tuning,
)
from tests.bench.market_year import Year as Accounts
from tests.host.microworld.homes_kit import made_homes

ETA = EFFICIENCY_PERMILLE / 1000


def two(load, solar, price=(20_000, 50_000), carbon=(100, 200)):
    return Homes(
        ("a", "b"), *(np.array(its, np.int32) for its in (load, solar)), *(np.array(its) for its in (price, carbon))
    )


def test_a_years_figures_are_those_reckoned_by_hand():
    year = Year(two([[1000, 3000], [0, 2000]], [[0, 0], [2000, 0]]), np.array([[500.0, -1000.0], [0.0, 0.0]]))
    assert year.grid_wh.tolist() == [[1500, 2000], [-2000, 2000]]
    none = 1000 * 20_000 + 3000 * 50_000 + 2000 * 50_000
    assert year.cost(pooled=False) == pytest.approx((1500 * 20_000 + 4000 * 50_000) / none)
    assert year.cost(pooled=True) == pytest.approx(4000 * 50_000 / none)
    assert year.carbon(pooled=True) == pytest.approx(4000 * 200 / (1000 * 100 + 5000 * 200))
    assert year.self_sufficiency(pooled=False) == pytest.approx(1 - 5500 / 6000)
    assert year.self_sufficiency(pooled=True) == pytest.approx(1 - 4000 / 6000)
    assert (year.peak_kw(pooled=True), year.peak_kw(pooled=False)) == (4.0, 2.0)
    assert year.cycles() == pytest.approx(1000 / ETA / CAPACITY_WH / 2)


def test_each_home_is_either_for_tuning_or_held_out():
    assert tuning(17) == [0, 2, 4, 6, 8, 10, 12, 14, 16] and held_out(17) == [1, 3, 5, 7, 9, 11, 13, 15]


def test_the_bound_is_the_one_reckoned_by_hand():
    homes = two([[0, 1000], [0, 1000]], [[0, 0], [0, 0]])  # each Wh is bought cheap, through the battery twice
    assert foresight(homes, pool=False) == pytest.approx(20_000 / ETA**2 / 50_000)
    spare = two([[0, 1000], [0, 1000]], [[1800 / ETA**2, 0], [0, 0]])
    assert foresight(spare, pool=False) == pytest.approx((0 + 20_000 / ETA**2) / 100_000, rel=1e-3)
    assert foresight(spare, pool=True) == pytest.approx(200 * 20_000 / ETA**2 / (2000 * 50_000), rel=1e-2)


CONTROLLERS = {"greedy": lambda its: rule(its, "greedy"), "time of use": lambda its: rule(its, "time_of_use")}


@pytest.mark.parametrize("controller", [*CONTROLLERS.values(), alone, pooled])
def test_no_battery_holds_or_moves_what_it_cannot(controller):
    year = controller(made_homes(3, 72))
    assert np.abs(year.charge_wh).max() <= POWER_W + 1
    stored = np.cumsum(np.where(year.charge_wh > 0, year.charge_wh * ETA, year.charge_wh / ETA), axis=1)
    lost = 0.001 if controller in (alone, pooled) else 72  # a rule of the catalogue loses less than a Wh each hour
    assert stored.min() >= -0.001 and stored.max() <= CAPACITY_WH + lost


def test_no_controller_does_better_than_the_bound_and_ours_better_than_none():
    homes = made_homes(2, 72)
    for pool in (False, True):
        bound = foresight(homes, pool=pool)
        for controller in (idle, *CONTROLLERS.values(), alone, pooled):
            assert controller(homes).cost(pooled=pool) >= bound - 1e-3
    assert alone(homes).cost(pooled=False) < idle(homes).cost(pooled=False) == 1
    assert pooled(homes).cost(pooled=True) < alone(homes).cost(pooled=True)


@pytest.mark.parametrize("hour", [37, 82])  # just before which the batteries of these homes would do otherwise
def test_ours_knows_nothing_of_the_hours_to_come(hour):
    homes = made_homes(2, 96)
    changed = np.array(homes.load_wh)
    changed[:, hour:] += 5000
    other = replace(homes, load_wh=changed)
    for controller in (alone, pooled):
        before, after = controller(homes).charge_wh, controller(other).charge_wh
        assert np.array_equal(before[:, :hour], after[:, :hour]) and not np.array_equal(before, after)


def test_the_planner_still_solves_after_the_bound():
    """HiGHS runs with one number of threads in a process, that of the first who asks."""
    homes = made_homes(1, 48)
    foresight(homes, pool=False)
    ahead = Ahead(0, 3600, homes.load_wh[:, :24].astype(float), homes.solar_wh[:, :24].astype(float), homes.price[:24])
    plan = solve([Home("a", Battery(CAPACITY_WH, POWER_W, POWER_W, 0.0, EFFICIENCY_PERMILLE))], ahead, pooled=False)
    assert plan.outcome == "optimal"


def test_with_the_market_no_home_is_worse_off_and_all_pay_less():
    homes = made_homes(4, 96)
    figures = {figure.name: figure for figure in energy_market.figures(homes, lambda said: None)}
    assert [name for name, figure in figures.items() if not figure.met] == []
    assert figures["ours with market: of 4 homes, worse off"].reach == 0
    bills = figures["ours with market: all bills"].value
    assert pooled(homes).cost(pooled=True) < bills < alone(homes).cost(pooled=False)


def test_bills_are_what_was_paid_less_the_homes_part_of_the_pool():
    accounts = Accounts(("a", "b"))
    accounts.received, accounts.traded, accounts.pool = {"a": -900, "b": -500}, {"a": 3000, "b": 1000}, 100
    assert energy_market.bills(accounts) == {"a": 900 - 75, "b": 500 - 25}


def test_what_emhass_expects_is_yesterday_or_ours_or_all_and_always_the_hour_itself():
    one = made_homes(1, 96)
    load = one.load_wh[0]
    for forecast in energy_emhass.FORECASTS:
        assert energy_emhass._expected(load, 50, forecast)[0] == load[50]
    assert energy_emhass._expected(load, 50, "persistence")[1:].tolist() == load[27:50].tolist()
    assert energy_emhass._expected(load, 50, "foresight").tolist() == load[50:74].tolist()
    changed = load.copy()
    changed[51:] += 999
    for forecast in ("persistence", "ours"):
        assert np.array_equal(*(energy_emhass._expected(its, 50, forecast) for its in (load, changed)))


def test_a_battery_is_followed_from_empty_to_full_and_no_further():
    assert energy_emhass.content_after(np.array([1000.0, -500.0])) == pytest.approx(1000 * ETA - 500 / ETA)
    assert energy_emhass.content_after(np.array([5000.0, 5000.0])) == CAPACITY_WH
    assert energy_emhass.content_after(np.array([-300.0]), 100.0) == 0


def test_simbenchs_homes_are_those_with_a_household_and_a_plant(tmp_path, monkeypatch):
    path = tmp_path / simbench_homes.WHEEL
    hours, quarters = 48, range(4 * 48)
    tables = {
        "Load": [
            "node;profile;pLoad",
            "LV3.101 Bus 1;H0-A;0.002",
            "LV3.101 Bus 2;G1-A;0.002",
            "LV3.101 Bus 3;H0-A;0.1",
        ],
        "RES": ["node;profile;pRES", "LV3.101 Bus 1;PV2;0.01", "LV3.101 Bus 2;PV2;0.01", "LV4.101 Bus 3;PV2;0.01"],
        "LoadProfile": ["time;H0-A_qload;H0-A_pload", *(f"t;9;{quarter % 4 / 10}" for quarter in quarters)],
        "RESProfile": ["time;PV1;PV2", *("t;9;0.5" for _ in quarters)],
    }
    with zipfile.ZipFile(path, "w") as archive:
        for table, rows in tables.items():
            archive.writestr(f"{simbench_homes._FOLDER}/{table}.csv", "\n".join(rows))
    monkeypatch.setattr(simbench_homes, "HOURS", hours)
    monkeypatch.setattr(simbench_homes, "_wheel", lambda cache: path)
    homes = simbench_homes.read(made_homes(1, hours), tmp_path)
    assert homes.names == ("simbench LV3.101 Bus 1",)
    assert set(homes.load_wh[0].tolist()) == {300} and set(homes.solar_wh[0].tolist()) == {5000}


def test_citylearns_costs_are_beside_its_own_homes_without_storage():
    homes = two([[0, 0], [0, 0]], [[0, 0], [0, 0]])
    years = {"Rule": {"grid_wh": [[1000, 0], [-1000, 500]], "none_wh": [[0, 1000], [-1000, 1000]]}}
    own, shared = energy_rivals.beside_none(years, homes)
    assert own.value == pytest.approx((1000 * 20_000 + 500 * 50_000) / (2000 * 50_000))
    assert shared.value == pytest.approx(500 * 50_000 / (2000 * 50_000))


def test_the_years_reaches_are_those_of_the_issue():
    found = {figure.name: figure for figure in energy._year(made_homes(3, 96), lambda said: None)}
    assert found["ours alone: cost alone"].reach == 0.675 and not found["ours alone: cost alone"].at_least
    assert found["ours pooled: cost pooled"].reach == 0.512 and not found["ours pooled: cost pooled"].at_least
