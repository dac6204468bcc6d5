"""Messages of a node become records: with their time, what people are told of them, and what is not known yet."""

import pytest

from gridnode.wire import schema
from host_bridge.model import ClockRecord, Event, NodeEvent, NodeView, Reading, Skipped
from host_bridge.records import RecordReader

SHIFT = 1_780_000_000_000
BOOT_MS = 1_000_000
UNSURE = schema.TIME_UNSURE


@pytest.fixture
def view():
    view = NodeView("home-01", "loop://1")
    view.channels, view.contactors = ("grid", "heater"), ("water heater", "pump")
    return view


@pytest.fixture
def read(view):
    reader = RecordReader()
    reader.boot_time_ms = BOOT_MS

    def read(*message):
        return reader.read(list(message), view, 9, SHIFT)

    read.reader = reader
    return read


def interval(sequence, end_ms, quality=0):
    return schema.INTERVAL, sequence, 0, end_ms, 60_000, 500, 0, 1_000, None, None, 230_000, 5, 50_000, quality


def event(sequence, kind, index=0, node_ms=BOOT_MS, value=None, duration_ms=0):
    return schema.EVENT, sequence, schema.EVENTS.index(kind), index, node_ms, value, duration_ms


def switched(sequence, contactor, state, cause, node_ms=BOOT_MS):
    states, causes = schema.STATES.index(state), schema.CAUSES.index(cause)
    return schema.SWITCHED, sequence, contactor, node_ms, states, causes, 0


def test_a_reading_of_this_boot_has_its_time_by_the_session(read):
    reading = read(*interval(3, BOOT_MS, schema.CLIPPED))
    assert type(reading) is Reading
    assert (reading.time_ms, reading.node_end_ms, reading.quality) == (SHIFT + BOOT_MS, BOOT_MS, schema.CLIPPED)


def test_the_bound_of_a_time_is_the_wider_of_what_the_node_and_the_host_know(view):
    reader = RecordReader()
    reader.boot_time_ms = BOOT_MS

    def bound(k, error_ms):
        quality = schema.CLIPPED | k << schema.CLOCK_SHIFT
        reading = reader.read(list(interval(3, BOOT_MS, quality)), view, 9, 0, error_ms)
        assert reading.quality == schema.CLIPPED
        return reading.clock_error_ms

    assert (bound(0, 30), bound(5, 30), bound(4, 30), bound(31, 0)) == (30, 32, 30, 1 << 31)
    assert reader.read([schema.REGISTERS, 4, 1, BOOT_MS, 17, 4], view, 9, 0, 25).clock_error_ms == 25
    former = interval(3, BOOT_MS - 1, 5 << schema.CLOCK_SHIFT)
    assert reader.read(list(former), view, 9, 0, 30).clock_error_ms is None


def test_what_a_former_boot_recorded_has_a_guess_that_says_so(read):
    before = BOOT_MS - 1
    assert read(*interval(3, before, schema.CLIPPED)).quality == schema.CLIPPED | UNSURE
    assert read(schema.REGISTERS, 4, 1, before, 17, 4).quality == UNSURE
    assert read(*switched(5, 0, "open", "boot", before)).quality == UNSURE
    assert read(*event(6, "sag", 0, before)).quality == UNSURE
    assert read(schema.REGISTERS, 4, 1, BOOT_MS, 17, 4).quality == 0
    assert read(*switched(5, 0, "open", "boot")).quality == read(*event(6, "sag")).quality == 0


def test_events_clocks_and_what_was_skipped(read):
    found = read(*event(7, "sag", 1, BOOT_MS + 5, 198_240, 340))
    assert found == NodeEvent(
        "home-01", 9, 7, "sag", 1, SHIFT + BOOT_MS + 5, BOOT_MS + 5, 198_240, 340, 0,
        Event(SHIFT + BOOT_MS + 5, "warning", "sag", "home-01", "heater: voltage sag to 198.2 V for 0.34 s"),
    )  # fmt: skip
    assert read(schema.CLOCK, 8, 5, 6, 40) == ClockRecord("home-01", 9, 8, 5, 6, 40)
    assert read(schema.SKIPPED, 9) == Skipped("home-01", 9, 9)


def test_a_boot_is_told_of_unless_the_session_has_told_of_it(read):
    assert read(*event(1, "boot", 0, BOOT_MS, 5)).told is None
    assert read(*event(1, "boot", 0, BOOT_MS - 1, 4)).told.text == "started (boot 4)"


def test_a_trip_is_told_with_what_was_measured_in_the_unit_of_its_cause(read):
    assert read(*event(1, "trip", 1, value=42_300)).told.text == "pump tripped"  # the cause is not known yet
    assert read(*switched(2, 1, "tripped", "over-current")).told is None
    assert read(*event(3, "trip", 1, value=42_300)).told.text == "pump tripped because of over-current: 42.3 A"
    assert read(*event(4, "trip", 0, value=42_300)).told.text == "water heater tripped"
    read.reader.reported(0, "locked out", "over-voltage")
    read.reader.reported(1, "closed", "retry")
    assert read(*event(5, "trip", 0, value=270_000)).told.text.endswith("over-voltage: 270.0 V")
    assert read(*event(6, "trip", 1, value=42_300)).told.text.endswith("over-current: 42.3 A")


def test_a_lock_out_is_told_as_an_error(read):
    told = read(*switched(2, 1, "locked out", "welded", BOOT_MS + 9)).told
    assert (told.level, told.kind, told.node, told.time_ms) == ("error", "switched", "home-01", SHIFT + BOOT_MS + 9)
    assert told.text.startswith("pump is locked out")
    assert read(*switched(3, 1, "closed", "request")).told is None
