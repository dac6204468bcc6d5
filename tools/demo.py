"""The main job on this machine: homes metered by real node programs, kept and shown by the real bridge.

    python3 tools/dev.py demo                        until Ctrl-C; prints the page's address
    python3 tools/dev.py demo --seconds 90 --json    measured: what arrived, what was lost, how exact it is
    python3 tools/dev.py demo --board rpi_pico       the nodes are emulated Raspberry Pi Picos
    python3 tools/dev.py demo --radio                six homes over simulated LoRa, two of them behind a relay
    python3 tools/dev.py demo --neighbourhood        17 homes with batteries that trade; --days 1: measured

The nodes run boards/unix (a process of this machine), or the firmware of a board that is emulated. The homes are
replayed (simulated); the records come every 5 s instead of every minute and an hour of the recording passes in a
minute, so that there is something to see. With --radio the measured time begins when all homes have been heard: until
then about two minutes pass, as a radio's purse of airtime is empty at its start.

A microworld heats the water of one home. Measured, the demo swaps it for a good newcomer and then for a bad one, which
is rolled back (not with --radio); else try that from the page of worlds: the spec is tools/heat_water.toml.
"""

import argparse
import functools
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from host_bridge import client, energy_config
from tools import homes, judge, neighbourhood_demo, neighbourhood_judge
from tools.demo_worlds import DemoWorlds
from tools.emulated_node import EmulatedNode
from tools.household import Household
from tools.nodes import NodesError, UnixNode
from tools.radio_household import RadioHousehold

INTERVAL_S, HOMES = 5, 3
TICK_MS = 128  # of times in a batch: gridnode.wire.batch
BOARDS = {
    "unix": "MicroPython's unix port on this machine",
    "rpi_pico": "emulated Raspberry Pi Picos (emulated RP2040, real MicroPython firmware)",
    "rpi_pico_w": "emulated Raspberry Pi Picos W (emulated RP2040 without its radio, real MicroPython firmware)",
}
DEFAULT_PORT = 8080
WORLDS_WITHIN_S = 60


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


def exercise_radio(bridge: client.Bridge, near: str, far: str) -> list[dict[str, Any]]:
    """As `exercise`, over the air: a home at the gateway, one behind a relay, and a lease too short to be renewed."""
    contactor = bridge.node(far)["contactors"][0]["name"]
    hold_s = {body["node"]: max(300, body["least_hold_s"]) for body in bridge.links()["nodes"]}
    tries = (
        (near, contactor, "closed", hold_s[near], "demo: heat water"),
        (far, contactor, "closed", hold_s[far], "demo: heat water behind a relay"),
        (far, contactor, "closed", 2, "demo: a lease that no renewal could reach in time"),
        (far, "no such contactor", "closed", 300, "demo: a name that nothing has"),
    )
    return [bridge.command(*each) for each in tries]


def run(options: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any] | None:
    """The demo in `folder`; `stack` ends whatever was started. Returns the figures when it is a measured run."""
    out = sys.stderr if options.json else sys.stdout
    if options.neighbourhood:
        return neighbourhood_demo.run(options, folder, stack)
    if options.radio:
        return run_radio(options, folder, stack, out)
    make = UnixNode if options.board == "unix" else functools.partial(EmulatedNode, options.board)
    household = Household(folder, stack, options.homes or HOMES, INTERVAL_S, options.port, make)
    metered = BOARDS[options.board]
    print(f"\n  {len(household.nodes)} homes, replayed (simulated), metered by {metered}. The page:", file=out)
    print(f"\n    {household.url}\n", file=out, flush=True)
    worlds = DemoWorlds(household.config_file, folder, household.client)
    first, last = household.nodes[0].name, household.nodes[-1].name
    if options.seconds is None:
        worlds.install(last)
        print(f"  A microworld heats the water of {last}: see Worlds, at the top of the page.", file=out)
        print("  Ctrl-C ends it.", file=out, flush=True)
        while household.running:
            time.sleep(0.5)
        raise NodesError("a part has ended by itself:\n" + household.logs())
    if first != last:
        worlds.install(last)
    swaps = perform(worlds, last, first == last)
    commands = watch(options, household.client, lambda bridge: exercise(bridge, bridge.node(first)), swaps)
    for _ in swaps:
        time.sleep(0.2)
    performed = worlds.figures()
    household.stop()
    figures = judge.judge(household.database, household.journeys) | judge.of_commands(commands)
    return figures | {"worlds": performed}


