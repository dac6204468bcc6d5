"""The editor of a specification, which is checked and proved as one types, in another process."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks

from host_bridge.agent import written
from host_bridge.agent.maker import Checked, Maker
from host_bridge.agent.preparing import WorldError
from host_bridge.microworld import catalogue
from host_bridge.web.elements import Text, box
from host_bridge.web.fields import field, refill, shown_in
from host_bridge.web.spec_text import SpecText
from host_bridge.web.world_actions import Actions
from host_bridge.web.world_verdicts import Verdicts

if TYPE_CHECKING:
    from host_bridge.agent.worlds import WorldHost

PAUSE_S = 0.6  # without a key, before it is checked
FIRST = "relay_guard"
OF_CATALOGUE, INSTALLED = "catalogue/", "installed/"


class Editor:
    """One tab's."""

    def __init__(self, host: "WorldHost", maker: Maker, actions: Callable[["Editor"], Actions]) -> None:
        self._host, self._maker = host, maker
        self._client = f"page {uuid.uuid4()}"
        self._task: asyncio.Task[None] | None = None
        self.checked: Checked | None = None  # what was proved last, of the very text that is shown
        with box("div", "choices ask"):
            with box("label", "chooser"):
                Text("span", "Begin with")
                self._chooser = box("select", aria_label="A specification to begin with")
                self._chooser.on("change", self._choose, js_handler="(e) => emit(e.target.value)")
            with box("label", "chooser wide"):
                Text("span", "Choices")
                self._choice_field = field(
                    "Strategies and parameters", "agent=strategy, parameter=90 s", lambda _: self.check_soon()
                )
        with box("div", "bench"):
            self._build_bench()
        self._actions = actions(self)
        self._offered: list[str] = []

    def _build_bench(self) -> None:
        with box("div", "spec-editor"):
            self._text = SpecText(catalogue.spec_path(FIRST).read_text("utf-8"), self.check_soon)
        self._verdicts = Verdicts()

    def tick(self) -> None:
        """What there is to begin with."""
        offered = [f"{INSTALLED}{view.name}" for view in self._host.views()]
        offered += [f"{OF_CATALOGUE}{name}" for name in catalogue.names()]
        if offered != self._offered:
            self._offered = offered
            self._chooser.clear()
            with self._chooser:
                Text("option", "choose one").props('value="" selected')
                for each in offered:
                    Text("option", each.replace("/", ": ")).props["value"] = each
        self._actions.tick()

    def stop(self) -> None:
        """The tab is gone: nobody waits for what is being checked."""
        if self._task is not None:
            self._task.cancel()

    def load(self, chosen: str) -> None:
        """A specification of the catalogue, or of what is installed, with its choices."""
        choices: list[tuple[str, Any]] = []
        if chosen.startswith(INSTALLED):
            bundle = self._host.bundle(chosen.removeprefix(INSTALLED))
            text, choices = bundle.spec, [*bundle.profile.items(), *bundle.parameters.items()]
            self._actions.aim(chosen.removeprefix(INSTALLED))
        else:
            text = catalogue.spec_path(chosen.removeprefix(OF_CATALOGUE)).read_text("utf-8")
        refill(self._choice_field, ", ".join(f"{name}={value}" for name, value in choices))
        self._text.put(text)
        self.check_soon()

    def _choose(self, event: Any) -> None:
        if event.args in self._offered:
            with suppress(WorldError):  # it was removed just now
                self.load(event.args)

    def check_soon(self) -> None:
        """Check what the browser shows then; what was being checked is no longer of interest."""
        self.checked = None
        self._actions.tick()
        before, self._task = self._task, background_tasks.create(self._check(self._task))
        if before is not None:
            before.cancel()

    async def _check(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(PAUSE_S)
        try:
            text = await self._text.shown()
            profile, parameters = chosen(text, await shown_in(self._choice_field))
            checked = await self._maker.check(self._client, text, profile, parameters, self._tell)
        except (ValueError, OSError) as error:  # choices that are none; no process to be had; no answer
            self._verdicts.show({**_NOTHING, "errors": [{"line": 0, "column": 0, "says": str(error)}]}, False)
            return
        self.checked = checked
        if not self._text.is_gone:
            self._show(checked, False)
            self._actions.tick()

    def _tell(self, checked: Checked) -> None:
        if not self._text.is_gone:
            self._show(checked, True)

    def _show(self, checked: Checked, under_way: bool) -> None:
        self._verdicts.show(checked.answer, under_way)
        self._text.mark_lines(fault["line"] for fault in checked.answer["errors"])


_NOTHING: dict[str, Any] = {"errors": [], "warnings": [], "verdicts": [], "accepted": False}


def chosen(text: str, choices: str) -> tuple[dict[str, str], dict[str, int | str]]:
    """Profile and parameters: a word chosen for what the specification calls an agent is a strategy, a number is
    none, as a parameter may have the name of an agent. Raises ValueError."""
    strategies: list[str] = []
    parameters: list[str] = []
    for part in filter(str.strip, choices.split(",")):
        name, _, value = (each.strip() for each in part.partition("="))
        (strategies if f"[agent.{name}" in text and value[:1].isalpha() else parameters).append(part)
    return written.pairs(strategies), {name: written.number(value) for name, value in written.pairs(parameters).items()}
