"""The page where nodes are behind a radio: the map of the links, what is silent, one way, jammed, in doubt.

The page, API and dispatch are real, what they show is put there. test_radio_homes.py looks at the same page over real
nodes and a real bridge.
"""

import re
import time

import pytest
from playwright.sync_api import expect, sync_playwright

from host_bridge.model import Air, AirBand, LinkState, Verdict, Way
from tests.host.served_bridge import home
from tests.system.served_page import report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

URL = "air://127.0.0.1:5000"


class Village:
    """home-2 stands behind home-1, home-3 is silent, home-4 hears nothing. Nobody answers."""

    def __init__(self, served):
        self.near, far, silent, deaf = home("home-1"), home("home-2"), home("home-3", LinkState.STALE), home("home-4")
        silent.last_heard_ms -= 600_000
        for view in (self.near, far, silent, deaf):
            view.interval_s, view.stale_after_ms = 60, 2_700_000
            view.way = Way(URL, True, 1, "", -104, 12, 200.0)
        far.way = Way(URL, True, 2, "home-1", -118, 3, 500.0)
        deaf.way = Way(URL, True, 1, "", -119, 2, 300.0, is_one_way=True)
        self.near.clock_offset_ms, self.near.clock_error_ms = 3.0, 420.0
        self.air = Air(URL, "EU868", True, "", False, [AirBand(869_400, 869_650, 40_000, 100_000, 42_000)], {})
        served.show(self.near, far, silent, deaf, airs=[self.air])


@pytest.fixture
def village(served):
    return Village(served)


@pytest.fixture
def page(village, served, chromium, request):
    width, scheme = getattr(request, "param", (1440, "light"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        page.goto(served.address)
        expect(page.get_by_role("article", name="home-4")).to_be_visible(timeout=20_000)
        yield page
        browser.close()


def the_map(page):
    return page.get_by_role("region", name="Radio links")


def spot(page, name):
    spots = the_map(page).locator("svg:visible g.spot")
    return spots.filter(has=page.locator("text.name", has_text=re.compile(f"^{name}$")))


@pytest.mark.parametrize("page", [(1440, "light"), (390, "dark")], indirect=True)
def test_the_map_shows_who_is_reached_how_and_what_the_colours_say(page):
    links = the_map(page)
    expect(links).to_contain_text("simulated LoRa")
    picture = links.get_by_role("img", name="Map of the radio links")
    expect(picture).to_have_count(1)  # of the wide and the narrow one that for which there is room
    expect(picture).to_have_accessible_name(re.compile(r"home-1: \+12 dB margin; .*home-2: 2 hops by home-1"))
    expect(spot(page, "home-1")).to_have_class(re.compile(r"\bgood\b"))
    expect(spot(page, "home-2")).to_have_class(re.compile(r"\brelayed\b"))
    expect(spot(page, "home-3")).to_have_class(re.compile(r"\bfaded\b"))
    expect(spot(page, "home-3")).to_contain_text("silent, heard 10\u00a0min ago")
    expect(spot(page, "home-4")).to_contain_text("one way")
    expect(spot(page, "home-4").locator("title")).to_contain_text("nothing can be asked of it")
    expect(links.get_by_role("list", name="What the colours say")).to_contain_text("margin of 10 dB or more")
    expect(links).to_contain_text("4.00 % of the last hour on air, 10 % allowed, next packet in 42 s")
    bar, spent = (links.locator(f".radios .bar{part}").bounding_box()["width"] for part in ("", " span"))
    assert spent / bar == pytest.approx(0.4, abs=0.01)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


@pytest.mark.parametrize("page", [(1440, "light"), (390, "dark")], indirect=True)
def test_no_text_of_the_map_leaves_its_place_or_is_too_small_to_read(page):
    found = page.evaluate(
        """() => [...document.querySelectorAll("svg.map")].filter((map) => map.checkVisibility()).flatMap((map) =>
            [...map.querySelectorAll("g.spot")].flatMap((spot) => {
                const room = spot.querySelector("rect").getBoundingClientRect();
                return [...spot.querySelectorAll("text")].map((text) => {
                    const is = text.getBoundingClientRect();
                    return [text.textContent, is.left - room.left, room.right - is.right, is.height];
                });
            }))"""
    )
    assert len(found) == 10
    for text, left, right, height in found:
        assert left >= 4 and right >= 4, text
        assert height >= 11, text


def test_a_radio_that_is_jammed_or_does_not_answer_is_told(village, page):
    air = village.air
    air.is_jammed = True
    expect(the_map(page)).to_contain_text("the channel is jammed: it waits", timeout=10_000)
    expect(spot(page, "gateway")).to_contain_text("jammed: it waits")
    air.is_jammed, air.fault = False, "SX1262 does not answer: is it on?"
    expect(the_map(page).locator(".radios")).to_have_text(re.compile("EU868, simulated LoRa: SX1262 does not answer"))
    expect(spot(page, "gateway")).to_have_class(re.compile(r"\bweak\b"))
    air.fault = ""
    expect(spot(page, "gateway")).to_contain_text("simulated LoRa", timeout=10_000)


def test_power_by_radio_says_of_when_it_is_and_the_clock_how_wrong_it_may_be(village, page):
    end = time.localtime(village.near.live[0].time_ms / 1000)
    mean = f"mean of the minute to {time.strftime('%H:%M', end)}"
    expect(page.get_by_role("article", name="home-1")).to_contain_text(mean)
    expect(page.get_by_role("region", name="Power now")).to_contain_text("by radio: means, the oldest of")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="home-1"))
    expect(row).to_contain_text("\u00b1\u00a0420\u00a0ms")
    expect(row).to_contain_text("simulated LoRa, 1\u00a0hop")


def test_of_a_node_that_hears_nothing_nothing_can_be_asked(page):
    card = page.get_by_role("article", name="home-4")
    expect(card).to_contain_text("nothing can be asked of it")
    expect(card.get_by_role("button", name="Switch on").first).to_be_disabled()


def test_not_known_whether_applied_is_a_state_of_its_own(village, served, page):
    heater = page.get_by_role("group", name="heater in home-1")
    expect(heater.locator(".state")).to_contain_text("open")
    heater.get_by_role("combobox").select_option("60")
    heater.get_by_role("button", name="Switch on").click()
    expect(heater.locator(".state")).to_contain_text("not known", timeout=10_000)
    expect(heater.locator(".load")).to_contain_text(": open")  # what it told last
    expect(heater.locator(".cause")).to_contain_text(re.compile(r"Not known whether applied: switch on for 1.min\."))
    expect(heater.locator(".cause")).to_contain_text(re.compile(r"open by itself in (1:00|0:5\d)"))
    expect(heater.locator(".request")).to_contain_text("not known whether applied: no outcome came in time")
    assert served.dispatch.last["home-1", "heater"].verdict is Verdict.UNKNOWN and len(served.asked) == 1
    village.near.clock_error_ms = 0
    report(village.near, 0, "closed", "request")  # it tells
    expect(heater.locator(".state")).to_contain_text("closed", timeout=10_000)
