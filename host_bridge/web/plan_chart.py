"""A home's day as a chart: what its meters counted, full and left of now; what is forecast and planned, dashed and
right of it. Load and sun with their bands, battery and grid, content of the battery, price, one below the other."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from host_bridge.agent.energy.view import AheadView, PointView
from host_bridge.web.energy_charts import Points, TimeChart, line, local_ms, steps, time_axis, value_axis

if TYPE_CHECKING:
    from host_bridge.store.book_rows import IntervalRow

PAST_S = 12 * 3600  # shown of what was metered
STEP_S = 900  # of the market, where one point does not tell
LOAD, SUN, BATTERY, GRID, CONTENT = "#4f83c4", "#c9962b", "#58986a", "#8a6fc0", "#58986a"
BUY, SELL = "#d08c3c", "#3a9c8c"
NOW_COLOR = "rgba(128,128,128,.8)"
DASHED = {"type": [5, 4]}
TOPS, HEIGHTS, ALL = (44, 232, 420, 536), (138, 138, 66, 66), 640  # px of the four parts


class PlanChart:
    """Drawn anew when a step has been metered or a plan made."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._chart = TimeChart(
            "Measured past and planned future: load, sun, battery, grid, content of the battery and price",
            "Nothing has been metered or planned yet.",
            "plan",
        )

    def tick(
        self,
        past: "Sequence[IntervalRow]",
        ahead: AheadView | None,
        market: Sequence[PointView],
        capacity_wh: int,
        begin_s: int,
    ) -> None:
        """`begin_s`: of the current interval."""
        recent = [row for row in past if row.start_s >= begin_s - PAST_S]
        priced = [point for point in market if begin_s - PAST_S <= point.start_s < begin_s]
        told = (recent, ahead, priced, begin_s)
        zone = self._zone
        self._chart.show(
            told, not recent and ahead is None, lambda: options(recent, ahead, priced, capacity_wh, begin_s, zone)
        )


def options(
    past: "Sequence[IntervalRow]",
    ahead: AheadView | None,
    market: Sequence[PointView],
    capacity_wh: int,
    begin_s: int,
    zone: tzinfo,
) -> dict[str, Any]:
    """What echarts draws."""
    series = _measured(past, zone) + _paid(market, zone)
    series += _planned(ahead, zone) if ahead is not None else []
    ends = [row.start_s + row.duration_s for row in past[-1:]] + (
        [ahead.start_s + ahead.step_s * len(ahead.load_w)] if ahead else []
    )
    starts = [row.start_s for row in past[:1]] + ([ahead.start_s] if ahead else [])
    reach = {"min": local_ms(min(starts), zone), "max": local_ms(max(ends), zone)}
    series += [_now(grid, local_ms(begin_s, zone), reach["max"]) for grid in range(len(TOPS))]
    full = {"max": capacity_wh} if capacity_wh else {}
    return {
        "useUTC": True, "animation": False,
        "grid": [
            {"left": 66, "right": 12, "top": top, "height": height}
            for top, height in zip(TOPS, HEIGHTS, strict=True)
        ],
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": [time_axis(grid, grid == len(TOPS) - 1, **reach) for grid in range(len(TOPS))],
        "yAxis": [
            value_axis("watts", "load and sun"),
            value_axis("watts", "battery (+ charging), grid (+ import)", 1),
            value_axis("wattHours", "content of the battery, estimated", 2, min=0, splitNumber=2, **full),
            value_axis("cents", "price per kWh", 3, splitNumber=2),
        ],
        "series": series,
    }  # fmt: skip


def _measured(past: "Sequence[IntervalRow]", zone: tzinfo) -> list[dict[str, Any]]:
    if not past:
        return []
    starts, step_s = [row.start_s for row in past], past[-1].duration_s

    def of(values: Sequence[int]) -> Points:
        watts = [round(value * 3.6 / row.duration_s, 1) for value, row in zip(values, past, strict=True)]
        return steps(starts, list(watts), step_s, zone)

    battery = of([row.charge_mwh - row.discharge_mwh for row in past])
    return [
        line("load, measured", of([row.load_mwh for row in past]), LOAD, "watts"),
        line("sun, measured", of([row.solar_mwh for row in past]), SUN, "watts"),
        line("battery, measured", battery, BATTERY, "watts", 1, areaStyle={"opacity": 0.45}),
        line("grid, measured", of([row.import_mwh - row.export_mwh for row in past]), GRID, "watts", 1),
    ]  # fmt: skip


