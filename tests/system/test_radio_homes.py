"""Homes over simulated LoRa: node programs under MicroPython, the channel by the wall clock, the real bridge.

US915, whose law lets all join within seconds; two homes stand where only a third one hears them.
"""

import re
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect, sync_playwright

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


@pytest.mark.browser
def test_the_page_draws_how_each_home_is_reached_and_tells_the_airtime(household, chromium):
    household.wait_readings(1)
    relay, far = household.nodes[3].name, household.nodes[-1].name
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(household.url)
        links = page.get_by_role("region", name="Radio links")
        expect(links.locator("svg:visible g.spot")).to_have_count(len(household.nodes) + 1, timeout=20_000)
        expect(links).to_contain_text("US915, simulated LoRa; 902\u2013928 MHz:")
        expect(links).to_contain_text("% of the last hour on air, 100 % allowed, may send now")
        by = re.compile(rf"{far}: \d hops by (home-0[1-6])")
        expect(links.get_by_role("img", name="Map of the radio links")).to_have_accessible_name(by)
        expect(links.locator("svg:visible g.spot").filter(has_text=relay).first).to_contain_text("dB margin")
        expect(page.get_by_role("article", name=far)).to_contain_text(re.compile(r"mean of the 5.s to \d\d:\d\d:\d\d"))
        browser.close()


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
