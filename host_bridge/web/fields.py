"""Fields to write and choose in, that keep what is typed while the rest of the page is brought up to date."""

from collections.abc import Callable, Sequence
from typing import Any

from host_bridge.web.elements import Text, attribute, box

# Whenever anything of the page changes, the browser sets an input to what it was told: so it is told what is typed.
KEEPING = "(e) => { element.props.value = e.target.value; emit(e.target.value); }"
LONGEST = 400  # characters of a field
ANSWER_S = 30.0  # that a browser has to say what is written: a slow phone's


def field(
    label: str, example: str, changed: Callable[[str], None], value: str = "", offers: str = "", kind: str = "text"
) -> Any:
    """A field of one line; `offers`: the id of a list to choose from; `kind`: text, time or number."""
    element = box("input", "field", type=kind, aria_label=label, placeholder=example, value=value, spellcheck="false")
    attribute(element, "list", offers or None)
    attribute(element, "step", "any" if kind == "number" else None)
    element.on("input", lambda event: changed(str(event.args)[:LONGEST]), js_handler=KEEPING)
    return element


def choice(label: str, offers: Sequence[tuple[str, str]], chosen: Callable[[str], Any], value: str = "") -> Any:
    """A list of (value, words) to choose one of."""
    known = {each for each, _ in offers}
    with box("select", "field", aria_label=label) as element:
        for each, words in offers:
            option = Text("option", words)
            option.props.update({"value": each, **({"selected": True} if each == value else {})})

    def choose(event: Any) -> None:
        if event.args in known:
            chosen(event.args)

    element.on("change", choose, js_handler="(e) => emit(e.target.value)")
    return element


def refill(element: Any, value: str) -> None:
    """Show this in a `field`, whatever was typed there."""
    element.props["value"] = value
    element.update()


async def shown_in(element: Any) -> str:
    """What is written in a `field` now. Raises TimeoutError: the browser does not say."""
    text = await element.client.run_javascript(f"return getElement({element.id}).value", timeout=ANSWER_S)
    return str(text or "")[:LONGEST]
