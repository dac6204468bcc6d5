"""The store over a node's boots: times from clocks that come late, events told once, sequences left free, registers."""

import asyncio
import sqlite3

import pytest

from gridnode.wire.schema import CLIPPED, TIME_UNSURE
from host_bridge.model import ClockRecord, Event, NodeEvent, Skipped, Switching
from host_bridge.store import tables
from host_bridge.store.retention import Days
from host_bridge.store.writer import Batch, Writer
from tests.host.store_kit import BERLIN, DAY, START, reading, running

MINUTE = 60_000
OFF = 3_600_000  # how long the node was off before each boot
NODE = ("home-01", 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.sqlite3"


def late(sequence, guess_ms=0, **changes):
    """A reading of a former boot, whose time is a guess: `guess_ms` too late."""
    plain = reading(sequence)
    changes = {"time_ms": plain.time_ms + guess_ms, "quality": TIME_UNSURE, **changes}
    return plain._replace(**changes)


def boot(sequence, told=None, unsure=True):
    at_ms = sequence * MINUTE
    quality = TIME_UNSURE if unsure else 0
    return NodeEvent(*NODE, sequence, "boot", 0, START + at_ms + OFF, at_ms, 4, 0, quality, told)


def clock(sequence, shift_ms=START, error_ms=0):
    return ClockRecord(*NODE, sequence, sequence * MINUTE, sequence * MINUTE + shift_ms, error_ms)


def sag(sequence, told=None, unsure=True, guess_ms=OFF):
    at_ms = sequence * MINUTE
    quality = TIME_UNSURE if unsure else 0
    return NodeEvent(*NODE, sequence, "sag", 0, START + at_ms + guess_ms, at_ms, 198_000, 340, quality, told)


def told(text="grid: sag", time_ms=START):
    return Event(time_ms, "warning", "sag", "home-01", text)


def stored(path, *records, rolled=None, times=1, events=None):
    """Add the records one by one, each committed before the next, and wait until `rolled` readings are in the sums."""

    async def go():
        async with running(path) as kit:
            for record in records * times:
                kit.store.add(record)
                await kit.until(lambda: kit.store.health().waiting == 0)
            if rolled is not None:
                await kit.until_true(lambda: _rolled(kit, rolled))
            return kit, await kit.store.readings(*NODE[:1], 0, 0, START + 40 * DAY, "raw", 1000), (
                await kit.store.readings(*NODE[:1], 0, 0, START + 40 * DAY, "minute", 1000)
            ), await kit.store.events(100)  # fmt: skip

    return asyncio.run(go())


async def _rolled(kit, readings):
    rows = await kit.store.readings("home-01", 0, 0, START + 40 * DAY, "day", 100)
    return sum(row.readings for row in rows) == readings


def rows(path, query):
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


# Times


def test_readings_of_a_former_boot_get_the_time_of_its_clock(path):
    course = [boot(0), *(late(n, OFF) for n in (1, 2)), clock(3), late(4, OFF, quality=TIME_UNSURE | CLIPPED)]
    _, raw, minutes, _ = stored(path, *course, boot(5, unsure=False), reading(6), rolled=4)
    assert [row.time_ms for row in raw] == [START + n * MINUTE for n in (1, 2, 4, 6)]
    assert [row.quality for row in raw] == [0, 0, CLIPPED, 0]
    assert [row.start_ms for row in minutes] == [START + n * MINUTE for n in range(6)]  # all in their own minutes
    assert sum(row.energy_import_mwh for row in minutes) == 5 * 60


def test_the_bound_of_a_settled_time_is_the_clocks_and_grows_from_there(path):
    course = [boot(0), late(1, OFF), late(2, OFF), clock(3, error_ms=40), late(4, OFF)]
    _, raw, _, _ = stored(path, *course, boot(5, unsure=False), reading(6, clock_error_ms=9), rolled=4)
    assert [row.clock_error_ms for row in raw] == [52, 46, 46, 9]  # 100 ppm of a minute is 6 ms


def test_what_came_while_its_boot_lasted_keeps_its_time(path):
    known = reading(2, time_ms=START + 2 * MINUTE + 7)  # by the session of then, 7 ms off the clock's word
    course = [late(0, OFF, energy_import_mwh=1000), clock(1), known, late(3, OFF), boot(4, unsure=False), reading(5)]
    _, raw, _, _ = stored(path, *course, rolled=3)
    assert [row.time_ms - START for row in raw] == [0, 2 * MINUTE + 7, 3 * MINUTE, 5 * MINUTE]


def test_each_boot_has_its_own_clock(path):
    first = [boot(0), late(1, 3 * OFF), clock(2, START), late(3, 3 * OFF)]
    second = [boot(4), clock(5, START + OFF), late(6, 3 * OFF)]
    _, raw, _, _ = stored(path, *first, *second, boot(7, unsure=False), reading(8, time_ms=START + 3 * OFF), rolled=4)
    shifts = [row.time_ms - START - row.sequence * MINUTE for row in raw[:3]]
    assert shifts == [0, 0, OFF]
    assert {row.quality for row in raw} == {0}


def test_a_boot_without_a_clock_goes_by_the_next_one_and_says_so(path):
    course = [boot(0), late(1, 3 * OFF), boot(2), clock(3, START + OFF), late(4, 3 * OFF)]
    _, raw, _, _ = stored(path, *course, boot(5, unsure=False), reading(6, time_ms=START + 3 * OFF), rolled=3)
    assert [(row.time_ms - START - row.sequence * MINUTE, row.quality) for row in raw[:2]] == [
        (OFF, TIME_UNSURE), (OFF, 0),
    ]  # fmt: skip


def test_no_clock_at_all_leaves_the_guess(path):
    _, raw, _, _ = stored(path, boot(0), late(1, OFF), boot(2, unsure=False), reading(3), rolled=2)
    assert [(row.sequence, row.time_ms - START, row.quality) for row in raw] == [
        (3, 3 * MINUTE, 0), (1, MINUTE + OFF, TIME_UNSURE),
    ]  # fmt: skip


def test_the_sums_wait_for_the_end_of_the_boot(path):
    _, raw, minutes, _ = stored(path, boot(0, unsure=False), reading(1), late(2, OFF), late(3, OFF), rolled=1)
    assert len(raw) == 3 and sum(row.readings for row in minutes) == 1
    _, raw, _, _ = stored(path, clock(4), boot(5, unsure=False), rolled=3)  # after a restart, too
    assert [row.time_ms for row in raw] == [START + n * MINUTE for n in (1, 2, 3)]


def test_a_clock_of_before_a_loss_is_not_believed_beyond_it(path):
    async def go():
        async with running(path) as kit:
            for record in (boot(0), clock(1), reading(2)):
                kit.store.add(record)
            await kit.store.floor(*NODE, 10)  # a boot may lie in what is lost
            for record in (late(10, OFF), boot(11, unsure=False), reading(12)):
                kit.store.add(record)
            await kit.until_true(lambda: _rolled(kit, 3))
            return await kit.store.readings("home-01", 0, 0, START + DAY, "raw", 10)

    assert [row.quality for row in sorted(asyncio.run(go()), key=lambda r: r.sequence)] == [0, TIME_UNSURE, 0]


def test_a_firmware_that_records_no_boots_does_not_hold_up_the_sums(path):
    _, raw, _, _ = stored(path, late(0, OFF), late(1, OFF), reading(2), reading(3), rolled=3)
    assert sorted(row.quality for row in raw) == [0, 0, TIME_UNSURE, TIME_UNSURE]


def test_switchings_and_events_get_their_time_too(path):
    switching = Switching(*NODE, 3, 0, START + 3 * MINUTE + OFF, 3 * MINUTE, "open", "expiry", 0, TIME_UNSURE,
                          told("opened", START + 3 * MINUTE + OFF))  # fmt: skip
    course = [boot(0), sag(1, told(time_ms=START + MINUTE + OFF)), clock(2), switching, boot(4, unsure=False)]
    _, _, _, events = stored(path, *course, reading(5), reading(6), rolled=2)
    assert [(event.text, event.time_ms) for event in reversed(events)] == [
        ("grid: sag", START + MINUTE), ("opened", START + 3 * MINUTE),
    ]  # fmt: skip
    assert rows(path, "SELECT time_ms, quality FROM switchings") == [(START + 3 * MINUTE, 0)]
    assert rows(path, "SELECT time_ms FROM node_events WHERE event = 'sag'") == [(START + MINUTE,)]


# Events


def test_what_a_node_noticed_is_told_once_however_often_it_comes(path):
    records = [reading(0), sag(1, told(), unsure=False), sag(1, told(), unsure=False)]
    kit, _, _, events = stored(path, *records, sag(1, told("another")), times=2)
    assert [event.text for event in events] == ["grid: sag"]
    assert [event.text for event in kit.log.recent] == ["grid: sag"]
    kit, _, _, events = stored(path, *records)  # after a restart
    assert [event.text for event in events] == ["grid: sag"] and not kit.log.recent


def test_the_one_of_a_batch_that_is_kept_is_the_one_told(path):
    writer = Writer(path, BERLIN)
    committed = writer.commit(Batch([sag(1, told("first")), sag(1, told("second"))], [], {}, {}))
    writer.close()
    assert [event.text for event in committed.told] == ["first"]
    assert rows(path, "SELECT text FROM events") == [("first",)]


def test_an_event_of_a_commit_that_fails_is_told_when_it_succeeds(path):
    async def go():
        async with running(path) as kit:
            kit.store.add(reading(0))
            await kit.stored(1)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            kit.store.add(sag(1, told(), unsure=False))
            await kit.until(lambda: not kit.store.health().writable)
            assert "grid: sag" not in [event.text for event in kit.log.recent]
            other.execute("COMMIT")
            await kit.until(lambda: kit.store.health().writable)
            assert [event.text for event in kit.log.recent].count("grid: sag") == 1

    asyncio.run(go())


def test_events_are_found_by_node_and_time(path):
    async def go():
        async with running(path) as kit:
            kit.store.add(sag(1, told("old", START)))
            kit.store.add(sag(2, told("new", START + 5)))
            kit.log.add("info", "bridge started", "of the bridge")
            await kit.until_true(lambda: _count(kit, 3))
            assert [event.text for event in await kit.store.events(9, "home-01")] == ["new", "old"]
            assert [event.text for event in await kit.store.events(9, "home-01", START + 1)] == ["new"]
            assert await kit.store.events(9, "home-02") == []

    asyncio.run(go())


async def _count(kit, count):
    return len(await kit.store.events(9)) == count


# Sequences left free


def test_a_sequence_left_free_is_acknowledged_and_not_asked_for_again(path):
    async def part(records, expected):
        async with running(path) as kit:
            for record in records:
                kit.store.add(record)
            await kit.until(lambda: len(kit.committed) == len(records))
            assert await kit.store.received(*NODE) == expected
            assert kit.kinds() == []  # nothing is lost
            assert kit.store.health().committed == len(records)

    free = [Skipped(*NODE, number) for number in (3, 4, 5)]
    asyncio.run(part([reading(0), reading(1), *free, reading(6)], (2, {3, 4, 5, 6})))
    asyncio.run(part([], (2, {3, 4, 5, 6})))  # so it was kept
    asyncio.run(part([reading(2)], (7, set())))
    assert rows(path, "SELECT first, beyond, cause FROM gaps") == [(3, 6, "skipped by the node")]


def test_a_repeat_of_a_free_sequence_forgets_none_beside_it(path):
    for records in ([Skipped(*NODE, n) for n in (0, 1, 2)], [Skipped(*NODE, 0)]):
        writer = Writer(path, BERLIN)
        writer.commit(Batch(records, [], {}, {}))
        writer.close()
    writer = Writer(path, BERLIN)
    writer.open()
    assert writer.received(*NODE) == (3, set())
    writer.close()


# Registers


def test_registers_go_on_over_a_boot(path):
    _, _, minutes, events = stored(
        path, boot(0), reading(1), reading(2), boot(3, unsure=False), reading(4), reading(5), rolled=4
    )
    assert sum(row.energy_import_mwh for row in minutes) == 4 * 60
    assert events == []


def test_a_new_journal_with_lower_registers_is_told_and_is_no_spike(path):
    below = [reading(n, epoch=2, energy_import_mwh=n * 60, time_ms=START + (n + 50) * MINUTE) for n in range(3)]
    kit, _, minutes, _ = stored(path, reading(0), reading(1), *below, rolled=3)
    assert kit.kinds() == ["registers replaced"]
    assert (
        "0.001 kWh import" in kit.texts("registers replaced")[0]
        and "from 0.000 kWh" in (kit.texts("registers replaced")[0])
    )
    assert sum(row.energy_import_mwh for row in minutes) == 3 * 60


def test_a_new_journal_that_goes_on_is_not_worth_an_event(path):
    further = [reading(n, epoch=2, time_ms=START + (n + 50) * MINUTE, energy_import_mwh=5000 + n * 60) for n in (0, 1)]
    kit, _, minutes, _ = stored(path, reading(0), reading(1), *further, rolled=2)
    assert kit.kinds() == []
    assert sum(row.energy_import_mwh for row in minutes) == 2 * 60  # and none is invented in between


def test_registers_that_the_node_began_anew_are_counted_from_there(path):
    began = NodeEvent(*NODE, 3, "registers began", 0, START, 0, 7, 0, 0, None)
    after = [reading(n, energy_import_mwh=7 + (n - 4) * 60) for n in range(4, 8)]
    kit, _, minutes, _ = stored(path, *(reading(n) for n in range(3)), began, *after, rolled=2 + 4)
    assert kit.kinds() == ["registers replaced"]
    assert sum(row.energy_import_mwh for row in minutes) == 2 * 60 + 3 * 60


def test_the_same_over_a_restart_right_behind_the_event(path):
    began = NodeEvent(*NODE, 3, "registers began", 0, START, 0, 7, 0, 0, None)
    stored(path, *(reading(n) for n in range(3)), began, rolled=2)
    kit, _, minutes, _ = stored(path, *(reading(n, energy_import_mwh=7 + (n - 4) * 60) for n in range(4, 8)), rolled=6)
    assert kit.kinds() == []  # it was told of before
    assert sum(row.energy_import_mwh for row in minutes) == 2 * 60 + 3 * 60


# Older files, retention


def test_a_file_of_the_first_schema_is_brought_up_to_date(path, monkeypatch):
    with monkeypatch.context() as then:
        then.setattr(tables, "STEPS", tables.STEPS[:1])
        db = tables.connect(path)
        db.execute("INSERT INTO nodes VALUES (1, 'home-01')")
        db.execute("INSERT INTO journals VALUES (1, 1, 0)")
        db.execute("INSERT INTO switchings VALUES (1, 1, 0, 0, 5, 5, 'open', 'boot', 0)")
        db.execute("INSERT INTO events VALUES (1, 5, 'info', 'tested', '', 'from before')")
        db.close()
    _, raw, _, events = stored(path, reading(1), sag(2, told(), unsure=False), reading(3), rolled=2)
    assert len(raw) == 2
    assert [event.text for event in events] == ["grid: sag", "from before"]
    assert rows(path, "SELECT quality FROM switchings") == [(0,)]


def test_old_events_of_nodes_go_and_the_borders_of_boots_stay(path):
    writer = Writer(path, BERLIN)
    records = [boot(0, unsure=False), sag(1, unsure=False), clock(2), reading(3), reading(4)]
    writer.commit(Batch(records, [], {}, {}))
    while writer.roll_up():
        pass
    while writer.prune(START + 10 * DAY, Days(1, 1, 1)):
        pass
    writer.close()
    assert rows(path, "SELECT event FROM node_events") == [("boot",)]
    assert rows(path, "SELECT count(*) FROM clocks") == [(1,)]
    assert rows(path, "SELECT count(*) FROM readings") == [(0,)]
