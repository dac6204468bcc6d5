"""The forecaster beside the loop: fed from the books' intervals, fitted once a day, asked once a step."""

import asyncio
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from host_bridge.agent.energy.house import House
from host_bridge.agent.forecast.forecaster import Forecaster
from host_bridge.agent.forecast.model import LINEAR, PERSISTENCE, SEASONAL, Forecast, ForecastError, Skill
from host_bridge.store.book_rows import IntervalRow, StateRow

DAY_S = 86_400
STATE = "forecast"
SIMPLE = (SEASONAL, PERSISTENCE)
LEARNED = LINEAR
NET_DAYS = 9
MOST_HISTORY = 400_000  # rows of a file


class Foretelling:
    """`net_w`: {home: {start_s: W}} of the last days, load less sun, which scenarios are made of."""

    def __init__(self, homes: Sequence[str], step_s: int) -> None:
        self._forecaster = Forecaster(homes, step_s)
        self._step_s, self._turn = step_s, asyncio.Lock()
        self._fitted_day: int | None = None
        self.net_w: dict[str, dict[int, float]] = {home: {} for home in homes}
        self.newest: dict[tuple[str, str], Forecast] = {}
        self.broken = ""

    async def observe(self, rows: Iterable[IntervalRow]) -> dict[str, str]:
        """Take intervals in; {home: why} of those that were not believed."""
        found: dict[tuple[str, str], tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for row in rows:
            self._keep_net(row)
            for what, watts in _watts(row).items():
                starts, values = found[row.home, what]
                starts.append(row.start_s)
                values.append(watts)
        async with self._turn:
            return await asyncio.to_thread(self._observe, found)

    async def forecasts(self, now_s: int) -> dict[tuple[str, str], Forecast]:
        """From the step that `now_s` is in; fits first, where a new day has begun. A model that fails, or tells what is
        no number, leaves what was foretold before, and `broken` says so."""
        async with self._turn:
            try:
                if self._fitted_day != now_s // DAY_S:
                    await asyncio.to_thread(self._forecaster.fit, now_s)
                    self._fitted_day = now_s // DAY_S
                found = await asyncio.to_thread(self._forecaster.forecasts, now_s)
            except (ValueError, ArithmeticError) as error:  # of the statistics, LinAlgError among them
                self.broken = f"the model failed: {error}"
                return self.newest
        bad = {
            key for key, each in found.items() if not (np.isfinite(each.mean).all() and np.isfinite(each.watts).all())
        }
        self.broken = f"no forecast of {', '.join(sorted({what for _, what in bad}))}: what it tells is no number" \
            if bad else ""  # fmt: skip
        kept = {key: each for key, each in self.newest.items() if key in bad}
        self.newest = {key: each for key, each in found.items() if key not in bad} | kept
        return self.newest

    def why_simple(self, home: str) -> tuple[str, str]:
        """(cause of the ladder, words) where a forecast of `home` is not the learned one; ("", "") where it is."""
        if self.broken:
            return "forecast diverged", self.broken
        for what in ("load", "solar"):
            found = self.newest.get((home, what))
            if found is not None and found.method in SIMPLE:
                skill = self.skill(home, what)
                bad = skill is not None and skill.steps >= DAY_S // self._step_s and skill.permille < 0
                kind = "forecast diverged" if bad else "young forecast"
                return kind, f"{what} is as {found.method} has it: {found.why or 'nothing was learnt yet'}"
        return "", ""

    def skill(self, home: str, what: str) -> Skill | None:
        """None: nothing was scored."""
        found = self._forecaster.skill(home, what)
        return found if found.steps else None

    def state(self) -> StateRow:
        """What lasts over a restart beside the rows."""
        return StateRow(STATE, json.dumps(self._forecaster.document()))

    def resume(self, body: str) -> str:
        """Go on from `state`; what is wrong with it, in words."""
        try:
            self._forecaster.resume(json.loads(body))
        except (ForecastError, ValueError) as error:
            return str(error)
        return ""

    async def learn_files(self, folder: Path, houses: Sequence[House]) -> list[str]:
        """History from FOLDER/HOME.csv: start_s,load_wh,solar_wh, a row a step. What cannot be used, in words."""
        said = []
        for house in houses:
            path = folder / f"{house.name}.csv"
            try:
                rows = await asyncio.to_thread(_read, path, house.name, self._step_s)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, csv.Error) as error:
                said.append(f"{path}: not learnt from: {error}")
                continue
            await self.observe(rows)
        return said

    def _observe(self, found: Mapping[tuple[str, str], tuple[list[int], list[float]]]) -> dict[str, str]:
        why: dict[str, str] = {}
        for (home, what), (starts, values) in found.items():
            before = self._forecaster.flagged[-1] if self._forecaster.flagged else None
            self._forecaster.observe_many(home, what, starts, values)
            newest = self._forecaster.flagged[-1] if self._forecaster.flagged else None
            if newest is not None and newest is not before and newest.home == home and newest.reason != "missing":
                why[home] = newest.words
        return why

    def _keep_net(self, row: IntervalRow) -> None:
        if not {"grid", "battery"} & flagged(row):
            net = self.net_w.setdefault(row.home, {})
            net[row.start_s] = (row.load_mwh - row.solar_mwh) * 3.6 / row.duration_s
            oldest = max(net) - NET_DAYS * DAY_S
            for start in [start for start in net if start < oldest] if len(net) > 1.2 * NET_DAYS * 96 else ():
                del net[start]


def flagged(row: IntervalRow) -> set[str]:
    """The parts whose meters are not believed in this interval."""
    return {text.partition(":")[0] for text in row.flags.split("; ") if text}


def _watts(row: IntervalRow) -> dict[str, float]:
    """Mean W of load and sun; nan where a meter behind it is not believed."""
    bad, scale = flagged(row), 3.6 / row.duration_s
    nothing = float("nan")
    return {
        "load": nothing if bad else row.load_mwh * scale,
        "solar": nothing if "solar" in bad else row.solar_mwh * scale,
    }


def _read(path: Path, home: str, step_s: int) -> list[IntervalRow]:
    rows: list[IntervalRow] = []
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if set(table.fieldnames or ()) != {"start_s", "load_wh", "solar_wh"}:
            raise ValueError("the first line must be start_s,load_wh,solar_wh")
        for each in table:
            start, load, solar = (_number(each[name], table.line_num) for name in ("start_s", "load_wh", "solar_wh"))
            net = round(1000 * (load - solar))
            imported, exported = max(net, 0), max(-net, 0)
            rows.append(
                IntervalRow(home, int(start), step_s, imported, exported, round(1000 * solar), 0, 0, 0, "", "{}")
            )
            if len(rows) > MOST_HISTORY:
                raise ValueError(f"more than {MOST_HISTORY} rows")
    return rows


def _number(text: Any, line: int) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise ValueError(f"line {line}: numbers only, one for each column") from None
