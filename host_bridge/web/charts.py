"""The two charts: power of the last minutes, one line per home; energy of today, import up and export down."""

import json
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from nicegui import ui

from host_bridge.model import NodeView
from host_bridge.web.elements import Text, box, mark
from host_bridge.web.homes import apart_ms
from host_bridge.web.today import MINUTE_MS, QUARTER_MS, Bars
from host_bridge.web.units import MINUS

LIVE_WINDOW_MS = 10 * 60_000
GAP_MS = 5_000  # a longer silence is drawn as a gap, never bridged by a line; longer by radio
# Mid tones that keep 3:1 against paper and night; dashes tell homes apart where colour does not.
HOME_COLORS = ("#4f83c4", "#a06cb5", "#7d9440", "#c75a78", "#3f97b0", "#7b6fd0", "#9a7a5c", "#58986a")
HOME_DASHES: tuple[str | list[int], ...] = ("solid", [6, 3], [2, 2])
IMPORT_COLOR, EXPORT_COLOR = "#d08c3c", "#3a9c8c"
FAINT = "rgba(128,128,128,.22)"
BIN_WORDS = {QUARTER_MS: "15 minutes", MINUTE_MS: "minute"}

Point = list[int | float | None]


def home_color(position: int) -> str:
    return HOME_COLORS[position % len(HOME_COLORS)]


def trail_points(view: NodeView, after_ms: int, shift_ms: int) -> list[Point]:
    """[local ms, W] of the trail after `after_ms`, with [ms, null] wherever there is a gap."""
    points: list[Point] = []
    before_ms = after_ms
    gap_ms = max(GAP_MS, apart_ms(view))
    for time_ms, milliwatts in view.live_trail:
        if time_ms <= after_ms:
            continue
        if before_ms and time_ms - before_ms > gap_ms:
            points.append([before_ms + 1 + shift_ms, None])
        points.append([time_ms + shift_ms, round(milliwatts / 1000, 1)])
        before_ms = time_ms
    return points


class LiveChart:
    """Draws once, then only sends the points that are new (page.js adds them)."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._sent_ms: dict[str, int] = {}
        self._homes: list[str] | None = None
        with box("figure", "chart", aria_label="Power of the last ten minutes, one line per home"):
            self._chart = ui.echart(_live_options(), renderer="svg").classes("plot")
            self._empty = Text("figcaption", "No live values yet.", "empty")

    def tick(self, views: Mapping[str, NodeView], colors: Mapping[str, str], now_ms: int) -> None:
        shift_ms = _utc_offset_ms(now_ms, self._zone)
        mark(self._empty, hidden=any(view.live_trail for view in views.values()))
        window = [now_ms + shift_ms - LIVE_WINDOW_MS, now_ms + shift_ms]
        if self._homes != list(views):
            self._homes = list(views)
            self._draw(views, colors, now_ms, shift_ms, window)
            return
        new = [trail_points(view, self._sent_ms[name], shift_ms) for name, view in views.items()]
        self._remember(views)
        ui.run_javascript(f"gridnexus.extend({self._chart.id}, {json.dumps(new)}, {json.dumps(window)})")

    def _draw(
        self, views: Mapping[str, NodeView], colors: Mapping[str, str], now_ms: int, shift_ms: int, window: list[int]
    ) -> None:
        since_ms = now_ms - LIVE_WINDOW_MS
        lines = [
            _line(position, name, colors[name], trail_points(view, since_ms, shift_ms))
            for position, (name, view) in enumerate(views.items())
        ]
        self._chart.options.update(_live_options(lines, window))
        self._remember(views)

    def _remember(self, views: Mapping[str, NodeView]) -> None:
        for name, view in views.items():
            self._sent_ms[name] = view.live_trail[-1][0] if view.live_trail else 0


class DayChart:
    """Redrawn only when the bars have changed."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._shown: Bars | None = None
        with box("figure", "chart", aria_label="Energy today, import above and export below the line"):
            self._chart = ui.echart(_day_options(Bars(QUARTER_MS, [], [], []), zone), renderer="svg").classes("plot")
            self._empty = Text("figcaption", "The first bar appears with the first stored readings.", "empty")

    def tick(self, bars: Bars) -> None:
        if bars is self._shown or bars == self._shown:
            return
        self._shown = bars
        mark(self._empty, hidden=bool(bars.starts_ms))
        self._chart.options.update(_day_options(bars, self._zone))


