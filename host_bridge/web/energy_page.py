"""The community's page, for one browser tab: built once, then brought up to date every second."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nicegui import ui

from host_bridge.agent.energy.view import EnergyView
from host_bridge.config import Config
from host_bridge.model import NodeView
from host_bridge.web.elements import box
from host_bridge.web.energy_charts import TimeChart, price_options
from host_bridge.web.energy_home_cards import HomeCards
from host_bridge.web.energy_overview import Notices, Overview, TimeLine
from host_bridge.web.feeder_panel import FeederPanel
from host_bridge.web.header import Header, Panel
from host_bridge.web.ladder_panel import LadderPanel
from host_bridge.web.open_panel import OpenPanel
from host_bridge.web.trade_panel import TradePanel

if TYPE_CHECKING:
    from host_bridge.web.energy_source import EnergySource

TICK_S = 1.0


class EnergyPage:
    """`views` are the fleet's, for the ages of what homes last said; the rest is of `energy`."""

    def __init__(
        self, config: Config, views: Mapping[str, NodeView], energy: "EnergySource", pages: Sequence[str]
    ) -> None:
        self._config, self._views, self._energy, self._pages = config, views, energy, pages

    def build(self, scheme: str) -> None:
        """Lay out the page."""
        zone = self._config.zone
        self._header = Header(self._config.bridge.name, scheme, "/energy", self._pages)
        with box("main", "page energy-page"):
            self._notices, self._time = Notices(), TimeLine(zone)
            self._overview = Overview()
            with box("div", "charts"):
                self._trades = TradePanel()
                with Panel("Price", "over the day"):
                    self._prices = TimeChart(
                        "Price among neighbours against the grid's, and energy traded, over the day",
                        "No interval has been traded yet.",
                        "tall",
                    )
            self._cards = HomeCards(zone)
            self._feeder = FeederPanel(zone)
            with box("div", "charts"):
                self._ladder = LadderPanel()
                with box("div", "stack"):
                    self._open = OpenPanel(zone)
        ui.timer(TICK_S, self.tick)
        self.tick()

    def tick(self) -> None:
        """Bring every part up to date; only what changed is sent to the browser."""
        view, zone = self._energy.view(), self._config.zone
        self._header.tick(zone)
        self._notices.tick(view)
        self._time.tick(view)
        self._overview.tick(view)
        self._trades.tick(view)
        self._tick_prices(view)
        self._cards.tick(view, self._views, int(time.time() * 1000))
        self._feeder.tick(view, self._energy.feeder_picture() if view.community.feeder else None)
        self._ladder.tick(view)
        self._open.tick(view)

    def _tick_prices(self, view: EnergyView) -> None:
        market = list(view.community.market)
        self._prices.show(market, not market, lambda: price_options(market, view.step_s, self._config.zone))
