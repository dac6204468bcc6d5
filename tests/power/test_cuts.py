"""Power cuts at every flash operation of a node's work, and the journal's reach: littlefs under MicroPython."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tools import flash_life
from tools.node_files import FIRMWARE
from tools.nodes import find_micropython

HERE = Path(__file__).parent
PARTS = 2  # as many processes share the work
CUTS = 1000  # at least, in each


def micropython(program, *arguments):
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=64m", str(HERE / program), *map(str, arguments)],
        env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:.frozen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_whenever_the_power_goes_the_next_boot_finds_everything_whole(part, record_property):
    said = micropython("cuts.py", PARTS, part)
    record_property("told", "; ".join(said.splitlines()))
    made = sum(int(count) for count in re.findall(r": (\d+) cuts", said))
    assert made > CUTS


def test_a_sample_of_cuts():
    assert "cuts" in micropython("cuts.py", 100, 17)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_half_a_megabyte_reaches_back_sixty_days(seed):
    found = flash_life.reach(352, 256, seed)  # a Pico's
    assert found["days"] >= 60
    assert found["blocks"] * 4096 <= 512 * 1024  # with all that littlefs needs for it
