"""Homes and their bridge on this machine: real node programs and `gridnexus run`, each in a process of its own.

What the demo, the system's tests, the benchmarks and the README's picture have in common.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from host_bridge import client
from host_bridge.config import Config, load
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.service.auth import entry_address, load_token
from tools import homes
from tools.nodes import ROOT, NodesError, UnixNode, die_with_parent

SPEED, START_HOUR = 60, 12 * 24 + 10  # a morning in August: one home exports, one imports, one turns
ONLINE_WITHIN_S = 30


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else one that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise NodesError("no port is free on the loopback interface")


class HomeNode(Protocol):
    """A node that meters a replayed home: tools.nodes.UnixNode, or tools.emulated_node.EmulatedNode."""

    name: str
    port: Path

    @property
    def keys(self) -> list[tuple[int, bytes]]: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...
    def log(self) -> str: ...
    @property
    def running(self) -> bool: ...


class MakeNode(Protocol):
    """(folder, name, profile, **unit) -> a node."""

    def __call__(self, folder: Path, name: str, profile: Path, **unit: Any) -> HomeNode: ...


def write_config(folder: Path, port: int, nodes: Sequence[HomeNode]) -> Path:
    """A configuration as a user would write it: one link for each node's port."""
    links = "".join(f'\n[[link]]\nurl = "{node.port}"\n' for node in nodes)
    path = folder / "gridnexus.toml"
    path.write_text(f'[bridge]\nname = "gridnexus demo"\nstate_dir = "state"\n\n[web]\nport = {port}\n{links}')
    return path


def introduce(config: Config, nodes: Sequence[HomeNode]) -> None:
    """Give the bridge of `config` the nodes' keys, as provisioning does."""
    ring = KeyRing(config.key_folder)
    for node in nodes:
        ring.save(NodeKeys(node.name, node.keys))


class BridgeProcess:
    """`gridnexus run` in a process of its own."""

    def __init__(self, config_file: Path) -> None:
        self.config: Config = load(config_file)
        self._command = [sys.executable, "-m", "host_bridge.cli", "--config", str(config_file), "run"]
        self._log = config_file.with_name("bridge.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `connect` waits until it answers."""
        path = os.pathsep.join([str(ROOT / "firmware_mpy"), str(ROOT)])
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 (no thread of ours forks)
            )

    def connect(self, within_s: float = ONLINE_WITHIN_S) -> client.Bridge:
        """A client of the bridge, once it answers. Raises NodesError with the bridge's log."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self.running:
            try:
                bridge = client.connect(self.config, None, None)
                bridge.bridge()
                return bridge
            except client.BridgeError:
                time.sleep(0.2)
        raise NodesError(f"the bridge did not start:\n{self.log()}")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def address(self) -> str:
        """Where a person gets in; holds the access token."""
        return entry_address(self.config, load_token(self.config.token_file))

    def log(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait; SIGKILL is a power cut."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(number)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def wait_online(bridge: client.Bridge, count: int) -> None:
    """Return when `count` nodes are online. Raises NodesError."""
    deadline = time.monotonic() + ONLINE_WITHIN_S
    states: list[str] = []
    while time.monotonic() < deadline:
        states = [f"{node['name']} {node['link_state']}" for node in bridge.nodes()]
        if sum(state.endswith(" online") for state in states) >= count:
            return
        time.sleep(0.2)
    raise NodesError(f"not all nodes came online: {', '.join(states) or 'none was heard'}")


class Together:
    """Nodes and the bridge that serves them, as one."""

    process: BridgeProcess
    nodes: Sequence[HomeNode]

    @property
    def running(self) -> bool:
        """Whether no part has ended by itself."""
        return self.process.running and all(node.running for node in self.nodes)

    def logs(self) -> str:
        """What the bridge and the nodes printed."""
        return self.process.log() + "".join(node.log() for node in self.nodes)

    def stop(self) -> None:
        """End the bridge, which stores what it has, then the nodes."""
        self.process.stop()
        for node in self.nodes:
            node.kill()


class Household(Together):
    """`count` replayed homes (simulated) and the bridge that serves them, started; `stack` ends them all.

    An hour of the recording passes in a minute. `port` of the page: that one, or a free one if it is taken.
    """

    def __init__(
        self, folder: Path, stack: ExitStack, count: int, interval_s: int, port: int = 0, make: MakeNode = UnixNode
    ) -> None:
        self.profiles = homes.fetch(homes.default_cache())[:count]
        self.nodes: list[HomeNode] = []
        settings = {"speed": SPEED, "start_hour": START_HOUR, "interval_s": interval_s}
        for profile in self.profiles:
            node = make(folder / profile.stem, profile.stem, profile, **settings)
            stack.callback(node.close)
            node.start()
            self.nodes.append(node)
        self.config_file = write_config(folder, free_port(port), self.nodes)
        self.process = BridgeProcess(self.config_file)
        introduce(self.process.config, self.nodes)
        stack.callback(self.process.stop)
        self.start()

    def start(self) -> None:
        """Start the bridge (again) and wait until all nodes are online."""
        self.process.start()
        self.client = self.process.connect()
        try:
            wait_online(self.client, len(self.nodes))
        except NodesError as error:
            raise NodesError(f"{error}\n{self.logs()}") from None

    @property
    def url(self) -> str:
        """Where a browser gets in; holds the access token."""
        return self.process.address

    @property
    def database(self) -> Path:
        return self.process.config.database

    @property
    def journeys(self) -> dict[str, tuple[Path, int, int]]:
        """What each node replays, for tools.judge."""
        return {profile.stem: (profile, START_HOUR, SPEED) for profile in self.profiles}
