"""The page, top to bottom, for one browser tab: built once, then brought up to date every second."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from nicegui import ui

from host_bridge.config import Config
from host_bridge.events import EventLog
from host_bridge.model import Air, Event, NodeView, StoreError
from host_bridge.web.banner import Banner
from host_bridge.web.charts import DayChart, LiveChart, bin_words, home_color
from host_bridge.web.elements import Text, box, glyph, mark
from host_bridge.web.event_list import MOST_SHOWN, EventList
from host_bridge.web.header import Header, Panel
from host_bridge.web.homes import HomeCard, shape
from host_bridge.web.link_map import LinkMap
from host_bridge.web.node_table import NodeTable
from host_bridge.web.overview import Overview
from host_bridge.web.today import Today

if TYPE_CHECKING:
    from host_bridge.dispatch import Dispatch
    from host_bridge.store import Store

TICK_S = 1.0


class Page:
    """`views` are the fleet's; commands go through `dispatch`; `today` is shared by all tabs; `airs()` tells of
    the radios. `pages`: addresses of the pages that there are."""

    def __init__(
        self,
        config: Config,
        views: Mapping[str, NodeView],
        dispatch: "Dispatch",
        store: "Store",
        events: EventLog,
        today: Today,
        airs: Callable[[], list[Air]],
        pages: Sequence[str] = ("/",),
    ) -> None:
        self._config, self._views, self._dispatch, self._zone = config, views, dispatch, config.zone
        self._store, self._events, self._today, self._airs = store, events, today, airs
        self._pages = pages
        self._older_events: list[Event] = []
        self._cards: dict[str, HomeCard] = {}

    def build(self, scheme: str) -> None:
        """Lay out the page; `scheme` is auto, light or dark."""
        self._header = Header(self._config.bridge.name, scheme, "/", self._pages)
        with box("main", "page"):
            self._banner = Banner()
            self._overview = Overview()
            self._homes = box("section", "homes", aria_label="Homes")
            self._empty = _EmptyHouse()
            with box("div", "charts") as self._charts:
                with Panel("Last ten minutes", "power per home"):
                    self._live_chart = LiveChart(self._zone)
                with Panel("Today", "") as today:
                    self._day_chart = DayChart(self._zone)
                self._day_note = today.note
            with Panel("Radio links", "hops, margin and airtime") as links:
                self._map = LinkMap()
            self._links_panel, self._links_note = links.section, links.note
            with Panel("Nodes", "links, clocks and counters") as nodes:
                self._nodes = NodeTable()
            self._nodes_panel = nodes.section
            with Panel("Events", "newest first"):
                self._event_list = EventList(self._zone)
        ui.timer(TICK_S, self.tick)

    async def load(self) -> None:
        """Fetch what the event list shows from before the bridge started."""
        with suppress(StoreError):  # the banner tells of it
            self._older_events = await self._store.events(MOST_SHOWN)

    async def tick(self) -> None:
        """Bring every part up to date; only what changed is sent to the browser."""
        now_ms = int(time.time() * 1000)
        await self._today.refresh()
        arrived = [name for name, view in self._views.items() if name != view.link]  # those that have said who they are
        homes = {name: self._views[name] for name in sorted(arrived)}
        colors = {name: home_color(position) for position, name in enumerate(arrived)}
        self._header.tick(self._zone)
        self._banner.tick(self._store.health(), homes, now_ms, self._today.trouble)
        self._overview.tick(homes.values(), self._today.of_all(), now_ms)
        self._empty.tick(homes, list(self._views.values()))
        for part in (self._overview.element, self._charts):
            mark(part, hidden=not homes)
        mark(self._nodes_panel, hidden=not self._views)
        self._tick_cards(homes, colors, now_ms)
        self._live_chart.tick(homes, colors, now_ms)
        self._day_chart.tick(self._today.bars)
        self._day_note.show(f"energy of all homes, each bar {bin_words(self._today.bars)}")
        self._nodes.tick(dict(sorted(self._views.items())), now_ms)
        airs = self._airs()
        mark(self._links_panel, hidden=not airs)
        if airs:
            simulated = ", simulated LoRa" if any(air.is_simulated for air in airs) else ""
            self._links_note.show(f"hops, margin and airtime{simulated}")
            self._map.tick(homes, airs, now_ms)
        self._event_list.tick([*self._older_events, *self._events.recent])

    def _tick_cards(self, homes: Mapping[str, NodeView], colors: Mapping[str, str], now_ms: int) -> None:
        for position, (name, view) in enumerate(homes.items()):
            card = self._cards.get(name)
            if card is None or card.shape != shape(view):
                card = self._make_card(view, position, colors[name], card)
            card.tick(view, self._today.of_home(name), now_ms)

    def _make_card(self, view: NodeView, position: int, color: str, old: HomeCard | None) -> HomeCard:
        if old is not None:
            old.element.delete()
        with self._homes:
            card = HomeCard(view, color, self._config.dispatch.max_hold_s, self._dispatch, self._zone)
        card.element.move(target_index=position)
        self._cards[view.name] = card
        return card


class _EmptyHouse:
    """What to do while no node has said who it is."""

    def __init__(self) -> None:
        with box("section", "card welcome", aria_live="polite") as self._element:
            glyph("plug")
            Text("h2", "No nodes yet")
            self._advice = Text("p")
            self._command = Text("code", "gridnexus run --link /dev/serial/by-id/...")
            Text("p", "gridnexus doctor says what is wrong with ports, permissions and cables.", "note")

    def tick(self, homes: Mapping[str, NodeView], views: list[NodeView]) -> None:
        mark(self._element, hidden=bool(homes))
        mark(self._command, hidden=bool(views))
        links = ", ".join(view.link for view in views)
        self._advice.show(
            f"Listening on {links}: nobody has answered yet. Is the node powered, and does it run gridnode?"
            if views
            else "Plug one in, then name its port when you start the bridge, or in a [[link]] of the configuration:"
        )
