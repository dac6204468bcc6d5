"""The page of worlds in a real browser: a controller is swapped live, a bad one is rolled back, a spec is proved."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.system.test_page import FLAGS, PATIENCE_MS, Tab, shown
from tools.demo_worlds import NAME, SPEC, DemoWorlds

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASTE = """(content, text) => {
    const clipboard = new DataTransfer()
    clipboard.setData("text/plain", text)
    content.dispatchEvent(new ClipboardEvent("paste", {clipboardData: clipboard, bubbles: true, cancelable: true}))
}"""
WRITTEN = "(element) => getElement(element.id.slice(1)).editor.state.doc.toString()"
PROVED = re.compile(r"Proved: \d+ proved, in ")


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def worlds(bridge, tmp_path_factory):
    """The demo's first world, installed as the demo does it, on the last home."""
    installed = DemoWorlds(bridge.config_file, tmp_path_factory.mktemp("worlds"), bridge.client)
    installed.install(bridge.nodes[-1].name)
    return installed


@pytest.fixture
def tab(browser, bridge, worlds):
    opened = Tab(browser, bridge.url)
    opened.page.get_by_role("link", name="Worlds").click()
    expect(card(opened)).to_be_visible(timeout=PATIENCE_MS)
    yield opened
    opened.context.close()


def card(tab):
    return tab.page.get_by_role("article", name=f"world {NAME}")


def summary(tab):
    return tab.page.locator(".verdicts .summary")


def write(tab, text):
    """The whole specification anew, pasted as a person would: many lines at once are not typed."""
    tab.page.locator(".cm-content").click()
    tab.page.keyboard.press("Control+a")
    tab.page.locator(".cm-content").evaluate(PASTE, text)
    assert written(tab) == text.rstrip()


def written(tab):
    return tab.page.locator(".nicegui-codemirror").evaluate(WRITTEN).rstrip()


def swap(tab, choices, shadow, probation):
    """Load what runs, choose otherwise, wait for the proof, and say yes twice."""
    page = tab.page
    card(tab).get_by_role("button", name="Edit or swap").click()
    expect(page.locator(".cm-content")).to_contain_text("heat_water", timeout=PATIENCE_MS)
    chosen = page.get_by_role("textbox", name="Strategies and parameters")
    expect(chosen).to_have_value(re.compile("most_import="), timeout=PATIENCE_MS)  # all that runs is shown
    chosen.fill(choices)
    expect(page.get_by_role("textbox", name="Ticks of shadow")).to_be_hidden(timeout=PATIENCE_MS)  # checked anew
    expect(summary(tab)).to_have_text(PROVED, timeout=PATIENCE_MS)
    expect(chosen).to_have_value(choices)  # it stays
    page.get_by_role("textbox", name="Ticks of shadow").fill(str(shadow))
    page.get_by_role("textbox", name="Ticks of probation").fill(str(probation))
    page.get_by_role("button", name=f"Swap {NAME}").click()
    shown(page.get_by_role("alertdialog"), f"runs beside {NAME} for {shadow} ticks")
    page.get_by_role("button", name="Yes, swap it").click()
    shown(page.locator(".actions .request"), "The newcomer runs beside")


def test_a_controller_is_swapped_live_and_a_bad_one_is_rolled_back(tab, bridge, worlds):
    first = bridge.client.world(NAME)["digest"]
    swap(tab, "heater=spare", 4, 2)
    shown(tab.page.get_by_role("group", name=f"swap of {NAME}"), r"Shadow run of sha256:\w+: \d of 4 ticks")
    shown(card(tab).locator(".events"), "world swapped.*has taken over from sha256:" + first[:12])
    expect(card(tab).locator(".link")).to_have_text("running", timeout=PATIENCE_MS)
    good = bridge.client.world(NAME)
    assert good["digest"] != first and good["profile"] == {"heater": "spare"}
    swap(tab, f"heater=eager, most_import={max(0, good['inputs']['house'] + 1000)}", 3, 30)
    shown(card(tab).locator(".events"), "world rolled back.*back from .* to sha256:" + good["digest"][:12])
    shown(card(tab).locator(".events"), "assumption broken: house . water")
    back = bridge.client.world(NAME)
    assert back["digest"] == good["digest"] and back["phase"] == "running" and back["missed"] == 0
    assert tab.complaints == [] and tab.elsewhere == []


