"""The configuration's part about energy: what works by default, and every wrong value as one clear error."""

import copy

import pytest

from host_bridge.config import ConfigError, load, parse

GOOD = {
    "agent": {"mode": "market"},
    "tariff": {"buy": ["00:00 20", "07:00 28.4"], "sell": ["00:00 -0.5"]},
    "home": [
        {"name": "a", "capacity_wh": 6400, "charge_w": 5000, "discharge_w": 4000},
        {"name": "b", "node": "b-node"},
    ],
    "load": [{"home": "b", "contactor": "water heater", "kind": "heater", "power_w": 2000, "volume_l": 150}],
}


def test_homes_loads_and_prices_are_read():
    config = parse(GOOD, "test")
    assert [home.name for home in config.homes] == ["a", "b"] and config.loads[0].device == "water_heater"
    assert config.homes[0].charge == "battery charge" and config.agent.step_s == 900
    assert config.books.name == "agent.db"


def test_without_a_home_nothing_is_asked_for():
    assert parse({}, "test").homes == []


def test_files_are_taken_from_beside_the_configuration(tmp_path):
    path = tmp_path / "gridnexus.toml"
    path.write_text('[tariff]\nfile = "prices.csv"\n[agent]\nhistory = "past"\n')
    config = load(path)
    assert (config.tariff.file, config.agent.history) == (str(tmp_path / "prices.csv"), str(tmp_path / "past"))


BATTERY = {"capacity_wh": 6400, "charge_w": 5000, "discharge_w": 5000}
CAR = {"home": "a", "contactor": "car", "kind": "car", "power_w": 3700, "needs_wh": 9000}


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        (("agent", "mode"), "greedy", "mode must be one of alone, pooled, market"),
        (("agent", "step_s"), 100, "step_s must be one of"),
        (("agent", "speed"), 60, "speed is above 1"),
        (("agent", "start"), "yesterday", "write a time with its zone"),
        (("agent", "start"), "2026-07-01T00:00:00", "write a time with its zone"),
        (("agent", "horizon_h"), 0, "horizon_h must be from 2 to 36"),
        (("agent", "hold_s"), "5", "hold_s must be of type int"),
        (("market", "least_homes"), 1, "least_homes must be from 2"),
        (("market", "fee_mct"), -1, "fee_mct must be from 0"),
        (("tariff", "buy"), [], "buy is missing"),
        (("tariff", "buy"), ["7 28"], "write a time and cents a kWh"),
        (("tariff", "buy"), ["07:00 28", "07:00 29"], "the times must rise"),
        (("tariff", "sell"), ["00:00 99999"], "costs at most"),
        (("tariff", "file"), "prices.csv", "steps and a file"),
        (("home", 0, "name"), "", "name is missing"),
        (("home", 0, "name"), "=grid", "name is missing, longer than 40 letters or begins with"),
        (("home", 1, "name"), "a", "name a is used twice"),
        (("home", 1, "node"), "a", "node a is used twice"),
        (("home", 0, "grid"), "", "grid is empty"),
        (("home", 0, "charge_w"), 0, "charge_w is missing"),
        (("home", 0, "hold"), "", "hold is missing"),
        (("home", 0, "hold"), "battery charge", "three contactors"),
        (("home", 0, "least_wh"), 6400, "least_wh must be below"),
        (("home", 0, "efficiency_permille"), 1001, "efficiency_permille must be from 500 to 1000"),
        (("home", 0, "colour"), "red", "unknown key colour"),
        (("home",), {"name": "a"}, "write [[home]], one for each"),
        (("load", 0, "home"), "z", "no [[home]] is called 'z'"),
        (("load", 0, "contactor"), "", "contactor is missing"),
        (("load", 0, "kind"), "sauna", "kind must be one of heater, car, task"),
        (("load", 0, "volume_l"), 0, "volume_l is missing"),
        (("load", 0, "power_w"), 0, "power_w must be from 1"),
        (("load", 0, "high_c"), 45, "high_c must be from 46"),
        (("load", 0, "name"), "Hot Water", "small letters"),
        (("load", 0, "by"), "7", "write a time of the day"),
        (("load",), [CAR, CAR], "car of a is listed twice"),
        (("load",), [CAR | {"needs_wh": 0}], "needs_wh is missing"),
        (("load",), [CAR | {"contactor": "battery hold"}], "battery hold is the battery's"),
    ],
)
def test_a_wrong_value_is_one_clear_error_that_says_where(where, value, says):
    table = copy.deepcopy(GOOD)
    *path, last = where
    its = table
    for key in path:
        its = its.setdefault(key, {}) if isinstance(its, dict) else its[key]
    its[last] = value
    with pytest.raises(ConfigError) as error:
        parse(table, "here.toml")
    assert str(error.value).startswith("here.toml: [") and says in str(error.value)
    assert "\n" not in str(error.value)
