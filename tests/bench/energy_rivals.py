"""Who else drives such batteries, and other homes: CityLearn's own controllers, emhass, and the homes of SimBench.

Costs are relative to no battery in the same homes, each metered alone; exports earn nothing.
"""

import json
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from host_bridge.microworld.study.homes import Homes
from tests.bench import energy_emhass, simbench_homes
from tests.bench.energy_year import Say, Wh, alone, foresight, idle, pooled, rule
from tests.bench.figures import Figure
from tools import homes as recorded
from tools import setup_env

RULES = ("BasicBatteryRBC", "OptimizedRBC", "BasicRBC")  # of citylearn.agents.rbc: all that it has


def figures(homes: Homes, say: Say) -> list[Figure]:
    """Raises HomesError, SetupError, CalledProcessError if a rival cannot be had or fails."""
    say("CityLearn's controllers")
    found = [*beside_none(citylearn(), homes)]
    found += energy_emhass.figures(homes, say)
    say("SimBench's homes")
    return [*found, *simbench(simbench_homes.read(homes, recorded.default_cache()))]


def citylearn() -> dict[str, dict[str, list[list[float]]]]:
    """What citylearn_rules.py prints: their year, by rules of the clock's hour alone, on CityLearn's own batteries."""
    cache = recorded.default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    python = setup_env.ensure(setup_env.CITYLEARN)
    peer = Path(__file__).with_name("citylearn_rules.py")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(recorded.wheel(cache)) as archive:
        archive.extractall(folder)
        command = [str(python), "-W", "ignore", str(peer), folder, *RULES]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, dict[str, list[list[float]]]] = json.loads(said)
    return found


def beside_none(years: dict[str, dict[str, list[list[float]]]], homes: Homes) -> Iterator[Figure]:
    """Each controller's cost beside CityLearn's own homes without storage, by the tariff of `homes`."""
    for name, year in years.items():
        grid, base = np.array(year["grid_wh"]), _paid(np.array(year["none_wh"]), homes)
        yield Figure(f"CityLearn's {name}: cost alone", _paid(grid, homes) / base, "of no battery")
        yield Figure(f"CityLearn's {name}: cost pooled", _paid(grid.sum(axis=0), homes) / base, "of no battery")


def simbench(homes: Homes) -> Iterator[Figure]:
    """A year, in hours, of the same controllers as they are, and the bound."""
    name = f"SimBench, {len(homes.names)} homes"
    for controller, year in (
        ("none", idle(homes)),
        ("greedy", rule(homes, "greedy")),
        ("time of use", rule(homes, "time_of_use")),
        ("ours alone", alone(homes)),
    ):
        yield Figure(f"{name}: {controller}: cost alone", year.cost(pooled=False), "of no battery")
        yield Figure(f"{name}: {controller}: cost pooled", year.cost(pooled=True), "of no battery")
    yield Figure(f"{name}: ours pooled: cost pooled", pooled(homes).cost(pooled=True), "of no battery")
    yield Figure(f"{name}: perfect foresight (LP): cost alone", foresight(homes, pool=False), "of no battery")
    yield Figure(f"{name}: perfect foresight (LP): cost pooled", foresight(homes, pool=True), "of no battery")


def _paid(grid_wh: Wh, homes: Homes) -> float:
    return float((np.maximum(grid_wh, 0) * homes.price).sum())
