"""What the neighbourhood's bridge is given: its configuration, the prices, and what meters told of the month before.

All from CityLearn's 2022 challenge, whose calendar begins on a Monday in August.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from host_bridge.agent.feeder.grids import DEMO
from host_bridge.microworld.study import homes as study
from tools import boards

SPEED = 60
FIRST_DAY = datetime(2022, 8, 1, tzinfo=UTC)  # of the recordings
DAY = 31  # of the recordings: the first of September; August is history
HISTORY_DAYS = 30
STEP_S = 900
BOARD = boards.load("unix_home")
HOLD_S = int(BOARD.board["CONTACTORS"][0]["max_hold_s"])
BATTERY = {"capacity_wh": 6400, "charge_w": 5000, "discharge_w": 5000, "efficiency_permille": 949}


@dataclass(frozen=True)
class Calendar:
    """When the homes began, in their own time and the Pi's."""

    start_hour: int  # of the recordings
    began_unix_ms: int

    @property
    def start_s(self) -> int:
        """The grid's time when the homes began."""
        return int((FIRST_DAY + timedelta(hours=self.start_hour)).timestamp())

    def grid_s(self, unix_ms: int) -> int:
        """The grid's time."""
        return self.start_s + (unix_ms - self.began_unix_ms) * SPEED // 1000

    def unix_ms(self, grid_s: int) -> float:
        """When the grid's clock shows `grid_s`."""
        return self.began_unix_ms + (grid_s - self.start_s) * 1000 / SPEED


def write_config(folder: Path, port: int, places: Mapping[str, Path], calendar: Calendar, mode: str) -> Path:
    """The configuration as a user would write it, but for began_unix_ms: the agent's clock is that of the homes."""
    start = datetime.fromtimestamp(calendar.start_s, UTC).isoformat()
    lines = ["[bridge]", 'name = "gridnexus neighbourhood"', 'state_dir = "state"', 'timezone = "UTC"']
    lines += [
        "",
        "[web]",
        f"port = {port}",
        "",
        "[agent]",
        f'mode = "{mode}"',
        f"speed = {SPEED}",
        f"step_s = {STEP_S}",
    ]
    lines += [
        f'start = "{start}"',
        f"began_unix_ms = {calendar.began_unix_ms}",
        f"hold_s = {HOLD_S}",
        "store_every_h = 0",
        'history = "history"',
    ]
    lines += [f'feeder = "{DEMO}"']
    lines += ["", "[tariff]", 'file = "prices.csv"']
    for name, url in places.items():
        lines += ["", "[[link]]", f'url = "{url}"', "", "[[home]]", f'name = "{name}"']
        lines += [f"{key} = {value}" for key, value in BATTERY.items()]
    path = folder / "gridnexus.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_prices(path: Path, year: study.Homes, calendar: Calendar) -> None:
    """The challenge's prices of the days around: what is exported earns nothing there."""
    at_s = calendar.start_s - 3600 * (calendar.start_hour - (DAY - 1) * 24)
    hours = range((DAY - 1) * 24, (DAY + 5) * 24)
    rows = [(at_s + 3600 * k, int(year.price[hour]), 0, int(year.carbon[hour])) for k, hour in enumerate(hours)]
    _write(path, ("start_s", "buy_mct", "sell_mct", "carbon_g"), rows)


def write_history(folder: Path, year: study.Homes, start_hour: int) -> None:
    """What the homes' meters would have told of the month before, in quarter hours."""
    folder.mkdir(parents=True, exist_ok=True)
    first_hour = start_hour - HISTORY_DAYS * 24
    first_s = int((FIRST_DAY + timedelta(hours=first_hour)).timestamp())
    quarters = range(HISTORY_DAYS * 24 * 3600 // STEP_S)
    for name, load, solar in zip(year.names, year.load_wh, year.solar_wh, strict=True):
        rows = [
            (first_s + STEP_S * n, *(_quarter_wh(values, first_hour * 4 + n) for values in (load, solar)))
            for n in quarters
        ]
        _write(folder / f"{name}.csv", ("start_s", "load_wh", "solar_wh"), rows)


def _quarter_wh(hourly: study.Whole, quarter: int) -> int:
    """Energy of a quarter hour at the power that the simulated home has: linear between the hours."""
    hour, part = divmod(quarter, 4)
    before, after = int(hourly[hour]), int(hourly[hour + 1])
    return round((before + (after - before) * (2 * part + 1) / 8) / 4)


def _write(path: Path, heads: Sequence[str], rows: Iterable[Sequence[int]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(heads)
        table.writerows(rows)
