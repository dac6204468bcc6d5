"""Wishes about the whole home, read from a sentence: budget, what counts most, what is shared with whom."""

from collections.abc import Callable

from host_bridge.agent.preference.kinds import Budget, Share, Weight
from host_bridge.agent.preference.sentence import Read, Sentence, Unmapped, only, whole
from host_bridge.agent.preference.word_lists import (
    ALLOWING,
    CAPPING,
    CARBON,
    COMPARING,
    COST,
    DISMISSED,
    NEGATIVE,
    PERIODS,
    PRIVATE,
    WHATS,
    WHO,
    WORTH_MORE,
)


def budget(said: Sentence) -> Read:
    """One amount and one period; of the whole home."""
    only(said, "money", "number")
    if said.of("device", "unclear"):
        raise Unmapped("a budget is for the whole home, not for one device")
    amounts = said.of("money", "number")
    if len(amounts) != 1:
        raise Unmapped("how much at most? Say one amount, like: at most 3 euros a day")
    pers = list(dict.fromkeys(PERIODS[word] for word in said.words if word in PERIODS))
    if len(pers) != 1 or not pers[0]:
        raise Unmapped("at most so much in what time? Say a day, a week or a month")
    if said.says("at least", "save", "earn", "minimum"):
        raise Unmapped("a budget is the most that is spent; a least cannot be set")
    if not said.has(CAPPING):
        raise Unmapped("is that the most that is to be spent? Say: at most 3 euros a day")
    cents = amounts[0].value * (100 if amounts[0].kind == "number" else 1)
    return Read(Budget(whole(cents), pers[0]))


def weight(of: str) -> Callable[[Sentence], Read]:
    """Cost or carbon, as the words have it; where they compare nothing, the model must agree."""

    def read(said: Sentence) -> Read:
        only(said)
        if said.of("device"):
            raise Unmapped("what counts most is for the whole home, not for one device")
        wins = _wins(said)
        if not wins or (wins != of and not said.has(COMPARING)):
            raise Unmapped("cost or carbon? Say: as cheap as possible, or: as little carbon as possible")
        return Read(Weight(wins))

    return read


def _wins(said: Sentence) -> str | None:
    """What the words put first: what is not dismissed; of two the first that is said, but the second after "less"."""
    text = f" {' '.join(said.words)} "
    for phrase in WORTH_MORE:
        text = text.replace(f" {phrase} ", " dismissed cost ")
    for phrase in DISMISSED:
        text = text.replace(f" {phrase} ", " dismissed ")
    words, named = text.split(), list[str]()
    for index, word in enumerate(words):
        of = "cost" if word in COST else "carbon" if word in CARBON else ""
        gone = "dismissed" in words[max(0, index - 3) : index]
        if of:
            named.append({"cost": "carbon", "carbon": "cost"}[of] if gone else of)
    if not named:
        return None
    return named[-1] if "less" in words and "than" in words else named[0]


def share(said: Sentence) -> Read:
    """What, and with whom; withheld where the sentence denies."""
    only(said)
    whats = {WHATS[word] for word in said.words if word in WHATS}
    who = {WHO[word] for word in said.words if word in WHO}
    if said.says("next door"):
        who.add("neighbours")
    denied = said.has(NEGATIVE) or said.has(PRIVATE)
    if len(whats) > 1 or len(who) > 1 or said.has(frozenset({"but", "except"})):
        raise Unmapped("say one thing and one other: share my readings, forecast or preferences with the neighbours")
    if said.says(*(f"{who} {does}" for who in WHO for does in ("never", "do not", "does not"))):
        raise Unmapped("say who may see what; what others do cannot be set")
    what, with_whom = next(iter(whats), ""), next(iter(who), "")
    if denied and what and with_whom:
        choices = [Share(what, "nobody"), Share("nothing", with_whom)]
        raise Unmapped("say: nobody may see that, or: nothing to them; nothing is shared unless it is allowed", choices)
    if denied:
        return Read(Share(what or "nothing", with_whom or "nobody"))
    if not what or not with_whom or not said.has(ALLOWING):
        raise Unmapped("share what (readings, forecast or preferences) with whom (neighbours or operator)?")
    return Read(Share(what, with_whom))
