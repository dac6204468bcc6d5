"""A replayed home, from its profile to the registers, against the true integral: under both interpreters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import run_micropython
from tools import homes

GROSS_PPM = 200

# Runs under either interpreter: replays a home for some simulated seconds at once, in steps of 20 ms.
PROGRAM = """
import json, sys
from gridnode.drivers.replay_meter import ReplayMeter
from gridnode.metering.channel import Channel
from gridnode.metering.window import WindowMeter

profile, start_hour, speed, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
grid, heater = [Channel(name, WindowMeter(1600, 50, 12207031, 1953125)) for name in ("grid", "heater")]
meter = ReplayMeter(profile, grid, heater, lambda: True, speed=speed, start_hour=start_hour)
for step in range(1, 50 * seconds + 1):
    meter.pump(20_000 * step)
print(json.dumps([grid.end_us, grid.energy.import_mwh, grid.energy.export_mwh]))
"""


def registers(interpreter: str, folder: Path, profile: Path, *arguments: int) -> tuple[int, int, int]:
    """(end us, import mWh, export mWh) of the grid channel after a replay."""
    program = folder / "replay.py"
    program.write_text(PROGRAM)
    firmware = str(run_micropython.ROOT / "firmware_mpy")
    done = subprocess.run(
        [interpreter, str(program), str(profile), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": firmware, "MICROPYPATH": f"{firmware}:.frozen"},
        stdout=subprocess.PIPE,
        check=True,
    )
    end_us, imported, exported = json.loads(done.stdout)
    return end_us, imported, exported


def ppm_of_gross(measured: tuple[int, int], true: tuple[float, float]) -> float:
    return sum(abs(m - t) for m, t in zip(measured, true, strict=True)) / sum(true) * 1e6


@pytest.fixture
def micropython() -> str:
    found = run_micropython.find_micropython()
    if found is None:
        pytest.skip("no micropython here")
    return found


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A day with sun: net power crosses zero twice, and more."""
    hours = [(400_000 + 173_000 * (7 * n % 11), max(0, 900_000 * (6 - abs(12 - n)))) for n in range(24)]
    homes.write_profile(tmp_path / "day.profile", "a day", hours)
    return tmp_path / "day.profile"


LONG = [pytest.param(*given, marks=pytest.mark.slow) for given in ((5, 360, 100), (22, 60, 180))]


@pytest.mark.parametrize(("start_hour", "speed", "seconds"), [*LONG, (12, 1, 60), (5, 3600, 7)])
def test_registers_hold_what_the_profile_carried(
    micropython: str, profile: Path, tmp_path: Path, start_hour: int, speed: int, seconds: int
) -> None:
    given = (start_hour, speed, seconds)
    end_us, *measured = registers(micropython, tmp_path, profile, *given)
    assert registers(sys.executable, tmp_path, profile, *given) == (end_us, *measured)
    assert (seconds - 1) * 1_000_000 < end_us <= seconds * 1_000_000
    true = homes.true_energy_mwh(profile, start_hour, speed, 0, end_us // 1000)
    assert ppm_of_gross((measured[0], measured[1]), true) < GROSS_PPM


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 8, 17])
def test_real_homes(micropython: str, tmp_path: Path, number: int) -> None:
    profile = homes.fetch(homes.default_cache())[number - 1]
    end_us, *measured = registers(micropython, tmp_path, profile, 4_000 + 6 * number, 60, 600)
    true = homes.true_energy_mwh(profile, 4_000 + 6 * number, 60, 0, end_us // 1000)
    assert ppm_of_gross((measured[0], measured[1]), true) < GROSS_PPM
