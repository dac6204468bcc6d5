"""Where one input comes from, and what it is there now: never stale, never guessed. How it is written: binding.py."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Any

from host_bridge.microworld.language import units
from host_bridge.microworld.program import INT_MAX, INT_MIN, Quantity
from host_bridge.model import LinkState, NodeView

# A quantity of Live: what its number counts.
QUANTITIES = {
    "active_power_mw": "mW",
    "voltage_rms_mv": "mV",
    "current_rms_ma": "mA",
    "frequency_mhz": "mHz",
    "energy_import_mwh": "mWh",
    "energy_export_mwh": "mWh",
}
CLOCK = {"minute_of_day": "min", "hour": "h"}
OLDEST_MS = 10_000  # a figure that is older is no input, unless the node is one that speaks seldom
OLDEST_TICKS = 3  # and a world that ticks seldom takes older ones
SERIES_LAST_S = 86_400
MOST_SERIES = 10_000

Views = Mapping[str, NodeView]


class BindingError(ValueError):
    """A binding cannot be used; the text says what to write."""


class Missing(Exception):
    """An input is not to be had now; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Source:
    """Of one input: what to look up, and the ratio of units to it."""

    name: str
    kind: str  # "figure", "closed", "clock", "number", "series"
    node: str = ""
    subject: str = ""
    quantity: str = ""
    multiply: int = 1
    divide: int = 1
    number: int = 0
    series: tuple[tuple[int, int], ...] = ()


def source_of(quantity: Quantity, written: Any) -> Source:
    """The source that `written` names, for the input `quantity`. Raises BindingError."""
    name = quantity.name
    if type(written) is int or type(written) is bool:
        if not quantity.least <= written <= quantity.greatest:
            raise BindingError(f"input {name}: {written} is outside {quantity.least} .. {quantity.greatest}")
        return Source(name, "number", number=int(written))
    if isinstance(written, dict) and set(written) == {"series"}:
        return Source(name, "series", series=_series(name, written["series"]))
    if not isinstance(written, str) or written.count(".") < (1 if str(written).startswith("clock.") else 2):
        raise BindingError(
            f"input {name}: write NODE.CHANNEL.QUANTITY, NODE.CONTACTOR.closed, clock.minute_of_day, clock.hour or a "
            f"number, not {str(written)[:60]!r}"
        )
    if written.startswith("clock."):
        of = written.removeprefix("clock.")
        if of not in CLOCK:
            raise BindingError(f"input {name}: the clock tells {' and '.join(CLOCK)}, not {of!r}")
        return Source(name, "clock", "", "", of, *_ratio(quantity, CLOCK[of], plain=True))
    node, subject, what = written.rsplit(".", 2)
    if what == "closed":
        if not quantity.is_bool:
            raise BindingError(f'input {name} is in {quantity.unit or "numbers"}; a contactor is "on/off"')
        return Source(name, "closed", node, subject, what)
    if what not in QUANTITIES:
        raise BindingError(f"input {name}: {what!r} is no quantity; there are {', '.join(QUANTITIES)} and closed")
    return Source(name, "figure", node, subject, what, *_ratio(quantity, QUANTITIES[what]))


def _ratio(quantity: Quantity, counted: str, *, plain: bool = False) -> tuple[int, int]:
    """What the source's number is multiplied and divided by, to be in the input's unit."""
    given, wanted = units.unit(counted), units.unit(quantity.unit)
    if plain and wanted == units.NUMBER:
        return 1, 1
    if wanted.switch or given.dimensions != wanted.dimensions:
        raise BindingError(f"input {quantity.name} is in {units.name(wanted)}, and its source in {counted}")
    ratio = given.scale / wanted.scale
    return ratio.numerator, ratio.denominator


def _series(name: str, rows: Any) -> tuple[tuple[int, int], ...]:
    fits = isinstance(rows, list) and 0 < len(rows) <= MOST_SERIES
    if not fits or any(
        not isinstance(row, list | tuple) or len(row) != 2 or any(type(number) is not int for number in row)
        for row in rows
    ):
        raise BindingError(f"input {name}: a series is 1 to {MOST_SERIES} rows [unix seconds, value], whole numbers")
    found = tuple((row[0], row[1]) for row in rows)
    if any(a >= b for (a, _), (b, _) in pairwise(found)):
        raise BindingError(f"input {name}: the rows of a series are in the order of their times")
    return found


def value(source: Source, views: Views, time_ms: int, tick_s: int, zone: tzinfo) -> int:
    """The input at Unix time `time_ms`, of a world that ticks every `tick_s`. Raises Missing."""
    if source.kind == "number":
        return source.number
    if source.kind == "series":
        return _of_series(source, time_ms // 1000)
    if source.kind == "clock":
        now = datetime.fromtimestamp(time_ms / 1000, zone)
        return _scaled(source, now.hour if source.quantity == "hour" else 60 * now.hour + now.minute)
    view = views.get(source.node)
    if view is None or view.link_state != LinkState.ONLINE:
        raise Missing(f"{source.name}: {source.node} is {view.link_state if view else 'not known'}")
    return _closed(source, view) if source.kind == "closed" else _figure(source, view, time_ms, tick_s)


def _closed(source: Source, view: NodeView) -> int:
    if source.subject in view.contactors:
        report = view.contactor_reports.get(view.contactors.index(source.subject))
        if report is not None:
            return int(report.state == "closed")
    raise Missing(f"{source.name}: {view.name} has not told of a contactor {source.subject}")


def _figure(source: Source, view: NodeView, time_ms: int, tick_s: int) -> int:
    live = view.live.get(view.channels.index(source.subject)) if source.subject in view.channels else None
    if live is None:
        raise Missing(f"{source.name}: {view.name} has not told of a channel {source.subject}")
    oldest_ms = max(OLDEST_MS, OLDEST_TICKS * tick_s * 1000, view.stale_after_ms)
    if abs(time_ms - live.time_ms) > oldest_ms:
        raise Missing(f"{source.name}: {view.name} {source.subject} is {abs(time_ms - live.time_ms) // 1000} s old")
    value = getattr(live, source.quantity)
    if value is None:
        raise Missing(f"{source.name}: the meter of {view.name} {source.subject} does not tell {source.quantity}")
    return _scaled(source, value)


def _of_series(source: Source, now_s: int) -> int:
    at = bisect_right(source.series, now_s, key=lambda row: row[0]) - 1
    if at < 0 or (at == len(source.series) - 1 and now_s - source.series[at][0] >= SERIES_LAST_S):
        raise Missing(f"{source.name}: its series tells nothing of this time")
    return source.series[at][1]


def _scaled(source: Source, value: int) -> int:
    """To the nearest whole number of the input's unit; half of one is added to its error."""
    scaled = (2 * value * source.multiply + source.divide) // (2 * source.divide)
    return min(max(scaled, INT_MIN), INT_MAX)
