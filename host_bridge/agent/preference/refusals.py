"""What no preference can say, refused before anything is read: conditions, days, the past, questions, other units."""

import re
from collections.abc import Mapping, Sequence

from host_bridge.agent.preference import word_lists
from host_bridge.agent.preference.devices import Device
from host_bridge.agent.preference.kinds import PreferenceError
from host_bridge.agent.preference.tokens import Token

_ASKS = re.compile(r"^(?:please )?(?:can|could|would|will) (?:you|we|the|it|my|our)\b")
_TAG = re.compile(r"\b(?:ok|okay|right|please|thanks|yes|would you|could you|can you|will you) ?\?")
_SHORTAGE = re.compile(r"\b(?:if|when) (?:\w+ ){0,4}(?:enough|short|scarce|tight)\b")
_LABELS_WITH_CONDITIONS = ("weight cost", "weight carbon", "share")


def refuse(tokens: Sequence[Token], home: Mapping[str, Device], label: str, text: str) -> None:
    """Raises PreferenceError with what to write instead; returns where nothing is in the way."""
    words = [token.text for token in tokens if token.kind == "word"]
    for why in (_form(tokens), _asked(text), _strangers(words, home), _moment(tokens, words)):
        if why:
            raise PreferenceError(why)
    if label != "share" and any(phrase in " ".join(words) for phrase in word_lists.NEEDLESS):
        raise PreferenceError("say what is wished; what need not be is so without a wish")
    if _conditional(" ".join(words), label):
        raise PreferenceError("a wish holds always: conditions and exceptions cannot be set")


def _form(tokens: Sequence[Token]) -> str:
    kinds = {token.kind: token.text for token in tokens}
    if len(tokens) < 2:
        return "say a whole wish, like: car full by 07:00, or: water never above 55"
    if "symbol" in kinds:
        return f'"{kinds["symbol"]}" has no place in a wish: say it in plain words'
    if "fahrenheit" in kinds:
        return "say temperatures in degrees Celsius"
    if "quantity" in kinds:
        return (
            f'"{kinds["quantity"]}" cannot be set: say a time of day, a percent, degrees Celsius or an amount of money'
        )
    return ""


def _asked(text: str) -> str:
    if text.rstrip(" !.").endswith("?") and not _ASKS.match(text) and not _TAG.search(text):
        return "that is a question: the home's page and its account answer those; here wishes are set"
    return ""


def _strangers(words: Sequence[str], home: Mapping[str, Device]) -> str:
    strange = [word for word in words if word in word_lists.STRANGERS and "next door" not in " ".join(words)]
    if not strange:
        return ""
    has = ", ".join(device.said for device in home.values()) or "no devices"
    return f"no device called {strange[0]}: this home has {has}"


def _moment(tokens: Sequence[Token], words: Sequence[str]) -> str:
    said = set(words)
    if said & word_lists.DAYS:
        return f'a wish holds every day: "{min(said & word_lists.DAYS)}" cannot be set'
    if said & word_lists.PAST:
        return "that tells of what has been; say what you wish from now on"
    if said & word_lists.NOW and "now on" not in " ".join(words):
        return "that is to be done now: switch it on the home's page; here wishes are set that last"
    if said & word_lists.VAGUE_TIMES and not any(token.kind == "clock" for token in tokens):
        return f'when is "{min(said & word_lists.VAGUE_TIMES)}"? Say the hour, like 07:00'
    return ""


def _conditional(said: str, label: str) -> bool:
    if label in _LABELS_WITH_CONDITIONS:
        return "unless" in said or "except" in said
    allowed = word_lists.POLITE_CONDITIONS
    allowed += word_lists.UNCARING if label == "priority low" else ()
    for phrase in allowed:
        said = said.replace(phrase, " ")
    if label == "priority high":
        said = _SHORTAGE.sub(" ", said)
    return not word_lists.CONDITIONS.isdisjoint(said.split())
