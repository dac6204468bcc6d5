"""The text of a specification in the browser, which alone knows what is written there: nothing is echoed into it."""

from collections.abc import Callable, Iterable

from nicegui import ui

from host_bridge.web.fields import ANSWER_S


class SpecText:
    """A CodeMirror that begins with `text`; `changed` is called when somebody has written in it.

    NiceGUI would keep a copy here, edit by edit, and send it along with every decoration. Either goes wrong while
    somebody writes: an edit made before a new text has arrived is not one of that text, and a copy which lacks the last
    keys takes them away. So the browser is told a text only by `put`, and asked for it by `shown`.
    """

    def __init__(self, text: str, changed: Callable[[], None]) -> None:
        self._code = ui.codemirror(text, language="TOML", theme="basicLight").props('aria-label="The specification"')
        self._code.on("update:value", lambda _: changed(), [])
        self._marked: list[int] = []

    @property
    def is_gone(self) -> bool:
        """The tab was closed."""
        return self._code.is_deleted

    def put(self, text: str) -> None:
        """Show this instead, whatever is written there."""
        self._code.run_method("setEditorValue", text)

    async def shown(self) -> str:
        """What is written there now, everything put before included. Raises TimeoutError: the browser does not say."""
        text = await self._code.client.run_javascript(
            f"return getElement({self._code.id}).editor.state.doc.toString()", timeout=ANSWER_S
        )
        return str(text or "")

    def mark_lines(self, lines: Iterable[int]) -> None:
        """Mark these lines, counted from 1, as faulty, and no others."""
        wanted = sorted({line for line in lines if line > 0})
        if wanted or self._marked:  # the same again too: a mark moves with its text
            self._marked = wanted
            marks = [{"kind": "line", "line": line, "class": "faulty"} for line in wanted]
            self._code.run_method("setDecorations", marks)
