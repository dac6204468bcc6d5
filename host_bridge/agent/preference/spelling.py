"""Misspelt words put right: a word that is not known, and is one slip from one that is, is taken for that one."""

from collections.abc import Iterable
from difflib import SequenceMatcher

SHORTEST = 4
LONG, ALIKE = 8, 0.85  # a word of so many letters may have two slips


class Spelling:
    """Known words of a home; `corrected` tells what it took for what."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._by_letter: dict[str, list[str]] = {}
        for word in sorted(self._known):
            if len(word) >= SHORTEST:
                self._by_letter.setdefault(word[0], []).append(word)
        self.corrected: dict[str, str] = {}

    def __call__(self, word: str) -> str:
        """The word itself, or the known one that is meant; the first letter is never taken to be wrong."""
        if word in self._known or len(word) < SHORTEST:
            return word
        choices = self._by_letter.get(word[0], ())
        slips = [choice for choice in choices if one_slip(word, choice)]
        close = _likest(word, slips) or (_likest(word, choices, ALIKE) if len(word) >= LONG else None)
        if close:
            self.corrected[word] = close
        return close or word


def one_slip(word: str, other: str) -> bool:
    """Whether one letter left out, added, exchanged or swapped with its neighbour makes one of the other."""
    if abs(len(word) - len(other)) > 1 or word == other:
        return False
    start = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    left, right = word[start:], other[start:]
    swapped = left[1:2] + left[:1] + left[2:] == right
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]


def _likest(word: str, choices: Iterable[str], least: float = 0.0) -> str | None:
    ratios = {choice: SequenceMatcher(None, word, choice).ratio() for choice in choices}
    best = max(ratios, key=lambda choice: ratios[choice], default=None)
    return best if best and ratios[best] >= least else None
