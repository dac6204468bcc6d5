"""A sentence as tokens: clock times, temperatures, percents, amounts, devices and the words between them.

What has a form that is known is a token of that kind; the reading of a kind (slots) must account for every one.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from host_bridge.agent.preference.devices import DEVICES, ROOMS, Device
from host_bridge.agent.preference.numbers import digits


class Clock(NamedTuple):
    """`half`: am, pm, night, 24 (said on a clock of 24 hours), or "" where either half of the day may be meant."""

    hour: int
    minute: int = 0
    half: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: word, number, clock, part (of the day), temperature, fahrenheit, percent, money, quantity, device, room,
    unclear (a word for several devices) or symbol.

    `value`: °C, %, cents, a bare number; `clock`: of kind clock; `name`: of a device, of a part of the day (a half).
    """

    kind: str
    text: str
    value: float = 0
    clock: Clock | None = None
    name: str = ""


NUMBER = r"-?\d+(?:[.,]\d+)?"
_HOUR = r"(?P<h>\d{1,2}|noon|midnight)\b(?: ?(?P<half>am|pm)\b)?"
_QUANTITIES = r"hours?|hrs?|h|minutes?|mins?|seconds?|days?|kwh|wh|kw|kilowatts?|w|watts?|kms?|miles?|litres?|amps?|x"
_FORMS = [
    ("money", rf"[€$£] ?(?P<n>{NUMBER})"),
    (
        "money",
        rf"(?P<n>{NUMBER}) ?(?:[€$£]|(?:eur|euros?|dollars?|bucks?|pounds?|quid)\b)"
        r"(?: (?:and )?(?P<c>\d\d)\b)?(?: ?cents?\b)?",
    ),
    ("cents", rf"(?P<n>{NUMBER}) ?(?:cents?|ct|pence|pennies)\b"),
    ("percent", rf"(?P<n>{NUMBER}) ?(?:%|(?:percent|per cent|pct)\b)"),
    ("percent", r"(?P<part>half|(?:\d|an?) quarters?)(?=[ -](?:full|charged|charge)\b)"),
    ("percent", r"(?P<part>(?:\d|an?) (?:thirds?|fifths?|tenths?))\b"),
    ("fahrenheit", rf"(?P<n>{NUMBER})[ -]?(?:°|degrees?|deg)? ?(?:f|fahrenheit)\b"),
    (
        "temperature",
        rf"(?P<n>{NUMBER})[ -]?"
        r"(?:[°º] ?(?:c\b)?|(?:degrees?|degs?)(?: celsius| centigrade| c)?\b|(?:celsius|centigrade|c)\b)",
    ),
    ("clock", r"(?P<h>\d{1,2})[:.h ](?P<m>[0-5]\d) ?(?P<half>am|pm)\b"),
    ("clock", r"(?P<h>\d{1,2}) ?(?:oclock ?)?(?P<half>am|pm)\b"),
    ("clock", r"(?P<h>\d{1,2})(?P<exact>[:h])(?P<m>\d\d)(?!\d)(?: (?:hours|hrs|h)\b)?"),
    ("clock", r"(?P<h>\d\d)(?P<m>[0-5]\d)(?P<exact> ?(?:hours|hrs|h)\b)"),
    ("clock", r"(?P<h>\d{1,2}) ?oclock\b"),
    ("past", rf"(?P<p>half) (?:(?P<way>past|after) )?{_HOUR}"),
    ("past", rf"(?:a )?(?P<p>quarter|\d{{1,2}})(?: minutes)? (?P<way>past|after) {_HOUR}"),
    ("past", rf"(?:a )?(?P<p>quarter)(?: minutes)? (?P<way>to|till|before|of) {_HOUR}"),
    ("past", rf"(?<=by |at )(?P<p>5|10|20|25)(?: minutes)? (?P<way>to|before) {_HOUR}"),
    ("quantity", rf"{NUMBER} ?(?:{_QUANTITIES})\b"),
    ("clock", r"(?P<h>\d{1,2}) (?P<m>[0-5][05])\b(?! ?[%°]| degrees| percent)"),
    ("number", rf"(?P<n>{NUMBER})"),
    ("clock", r"(?P<h>noon|midday|midnight)\b"),
    (
        "part",
        r"(?:early )?(?:(?:in|at|this|tomorrow|every|each) )?(?:the )?(?:early |late )?"
        r"(?P<day>morning|afternoon|evening|night)s?\b",
    ),
    ("part", r"(?P<day>tonight|overnight)\b"),
    ("word", r"[^\W\d_]+"),
    ("skip", r"[\s.,;:!?()\"'&+/-]"),
    ("symbol", r"."),
]
_FORM = [(kind, re.compile(pattern)) for kind, pattern in _FORMS]
_NAMED = {"noon": 12, "midday": 12, "midnight": 0}
_DAY = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "night", "tonight": "night", "overnight": "night"}
TIMES = frozenset(
    (
        *_NAMED,
        *_DAY,
        "half",
        "quarter",
        "quarters",
        "thirds",
        "fifths",
        "third",
        "past",
        "oclock",
        "minus",
        "hundred",
        "degrees",
    )
)
TIMES |= frozenset(
    ("degree", "celsius", "fahrenheit", "percent", "euros", "euro", "dollars", "cents", "pounds", "bucks")
)
TIMES |= frozenset(
    ("mornings", "evenings", "nights", "hours", "minutes", "seconds", "miles", "litres", "watts", "times")
)
_OF_FULL = {"half": 50, "quarter": 25, "third": 100 / 3, "fifth": 20, "tenth": 10}
TIMED = ("clock", "number")
NUMERIC = (*TIMED, "temperature", "percent", "money")
UNCLEAR = {"heater": ("water_heater", "heat_pump"), "pump": ("heat_pump", "pool_pump")}
_SHORT = {
    "don't": "do not", "dont": "do not", "can't": "can not", "cant": "can not", "cannot": "can not",
    "won't": "will not", "wont": "will not", "doesn't": "does not", "doesnt": "does not", "mustn't": "must not",
    "mustnt": "must not", "shouldn't": "should not", "shouldnt": "should not", "needn't": "need not",
    "isn't": "is not", "isnt": "is not", "aren't": "are not", "o'clock": "oclock", "o clock": "oclock",
    "a.m.": "am", "p.m.": "pm", "a.m": "am", "p.m": "pm", "pls": "please", "plz": "please", "co2": "carbon",
    "w/": "with", "&": " and ", "@": "at", "tonite": "tonight", "min.": "min", "max.": "max", "12 noon": "noon",
    "12 midnight": "midnight", "twelve noon": "noon", "twelve midnight": "midnight",
}  # fmt: skip
_SHORTENED = re.compile(
    "|".join(rf"(?<!\w){re.escape(short)}(?!\w)" for short in sorted(_SHORT, key=len, reverse=True))
)
_LETTERS = re.compile(r"[^\W\d_]+")


