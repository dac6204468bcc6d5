"""The page in a real browser where something is wrong: a lock-out with its Reset, a trip, bad readings, late events."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright

from gridnode.wire import schema
from host_bridge.config import Config
from host_bridge.dispatch import Dispatch
from host_bridge.events import EventLog
from host_bridge.model import ContactorReport, Event, Live, Vitals
from host_bridge.node import Outcome
from host_bridge.service import create_app
from host_bridge.service.auth import entry_address, load_token
from host_bridge.web import add_pages
from tests.host.served_bridge import home

pytestmark = pytest.mark.browser

DAY_MS = 86_400_000


class Store:
    """Keeps nothing: the page shows what the nodes say now."""

    def __init__(self):
        self.rows = []

    async def _nothing(self, *_):
        return []

    readings = events = nodes = update_command = _nothing

    async def energy_since(self, start_ms):
        return {}

    async def save_command(self, command):
        self.rows.append(command.target)
        return len(self.rows)

    def health(self):
        return SimpleNamespace(writable=True, error="", waiting=0, _asdict=lambda: {"writable": True})


class Served:
    """The real page, API and dispatch, over one node whose contactor resets when told to."""

    def __init__(self, state_dir):
        self.config = Config()
        self.config.bridge.state_dir = state_dir
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.config.web.port = free.getsockname()[1]
        self.view = home("home-1")
        self.view.channels, self.view.contactors = ("grid", "heater"), ("boiler", "pump")
        now_ms = self.view.last_heard_ms
        self.view.live[1] = Live(1, now_ms, 0, 0, 0, None, None, 230_000, 0, 50_000, schema.REVERSED)
        self.view.vitals = Vitals(now_ms, None, 7, 41, 62, 0, 0, 2, True)
        self._report(0, "locked out", "welded")
        self._report(1, "tripped", "over-current")
        self.asked, self.store = [], Store()
        self.events = events = EventLog()
        events.add("info", "node online", "is online", "home-1")
        remote = SimpleNamespace(view=self.view, command=self._command)
        fleet = SimpleNamespace(views={"home-1": self.view}, links=[], remote=lambda name: remote, airs=list, strangers=0)
        store = self.store
        dispatch = Dispatch(fleet, self.config.dispatch, events, store.save_command, store.update_command, None)
        app = create_app(self.config, fleet, dispatch, self.store, events)
        add_pages(app, self.config, fleet, dispatch, self.store, events)
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.config.web.port, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self):
        self._thread.start()
        while not self._server.started:
            time.sleep(0.02)
        return self

    def __exit__(self, *error):
        self._server.should_exit = True
        self._thread.join(10)

    def _report(self, number, state, cause):
        now_ms = time.time_ns() // 1_000_000
        self.view.contactor_reports[number] = ContactorReport(number, now_ms, state, cause, 0, 0)

    async def _command(self, index, target, hold_s, within_ms):
        self.asked.append((index, target, hold_s))
        self._report(index, "open", "reset")
        return Outcome(True, "none", "open", 0, 0)

    @property
    def address(self):
        return entry_address(self.config, load_token(self.config.token_file))


def open_page(browser, url) -> tuple[Page, list[str]]:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(url)
    return page, complaints


def test_what_is_wrong_is_shown_with_what_to_do_and_a_lock_out_is_reset(chromium, tmp_path):
    with Served(tmp_path) as served, sync_playwright() as playwright:
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
        long_ago_ms = served.view.last_heard_ms - 3 * DAY_MS
        served.events.show(Event(long_ago_ms, "warning", "sag", "home-1", "grid: a sag of long ago"))  # comes late
        boiler.get_by_role("button", name="Reset").click()
        expect(boiler.locator(".state")).to_contain_text("open")
        expect(boiler.get_by_role("button", name="Switch on")).to_be_enabled()
        assert served.asked == [(0, schema.TARGETS.index("reset"), 0)] and served.store.rows == ["reset"]
        expect(page.locator(".events li").first).to_contain_text("boiler reset, asked by page: applied")
        expect(page.locator(".events li").last).to_contain_text("a sag of long ago")  # in the order of time
        assert complaints == []
        browser.close()
