"""A sentence -> the preference it means, for a person to confirm; or why it could not be mapped.

The model says which kind of wish it is, rules read its times and amounts; both must agree on every word that counts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from host_bridge.agent.preference import device_wishes, home_wishes, word_lists
from host_bridge.agent.preference.devices import DEVICES, ROOMS, Device, Devices, listed
from host_bridge.agent.preference.kinds import Preference, PreferenceError
from host_bridge.agent.preference.model import Guess, guesses, written
from host_bridge.agent.preference.numbers import VALUES
from host_bridge.agent.preference.phrases import phrases
from host_bridge.agent.preference.refusals import refuse
from host_bridge.agent.preference.sentence import Read, Sentence, Unmapped
from host_bridge.agent.preference.spelling import Spelling
from host_bridge.agent.preference.tokens import TIMES, UNCLEAR, Token, plain, tokens

SURE = 0.7  # of the model; below, nothing is proposed
LONGEST = 200  # letters
# Words that no phrase of its kind has: so many, and so much of all; fewer where no device or amount bears it out.
STRANGE_MOST, STRANGE_SHARE = 2, 0.34
LOOSE_MOST, LOOSE_SHARE = 1, 0.2
_PARTS = re.compile(r"[;,]\s+|[.!]\s+|\s(?:and|but|plus|also)\s")
_NO_WISH = {
    "command": "that is to be done now: switch it on the home's page; here wishes are set that last",
    "question": "that is a question: the home's page and its account answer those; here wishes are set",
    "other": "I see no wish in that; say it like: car full by 07:00, or: water never above 55",
}

_READERS: dict[str, Callable[[Sentence], Read]] = {  # by the model's labels
    "deadline": device_wishes.deadline,
    "comfort": device_wishes.comfort,
    "priority low": device_wishes.priority("low"),
    "priority normal": device_wishes.priority("normal"),
    "priority high": device_wishes.priority("high"),
    "quiet": device_wishes.quiet,
    "never": device_wishes.never,
    "budget": home_wishes.budget,
    "weight cost": home_wishes.weight("cost"),
    "weight carbon": home_wishes.weight("carbon"),
    "share": home_wishes.share,
}


@dataclass(frozen=True, slots=True)
class Understood:
    """A proposal. `preference` None: not mapped, and `words` says why and what to write; else what will be done.

    `confidence` 0..1 of the model; `alternatives`: what else may have been meant, for a person to choose from.
    """

    preference: Preference | None
    confidence: float
    words: str
    alternatives: tuple[Preference, ...] = ()


def understand(sentence: str, devices: Devices) -> Understood:
    """The one preference that `sentence` (English) means in a home with these devices. Sets nothing; raises nothing.

    The first call loads scikit-learn and trains the model, which takes seconds: call it in a thread.
    """
    if not sentence.strip():
        return Understood(None, 0.0, "say a wish, like: car full by 07:00")
    if len(sentence) > LONGEST:
        return Understood(None, 0.0, f"say it in {LONGEST} letters or fewer, one wish at a time")
    home = listed(devices)
    spelling = Spelling(_known(home))
    text = plain(sentence, spelling)
    whole = _one(text, home)
    told = _two_wishes(text, home, whole) or whole
    if told.preference is None or not spelling.corrected:
        return told
    taken = ", ".join(f'"{wrong}" as "{right}"' for wrong, right in spelling.corrected.items())
    return replace(told, words=f"{told.words} (I read {taken}.)")


def _known(home: Mapping[str, Device]) -> set[str]:
    named = [word for device in (*DEVICES.values(), *home.values()) for word in (device.said, *device.words)]
    known = {word for words in (*named, *ROOMS) for word in words.lower().split()}
    return known | phrases().vocabulary | phrases().common | TIMES | word_lists.ALL | VALUES.keys() | UNCLEAR.keys()


def _one(text: str, home: Mapping[str, Device]) -> Understood:
    """As if it were one wish."""
    found = tokens(text, home)
    best = _best(guesses([written(found)])[0])
    try:
        read = _read(found, home, best, text)
    except Unmapped as error:
        return Understood(None, best.probability, str(error), error.alternatives)
    except PreferenceError as error:
        return Understood(None, best.probability, str(error))
    if best.probability < SURE:
        words = f"I am not sure what is meant: {read.preference.words()} If so, choose it; else say it another way"
        return Understood(None, best.probability, words, (read.preference,))
    words = read.preference.words()
    if read.alternatives:
        words += " Another time of day may be meant: choose."
    return Understood(read.preference, best.probability, words, read.alternatives)


def _best(likeliest: list[Guess]) -> Guess:
    """The first; cost and carbon are one wish to the model, its words tell which."""
    first = likeliest[0]
    both = sum(guess.probability for guess in likeliest if guess.label.startswith("weight"))
    return first._replace(probability=min(both, 1.0)) if first.label.startswith("weight") else first


def _read(found: list[Token], home: Mapping[str, Device], guess: Guess, text: str) -> Read:
    """Raises PreferenceError."""
    refuse(found, home, guess.label, text)
    if guess.label in _NO_WISH:
        raise Unmapped(_NO_WISH[guess.label])
    said = Sentence(tuple(found), home, _strange(found, guess.label))
    loose = not said.of("device", "room", "money", "clock")
    most, part = (LOOSE_MOST, LOOSE_SHARE) if loose else (STRANGE_MOST, STRANGE_SHARE)
    if len(said.strange) > most or len(said.strange) > part * len(found):
        raise Unmapped(f'I do not understand "{" ".join(said.strange)}" there: say it in other words, in English')
    return _READERS[guess.label](said)


def _strange(found: list[Token], label: str) -> tuple[str, ...]:
    known = phrases().polite | phrases().words.get(label, frozenset()) | word_lists.NEGATIVE
    known |= word_lists.OF_LABEL.get(label, frozenset())
    return tuple(token.text for token in found if token.kind == "word" and token.text not in known)


def _two_wishes(text: str, home: Mapping[str, Device], whole: Understood) -> Understood | None:
    """The refusal of a sentence whose parts are wishes of their own, which it then offers one by one."""
    parts = [part for part in _PARTS.split(text) if part.strip()]
    if len(parts) < 2:
        return None
    each = [_one(part, home) for part in parts]
    wishes = tuple(dict.fromkeys(part.preference for part in each if part.preference))
    if len(wishes) < 2 or (whole.preference and all(wish.key() == whole.preference.key() for wish in wishes)):
        return None
    return Understood(None, whole.confidence, "two wishes in one sentence: say them one at a time, or choose", wishes)
