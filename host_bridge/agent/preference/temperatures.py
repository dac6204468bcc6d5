"""Bounds of a temperature from a sentence: "never below 19", "between 45 and 60", "20 or more", "max 55"."""

from collections.abc import Sequence

from host_bridge.agent.preference.kinds import PreferenceError
from host_bridge.agent.preference.tokens import Token
from host_bridge.agent.preference.word_lists import NEGATIVE, words

_UP = words("above over beyond exceed exceeds exceeding hotter warmer higher more past")
_DOWN = words("below under beneath colder cooler lower less underneath")
_HIGH = words("most max maximum tops limit cap ceiling upper highest")
_LOW = words("least min minimum floor lowest")
_SAY = "say a bound: at least 20, at most 55, or between 19 and 22"


def bounds(tokens: Sequence[Token]) -> tuple[float | None, float | None]:
    """(low, high) in °C of one number or two; None where not said. Raises PreferenceError."""
    places = [index for index, token in enumerate(tokens) if token.kind in ("number", "temperature")]
    if not places or len(places) > 2:
        raise PreferenceError(f"{_SAY}, in degrees Celsius")
    if len(places) == 2 and _span(tokens, *places):
        return tokens[places[0]].value, tokens[places[1]].value
    sides = _sides(tokens, places, carried=False)
    if len(places) == 2 and sides[0] == sides[1]:  # never below 19 or above 22
        sides = _sides(tokens, places, carried=True)
    if len(set(sides)) < len(places):
        raise PreferenceError(_SAY)
    said = {side: tokens[place].value for side, place in zip(sides, places, strict=True)}
    return said.get("low"), said.get("high")


def _span(tokens: Sequence[Token], first: int, second: int) -> bool:
    """Two numbers with nothing but "to" or "and" between them, and no other bound about them."""
    between = [token.text for token in tokens[first + 1 : second]]
    cues = {token.text for token in tokens} & (_UP | _DOWN | _HIGH | _LOW | NEGATIVE)
    return between in (["to"], ["and"], ["until"], ["till"]) and not cues


def _sides(tokens: Sequence[Token], places: Sequence[int], carried: bool) -> list[str]:
    """ "low" or "high" for each number, by the words before it, else by those right after it."""
    sides, begin, denied = [], 0, False
    for number, place in enumerate(places):
        end = places[number + 1] if number + 1 < len(places) else len(tokens)
        before = [token.text for token in tokens[begin:place] if token.kind == "word"]
        after = [token.text for token in tokens[place + 1 : end] if token.kind == "word"]
        denied = bool(NEGATIVE & set(before)) or (carried and denied)
        side, begin = _side(before, denied), place + 1
        if not side:
            side, begin = _side(after[:4], bool(NEGATIVE & set(after[:4]))), end
        sides.append(side)
    if not all(sides):
        raise PreferenceError(_SAY)
    return sides


def _side(before: Sequence[str], denied: bool) -> str:
    said = [word for word in " ".join(before).replace("up to", "most").split() if word in _UP | _DOWN | _HIGH | _LOW]
    if "lower" in said and "limit" in said:
        return "low"
    if not said:
        return ""
    cue = said[-1]
    if cue in _HIGH or cue in _LOW:
        if denied:
            raise PreferenceError(_SAY)
        return "high" if cue in _HIGH else "low"
    if cue.startswith("exceed") and not denied:
        raise PreferenceError(_SAY)
    return "high" if (cue in _UP) == denied else "low"
