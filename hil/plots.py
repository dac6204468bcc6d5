"""Pictures of figures as SVG: bars, dots of a series, a line over time. Colours come from the page."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, ROW, LEFT, RIGHT = 640, 30, 176, 92
TICK = 34  # room below for the axis


class Bar(NamedTuple):
    """One rig's value; `value` None: not measured. `kind` chooses the colour: "sim" or "wall"."""

    name: str
    value: float | None
    shown: str
    kind: str
    met: bool = True


class Dots(NamedTuple):
    """One rig's series."""

    name: str
    values: Sequence[float]
    kind: str


def bars(title: str, rows: Sequence[Bar], limit: float | None = None, limit_words: str = "") -> str:
    """A bar for each rig, and the limit as a line across."""
    top = max([row.value for row in rows if row.value is not None] + [limit or 0, 1e-9]) * 1.05
    room = WIDTH - LEFT - RIGHT
    parts = []
    for index, row in enumerate(rows):
        y = index * ROW + 6
        parts.append(_name(row.name, y + 13))
        if row.value is None:
            parts.append(f'<text class="none" x="{LEFT + 4}" y="{y + 13}">{escape(row.shown)}</text>')
            continue
        wide = max(1.5, row.value / top * room)
        over = "" if row.met else " over"
        parts.append(f'<rect class="bar {row.kind}{over}" x="{LEFT}" y="{y}" width="{wide:.1f}" height="17" rx="3"/>')
        parts.append(f'<text class="value" x="{LEFT + wide + 6:.1f}" y="{y + 13}">{escape(row.shown)}</text>')
    height = len(rows) * ROW + (TICK if limit is not None else 6)
    if limit is not None:
        x = LEFT + limit / top * room
        parts.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{len(rows) * ROW + 4}"/>')
        words = escape(limit_words)
        parts.append(f'<text class="limit" x="{x:.1f}" y="{len(rows) * ROW + 20}" text-anchor="middle">{words}</text>')
    return _svg(title, height, parts)


def dots(title: str, rows: Sequence[Dots], unit: str, limit: float | None = None, limit_words: str = "") -> str:
    """Every value of a series as a dot on its rig's line, the median as a bar."""
    top = _round_up(max([max(row.values) for row in rows if row.values] + [limit or 0, 1e-9]))
    room = WIDTH - LEFT - 24
    parts = []
    for index, row in enumerate(rows):
        y = index * ROW + 15
        parts.append(_name(row.name, y + 4))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + room}" y1="{y}" y2="{y}"/>')
        for at, value in enumerate(row.values):
            lift = (at * 7) % 11 - 5  # so that equal values do not hide one another
            x = LEFT + value / top * room
            parts.append(f'<circle class="dot {row.kind}" cx="{x:.1f}" cy="{y + lift}" r="2.6"/>')
        if row.values:
            x = LEFT + sorted(row.values)[len(row.values) // 2] / top * room
            parts.append(f'<line class="median" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 10}" y2="{y + 10}"/>')
    base = len(rows) * ROW
    for part in range(5):
        x = LEFT + room * part / 4
        parts.append(
            f'<text class="axis" x="{x:.1f}" y="{base + 18}" text-anchor="middle">{top * part / 4:.3g} {unit}</text>'
        )
    if limit is not None and limit <= top:
        x = LEFT + limit / top * room
        parts.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{base}"/>')
        parts.append(f'<text class="limit" x="{x:.1f}" y="{base + 34}" text-anchor="end">{escape(limit_words)}</text>')
    return _svg(title, base + 40, parts)


def lines(title: str, rows: Sequence[Dots], unit: str, axis: str) -> str:
    """Series over the same span of time, each scaled to the one axis from zero."""
    top = _round_up(max([max(row.values) for row in rows if row.values] + [1e-9]) * 1.05)
    room, height = WIDTH - 64 - 24, 190
    parts = []
    for part in range(5):
        y = height - 10 - (height - 24) * part / 4
        parts.append(f'<line class="grid" x1="64" x2="{WIDTH - 24}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="58" y="{y + 4:.1f}" text-anchor="end">{top * part / 4:.0f} {unit}</text>')
    for index, row in enumerate(rows):
        last = max(1, len(row.values) - 1)
        points = " ".join(
            f"{64 + room * at / last:.1f},{height - 10 - (height - 24) * value / top:.1f}"
            for at, value in enumerate(row.values)
        )
        end_y = height - 10 - (height - 24) * row.values[-1] / top
        beside = WIDTH - 26 - 150 * (index % 3)  # names of lines that run close do not cover one another
        parts.append(f'<polyline class="trace {row.kind}" points="{points}"/>')
        parts.append(f'<text class="name" x="{beside}" y="{end_y - 6:.1f}" text-anchor="end">{escape(row.name)}</text>')
    parts.append(
        f'<text class="axis" x="{64 + room / 2:.0f}" y="{height + 12}" text-anchor="middle">{escape(axis)}</text>'
    )
    return _svg(title, height + 20, parts)


def _round_up(value: float) -> float:
    """To a number whose quarters are easy to read."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def _name(name: str, y: float) -> str:
    return f'<text class="name" x="{LEFT - 8}" y="{y}" text-anchor="end">{escape(name)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">{inside}</svg>'
