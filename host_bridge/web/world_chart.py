"""Charts of worlds: the last ticks of one that runs, and a counterexample, tick by tick. All figures are computed or
inputs of a computation; the legend says which."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from nicegui import ui

from host_bridge.web.charts import FAINT, HOME_COLORS
from host_bridge.web.elements import Text, box, mark

MOST_LINES = 8
MOST_TICKS = 180
Series = Mapping[str, Sequence[int | None]]


class StepChart:
    """Quantities that hold from tick to tick. `label` is for who cannot see it."""

    def __init__(self, label: str) -> None:
        with box("figure", "chart", aria_label=label):
            self._chart = ui.echart(options([], {}, {}), renderer="svg").classes("plot steps")
            self._empty = Text("figcaption", "No tick has been run yet.", "empty")
        self._shown: object = None

    def show(self, labels: Sequence[str], series: Series, units: Mapping[str, str]) -> None:
        """Drawn again only where something changed."""
        told = (list(labels), {name: list(values) for name, values in series.items()})
        mark(self._empty, hidden=bool(labels))
        if told != self._shown:
            self._shown = told
            self._chart.options.update(options(labels, series, units))


def options(labels: Sequence[str], series: Series, units: Mapping[str, str]) -> dict[str, Any]:
    """What echarts draws: a line of steps for each quantity; on/off on an axis of its own, at the right."""
    lines = [
        {
            "type": "line", "step": "end", "showSymbol": len(labels) < 30, "symbolSize": 5, "name": titled(name, units),
            "data": list(values), "color": HOME_COLORS[number % len(HOME_COLORS)],
            "lineStyle": {"width": 2, "type": "dashed" if is_switch(name, units) else "solid"},
            "yAxisIndex": int(is_switch(name, units)),
        }
        for number, (name, values) in enumerate(series.items())
    ]  # fmt: skip
    switches = any(is_switch(name, units) for name in series)
    return {
        "animation": False,
        "grid": {"left": 8, "right": 12, "top": 46, "bottom": 4, "containLabel": True},
        "legend": {"type": "scroll", "left": 0, "top": 0, "itemWidth": 18, "selectedMode": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "category", "data": list(labels), "axisTick": {"show": False}, "axisLabel": {"hideOverlap": True},
            "axisLine": {"lineStyle": {"color": FAINT}, "onZero": False},
        },
        "yAxis": [
            {"type": "value", "scale": True, "splitNumber": 4, "splitLine": {"lineStyle": {"color": FAINT}}},
            {
                "type": "value", "min": 0, "max": 1, "interval": 1, "show": switches, "splitLine": {"show": False},
                "axisLabel": {":formatter": "(value) => value ? 'on' : 'off'"},
            },
        ],
        "series": lines,
    }  # fmt: skip


def is_switch(name: str, units: Mapping[str, str]) -> bool:
    """Whether it is on or off. Names may have a claim's prefix, as next:closed."""
    return units.get(name.rpartition(":")[2]) == "on/off"


def titled(name: str, units: Mapping[str, str]) -> str:
    """With its unit, in a legend."""
    unit = units.get(name.rpartition(":")[2], "")
    shown = name.replace(":", " ")
    return f"{shown} ({unit})" if unit and unit != "on/off" else shown


def of_trace(trace: Sequence[Mapping[str, int]]) -> tuple[list[str], dict[str, list[int | None]]]:
    """Labels and series of a counterexample: what changes first, at most MOST_LINES of them."""
    names = list(dict.fromkeys(name for tick in trace for name in tick))
    names.sort(key=lambda name: len({tick.get(name) for tick in trace}) == 1)
    labels = [*(f"tick {number}" for number in range(len(trace))), ""]  # the last one holds until its end
    return labels, {name: [tick.get(name) for tick in (*trace, trace[-1])] for name in names[:MOST_LINES]}


def of_ticks(
    ticks: Sequence[Any], inputs: Sequence[str], outputs: Sequence[str], zone: tzinfo
) -> tuple[list[str], dict[str, list[int | None]]]:
    """Labels and series of the newest ticks of a world (microworld.tick_log.Tick): what it computed, what came in."""
    shown = ticks[-MOST_TICKS:]
    labels = [datetime.fromtimestamp(tick.time_ms / 1000, zone).strftime("%H:%M:%S") for tick in shown]
    series = {f"computed:{name}": _column([tick.outputs for tick in shown], k) for k, name in enumerate(outputs)}
    series |= {f"input:{name}": _column([tick.inputs for tick in shown], k) for k, name in enumerate(inputs)}
    return labels, dict(list(series.items())[:MOST_LINES])


def _column(rows: Sequence[Sequence[int]], place: int) -> list[int | None]:
    return [row[place] if place < len(row) else None for row in rows]
