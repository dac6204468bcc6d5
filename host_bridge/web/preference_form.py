"""A preference chosen field by field, instead of in a sentence."""

from collections.abc import Callable, Sequence
from typing import Any

from host_bridge.agent.preference import Preference, PreferenceError, read
from host_bridge.agent.preference.documents import KINDS
from host_bridge.agent.preference.kinds import LEVELS, OFS, PERS, WHATS, WITHS
from host_bridge.web.elements import Text, box
from host_bridge.web.fields import choice, field

KIND_WORDS = {
    "deadline": "done or charged by a time of day",
    "comfort": "a temperature kept within bounds",
    "priority": "who comes first when there is not enough",
    "budget": "no more than this amount",
    "weight": "cost or carbon dioxide first",
    "quiet": "quiet hours",
    "share": "what may be shared with whom",
    "never": "never switched by the agent",
}
# Name in the document: words, what it is, an example.
FIELDS: dict[str, tuple[str, str, str]] = {
    "device": ("device", "device", ""),
    "by": ("by, every day", "time", "07:00"),
    "percent": ("charged to, % (nothing: all of it)", "whole", "100"),
    "low_c": ("no colder than, \N{DEGREE SIGN}C (nothing: no bound)", "number", "45"),
    "high_c": ("no warmer than, \N{DEGREE SIGN}C (nothing: no bound)", "number", "60"),
    "level": ("its turn", "level", ""),
    "amount_cents": ("amount, ct", "whole", "300"),
    "per": ("in each", "per", ""),
    "of": ("what counts most", "of", ""),
    "start": ("from, every day", "time", "22:00"),
    "end": ("to", "time", "06:00"),
    "what": ("what", "what", ""),
    "with": ("with whom", "with", ""),
}
OF_KIND = {
    "deadline": ("device", "by", "percent"), "comfort": ("device", "low_c", "high_c"), "priority": ("device", "level"),
    "budget": ("amount_cents", "per"), "weight": ("of",), "quiet": ("start", "end", "device"),
    "share": ("what", "with"), "never": ("device",),
}  # fmt: skip
CHOICES = {"level": LEVELS, "per": PERS, "of": OFS, "what": WHATS, "with": WITHS}


class PreferenceForm:
    """`proposed(preference)` is called with what was chosen, `trouble(words)` with what is wrong in it."""

    def __init__(
        self, devices: Sequence[str], proposed: Callable[[Preference], None], trouble: Callable[[str], None]
    ) -> None:
        self._devices, self._proposed, self._trouble = list(devices), proposed, trouble
        self._kind, self._written = KINDS[0], dict[str, str]()
        with box("details", "more"):
            Text("summary", "Or choose it field by field")
            with box("div", "form"):
                offers = [(kind, KIND_WORDS.get(kind, kind)) for kind in KINDS]
                with box("label", "chooser tall"):
                    Text("span", "kind of preference")
                    choice("Kind of preference", offers, self._choose, self._kind)
                self._room = box("div", "fields")
                with box("div", "ask"):
                    Text("button", "Show what it means", "button").props("type=button").on("click", self._propose)
        self._choose(self._kind)

    def _choose(self, kind: str) -> None:
        self._kind, self._written = kind, {}
        self._room.clear()
        with self._room:
            for name in OF_KIND[kind]:
                with box("label"):
                    Text("span", FIELDS[name][0])
                    self._add(name)

    def _add(self, name: str) -> None:
        words, kind, example = FIELDS[name]

        def write(text: str) -> None:
            self._written[name] = text.strip()

        offers = [(device, device.replace("_", " ")) for device in self._devices] if kind == "device" else []
        if kind == "device" and self._kind == "quiet":
            offers = [("", "all of them"), *offers]
        offers = [(each, each) for each in CHOICES[kind]] if kind in CHOICES else offers
        if kind in CHOICES or kind == "device":
            write(offers[0][0] if offers else "")
            choice(words, offers, write, offers[0][0] if offers else "")
            return
        given = example if kind == "time" else ""
        write(given)
        field(words, example, write, given, kind="time" if kind == "time" else "number")

    def _propose(self) -> None:
        try:
            self._proposed(read(document(self._kind, self._written), self._devices))
        except PreferenceError as error:
            self._trouble(f"That is no preference: {error}")


def document(kind: str, written: dict[str, str]) -> dict[str, Any]:
    """Of what was written; an empty field is left out. Raises PreferenceError: a number is none."""
    found: dict[str, Any] = {"kind": kind}
    for name in OF_KIND[kind]:
        text = written.get(name, "")
        if text or (name == "device" and kind != "quiet"):
            found[name] = _value(FIELDS[name][1], text, FIELDS[name][0])
    return found


def _value(kind: str, text: str, words: str) -> Any:
    if kind not in ("whole", "number"):
        return text
    try:
        value = float(text)
    except ValueError:
        raise PreferenceError(f"{words}: {text!r} is no number") from None
    return int(value) if value == int(value) else value
