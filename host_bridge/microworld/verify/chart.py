"""A trace as a picture: one row of steps for each quantity, as SVG."""

from collections.abc import Mapping
from html import escape

from host_bridge.microworld.verify.unroll import Trace

WIDTH, ROW, LEFT = 760, 44, 190
MOST = 12  # quantities


def chart(trace: Trace, units: Mapping[str, str]) -> str:
    """The quantities of `trace` that change, or all of a short one, over its ticks."""
    if not trace:
        return ""
    changing = [name for name in trace[0] if len({row[name] for row in trace}) > 1 and name in units]
    names = (changing or [name for name in trace[0] if name in units])[:MOST]
    rows = "".join(_row(name, units[name], [tick[name] for tick in trace], at) for at, name in enumerate(names))
    height = ROW * len(names) + 20
    foot = f'<text x="{LEFT}" y="{height - 4}">tick 0</text>'
    foot += f'<text x="{WIDTH - 8}" y="{height - 4}" text-anchor="end">tick {len(trace) - 1}</text>'
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
    return f'<svg {size} font-size="13" fill="currentColor" role="img" aria-label="ticks">{rows}{foot}</svg>'


def _row(name: str, unit: str, values: list[int], at: int) -> str:
    top, bottom = ROW * at + 8, ROW * (at + 1) - 8
    low, high = min(values), max(values)
    step = (WIDTH - LEFT - 8) / len(values)

    def height(value: int) -> float:
        return bottom if low == high else bottom - (value - low) * (bottom - top) / (high - low)

    points = " ".join(
        f"{LEFT + step * (i + end):.1f},{height(value):.1f}" for i, value in enumerate(values) for end in (0, 1)
    )
    label = f"{escape(name)} <tspan opacity='.6'>{low if low == high else f'{low} .. {high}'} {escape(unit)}</tspan>"
    line = f'<polyline points="{points}" fill="none" stroke="#2a6fb0" stroke-width="2"/>'
    return f'<text x="0" y="{(top + bottom) / 2 + 4:.0f}">{label}</text>{line}'
