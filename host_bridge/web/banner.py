"""What people must not overlook: readings that cannot be stored, nodes that are not heard."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from host_bridge.model import LinkState, NodeView
from host_bridge.web import units
from host_bridge.web.elements import Text, box, glyph, mark

if TYPE_CHECKING:
    from host_bridge.store import StoreHealth


class Banner:
    """A line for the store and one for the nodes; each is there only while there is something to say."""

    def __init__(self) -> None:
        with box("div", "banners"):
            self._store = Line("error", role="alert")
            self._nodes = Line("warning", role="status")
            self._schema = Line("warning", role="status")

    def tick(self, health: "StoreHealth", views: Mapping[str, NodeView], now_ms: int, trouble: str = "") -> None:
        self._store.show(store_words(health) or trouble)
        self._nodes.show(stale_words(views, now_ms))
        self._schema.show(incompatible_words(views))


class Line:
    """One line with a drawing before it; hidden while it has nothing to say."""

    def __init__(self, level: str, role: str, drawing: str = "warning") -> None:
        with box("p", f"banner {level} hidden", role=role) as self._element:
            glyph(drawing)
            self._text = Text("span")

    def show(self, text: str) -> None:
        self._text.show(text)
        mark(self._element, hidden=not text)


def store_words(health: "StoreHealth") -> str:
    """Why readings are not stored, and what that means; empty while all is well."""
    if health.writable:
        return ""
    waiting = f"{health.waiting:,} are kept in memory and written as soon as that is possible."
    return f"Readings cannot be stored: {health.error}. {waiting}"


def stale_words(views: Mapping[str, NodeView], now_ms: int) -> str:
    """Who is not heard, since when; empty when everybody is."""
    stale = [view for view in views.values() if view.link_state is LinkState.STALE]
    if not stale:
        return ""
    names = ", ".join(f"{view.name} (last heard {units.age(now_ms - view.last_heard_ms)})" for view in stale)
    return f"Not heard: {names}. The greyed values are the last known ones. Check the cable and the node's power."


def incompatible_words(views: Mapping[str, NodeView]) -> str:
    """Who speaks a schema that this bridge does not know."""
    names = ", ".join(view.name for view in views.values() if view.link_state is LinkState.INCOMPATIBLE)
    return (
        f"Not commanded: {names}. Its firmware and this bridge are of different releases; update one." if names else ""
    )