def _paid(market: Sequence[PointView], zone: tzinfo) -> list[dict[str, Any]]:
    if not market:
        return []
    starts = [point.start_s for point in market]
    step_s = min((after - before for before, after in pairwise(starts)), default=STEP_S)
    prices: Mapping[str, tuple[str, list[int | None]]] = {
        "grid sells at": (BUY, [point.buy_mct for point in market]),
        "homes traded at": (LOAD, [point.price_mct for point in market]),
        "grid pays": (SELL, [point.sell_mct for point in market]),
    }
    return [
        line(name, steps(starts, _ct(values), step_s, zone), color, "cents", 3)
        for name, (color, values) in prices.items()
    ]


def _planned(ahead: AheadView, zone: tzinfo) -> list[dict[str, Any]]:
    starts = [ahead.start_s + ahead.step_s * place for place in range(len(ahead.load_w))]

    def of(values: Sequence[float | int | None]) -> Points:
        return steps(starts, [None if value is None else round(value, 1) for value in values], ahead.step_s, zone)

    planned = [
        *_band("load", of(ahead.load_low_w), of(ahead.load_high_w), LOAD),
        *_band("sun", of(ahead.solar_low_w), of(ahead.solar_high_w), SUN),
        line("load, forecast", of(ahead.load_w), LOAD, "watts", style=DASHED),
        line("sun, forecast", of(ahead.solar_w), SUN, "watts", style=DASHED),
        line("battery, planned", of(ahead.battery_w), BATTERY, "watts", 1, style=DASHED, areaStyle={"opacity": 0.14}),
        line("grid, planned", of(ahead.grid_w), GRID, "watts", 1, style=DASHED),
    ]  # fmt: skip
    if any(ahead.loads_w):
        planned.append(line("switched loads, planned", of(ahead.loads_w), BUY, "watts", 1, style=DASHED))
    ends: Points = [
        [local_ms(start + ahead.step_s, zone), round(value)]
        for start, value in zip(starts, ahead.content_wh, strict=True)
    ]
    content = line("content, planned", ends, CONTENT, "wattHours", 2, style=DASHED, areaStyle={"opacity": 0.14})
    planned.append({**content, "step": False})
    planned.append(line("grid will sell at", of(_ct(ahead.buy_mct)), BUY, "cents", 3, style=DASHED))
    planned.append(line("grid will pay", of(_ct(ahead.sell_mct)), SELL, "cents", 3, style=DASHED))
    return planned


def _band(what: str, low: Points, high: Points, color: str) -> list[dict[str, Any]]:
    """Where 80 of 100 outcomes are expected: an area on top of one that is not seen."""
    wide: Points = [[at, None if top is None or below is None else round(max(0.0, top - below), 1)]
            for (at, below), (_, top) in zip(low, high, strict=True)]  # fmt: skip
    stack: dict[str, Any] = {"stack": what, "silent": True, "stackStrategy": "all"}
    unseen = {"style": {"opacity": 0}, **stack}
    floor = line(f"{what}, 10 % are below", low, color, "watts", **unseen)
    area = line(
        f"{what}, band of 80 % above that",
        wide,
        color,
        "watts",
        areaStyle={"opacity": 0.16},
        **{**unseen, "style": {"opacity": 0}},
    )
    return [floor, area]


def _now(grid: int, now_ms: int, end_ms: int) -> dict[str, Any]:
    """What lies ahead is tinted; where it begins is a line."""
    words = {"show": grid == 0, "formatter": "planned", "position": "insideTopLeft", "color": "inherit", "fontSize": 11}
    return {
        "type": "line", "data": [], "xAxisIndex": grid, "yAxisIndex": grid, "name": "ahead", "silent": True,
        "tooltip": {"show": False},
        "markArea": {"itemStyle": {"color": "rgba(128,128,128,.07)"}, "label": words,
                     "data": [[{"xAxis": now_ms}, {"xAxis": end_ms}]]},
        "markLine": {"symbol": "none", "label": {"show": False}, "data": [{"xAxis": now_ms}],
                     "lineStyle": {"color": NOW_COLOR, "type": "solid", "width": 1.5}},
    }  # fmt: skip


def _ct(values: Sequence[int | None]) -> list[float | None]:
    return [None if value is None else value / 1000 for value in values]
