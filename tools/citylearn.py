"""CityLearn's 17 homes over a year as the folder of CSVs that host_bridge.microworld.study.homes reads.

    python -m tools.citylearn [--folder DIR]

From the 2022 challenge's recordings in CityLearn 2.1.2's wheel (MIT licence, (c) 2020 Jose Ramon Vazquez-Canteli,
Intelligent Environments Laboratory), fetched as tools/homes.py says. Prices are the set's own tariff of three levels.
"""

import argparse
import csv
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from host_bridge.microworld.study.homes import HomesError as FolderError
from host_bridge.microworld.study.homes import read
from tools import homes

_FORMAT = 2  # part of the folder's name: raise it when what is written changes
_SET = "citylearn/data/citylearn_challenge_2022_phase_all"
# Of each home, as schema.json has it for all 17. Its efficiency is that of a round trip.
BATTERY = {"capacity": 6.4, "nominal_power": 5.0, "efficiency": 0.9}


def folder() -> Path:
    """The folder of the 17 homes, made in the user's cache if it is not there yet. Raises homes.HomesError."""
    cache = homes.default_cache()
    place = cache / f"citylearn-2022-{_FORMAT}"
    if not (place / "source.json").exists():
        cache.mkdir(parents=True, exist_ok=True)
        write(place)
    return place


def write(place: Path) -> None:
    """Write the folder `place`, whole or not at all. Raises homes.HomesError."""
    cache = homes.default_cache()
    wheel = homes.wheel(cache)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        work = Path(scratch)
        homes.unpack(wheel, work)
        made = work / "made"
        (made / "homes").mkdir(parents=True)
        for number in range(1, homes.HOMES + 1):
            hours = ((round(load / 1000), round(solar / 1000)) for load, solar in homes.recorded(work, number))
            _write(made / "homes" / f"home-{number:02}.csv", ("load_wh", "solar_wh"), hours)
        _write(made / "hours.csv", ("price", "carbon"), _prices(wheel))
        _check_batteries(work / "schema.json")
        (made / "source.json").write_text(json.dumps(_source(), indent=1) + "\n", encoding="utf-8")
        read(made)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(made, place)


def _write(path: Path, heads: tuple[str, str], rows: Iterable[tuple[int, int]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(heads)
        table.writerows(rows)


def _prices(wheel: Path) -> list[tuple[int, int]]:
    """(mct/kWh, g CO2 per kWh) of each hour."""
    with zipfile.ZipFile(wheel) as archive:
        prices = _column(archive, "pricing.csv", "Electricity Pricing [$/kWh]")
        carbon = _column(archive, "carbon_intensity.csv", "kg_CO2/kWh")
    return [(round(dollar * 100_000), round(kilos * 1000)) for dollar, kilos in zip(prices, carbon, strict=True)]


def _column(archive: zipfile.ZipFile, file: str, head: str) -> list[float]:
    rows = csv.DictReader(io.TextIOWrapper(archive.open(f"{_SET}/{file}"), "utf-8"))
    return [float(row[head]) for row in rows]


def _check_batteries(schema: Path) -> None:
    for name, building in json.loads(schema.read_text())["buildings"].items():
        battery = building["electrical_storage"]["attributes"]
        if any(battery[key] != value for key, value in BATTERY.items()):
            raise homes.HomesError(f"{name}: its battery is not the one that the catalogue assumes")


def _source() -> dict[str, object]:
    return {
        "says": "CityLearn 2022 challenge, 17 homes, 1 year; PyPI CityLearn==2.1.2",
        "licence": "MIT, (c) 2020 Jose Ramon Vazquez-Canteli, Intelligent Environments Laboratory",
        "wheel_sha256": homes.WHEEL_SHA256,
        "first_hour": 0,
    }


def main(argv: list[str] | None = None) -> int:
    """Write the folder and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m tools.citylearn", description="Fetch CityLearn's 17 homes.")
    parser.add_argument("--folder", type=Path, help="where to write it (default: the user's cache)")
    options = parser.parse_args(argv)
    try:
        if options.folder is None:
            print(folder())
        else:
            options.folder.parent.mkdir(parents=True, exist_ok=True)
            write(options.folder)
            print(options.folder)
    except (homes.HomesError, FolderError, OSError) as error:
        print(f"citylearn: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
