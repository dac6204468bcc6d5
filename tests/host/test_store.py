"""The store on a sound disk: each record once, rolled up exactly, found again, and forgotten in time."""

import asyncio
import random
import sqlite3
import time

import pytest

from host_bridge.config import StoreConfig
from host_bridge.model import Command, Event, Refusal, Switching, Verdict
from host_bridge.store import Store, StoreError, retention, tables
from host_bridge.store.writer import Batch, Writer
from tests.host.store_kit import BERLIN, DAY, START, Kit, reading, running

HOUR = 3_600_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "readings.sqlite3"


def count(path, table):
    db = sqlite3.connect(path)
    try:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        db.close()


def oldest(path, table):
    db = sqlite3.connect(path)
    try:
        return db.execute(f"SELECT min(start_ms) FROM {table}").fetchone()[0]
    finally:
        db.close()


def test_readings_come_back_as_they_were(path):
    async def go():
        async with running(path) as kit:
            rows = [reading(n) for n in range(10)] + [reading(10, reactive_power_mvar=None, voltage_rms_mv=None)]
            for row in rows:
                kit.store.add(row)
            await kit.stored(11)
            assert sorted(kit.committed) == [row[:3] for row in rows]
            assert await kit.store.readings("home-01", 0, START, START + HOUR, "raw", 100) == rows
            assert await kit.store.readings("home-01", 0, START + 60_000, START + 180_000, "raw", 100) == rows[1:3]
            assert await kit.store.readings("home-01", 0, START, START + HOUR, "raw", 2) == rows[:2]
            assert await kit.store.readings("home-01", 1, START, START + HOUR, "raw", 100) == []
            assert await kit.store.readings("nobody", 0, START, START + HOUR, "raw", 100) == []
            with pytest.raises(ValueError, match="minute"):
                await kit.store.readings("home-01", 0, 0, 1, "second", 1)
            assert await kit.store.nodes() == ["home-01"]

    asyncio.run(go())


def test_raw_readings_are_found_by_time_whatever_the_clock_did(path):
    async def go():
        async with running(path) as kit:
            jumps = [reading(n, time_ms=START + [0, 5, -3, 30, 1][n % 5] * HOUR + n * 1000) for n in range(200)]
            for row in jumps:
                kit.store.add(row)
            for rolled in (False, True):
                await (kit.rolled_up(199 * 60) if rolled else kit.stored(200))
                for start, end in ((START - 4 * HOUR, START), (START, START + HOUR), (0, START + 40 * HOUR)):
                    wanted = sorted((r for r in jumps if start <= r.time_ms < end), key=lambda r: r.time_ms)
                    assert await kit.store.readings("home-01", 0, start, end, "raw", 1000) == wanted

    asyncio.run(go())


def test_the_same_reading_again_is_counted_and_not_kept(path):
    async def go():
        async with running(path) as kit:
            for sequence in (0, 1, 1, 2):
                kit.store.add(reading(sequence))
            await kit.stored(3)
            kit.store.add(reading(2))
            kit.store.add(reading(1, energy_import_mwh=9))
            await kit.until(lambda: kit.store.health().repeated == 3)
            assert len(kit.committed) == 6  # a repeat is durable too, and acknowledged
            kept = [reading(n) for n in range(3)]
            assert await kit.store.readings("home-01", 0, START, START + HOUR, "raw", 9) == kept

    asyncio.run(go())


def test_any_order_gives_the_same_rollups(path):
    records = [reading(n, channel=0) for n in range(300)]
    records += [reading(n, node="home-02", channel=n % 2, energy_export_mwh=n * 7) for n in range(300)]
    records += [reading(n, epoch=2, time_ms=START + (n + 400) * 60_000) for n in range(20)]
    random.Random(5).shuffle(records)

    async def go():
        async with running(path) as kit:
            for number, record in enumerate(records):
                kit.store.add(record)
                if number % 37 == 0:
                    await asyncio.sleep(0.011)  # so that the rollups see it piecemeal
            await kit.rolled_up((299 + 19) * 60)
            await kit.rolled_up(298 * 60, "home-02", 1)
            await kit.rolled_up(297 * 60, "home-02", 0)
            energy = await kit.store.energy_since(START)
            assert energy[("home-01", 0)] == ((299 + 19) * 60, 0)
            assert energy[("home-02", 0)] == (298 * 60, 298 * 7)
            assert energy[("home-02", 1)] == (298 * 60, 298 * 7)  # from its first register, at sequence 1, to 299
            for resolution, length in (("minute", 299 + 19), ("quarter", 22), ("day", 1)):
                rows = await kit.store.readings("home-01", 0, START, START + DAY, resolution, 5000)
                assert len(rows) == length
                assert sum(row.energy_import_mwh for row in rows) == (299 + 19) * 60
                assert sum(row.readings for row in rows) == 299 + 19
                assert {(row.active_power_mw, row.active_power_min_mw, row.voltage_rms_mv) for row in rows} == {
                    (3600, 3600, 230_000)
                }
            assert (await kit.store.energy_since(START + 30 * 60_000))[("home-01", 0)] == ((269 + 19) * 60, 0)

    asyncio.run(go())


