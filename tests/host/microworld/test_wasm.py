"""The module's bytes: the same results as the reference's, at each tick and over arrays; and their size and shape."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from host_bridge.microworld import reference, wasm
from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Name, Op, Program, Quantity
from host_bridge.microworld.runtime import Sandbox, Shape, WorldFault
from tests.host.microworld.programs import programs, random_program, vectors

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox(memory_bytes=1 << 20, deadline_ms=10_000)


def whole(quantity="x", least=INT_MIN, greatest=INT_MAX):
    return Quantity(quantity, "W", least, greatest)


def rule(expr, *inputs):
    """A world without state whose one output is `expr`."""
    return Program("rule", "controller", 1, (), inputs, (whole("y"),), (), (expr,), ())


def op(name, *args):
    return Op(
        name, tuple(Name(arg) if isinstance(arg, str) else Const(arg) if isinstance(arg, int) else arg for arg in args)
    )


def agree(program, sandbox, count=20):
    """Every vector: the reference = `step` = `run` of one tick in a lane each."""
    instance = sandbox.load(wasm.compile(program)).instance(Shape.of(program))
    tried = vectors(program, count)
    expected = [reference.step(program, state, inputs) for state, inputs in tried]
    assert [instance.step(*each) for each in tried] == expected
    state = np.array([state for state, _ in tried], np.int32).reshape(len(tried), -1)
    inputs = np.array([[inputs] for _, inputs in tried], np.int32).reshape(len(tried), 1, -1)
    outputs = instance.run(state, inputs)
    assert list(zip(map(tuple, state.tolist()), map(tuple, outputs[:, 0].tolist()), strict=True)) == expected


@settings(max_examples=40, deadline=None)
@given(program=programs())
def test_a_random_program_gives_what_the_reference_gives(program, sandbox):
    agree(program, sandbox)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(program=programs())
def test_many_random_programs_give_what_the_reference_gives(program, sandbox):
    agree(program, sandbox)


def test_the_state_goes_from_tick_to_tick_and_lanes_keep_apart(sandbox):
    chance = random.Random(7)
    program = next(p for p in (random_program(chance) for _ in range(100)) if len(p.state) > 1)
    instance = sandbox.load(wasm.compile(program)).instance(Shape.of(program))
    lanes, ticks = 5, 40
    draw = [[[chance.randint(q.least, q.greatest) for q in program.inputs] for _ in range(ticks)] for _ in range(lanes)]
    start = [[chance.randint(q.least, q.greatest) for q in program.state] for _ in range(lanes)]
    state = np.array(start, np.int32)
    outputs = instance.run(state, np.array(draw, np.int32))
    for lane in range(lanes):
        now = tuple(start[lane])
        for tick in range(ticks):
            now, gave = reference.step(program, now, draw[lane][tick])
            assert tuple(outputs[lane, tick].tolist()) == gave
        assert tuple(state[lane].tolist()) == now


@pytest.mark.parametrize(("lanes", "ticks"), [(0, 3), (3, 0), (0, 0)])
def test_no_lanes_or_no_ticks_change_nothing(lanes, ticks, sandbox):
    program = next(p for p in map(random_program, map(random.Random, range(50))) if p.state and p.inputs)
    instance = sandbox.load(wasm.compile(program)).instance(Shape.of(program))
    state = np.array([[each.greatest for each in program.state]] * lanes, np.int32).reshape(lanes, len(program.state))
    before = state.copy()
    instance.run(state, np.zeros((lanes, ticks, len(program.inputs)), np.int32))
    assert (state == before).all()


SQUARE, SHARE = op("mul", "x", "x"), op("div", 1000, "x")


@pytest.mark.parametrize(
    ("expr", "least"),
    [
        (op("if", op("gt", "x", 0), SHARE, 7), INT_MIN),
        (
            op("if", op("gt", "x", 0), op("mod", 9, "x"), op("if", op("lt", "x", 0), op("muldiv", 3, 5, "x"), 1)),
            INT_MIN,
        ),
        (op("if", op("lt", "x", 40000), op("div", 9, SQUARE), 1), 1),  # 65536 * 65536 is 0 in 32 bits
        (op("if", op("and", op("ge", "x", 0), op("lt", "x", 10)), op("div", 9, op("sub", "x", 10)), 0), INT_MIN),
        (op("add", op("if", op("gt", "x", 5), op("sub", SHARE, 1), 0), op("if", op("gt", "x", 0), SHARE, 7)), INT_MIN),
    ],
)
def test_a_division_that_only_its_guard_allows_is_not_done_without(expr, least, sandbox):
    program = rule(expr, whole("x", least))
    instance = sandbox.load(wasm.compile(program)).instance(Shape.of(program))
    values = (INT_MIN, -65536, -1, 0, 1, 9, 10, 39999, 40000, 65536, INT_MAX)
    for value in (value for value in values if value >= least):
        assert instance.step((), (value,))[1] == reference.step(program, (), (value,))[1]


def test_muldiv_has_64_bits_between(sandbox):
    program = rule(op("muldiv", "x", "y", 1 << 30), whole("x"), whole("y", -(1 << 30), 1 << 30))
    instance = sandbox.load(wasm.compile(program)).instance(Shape.of(program))
    for x, y in ((INT_MIN, 1 << 30), (INT_MAX, -(1 << 30)), (INT_MIN, 1), (-3, 1 << 29)):
        assert instance.step((), (x, y))[1] == reference.step(program, (), (x, y))[1]


def test_a_broken_program_traps_and_is_told(sandbox):
    """Without ranges.check a division by 0 compiles: the sandbox ends it."""
    program = rule(op("div", 1, "x"), whole())
    with pytest.raises(WorldFault, match="trap"):
        sandbox.load(wasm.compile(program)).instance(Shape.of(program)).step((), (0,))


def test_equal_parts_are_computed_once():
    one, two = (whole(name, -100, 100) for name in "xy")
    part = op("mul", op("add", "x", "y"), op("sub", "x", "y"))
    divisor = op("max", "y", 1)
    chosen = op("if", op("gt", part, 0), part, op("div", part, op("add", op("abs", part), 1)))
    for expr in (chosen, op("if", op("gt", "x", 0), op("div", part, divisor), op("mod", part, divisor))):
        assert wasm.wat(rule(expr, one, two)).count("i32.mul") == 1


def digest():
    """Of 20 modules."""
    modules = (wasm.compile(random_program(random.Random(seed))) for seed in range(20))
    return hashlib.sha256(b"".join(modules)).hexdigest()


def test_the_same_program_gives_the_same_bytes_in_any_process():
    code = "from tests.host.microworld.test_wasm import digest; print(digest())"
    environ = {"PYTHONPATH": f"{ROOT}:{ROOT}/firmware_mpy", "PYTHONHASHSEED": "7"}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == digest()


def test_the_module_has_no_section_but_those_it_needs():
    content = wasm.compile(random_program(random.Random(3)))
    kinds, at = [], 8
    while at < len(content):
        kinds.append(content[at])
        size = shift = 0
        while True:
            at += 1
            size |= (content[at] & 127) << shift
            shift += 7
            if content[at] < 128:
                break
        at += 1 + size
    assert kinds == [1, 2, 3, 7, 10]  # type, import, function, export, code
