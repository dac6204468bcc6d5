"""Homes over simulated LoRa: node programs under MicroPython, the channel by the wall clock, the real bridge.

US915, whose law lets all join within seconds; two homes stand where only a third one hears them.
"""

from contextlib import ExitStack

import pytest

from tools import judge
from tools.demo import TICK_MS
from tools.radio_household import BATCH, RELAYED, RadioHousehold

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def household(tmp_path_factory):
    with ExitStack() as stack:
        yield RadioHousehold(tmp_path_factory.mktemp("radio"), stack, region="US915", scale=0.55)


def test_all_homes_are_heard_and_those_out_of_reach_are_relayed(household):
    household.wait_online()
    hops = household.figures()["hops"]
    assert [hops[node.name] for node in household.nodes[:3]] == [1, 1, 1]
    assert all(hops[node.name] >= 2 for node in household.nodes[-RELAYED:])


def test_a_command_reaches_a_relayed_home_and_a_lease_too_short_is_refused(household):
    far = household.nodes[-1].name
    applied = household.client.command(far, "water heater", "closed", 400, "test")
    assert applied["verdict"] == "applied", applied
    refused = household.client.command(far, "water heater", "closed", 1, "test")
    assert refused["verdict"] == "refused" and "by radio" in refused["detail"]


def test_batches_arrive_and_what_is_told_of_them_holds(household):
    household.wait_readings(2 * BATCH)
    found = household.figures()
    assert found["simulated"] and found["gateway_packets"]["refused"] == 0
    assert all(band["spent_ppm"] > 0 for band in found["gateway_bands"])
    household.stop()
    figures = judge.judge(household.database, household.journeys, TICK_MS)
    assert figures["nodes"] == len(household.nodes)
    assert figures["duplicates"] == 0
    assert figures["energy_error_ppm"] < judge.ENERGY_LIMIT_PPM