def test_what_was_rolled_up_stays_so_over_a_restart(path):
    async def part(sequences, energy):
        async with running(path) as kit:
            for sequence in sequences:
                kit.store.add(reading(sequence))
            await kit.rolled_up(energy)
            return await kit.store.energy_since(0)

    asyncio.run(part(range(50), 49 * 60))
    asyncio.run(part([*range(50, 70), 80, 81], 69 * 60))
    assert asyncio.run(part(range(60, 80), 81 * 60)) == {("home-01", 0): (81 * 60, 0)}
    asyncio.run(part([], 81 * 60))


def test_close_leaves_nothing_waiting_and_nothing_to_roll_up(path):
    async def go():
        kit = Kit(path, StoreConfig(commit_interval_ms=60_000))
        await kit.store.open()
        for sequence in range(15_000):
            kit.store.add(reading(sequence))
        await kit.store.close()
        assert len(kit.committed) == 15_000

    asyncio.run(go())
    assert not path.with_name(path.name + "-wal").exists()
    assert count(path, "readings") == 15_000
    db = sqlite3.connect(path)
    assert db.execute("SELECT sum(import_mwh) FROM rollup_day").fetchone() == (14_999 * 60,)


def test_received_and_floor(path):
    async def go():
        async with running(path) as kit:
            assert await kit.store.received("home-01", 1) == (0, set())
            for sequence in (0, 1, 2, 5, 6, 9):
                kit.store.add(reading(sequence))
            kit.store.add(Switching("home-01", 1, 3, 0, START, 5, "closed", "request", 1000))
            await kit.stored(7)
            assert await kit.store.received("home-01", 1) == (4, {5, 6, 9})
            await kit.store.floor("home-01", 1, 2)
            assert await kit.store.received("home-01", 1) == (4, {5, 6, 9})
            await kit.store.floor("home-01", 1, 8)
            assert await kit.store.received("home-01", 1) == (8, {9})
            await kit.store.floor("home-02", 7, 1000)
            assert await kit.store.received("home-02", 7) == (1000, set())
            assert kit.kinds() == ["readings lost", "readings lost"]
            assert "2 readings" in kit.texts("readings lost")[0]
        async with running(path) as kit:
            assert await kit.store.received("home-01", 1) == (8, {9})
            assert await kit.store.received("home-02", 7) == (1000, set())
            kit.store.add(reading(8))
            await kit.rolled_up(9 * 60)  # what was lost costs resolution, never energy
            assert await kit.store.received("home-01", 1) == (10, set())

    asyncio.run(go())
    db = sqlite3.connect(path)
    gaps = db.execute("SELECT first, beyond FROM gaps ORDER BY node_id, first").fetchall()
    assert gaps == [(4, 5), (7, 8), (0, 1000)]


def test_a_gap_that_the_rollups_have_not_passed_is_known_after_a_restart(path):
    path.parent.mkdir()
    for life in range(2):
        writer = Writer(path, BERLIN)
        if life == 0:
            writer.commit(Batch([reading(0), reading(4), reading(7)], [], {}, {("home-01", 1): 6}))
        writer.open()
        assert writer.received("home-01", 1) == (6, {7})
        writer.close()


def test_a_floor_loses_nothing_that_waits_to_be_stored(path):
    async def go():
        kit = Kit(path, StoreConfig(commit_interval_ms=60_000))
        await kit.store.open()
        for sequence in range(12_000):  # more than one commit takes
            kit.store.add(reading(sequence))
        await kit.store.floor("home-01", 1, 12_000)
        assert await kit.store.received("home-01", 1) == (12_000, set())
        assert kit.kinds() == []
        await kit.store.close()

    asyncio.run(go())


def test_a_reading_that_no_database_can_hold_does_not_stop_the_others(path):
    async def go():
        async with running(path) as kit:
            for record in (reading(0), reading(1, time_ms=2**63), reading(2), reading(2**63 - 1)):
                kit.store.add(record)
            await kit.rolled_up(120)
            assert await kit.store.received("home-01", 1) == (3, set())
            assert len(kit.committed) == 4  # the node is told, or it would send the same for ever
            assert kit.kinds() == ["readings refused"]
            assert kit.store.health().writable

    asyncio.run(go())


def test_registers_that_fall_are_told_of_once(path):
    async def go():
        async with running(path) as kit:
            for sequence in range(20):
                kit.store.add(reading(sequence, energy_import_mwh=1000 + sequence * 60 if sequence < 10 else sequence))
            kit.store.add(reading(20))
            await kit.rolled_up(20 * 60)
            assert kit.kinds() == ["register fell"]
            assert len(await kit.store.readings("home-01", 0, 0, START + DAY, "raw", 99)) == 21

    asyncio.run(go())


