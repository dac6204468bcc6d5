"""The whole system for tests: real node programs under MicroPython, the real bridge in its own process."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tools import homes
from tools.demo import BridgeProcess, free_port, wait_online, write_config
from tools.nodes import UnixNode

INTERVAL_S = 2


class System:
    """Nodes and the bridge that serves them. `url` lets a browser in; `client` is a client of the API."""

    def __init__(self, folder: Path, stack: ExitStack, count: int) -> None:
        self.profiles = homes.fetch(homes.default_cache())[:count]
        self.settings = {"speed": 60, "start_hour": 12 * 24 + 10, "interval_s": INTERVAL_S}
        self.nodes = []
        for profile in self.profiles:
            node = UnixNode(folder / profile.stem, profile.stem, profile, **self.settings)
            stack.callback(node.close)
            node.start()
            self.nodes.append(node)
        self.process = BridgeProcess(write_config(folder, free_port(0), self.nodes))
        stack.callback(self.process.stop)
        self.start()

    def start(self) -> None:
        """Start the bridge (again) and wait until all nodes are online."""
        self.process.start()
        self.client = self.process.connect()
        wait_online(self.client, len(self.nodes))

    @property
    def url(self) -> str:
        return self.process.address

    @property
    def database(self) -> Path:
        return self.process.config.database

    def view(self, name: str) -> dict:
        return self.client.node(name)


@pytest.fixture
def system(tmp_path):
    """Two nodes and a bridge, gone when the test ends."""
    with ExitStack() as stack:
        yield System(tmp_path, stack, 2)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    """Two nodes and a bridge for all tests of a module."""
    with ExitStack() as stack:
        yield System(tmp_path_factory.mktemp("system"), stack, 2)
