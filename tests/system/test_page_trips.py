"""The page in a real browser where something is wrong: a lock-out with its Reset, a trip, bad readings, late events."""

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from gridnode.wire import schema
from host_bridge.model import Event, Live, Vitals
from host_bridge.node import Outcome
from tests.host.served_bridge import home
from tests.system.served_page import report

pytestmark = pytest.mark.browser

DAY_MS = 86_400_000


def open_page(browser, url) -> tuple[Page, list[str]]:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(url)
    return page, complaints


def tripped_home():
    view = home("home-1")
    view.channels, view.contactors = ("grid", "heater"), ("boiler", "pump")
    now_ms = view.last_heard_ms
    view.live[1] = Live(1, now_ms, 0, 0, 0, None, None, 230_000, 0, 50_000, schema.REVERSED)
    view.vitals = Vitals(now_ms, None, 7, 41, 62, 0, 0, 2, True)
    report(view, 0, "locked out", "welded")
    report(view, 1, "tripped", "over-current")
    return view


def reset(view, index):
    report(view, index, "open", "reset")
    return Outcome(True, "none", "open", 0, 0)


@pytest.mark.slow
def test_what_is_wrong_is_shown_with_what_to_do_and_a_lock_out_is_reset(chromium, served):
    view = tripped_home()
    served.show(view, answer=reset)
    served.events.add("info", "node online", "is online", "home-1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"])
        page, complaints = open_page(browser, served.address)
        boiler, pump = (page.get_by_role("group", name=f"{name} in home-1") for name in ("boiler", "pump"))
        expect(boiler.locator(".state")).to_contain_text("locked out", timeout=20_000)
        expect(boiler.locator(".load")).to_have_text("load may be on")
        expect(boiler).to_contain_text("cut its power elsewhere")
        expect(boiler.get_by_role("button", name="Switch on")).to_be_hidden()
        expect(pump.locator(".cause")).to_have_text("because of over-current")
        expect(pump.get_by_role("button", name="Switch on")).to_be_disabled()
        expect(pump.get_by_role("button", name="Reset")).to_be_hidden()
        expect(page.get_by_role("article", name="home-1")).to_contain_text("heater: reversed")
        expect(page.get_by_role("table")).to_contain_text(
            "calibration version 2; journal 62\u00a0days; flash 41\u00a0years"
        )
        long_ago_ms = view.last_heard_ms - 3 * DAY_MS
        served.events.show(Event(long_ago_ms, "warning", "sag", "home-1", "grid: a sag of long ago"))  # comes late
        boiler.get_by_role("button", name="Reset").click()
        expect(boiler.locator(".state")).to_contain_text("open")
        expect(boiler.get_by_role("button", name="Switch on")).to_be_enabled()
        assert served.asked == [(0, schema.TARGETS.index("reset"), 0)] and served.store.rows == ["reset"]
        expect(page.locator(".events li").first).to_contain_text("boiler reset, asked by page: applied")
        expect(page.locator(".events li").last).to_contain_text("a sag of long ago")  # in the order of time
        assert complaints == []
        browser.close()
