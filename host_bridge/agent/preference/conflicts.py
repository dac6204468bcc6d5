"""Preferences that cannot both be kept, found and told in words that say which gives way."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from host_bridge.agent.preference.devices import named
from host_bridge.agent.preference.kinds import (
    Budget,
    Comfort,
    Deadline,
    Never,
    Preference,
    Priority,
    Quiet,
    Share,
)

_DAYS = {"day": 1, "week": 7, "month": 31}
LONG_QUIET_MIN = 20 * 60  # quiet for longer leaves too little of the day for a deadline


@dataclass(frozen=True, slots=True)
class Conflict:
    """`first` gives way to `second`, or cannot be kept beside it. `hard`: not at all; else in part."""

    first: Preference
    second: Preference
    words: str
    hard: bool


def conflicts(preferences: Iterable[Preference]) -> list[Conflict]:
    """Every pair that cannot be kept whole, in the order in which the preferences stand."""
    found = (_between(*pair) or _between(*reversed(pair)) for pair in combinations(preferences, 2))
    return [conflict for conflict in found if conflict]


def _between(first: Preference, second: Preference) -> Conflict | None:
    if isinstance(second, Never) and not isinstance(first, Never):
        return _never(first, second)
    if isinstance(second, Quiet):
        return _quiet(first, second)
    if isinstance(first, Deadline) and isinstance(second, Comfort):
        return None
    if isinstance(first, Budget) and isinstance(second, Budget):
        return _budgets(first, second)
    if isinstance(first, Share) and isinstance(second, Share):
        return _shares(first, second)
    return None


def _never(first: Preference, never: Never) -> Conflict | None:
    if not isinstance(first, Deadline | Comfort | Priority | Quiet) or first.device != never.device:
        return None
    said = named(never.device).said
    words = f"The agent never switches the {said}, so it cannot keep: {first.words()} Take one of the two away."
    return Conflict(first, never, words, hard=True)


def _quiet(first: Preference, quiet: Quiet) -> Conflict | None:
    if not isinstance(first, Deadline | Comfort) or quiet.device not in ("", first.device):
        return None
    said = named(first.device).said
    length = (_minutes(quiet.end) - _minutes(quiet.start)) % 1440
    if isinstance(first, Comfort):
        words = f"From {quiet.start} to {quiet.end} the {said} is not run, and may leave its temperatures meanwhile."
        return Conflict(first, quiet, words, hard=False)
    if length >= LONG_QUIET_MIN:
        words = f"Quiet from {quiet.start} to {quiet.end} leaves too little time for the {said} by {first.by}."
        return Conflict(first, quiet, words, hard=True)
    if 0 < (_minutes(first.by) - _minutes(quiet.start)) % 1440 <= length:
        words = f"The {said} is to be ready by {first.by}, within its quiet hours: it will be by {quiet.start} already."
        return Conflict(first, quiet, words, hard=False)
    return None


def _budgets(first: Budget, second: Budget) -> Conflict | None:
    shorter, longer = sorted((first, second), key=lambda budget: _DAYS[budget.per])
    if shorter.per == longer.per or shorter.amount_cents < longer.amount_cents:
        return None
    words = f"The budget of a {longer.per} is no larger than that of a {shorter.per}, which therefore never counts."
    return Conflict(shorter, longer, words, hard=False)


def _shares(first: Share, second: Share) -> Conflict | None:
    if not first.allows or second.allows:
        return None
    if second.what not in (first.what, "nothing") or second.with_whom not in (first.with_whom, "nobody"):
        return None
    words = f"{second.words()} That wins over: {first.words()} Take one of the two away."
    return Conflict(first, second, words, hard=True)


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