def plain(sentence: str, spelled: Callable[[str], str] = str) -> str:
    """Lower case, without typographic variants and short forms; words as `spelled` would have them; digits."""
    text = unicodedata.normalize("NFKC", sentence).lower().replace("\u2019", "'").replace("\u2018", "'")
    text = re.sub("[\u2010-\u2015\u2212]", "-", " ".join(text.split()))
    text = _SHORTENED.sub(lambda found: _SHORT[found[0]], text)
    text = re.sub(r"(?<=[^\W\d_])'(?=[^\W\d_])", " ", text)
    text = _LETTERS.sub(lambda found: spelled(found[0]), text)
    return " ".join(digits(text).split())


def tokens(text: str, home: Mapping[str, Device]) -> list[Token]:
    """The tokens of a `plain` text; devices are found by the words of all known devices and of the home's own."""
    return _with_devices(_with_parts(list(_scanned(text))), _phrases(home))


def _scanned(text: str) -> Iterator[Token]:
    position, last = 0, ""
    while position < len(text):
        if text[position] in "-/" and last in NUMERIC:  # 22:00-06:00, 3 euros/day
            yield Token("word", "to" if text[position] == "-" else "per")
            position, last = position + 1, ""
            continue
        kind, found = next((kind, found) for kind, form in _FORM if (found := form.match(text, position)))
        position = found.end()
        if kind != "skip":
            yield _token(kind, found)
        last = last if found[0].isspace() else kind


