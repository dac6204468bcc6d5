"""The map of the links: gateways, nodes and the hops between them, coloured by margin; and each radio's airtime."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from nicegui import ui

from host_bridge.model import Air, LinkState, NodeView
from host_bridge.times import in_words
from host_bridge.web.elements import Text, box, mark

COLUMN, ROW, WIDTH, HEIGHT, EDGE = 250, 64, 170, 44, 8
GOOD_DB, FAIR_DB = 10, 4  # of margin: above the first a fade is no trouble, below the second each one is
MOST_NAME = 20  # letters


@dataclass(slots=True)
class Spot:
    """One place on the map. `parent`: whom it is reached through; `is_guessed`: nobody has said so."""

    name: str
    column: int
    row: float = 0.0
    parent: str = ""
    words: str = ""
    margin_db: int | None = None
    is_guessed: bool = False
    is_faded: bool = False


def layout(views: Mapping[str, NodeView], gateways: Sequence[str]) -> list[Spot]:
    """Gateways in the first column, each node as many columns to the right as it has hops; those behind others below
    each other."""
    spots = {url: Spot(url, 0, words=_short(url, number)) for number, url in enumerate(gateways, 1)}
    for name, view in sorted(views.items(), key=lambda item: (item[1].way.hops if item[1].way else 0, item[0])):
        way = view.way
        if way is None or way.gateway not in spots:
            continue
        parent, guessed = _parent(name, view, views, way.gateway)
        words = f"{way.margin_db:+d} dB margin" if way.hops == 1 else f"{way.hops} hops"
        margin = way.margin_db if way.hops == 1 else None
        faded = view.link_state is not LinkState.ONLINE
        column = max(spots[parent].column + 1, way.hops)
        spots[name] = Spot(name, column, 0.0, parent, words, margin, guessed, faded)
    _rows(spots)
    return list(spots.values())


def _parent(name: str, view: NodeView, views: Mapping[str, NodeView], gateway: str) -> tuple[str, bool]:
    """The spot before a node: the gateway, its next hop, or of the nodes behind that one which is a hop nearer."""
    way = view.way
    if way is None or way.hops <= 1:
        return gateway, False
    nearer = [
        other.name
        for other in views.values()
        if other.way is not None
        and other.name != name
        and other.way.gateway == gateway
        and other.way.hops == way.hops - 1
        and way.next_hop in (other.name, other.way.next_hop)
    ]
    if nearer:
        return min(nearer), way.hops > 2
    known = views.get(way.next_hop)
    if known is not None and known.way is not None and known.way.gateway == gateway and known.way.hops < way.hops:
        return way.next_hop, True
    return gateway, True


def _rows(spots: dict[str, Spot]) -> None:
    """Leaves one below the other, each other spot in the middle of those behind it."""
    behind: dict[str, list[Spot]] = {name: [] for name in spots}
    for spot in spots.values():
        if spot.parent:
            behind[spot.parent].append(spot)
    next_row = 0.0

    def place(spot: Spot) -> None:
        nonlocal next_row
        if not behind[spot.name]:
            spot.row, next_row = next_row, next_row + 1
            return
        for each in behind[spot.name]:
            place(each)
        spot.row = (behind[spot.name][0].row + behind[spot.name][-1].row) / 2

    for spot in spots.values():
        if not spot.parent:
            place(spot)


def drawing(spots: Sequence[Spot]) -> str:
    """The SVG. All text in it is escaped: names come from nodes."""
    if not spots:
        return ""
    at = {spot.name: (EDGE + spot.column * COLUMN, EDGE + spot.row * ROW) for spot in spots}
    width = max(x for x, _ in at.values()) + WIDTH + EDGE
    height = max(y for _, y in at.values()) + HEIGHT + EDGE
    parts = [f'<svg class="map" viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
             f'aria-label="Map of the radio links">']  # fmt: skip
    parts += [_edge(spot, at[spot.parent], at[spot.name]) for spot in spots if spot.parent]
    parts += [_spot(spot, *at[spot.name]) for spot in spots]
    return "".join([*parts, "</svg>"])


def _edge(spot: Spot, begin: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1, x2, y2 = begin[0] + WIDTH, begin[1] + HEIGHT / 2, end[0], end[1] + HEIGHT / 2
    middle = (x1 + x2) / 2
    dashed = " guessed" if spot.is_guessed else ""
    curve = f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"
    return f'<path class="hop {strength(spot.margin_db)}{dashed}" d="{curve}"/>'


def _spot(spot: Spot, x: float, y: float) -> str:
    is_gateway = not spot.parent
    name = "gateway" if is_gateway else spot.name
    shown = name if len(name) <= MOST_NAME else name[: MOST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    look = "gateway" if is_gateway else strength(spot.margin_db) + (" faded" if spot.is_faded else "")
    return (
        f'<g class="spot {look}"><title>{escape(spot.name)}</title>'
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="10"/>'
        f'<text class="name" x="{x + 12:g}" y="{y + 18:g}">{escape(shown)}</text>'
        f'<text class="words" x="{x + 12:g}" y="{y + 35:g}">{escape(spot.words)}</text></g>'
    )


def strength(margin_db: int | None) -> str:
    """What colours a hop; the words say the dB too."""
    if margin_db is None:
        return "relayed"
    return "good" if margin_db >= GOOD_DB else "fair" if margin_db >= FAIR_DB else "weak"


def _short(url: str, number: int) -> str:
    kind = "simulated LoRa" if url.startswith("air:") else "LoRa on SPI" if url.startswith("spi:") else "LoRa by USB"
    return kind if number == 1 else f"{kind}, {number}"


def airtime_words(air: Air) -> str:
    """What a radio has spent, of what it may, and when it may send next."""
    where = f"{air.region}{', simulated LoRa' if air.is_simulated else ''}"
    if air.fault:
        return f"{where}: {air.fault}"
    bands = [
        f"{band.low_khz / 1000:g}\N{EN DASH}{band.high_khz / 1000:g} MHz: {band.spent_ppm / 10_000:.2f} % of the last "
        f"hour on air, {band.limit_ppm / 10_000:g} % allowed, "
        + (f"next packet in {in_words(band.next_ms)}" if band.next_ms else "may send now")
        for band in air.bands
    ]
    jammed = ["the channel is jammed: it waits"] if air.is_jammed else []
    return f"{where}; " + "; ".join(bands + jammed)


class LinkMap:
    """The map and the radios below it; hidden where the bridge has none."""

    def __init__(self) -> None:
        with box("div", "link-map"):
            self._map = ui.html("", sanitize=False)  # drawing() escapes what comes from nodes
            self._nobody = Text("p", "No node has been heard by radio yet.", "note")
            self._radios = box("ul", "radios")
        self._lines: dict[str, Text] = {}

    def tick(self, views: Mapping[str, NodeView], airs: Iterable[Air]) -> None:
        airs = list(airs)
        svg = drawing(layout(views, [air.gateway for air in airs]))
        if svg != self._map.content:
            self._map.set_content(svg)
        mark(self._nobody, hidden=any(view.way for view in views.values()))
        for air in airs:
            if air.gateway not in self._lines:
                with self._radios:
                    self._lines[air.gateway] = Text("li", "", "airtime note")
            self._lines[air.gateway].show(airtime_words(air))
