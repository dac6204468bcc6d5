"""The page of microworlds, for one browser tab: what runs where, and the editor below."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nicegui import background_tasks, ui

from host_bridge.agent.maker import Maker
from host_bridge.agent.preparing import WorldError
from host_bridge.config import Config
from host_bridge.events import EventLog
from host_bridge.model import NodeView
from host_bridge.web.elements import Text, box, mark
from host_bridge.web.header import Header, Panel
from host_bridge.web.node_worlds import NodeWorlds
from host_bridge.web.world_actions import Actions
from host_bridge.web.world_editor import INSTALLED, Editor
from host_bridge.web.world_list import WorldList

if TYPE_CHECKING:
    from host_bridge.agent.worlds import WorldHost

TICK_S = 1.0
ASKED_BY = "page"


class WorldPage:
    """What people ask for goes to `worlds`, and its outputs from there through dispatch; `maker` checks and signs."""

    def __init__(
        self,
        config: Config,
        views: Mapping[str, NodeView],
        events: EventLog,
        worlds: "WorldHost",
        maker: Maker,
        on_nodes: NodeWorlds,
        pages: Sequence[str],
    ) -> None:
        self._config, self._views, self._events = config, views, events
        self._worlds, self._maker, self._on_nodes, self._pages = worlds, maker, on_nodes, pages

    def build(self, scheme: str) -> None:
        """Lay out the page."""
        self._header = Header(self._config.bridge.name, scheme, "/worlds", self._pages)
        with box("main", "page"):
            self._trouble = Text("p", "", "banner warning").props("role=alert")
            self._list = WorldList(self._config.zone, self._edit, self._remove, self._cancel)
            with Panel("Specification", "checked and proved as you type; nothing runs before you say so"):
                self._editor = Editor(
                    self._worlds, self._maker, lambda editor: Actions(editor, self._worlds, self._maker, self._views)
                )
        ui.context.client.on_delete(self._editor.stop)
        ui.timer(TICK_S, self.tick)
        ui.timer(0.1, self._editor.check_soon, once=True)
        self.tick()

    def tick(self) -> None:
        """Bring every part up to date; only what changed is sent to the browser."""
        now_ms = int(time.time() * 1000)
        self._header.tick(self._config.zone)
        background_tasks.create_lazy(self._on_nodes.refresh(), name="worlds on nodes")
        self._list.tick(self._worlds, self._on_nodes.all, dict(self._views), list(self._events.recent), now_ms)
        self._editor.tick()
        mark(self._trouble, hidden=not self._trouble.text)

    async def _edit(self, name: str) -> None:
        self._editor.load(f"{INSTALLED}{name}")
        ui.run_javascript('document.querySelector(".spec-editor").scrollIntoView({behavior: "smooth"})')

    async def _remove(self, name: str) -> None:
        try:
            await self._worlds.remove(name, ASKED_BY)
            self._trouble.show("")
        except WorldError as error:
            self._trouble.show(str(error))
        self.tick()

    async def _cancel(self, name: str) -> None:
        try:
            await self._worlds.cancel(name, ASKED_BY)
            self._trouble.show("")
        except WorldError as error:
            self._trouble.show(str(error))
        self.tick()