def test_commands_and_events(path):
    async def go():
        async with running(path) as kit:
            first = Command(0, 1, "home-01", "water heater", "closed", 60, "page", "warm water")
            second = Command(0, 2, "home-02", "water heater", "open", 0, "api", "")
            assert [await kit.store.save_command(c) for c in (first, second)] == [1, 2]
            second.verdict, second.refusal = Verdict.REFUSED, Refusal.OFFLINE
            second.detail, second.finished_ms = "plug it in", 9
            await kit.store.update_command(second)
            assert count(path, "commands") == 2  # durable when the call returns
            assert await kit.store.commands(10) == [second, first]
            assert await kit.store.commands(1) == [second]
            kit.log.add("info", "tested", "one")
            kit.log.add("warning", "tested", "two", "home-01")
            await kit.until(lambda: count(path, "events") == 2)
            assert [event.text for event in await kit.store.events(5)] == ["two", "one"]
            assert all(type(event) is Event for event in await kit.store.events(5))
        async with running(path) as kit:
            assert await kit.store.save_command(first) == 3
            assert (await kit.store.commands(10))[1].refusal is Refusal.OFFLINE

    asyncio.run(go())


def test_a_command_that_an_ended_bridge_left_pending_is_unknown(path):
    async def go():
        async with running(path) as kit:
            await kit.store.save_command(Command(0, 1, "home-01", "water heater", "closed", 60, "page", ""))
            assert (await kit.store.commands(1))[0].verdict is Verdict.PENDING
        async with running(path) as kit:
            (left,) = await kit.store.commands(9)
            assert left.verdict is Verdict.UNKNOWN
            assert "bridge ended" in left.detail

    asyncio.run(go())


def test_old_readings_go_in_their_turn_and_sums_stay(path, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 10)
    now = int(time.time() * 1000)
    long_ago = now - 10 * DAY

    async def go():
        async with running(path, raw_days=3, minute_days=5, quarter_days=5) as kit:
            for sequence in range(200):
                kit.store.add(reading(sequence, time_ms=long_ago + sequence * 60_000))
            for sequence in range(200):
                kit.store.add(reading(sequence, node="home-02", time_ms=now - 3_600_000 + sequence * 1000))
            kit.store.add(Switching("home-01", 1, 200, 0, long_ago + 200 * 60_000, 5, "closed", "request", 1000))
            waiting = [reading(n, node="home-03", time_ms=long_ago + n * 60_000) for n in (0, 5, 6, 7)]
            for record in waiting:  # sequence 1 is still awaited: 5 to 7 are not rolled up, and so must stay
                kit.store.add(record)
            await kit.rolled_up(199 * 60)
            await kit.rolled_up(199 * 60, "home-02")
            kit.store._prune_at = 0.0
            await kit.until(lambda: count(path, "readings") == 203 and count(path, "switchings") == 0)
            await kit.until(lambda: oldest(path, "rollup_minute") > now - DAY < oldest(path, "rollup_quarter"))
            assert await kit.store.readings("home-03", 0, 0, now, "raw", 10) == waiting[1:]
            assert await kit.store.readings("home-01", 0, 0, now, "minute", 10) == []
            days = await kit.store.readings("home-01", 0, 0, now, "day", 10)
            assert sum(day.energy_import_mwh for day in days) == 199 * 60
            assert len(await kit.store.readings("home-02", 0, 0, now + HOUR, "raw", 1000)) == 200

    asyncio.run(go())


def opens(path):
    store = Kit(path, StoreConfig()).store
    assert isinstance(store, Store)
    try:
        asyncio.run(store.open())
    finally:
        asyncio.run(store.close())


def test_a_database_of_a_newer_version_or_another_program_is_left_alone(path):
    path.parent.mkdir()
    opens(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer gridnexus"):
        opens(path)
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE photos (name)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        opens(path)
    assert path.read_bytes() == before


def test_an_older_database_is_brought_up_to_date(path, monkeypatch):
    async def go(sequence):
        async with running(path) as kit:
            kit.store.add(reading(sequence))
            await kit.stored(1)
            return await kit.store.readings("home-01", 0, 0, START + DAY, "raw", 10)

    asyncio.run(go(0))
    monkeypatch.setattr(tables, "STEPS", [*tables.STEPS, ["CREATE TABLE tariffs (name)"]])
    assert asyncio.run(go(1)) == [reading(0), reading(1)]
    assert count(path, "tariffs") == 0
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (len(tables.STEPS),)


def test_a_day_begins_at_local_midnight(path):
    async def go():
        async with running(path) as kit:
            for sequence in range(3):  # an hour each, from 23:00 the evening before
                times = {"time_ms": START + (sequence - 1) * HOUR, "node_end_ms": sequence * HOUR}
                kit.store.add(reading(sequence, duration_ms=HOUR * bool(sequence), **times))
            await kit.rolled_up(120)
            assert (await kit.store.energy_since(START))[("home-01", 0)] == (60, 0)
            days = await kit.store.readings("home-01", 0, 0, START + DAY, "day", 10)
            assert [day.start_ms for day in days] == [START - DAY, START]
            assert BERLIN.key == "Europe/Berlin"

    asyncio.run(go())