def _token(kind: str, found: re.Match[str]) -> Token:
    groups, text = found.groupdict(), found[0]
    if kind == "past":
        return Token("clock", text, clock=_past(groups))
    if kind == "clock":
        return Token("clock", text, clock=_clock(groups))
    if kind == "part":
        return Token("part", text, name=_DAY[groups["day"]])
    if kind == "money":
        return Token("money", text, value=round(_value(groups["n"]) * 100, 3) + int(groups.get("c") or 0))
    if kind == "cents":
        return Token("money", text, value=_value(groups["n"]))
    if kind == "percent":
        named = groups.get("part")
        return Token("percent", text, value=_part_of_full(named) if named else _value(groups["n"]))
    return Token(kind, text, value=_value(groups["n"]) if groups.get("n") else 0)


def _part_of_full(text: str) -> int:
    """Percent of "half" or "three quarters"."""
    count, name = text.split() if " " in text else ("1", text)
    return round((int(count) if count.isdigit() else 1) * _OF_FULL[name.removesuffix("s")])


def _value(text: str) -> float:
    thousands = re.fullmatch(r"(-?\d+),(\d{3})", text)
    return float(thousands[1] + thousands[2] if thousands else text.replace(",", "."))


def _clock(groups: dict[str, str | None]) -> Clock:
    hour = groups["h"] or ""
    if hour in _NAMED:
        return Clock(_NAMED[hour], 0, "24")
    certain = groups.get("exact") and (hour.startswith("0") or len(hour) == 2)  # 5:30 may be of the afternoon
    half = groups.get("half") or ("24" if certain else "")
    return Clock(int(hour), int(groups.get("m") or 0), half)


def _past(groups: dict[str, str | None]) -> Clock:
    """half past six, ten to seven."""
    hour = groups["h"] or ""
    minutes = {"half": 30, "quarter": 15}.get(groups["p"] or "") or int(groups["p"] or 0)
    minutes = minutes if groups["p"] == "half" or groups["way"] in ("past", "after") else -minutes
    half = groups.get("half") or ("24" if hour in _NAMED else "")
    whole = _NAMED[hour] if hour in _NAMED else int(hour)
    if minutes >= 0:
        return Clock(whole, minutes, half)
    before = (whole - 1) % 24 if half == "24" or whole != 1 else 12
    return Clock(before, 60 + minutes, {"am": "pm", "pm": "am"}.get(half, half) if whole == 12 else half)


def _with_parts(found: list[Token]) -> list[Token]:
    """A part of the day that follows a time is told to it: seven in the evening."""
    told: list[Token] = []
    for token in found:
        clock = as_clock(told[-1]) if told and token.kind == "part" else None
        if clock and clock.half in ("", "24") and clock.hour <= 12:
            told[-1] = replace(told[-1], kind="clock", clock=clock._replace(half=token.name))
        else:
            told.append(token)
    return told


def as_clock(token: Token) -> Clock | None:
    """The time of day that a clock or a bare number may mean; None for what cannot be one."""
    if token.kind == "clock":
        return token.clock
    if token.kind != "number" or token.value < 0:
        return None
    if re.fullmatch(r"\d{1,2}", token.text):
        return Clock(int(token.text))
    parted = re.fullmatch(r"(\d{1,2})\.([0-5]\d)", token.text) or re.fullmatch(r"(\d\d)([0-5]\d)", token.text)
    return Clock(int(parted[1]), int(parted[2]), "24" if len(parted[1]) == 2 else "") if parted else None


def _phrases(home: Mapping[str, Device]) -> dict[tuple[str, ...], Token]:
    """Sequences of words -> the device, room or ambiguity that they are."""
    made = {tuple(room.split()): Token("room", room) for room in ROOMS}
    made |= {(word,): Token("unclear", word) for word in UNCLEAR}
    for device in (*DEVICES.values(), *home.values()):
        for words in (device.said, *device.words):
            plain_words = tuple(_LETTERS.findall(words.lower().replace("'", " ")))
            if not plain_words:
                continue
            made[plain_words] = Token("device", words, name=device.name)
            made.setdefault((*plain_words[:-1], plain_words[-1] + "s"), Token("device", words, name=device.name))
    return made


def _with_devices(found: list[Token], phrases: dict[tuple[str, ...], Token]) -> list[Token]:
    longest, told, position = max(map(len, phrases)), list[Token](), 0
    words = [token.text if token.kind == "word" else "" for token in found]
    while position < len(found):
        length = next((n for n in range(longest, 0, -1) if tuple(words[position : position + n]) in phrases), 0)
        told.append(phrases[tuple(words[position : position + length])] if length else found[position])
        position += length or 1
    return told
