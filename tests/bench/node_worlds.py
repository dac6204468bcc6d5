"""Microworlds as bytecode on the emulated RP2040: what a tick costs, and whether it gives what wasm gives.

The board draws the inputs itself, from a seed; the host draws the same. What comes out is compared by a running hash
for each block, so that a difference is known to a block, in which the host then looks for it.
"""

import itertools
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from host_bridge.microworld import bytecode, reference, wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Shape
from tests.emulator.kit import SAY, SECOND, said
from tests.host.microworld.programs import corners
from tools import boards
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import node_files

BLOCK = 1000  # ticks that one hash stands for
SEED = 0x2545F491
MASK = 0xFFFFFFFF
ENDS_MOST = 1 << 11  # combinations of the ends of all ranges
TIMED = 200  # ticks
WAIT_S = 1200  # of simulated time
_BOARD = boards.load("rpi_pico")

# `ranges` of states and inputs: least, greatest less least, a mask that covers it. Every eighth value is the least one,
# every eighth the greatest.
_DRAW = """
import struct
from array import array
@micropython.viper
def draw(seed: int, values: ptr32, ranges: ptr32, count: int) -> int:
    k = 0
    while k < count:
        seed ^= seed << 13
        seed ^= (seed >> 17) & 0x7FFF
        seed ^= seed << 5
        span = int(ranges[3 * k + 1])
        chosen = (seed >> 1) & int(ranges[3 * k + 2])
        if chosen > span:
            chosen -= span + 1
        if (seed >> 27) & 7 == 0:
            chosen = 0
        if (seed >> 27) & 7 == 1:
            chosen = span
        values[k] = int(ranges[3 * k]) + chosen
        k += 1
    return seed
@micropython.viper
def mix(hash: int, values: ptr32, at: int, end: int) -> int:
    while at < end:
        hash = (hash ^ int(values[at])) * 16777619
        at += 1
    return hash
"""
_PROGRAM = """
import gc, micropython
from gridnode.world.vm import World
for name, code, least, blocks, corners in {worlds!r}:
    ranges = array("i", least)
    world = World(code)
    values, count = world.values, world.states + world.inputs
    told, end = world._told, world._told + world.outputs + world.states
    outcome = array("i", [0])
    def after(hash):
        outcome[0] = world.try_out()
        hash = mix(hash, outcome, 0, 1)
        return hash if outcome[0] else mix(hash, values, told, end)
    longest = total = 0
    seed = {seed}
    for number in range({timed}):
        seed = draw(seed, values, ranges, count)
        gc.collect()
        began = time.ticks_us()
        world.tick()
        took = time.ticks_diff(time.ticks_us(), began)
        longest = max(longest, took)
        total += took
    world.try_out()  # takes the state that the last tick has left
    say("cost", name, total // {timed}, longest)
    seed = {seed}
    for block in range(blocks):
        hash = 5381
        for number in range({block}):
            seed = draw(seed, values, ranges, count)
            hash = after(hash)
        say("block", name, hash & 0xFFFFFFFF)
    with open(name + ".corners", "rb") as file:
        hash = 5381
        for number in range(corners):
            for k, value in enumerate(struct.unpack("<%di" % count, file.read(4 * count))):
                values[k] = value
            hash = after(hash)
        say("block", name, hash & 0xFFFFFFFF)
say("done")
"""


@dataclass(frozen=True)
class Ran:
    """One world on the board."""

    name: str
    mean_us: int  # a tick
    longest_us: int
    ticks: int  # that were compared
    unequal: tuple[str, ...]  # blocks that differ, in words


def run(programs: Sequence[Program], blocks: int, codes: dict[str, bytes] | None = None) -> list[Ran]:
    """Each program's bytecode (or that of `codes`) on the board, against its wasm: `blocks` times BLOCK random ticks,
    and all its corners."""
    given, files = [], {}
    for program in programs:
        code = (codes or {}).get(program.name) or bytecode.compile(program)
        at_corners = _corners(program)
        given.append((program.name, code, _ranges(program), blocks, len(at_corners)))
        files[f"{program.name}.corners"] = b"".join(struct.pack(f"<{len(each)}i", *each) for each in at_corners)
    told = _on_board(_PROGRAM.format(worlds=given, seed=SEED, timed=TIMED, block=BLOCK), files)
    return [_ran(program, [line[2:] for line in told if line[1:2] == [program.name]], blocks) for program in programs]


