"""The page in a real browser, over the real bridge and real nodes: switch, be refused, lose a node, fit a phone."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 20_000  # how long the page may take to show what happened, on a slow machine


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield launched
        launched.close()


class Tab:
    """A tab on the page, with everything the browser complained about."""

    def __init__(self, browser: Browser, url: str, width: int = 1440, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", self._requested)
        self._origin = url.split("/?")[0]
        self.page.goto(url)

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _requested(self, request) -> None:
        address = request.url.replace("ws://", "http://")
        if not address.startswith((self._origin, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def home(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=name)

    def switch(self, name: str) -> Locator:
        return self.home(name).get_by_role("group").first

    def overflow_px(self) -> int:
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture
def open_tab(browser, bridge):
    tabs: list[Tab] = []

    def open_one(**options) -> Tab:
        tab = Tab(browser, bridge.url, **options)
        tabs.append(tab)
        for node in bridge.nodes:
            expect(tab.home(node.name).locator(".link")).to_have_text("online", timeout=PATIENCE_MS)
        return tab

    yield open_one
    for tab in tabs:
        tab.context.close()


def shown(locator: Locator, text: str) -> None:
    expect(locator).to_contain_text(re.compile(text), timeout=PATIENCE_MS)


def seconds_left(switch: Locator) -> int:
    text = switch.get_by_role("timer").inner_text()
    minutes, seconds = re.search(r"(\d+):(\d\d)", text).groups()
    return int(minutes) * 60 + int(seconds)


def open_again(switch: Locator) -> None:
    """Leave the contactor open, waiting out its dwell."""
    state, off = switch.locator(".state"), switch.get_by_role("button", name="Switch off")
    if "closed" in state.inner_text():
        expect(switch.locator(".dwell")).to_be_hidden(timeout=PATIENCE_MS)
        off.click()
    shown(state, "open")


def test_the_address_lets_in_once_and_the_token_leaves_it(open_tab, bridge):
    tab = open_tab()
    assert "token" in bridge.url
    assert "token" not in tab.page.url
    expect(tab.page.get_by_role("link", name="Energy")).to_have_count(0)  # no [[home]] is configured
    tab.page.reload()
    expect(tab.home(bridge.nodes[0].name)).to_be_visible(timeout=PATIENCE_MS)


def test_without_the_token_there_is_no_page(browser, bridge):
    context = browser.new_context()
    answer = context.new_page().goto(bridge.url.split("?")[0])
    assert answer.status == 401
    context.close()


@pytest.mark.slow
def test_power_comes_with_sign_unit_and_word(open_tab, bridge):
    tab = open_tab()
    total = tab.page.get_by_role("region", name="Power now")
    shown(total.locator(".figure"), r"[+\u2212]?\d[\d.]*k?W")
    shown(total.locator(".direction"), "importing from the grid|exporting to the grid|neither")
    shown(total, rf"all {len(bridge.nodes)} homes|the home is reporting")
    shown(tab.home(bridge.nodes[0].name), "simulated")


@pytest.mark.slow
def test_a_switch_shows_the_outcome_the_reported_state_and_the_hold_running_down(open_tab, bridge):
    switch = open_tab().switch(bridge.nodes[0].name)
    open_again(switch)
    expect(switch.locator(".dwell")).to_be_hidden(timeout=PATIENCE_MS)
    switch.get_by_role("combobox").select_option("60")
    switch.get_by_role("button", name="Switch on").click()
    shown(switch.locator(".request"), "Asked to switch on for 1.min, applied")
    shown(switch.locator(".state"), "closed")
    before = seconds_left(switch)
    assert 0 < before <= 60
    expect(switch.get_by_role("timer")).not_to_contain_text(f"{before // 60}:{before % 60:02}", timeout=PATIENCE_MS)
    assert seconds_left(switch) < before
    open_again(switch)


@pytest.mark.slow
def test_a_second_command_within_the_dwell_is_refused_with_its_reason(open_tab, bridge):
    switch = open_tab().switch(bridge.nodes[0].name)
    open_again(switch)
    expect(switch.locator(".dwell")).to_be_hidden(timeout=PATIENCE_MS)
    switch.get_by_role("button", name="Switch on").click()
    shown(switch.locator(".request"), "applied")
    switch.get_by_role("button", name="Switch off").click()
    shown(switch.locator(".request"), "switch off, refused: it was closed too recently to open .min on time")
    shown(switch.locator(".state"), "closed")  # what was asked is never shown as what is
    open_again(switch)


@pytest.mark.slow
def test_a_killed_node_goes_stale_and_leaves_the_sum(open_tab, bridge):
    node = bridge.nodes[-1]
    tab = open_tab()
    home = tab.home(node.name)
    node.kill()
    try:
        expect(home.locator(".link")).to_have_text(re.compile("stale|connecting"), timeout=PATIENCE_MS)
        expect(home).to_have_class(re.compile(r"\bstale\b"))
        shown(home.locator(".direction"), "last known")
        shown(home.locator(".state"), "was (open|closed)")
        expect(home.get_by_role("button", name="Switch o").first).to_be_disabled()
        shown(tab.page.locator(".banner.warning:not(.hidden)"), f"Not heard: .*{node.name}")
        left = len(bridge.nodes) - 1
        shown(
            tab.page.locator(".overview"), f"{left} of {left + 1} homes reporting" if left else "no home is reporting"
        )
        row = tab.page.get_by_role("row").filter(has=tab.page.get_by_role("rowheader", name=node.name))
        shown(row, r"\d+.s ago")
    finally:
        node.start()
    expect(home.locator(".link")).to_have_text("online", timeout=PATIENCE_MS)


NEWEST_POINTS = """() => getElement(document.querySelector("figure.chart .plot")).chart.getOption().series.map(
    (line) => line.data.at(-1)?.[0] ?? 0)"""


@pytest.mark.slow
def test_the_live_chart_gains_a_point_for_each_home(open_tab, bridge):
    page = open_tab().page
    page.wait_for_function(f"({NEWEST_POINTS})().length === {len(bridge.nodes)}")
    first = page.evaluate(NEWEST_POINTS)
    page.wait_for_function(f"(first) => ({NEWEST_POINTS})().every((newest, index) => newest > first[index])", arg=first)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_it_fits_the_width_and_the_browser_has_nothing_to_complain_of(open_tab, width, scheme):
    tab = open_tab(width=width, scheme=scheme)
    tab.page.wait_for_timeout(2500)  # some rounds of updates
    assert tab.overflow_px() <= 0
    assert tab.complaints == []
    assert tab.elsewhere == []  # everything comes from the bridge itself
    dark = tab.page.evaluate("getComputedStyle(document.body).colorScheme")
    assert dark == scheme


@pytest.mark.slow
def test_the_colours_can_be_turned_and_stay_so(open_tab):
    page = open_tab(scheme="light").page
    page.get_by_role("button", name="Colours follow the system").click()
    page.get_by_role("button", name="Light colours").click()
    expect(page.get_by_role("button", name="Dark colours")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))
    page.reload()
    expect(page.get_by_role("button", name="Dark colours")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))


@pytest.mark.slow
def test_a_switch_can_be_worked_from_the_keyboard(open_tab, bridge):
    switch = open_tab().switch(bridge.nodes[0].name)
    open_again(switch)
    expect(switch.locator(".dwell")).to_be_hidden(timeout=PATIENCE_MS)
    switch.get_by_role("button", name="Switch on").focus()
    switch.page.keyboard.press("Enter")
    shown(switch.locator(".state"), "closed")
    open_again(switch)
