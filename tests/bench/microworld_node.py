"""Microworlds on the microcontroller: what a tick of their bytecode costs there, and that it is equal to wasm."""

from collections.abc import Callable

from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.program import Program
from tests.bench import node_worlds
from tests.bench.figures import Figure

NAMES = ("lamp", "relay_guard")  # those that a node runs
BLOCKS = 100
TICK_MS = 5.0


def programs() -> list[Program]:
    """Each with its own parameters."""
    return [spec.read(catalogue.spec_path(name).read_text(encoding="utf-8")).program() for name in NAMES]


def run(say: Callable[[str], None]) -> list[Figure]:
    """The rows, of the emulated RP2040 at 125 MHz (times are within ± 50 % of a real one)."""
    say(f"{' and '.join(NAMES)} on the emulated RP2040, {BLOCKS * node_worlds.BLOCK} random inputs each")
    ran = node_worlds.run(programs(), BLOCKS)
    rows = []
    for each in ran:
        name = f"microworld: {each.name} on the emulated RP2040"
        rows.append(Figure(f"{name}, a tick, longest", each.longest_us / 1000, "ms", TICK_MS, False))
        rows.append(Figure(f"{name}, ticks compared with wasm", each.ticks, "", BLOCKS * node_worlds.BLOCK))
        rows.append(Figure(f"{name}, of which in blocks that differ", len(each.unequal), "", 0, False))
    return rows
