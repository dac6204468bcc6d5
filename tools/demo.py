"""The main job on this machine: homes metered by real node programs, kept and shown by the real bridge.

    python3 tools/dev.py demo                        until Ctrl-C; prints the page's address
    python3 tools/dev.py demo --seconds 90 --json    measured: what arrived, what was lost, how exact it is

The nodes run boards/unix: replayed homes (simulated); the records come every 5 s instead of every
minute and an hour of the recording passes in a minute, so that there is something to see.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from host_bridge import client
from host_bridge.config import Config, load
from host_bridge.service.auth import entry_address, load_token
from tools import homes, judge
from tools.nodes import ROOT, NodesError, UnixNode, die_with_parent

SPEED, START_HOUR, INTERVAL_S = 60, 12 * 24 + 10, 5  # a morning in August: one home exports, one imports, one turns
ONLINE_WITHIN_S = 30
DEFAULT_PORT = 8080


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


def write_config(folder: Path, port: int, nodes: list[UnixNode]) -> Path:
    """A configuration as a user would write it: one link for each node's port."""
    links = "".join(f'\n[[link]]\nurl = "{node.port}"\n' for node in nodes)
    path = folder / "gridnexus.toml"
    path.write_text(f'[bridge]\nname = "gridnexus demo"\nstate_dir = "state"\n\n[web]\nport = {port}\n{links}')
    return path


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
        while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
            try:
                bridge = client.connect(self.config, None, None)
                bridge.bridge()
                return bridge
            except client.BridgeError:
                time.sleep(0.2)
        raise NodesError(f"the bridge did not start:\n{self.log()}")

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


def exercise(bridge: client.Bridge, node: dict[str, Any]) -> list[dict[str, Any]]:
    """Switch a load as a person would, and try what must be refused; return the commands."""
    contactor = node["contactors"][0]["name"]
    tries = (
        (contactor, "closed", 20, "demo: heat water"),
        (contactor, "open", 0, "demo: too soon, its shortest on time is not over"),
        (contactor, "closed", 0, "demo: a lease of no length"),
        ("no such contactor", "closed", 20, "demo: a name that nothing has"),
    )
    return [bridge.command(node["name"], name, target, hold_s, why) for name, target, hold_s, why in tries]


def run(options: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any] | None:
    """The demo in `folder`; `stack` ends whatever was started. Returns the figures when it is a measured run."""
    say = print if not options.json else lambda *text: print(*text, file=sys.stderr)
    profiles = homes.fetch(homes.default_cache())[: options.homes]
    nodes = []
    for profile in profiles:
        settings = {"speed": SPEED, "start_hour": START_HOUR, "interval_s": INTERVAL_S}
        node = UnixNode(folder / profile.stem, profile.stem, profile, **settings)
        stack.callback(node.close)
        nodes.append(node)
        node.start()
    process = BridgeProcess(write_config(folder, free_port(options.port), nodes))
    stack.callback(process.stop)
    process.start()
    bridge = process.connect()
    wait_online(bridge, len(nodes))
    say(
        f"\n  {len(nodes)} homes, replayed (simulated), metered under MicroPython. The page:\n\n    {process.address}\n"
    )
    if options.seconds is None:
        say("  Ctrl-C ends it.")
        while all(node.running for node in nodes) and process.process and process.process.poll() is None:
            time.sleep(0.5)
        raise NodesError("a part has ended by itself:\n" + process.log() + "".join(node.log() for node in nodes))
    commands = watch(options, bridge)
    process.stop()
    for node in nodes:
        node.kill()
    journeys = {node.name: (profile, START_HOUR, SPEED) for node, profile in zip(nodes, profiles, strict=True)}
    return judge.judge(process.config.database, journeys) | judge.of_commands(commands)


def watch(options: argparse.Namespace, bridge: client.Bridge) -> list[dict[str, Any]]:
    """Let `seconds` pass, with commands a quarter of the way in; return those."""
    commands: list[dict[str, Any]] = []
    begin = time.monotonic()
    columns = (TextColumn("  {task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty(), console=None, transient=True) as progress:
        task = progress.add_task("metering", total=options.seconds)
        while (passed := time.monotonic() - begin) < options.seconds:
            if not commands and passed >= options.seconds / 4:
                commands = exercise(bridge, bridge.nodes()[0])
            kept = sum(node["counters"].get("readings", 0) for node in bridge.nodes())
            progress.update(task, completed=passed, description=f"{kept} readings")
            time.sleep(0.5)
    return commands


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/dev.py demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, help="run for so long, then print what was measured")
    parser.add_argument("--homes", type=int, default=3, choices=range(1, homes.HOMES + 1), metavar="1..17")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="of the page (default: %(default)s or a free one)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep database, configuration and logs here")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as stack:
            folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridnexus-")))
            figures = run(options, folder.resolve(), stack)
    except KeyboardInterrupt:
        print("\nEnded; nothing is left running.", file=sys.stderr)
        return 0
    except (NodesError, homes.HomesError, client.BridgeError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2) if options.json else judge.in_words(figures or {}))
    return 0 if figures and judge.is_good(figures) else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
