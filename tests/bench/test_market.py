"""The market's year on made-up homes, and that its figures see what is wrong."""

from dataclasses import replace

import pytest

from host_bridge.market.clearing import Clearing
from host_bridge.market.settlement import Metered, settle
from host_bridge.market.tariff import Tariff
from tests.bench import market_worlds, market_year
from tests.host.microworld.homes_kit import made_homes


def silent(text):
    pass


@pytest.mark.parametrize("year", [market_year, market_worlds])
def test_a_few_days_of_made_up_homes_meet_every_reach(year):
    figures = year.run(made_homes(5, 72), silent)
    assert [figure.name for figure in figures if not figure.met] == []
    assert [figure for figure in figures if figure.reach == 0]


def settled():
    told = {"a": Metered(5_000_000, 0), "b": Metered(0, 3_000_000)}
    return settle(Clearing(None, (), 0), told, Tariff(30_000, 0))


def test_a_year_adds_up_its_hours():
    year = market_year.Year(("a", "b"))
    year.add(settled())
    year.add(settled())
    assert (year.conservation_error, year.worse_hours) == (0, 0)
    assert year.grid == 2 * 600_000
    assert year.received["a"] == 2 * settled().lines["a"].total_micro


def test_a_year_sees_what_is_lost_and_who_is_worse_off():
    year, hour = market_year.Year(("a", "b")), settled()
    year.add(replace(hour, pool_micro=hour.pool_micro + 1))
    assert year.conservation_error == 2  # the hour's and the year's
    year.add(replace(hour, pool_micro=hour.pool_micro - 1))
    assert year.conservation_error == 2  # not set off
    worse = replace(hour.lines["a"], grid_micro=hour.lines["a"].grid_micro - 10_000_000)
    year.add(replace(hour, lines={**hour.lines, "a": worse}))
    assert year.worse_hours == 1
