"""The 17 homes of CityLearn's 2022 challenge, as the profiles that gridnode's replay meter plays.

    python -m tools.homes --cache DIR [--json]

The recordings come with the wheel of CityLearn 2.1.2 (MIT licence), which pip downloads and which is unpacked, not
installed. Each home's load is the column `Equipment Electric Power [kWh]` (the thermal columns are all zero in this
set); its PV is `Solar Generation [W/kW]` times the PV's nominal power / 1000, as citylearn.energy_model.PV has it.
The recordings start with the hour before midnight, labelled 24: entry n of a profile bears the clock's hour n mod 24.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from gridnode.drivers.home_profile import HEADER_BYTES, MAGIC

WHEEL = "CityLearn-2.1.2-py3-none-any.whl"
WHEEL_SHA256 = "95730b1deed73b1f5a4d17eb8334be3c99efa4aef8677822378d62d8359511dd"
HOMES = 17
_FOLDER = "citylearn/data/citylearn_challenge_2022_phase_all"
_HOUR_MS = 3_600_000
_HEADER = struct.Struct("<8sII16s")


class HomesError(RuntimeError):
    """The homes cannot be had, or a profile is not one; the text says what to do."""


def default_cache() -> Path:
    """Where the homes are kept for every clone: the user's cache."""
    of_user = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (of_user if of_user.is_absolute() else Path("~/.cache").expanduser()) / "gridnexus" / "homes"


def fetch(cache: Path) -> list[Path]:
    """The 17 profiles in `cache`, home-01.profile first, made there if they are not. Raises HomesError."""
    profiles = [cache / f"home-{number:02}.profile" for number in range(1, HOMES + 1)]
    if not all(map(_is_profile, profiles)):
        cache.mkdir(parents=True, exist_ok=True)
        unpack(wheel(cache), cache)
        for number, profile in enumerate(profiles, 1):
            write_profile(profile, f"home {number:02}", list(recorded(cache, number)))
    return profiles


def _is_profile(path: Path) -> bool:
    try:
        read_profile(path)
    except (OSError, HomesError):
        return False
    return True


def wheel(cache: Path) -> Path:
    """The wheel, downloaded by pip with its own configuration unless it is in `cache`."""
    path = cache / WHEEL
    if not _is_right(path):
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(Path(folder))
            os.replace(Path(folder) / WHEEL, path)
    return path


def _download(folder: Path) -> None:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"CityLearn==2.1.2 --hash=sha256:{WHEEL_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--no-input", "--quiet", "--disable-pip-version-check"]
    choice = ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--require-hashes"]
    done = subprocess.run(
        [*pip, *choice, "--dest", str(folder), "-r", str(wanted)], capture_output=True, text=True, check=False
    )
    if done.returncode or not _is_right(folder / WHEEL):
        said = (done.stderr.strip() or "no wheel came").splitlines()[-1]
        raise HomesError(f"pip could not download CityLearn 2.1.2 ({said}); check the network and pip's configuration")


def _is_right(wheel: Path) -> bool:
    return wheel.exists() and hashlib.sha256(wheel.read_bytes()).hexdigest() == WHEEL_SHA256


def unpack(path: Path, cache: Path) -> None:
    """Take the homes' recordings and the description of their PV out of the wheel at `path`, into `cache`."""
    with zipfile.ZipFile(path) as archive:
        for name in [f"Building_{number}.csv" for number in range(1, HOMES + 1)] + ["schema.json"]:
            _write(cache / name, archive.read(f"{_FOLDER}/{name}"))


def recorded(cache: Path, number: int) -> Iterator[tuple[int, int]]:
    """(load mW, PV mW) of home `number` for each hour, from the recordings unpacked in `cache`."""
    schema = json.loads((cache / "schema.json").read_text())
    pv_kw = schema["buildings"][f"Building_{number}"]["pv"]["attributes"]["nominal_power"]
    with (cache / f"Building_{number}.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            load_kw = float(row["Equipment Electric Power [kWh]"])
            yield round(load_kw * 1e6), round(float(row["Solar Generation [W/kW]"]) * pv_kw * 1e3)


def write_profile(path: Path, name: str, hours: list[tuple[int, int]]) -> None:
    """Write (load mW, PV mW) pairs, one an hour, in the layout of gridnode.drivers.home_profile."""
    peak_mw = max(max(abs(load), abs(pv), abs(load - pv)) for load, pv in hours)
    file = io.BytesIO()
    file.write(_HEADER.pack(MAGIC, len(hours), peak_mw, name.encode()))
    for pair in hours:
        file.write(struct.pack("<ii", *pair))
    _write(path, file.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also when two do it at once."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)


def read_profile(path: Path) -> list[tuple[int, int]]:
    """(load mW, PV mW) for each hour. Raises HomesError when the file is not a whole profile."""
    content = path.read_bytes()
    if len(content) < HEADER_BYTES or content[:8] != MAGIC:
        raise HomesError(f"{path}: not a home profile; delete it and run python -m tools.homes again")
    hours = _HEADER.unpack_from(content)[1]
    if hours < 1 or len(content) != HEADER_BYTES + 8 * hours:
        raise HomesError(f"{path}: is cut short or too long; delete it and run python -m tools.homes again")
    return list(struct.iter_unpack("<ii", content[HEADER_BYTES:]))


def true_energy_mwh(profile: Path, start_hour: int, speed: int, from_ms: int, to_ms: int) -> tuple[float, float]:
    """(import, export) that the grid connection of a replayed home carries between two node times, in mWh.

    The exact integral of the positive and the negative part of load - PV, linear between the hours; the profile's
    position at node time t is start_hour + speed * t, power is not scaled. Shares no code with the firmware.
    """
    net_mw = [load - pv for load, pv in read_profile(profile)]
    at, end = start_hour + speed * from_ms / _HOUR_MS, start_hour + speed * to_ms / _HOUR_MS
    imported = exported = 0.0
    while at < end:
        hour = int(at)
        until = min(hour + 1, end)
        first, second = net_mw[hour % len(net_mw)], net_mw[(hour + 1) % len(net_mw)]
        start_mw, end_mw = first + (second - first) * (at - hour), first + (second - first) * (until - hour)
        imported += _positive_area(start_mw, end_mw) * (until - at)
        exported += _positive_area(-start_mw, -end_mw) * (until - at)
        at = until
    return imported / speed, exported / speed


def _positive_area(start: float, end: float) -> float:
    """Mean over a unit step of the positive part of a line from `start` to `end`."""
    if start >= 0 and end >= 0:
        return (start + end) / 2
    if start <= 0 and end <= 0:
        return 0.0
    high = max(start, end)
    return high * high / (2 * abs(end - start))


def main(argv: list[str] | None = None) -> int:
    """Fetch the homes and list them."""
    parser = argparse.ArgumentParser(prog="python -m tools.homes", description="Fetch the homes that nodes replay.")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where to keep them (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    try:
        profiles = fetch(options.cache)
    except (HomesError, OSError) as error:
        print(f"homes: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({"profiles": [str(profile) for profile in profiles]}))
    else:
        for profile in profiles:
            print(profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
