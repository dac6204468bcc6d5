"""A sentence cut into tokens, in a home with its devices: what the readers of each kind of wish ask of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from host_bridge.agent.preference.devices import Device
from host_bridge.agent.preference.kinds import Preference, PreferenceError
from host_bridge.agent.preference.tokens import NUMERIC, UNCLEAR, Token
from host_bridge.agent.preference.word_lists import WHO

_NAMING = frozenset(("the", "my", "our", "a", "an", "his", "her", "their", "no", "this", "that"))


class Unmapped(PreferenceError):
    """The sentence could not be mapped; `alternatives` are what may have been meant."""

    def __init__(self, words: str, alternatives: Sequence[Preference] = ()) -> None:
        super().__init__(words)
        self.alternatives = tuple(alternatives)


@dataclass(frozen=True, slots=True)
class Read:
    """The preference, and what else a time may have meant."""

    preference: Preference
    alternatives: tuple[Preference, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """Its tokens, in a home with these devices; `strange`: words that no phrase of its kind has."""

    tokens: tuple[Token, ...]
    home: Mapping[str, Device]
    strange: tuple[str, ...] = ()

    def of(self, *kinds: str) -> list[Token]:
        return [token for token in self.tokens if token.kind in kinds]

    @property
    def words(self) -> list[str]:
        return [token.text for token in self.tokens if token.kind == "word"]

    def strange_things(self) -> list[str]:
        """The strange words that seem to name a thing: the terrarium, my cellar."""
        before = ["the", *(token.text for token in self.tokens)]
        return [t.text for b, t in zip(before, self.tokens, strict=False) if t.text in self.strange and b in _NAMING]

    def has(self, words: frozenset[str]) -> bool:
        return not words.isdisjoint(self.words)

    def says(self, *phrases: str) -> bool:
        text = f" {' '.join(self.words)} "
        return any(f" {phrase} " in text for phrase in phrases)


def only(said: Sentence, *kinds: str) -> None:
    """Raises Unmapped when there is a number, time or amount that this kind of wish has no place for."""
    left = [token for token in said.of(*NUMERIC, "part") if token.kind not in kinds]
    if left:
        raise Unmapped(f'"{left[0].text}" has no place in that wish: leave it out, or say two wishes one at a time')


def the_device(said: Sentence) -> Device:
    """The one device that is named. Raises Unmapped."""
    names = list(dict.fromkeys(token.name for token in said.of("device")))
    unclear = said.of("unclear")
    if unclear and not names:
        both = [said.home[name].said for name in UNCLEAR[unclear[0].text] if name in said.home]
        raise Unmapped(f"which {unclear[0].text}: {' or '.join(both) or 'this home has none'}?")
    if not names:
        raise Unmapped(f"name the device that is meant: this home has {all_of(said.home)}")
    if len(names) > 1 or unclear:
        raise Unmapped("two devices in one sentence: say one wish for each, one at a time")
    _ours(said)
    return at_home(said, names[0])


def _ours(said: Sentence) -> None:
    """Raises Unmapped for "my sister's car"."""
    for owner, mark, token in zip(said.tokens, said.tokens[1:], said.tokens[2:], strict=False):
        if mark.text == "s" and token.kind == "device" and owner.text in {*said.strange, *WHO}:
            raise Unmapped(f"only devices of this home can be meant: {all_of(said.home)}")


def at_home(said: Sentence, name: str) -> Device:
    if name not in said.home:
        raise Unmapped(f"no device called {name.replace('_', ' ')}: this home has {all_of(said.home)}")
    return said.home[name]


def all_of(home: Mapping[str, Device]) -> str:
    return ", ".join(device.said for device in home.values()) or "no devices"


def whole(value: float) -> int:
    """A percent or an amount as it must be. Raises Unmapped."""
    if value != int(value):
        raise Unmapped(f"{value:g}: say a whole number")
    return int(value)
