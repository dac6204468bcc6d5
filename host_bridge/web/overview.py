"""The top of the page: power of all homes now, large enough for across the room, and energy today."""

from collections.abc import Iterable

from host_bridge.model import LinkState, NodeView
from host_bridge.web import units
from host_bridge.web.elements import Text, box, choose, glyph, mark
from host_bridge.web.today import Energy

DIRECTION_WORDS = {
    "import": "importing from the grid",
    "export": "exporting to the grid",
    "idle": "neither importing nor exporting",
    "unknown": "no home is reporting",
}


class Direction:
    """Import or export told three ways: an arrow, a word, a colour."""

    def __init__(self, words: dict[str, str], classes: str = "") -> None:
        self._words = words
        with box("p", f"direction {classes}") as self.element:
            glyph("down", "when-import")
            glyph("up", "when-export")
            self._text = Text("span")

    def show(self, direction: str, text: str | None = None) -> None:
        choose(self.element, "is", direction)
        self._text.show(self._words[direction] if text is None else text)


class EnergyToday:
    """Import and export since midnight, side by side."""

    def __init__(self, classes: str = "") -> None:
        with box("dl", f"energy {classes}"):
            with box("div", "is-import"):
                Text("dt", "Import today")
                self._imported = Text("dd", units.NOTHING)
            with box("div", "is-export"):
                Text("dt", "Export today")
                self._exported = Text("dd", units.NOTHING)

    def show(self, energy: Energy | None) -> None:
        imported, exported = energy or (None, None)
        self._imported.show(units.one_text(units.energy(imported)))
        self._exported.show(units.one_text(units.energy(exported)))


class Overview:
    """Adds up what online nodes report; says which homes are missing from the sum."""

    def __init__(self) -> None:
        with box("section", "overview", aria_labelledby="power-now") as self.element:
            with box("div", "total"):
                Text("h2", "Power now", "eyebrow").props("id=power-now")
                with box("p", "figure") as self._figure:
                    self._sign = Text("span", "", "sign")
                    self._number = Text("span", units.NOTHING, "number")
                    self._unit = Text("span", "W", "unit")
                self._direction = Direction(DIRECTION_WORDS)
                self._missing = Text("p", "", "note")
            self._energy = EnergyToday("large")

    def tick(self, views: Iterable[NodeView], energy: Energy | None, now_ms: int) -> None:
        homes = list(views)
        powers = [view.active_power_mw() for view in homes if view.link_state is LinkState.ONLINE]
        known = [power for power in powers if power is not None]
        total = sum(known) if known else None
        number, unit = units.power(total)
        self._sign.show(units.sign(total))
        self._number.show(number)
        self._unit.show(unit)
        self._direction.show(units.direction(total))
        choose(self._figure, "is", units.direction(total))
        self._missing.show(_missing(len(known), len(homes)) + oldest_words(homes, now_ms))
        mark(self._missing, partial=len(known) < len(homes))
        self._energy.show(energy)


def _missing(known: int, homes: int) -> str:
    if not homes:
        return ""
    if known == homes:
        return f"all {homes} homes reporting" if homes > 1 else "the home is reporting"
    return f"{known} of {homes} homes reporting; the others are left out of this sum"


def oldest_words(views: Iterable[NodeView], now_ms: int) -> str:
    """How old the oldest figure in the sum is, where some come by radio: they are means, and come in batches."""
    by_radio = [view for view in views if view.way is not None and view.link_state is LinkState.ONLINE]
    ends_ms = [live.time_ms for view in by_radio for live in view.live.values()]
    return f"; by radio: means, the oldest of {units.age(now_ms - min(ends_ms))}" if ends_ms else ""