def _ran(program: Program, told: list[list[str]], blocks: int) -> Ran:
    (mean_us, longest_us), hashes = map(int, told[0]), [int(each[0]) for each in told[1:]]
    drawn = np.array([*itertools.islice(_drawn(program), blocks * BLOCK), *_corners(program)], dtype=np.int32)
    expected = _through_wasm(program, drawn)
    assert len(hashes) == blocks + 1, f"{program.name}: {len(hashes)} blocks of {blocks + 1}"
    unequal = []
    for block, hashed in enumerate(hashes):
        first, last = block * BLOCK, min((block + 1) * BLOCK if block < blocks else len(drawn), len(drawn))
        if _hashed(program, drawn[first:last], expected[first:last]) != hashed:
            unequal.append(f"{program.name}: ticks {first} to {last - 1}")
    return Ran(program.name, mean_us, longest_us, len(drawn), tuple(unequal))


def _ranges(program: Program) -> list[int]:
    found = []
    for each in (*program.state, *program.inputs):
        span = each.greatest - each.least
        if span >> 31:
            raise ValueError(f"{program.name}: the range of {each.name} is too wide to be drawn from here")
        found += [each.least, span, (1 << span.bit_length()) - 1]
    return found


def _drawn(program: Program) -> Iterator[list[int]]:
    """What `draw` gives, for ever."""
    ranges, seed = _ranges(program), SEED
    while True:
        values = []
        for at in range(0, len(ranges), 3):
            least, span, mask = ranges[at : at + 3]
            seed ^= seed << 13 & MASK
            seed ^= seed >> 17
            seed ^= seed << 5 & MASK
            chosen = seed >> 1 & mask
            chosen -= span + 1 if chosen > span else 0
            values.append(least + (0 if seed >> 27 & 7 == 0 else span if seed >> 27 & 7 == 1 else chosen))
        yield values


def _corners(program: Program) -> list[list[int]]:
    """All combinations of the ranges' ends, where these are not too many, and the corners of every test."""
    quantities = (*program.state, *program.inputs)
    ends = itertools.product(*[sorted({each.least, each.greatest}) for each in quantities])
    found = [[*state, *inputs] for state, inputs in corners(program)]
    return [list(each) for each in itertools.islice(ends, ENDS_MOST)] + found


def _through_wasm(program: Program, drawn: "np.ndarray[tuple[int, int], np.dtype[np.int32]]") -> list[list[int]]:
    """Outputs, then next states, of each row."""
    states = len(program.state)
    batch = Batch(len(drawn), 1, Shape.of(program))
    batch.state[:] = drawn[:, :states]
    batch.inputs[:, 0] = drawn[:, states:]
    outputs = batch.run(batch.load(wasm.compile(program)))
    return np.concatenate([outputs[:, 0], batch.state], axis=1).tolist()  # type: ignore[no-any-return]


def _hashed(program: Program, drawn: "np.ndarray[tuple[int, int], np.dtype[np.int32]]", given: list[list[int]]) -> int:
    """As the board's `after` from the beginning of a block."""
    value, states = 5381, len(program.state)
    for row, words in zip(drawn.tolist(), given, strict=True):
        is_broken = program.assumptions and reference.in_ranges(program, row[states:]) is not None
        for word in [3] if is_broken else [0, *words]:
            value = (value ^ (word & MASK)) * 16777619 & MASK
    return value


def _on_board(program: str, files: dict[str, bytes]) -> list[list[str]]:
    """The words of each line that the board says when it runs `program`, up to "done"."""
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder) / "main.py"
        main.write_text(SAY + _DRAW + program)
        disk = littlefs_image(_BOARD, node_files(_BOARD, None, main, files))
    with EmulatedRP2040(image("RPI_PICO").path, filesystem=disk) as pico:
        told: list[list[str]] = []
        for _ in range(WAIT_S):
            pico.run(SECOND)
            told += [line.split() for line in said(pico)]
            if told and told[-1] == ["done"]:
                return told
        console = b"".join(data for _, data in pico.read("usb")).decode(errors="replace")
        raise AssertionError(f"the board said {told[-3:]}, and on its console {console}")
