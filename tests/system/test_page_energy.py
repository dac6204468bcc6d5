"""The energy pages in a real browser, over a seeded neighbourhood: community and home, on a phone and on a desk."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from host_bridge.model import LinkState, NodeView
from tests.host.seeded_neighbourhood import CUT_OFF
from tests.system.test_page import FLAGS, PATIENCE_MS, Tab, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = [(390, 844, "dark"), (1440, 900, "light")]
HOME = "/energy/home-2"

FAULTS = (Path(__file__).parent / "page_faults.js").read_text()


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def drawn(served):
    """The neighbourhood with its feeder worked out: a picture of it."""
    served.energy.draw_feeder(2.0)
    return served


@pytest.fixture
def open_at(browser, drawn):
    tabs = []
    now_ms = time.time_ns() // 1_000_000
    drawn.show(*(
        NodeView(name, f"/dev/{name}", LinkState.STALE if name in CUT_OFF else LinkState.ONLINE, last_heard_ms=now_ms)
        for name in drawn.energy.names
    ))  # fmt: skip

    def open_one(path, width=1440, height=900, scheme="light"):
        tab = Tab(browser, drawn.address, width, scheme)
        tabs.append(tab)
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.page.goto(drawn.address.split("/?")[0] + path)
        expect(tab.page.locator(".grid-time")).to_contain_text("13:52", timeout=PATIENCE_MS)
        return tab

    yield open_one
    drawn.energy.change(fault="", days=9, speed=60, has_feeder=True)
    for tab in tabs:
        tab.context.close()


def fits(tab):
    """Nothing is beyond the width, too faint, without a name or fetched from elsewhere."""
    assert tab.overflow_px() <= 0
    assert tab.page.evaluate(FAULTS) == []
    assert tab.complaints == []
    assert tab.elsewhere == []


def region(tab, name):
    return tab.page.get_by_role("region", name=name, exact=True)


@pytest.mark.parametrize(("width", "height", "scheme"), SIZES)
def test_the_community_is_shown_and_fits(open_at, width, height, scheme):
    tab = open_at("/energy", width, height, scheme)
    page = tab.page
    shown(page.locator(".banner.replay"), "Simulated neighbourhood, replayed 60 times as fast")
    shown(
        region(tab, "Now"), r"17\.35ct/kWh.*grid pays 8\.0.ct/kWh.*18\.2.% saved.*15\.1.% to 20\.9.%.*without 3 homes"
    )
    expect(region(tab, "Who buys from whom").get_by_role("img").filter(visible=True)).to_have_count(1)
    expect(region(tab, "Price").locator("svg path").first).to_be_attached(timeout=PATIENCE_MS)
    expect(region(tab, "Feeder").get_by_role("img", name="Feeder kerber")).to_be_visible()
    shown(region(tab, "Feeder"), r"84\.3.% of its rating.*96\.8.% to 102\.4.% of nominal")
    shown(region(tab, "The ladder"), "configured12 homes.*self-consumption.*3 homeshome-4, home-9 and home-15")
    shown(region(tab, "Settlement"), r"24.intervals wait.*home-15: 8.intervals open; stale.*sum to 0 micro-units")
    expect(page.get_by_role("article")).to_have_count(17)
    cut = page.get_by_role("article", name="home-4", exact=True)
    shown(cut, r"stale.*unknown.*last heard.*estimated.*self-consumption")
    expect(cut).to_have_class(re.compile(r"\bstale\b"))
    fits(tab)


@pytest.mark.parametrize(("width", "height", "scheme"), SIZES)
def test_a_home_is_shown_and_fits(open_at, width, height, scheme):
    tab = open_at(HOME, width, height, scheme)
    shown(region(tab, "Now"), "What the agent doescharge.*a kWh stored now.*Next switchingdischarge at 18:00.*34.5 ct")
    expect(region(tab, "The plan").locator("svg path").nth(20)).to_be_attached(timeout=PATIENCE_MS)
    shown(region(tab, "Today's account"), "home-2 used .*kWh.*The day cost")
    shown(region(tab, "What is uncertain"), "content is estimated")
    shown(region(tab, "Decisions"), "charge 1.20.kWh.*outcome not yet known.*refused: minimum on time.*applied")
    shown(region(tab, "Refused"), "refused: minimum on time.*unknown: no outcome came in time")
    shown(region(tab, "Forecast skill"), "load.*boosted.*14.2.% less error.*212.W")
    tab.page.get_by_role("button", name="Tell all of it").click()
    shown(region(tab, "Today's account"), "The battery took in")
    tab.page.get_by_text("Or choose it field by field").click()
    expect(tab.page.get_by_label("by, every day")).to_be_visible()
    fits(tab)


def test_a_home_is_reached_from_the_community_and_back_by_keyboard(open_at):
    tab = open_at("/energy")
    tab.page.get_by_role("link", name="home-4", exact=True).focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page).to_have_url(re.compile("/energy/home-4$"), timeout=PATIENCE_MS)
    shown(tab.page.locator(".home-head"), "stale.*self-consumption.*not online")
    shown(region(tab, "Now"), "usesunknown.*none is planned")
    tab.page.get_by_role("link", name="All homes").click()
    expect(tab.page).to_have_url(re.compile("/energy$"), timeout=PATIENCE_MS)


def test_a_number_of_the_account_tells_its_rows_when_it_is_reached(open_at):
    page = open_at(HOME).page
    numbers = page.locator(".account .number")
    expect(numbers.first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("tooltip").filter(visible=True)).to_have_count(0)
    numbers.first.focus()
    expect(page.get_by_role("tooltip").filter(visible=True)).to_have_text(
        re.compile(r"^[\d,]+ mWh, from \d+ rows of intervals: SELECT sum\(.*\) FROM intervals WHERE home = 'home-2'")
    )
    page.keyboard.press("Tab")
    expect(page.get_by_role("tooltip").filter(visible=True)).to_have_count(1)
    numbers.nth(1).hover()
    shown(page.get_by_role("tooltip").filter(visible=True).first, "SELECT")


def test_a_sentence_is_proposed_confirmed_kept_and_removed(open_at):
    tab = open_at(HOME)
    wishes = region(tab, "Preferences")
    field = wishes.get_by_label("Say what you want")
    field.fill("never switch the car")
    tab.page.wait_for_timeout(2500)  # some rounds of updates
    expect(field).to_have_value("never switch the car")
    field.press("Enter")
    proposal = wishes.get_by_role("group", name="Proposal")
    expect(proposal).to_contain_text("car is never switched", timeout=60_000)  # the first one trains the reader
    expect(wishes.get_by_role("listitem")).to_have_count(0)  # nothing is set yet
    wishes.get_by_role("button", name="Yes, set it").click()
    shown(wishes.get_by_role("listitem"), "never switched.*never switch the car.*since")
    expect(proposal).to_be_hidden()
    wishes.get_by_role("button", name="Remove").click()
    expect(wishes.get_by_role("listitem")).to_have_count(0, timeout=PATIENCE_MS)


def test_what_cannot_be_mapped_is_said_and_sets_nothing(open_at):
    wishes = region(open_at(HOME), "Preferences")
    wishes.get_by_label("Say what you want").fill("play some jazz in the kitchen")
    wishes.get_by_role("button", name="Propose").click()
    shown(wishes.get_by_role("group", name="Proposal"), "Nothing is set")
    expect(wishes.get_by_role("button", name="Yes, set it")).to_be_hidden()
    expect(wishes.get_by_role("listitem")).to_have_count(0)


def test_a_preference_is_chosen_field_by_field(open_at):
    tab = open_at(HOME)
    wishes = region(tab, "Preferences")
    wishes.get_by_text("Or choose it field by field").click()
    wishes.get_by_label("Kind of preference").select_option("comfort")
    wishes.get_by_label("no warmer than").fill("900")  # its field is there: so is its list of devices
    wishes.get_by_label("device").select_option("water_heater")
    wishes.get_by_role("button", name="Show what it means").click()
    shown(wishes, "That is no preference: 900 degrees is beyond")
    wishes.get_by_label("no warmer than").fill("55")
    wishes.get_by_role("button", name="Show what it means").click()
    shown(wishes.get_by_role("group", name="Proposal"), "kept no warmer than 55")
    wishes.get_by_role("button", name="Yes, set it").click()
    shown(wishes.get_by_role("listitem"), "no warmer than 55 .C")
    wishes.get_by_role("button", name="Remove").click()
    expect(wishes.get_by_role("listitem")).to_have_count(0, timeout=PATIENCE_MS)


def test_what_changes_is_shown_and_an_unsure_saving_is_not_claimed(open_at, drawn):
    tab = open_at("/energy")
    drawn.energy.change(fault="agent.db cannot be written: the disk is full", days=2, speed=1, has_feeder=False)
    shown(tab.page.get_by_role("alert").filter(visible=True), "the disk is full")
    shown(region(tab, "Now"), "too young to tell.*too young for a band: 2 of 5 whole days")
    expect(tab.page.locator(".banner.replay")).to_be_hidden()
    expect(region(tab, "Feeder")).to_be_hidden()


@pytest.mark.parametrize("path", ["/energy", HOME])
def test_while_nothing_changes_nothing_is_drawn_anew(open_at, path):
    tab, frames = open_at(path), []
    tab.page.on("websocket", lambda socket: socket.on("framereceived", lambda text: frames.append(str(text))))
    tab.page.reload()
    tab.page.wait_for_timeout(3000)
    assert frames, "the page is connected"
    del frames[:]
    tab.page.wait_for_timeout(2500)
    assert not [frame for frame in frames if "<svg" in frame or "series" in frame]
    assert sum(map(len, frames)) < 2_000


def test_a_home_that_there_is_not_is_said(open_at):
    shown(open_at("/energy/attic").page.locator(".home-head"), "there is no home of this name")
