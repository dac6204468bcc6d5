"""The few building blocks of the page: text in a chosen tag, and changes that are sent only when there is one."""

from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


class Text(TextElement):
    """Text in any HTML tag. `show` sends only what changed."""

    def __init__(self, tag: str, text: str = "", classes: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)

    def show(self, text: str) -> None:
        if text != self.text:
            self.set_text(text)


def box(tag: str, classes: str = "", **attributes: Any) -> Element:
    """An element to put others into; attributes as HTML names them, `_` for `-`."""
    element = ui.element(tag).classes(classes)
    element.props.update({name.replace("_", "-"): value for name, value in attributes.items()})
    return element


def mark(element: Element, **classes: bool) -> None:
    """Set or clear classes by name."""
    for name, wanted in classes.items():
        if wanted != (name in element.classes):
            element.classes(**{"add" if wanted else "remove": name})


def choose(element: Element, prefix: str, choice: str) -> None:
    """Give `element` the class PREFIX-CHOICE and take away every other PREFIX-."""
    wanted = f"{prefix}-{choice}"
    if wanted not in element.classes:
        others = " ".join(name for name in element.classes if name.startswith(f"{prefix}-"))
        element.classes(add=wanted, remove=others)


def attribute(element: Element, name: str, value: Any) -> None:
    """Set one attribute; None takes it away."""
    if element.props.get(name) != value:
        element.props.set_optional(name, value)


def glyph(name: str, classes: str = "") -> Element:
    """One of the page's own drawings (page.svg), decorative: the words beside it say the same."""
    with box("svg", f"glyph {classes}", aria_hidden="true", viewBox="0 0 24 24") as drawing:
        box("use", href=f"#glyph-{name}")
    return drawing
