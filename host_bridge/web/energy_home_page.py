"""A home's energy page, for one browser tab: built once, then brought up to date every second."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from nicegui import background_tasks, ui

from host_bridge.agent.energy.view import EnergyView, HomeView
from host_bridge.config import Config
from host_bridge.model import NodeView, StoreError
from host_bridge.web.account_panel import AccountPanel
from host_bridge.web.decision_list import DecisionList, refused
from host_bridge.web.elements import Text, box
from host_bridge.web.energy_home_cards import age
from host_bridge.web.energy_home_now import HomeHead, HomeNow, Uncertain
from host_bridge.web.energy_overview import Notices, TimeLine
from host_bridge.web.energy_words import at
from host_bridge.web.header import Header, Panel
from host_bridge.web.plan_chart import PAST_S, PlanChart
from host_bridge.web.preference_panel import PreferencePanel
from host_bridge.web.skill_table import SkillTable

if TYPE_CHECKING:
    from host_bridge.store.book_rows import IntervalRow
    from host_bridge.web.energy_source import EnergySource

TICK_S = 1.0
PAST_EVERY_S = 5.0  # what was metered comes some time after its interval
LEGEND = (
    ("load", "load"), ("sun", "sun"), ("battery", "battery and its content"), ("grid", "grid"),
    ("full", "full line: measured"), ("dashed", "dashed, tinted: forecast and planned"),
    ("band", "band: 80 of 100 outcomes"), ("buy", "grid sells at"), ("trade", "neighbours traded at"),
    ("sell", "grid pays"),
)  # fmt: skip


class HomePage:
    """`views` are the fleet's; `home` may be one that there is not: the page says so."""

    def __init__(
        self, config: Config, views: Mapping[str, NodeView], energy: "EnergySource", home: str, pages: Sequence[str]
    ) -> None:
        self._config, self._views, self._energy, self._home, self._pages = config, views, energy, home, pages
        self._past: Sequence[IntervalRow] = []
        self._is_built = False  # the agent may not have begun: until it has, it knows of no home
        self._past_due = 0.0  # by the loop's clock

    def build(self, scheme: str) -> None:
        """Lay out the page."""
        zone = self._config.zone
        self._header = Header(self._config.bridge.name, scheme, "/energy", self._pages)
        with box("main", "page energy-page"):
            self._head = HomeHead(self._home)
            self._notices, self._time = Notices(), TimeLine(zone)
            self._parts = box("div", "page-parts")
        ui.timer(TICK_S, self.tick)
        self.tick()

    def _build_parts(self) -> None:
        zone, self._is_built = self._config.zone, True
        with self._parts:
            self._now = HomeNow(zone)
            with Panel("The plan", "measured past and planned future"):
                with box("ul", "legend note", aria_label="What the lines say"):
                    for look, words in LEGEND:
                        with box("li"):
                            box("span", f"swatch plan-{look}", aria_hidden="true")
                            Text("span", words)
                self._chart = PlanChart(zone)
            with box("div", "charts"):
                with box("div", "stack"):
                    self._account = AccountPanel(self._home, self._energy, zone)
                    self._uncertain = Uncertain()
                    self._refused = DecisionList("Refused", "or without an answer", "Nothing was refused.", zone)
                with box("div", "stack"):
                    self._wishes = PreferencePanel(self._home, self._energy.preferences, zone)
                    self._decisions = DecisionList("Decisions", "newest first", "Nothing has been decided yet.", zone)
            with Panel("Forecast skill", "against the same time a day before"):
                self._skills = SkillTable()

    def tick(self) -> None:
        """Bring every part up to date; only what changed is sent to the browser."""
        view, zone = self._energy.view(), self._config.zone
        self._header.tick(zone)
        self._notices.tick(view)
        self._time.tick(view)
        home = next((home for home in view.homes if home.name == self._home), None)
        if home is None:
            self._head.miss("waiting for the agent" if view.fault else "there is no home of this name")
            return
        if not self._is_built:
            self._build_parts()
        self._head.tick(home, rung_words(view, home), age(home, self._views, int(time.time() * 1000)))
        self._now.tick(home, view.time_s)
        self._tick_chart(view, home)
        self._account.tick(home.today, home.today.day if home.today else at(view.time_s, zone, "%Y-%m-%d"))
        self._uncertain.tick(home)
        self._refused.tick(refused(home.decisions), view.time_s)
        self._wishes.tick(home.preferences)
        self._decisions.tick(home.decisions, view.time_s)
        self._skills.tick(home.skills)

    def _tick_chart(self, view: EnergyView, home: HomeView) -> None:
        begin_s = view.community.interval_s
        if time.monotonic() >= self._past_due:
            self._past_due = time.monotonic() + PAST_EVERY_S
            background_tasks.create_lazy(self._read_past(begin_s), name=f"past {id(self)}")
        self._chart.tick(self._past, home.ahead, view.community.market, home.capacity_wh, begin_s)

    async def _read_past(self, begin_s: int) -> None:
        with suppress(StoreError):  # a notice tells of it
            self._past = await self._energy.past(self._home, begin_s - PAST_S)


def rung_words(view: EnergyView, home: HomeView) -> str:
    """What people read of the home's rung."""
    return next((rung.shown for rung in view.ladder if rung.name == home.standing.rung), home.standing.rung)
