"""The map of the links: gateways, nodes and the hops between them, coloured by margin; and each radio's airtime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from nicegui import ui

from host_bridge.model import Air, LinkState, NodeView, Way
from host_bridge.times import in_words
from host_bridge.web import units
from host_bridge.web.elements import Text, attribute, box, mark

WIDTH, HEIGHT, EDGE = 170, 44, 8  # of a spot; around all
COLUMN, ROW = 250, 64  # from spot to spot
INDENT, NARROW_ROW = 26, 56  # the same where there is little room
GOOD_DB, FAIR_DB = 10, 4  # of margin: above the first a fade is no trouble, below the second each one is
MOST_NAME, MOST_WORDS = 18, 25  # letters that a spot has room for
LEGEND = (
    ("good", f"margin of {GOOD_DB} dB or more"),
    ("fair", f"{FAIR_DB} to {GOOD_DB - 1} dB"),
    ("weak", f"below {FAIR_DB} dB, or it does not work"),
    ("relayed", "by a relay: the margin there is not told"),
    ("guessed", "a guess: nobody has said who is in between"),
    ("faded", "silent, or not online"),
)


@dataclass(slots=True)
class Spot:
    """One place on the map. `order`: from top to bottom where each has a line of its own. `parent`: whom it is reached
    through; `is_guessed`: nobody has said so. `look`: see `strength`. `more`: what a pointer is told."""

    name: str
    column: int
    row: float = 0.0
    order: int = 0
    parent: str = ""
    words: str = ""
    look: str = "gateway"
    more: str = ""
    is_guessed: bool = False
    is_faded: bool = False


def layout(views: Mapping[str, NodeView], airs: Sequence[Air], now_ms: int) -> list[Spot]:
    """Gateways in the first column, each node as many columns to the right as it has hops; those behind others below
    each other."""
    spots = {air.gateway: _gateway(air, number) for number, air in enumerate(airs, 1)}
    for name, view in sorted(views.items(), key=lambda item: (item[1].way.hops if item[1].way else 0, item[0])):
        way = view.way
        if way is None or way.gateway not in spots:
            continue
        parent, guessed = _parent(name, view, views, way.gateway)
        column = max(spots[parent].column + 1, way.hops)
        look = strength(way.margin_db) if way.hops == 1 else "relayed"
        faded = view.link_state is not LinkState.ONLINE
        words, more = _words(view, way, now_ms), _more(view, way)
        spots[name] = Spot(name, column, 0.0, 0, parent, words, look, more, guessed, faded)
    _rows(spots)
    return list(spots.values())


def _gateway(air: Air, number: int) -> Spot:
    words = _short(air.gateway, number)
    if air.fault or air.is_jammed:
        words = "does not work" if air.fault else "jammed: it waits"
    return Spot(air.gateway, 0, words=words, look="gateway weak" if air.fault or air.is_jammed else "gateway")


def _words(view: NodeView, way: Way, now_ms: int) -> str:
    if view.link_state is LinkState.STALE:
        return f"silent, heard {units.age(now_ms - view.last_heard_ms)}"
    if view.link_state is not LinkState.ONLINE:
        return view.link_state.value
    how = f"{way.margin_db:+d} dB margin" if way.hops == 1 else f"{way.hops} hops"
    by = f" by {way.next_hop}" if way.next_hop else ""
    return f"\N{UPWARDS ARROW} one way, {how}" if way.is_one_way else how + by


def _more(view: NodeView, way: Way) -> str:
    """What the spot has no room for."""
    told = [f"{way.hops} hop{'s' if way.hops > 1 else ''}" + (f", first {way.next_hop}" if way.next_hop else "")]
    told.append(f"the last one comes in at {way.rssi_dbm} dBm, {way.margin_db:+d} dB margin")
    if view.loss_ppm is not None:
        told.append(f"{view.loss_ppm / 10_000:.1f} % of its packets lost")
    if view.round_trip_ms is not None:
        told.append(f"round trip {units.lapse(view.round_trip_ms)}")
    if way.is_one_way:
        told.append("one way: it does not hear, nothing can be asked of it")
    return "; ".join(told)


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
    """Leaves one below the other, each other spot in the middle of those behind it; `order` has it above them."""
    behind: dict[str, list[Spot]] = {name: [] for name in spots}
    for spot in spots.values():
        if spot.parent:
            behind[spot.parent].append(spot)
    next_row, next_order = 0.0, 0

    def place(spot: Spot) -> None:
        nonlocal next_row, next_order
        spot.order, next_order = next_order, next_order + 1
        if not behind[spot.name]:
            spot.row, next_row = next_row, next_row + 1
            return
        for each in behind[spot.name]:
            place(each)
        spot.row = (behind[spot.name][0].row + behind[spot.name][-1].row) / 2

    for spot in spots.values():
        if not spot.parent:
            place(spot)


def drawing(spots: Sequence[Spot], narrow: bool = False) -> str:
    """The SVG; `narrow`: as an indented list, for a phone. All text in it is escaped: names come from nodes."""
    if not spots:
        return ""
    at = {spot.name: _place(spot, narrow) for spot in spots}
    width = max(x for x, _ in at.values()) + WIDTH + EDGE
    height = max(y for _, y in at.values()) + HEIGHT + EDGE
    edge = _branch if narrow else _curve
    parts = [
        f'<svg class="map" viewBox="0 0 {width:g} {height:g}" '
        f'style="width:{width:g}px" role="img" aria-label="{escape(in_text(spots))}">'
    ]
    parts += [_trunk(*at[spot.parent], *at[spot.name]) for spot in spots if spot.parent and narrow]
    parts += [_hop(spot, edge(*at[spot.parent], *at[spot.name])) for spot in spots if spot.parent]
    parts += [_spot(spot, *at[spot.name]) for spot in spots]
    return "".join([*parts, "</svg>"])


def _place(spot: Spot, narrow: bool) -> tuple[float, float]:
    if narrow:
        return EDGE + spot.column * INDENT, EDGE + spot.order * NARROW_ROW
    return EDGE + spot.column * COLUMN, EDGE + spot.row * ROW


def in_text(spots: Sequence[Spot]) -> str:
    """The map for who cannot see it."""
    told = [f"{spot.name}: {spot.words}" for spot in spots if spot.parent]
    return f"Map of the radio links. {'; '.join(told) or 'No node yet'}"


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    x1, y1, y2, middle = x1 + WIDTH, y1 + HEIGHT / 2, y2 + HEIGHT / 2, (x1 + WIDTH + x2) / 2
    return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"


def _branch(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"M{x1 + INDENT / 2:g} {y2 + HEIGHT / 2:g}H{x2:g}"


def _trunk(x1: float, y1: float, x2: float, y2: float) -> str:
    """What several hops of an indented list share: no margin colours it."""
    return f'<path class="hop" d="M{x1 + INDENT / 2:g} {y1 + HEIGHT:g}V{y2 + HEIGHT / 2:g}"/>'


def _hop(spot: Spot, path: str) -> str:
    dashed = " guessed" if spot.is_guessed else ""
    return f'<path class="hop {spot.look}{dashed}{" faded" if spot.is_faded else ""}" d="{path}"/>'


def _spot(spot: Spot, x: float, y: float) -> str:
    name = spot.name if spot.parent else "gateway"
    title = ": ".join(part for part in (spot.name, spot.more) if part)
    return (
        f'<g class="spot {spot.look}{" faded" if spot.is_faded else ""}"><title>{escape(title)}</title>'
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="10"/>'
        f'<text class="name" x="{x + 12:g}" y="{y + 18:g}">{escape(_cut(name, MOST_NAME))}</text>'
        f'<text class="words" x="{x + 12:g}" y="{y + 35:g}">{escape(_cut(spot.words, MOST_WORDS))}</text></g>'
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def strength(margin_db: int) -> str:
    """What colours a hop; the words say the dB too."""
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
            # drawing() escapes what comes from nodes.
            self._maps = [ui.html("", sanitize=False).classes(room) for room in ("wide", "narrow")]
            self._nobody = Text("p", "No node has been heard by radio yet.", "note")
            with box("ul", "legend note", aria_label="What the colours say") as self._legend:
                for look, words in LEGEND:
                    with box("li"):
                        box("span", f"swatch {look}", aria_hidden="true")
                        Text("span", words)
            self._radios = box("ul", "radios")
        self._lines: dict[str, _Radio] = {}

    def tick(self, views: Mapping[str, NodeView], airs: Sequence[Air], now_ms: int) -> None:
        spots = layout(views, airs, now_ms)
        for element, narrow in zip(self._maps, (False, True), strict=True):
            svg = drawing(spots, narrow)
            if svg != element.content:
                element.set_content(svg)
        is_empty = not any(spot.parent for spot in spots)
        mark(self._nobody, hidden=not is_empty)
        mark(self._legend, hidden=is_empty)
        for air in airs:
            if air.gateway not in self._lines:
                with self._radios:
                    self._lines[air.gateway] = _Radio()
            self._lines[air.gateway].show(air)


class _Radio:
    """A radio's airtime: in words, and as a bar of its fullest band."""

    def __init__(self) -> None:
        with box("li"):
            with box("div", "bar", aria_hidden="true"):
                self._bar = box("span")
            self._words = Text("p", "", "airtime note")

    def show(self, air: Air) -> None:
        fullest = max((band.spent_ppm / band.limit_ppm for band in air.bands), default=0.0)
        attribute(self._bar, "style", f"width:{min(fullest, 1):.1%}")
        self._words.show(airtime_words(air))
