"""The editor of a specification, which is checked and proved as one types, in another process."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from host_bridge.agent import written
from host_bridge.agent.maker import Checked, Maker
from host_bridge.agent.preparing import WorldError
from host_bridge.microworld import catalogue
from host_bridge.web.elements import Text, attribute, box
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
        self._choices = ""
        self.checked: Checked | None = None  # what was proved last, of the very text that is shown
        with box("div", "choices ask"):
            with box("label", "chooser"):
                Text("span", "Begin with")
                self._chooser = box("select", aria_label="A specification to begin with")
                self._chooser.on("change", self._choose, js_handler="(e) => emit(e.target.value)")
            with box("label", "chooser wide"):
                Text("span", "Choices")
                self._choice_field = field("Strategies and parameters", "agent=strategy, parameter=90 s", self._chose)
        with box("div", "bench"):
            self._build_bench()
        self._actions = actions(self)
        self._offered: list[str] = []

    def _build_bench(self) -> None:
        with box("div", "spec-editor"):
            self._code = ui.codemirror("", language="TOML", theme="basicLight", on_change=self._typed).props(
                'aria-label="The specification"'
            )
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

    async def load(self, chosen: str) -> None:
        """A specification of the catalogue, or of what is installed, with its choices."""
        choices: dict[str, Any] = {}
        if chosen.startswith(INSTALLED):
            bundle = self._host.bundle(chosen.removeprefix(INSTALLED))
            text, choices = bundle.spec, {**bundle.profile, **bundle.parameters}
            self._actions.aim(chosen.removeprefix(INSTALLED))
        else:
            path = catalogue.spec_path(chosen.removeprefix(OF_CATALOGUE))
            text = await asyncio.to_thread(path.read_text, "utf-8")
        self._choices = ", ".join(f"{name}={value}" for name, value in choices.items())
        attribute(self._choice_field, "value", self._choices)
        self._code.set_value(text)
        self._check_soon()

    async def _choose(self, event: Any) -> None:
        if event.args in self._offered:
            with suppress(WorldError):  # it was removed just now
                await self.load(event.args)

    def _chose(self, text: str) -> None:
        self._choices = text
        self._check_soon()

    def _typed(self) -> None:
        self._check_soon()

    def _check_soon(self) -> None:
        """What was being checked is no longer of interest."""
        self.checked = None
        self._actions.tick()
        before, self._task = self._task, background_tasks.create(self._check(self._task))
        if before is not None:
            before.cancel()

    async def _check(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(PAUSE_S)
        text = self._code.value or ""
        try:
            profile, parameters = self._chosen(text)
            checked = await self._maker.check(self._client, text, profile, parameters, self._tell)
        except (ValueError, OSError) as error:  # choices that are none; no process to be had
            self._verdicts.show({**_NOTHING, "errors": [{"line": 0, "column": 0, "says": str(error)}]}, False)
            return
        self.checked = checked
        if not self._code.is_deleted:
            self._show(checked, False)
            self._actions.tick()

    def _chosen(self, text: str) -> tuple[dict[str, str], dict[str, int | str]]:
        """Profile and parameters, told apart by what the specification calls its agents. Raises ValueError."""
        profile: dict[str, str] = {}
        parameters: dict[str, int | str] = {}
        for name, value in written.pairs(part for part in self._choices.split(",") if part.strip()).items():
            if f"[agent.{name}" in text:
                profile[name] = value
            else:
                parameters[name] = written.number(value)
        return profile, parameters

    def _tell(self, checked: Checked) -> None:
        if not self._code.is_deleted:
            self._show(checked, True)

    def _show(self, checked: Checked, under_way: bool) -> None:
        self._verdicts.show(checked.answer, under_way)
        lines = sorted({fault["line"] for fault in checked.answer["errors"]})
        wanted = [{"kind": "line", "line": line, "class": "faulty"} for line in lines]
        if wanted != list(self._code.decorations):
            self._code.decorations = wanted


_NOTHING: dict[str, Any] = {"errors": [], "warnings": [], "verdicts": [], "accepted": False}


def field(label: str, example: str, changed: Callable[[str], None], value: str = "", offers: str = "") -> Any:
    """A field of one line; `offers`: the id of a list to choose from."""
    element = box("input", "field", type="text", aria_label=label, placeholder=example, value=value, spellcheck="false")
    attribute(element, "list", offers or None)
    element.on("input", lambda event: changed(str(event.args)[:400]), js_handler="(e) => emit(e.target.value)")
    return element