def test_a_spec_is_proved_refuted_and_faulted_as_one_types(tab):
    text = SPEC.read_text()
    write(tab, text.replace('first = [{ when = "not rested", then = "heating" }]\nelse = "wish"', 'is = "wish"'))
    expect(summary(tab)).to_contain_text("refuted", timeout=PATIENCE_MS)
    page = tab.page
    expect(page.get_by_role("figure", name="Counterexample to minimum on time")).to_be_visible(timeout=PATIENCE_MS)
    shown(page.get_by_role("row").filter(has_text="minimum on time").first, r"refuted.*\d\.\d\d s")
    expect(page.get_by_role("button", name="Install")).to_be_hidden()  # what is not proved cannot be installed
    write(tab, text.replace('when = "not rested"', 'when = "not rusted"'))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "not rested" in row)
    shown(page.locator(".faults"), rf"{line}:\d+")
    expect(page.locator(".cm-line.faulty")).to_have_count(1, timeout=PATIENCE_MS)
    write(tab, text)
    expect(summary(tab)).to_have_text(PROVED, timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Install")).to_be_visible(timeout=PATIENCE_MS)


def test_an_edit_that_is_long_under_way_is_neither_overwritten_nor_mixed_into_another_text(browser, bridge, worlds):
    tab, held = Tab(browser, "about:blank"), []

    def slow(socket):
        server = socket.connect_to_server()

        def said(message):
            if '"event"' in message and "unsaid" in message:
                held.append(lambda: server.send(message))
            else:
                server.send(message)

        socket.on_message(said)

    tab.page.route_web_socket(re.compile("/_nicegui_ws/"), slow)
    tab.page.goto(bridge.url)
    tab.page.get_by_role("link", name="Worlds").click()
    faulty = SPEC.read_text().replace('when = "not rested"', 'when = "not rusted"').rstrip()
    write(tab, faulty)
    tab.page.keyboard.press("Control+Home")
    tab.page.keyboard.insert_text("# unsaid ")
    expect(tab.page.locator(".cm-line.faulty")).to_have_count(1, timeout=PATIENCE_MS)
    assert held and written(tab) == "# unsaid " + faulty
    card(tab).get_by_role("button", name="Edit or swap").click()
    expect(tab.page.locator(".cm-content")).not_to_contain_text("unsaid", timeout=PATIENCE_MS)
    for send in held:
        send()
    expect(summary(tab)).to_have_text(PROVED, timeout=PATIENCE_MS)
    assert written(tab) == SPEC.read_text().rstrip()
    assert tab.complaints == []
    tab.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_it_fits_the_width_and_the_browser_has_nothing_to_complain_of(browser, bridge, worlds, width, scheme):
    tab = Tab(browser, bridge.url, width=width, scheme=scheme)
    tab.page.goto(bridge.url.split("?")[0] + "worlds")
    expect(summary(tab)).to_have_text(PROVED, timeout=PATIENCE_MS)
    assert tab.overflow_px() <= 0
    assert tab.complaints == [] and tab.elsewhere == []
    tab.context.close()


def test_the_assurance_case_is_a_page_and_a_world_is_removed_on_the_second_click(tab, bridge):
    with tab.context.expect_page() as opened:
        card(tab).get_by_role("link", name="Assurance case").click()
    expect(opened.value.locator("body")).to_contain_text("minimum on time", timeout=PATIENCE_MS)
    remove = card(tab).get_by_role("button", name=re.compile("Remove"))
    remove.click()
    expect(remove).to_contain_text("sure?", timeout=PATIENCE_MS)
    assert [body["name"] for body in bridge.client.worlds()] == [NAME]
    remove.click()
    expect(card(tab)).to_be_hidden(timeout=PATIENCE_MS)
    assert bridge.client.worlds() == []
