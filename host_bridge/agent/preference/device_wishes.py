"""Wishes about a device, read from a sentence: deadline, comfort, priority, quiet hours, never.

Every number and time must have its place; what does not fit is refused with words that say what to write.
"""

from collections.abc import Callable, Sequence

from host_bridge.agent.preference.clock_times import minutes, window, written
from host_bridge.agent.preference.devices import Device
from host_bridge.agent.preference.kinds import Comfort, Deadline, Never, Priority, Quiet
from host_bridge.agent.preference.sentence import Read, Sentence, Unmapped, all_of, at_home, only, the_device, whole
from host_bridge.agent.preference.temperatures import bounds
from host_bridge.agent.preference.tokens import TIMED, Clock, Token, as_clock
from host_bridge.agent.preference.word_lists import (
    HEAT,
    NEGATIVE,
    NEVER_CUES,
    QUIET_CUES,
    READY,
    ROOM_C,
    SWITCHING,
    sayings,
)

_TURNED = {  # what says the contrary of the level
    "high": sayings("not first, not important, not the most, no priority, not urgent, never first, less important"),
    "low": sayings("not wait, never wait, not last, never last, not let, not make, not low, more important"),
}


def deadline(said: Sentence) -> Read:
    """A device and a time, perhaps a percent; a bare number after "to" or "at" beside another time is the percent."""
    warm_rooms = said.of("room") and not said.of("device", "unclear") and said.has(HEAT)
    device = at_home(said, "heat_pump") if warm_rooms else the_device(said)
    only(said, *TIMED, "percent", "part")
    if said.has(NEGATIVE) and not said.says("no later than", "not later than", "not forget"):
        raise Unmapped("say what is to be ready by when; what is not to be done cannot be a deadline")
    if said.says("at most", "maximum", "max") and said.of("percent"):
        raise Unmapped("a deadline says how full at least; a most cannot be set")
    if said.has(frozenset({"after", "since", "start", "begin", "starting"})):
        raise Unmapped("say by when it must be ready; a time to start at cannot be set, the agent finds it")
    percents = said.of("percent")
    clocks = [(token, clock) for token in said.of(*TIMED) if (clock := as_clock(token))]
    percent, clocks = _bare_percent(said, device, clocks) if not percents else (percents[0].value, clocks)
    if percent == 100 and not percents and not _readiness(said):
        raise Unmapped(f"say what the {device.said} must be by then: full, ready or done")
    times = list(dict.fromkeys(clock for _, clock in clocks))
    if len(percents) > 1 or len(times) > 1 or len(clocks) < len(said.of(*TIMED)) - (not percents and percent != 100):
        raise Unmapped("say one time and at most one percent")
    if not times:
        raise Unmapped("by what time? Say the hour, like 07:00")
    choices = [Deadline(device.name, written(at), whole(percent)) for at in _at(times[0], device, said)]
    return Read(choices[0], tuple(choices[1:]))


def _readiness(said: Sentence) -> bool:
    """Whether it says full, ready or done; "hot water by seven" does."""
    named = {word for token in said.of("device") for word in token.text.split()}
    return said.has(READY) or not named.isdisjoint(("hot", "warm"))


def _bare_percent(
    said: Sentence, device: Device, clocks: list[tuple[Token, Clock]]
) -> tuple[float, list[tuple[Token, Clock]]]:
    """(percent, the other times): "to 80 by seven"."""
    for before, token in zip(said.tokens, said.tokens[1:], strict=False):
        least = 10 if before.text == "to" else 25  # less is an hour
        if device.fills and token.kind == "number" and least <= token.value <= 100 and len(said.of(*TIMED)) == 2:
            return token.value, [pair for pair in clocks if pair[0] is not token]
    return 100, clocks


def _at(clock: Clock, device: Device, said: Sentence) -> list[int]:
    halves = {token.name for token in said.of("part")}
    if len(halves) > 1:
        raise Unmapped("morning or evening? Say the hour, like 07:00 or 19:00")
    if halves and clock.half in ("", "24") and clock.hour <= 12:
        clock = clock._replace(half=halves.pop())
    return minutes(clock, device.evening)