def bin_words(bars: Bars) -> str:
    """How long a bar is, in words: "15 minutes", "minute", "10 seconds"."""
    return BIN_WORDS.get(bars.bin_ms, f"{bars.bin_ms // 1000} seconds")


def _line(position: int, name: str, color: str, points: list[Point]) -> dict[str, Any]:
    return {
        "type": "line", "name": name, "data": points, "showSymbol": False, "smooth": 0.15, "sampling": "lttb",
        "color": color,
        "lineStyle": {"width": 2, "type": HOME_DASHES[position // len(HOME_COLORS) % len(HOME_DASHES)]},
        "emphasis": {"focus": "series"},
        "endLabel": {"show": True, "formatter": "{a}", "fontSize": 12, "distance": 6, "color": color},
        "labelLayout": {"moveOverlap": "shiftY"},
    }  # fmt: skip


def _live_options(lines: list[dict[str, Any]] | None = None, window: list[int] | None = None) -> dict[str, Any]:
    first, last = window or (None, None)
    return {
        "useUTC": True,  # the points carry the bridge's local time, wherever the browser is
        "animation": False,
        "grid": {"left": 8, "right": 76, "top": 26, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", ":valueFormatter": "gridnexus.watts", "confine": True},
        "xAxis": {
            "type": "time", "min": first, "max": last, "splitNumber": 4,
            "axisLabel": {"formatter": "{HH}:{mm}", "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": FAINT}}, "axisTick": {"show": False},
        },
        "yAxis": {
            "type": "value", "name": f"import +   export {MINUS}", "nameTextStyle": {"align": "left"}, "splitNumber": 4,
            "axisLabel": {":formatter": "gridnexus.watts"}, "splitLine": {"lineStyle": {"color": FAINT}},
        },
        "series": lines or [],
    }  # fmt: skip


def _day_options(bars: Bars, zone: tzinfo) -> dict[str, Any]:
    form = "%H:%M" if bars.bin_ms >= MINUTE_MS else "%H:%M:%S"
    labels = [datetime.fromtimestamp(start / 1000, zone).strftime(form) for start in bars.starts_ms]
    return {
        "animation": False,
        "grid": {"left": 8, "right": 12, "top": 34, "bottom": 4, "containLabel": True},
        "legend": {"right": 0, "top": 0, "itemWidth": 12, "itemHeight": 12, "icon": "roundRect", "selectedMode": False},
        "tooltip": {"trigger": "axis", ":valueFormatter": "gridnexus.wattHours", "confine": True},
        "xAxis": {
            "type": "category", "data": labels, "axisTick": {"show": False},
            "axisLabel": {"hideOverlap": True, **({"interval": 11} if bars.bin_ms == QUARTER_MS else {})},
            "axisLine": {"lineStyle": {"color": FAINT}, "onZero": False},
        },
        "yAxis": {
            "type": "value", "splitNumber": 4, "axisLabel": {":formatter": "gridnexus.wattHours"},
            "splitLine": {"lineStyle": {"color": FAINT}},
        },
        "series": [
            _bar("Import", IMPORT_COLOR, [value / 1000 for value in bars.imported_mwh]),
            _bar("Export", EXPORT_COLOR, [-value / 1000 for value in bars.exported_mwh]),
        ],
    }  # fmt: skip


def _bar(name: str, color: str, values: list[float]) -> dict[str, Any]:
    return {
        "type": "bar", "name": name, "stack": "energy", "data": values, "color": color, "barMaxWidth": 18,
        "barCategoryGap": "25%",
    }  # fmt: skip


def _utc_offset_ms(now_ms: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(now_ms / 1000, zone).utcoffset()
    return round(offset.total_seconds() * 1000) if offset is not None else 0
