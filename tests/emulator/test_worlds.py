"""Microworlds as bytecode on the emulated RP2040 give what their wasm gives, and a changed one does not."""

import random

import pytest

from host_bridge.microworld import bytecode
from host_bridge.microworld.program import Program
from tests.bench import node_worlds
from tests.bench.microworld_node import TICK_MS, programs
from tests.host.microworld.programs import random_program

pytestmark = pytest.mark.slow
RANDOM = 12  # programs with every operator among them


def drawable(count: int) -> list[Program]:
    """Random programs whose quantities the board can draw."""
    found: list[Program] = []
    for seed in range(1000):
        program = random_program(random.Random(seed), f"random{seed}")
        narrow = all(not (each.greatest - each.least) >> 31 for each in (*program.state, *program.inputs))
        if narrow and len(bytecode.compile(program)) <= 400 and len(found) < count:
            found.append(program)
    return found


def test_the_catalogues_worlds_and_random_ones_are_equal_to_wasm_on_the_board():
    for ran in node_worlds.run(programs(), 5) + node_worlds.run(drawable(RANDOM), 1):
        assert ran.unequal == () and ran.longest_us < 1000 * TICK_MS, ran


def test_one_changed_byte_shows_in_the_hashes():
    program = programs()[1]
    code = bytearray(bytecode.compile(program))
    code[-3] ^= 1  # the last instruction is another one
    (ran,) = node_worlds.run([program], 1, {program.name: bytes(code)})
    assert len(ran.unequal) == 2, ran
