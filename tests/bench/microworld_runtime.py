"""Swaps and faults in the host of worlds: how long a swap takes between two ticks, whether one is missed, and how soon
a module that misbehaves is contained.

The clock that says when ticks are due goes on a second for each: a tick would be missed where all ticks of a second
took longer than that second, and the longest of them is among the figures. Two busy processes take the cores meanwhile.
Modules are compiled before, as in the bridge; making an instance of one is a part of introducing the newcomer.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from host_bridge.agent import life
from host_bridge.agent.binding import Binding
from host_bridge.agent.swapping import Newcomer
from host_bridge.agent.worlds import WorldHost
from host_bridge.events import EventLog
from host_bridge.microworld.runtime import Sandbox
from tests.bench.figures import Figure
from tests.host.agent import world_kit
from tests.host.agent.world_kit import BINDING, NOW_MS, Door, Stage, home, live, made
from tests.host.microworld.wat_kit import HOSTILE

SWAPS, OTHERS = 10_000, 8
SWAP_MS, CONTAINED_MS = 1.0, 50.0
TRIGGER = "(if (i32.gt_s (i32.load (i32.const 20)) (i32.const 2000)) (then {}))"
FAULTS = {"runaway": "spins", "memory bomb": "grows", "trap": "gives up", "endless recursion": "calls itself"}


def run(say: Callable[[str], None]) -> list[Figure]:
    """The rows of swaps, then those of faults."""
    with tempfile.TemporaryDirectory() as folder:
        return [*asyncio.run(swaps(Path(folder), say)), *faults(Path(folder), say)]


async def swaps(folder: Path, say: Callable[[str], None], count: int = SWAPS) -> list[Figure]:
    """`count` swaps of one world, to and fro, beside OTHERS that tick at the same time."""
    hosted = Hosted(folder)
    await hosted.begin()
    took: list[tuple[float, float]] = []  # ms of the clock, ms of the processor
    longest, seconds = 0.0, 0
    with busy_cores():
        for n in range(count):
            if n % 1000 == 0:
                say(f"swap {n:,} of {count:,}")
            hosted.introduce(n)
            while hosted.swapped.newcomer is not None or hosted.swapped.world.phase == life.PROBATION:
                longest = max(longest, hosted.second())
                seconds += 1
            took.append(hosted.took_ms)
    views = hosted.host.views()
    missed = sum(view.missed + view.idle_ticks + seconds - view.ticks for view in views)
    happened = sum(event.kind == "world swapped" for event in hosted.seen)
    clock, processor = (sorted(column) for column in zip(*took, strict=True))
    own = "microworld: swap between two ticks"
    return [
        Figure(f"{own}, longest of {count:,}, its own time", processor[-1], "ms", SWAP_MS, False),
        Figure(f"{own}, median under load", statistics.median(clock), "ms", SWAP_MS, False),
        Figure(f"{own}, 99 of 100 under load", clock[99 * count // 100], "ms"),
        Figure(f"{own}, longest, with the others' turns on the cores", clock[-1], "ms"),
        Figure("microworld: swaps under load", happened, "swaps", count),
        Figure("microworld: ticks missed meanwhile", missed, f"of {seconds * (OTHERS + 1):,}", 0, False),
        Figure(f"microworld: ticks of {OTHERS + 1} worlds in one second, longest", longest, "ms", 1000, False),
    ]


class Hosted:
    """A WorldHost with OTHERS worlds and one that is swapped, and a second that comes when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.now_ms, self.view, self.took_ms = 0, home(), (0.0, 0.0)
        self.door = Door(self.view)
        self.seen: list[object] = []
        events = EventLog(self.seen.append)
        fleet = SimpleNamespace(views={"home": self.view})
        self.host = WorldHost(
            folder, fleet, self.door, events, clock_ms=lambda: self.now_ms, wall_ms=lambda: NOW_MS + self.now_ms
        )
        self.made = [made(limit=limit) for limit in (1000, 800)]
        self.files: list[bytes] = []

    async def begin(self) -> None:
        """Put the worlds in place, as if their files had been read."""
        for n in range(OTHERS + 1):
            first, binding = self.made[0], BINDING if n == OTHERS else {**BINDING, "outputs": {}}
            world = self.host._assembly.world(first, life.RUNNING)
            self.host._add(self.host._assembly.running(f"world{n}", world, Binding.of(binding, first.program)))
        self.swapped = self.host._worlds[f"world{OTHERS}"]
        take_over = self.swapped.take_over

        def timed() -> None:
            before = time.perf_counter(), time.thread_time()
            take_over()
            self.took_ms = 1000 * (time.perf_counter() - before[0]), 1000 * (time.thread_time() - before[1])

        self.swapped.take_over = timed  # type: ignore[method-assign]

    def introduce(self, number: int) -> None:
        """A newcomer that runs beside for one tick, and is on probation for one."""
        newcomer = self.made[(number + 1) % 2]
        self.host._introduce(self.swapped, newcomer, Binding.of(BINDING, newcomer.program), {}, 1, 1, "bench")

    def second(self) -> float:
        """One second later; how many ms the ticks took."""
        self.now_ms += 1000
        self.view.live[0] = live(500, NOW_MS + self.now_ms)
        before = time.perf_counter()
        self.host.advance()
        took_ms = 1000 * (time.perf_counter() - before)
        for running in self.host._worlds.values():
            running.log.take()  # the bridge writes them in a thread
        return took_ms


def faults(folder: Path, say: Callable[[str], None]) -> list[Figure]:
    """From the tick that goes wrong to the one before having run it in its stead, fault by fault."""
    rows, carried_on = [], 0
    cases = [(name, body, 1_000_000) for name, body in FAULTS.items()]
    cases.append(("runaway, by the deadline alone", "spins", None))
    for name, body, fuel in cases:
        say(f"fault: {name}")
        took_ms, goes_on = contained(folder / body / str(fuel), HOSTILE[body][0], fuel)
        rows.append(Figure(f"microworld: contained, {name}", took_ms, "ms", CONTAINED_MS, False))
        carried_on += goes_on
    return [*rows, Figure("microworld: control carried on", carried_on, f"of {len(cases)}", len(cases))]


def contained(folder: Path, body: str, fuel: int | None, rounds: int = 5) -> tuple[float, bool]:
    """(The longest of `rounds`, whether the one before ran that very tick and those after it)."""
    longest, goes_on = 0.0, True
    for n in range(rounds):
        stage = Stage(folder / str(n))
        stage.tick(500, count=5)
        newcomer, good = world_kit.made(limit=900, body=TRIGGER.format(body)), stage.running.world
        module = Sandbox(fuel).load(newcomer.module.wasm)
        world = world_kit.World(newcomer.bundle, newcomer.program, module, life.SHADOW)
        stage.running.introduce(Newcomer(world, Binding.of(BINDING, newcomer.program), {}, 1, 9, "bench"))
        stage.tick(500, 500)
        before = time.perf_counter()
        stage.tick(3000)
        longest = max(longest, 1000 * (time.perf_counter() - before))
        stage.tick(500, count=5)
        goes_on &= stage.running.world is good and (stage.running.ticks, stage.outputs["close"]) == (13, 1)
    return longest, goes_on


@contextmanager
def busy_cores() -> Iterator[None]:
    """Two processes that do nothing but work."""
    work = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(10000))"]) for _ in range(2)]
    try:
        yield
    finally:
        for process in work:
            process.kill()
            process.wait()