def comfort(said: Sentence) -> Read:
    """One bound or two of a device; without a device, of the rooms, or of the water where no room is that hot."""
    only(said, "number", "temperature")
    if said.says("too"):
        raise Unmapped("say a bound: at least 20 degrees, or at most 55")
    low_c, high_c = bounds(said.tokens)
    device = _heated(said, [bound for bound in (low_c, high_c) if bound is not None])
    if low_c is not None and high_c is not None and low_c > high_c:
        raise Unmapped(f"{low_c:g} to {high_c:g} degrees: say the lower one first")
    return Read(Comfort(device.name, low_c, high_c))


def _heated(said: Sentence, degrees: Sequence[float]) -> Device:
    if said.of("device"):
        return the_device(said)
    if strange := said.strange_things() if said.of("room") else said.strange:
        raise Unmapped(f'no device called "{strange[0]}": this home has {all_of(said.home)}')
    if said.of("room") and not said.of("unclear"):
        if not all(ROOM_C[0] <= value <= ROOM_C[1] for value in degrees):
            raise Unmapped(
                f"{degrees[-1]:g} degrees is beyond {ROOM_C[0]} to {ROOM_C[1]}, what a room can be asked for"
            )
        return at_home(said, "heat_pump")
    if said.says("pump") or not (said.of("temperature", "unclear") or said.has(HEAT)):
        return the_device(said)
    return at_home(said, "water_heater" if max(degrees) > ROOM_C[1] else "heat_pump")


def priority(level: str) -> Callable[[Sentence], Read]:
    """A device, and nothing that turns the wish round."""

    def read(said: Sentence) -> Read:
        device = the_device(said)
        only(said)
        if said.says(*_TURNED.get(level, ())) or (level != "high" and said.has(frozenset({"never"}))):
            raise Unmapped(f"first or last? Say: the {device.said} first, or: the {device.said} can wait")
        return Read(Priority(device.name, level))

    return read


def quiet(said: Sentence) -> Read:
    """Two times; a device, or all of them."""
    device = the_device(said).name if said.of("device", "unclear") else ""
    only(said, *TIMED, "part")
    if not device and said.strange:
        raise Unmapped(f'I do not know "{said.strange[0]}": name one of {all_of(said.home)}, or say: quiet')
    if not said.has(NEGATIVE) and not said.has(QUIET_CUES):
        raise Unmapped("a time at which to run something cannot be set; say from when to when it must be quiet")
    if said.says("is quiet", "is as quiet", "is silent", "are quiet", "only", "not be quiet", "not quiet", "no quiet"):
        raise Unmapped("say from when to when it must be quiet")
    clocks = [(token, clock) for token in said.of(*TIMED) if (clock := as_clock(token))]
    if len(clocks) != 2 or len(said.of(*TIMED)) != 2:
        raise Unmapped("from when to when? Say two times, like 22:00 to 06:00", _night(device))
    if _before(said, clocks[0][0]) == "before" and _before(said, clocks[1][0]) == "after":
        clocks.reverse()
    start, end = window(clocks[0][1], clocks[1][1])
    return Read(Quiet(written(start), written(end), device))


def _night(device: str) -> list[Quiet]:
    return [Quiet("22:00", "06:00", device)]


def _before(said: Sentence, token: Token) -> str:
    """The word before it."""
    index = next(index for index, each in enumerate(said.tokens) if each is token)
    return said.tokens[index - 1].text if index else ""


def never(said: Sentence) -> Read:
    """One device that the agent leaves alone."""
    device = the_device(said)
    only(said)
    denied = said.has(NEGATIVE)
    if not said.has(SWITCHING if denied else NEVER_CUES):
        raise Unmapped(f"say: never switch the {device.said}")
    if denied and said.says("alone", "hands", "ignore", "exclude"):
        raise Unmapped(f"say: never switch the {device.said}")
    if not denied and said.says("off") and not said.says("hands off", "fingers off", "off limits"):
        raise Unmapped("a device that is always off cannot be set; switch it off by hand, and say: leave it alone")
    return Read(Never(device.name))
