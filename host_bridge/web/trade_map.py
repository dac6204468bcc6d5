"""Who buys from whom now, as a drawing: who gives at the left, who takes at the right, the grid at the foot of both.

A ribbon between homes is an award of the interval as mean power; the auction makes no pairs, so a pair is estimated.
One to or from the grid is what a home's meter reads now beyond its award.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from host_bridge.agent.energy.view import EnergyView
from host_bridge.web.energy_words import energy, is_stale, listed, watts

GRID = "the grid"
LEAST_W = 10.0  # less is not drawn
STEP_W = 10.0  # drawn figures go by it: a meter's last digit is no reason for a new drawing
BAR, GAP, EDGE, TOP = 10, 9, 2, 22  # px: width of a bar, between bars, around, the titles' room
LEAST_PX, ALL_PX = 16, 300  # height of the thinnest bar; of all power together
WIDTHS = {False: (620, 150), True: (330, 106)}  # narrow: (whole, room for names)


@dataclass(frozen=True, slots=True)
class Ribbon:
    """Power from one to another; `kind`: trade, import or export. `energy_mwh`: of the interval, for a trade."""

    seller: str
    buyer: str
    watts: float
    kind: str
    energy_mwh: int = 0

    @property
    def words(self) -> str:
        """For a pointer, and for who cannot see it."""
        if self.kind == "trade":
            told = f"{energy(self.energy_mwh)} in this interval, {watts(self.watts)} on average; the pair is estimated"
            return f"{self.seller} to {self.buyer}: {told}"
        return f"{self.seller} to {self.buyer}: {watts(self.watts)} now, beyond what is traded"


def ribbons(view: EnergyView) -> list[Ribbon]:
    """Trades of the interval, then what goes to and comes from the grid, the largest first."""
    found = [
        Ribbon(trade.seller, trade.buyer, mean_w(trade.estimated_mwh, view.step_s), "trade", trade.estimated_mwh)
        for trade in view.community.trades
    ]
    for home in view.homes:
        if home.grid_w is None or is_stale(home):
            continue
        beyond = home.grid_w - mean_w(home.position_mwh, view.step_s)
        beyond = round(beyond / STEP_W) * STEP_W
        if home.grid_w > 0 and beyond > 0:
            found.append(Ribbon(GRID, home.name, min(beyond, home.grid_w), "import"))
        elif home.grid_w < 0 and beyond < 0:
            found.append(Ribbon(home.name, GRID, min(-beyond, -home.grid_w), "export"))
    order = {"trade": 0, "import": 1, "export": 1}
    return sorted((each for each in found if each.watts >= LEAST_W), key=lambda each: (order[each.kind], -each.watts))


def mean_w(mwh: int, step_s: int) -> float:
    """Of an interval's energy."""
    return mwh * 3.6 / step_s


def in_text(shown: Sequence[Ribbon]) -> str:
    """The drawing for who cannot see it."""
    return f"Who buys from whom now. {'; '.join(each.words for each in shown) or 'Nothing flows'}."


def apart(view: EnergyView, shown: Sequence[Ribbon]) -> str:
    """Who is in no ribbon, and why."""
    drawn = {name for each in shown for name in (each.seller, each.buyer)}
    left = [home for home in view.homes if home.name not in drawn]
    silent = [home.name for home in left if home.grid_w is None or is_stale(home)]
    idle = [home.name for home in left if home.name not in silent]
    told = [f"Neither gives nor takes: {listed(idle)}."] if idle else []
    told += [f"Not known, as the meter does not tell: {listed(silent)}."] if silent else []
    return " ".join(told)


@dataclass(slots=True)
class _Bar:
    name: str
    watts: float = 0.0
    top: float = 0.0
    height: float = 0.0
    used: float = 0.0  # of its height, by ribbons drawn so far


def drawing(shown: Sequence[Ribbon], narrow: bool = False) -> str:
    """The SVG; `narrow`: for a phone. Names are escaped."""
    if not shown:
        return ""
    width, room = WIDTHS[narrow]
    left, right = _bars(shown, "seller"), _bars(shown, "buyer")
    scale = ALL_PX / max(sum(bar.watts for bar in side.values()) for side in (left, right))
    foot = max(_stack(side, scale) for side in (left, right))
    parts = [
        f'<svg class="trades" viewBox="0 0 {width} {foot + EDGE:g}" style="width:{width}px" role="img" '
        f'aria-label="{escape(in_text(shown))}">',
        f'<text class="title" x="{room}" y="12" text-anchor="end">gives</text>',
        f'<text class="title" x="{width - room}" y="12">takes</text>',
    ]
    parts += [_ribbon(each, left[each.seller], right[each.buyer], width, room) for each in _drawn(shown)]
    parts += [_bar(bar, room - BAR, room - BAR - 6, "end") for bar in left.values()]
    parts += [_bar(bar, width - room, width - room + BAR + 6, "start") for bar in right.values()]
    return "".join([*parts, "</svg>"])


def _bars(shown: Sequence[Ribbon], side: str) -> dict[str, _Bar]:
    """The largest above, the grid last."""
    found: dict[str, _Bar] = {}
    for each in shown:
        name = getattr(each, side)
        found.setdefault(name, _Bar(name)).watts += each.watts
    return dict(sorted(found.items(), key=lambda item: (item[0] == GRID, -item[1].watts, item[0])))


def _stack(side: dict[str, _Bar], scale: float) -> float:
    top = float(TOP)
    for bar in side.values():
        bar.top, bar.height = top, max(bar.watts * scale, LEAST_PX)
        top += bar.height + GAP
    return top


def _drawn(shown: Sequence[Ribbon]) -> list[Ribbon]:
    """The grid's below the others'."""
    return sorted(shown, key=lambda each: each.kind == "trade")


def _ribbon(each: Ribbon, giver: _Bar, taker: _Bar, width: int, room: int) -> str:
    """As wide at each end as its share of the bar there."""
    x1, x2 = room, width - room
    middle = f"{(x1 + x2) / 2:g}"
    (top1, foot1), (top2, foot2) = _next(giver, each), _next(taker, each)
    over = f"M{x1} {top1:.1f}C{middle} {top1:.1f} {middle} {top2:.1f} {x2} {top2:.1f}"
    back = f"L{x2} {foot2:.1f}C{middle} {foot2:.1f} {middle} {foot1:.1f} {x1} {foot1:.1f}Z"
    return f'<path class="{each.kind}" d="{over}{back}"><title>{escape(each.words)}</title></path>'


def _next(bar: _Bar, each: Ribbon) -> tuple[float, float]:
    """Top and foot of the next free place on a bar."""
    top = bar.top + bar.used
    bar.used += bar.height * each.watts / bar.watts
    return top, bar.top + bar.used


def _bar(bar: _Bar, x: float, text_x: float, anchor: str) -> str:
    kind = "grid" if bar.name == GRID else "home"
    y = bar.top + bar.height / 2
    return (
        f'<rect class="{kind}" x="{x:g}" y="{bar.top:.1f}" width="{BAR}" height="{bar.height:.1f}" rx="3"/>'
        f'<text x="{text_x:g}" y="{y + 4:.1f}" text-anchor="{anchor}"><tspan class="name">{escape(_cut(bar.name))}'
        f'</tspan> <tspan class="amount">{escape(watts(bar.watts))}</tspan></text>'
    )


def _cut(name: str, most: int = 16) -> str:
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
