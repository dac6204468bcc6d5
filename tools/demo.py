"""The main job on this machine: homes metered by real node programs, kept and shown by the real bridge.

    python3 tools/dev.py demo                        until Ctrl-C; prints the page's address
    python3 tools/dev.py demo --seconds 90 --json    measured: what arrived, what was lost, how exact it is
    python3 tools/dev.py demo --board rpi_pico       the nodes are emulated Raspberry Pi Picos

The nodes run boards/unix (a process of this machine), or the firmware of a board that is emulated. The homes are
replayed (simulated); the records come every 5 s instead of every minute and an hour of the recording passes in a
minute, so that there is something to see.
"""

import argparse
import functools
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from host_bridge import client
from tools import homes, judge
from tools.emulated_node import EmulatedNode
from tools.household import Household
from tools.nodes import NodesError, UnixNode

INTERVAL_S = 5
BOARDS = {
    "unix": "MicroPython's unix port on this machine",
    "rpi_pico": "emulated Raspberry Pi Picos (emulated RP2040, real MicroPython firmware)",
    "rpi_pico_w": "emulated Raspberry Pi Picos W (emulated RP2040 without its radio, real MicroPython firmware)",
}
DEFAULT_PORT = 8080


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
    out = sys.stderr if options.json else sys.stdout
    make = UnixNode if options.board == "unix" else functools.partial(EmulatedNode, options.board)
    household = Household(folder, stack, options.homes, INTERVAL_S, options.port, make)
    metered = BOARDS[options.board]
    print(f"\n  {options.homes} homes, replayed (simulated), metered by {metered}. The page:", file=out)
    print(f"\n    {household.url}\n", file=out, flush=True)
    if options.seconds is None:
        print("  Ctrl-C ends it.", file=out)
        while household.running:
            time.sleep(0.5)
        raise NodesError("a part has ended by itself:\n" + household.logs())
    commands = watch(options, household.client)
    household.stop()
    return judge.judge(household.database, household.journeys) | judge.of_commands(commands)


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
    parser.add_argument("--board", choices=BOARDS, default="unix", help="what the nodes are (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="of the page (default: %(default)s or a free one)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep database, configuration and logs here")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
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
