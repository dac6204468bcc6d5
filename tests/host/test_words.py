"""Words for people: everything the schema can say has some, and they say the right thing."""

import pytest

from gridnode.wire import schema
from host_bridge import words

CHANNELS, CONTACTORS = ("grid", "heater"), ("water heater",)


def told(kind, subject=0, value=None, duration_ms=0, cause=""):
    return words.event(kind, subject, value, duration_ms, CHANNELS, CONTACTORS, cause)


def test_everything_that_the_schema_can_say_has_words():
    assert set(words.CAUSES) == set(schema.CAUSES)
    assert set(words.REASONS) | {"none", "repeat too old", "wrong session"} >= set(schema.REASONS)
    bits = [value for name, value in vars(schema).items() if name in BITS]
    assert sorted(words.QUALITY) == sorted(bits) == [1 << number for number in range(len(bits))]
    for kind in schema.EVENTS:
        for value in (None, 0, 7):
            level, text = told(kind, value=value)
            assert level in ("info", "warning", "error") and text


BITS = {
    "NO_VOLTAGE", "CLIPPED", "SHORT_WINDOW", "OPEN_INPUT", "REVERSED", "WRONG_PHASE", "NO_ANSWER", "UNBELIEVABLE",
    "BOUNCE", "TIME_UNSURE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0, "good"),
        (schema.NO_VOLTAGE, "no voltage"),
        (schema.CLIPPED | schema.REVERSED, "clipped, reversed"),
        (schema.BOUNCE | 1 << 20, "pulses bounce, 0x100000"),
    ],
)
def test_quality_in_words(bits, text):
    assert words.quality(bits) == text


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (("sag", 1, 198_240, 340), "warning", "heater: voltage sag to 198.2 V for 0.34 s"),
        (("swell", 0, 256_000, 61_000), "warning", "grid: voltage swell to 256.0 V for 1 min 01 s"),
        (("interruption", 4, None, 0), "warning", "channel 4: voltage interruption for 0.00 s"),
        (("trip", 0, 42_300, 0, "over-current"), "warning", "water heater tripped because of over-current: 42.3 A"),
        (
            ("trip", 0, 52_013, 0, "over-frequency"), "warning",
            "water heater tripped because of over-frequency: 52.01 Hz",
        ),
        (("trip", 0, 42_300, 0, ""), "warning", "water heater tripped"),
        (("trip", 3, 1, 0, "welded"), "warning", f"contactor 3 tripped {words.CAUSES['welded']}"),
        (("quality", 0, 0), "info", "grid: readings are good again"),
        (("quality", 1, schema.SHORT_WINDOW), "warning", "heater: short window"),
        (("document stored", 1, 3), "info", "calibration version 3 stored"),
        (("document reverted", 0, 2), "info", "plan: back to version 2"),
        (("registers began", 1, 1_500_000), "info",
         "heater: no energy register was found on the node; it began at 1.500 kWh"),
        (("boot", 0, 5), "info", "started (boot 5)"),
    ],
)  # fmt: skip
def test_an_event_in_words(event, level, text):
    assert told(*event) == (level, text)


def test_a_fault_says_what_to_do():
    assert "turn its transformer round" in told("quality", 0, schema.REVERSED)[1]
    assert told("flash fault", 28)[0] == "error" and "replace the board" in told("flash fault", 28)[1]
    assert "12 records" in told("records dropped", 0, 12)[1] and "3 records" in told("block damaged", 0, 3)[1]


@pytest.mark.parametrize("cause", schema.CAUSES)
def test_a_lock_out_is_an_error_and_says_what_to_do(cause):
    level, text = words.switching("pump", "locked out", cause)
    assert level == "error" and "pump is locked out" in text
    assert words.advice("locked out", cause) in text and "reset" in text


def test_what_is_told_otherwise_is_not_told_twice():
    assert words.switching("pump", "closed", "request") is None  # by the dispatch
    assert words.switching("pump", "open", "boot") is None
    assert words.switching("pump", "tripped", "over-current") is None  # by the event, with what was measured
    assert words.switching("pump", "open", "expiry") == ("info", "pump opened because its hold ended")
    assert words.switching("pump", "closed", "retry") == ("warning", "pump closed again after a trip")


def test_advice_is_for_those_who_need_it():
    assert words.advice("open", "expiry") == words.advice("closed", "request") == ""
    assert "by itself" in words.advice("tripped", "over-current")
    assert "may still be on" in words.advice("locked out", "welded")


def test_only_a_contact_that_opened_means_that_the_load_is_off():
    assert [words.load(state, "request") for state in schema.STATES] == ["load off", "load on", "load off", "load off"]
    assert words.load("locked out", "welded") == "load may be on"
