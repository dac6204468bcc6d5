"""Bindings and choices as people write them, a short text each, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

from host_bridge.agent.binding import CLOCK, QUANTITIES, BindingError
from host_bridge.model import NodeView

NOTHING = ("none", "null", "-", "")  # an output that is only shown
SWITCH = {"on": True, "off": False}
AS_IT_IS = "as it is"  # what no short text can say: a series


def number(text: str) -> str | int:
    """A whole number where it is one."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 12 else text


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Of NAME=VALUE each. Raises ValueError."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise ValueError(f"{text!r}: write NAME=VALUE")
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = value
    return found


def binding(
    texts: Mapping[str, str], inputs: Iterable[str], outputs: Iterable[str], now: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """The binding of a world with these inputs and outputs; `now` has those that are left as they are.

    Raises BindingError.
    """
    inputs, outputs = list(inputs), list(outputs)
    bound: dict[str, dict[str, Any]] = {"inputs": {}, "outputs": {}}
    for name, text in texts.items():
        table = "inputs" if name in inputs else "outputs"
        if name not in inputs and name not in outputs:
            known = f"inputs: {', '.join(inputs) or 'none'}; outputs: {', '.join(outputs)}"
            raise BindingError(f"there is no input or output {name}; {known}")
        if text == AS_IT_IS and name in (now or {}).get(table, {}):
            bound[table][name] = (now or {})[table][name]
        elif table == "outputs":
            bound[table][name] = None if text in NOTHING else text
        elif text:
            bound[table][name] = SWITCH.get(text, number(text))
    return bound


def as_text(bound: Any) -> str:
    """One entry of a binding, to be read by `binding` again."""
    if bound is None:
        return "none"
    if isinstance(bound, dict):
        return AS_IT_IS
    return {True: "on", False: "off"}[bound] if isinstance(bound, bool) else str(bound)


def sources(views: Iterable[NodeView]) -> list[str]:
    """All that an input can be bound to now, but numbers."""
    found = [f"clock.{what}" for what in CLOCK]
    for view in views:
        found += [f"{view.name}.{channel}.{quantity}" for channel in view.channels for quantity in QUANTITIES]
        found += [f"{view.name}.{contactor}.closed" for contactor in view.contactors]
    return found


def targets(views: Iterable[NodeView]) -> list[str]:
    """All that an output can be bound to."""
    return ["none", *(f"{view.name}.{contactor}" for view in views for contactor in view.contactors)]
