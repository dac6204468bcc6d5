"""The same bytes give the same results on wasmtime, on WasmEdge and in a JavaScript engine; the rule in C does too."""

from random import Random

import numpy as np
import pytest

from host_bridge.microworld import reference, wasm
from host_bridge.microworld.runtime import Sandbox, Shape
from tests.bench import world_numpy
from tests.host.microworld.programs import catalogue_programs, catalogue_strategies, random_program, vectors
from tools import world_c, world_engines

pytestmark = pytest.mark.slow
RANDOM = [random_program(Random(seed), f"random_{seed}") for seed in range(25)]
COUNT = 200  # random vectors of each, besides the corners
ENGINES = {"wasmedge": world_engines.wasmedge, "node": world_engines.node}


def arrays(program):
    """state [lanes, S] and inputs [lanes, 1, I] of all vectors, and what the reference makes of each."""
    tried = vectors(program, COUNT)
    expected = [reference.step(program, state, inputs) for state, inputs in tried]
    state = np.array([each for each, _ in tried], np.int32).reshape(len(tried), -1)
    inputs = np.array([each for _, each in tried], np.int32).reshape(len(tried), 1, -1)
    after = np.array([each for each, _ in expected], np.int32).reshape(len(tried), -1)
    return state, inputs, after, np.array([each for _, each in expected], np.int32).reshape(len(tried), 1, -1)


def runs(program, lanes=7, ticks=50):
    """state [lanes, S] and inputs [lanes, ticks, I], and what wasmtime makes of them."""
    chance = np.random.default_rng(5)
    draw = [chance.integers(q.least, q.greatest, (lanes, ticks), np.int32, endpoint=True) for q in program.inputs]
    state = np.array([[each.start for each in program.state]] * lanes, np.int32).reshape(lanes, -1)
    inputs = np.stack(draw, -1)
    after = state.copy()
    instance = Sandbox(memory_bytes=1 << 20, deadline_ms=10_000).load(wasm.compile(program)).instance(Shape.of(program))
    return state, inputs, after, instance.run(after, inputs)


@pytest.fixture(scope="module")
def worlds():
    """(program, [(state, inputs, state after, outputs), ...]) of each; tests leave the arrays as they are."""
    found = catalogue_programs()
    assert len(found) >= 7
    return [(each, [arrays(each), runs(each)]) for each in (*found, *catalogue_strategies(), *RANDOM)]


@pytest.mark.parametrize("engine", ENGINES)
def test_other_engines_give_what_wasmtime_and_the_reference_give(engine, worlds, tmp_path):
    command = ENGINES[engine]()
    module = tmp_path / "world.wasm"
    for program, tried in worlds:
        module.write_bytes(wasm.compile(program))
        for state, inputs, after, outputs in tried:
            run, step = world_engines.run(command, module, state, inputs, outputs.shape[2])
            for found in (run, step):
                assert (found[0] == after).all() and (found[1] == outputs).all(), program.name


def test_wasmtime_gives_what_the_reference_gives(worlds):
    sandbox = Sandbox(memory_bytes=1 << 20, deadline_ms=10_000)
    for program, ((state, inputs, after, outputs), _) in worlds:
        instance = sandbox.load(wasm.compile(program)).instance(Shape.of(program))
        stepped = [instance.step(one, two) for one, two in zip(state.tolist(), inputs[:, 0].tolist(), strict=True)]
        assert [list(each) for each, _ in stepped] == after.tolist()
        assert [list(each) for _, each in stepped] == outputs[:, 0].tolist()
        now = state.copy()
        assert (instance.run(now, inputs) == outputs).all() and (now == after).all()


def test_the_rule_in_c_gives_what_wasm_gives(worlds, tmp_path):
    native = world_c.Native([program for program, _ in worlds], tmp_path)
    for program, tried in worlds:
        for state, inputs, after, outputs in tried:
            now, found = state.copy(), np.zeros_like(outputs)
            native.run(program.name, now, inputs, found)
            assert (found == outputs).all() and (now == after).all(), program.name


def test_the_rule_in_numpy_gives_what_wasm_gives(worlds):
    """What the bench prints beside wasm computes the same."""
    for program, tried in worlds:
        for state, inputs, after, outputs in tried:
            now, found = state.copy(), np.zeros_like(outputs)
            world_numpy.run(program, now, inputs, found)
            assert (found == outputs).all() and (now == after).all(), program.name
