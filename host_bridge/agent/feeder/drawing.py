"""The feeder as a picture: homes at their buses, loading of the lines in colour, voltages. Plain arrays in, SVG out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from host_bridge.agent.feeder.flow import TRANSFORMER, Feeder, Flow
from host_bridge.agent.feeder.layout import Place, places

NOMINAL_V = 230
_STEP_X, _STEP_Y, _EDGE = 56, 46, 30
_FULL, _NEARLY = 1_000_000, 800_000  # of the limit, ppm
_GOOD, _NEAR, _OVER = "var(--good, #1d6b4a)", "var(--warn, #8a4b00)", "var(--bad, #a3271f)"
_INK, _SOFT, _PAPER = "var(--ink, #1d2522)", "var(--ink-3, #6f7873)", "var(--card, #fffefb)"


@dataclass(frozen=True)
class Picture:
    """A radial feeder in one state. `ends` [branches] are buses, `home_bus` [homes] too; voltages [buses] and loadings
    [branches] in ppm, empty where not known; `homes_w` [homes] likewise, + is import."""

    name: str
    homes: Sequence[str]
    home_bus: Sequence[int]
    branches: Sequence[str]
    ends: Sequence[tuple[int, int]]
    root: int
    buses: int
    voltage_ppm: Sequence[int] = ()
    loading_ppm: Sequence[int] = ()
    homes_w: Sequence[float] = ()
    least_ppm: int = 900_000
    most_ppm: int = 1_100_000
    full_ppm: Sequence[int] = ()


def picture(feeder: Feeder, flow: Flow | None = None, homes_w: Sequence[float] = ()) -> Picture:
    """Of `feeder` in the state that `flow` found; without one, the feeder alone."""
    least, most, full = feeder.limits_ppm()
    return Picture(
        feeder.name,
        feeder.homes,
        feeder.home_bus,
        feeder.branches,
        feeder.ends,
        feeder.root,
        len(feeder.buses),
        flow.voltage_ppm.tolist() if flow else (),
        flow.loading_ppm.tolist() if flow else (),
        tuple(homes_w),
        int(least.min()),
        int(most.max()),
        full.astype(int).tolist(),
    )


def draw(shown: Picture) -> str:
    """An <svg> whose every part has a title to point at, of the page's colours where it has them. It takes the width
    there is. Raises ValueError: a bus is not connected."""
    at = [(_EDGE + x * _STEP_X, _EDGE + y * _STEP_Y) for x, y in places(shown.root, shown.buses, shown.ends)]
    width, height = max(x for x, _ in at) + _EDGE, max(y for _, y in at) + _EDGE
    lines = [_branch(shown, place, at) for place in range(len(shown.ends))]
    here: list[list[int]] = [[] for _ in range(shown.buses)]
    for home, bus in enumerate(shown.home_bus):
        here[bus].append(home)
    buses = [_bus(shown, bus, homes, at[bus]) for bus, homes in enumerate(here)]
    label = escape(_summary(shown), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}" '
        f'font-family="Roboto, system-ui, sans-serif" font-size="11">{"".join(lines)}{"".join(buses)}</svg>'
    )


def _summary(shown: Picture) -> str:
    parts = [f"Feeder {shown.name} with {len(shown.homes)} homes"]
    if shown.loading_ppm:
        fullest = max(range(len(shown.branches)), key=lambda place: shown.loading_ppm[place])
        parts.append(f"fullest is {shown.branches[fullest]} with {_percent(shown.loading_ppm[fullest])}")
    if shown.voltage_ppm:
        parts.append(f"voltages from {_volts(min(shown.voltage_ppm))} to {_volts(max(shown.voltage_ppm))}")
    return ", ".join(parts)


def _branch(shown: Picture, place: int, at: Sequence[Place]) -> str:
    (x1, y1), (x2, y2) = (at[end] for end in shown.ends[place])
    title, color, text = shown.branches[place], _SOFT, ""
    if shown.loading_ppm:
        loading = shown.loading_ppm[place]
        limit = shown.full_ppm[place] if shown.full_ppm else _FULL
        title += f": {_percent(loading)} of its rating"
        color = _loading_color(loading * _FULL // max(limit, 1))
        if color != _GOOD:
            where = f'x="{(x1 + x2) // 2}" y="{y2 - 7}" text-anchor="middle"'
            text = f'<text {where} fill="{color}">{loading / 10_000:.0f} %</text>'
    thick = 7 if shown.branches[place] == TRANSFORMER else 4
    if x1 == x2 or y1 == y2:
        way, along = f"M{x1} {y1}L{x2} {y2}", ""
    else:  # several leave one busbar downwards: only what follows shows its own color
        down, way = f"M{x1} {y1}V{y2}", f"M{x1} {y2}H{x2}"
        along = f'<path d="{down}" stroke="{_SOFT}" stroke-width="2"/>'
    return (
        f'<g fill="none" stroke-linecap="round">{along}<path d="{way}" stroke="{color}" stroke-width="{thick}">'
        f"<title>{escape(title)}</title></path></g>{text}"
    )


def _bus(shown: Picture, bus: int, homes: Sequence[int], at: Place) -> str:
    x, y = at
    names = ", ".join(shown.homes[home] for home in homes)
    title = [names or ("substation" if bus == shown.root else "no home")]
    if homes and shown.homes_w:
        title.append("; ".join(_draws(shown.homes_w[home]) for home in homes))
    color = _SOFT
    if shown.voltage_ppm:
        volts = shown.voltage_ppm[bus]
        color = _voltage_color(volts, shown.least_ppm, shown.most_ppm)
        if bus != shown.root:
            title.append(f"{_volts(volts)}, {_percent(volts)} of nominal")
    told = f"<title>{escape(': '.join(title))}</title>"
    if not homes:
        return f'<circle cx="{x}" cy="{y}" r="4" fill="{color}">{told}</circle>'
    short = _short([shown.homes[home] for home in homes])
    size = 11 if len(short) <= 3 else 9
    text = f'<text x="{x}" y="{y + 4}" text-anchor="middle" font-size="{size}" fill="{_INK}">{escape(short)}</text>'
    circle = f'<circle cx="{x}" cy="{y}" r="13" fill="{_PAPER}" stroke="{color}" stroke-width="3"/>'
    return f"<g>{told}{circle}{text}</g>"


def _short(names: Sequence[str]) -> str:
    """What fits into a circle: numbers of homes, or the beginning of a name, and + where there are more."""
    numbers = [re.split(r"[-_ ]", name)[-1] for name in names]
    if len(",".join(numbers)) <= 5:
        return ",".join(numbers)
    return (numbers[0] if len(numbers[0]) <= 3 else names[0][:2]) + ("+" if len(names) > 1 else "")


def _loading_color(of_limit_ppm: int) -> str:
    if of_limit_ppm >= _FULL:
        return _OVER
    return _NEAR if of_limit_ppm >= _NEARLY else _GOOD


def _voltage_color(ppm: int, least: int, most: int) -> str:
    """Near a limit is the last fifth of the way to it from the nominal voltage."""
    if not least <= ppm <= most:
        return _OVER
    edge = least if ppm < _FULL else most
    return _NEAR if abs(ppm - _FULL) * 5 >= abs(edge - _FULL) * 4 else _GOOD


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:.1f} %"


def _volts(ppm: int) -> str:
    return f"{ppm * NOMINAL_V / 1_000_000:.1f} V"


def _draws(watts: float) -> str:
    return f"{'draws' if watts >= 0 else 'feeds in'} {abs(watts) / 1000:.1f} kW"
