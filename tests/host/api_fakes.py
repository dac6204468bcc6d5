"""A bridge without links for the API and the guard: real EventLog, real models, and fakes of what they ask."""

from types import SimpleNamespace
from typing import NamedTuple

import httpx

from host_bridge.config import Config
from host_bridge.events import EventLog
from host_bridge.model import (
    Command,
    ContactorReport,
    Event,
    LinkState,
    Live,
    NodeView,
    Reading,
    Refusal,
    StoreError,
    Verdict,
)
from host_bridge.service import create_app
from host_bridge.service.auth import load_token

NOW_MS = 1_900_000_000_000
QUANTITIES = (500, 20, 412_000, 9_000, 420_000, 231_400, 1_800, 49_990, 0)  # registers, then what a meter tells
READING = Reading("home-01", 7, 3, 0, NOW_MS, 60_000, 60_000, *QUANTITIES)


class Minute(NamedTuple):
    start_ms: int
    duration_ms: int
    energy_import_mwh: int


class FakeStore:
    """Answers what it was given and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: tuple = ()
        self.fault = ""

    async def readings(self, node, channel, start_ms, end_ms, resolution, limit):
        if self.fault:
            raise StoreError(self.fault)
        self.asked = (node, channel, start_ms, end_ms, resolution, limit)
        return [READING] if resolution == "raw" else [Minute(NOW_MS, 60_000, 5)]

    async def commands(self, limit):
        return [command(Verdict.APPLIED)][:limit]

    async def events(self, limit, node="", since_ms=0):
        self.asked = (limit, node, since_ms)
        return [Event(NOW_MS, "info", "link", "home-01", "home-01 is online")][:limit]

    def health(self):
        return SimpleNamespace(_asdict=lambda: {"writable": True})


class FakeDispatch:
    """Ends every request with `outcome`, a (verdict, refusal) pair."""

    def __init__(self) -> None:
        self.outcome: tuple[Verdict, Refusal | None] = (Verdict.APPLIED, None)
        self.pending: dict = {}
        self.last: dict = {}
        self.asked: dict = {}

    async def request(self, node, contactor, target, hold_s, *, asked_by, reason):
        self.asked = {"node": node, "contactor": contactor, "target": target, "hold_s": hold_s, "asked_by": asked_by}
        return command(*self.outcome, reason=reason)


def command(verdict, refusal=None, reason="test"):
    detail = f"{refusal}: wait" if refusal else ""
    return Command(1, NOW_MS, "home-01", "heater", "closed", 60, "api", reason, verdict, refusal, detail, 2_000, NOW_MS)


def home():
    view = NodeView("home-01", "/dev/ttyACM0", LinkState.ONLINE, "unix, replayed home (simulated)", "0.1", 4)
    view.channels, view.contactors = ("grid", "water heater"), ("heater", "pump")
    view.live[0] = Live(0, NOW_MS, *QUANTITIES)
    return view


class Bridge:
    """The app under test with its collaborators at hand; `client()` speaks to it in-process."""

    def __init__(self, state_dir) -> None:
        self.config = Config()
        self.config.bridge.state_dir = state_dir
        self.views = {"home-01": home()}
        self.dispatch, self.store, self.events = FakeDispatch(), FakeStore(), EventLog()
        fleet = SimpleNamespace(views=self.views, airs=list, strangers=0)
        self.app = create_app(self.config, fleet, self.dispatch, self.store, self.events)
        self.token = load_token(self.config.token_file)

    def client(self, **headers):
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://bridge:8080", headers=headers)

    def inside(self):
        return self.client(Authorization=f"Bearer {self.token}")

    def get(self, path, **params):
        return self.ask("GET", path, params=params or None)

    async def ask(self, method, path, **more):
        async with self.inside() as client:
            return await client.request(method, path, **more)

    def report(self, state, time_ms, hold_ms, dwell_ms):
        self.views["home-01"].contactor_reports[0] = ContactorReport(0, time_ms, state, "request", hold_ms, dwell_ms)
