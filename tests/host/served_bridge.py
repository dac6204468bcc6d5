"""The bridge's real API, guard and dispatch on a real port, over a store and nodes in memory: what the CLI talks to."""

import asyncio
import socket
import threading
import time
from types import SimpleNamespace

import uvicorn

from host_bridge.agent.worlds import WorldHost
from host_bridge.config import Config
from host_bridge.dispatch import Dispatch
from host_bridge.events import EventLog
from host_bridge.model import ContactorReport, LinkState, Live, NodeView, Reading
from host_bridge.node import Outcome
from host_bridge.service import create_app
from host_bridge.service.auth import load_token

BEGIN_MS = 1_767_225_600_000  # 2026-01-01T00:00Z, the end of the first reading
MINUTE_MS = 60_000


class MemoryStore:
    """Readings one minute apart; answers by the store's contract: start <= time < end, oldest first, limited."""

    def __init__(self, count=0) -> None:
        self.rows = [reading(number) for number in range(count)]
        self.writable = True
        self.asked = []

    async def readings(self, node, channel, start_ms, end_ms, resolution, limit):
        self.asked.append((node, channel, start_ms, end_ms, resolution, limit))
        return [row for row in self.rows if row.node == node and row.channel == channel
                and start_ms <= row.time_ms < end_ms][:limit]  # fmt: skip

    async def save_command(self, command):
        return 7

    async def update_command(self, command):
        pass

    async def events(self, limit, node="", since_ms=0):
        return []

    def health(self):
        return SimpleNamespace(_asdict=lambda: {"writable": self.writable, "error": "disk full"})


def reading(number, node="home-1", channel=0):
    end_ms = BEGIN_MS + number * MINUTE_MS
    energy = 1_000_000 + number * 17
    return Reading(node, 1, number, channel, end_ms, number * MINUTE_MS, MINUTE_MS, energy, 0,
                   1_234_567, None, None, 230_104, 5_360, 49_998, 0)  # fmt: skip


def home(name="home-1", state=LinkState.ONLINE, power_mw=1_234_567):
    now_ms = time.time_ns() // 1_000_000
    view = NodeView(name, f"/dev/{name}", state, "unix, replayed home (simulated)", "0.1", max_hold_s=900)
    view.channels, view.contactors, view.last_heard_ms = ("grid",), ("heater",), now_ms
    view.live[0] = Live(0, now_ms, 5, 0, power_mw, None, None, 230_104, 5_360, 49_998, 0)
    view.contactor_reports[0] = ContactorReport(0, now_ms, "open", "boot", 0, 0)
    return view


class ServedBridge:
    """`start()` and `stop()` it, on one port; `outcome` is what its nodes answer to a command, None for silence."""

    def __init__(self, state_dir, *views, readings=0) -> None:
        self.config = Config()
        self.config.bridge.state_dir = state_dir
        self.outcome = Outcome(True, "none", "closed", 0, 0)
        self.events, self.store = EventLog(), MemoryStore(readings)
        self.store.events = self._events
        self.views = {view.name: view for view in views}
        self.airs = []  # of its radios
        self.asked = []
        self.worlds_clock_ms = None  # set: it runs microworlds, by this clock, in `worlds`
        self.worlds = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.config.web.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.config.web.port}"
        self.config_file = state_dir / "gridnexus.toml"
        self.config_file.write_text(
            f'[bridge]\nstate_dir = "."\nname = "Test house"\n[web]\nport = {self.config.web.port}\n'
        )
        self.config.bridge.name = "Test house"
        self.token = load_token(self.config.token_file)
        self._server = None

    def start(self):
        fleet = SimpleNamespace(views=self.views, remote=self._remote, airs=lambda: self.airs, strangers=3)
        dispatch = Dispatch(
            fleet, self.config.dispatch, self.events, self.store.save_command, self.store.update_command, None
        )
        if self.worlds_clock_ms is not None:
            folder, clock = self.config.worlds_folder, lambda: self.worlds_clock_ms
            self.worlds = WorldHost(folder, fleet, dispatch, self.events, clock_ms=clock)
        app = create_app(self.config, fleet, dispatch, self.store, self.events, self.worlds)
        settings = uvicorn.Config(
            app, port=self.config.web.port, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=asyncio.run, args=(self._server.serve(),))
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def tick(self, count=1):
        """So many ticks of one second of its worlds, at once; nobody may be asking for anything meanwhile."""
        for _ in range(count):
            self.worlds_clock_ms += 1000
            self.worlds.advance()
            for view in self.views.values():
                if view.live:
                    view.live[0] = view.live[0]._replace(time_ms=time.time_ns() // 1_000_000)

    def stop(self):
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(10)
            self._server = None

    def _remote(self, name):
        return SimpleNamespace(view=self.views[name], command=self._command)

    async def _command(self, index, target, hold_s, within_ms):
        self.asked.append((index, target, hold_s))
        return self.outcome

    async def _events(self, limit, node="", since_ms=0):
        fitting = [e for e in self.events.recent if node in ("", e.node) and e.time_ms >= since_ms]
        return fitting[: -limit - 1 : -1]
