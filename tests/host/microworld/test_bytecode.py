"""The bytecode does what the reference does, on every program and at every corner, and stays within its format."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from gridnode.wire import schema
from gridnode.world import vm
from host_bridge.microworld import bytecode, reference
from host_bridge.microworld.bytecode import BytecodeError, Stepper
from host_bridge.microworld.language.expression import parse
from host_bridge.microworld.program import INT_MAX, INT_MIN, Const, Name, Op, Program, Quantity
from tests.host.microworld.programs import catalogue_worlds, corners, programs, vectors

ON_NODES = ("lamp", "relay_guard", "battery_guard")
WORLDS = {name: found[0] for name, found in catalogue_worlds().items() if name in ON_NODES}


def made(output: str, *, state: dict[str, str] | None = None, assumptions: tuple[str, ...] = ()) -> Program:
    """One output `out` of the inputs a, b and p; each state of `state` and its next value."""
    states = tuple(Quantity(name, "", -1000, 1000, start=7) for name in state or {})
    inputs = (Quantity("a", "", -1000, 1000), Quantity("b", "", -7, 7), Quantity("p", "on/off", 0, 1))
    after = tuple(parse(expr) for expr in (state or {}).values())
    told = (Quantity("out", "", INT_MIN, INT_MAX),)
    assumed = tuple(map(parse, assumptions))
    return Program("made", "controller", 1, states, inputs, told, (), (parse(output),), after, assumptions=assumed)


def agree(program: Program, count: int, seed: int = 1) -> None:
    step = Stepper(bytecode.compile(program)).step
    for state, inputs in vectors(program, count, seed):
        if reference.in_ranges(program, inputs) is None:
            assert step(state, inputs) == reference.step(program, state, inputs), (program, state, inputs)
        else:
            with pytest.raises(ValueError, match="not run"):
                step(state, inputs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_every_program_does_what_the_reference_does(program):
    agree(program, 30)


@pytest.mark.parametrize("name", ON_NODES)
def test_the_catalogue_does_what_the_reference_does(name):
    agree(WORLDS[name], 2000)


@pytest.mark.parametrize("name", ON_NODES)
def test_the_catalogue_fits_a_nodes_document(name):
    program = WORLDS[name]
    room = schema.BLOB_MAX - 20 - 5 * len(program.inputs) - len(program.outputs)  # plan, sources, contactors
    assert len(bytecode.compile(program)) <= room


def test_it_is_the_same_each_time():
    for program in WORLDS.values():
        assert bytecode.compile(program) == bytecode.compile(program)


@pytest.mark.parametrize(
    ("output", "bytes_"),
    [("a + b", 3), ("min(a, b)", 3), ("max(a, b)", 3), ("if(a > b, a, b)", 3), ("if(a <= b, a, b)", 3), ("a", 0)],
)
def test_what_is_one_operation_is_one_instruction(output, bytes_):
    bare = len(bytecode.compile(made("a")))
    program = made(output)
    agree(program, 200)
    assert len(bytecode.compile(program)) == bare + bytes_


def test_equal_parts_are_there_once():
    once, twice = made("(a + b) * 3"), made("(a + b) * 3 - (a + b) * 3 / (a * a + 1)")
    assert len(bytecode.compile(twice)) - len(bytecode.compile(once)) <= 4 * 3 + 1
    agree(twice, 300)


def test_a_side_that_is_not_taken_may_be_beyond_32_bits():
    big = Const(INT_MAX)
    side = Op("mul", (big, Op("add", (Name("a"), Const(1)))))
    guarded = Op("if", (Op("gt", (Name("a"), Const(-1))), Const(5), Op("if", (parse("a < -5"), Const(6), side))))
    program = replace(made("a"), output=(guarded,))
    step = Stepper(bytecode.compile(program)).step
    assert [step([], [a, 0, 0])[1] for a in (0, -1, -6)] == [(5,), (0,), (6,)]
    program = made("if(b == 0, 0, a / b + a % b + muldiv(a, 1000, b))")
    agree(program, 500)


def test_assumptions_are_looked_at_and_what_always_holds_is_none():
    program = made("a", assumptions=("a > b", "not p or a > 3"))
    agree(program, 300)
    plain = bytecode.compile(made("a"))
    assert bytecode.compile(made("a", assumptions=("a <= 1000",))) == plain
    step = Stepper(bytecode.compile(program)).step
    with pytest.raises(ValueError, match="an assumption is broken"):
        step([], [3, 3, 0])
    with pytest.raises(ValueError, match="an input is out of its range"):
        step([], [1001, 3, 0])
    with pytest.raises(ValueError, match="0 states and 3 inputs"):
        step([1], [1, 1, 1])


def test_next_states_are_of_the_old_ones():
    program = made("s + t", state={"s": "t", "t": "s"})
    assert bytecode.run(bytecode.compile(program), [1, 2], [0, 0, 0]) == ((2, 1), (3,))


def test_a_program_that_is_too_large_is_told_so():
    wide = made(" + ".join(f"a * {k}" for k in range(2, 140)))
    with pytest.raises(BytecodeError, match="made has more than 255 values"):
        bytecode.compile(wide)


def test_hostile_bytes_are_refused_or_run():
    chance = random.Random(6)
    codes = [bytecode.compile(program) for program in WORLDS.values()]
    ran = 0
    for turn in range(20_000):
        body = bytearray(chance.choice(codes) if turn % 7 else chance.randbytes(chance.randrange(176)))
        for _ in range(chance.randrange(1, 4)):
            if body:
                body[chance.randrange(len(body))] = chance.choice((chance.randrange(256), chance.randrange(20)))
        try:
            world = vm.World(bytes(body))
        except ValueError:
            continue
        ran += 1
        for _ in range(2):
            for place in range(world.inputs):
                world.values[world.states + place] = chance.choice((0, 1, INT_MIN, INT_MAX, chance.randrange(1 << 20)))
            assert world.tick() in (vm.RAN, vm.OUT_OF_RANGE, vm.BROKEN)
            assert len(world.record()) == 4 * (world.states + world.inputs + world.outputs)
    assert 1000 < ran < 19_000, ran


def test_every_corner_is_tried_above():
    assert all(len(corners(program)) > 20 for program in WORLDS.values())
