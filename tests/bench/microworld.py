"""Microworlds: how fast batches of them step; then what microworld_{verify,runtime,sweep,node}.py measure.

    wasm        `run` of the module's bytes in the bridge's own Batch, on one core
    native C    the same rule as tools/world_c.py writes it, by clang -O3 for this very processor, in the same run: the
                two take turns, and the best round of each counts
    Python      reference.Stepper
    NumPy       vectorised over 1,000 lanes
    CityLearn   the step of CityLearn 2.1.2's own environment, an hour of 17 homes with batteries

A tick is one hour of one home. Inputs are random over the whole of their ranges, which no branch predictor foresees.
"""

import json
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from host_bridge.microworld import reference, wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Shape
from tests.bench import microworld_node, microworld_runtime, microworld_sweep, microworld_verify, world_numpy
from tests.bench.figures import Figure
from tests.host.microworld.programs import catalogue_worlds
from tools import homes, setup_env, world_c

Say = Callable[[str], None]
LANES, TICKS, ROUNDS = 17, 8760, 31
PYTHON_TICKS, NUMPY_LANES, NUMPY_TICKS, CITYLEARN_STEPS = 20_000, 1000, 100, 300
COMPARED = "predictive_schedule"  # its homes are CityLearn's
SHARE = 0.3


class Speeds(NamedTuple):
    """Ticks a second on one core."""

    wasm: float
    native: float


def run(say: Say) -> list[Figure]:
    """All rows."""
    rows = list(microworld_verify.run(say))
    rows += stepping(say)
    rows += microworld_sweep.run(say, speed(microworld_sweep.program()).wasm)
    return [*rows, *microworld_runtime.run(say), *microworld_node.run(say)]


def stepping(say: Say) -> list[Figure]:
    """Every catalogue world against C, its modules one after another; and one world beside everything else."""
    rows, beside = [], []
    for world, programs in catalogue_worlds().items():
        say(f"{world}: stepping {LANES} x {TICKS:,} ticks")
        found = {program.name: speed(program) for program in programs}
        ratio = sum(1 / each.native for each in found.values()) / sum(1 / each.wasm for each in found.values())
        rows.append(Figure(f"microworld: {world}, wasm against native C", ratio, "", SHARE))
        for program in (program for program in programs if not program.state):
            name = f"microworld: {program.name}, which has no state, so that C does ticks side by side"
            rows.append(Figure(name, found[program.name].wasm / found[program.name].native, ""))
        if world == COMPARED:
            beside = list(_beside(programs[0], found[programs[0].name], say))
    return rows + beside


def speed(program: Program) -> Speeds:
    """How fast `run` and native C are. Raises AssertionError where they do not agree."""
    batch = Batch(LANES, TICKS, Shape.of(program))
    batch.inputs[:] = _inputs(program, LANES, TICKS)
    start = _start(program, LANES)
    module = batch.load(wasm.compile(program))
    with tempfile.TemporaryDirectory() as folder:
        native = world_c.Native([program], Path(folder))
    inputs, outputs = batch.inputs.copy(), np.zeros_like(batch.outputs)
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        batch.state[:], state = start, start.copy()
        best[0] = min(best[0], _seconds(lambda: batch.run(module)))
        best[1] = min(best[1], _seconds(lambda state=state: native.run(program.name, state, inputs, outputs)))
        assert (state == batch.state).all() and (outputs == batch.outputs).all(), f"{program.name}: C gives another"
    return Speeds(LANES * TICKS / best[0], LANES * TICKS / best[1])


def _beside(program: Program, found: Speeds, say: Say) -> list[Figure]:
    say(f"{program.name}: the same in Python, NumPy, and CityLearn's environment")
    others = {
        "wasm": found.wasm,
        "native C": found.native,
        "Python": _python(program),
        "NumPy": _numpy(program),
        "CityLearn's own step": _citylearn(),
    }
    return [Figure(f"microworld: {program.name}, {how}", value, "ticks/s") for how, value in others.items()]


def _python(program: Program) -> float:
    stepper, state = reference.Stepper(program), [each.start for each in program.state]
    inputs = _inputs(program, 1, PYTHON_TICKS)[0].tolist()

    def steps() -> None:
        now = state
        for given in inputs:
            now, _ = stepper.step(now, given)

    return PYTHON_TICKS / min(_seconds(steps) for _ in range(3))


def _numpy(program: Program) -> float:
    inputs = _inputs(program, NUMPY_LANES, NUMPY_TICKS)
    outputs = np.zeros((NUMPY_LANES, NUMPY_TICKS, len(program.outputs)), np.int32)
    start = _start(program, NUMPY_LANES)
    best = min(_seconds(lambda: world_numpy.run(program, start.copy(), inputs, outputs)) for _ in range(3))
    return NUMPY_LANES * NUMPY_TICKS / best


def _citylearn() -> float:
    """Hours of homes a second, in an environment of its own. Raises SetupError, HomesError, CalledProcessError."""
    python = setup_env.ensure(setup_env.CITYLEARN)
    cache = homes.default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    peer = Path(__file__).with_name("citylearn_peer.py")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(homes.wheel(cache)) as archive:
        archive.extractall(folder)
        command = [str(python), str(peer), folder, str(CITYLEARN_STEPS)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = json.loads(said)
    return CITYLEARN_STEPS * found["homes"] / found["seconds"]


def _inputs(program: Program, lanes: int, ticks: int) -> Any:
    chance = np.random.default_rng(6)
    draw = [chance.integers(q.least, q.greatest, (lanes, ticks), np.int32, endpoint=True) for q in program.inputs]
    return np.ascontiguousarray(np.stack(draw, -1))


def _start(program: Program, lanes: int) -> Any:
    return np.tile(np.array([each.start for each in program.state], np.int32), (lanes, 1))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
