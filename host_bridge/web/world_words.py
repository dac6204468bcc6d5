"""Figures of worlds as people read them. Pure."""

from collections.abc import Mapping
from typing import Any

from host_bridge.web.units import MINUS, NOTHING, SPACE


def quantity(value: int | None, unit: str) -> str:
    """A whole number in its unit: "412 W", "on"."""
    if value is None:
        return NOTHING
    if unit == "on/off":
        return "on" if value else "off"
    return f"{value}{SPACE if unit else ''}{unit}".replace("-", MINUS, int(value < 0))


def short(digest: str) -> str:
    """As worlds are told apart."""
    return f"sha256:{digest[:12]}"


def bound_to(binding: Mapping[str, Any], kind: str, name: str) -> str:
    """Where an input comes from and an output goes."""
    table = binding.get("inputs" if kind == "input" else "outputs", {})
    bound = table.get(name)
    if bound is None:
        return "" if kind == "input" else "only shown"
    if isinstance(bound, dict):
        return str(bound.get("contactor", "a series"))
    return f"{bound}" if isinstance(bound, str) else f"set to {bound}"


def verdict_line(verdicts: list[dict[str, Any]]) -> str:
    """How many claims came out how: "12 proved, 1 refuted"."""
    outcomes = [verdict["outcome"] for verdict in verdicts]
    kinds = ("proved", "refuted", "not proved", "refused")
    return ", ".join(f"{outcomes.count(kind)} {kind}" for kind in kinds if kind in outcomes)
