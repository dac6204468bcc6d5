"""Which time of day is meant: "by seven" of a car is in the morning, "from ten to six" is over night."""

from itertools import product

from host_bridge.agent.preference.kinds import PreferenceError
from host_bridge.agent.preference.tokens import Clock

NIGHT_BEGINS = 7  # a quiet time from this hour or later, in words without am or pm, is one of the evening
_DAY = 24 * 60


def minutes(clock: Clock, evening: bool) -> list[int]:
    """Minutes of the day that may be meant, the likelier first. Raises PreferenceError for 25:00.

    `evening`: a bare hour from one to eleven is one of the afternoon or evening.
    """
    half = clock.half
    if not 0 <= clock.hour <= 24 or not 0 <= clock.minute < 60 or (clock.hour == 24 and clock.minute):
        raise PreferenceError(f"there is no time {clock.hour}:{clock.minute:02}: write one from 00:00 to 23:59")
    if clock.hour > 12 or clock.hour == 0:
        if half in ("am", "pm", "night") and clock.hour in (0, 24):
            half = "24"
        if half == "am":
            raise PreferenceError(f"{clock.hour}:{clock.minute:02} is not in the morning: say which of the two")
        return [(clock.hour * 60 + clock.minute) % _DAY]
    first, second = (clock.hour % 12 + 12 * later for later in (0, 1))
    if half == "24":
        return [clock.hour * 60 + clock.minute]
    if half == "night":
        half = "pm" if 6 <= clock.hour < 12 else "am"
    if half:
        return [(second if half == "pm" else first) * 60 + clock.minute]
    later_first = evening or clock.hour in (12, 1, 2, 3, 4)
    return [hour * 60 + clock.minute for hour in ((second, first) if later_first else (first, second))]


def window(start: Clock, end: Clock) -> tuple[int, int]:
    """Start and end of a quiet time, minutes of the day: the shortest that may be meant."""
    if start == end and not start.half:
        raise PreferenceError("from when to when? Say two times of day, like 22:00 to 06:00")
    choices = list(product(minutes(start, True), minutes(end, False)))
    if not start.half and not end.half and start.hour <= 12 and end.hour <= 12:
        evening = start.hour >= NIGHT_BEGINS
        choices = [pair for pair in choices if (pair[0] >= 720) == (evening or start.hour < 6)] or choices
    return min(choices, key=lambda pair: ((pair[1] - pair[0]) % _DAY or _DAY, -pair[0]))


def written(minute: int) -> str:
    """HH:MM."""
    return f"{minute // 60:02}:{minute % 60:02}"
