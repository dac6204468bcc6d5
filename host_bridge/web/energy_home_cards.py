"""A card for each home on the energy page: power, content of the battery, what it does, its rung and its link."""

from collections.abc import Mapping
from datetime import tzinfo
from urllib.parse import quote

from host_bridge.agent.energy.view import EnergyView, HomeView
from host_bridge.model import NodeView
from host_bridge.web import units
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.energy_words import content, grid_direction, is_stale, position, price
from host_bridge.web.overview import Direction

WORDS = {"import": "from the grid", "export": "to the grid", "idle": "neither in nor out", "unknown": "power unknown"}


class HomeCards:
    """One for each home, in the order of the configuration."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        with box("section", "panel-less", aria_labelledby="homes-title"):
            Text("h2", "Homes", "section-title").props("id=homes-title")
            self._room = box("div", "energy-homes")
        self._cards: dict[str, _Card] = {}

    def tick(self, view: EnergyView, nodes: Mapping[str, NodeView], now_ms: int) -> None:
        if list(self._cards) != [home.name for home in view.homes]:
            self._room.clear()
            with self._room:
                self._cards = {home.name: _Card(home.name) for home in view.homes}
        for home in view.homes:
            self._cards[home.name].tick(home, age(home, nodes, now_ms))


class _Card:
    def __init__(self, name: str) -> None:
        with box("article", "card energy-home", aria_label=name) as self._element:
            with box("header"):
                with box("h3"):
                    Text("a", name).props["href"] = home_address(name)
                self._link = Text("span", "", "link")
            with box("div", "now"):
                with box("div"):
                    with box("p", "figure") as self._figure:
                        self._sign = Text("span", "", "sign")
                        self._number = Text("span", units.NOTHING, "number")
                        self._unit = Text("span", "W", "unit")
                    self._direction = Direction(WORDS)
                self._doing = Text("strong", "", "doing")
            self._trade = Text("p", "", "note")
            with box("div", "content"):
                with box("div", "bar", aria_hidden="true") as self._room:
                    self._bar = box("span")
                self._content = Text("p", "", "note estimated")
            with box("p", "rung-line"):
                self._rung = Text("span", "", "rung-name")
                self._cause = Text("span", "", "note")

    def tick(self, home: HomeView, old: str) -> None:
        stale, milliwatts = is_stale(home), None if home.grid_w is None else round(home.grid_w * 1000)
        mark(self._element, stale=stale)
        self._link.show(home.link_state)
        choose(self._link, "link", home.link_state)
        direction = grid_direction(home.grid_w)
        choose(self._figure, "is", direction)
        number, unit = units.power(milliwatts)
        self._sign.show(units.sign(milliwatts))
        self._number.show(number if milliwatts is not None else "unknown")
        self._unit.show(unit if milliwatts is not None else "")
        self._direction.show(direction, old if stale else None)
        self._doing.show(home.now_doing or "nothing decided")
        self._trade.show(trade_words(home))
        self._content.show(content(home))
        mark(self._room, hidden=not home.capacity_wh or home.content_estimated_wh is None)
        full = 100 * (home.content_estimated_wh or 0) / home.capacity_wh if home.capacity_wh else 0
        attribute(self._bar, "style", f"width:{min(100.0, max(0.0, full)):.0f}%")
        self._rung.show(home.standing.rung)
        choose(self._rung, "place", str(home.standing.place))
        self._cause.show(home.standing.causes[0] if home.standing.causes else "")


def home_address(name: str) -> str:
    """Of its page."""
    return f"/energy/{quote(name, safe='')}"


def trade_words(home: HomeView) -> str:
    """What it trades, at its price."""
    told = position(home)
    return f"{told} at {price(home.price_mct)}" if home.position_mwh and home.price_mct is not None else told


def age(home: HomeView, nodes: Mapping[str, NodeView], now_ms: int) -> str:
    """How old the last known figures of a home are that is not heard."""
    node = nodes.get(home.node)
    if node is None or not node.last_heard_ms:
        return "not heard yet" if home.grid_w is None else "last known, of unknown age"
    heard = units.age(now_ms - node.last_heard_ms)
    return f"last heard {heard}" if home.grid_w is None else f"last known, {heard}"
