"""The community's charts over the day: price against the supplier's, energy traded, how full the feeder was."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from nicegui import ui

from host_bridge.agent.energy.view import PointView
from host_bridge.web.charts import EXPORT_COLOR, FAINT, IMPORT_COLOR
from host_bridge.web.elements import Text, box, mark

TRADE_COLOR, NIGHT_COLOR = "#4f83c4", "#8a6fc0"
CLOCK = {"year": "{d} {MMM}", "month": "{d} {MMM}", "day": "{d} {MMM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}"}
_PRICES = ("buy_mct", "price_mct", "sell_mct")
Points = list[list[float | int | None]]


class TimeChart:
    """A figure whose options are made anew only when `told` has changed. `label`: for who cannot see it."""

    def __init__(self, label: str, empty: str, classes: str = "") -> None:
        with box("figure", "chart", aria_label=label):
            self._chart = ui.echart({"series": []}, renderer="svg").classes(f"plot {classes}")
            self._empty = Text("figcaption", empty, "empty")
        self._told: object = None

    def show(self, told: object, is_empty: bool, options: Callable[[], dict[str, Any]]) -> None:
        """`told`: what `options` draws."""
        mark(self._empty, hidden=not is_empty)
        mark(self._chart, faded=is_empty)
        if told != self._told:
            self._told = told
            self._chart.options.clear()
            self._chart.options.update({} if is_empty else options())


def local_ms(time_s: int, zone: tzinfo) -> int:
    """For an axis in UTC that is to show the bridge's time."""
    offset = datetime.fromtimestamp(time_s, zone).utcoffset()
    return (time_s + (round(offset.total_seconds()) if offset else 0)) * 1000


def steps(starts_s: Sequence[int], values: Sequence[float | int | None], step_s: int, zone: tzinfo) -> Points:
    """Values that hold for a step each; where a step is missing there is a gap."""
    points: Points = []
    for place, (start_s, value) in enumerate(zip(starts_s, values, strict=True)):
        points.append([local_ms(start_s, zone), value])
        end_s = start_s + step_s
        following_s = starts_s[place + 1] if place + 1 < len(starts_s) else None
        if following_s is None or following_s > end_s:
            points.append([local_ms(end_s, zone), value])
        if following_s is not None and following_s > end_s:
            points.append([local_ms(end_s, zone) + 1, None])
    return points


def line(name: str, points: Points, color: str, unit: str, axis: int = 0, **more: Any) -> dict[str, Any]:
    """A line of steps; `unit`: a function of page.js that writes its values."""
    style = {"width": 2, **more.pop("style", {})}
    return {
        "type": "line", "step": "end", "showSymbol": False, "name": name, "data": points, "color": color,
        "lineStyle": style, "xAxisIndex": axis, "yAxisIndex": axis, "connectNulls": False,
        "tooltip": {":valueFormatter": f"gridnexus.{unit}"}, "emphasis": {"disabled": True}, **more,
    }  # fmt: skip


def time_axis(grid: int = 0, labels: bool = True, **more: Any) -> dict[str, Any]:
    """Of the grid's time, the bridge's zone."""
    return {
        "type": "time", "gridIndex": grid, "splitNumber": 5, "axisTick": {"show": False},
        "axisLabel": {"show": labels, "formatter": CLOCK, "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": FAINT}, "onZero": False}, "splitLine": {"show": False}, **more,
    }  # fmt: skip


def value_axis(unit: str, name: str, grid: int = 0, **more: Any) -> dict[str, Any]:
    """Its labels written by a function of page.js."""
    return {
        "type": "value", "gridIndex": grid, "splitNumber": 3, "name": name, "nameTextStyle": {"align": "left"},
        "axisLabel": {":formatter": f"gridnexus.{unit}", "hideOverlap": True},
        "splitLine": {"lineStyle": {"color": FAINT}}, **more,
    }  # fmt: skip


def price_options(market: Sequence[PointView], step_s: int, zone: tzinfo) -> dict[str, Any]:
    """Prices above, energy traded below."""
    starts = [point.start_s for point in market]

    def of(values: Sequence[float | int | None]) -> Points:
        return steps(starts, values, step_s, zone)

    sold, traded, paid = (of([_ct(getattr(point, name)) for point in market]) for name in _PRICES)
    energy = of([point.traded_mwh / 1000 for point in market])
    lines = [
        line("grid sells at", sold, IMPORT_COLOR, "cents"),
        line("homes trade at", traded, TRADE_COLOR, "cents", style={"width": 3}),
        line("grid pays", paid, EXPORT_COLOR, "cents", style={"type": "dashed"}),
        line("traded", energy, NIGHT_COLOR, "wattHours", 1, areaStyle={"opacity": 0.3}, style={"width": 1}),
    ]
    return {
        "useUTC": True, "animation": False,
        "grid": [
            {"left": 66, "right": 14, "top": 64, "height": "44%"},
            {"left": 66, "right": 14, "bottom": 26, "height": "16%"},
        ],
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "legend": {"left": 0, "top": 0, "itemWidth": 18, "icon": "roundRect", "itemHeight": 4, "selectedMode": False},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": [time_axis(0, False), time_axis(1)],
        "yAxis": [value_axis("cents", "price per kWh"), value_axis("wattHours", "traded", 1, splitNumber=1)],
        "series": lines,
    }  # fmt: skip


def loading_options(history: Sequence[tuple[int, int]], step_s: int, zone: tzinfo) -> dict[str, Any]:
    """How full the fullest part of the feeder was."""
    points = steps([start for start, _ in history], [value / 10 for _, value in history], step_s, zone)
    return {
        "useUTC": True, "animation": False,
        "grid": {"left": 8, "right": 14, "top": 30, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": time_axis(),
        "yAxis": value_axis("percent", "fullest part, estimated", min=0),
        "series": [line("fullest part", points, TRADE_COLOR, "percent", areaStyle={"opacity": 0.15})],
    }  # fmt: skip


def _ct(mct: int | None) -> float | None:
    return None if mct is None else mct / 1000
