"""The page over nodes that are put there: for what is hard to have from real ones."""

import socket
import threading
import time
from types import SimpleNamespace

import uvicorn

from host_bridge.config import Config
from host_bridge.dispatch import Dispatch
from host_bridge.events import EventLog
from host_bridge.model import ContactorReport
from host_bridge.service import create_app
from host_bridge.service.auth import entry_address, load_token
from host_bridge.web import add_pages
from tests.host.seeded_neighbourhood import Neighbourhood


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


class ServedPage:
    """The real page, API and dispatch; `show` says over which nodes. There can be one in a process: NiceGUI's way."""

    def __init__(self, state_dir):
        self.config = Config()
        self.config.bridge.state_dir = state_dir
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.config.web.port = free.getsockname()[1]
        self.views, self.airs, self.store, self.events = {}, [], Store(), EventLog()
        self.asked, self.answer = [], None
        airs, store, events = lambda: self.airs, self.store, self.events
        fleet = SimpleNamespace(views=self.views, links=[], remote=self._remote, airs=airs, strangers=0)
        self.dispatch = dispatch = Dispatch(
            fleet, self.config.dispatch, events, store.save_command, store.update_command, None
        )
        app = create_app(self.config, fleet, dispatch, self.store, events)
        self.energy = Neighbourhood(state_dir)
        add_pages(app, self.config, fleet, dispatch, self.store, events, energy=self.energy)
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

    def show(self, *views, airs=(), answer=lambda view, index: None):
        """From now on these are the nodes and radios; `answer` gives the Outcome of a command, None: silence."""
        self.views.clear()
        self.views.update({view.name: view for view in views})
        self.airs[:] = airs
        self.asked, self.answer = [], answer
        self.store.rows.clear()

    def _remote(self, name):
        view = self.views[name]

        async def command(index, target, hold_s, within_ms):
            self.asked.append((index, target, hold_s))
            return self.answer(view, index)

        return SimpleNamespace(view=view, command=command)

    @property
    def address(self):
        return entry_address(self.config, load_token(self.config.token_file))


def report(view, number, state, cause):
    """As if the node had just said so of its contactor."""
    view.contactor_reports[number] = ContactorReport(number, time.time_ns() // 1_000_000, state, cause, 0, 0)
