"""The microworlds of the demo: built, installed and swapped by the same commands and the same API as a user's.

heat_water.toml is installed on one home. A good newcomer takes over from it after its shadow run; a bad one does too,
as all that can be proved of it is true: but it assumes that the house never takes much from the grid, and its own load
breaks that, which no shadow run shows. So it is rolled back, in its probation, and the one before goes on.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_bridge.client import Bridge
from tools.nodes import ROOT, NodesError

SPEC = ROOT / "tools" / "heat_water.toml"
NAME, METER, HEATER = "heat_water", "grid", "water heater"
SHADOW_TICKS, PROBATION_TICKS = 3, 2
BAD_PROBATION_TICKS = 20  # within which its own load must show
EVENTS_STORED_S = 1.5  # the store commits twice a second
HEADROOM_W = 1000  # half of the heater: what the bad one's author has left


class DemoWorlds:
    """`perform` goes on by itself each time that it is asked: it never waits. `config` is the bridge's."""

    def __init__(self, config: Path, folder: Path, bridge: Bridge) -> None:
        self._config, self._folder, self._bridge = config, folder, bridge

    def install(self, node: str) -> None:
        """The first world, which heats with the sun's power alone, on the home `node`. Raises NodesError."""
        world = self._build("surplus", {})
        sources = {
            "inputs": {"house": f"{node}.{METER}.active_power_mw", "water": f"{node}.{HEATER}.active_power_mw"},
            "outputs": {"heat": f"{node}.{HEATER}"},
        }
        self._bridge.install_world(NAME, world, sources)

    def swap(self, strategy: str, shadow_ticks: int) -> None:
        """Let the world with another strategy run beside. Raises NodesError."""
        self._bridge.swap_world(
            NAME, self._build(strategy, {}), shadow_ticks=shadow_ticks, probation_ticks=PROBATION_TICKS
        )

    def perform(self) -> Iterator[None]:
        """Swap to a good newcomer, then to a bad one; ends when that one is gone. Raises NodesError."""
        yield from self._ticked()
        self.swap("spare", SHADOW_TICKS)
        yield from self._phase("running")
        house_w = self._bridge.world(NAME)["inputs"]["house"]
        bad = self._build("eager", {"most_import": f"{max(0, house_w + HEADROOM_W)} W"})
        self._bridge.swap_world(NAME, bad, shadow_ticks=SHADOW_TICKS, probation_ticks=BAD_PROBATION_TICKS)
        yield from self._phase("running")

    def figures(self) -> dict[str, Any]:
        """What became of it: how many swaps and roll-backs the events tell of, and ticks that were missed."""
        time.sleep(EVENTS_STORED_S)
        told = [event for event in self._bridge.events(1000) if event["text"].startswith(f"{NAME}: ")]
        kinds = [event["kind"] for event in told]
        return {
            "swapped": kinds.count("world swapped"),
            "rolled_back": kinds.count("world rolled back"),
            "events": [f"{event['kind']}: {event['text']}" for event in told],
            "ticks_missed": sum(body["missed"] for body in self._bridge.worlds()),
        }

    def _ticked(self) -> Iterator[None]:
        while not self._bridge.world(NAME)["ticks"]:
            yield

    def _phase(self, phase: str) -> Iterator[None]:
        """Until the newcomer is no longer one, and what is in charge is in `phase`."""
        while True:
            body = self._bridge.world(NAME)
            if body["newcomer"] is None and body["phase"] == phase:
                return
            yield

    def _build(self, strategy: str, parameters: dict[str, str]) -> bytes:
        """As a user does: proved and signed with this machine's key."""
        path = self._folder / f"{strategy}.world"
        options = [part for name, value in parameters.items() for part in ("--set", f"{name}={value}")]
        command = [sys.executable, "-m", "host_bridge.cli", "world", "build", str(SPEC), "--config", str(self._config)]
        built = subprocess.run(
            [*command, "--profile", f"heater={strategy}", *options, "-o", str(path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "firmware_mpy"), str(ROOT)])},
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            raise NodesError(f"the world {strategy} was not built:\n{built.stdout}{built.stderr}")
        return path.read_bytes()
