"""Durations and moments: what is taken, what is refused, and the days on which clocks change."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_bridge.times import duration_s, in_words, local, moment_ms

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=ZoneInfo("Europe/Zurich"))  # clocks went forward at 02:00


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), ("0", 0), ("1m5", 65)],
)
def test_durations(text, seconds):
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "10 m", "-5", "1.5h", "10x", "5 10m", "\u0661m", "\u00b2", "1" * 40 + "h", "101000d", "10m\n"]
)
def test_durations_refused(text):
    with pytest.raises(ValueError, match="duration"):
        duration_s(text)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text):
    try:
        assert duration_s(text) >= 0
    except ValueError as error:
        assert "duration" in str(error)


def test_today_is_the_local_midnight_even_when_the_day_has_23_hours():
    midnight = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    assert moment_ms("today", NOW) == midnight.timestamp() * 1000
    assert moment_ms("now", NOW) - moment_ms("today", NOW) == 11 * 3600 * 1000
    assert moment_ms("yesterday", NOW) == moment_ms("today", NOW) - 24 * 3600 * 1000


def test_a_duration_is_ago_and_a_time_without_zone_is_local():
    assert moment_ms("1h30m", NOW) == moment_ms("now", NOW) - 5_400_000
    assert moment_ms("2026-03-29T12:00", NOW) == moment_ms("now", NOW)
    assert moment_ms("2026-03-29T10:00:00.250Z", NOW) == moment_ms("now", NOW) + 250
    assert moment_ms("2026-03-29", NOW) == moment_ms("today", NOW)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "0001-01-01T00:00+23:00", "1h ago", "-1h"])
def test_moments_refused(text):
    with pytest.raises(ValueError, match="is not a time; write e.g."):
        moment_ms(text, NOW)


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 s"), (1, "1 s"), (9_000, "9 s"), (59_001, "1 min 00 s"), (245_000, "4 min 05 s"),
        (7_800_000, "2 h 10 min"), (273_600_000, "3 d 4 h"), (-5, "0 s"),
    ],
)  # fmt: skip
def test_in_words(milliseconds, words):
    assert in_words(milliseconds) == words


def test_local_text(monkeypatch):
    assert local(1_774_778_400_000, ZoneInfo("Europe/Zurich")) == "2026-03-29 12:00:00"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert local(1_774_778_400_000, None, "%H:%M") == "19:00"
    monkeypatch.undo()
    time.tzset()
