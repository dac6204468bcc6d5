"""Durations and moments as people write them, and back: "90", "10m", "2h"; "today", "1h", ISO 8601."""

import re
from datetime import datetime, tzinfo

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S = 100 * 366 * 86_400


def duration_s(text: str) -> int:
    """Whole seconds of "90", "90s", "10m", "2h", "1d" or a sum such as "1h30m". Raises ValueError."""
    parts = re.findall(r"([0-9]+)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text or not all(u for _, u in parts[:-1]):
        raise ValueError(f"{text!r} is not a duration; write e.g. 90s, 10m, 2h or 1h30m")
    total = sum(int(number[:12]) * SECONDS[unit] for number, unit in parts)
    if total > LONGEST_S:
        raise ValueError(f"{text!r} is too long a duration; the longest is 100 years")
    return total


def moment_ms(text: str, now: datetime) -> int:
    """Unix ms of "now", "today", "yesterday" (local midnight), a duration ago, or ISO 8601.

    `now` carries the time zone that a time without one is in. Raises ValueError.
    """
    if text == "now":
        return _unix_ms(now)
    if text in ("today", "yesterday"):
        return _unix_ms(_midnight(now, days_ago=1 if text == "yesterday" else 0))
    if re.fullmatch(r"([0-9]+[smhd])+", text):
        return _unix_ms(now) - duration_s(text) * 1000
    try:
        moment = datetime.fromisoformat(text)
        unix_ms = _unix_ms(moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo))
    except (ValueError, OverflowError):
        unix_ms = -1
    if unix_ms < 0:
        raise ValueError(f"{text!r} is not a time; write e.g. 1h (ago), today or 2026-01-31T18:00")
    return unix_ms


def in_words(milliseconds: int) -> str:
    """A span to its two largest units: "9 s", "4 min 05 s", "2 h 10 min", "3 d 4 h". Rounds up: it counts down."""
    seconds = -(-max(milliseconds, 0) // 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02} min"
    return f"{minutes} min {seconds % 60:02} s" if minutes else f"{seconds} s"


def local(time_ms: int, zone: tzinfo | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A Unix time as local text; zone None is this machine's own."""
    return datetime.fromtimestamp(time_ms / 1000, zone).strftime(form)


def _midnight(now: datetime, days_ago: int) -> datetime:
    day = datetime.fromordinal(now.toordinal() - days_ago)
    return day.replace(tzinfo=now.tzinfo)


def _unix_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