def perform(worlds: DemoWorlds, node: str, install: bool) -> Iterator[None]:
    """The swaps, step by step, WORLDS_WITHIN_S at most; with `install` the first world comes just before them."""
    deadline = time.monotonic() + WORLDS_WITHIN_S
    if install:
        worlds.install(node)
    for _ in worlds.perform():
        if time.monotonic() > deadline:
            return
        yield


def run_radio(options: argparse.Namespace, folder: Path, stack: ExitStack, out: TextIO) -> dict[str, Any] | None:
    """As `run`, over simulated LoRa."""
    household = RadioHousehold(folder, stack, options.port)
    print(f"\n  {len(household.nodes)} homes, replayed (simulated), over simulated LoRa. The page:", file=out)
    print(f"\n    {household.url}\n", file=out, flush=True)
    heard_after_s = _wait_heard(household, out)
    if options.seconds is None:
        print("  Ctrl-C ends it.", file=out)
        while household.running:
            time.sleep(0.5)
        raise NodesError("a part has ended by itself:\n" + household.logs())
    near, far = household.nodes[0].name, household.nodes[-1].name
    commands = watch(options, household.client, lambda bridge: exercise_radio(bridge, near, far))
    links = household.figures()
    household.stop()
    figures = judge.judge(household.database, household.journeys, TICK_MS) | judge.of_commands(commands)
    figures["still_to_come"] = figures.pop("lost")  # records: the nodes hold them, and are asked for them
    figures |= judge.lost_energy(household.database, household.journals)
    figures |= {"covered_ppm": judge.covered_ppm(household.database), "all_heard_after_s": heard_after_s}
    return figures | {"links": links}


def _wait_heard(household: RadioHousehold, out: TextIO) -> float:
    """Wait until all homes have been heard, telling how far it is; how long that took from power-on, s."""
    total = len(household.nodes)
    print(
        "  Waiting for the homes, about two minutes: a radio has no airtime at its start, as the law counts by the"
        " hour\n  and nothing says what it sent before. Homes behind the relay come last.",
        file=out,
        flush=True,
    )

    def say(names: list[str], after_s: float) -> None:
        print(f"  {len(names)} of {total} heard after {after_s:.0f} s: {', '.join(names)}", file=out, flush=True)

    return round(household.wait_online(say=say), 1)


def watch(
    options: argparse.Namespace,
    bridge: client.Bridge,
    exercised: Callable[[client.Bridge], list[dict[str, Any]]],
    then: Iterator[None] | None = None,
) -> list[dict[str, Any]]:
    """Let `seconds` pass, with commands a quarter of the way in, and after them steps of `then`; return the former."""
    commands: list[dict[str, Any]] = []
    begin = time.monotonic()
    columns = (TextColumn("  {task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty(), console=None, transient=True) as progress:
        task = progress.add_task("metering", total=options.seconds)
        while (passed := time.monotonic() - begin) < options.seconds:
            if not commands and passed >= options.seconds / 4:
                commands = exercised(bridge)
            elif commands and then is not None:
                next(then, None)
            kept = sum(node["counters"].get("readings", 0) for node in bridge.nodes())
            progress.update(task, completed=passed, description=f"{kept} readings")
            time.sleep(0.5)
    return commands


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/dev.py demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, help="run for so long, then print what was measured")
    parser.add_argument("--radio", action="store_true", help="over simulated LoRa, with a relay (6 homes)")
    parser.add_argument("--neighbourhood", action="store_true", help="homes with batteries, an agent and a market (17)")
    parser.add_argument("--days", type=float, help="of the grid, measured, 24 minutes each (with --neighbourhood)")
    parser.add_argument("--cut", type=int, default=3, help="homes cut off for a while (with --neighbourhood, measured)")
    parser.add_argument("--mode", choices=energy_config.MODES, default="market", help="of the agent (neighbourhood)")
    parser.add_argument("--homes", type=int, choices=range(1, homes.HOMES + 1), metavar="1..17", help="3 unless said")
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
    said, is_good = judge.in_words, judge.is_good_by_radio if options.radio else judge.is_good
    if options.neighbourhood:
        said, is_good = neighbourhood_judge.in_words, neighbourhood_judge.is_good
    print(json.dumps(figures, indent=2) if options.json else said(figures or {}))
    return 0 if figures and is_good(figures) else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
