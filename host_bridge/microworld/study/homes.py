"""A year of homes as integers, read from a folder of CSVs that anyone can write: what worlds are tried on.

    FOLDER/source.json      {"says": where it is from, "first_hour": the clock's hour of the first row, 0 to 23}
    FOLDER/hours.csv        price,carbon            of each hour: mct/kWh, which is 1/1000 cent; g of CO2 per kWh
    FOLDER/homes/NAME.csv   load_wh,solar_wh        of each hour; every file has as many rows

Only whole numbers, one row an hour. `tools/citylearn.py` writes such a folder.
"""

import csv
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int32]

MOST_HOMES = 1000
MOST_HOURS = 100_000
MOST_WH = 100_000  # of a home in an hour
_MOST_BYTES = 8 << 20  # of one file
_LIMITS = {
    "load_wh": (0, MOST_WH),
    "solar_wh": (0, MOST_WH),
    "price": (-1_000_000, 1_000_000),
    "carbon": (0, 10_000),
}
_WHOLE = re.compile(r"-?[0-9]{1,9}")


class HomesError(ValueError):
    """The folder is not as it must be: FILE:LINE, what is wrong, what to write."""


@dataclass(frozen=True)
class Homes:
    """Homes over the same hours. load_wh, solar_wh: [homes, hours]; price, carbon: [hours]."""

    names: tuple[str, ...]
    load_wh: Whole
    solar_wh: Whole
    price: Whole
    carbon: Whole
    first_hour: int = 0
    says: str = ""

    @property
    def hours(self) -> int:
        """How many hours there are."""
        return len(self.price)

    @property
    def net_wh(self) -> Whole:
        """[homes, hours]: load less sun, before any battery."""
        return self.load_wh - self.solar_wh

    @property
    def hour_of_day(self) -> Whole:
        """[hours]: the clock's hour, 0 to 23."""
        return ((np.arange(self.hours) + self.first_hour) % 24).astype(np.int32)

    def some(self, chosen: Sequence[int]) -> "Homes":
        """Only the homes with these numbers, in this order."""
        picked = list(chosen)
        names = tuple(self.names[number] for number in picked)
        return replace(self, names=names, load_wh=self.load_wh[picked], solar_wh=self.solar_wh[picked])

    def digest(self) -> str:
        """SHA-256 of all numbers, by which a run says what it ran on."""
        content = hashlib.sha256(json.dumps([self.names, self.first_hour, self.hours]).encode())
        for array in (self.load_wh, self.solar_wh, self.price, self.carbon):
            content.update(np.ascontiguousarray(array, "<i4").tobytes())
        return content.hexdigest()


def read(folder: Path) -> Homes:
    """The homes of `folder`, in the order of their names. Raises HomesError."""
    source = _source(folder / "source.json")
    hours = _columns(folder / "hours.csv", ("price", "carbon"))
    paths = sorted((folder / "homes").glob("*.csv"))
    if not 1 <= len(paths) <= MOST_HOMES:
        raise HomesError(f"{folder / 'homes'}: {len(paths)} files NAME.csv; have 1 to {MOST_HOMES}, one for each home")
    homes = [_columns(path, ("load_wh", "solar_wh")) for path in paths]
    for path, columns in zip(paths, homes, strict=True):
        if columns.shape[1] != hours.shape[1]:
            raise HomesError(
                f"{path}: {columns.shape[1]} hours, but hours.csv has {hours.shape[1]}; write a row for each of them"
            )
    load, solar = np.stack([home[0] for home in homes]), np.stack([home[1] for home in homes])
    names = tuple(path.stem for path in paths)
    return Homes(names, load, solar, hours[0], hours[1], source["first_hour"], source["says"])


def _source(path: Path) -> dict[str, Any]:
    try:
        source = json.loads(_text(path))
    except ValueError as error:
        if isinstance(error, HomesError):
            raise
        raise HomesError(f"{path}: is not JSON ({error})") from error
    says, first_hour = (source.get("says"), source.get("first_hour", 0)) if isinstance(source, dict) else (None, 0)
    if not isinstance(says, str) or type(first_hour) is not int or not 0 <= first_hour < 24:
        raise HomesError(f'{path}: write {{"says": "where it is from", "first_hour": 0}}, the hour being 0 to 23')
    return {"says": says, "first_hour": first_hour}


def _columns(path: Path, names: tuple[str, ...]) -> Whole:
    """[column, hour], in the order of `names`; the file may have other columns too."""
    rows = csv.reader(_text(path).splitlines())
    header = [name.strip() for name in next(rows, [])]
    missing = [name for name in names if header.count(name) != 1]
    if missing:
        raise HomesError(f"{path}:1: wants the column {missing[0]} once; write the heads {','.join(names)}")
    places = [header.index(name) for name in names]
    found = [_row(path, rows.line_num, row, len(header), places, names) for row in rows]
    if not 1 <= len(found) <= MOST_HOURS:
        raise HomesError(f"{path}: {len(found)} rows; have 1 to {MOST_HOURS}, one for each hour")
    return np.ascontiguousarray(np.array(found, np.int32).T)


def _row(path: Path, line: int, row: list[str], width: int, places: list[int], names: tuple[str, ...]) -> list[int]:
    if len(row) != width:
        raise HomesError(f"{path}:{line}: {len(row)} values where the first line has {width} heads")
    values = []
    for place, name in zip(places, names, strict=True):
        text = row[place].strip()
        least, greatest = _LIMITS[name]
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= greatest:
            raise HomesError(f"{path}:{line}: {name} is {text[:20]!r}; write a whole number from {least} to {greatest}")
        values.append(int(text))
    return values


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise HomesError(f"{path}: more than {_MOST_BYTES} bytes; write fewer hours")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HomesError(f"{path}: is not UTF-8 text at byte {error.start}") from error
    except OSError as error:
        raise HomesError(
            f"{path}: cannot be read ({error.strerror}); tools/citylearn.py writes such a folder"
        ) from error
