"""Homes of SimBench, a second data set, on which nothing here was tuned.

Those of its rural low-voltage grid 3 that have one household's load and one photovoltaic plant, with the sizes and the
quarter-hourly profiles of 2016 that it gives them, as hours. Profiles are shared: those of five households and of eight
plants occur again in other sizes. Tariff and carbon are CityLearn's, moved by whole days so that months and days of the
week agree. The recordings come in the wheel of PyPI's simbench 1.6.3 (data: ODbL; Kassel, Fraunhofer IEE, TU Dortmund,
RWTH Aachen), 91 MB, which pip downloads once into the user's cache and which is read, never installed.
"""

import csv
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np

from host_bridge.microworld.study.homes import Homes
from tools.homes import HomesError

WHEEL = "simbench-1.6.3-py3-none-any.whl"
WHEEL_SHA256 = "8b48bdab2445286a96649eb18bb09476d000a0e212fd57fdba83399df54af4de"
GRID = "LV3.101"
HOURS = 8760
DAYS_MOVED = 21 * 7 + 4  # CityLearn's days from its Monday in August to a Friday near New Year: 2016 begins on a Friday
_FOLDER = "simbench/networks/1-complete_data-mixed-all-0-sw"


def read(like: Homes, cache: Path) -> Homes:
    """A year of those homes under the tariff and carbon of `like`. Raises HomesError if the wheel cannot be had."""
    with zipfile.ZipFile(_wheel(cache)) as archive:
        plants = _of_grid(archive, "RES", "pRES")
        homes = [
            (node, household, plants[node])
            for node, household in sorted(_of_grid(archive, "Load", "pLoad").items())
            if household[0].startswith("H0-") and node in plants and plants[node][0].startswith("PV")
        ]
        load = _profiles(archive, "LoadProfile", [f"{household[0]}_pload" for _, household, _ in homes])
        solar = _profiles(archive, "RESProfile", [plant[0] for _, _, plant in homes])
    load_w = np.array([household[1] for _, household, _ in homes])[:, None] * load
    solar_w = np.array([plant[1] for _, _, plant in homes])[:, None] * solar
    price, carbon = (np.roll(its[:HOURS], -24 * DAYS_MOVED) for its in (like.price, like.carbon))
    names = tuple(f"simbench {node}" for node, _, _ in homes)
    return Homes(names, _whole(load_w), _whole(solar_w), price, carbon, like.first_hour, "SimBench 1.6.3")


def _whole(watts: np.ndarray) -> np.ndarray:
    return np.round(np.maximum(watts, 0)).astype(np.int32)


def _of_grid(archive: zipfile.ZipFile, table: str, power: str) -> dict[str, tuple[str, float]]:
    """{node: (profile, W)} of the grid's nodes that occur once in the table."""
    with _opened(archive, table) as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["node"].startswith(f"{GRID} ")]
    nodes = [row["node"] for row in rows]
    return {row["node"]: (row["profile"], 1e6 * float(row[power])) for row in rows if nodes.count(row["node"]) == 1}


def _profiles(archive: zipfile.ZipFile, table: str, columns: list[str]) -> np.ndarray:
    """[columns, hours] of the year's largest value, means of four quarters."""
    with _opened(archive, table) as file:
        rows = csv.reader(file, delimiter=";")
        heads = next(rows)
        places = [heads.index(column) for column in columns]
        found = np.array([[row[place] for place in places] for row in islice(rows, 4 * HOURS)], float)
    return found.reshape(HOURS, 4, len(columns)).mean(axis=1).T


def _opened(archive: zipfile.ZipFile, table: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(archive.open(f"{_FOLDER}/{table}.csv"), "utf-8")


def _wheel(cache: Path) -> Path:
    path = cache / WHEEL
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != WHEEL_SHA256:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            wanted = Path(folder) / "wanted.txt"
            wanted.write_text(f"simbench==1.6.3 --hash=sha256:{WHEEL_SHA256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--no-input", "--quiet", "--disable-pip-version-check"]
            choice = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", folder, "-r", str(wanted)]
            done = subprocess.run([*pip, *choice], capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
                raise HomesError(f"pip could not download simbench 1.6.3 ({said}); check the network")
            os.replace(Path(folder) / WHEEL, path)
    return path
