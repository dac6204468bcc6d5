"""How far the day was from what was expected of it."""

import json
from collections.abc import Callable, Iterator
from math import fsum
from typing import Any

from host_bridge.agent.narrative.amounts import kwh
from host_bridge.agent.narrative.day import Day
from host_bridge.agent.narrative.parts import Figure, Sentence, Source
from host_bridge.store.book_rows import ForecastRow, IntervalRow

_MWH = 3.6  # W times s in a mWh
_EXPECTED = (
    "(SELECT CAST(round(sum(value) * json_extract(body, '$.step_s') / 3.6) AS INTEGER)"
    " FROM json_each(body, '$.mean_w') WHERE key >= {} AND key < {})"
)
_METERED = {"load": "import_mwh - export_mwh + solar_mwh - charge_mwh + discharge_mwh", "solar": "solar_mwh"}
_WORDS = {"load": "of use", "solar": "of sun"}


def surprises(day: Day, clock: Callable[[int], str]) -> Iterator[Sentence]:
    """What was forecast before the day (or at its beginning) beside what was metered over the same steps."""
    for forecast in day.forecasts:
        body = json.loads(forecast.body)
        first, beyond = _steps(day, body)
        begin_s = body["start_s"] + first * body["step_s"]
        end_s = body["start_s"] + beyond * body["step_s"]
        rows = [row for row in day.intervals if begin_s <= row.start_s < end_s]
        if not rows or beyond - first != len(rows):
            continue  # steps are missing: the sums would not be of the same time
        value = round(fsum(body["mean_w"][first:beyond]) * body["step_s"] / _MWH)
        expected = _of_forecast(forecast, value, _EXPECTED.format(first, beyond))
        measured = sum(row.load_mwh if forecast.what == "load" else row.solar_mwh for row in rows)
        more = " AND start_s >= ? AND start_s < ?"
        metered = day.figure(
            IntervalRow, measured, f"sum({_METERED[forecast.what]})", kwh, "mWh", len(rows), more, (begin_s, end_s)
        )
        when = day.row_figure(forecast, "made_s", clock, "s")
        parts = (
            "Expected at ",
            when,
            " were ",
            expected,
            f" {_WORDS[forecast.what]} for these steps; it was ",
            metered,
        )
        yield Sentence("uncertain", (*parts, "."))


def _steps(day: Day, body: dict[str, Any]) -> tuple[int, int]:
    """Which steps of the forecast lie in the day."""
    start_s, step_s, count = body["start_s"], body["step_s"], len(body["mean_w"])
    first = max(0, -(-(day.begin_s - start_s) // step_s))
    return min(first, count), min(count, max(first, (day.end_s - start_s) // step_s))


def _of_forecast(row: ForecastRow, value: int, expression: str) -> Figure:
    where = "home = ? AND what = ? AND made_s = ?"
    return Figure(kwh(value), value, "mWh", Source("forecasts", expression, where, tuple(row[:3]), 1))
