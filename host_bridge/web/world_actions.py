"""Install or swap what was proved: bindings, the length of shadow run and probation, and a confirmation."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from host_bridge.agent import written
from host_bridge.agent.binding import BindingError
from host_bridge.agent.maker import Checked, Maker
from host_bridge.agent.preparing import WorldError
from host_bridge.microworld.signing import SigningError
from host_bridge.model import NodeView
from host_bridge.web.elements import Text, attribute, box, choose, mark
from host_bridge.web.fields import field
from host_bridge.web.world_words import short

if TYPE_CHECKING:
    from host_bridge.agent.worlds import WorldHost
    from host_bridge.web.world_editor import Editor

NEW = ""  # instead of the name of a world to swap
ASKED_BY = "page"
SPANS = {"shadow": 10, "probation": 60}


class Actions:
    """Below the editor; nothing is sent before a second button confirms it."""

    def __init__(self, editor: "Editor", host: "WorldHost", maker: Maker, views: Mapping[str, NodeView]) -> None:
        self._editor, self._host, self._maker, self._views = editor, host, maker, views
        self._aim, self._name = NEW, ""
        self._bound: dict[str, str] = {}
        self._spans = dict(SPANS)
        self._asked = self._busy = False
        self._digest = ""
        self._worlds: list[str] | None = None
        with box("section", "actions", aria_label="Install or swap") as self._element:
            with box("label", "chooser"):
                Text("span", "Do")
                self._chooser = box("select", aria_label="What to do with it")
                self._chooser.on("change", self._aimed, js_handler="(e) => emit(e.target.value)")
            self._fields = box("div", "fields")
            with box("div", "ask"):
                self._ask = Text("button", "Install", "button primary").props("type=button").on("click", self._confirm)
            with box("div", "confirm", role="alertdialog", aria_label="Are you sure?") as self._confirmation:
                self._question = Text("p")
                with box("div", "ask"):
                    self._yes = Text("button", "Yes", "button primary").props("type=button").on("click", self._do)
                    Text("button", "Cancel", "button").props("type=button").on("click", self._cancel)
            self._outcome = Text("p", "", "note request").props("aria-live=polite")

    def aim(self, name: str) -> None:
        """At the world to swap."""
        self._aim, self._worlds = name, None
        self.tick()

    def tick(self) -> None:
        """What may be done now."""
        names = [view.name for view in self._host.views()]
        if names != self._worlds:
            self._worlds = names
            self._aim = self._aim if self._aim in names else NEW
            self._offer(names)
        checked = self._editor.checked
        ready = checked is not None and checked.answer["accepted"]
        digest = f"{self._aim} {checked.answer['digest']}" if checked is not None and ready else ""
        if digest != self._digest:
            self._digest, self._asked = digest, False
            self._build(checked if ready else None)
        mark(self._element, hidden=not ready)
        mark(self._confirmation, hidden=not self._asked)
        self._ask.show(f"Swap {self._aim}" if self._aim else "Install")
        for button in (self._ask, self._yes):
            attribute(button, "disabled", True if self._busy else None)
        mark(self._outcome, hidden=not self._outcome.text)

    def _offer(self, names: list[str]) -> None:
        self._chooser.clear()
        with self._chooser:
            for value, text in ((NEW, "install it as a new world"), *((name, f"swap {name}") for name in names)):
                option = Text("option", text)
                option.props.update({"value": value, **({"selected": True} if value == self._aim else {})})

    def _aimed(self, event: Any) -> None:
        if event.args == NEW or event.args in (self._worlds or ()):
            self._aim = event.args
            self.tick()

    def _build(self, checked: Checked | None) -> None:
        """A field for each input and output, as it is bound now where that is known."""
        self._fields.clear()
        if checked is None:
            return
        now = self._binding_now()
        self._bound = {
            each["name"]: written.as_text(now[table][each["name"]]) if each["name"] in now[table] else ""
            for table in ("inputs", "outputs")
            for each in checked.answer[table]
        }
        self._name = self._aim or checked.answer["name"]
        views = list(self._views.values())
        with self._fields:
            for kind, offers in (("sources", written.sources(views)), ("targets", written.targets(views))):
                with box("datalist", id=f"world-{kind}"):
                    for offer in offers:
                        Text("option", offer)
            if not self._aim:
                with box("label"):
                    Text("span", "name")
                    field("Name", "its own", self._named, self._name)
            for table, kind in (("inputs", "sources"), ("outputs", "targets")):
                for each in checked.answer[table]:
                    with box("label"):
                        Text("span", f"{each['name']}{' (' + each['unit'] + ')' if each['unit'] else ''}")
                        example = "NODE.CHANNEL.QUANTITY or a number" if kind == "sources" else "NODE.CONTACTOR or none"
                        name = each["name"]
                        field(f"{name} is bound to", example, self._binder(name), self._bound[name], f"world-{kind}")
            if self._aim:
                for span, ticks in SPANS.items():
                    self._spans[span] = ticks
                    with box("label"):
                        Text("span", f"{span}, ticks")
                        field(f"Ticks of {span}", str(ticks), self._spanner(span), str(ticks))

    def _binding_now(self) -> dict[str, Any]:
        tables: dict[str, Any] = self._host.view(self._aim).binding if self._aim else {}
        return {"inputs": tables.get("inputs", {}), "outputs": tables.get("outputs", {})}

    def _named(self, text: str) -> None:
        self._name = text.strip()

    def _binder(self, name: str) -> Any:
        def bind(text: str) -> None:
            self._bound[name] = text.strip()

        return bind

    def _spanner(self, span: str) -> Any:
        def count(text: str) -> None:
            self._spans[span] = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0

        return count

    def _confirm(self) -> None:
        checked = self._editor.checked
        if checked is None:
            return
        what, self._asked = short(checked.answer["digest"]), True
        self._question.show(
            f"{what} runs beside {self._aim} for {self._spans['shadow']} ticks and then takes over. It is kept in "
            f"probation for {self._spans['probation']} ticks: if it fails, the one of now is back at once."
            if self._aim
            else f"{what} runs as {self._name} from now on, and what it computes is asked of the contactors above."
        )
        self._yes.show("Yes, swap it" if self._aim else "Yes, install it")
        self._tell("", "pending")
        self.tick()

    def _cancel(self) -> None:
        self._asked = False
        self.tick()

    async def _do(self) -> None:
        checked, self._asked = self._editor.checked, False
        if checked is None or self._busy:
            return
        self._busy = True
        self._tell("Asked; it is read, decoded and compiled", "pending")
        try:
            self._tell(await self._carry_out(checked), "applied")
        except (WorldError, BindingError, SigningError, OSError) as error:
            self._tell(f"refused: {error}", "refused")
        finally:
            self._busy = False
            self.tick()

    async def _carry_out(self, checked: Checked) -> str:
        inputs, outputs = ([each["name"] for each in checked.answer[table]] for table in ("inputs", "outputs"))
        bound = written.binding(self._bound, inputs, outputs, self._binding_now())
        content = await asyncio.to_thread(self._maker.build, checked)
        if not self._aim:
            view = await self._host.install(content, bound, ASKED_BY, self._name)
            return f"{view.name} is installed and runs"
        await self._host.swap(
            self._aim, content, None, self._spans["shadow"], self._spans["probation"], ASKED_BY, bound
        )
        return f"The newcomer runs beside {self._aim} now"

    def _tell(self, text: str, kind: str) -> None:
        choose(self._outcome, "was", kind)
        self._outcome.show(text)
        mark(self._outcome, hidden=not text)
