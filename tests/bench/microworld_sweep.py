"""A thousand worlds over a year of 17 homes, in a process of its own: how long, beside what stepping alone takes."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.program import Program
from host_bridge.microworld.study.homes import read
from host_bridge.microworld.study.sweep import sweep
from host_bridge.microworld.study.variations import Plan
from tests.bench.figures import Figure
from tools import citylearn, setup_env

NAME, PROFILE = "predictive_schedule", {"battery": "predictive", "forecaster": "week"}
WORLDS, HOMES, HOURS = 1000, 17, 8760
TIMES, MEBIBYTES = 2.0, 400.0
ROUNDS = 3  # the best counts, as of stepping


def plan() -> Plan:
    """What is swept. Raises homes.HomesError."""
    path = catalogue.spec_path(NAME)
    its = spec.read(path.read_text(encoding="utf-8"), path.name)
    return Plan(its, read(citylearn.folder()), WORLDS, profile=PROFILE).settled()


def program() -> Program:
    """The one program of all its worlds."""
    its = plan()
    return its.spec.program(PROFILE, varied=its.varied)


def run(say: Callable[[str], None], ticks_per_s: float) -> list[Figure]:
    """The rows; `ticks_per_s` is what one core steps of `program`."""
    say(f"sweep of {WORLDS} worlds, {HOMES} homes, {HOURS} h")
    command = [sys.executable, "-m", "tests.bench.microworld_sweep"]
    done = subprocess.run(command, cwd=setup_env.ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    predicted = WORLDS * HOMES * HOURS / ticks_per_s / len(os.sched_getaffinity(0))
    name = "microworld: 1000 worlds, 17 homes, 8760 h"
    return [
        Figure(name, found["seconds"], "s"),
        Figure(f"{name}, processor time", found["used"], "s"),
        Figure(
            f"{name}, beside the stepping of {len(os.sched_getaffinity(0))} cores",
            found["seconds"] / predicted,
            "x",
            TIMES,
            False,
        ),
        Figure(f"{name}, most memory of the process", found["mebibytes"], "MiB", MEBIBYTES, False),
    ]


def main() -> None:
    """Sweeps, and prints seconds and memory as JSON."""
    its, best, used = plan(), float("inf"), float("inf")
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            began, used_before = time.perf_counter(), time.process_time()
            rows = sweep(its, Path(folder))
            best, used = min(best, time.perf_counter() - began), min(used, time.process_time() - used_before)
        assert len(rows) == WORLDS
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": best, "used": used, "mebibytes": kibibytes / 1024}))


if __name__ == "__main__":
    main()
