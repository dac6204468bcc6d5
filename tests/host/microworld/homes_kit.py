"""A few made-up homes over a few days, for what needs recorded ones."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.study.homes import Homes

CHEAP, DEAR = 22_000, 54_000


def made_homes(homes: int = 4, hours: int = 48, seed: int = 1) -> Homes:
    """Random load, sun from 8 to 17 h, dear from 16 to 20 h."""
    chance = np.random.default_rng(seed)
    hour = np.arange(hours) % 24
    load = chance.integers(200, 3000, (homes, hours), np.int32)
    sun = chance.integers(0, 5000, (homes, hours), np.int32) * ((hour >= 8) & (hour < 17))
    price = np.where((hour >= 16) & (hour <= 20), DEAR, CHEAP).astype(np.int32)
    carbon = chance.integers(70, 280, hours, np.int32)
    names = tuple(f"home-{number:02}" for number in range(homes))
    return Homes(names, load, sun.astype(np.int32), price, carbon)


def write(homes: Homes, folder: Path) -> Path:
    """`homes` as a folder of CSVs."""
    (folder / "homes").mkdir(parents=True)
    (folder / "source.json").write_text(json.dumps({"says": "made up", "first_hour": homes.first_hour}))
    hours = zip(homes.price, homes.carbon, strict=True)
    (folder / "hours.csv").write_text("price,carbon\n" + "".join(f"{price},{carbon}\n" for price, carbon in hours))
    for name, load, solar in zip(homes.names, homes.load_wh, homes.solar_wh, strict=True):
        rows = "".join(f"{wh},{sun}\n" for wh, sun in zip(load, solar, strict=True))
        (folder / "homes" / f"{name}.csv").write_text("load_wh,solar_wh\n" + rows)
    return folder


@cache
def catalogue_spec(name: str) -> spec.Spec:
    """The catalogue's specification `name`."""
    path = catalogue.spec_path(name)
    return spec.read(path.read_text(encoding="utf-8"), path.name)
