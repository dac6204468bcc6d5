"""What the world does to a database: full, locked, damaged, gone, killed. Nothing acknowledged is lost."""

import asyncio
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from host_bridge.model import Command
from host_bridge.store import StoreError
from host_bridge.store.reader import Reader
from host_bridge.store.writer import Batch, Writer
from tests.host.store_kit import BERLIN, DAY, START, reading, running

LOUD = ("store fault", "readings let go", "store recovered")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "readings.sqlite3"


@asynccontextmanager
async def locked(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        db.close()


@asynccontextmanager
async def full(path):
    """No file may grow beyond the size the database and its log have now: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def gone(path):
    away = path.parent.with_name("away")
    path.parent.rename(away)
    try:
        yield
    finally:
        away.rename(path.parent)


@pytest.mark.parametrize(
    ("fault", "words"), [(locked, "locked: close it"), (full, "disk that holds"), (gone, "bring it back")]
)
@pytest.mark.slow
def test_a_fault_is_told_once_outlived_and_healed(path, fault, words):
    async def go():
        async with running(path, memory_readings=50) as kit:
            for sequence in range(10):
                kit.store.add(reading(sequence))
            await kit.stored(10)
            await idle(kit)
            command = Command(0, 1, "home-01", "water heater", "open", 0, "page", "")
            async with fault(path):
                assert await kit.store.save_command(command) == 1  # the load can still be switched
                for sequence in range(10, 100):
                    kit.store.add(reading(sequence))
                await kit.until(lambda: not kit.store.health().writable)
                await kit.until(lambda: len(kit.forgotten) == 40)
                kit.store.add(reading(100))
                await kit.until(lambda: kit.store._fault.attempts > 2)
                assert await kit.store.save_command(replace(command)) == 2
                health = kit.store.health()
                assert words in health.error
                assert (health.waiting, health.forgotten, len(kit.committed)) == (50, 41, 10)
                assert kit.forgotten == [("home-01", 1, sequence) for sequence in range(10, 51)]
                assert kit.kinds() == ["store fault", "readings let go"]
            await kit.stored(60)
            assert kit.store.health().writable
            assert kit.kinds() == list(LOUD)
            assert "41 readings" in kit.texts("store recovered")[0]
            assert await kit.store.received("home-01", 1) == (10, set(range(51, 101)))
            assert [c.number for c in await kit.store.commands(9)] == [2, 1]
            for sequence in range(10, 51):  # the node sends them again
                kit.store.add(reading(sequence))
            await kit.rolled_up(100 * 60)
            assert kit.store.health().repeated == 0
            await kit.until(lambda: not kit.store._events)
            assert sorted(e.kind for e in await kit.store.events(9)) == sorted(LOUD)

    asyncio.run(go())


@pytest.mark.parametrize("fault", [locked, full])
def test_the_bridge_starts_during_a_fault(path, fault):
    async def go():
        async with running(path) as kit:
            kit.store.add(reading(0))
            await kit.stored(1)
        async with fault(path):
            running_store = running(path)
            kit = await running_store.__aenter__()
            kit.store.add(reading(1))
            assert isinstance(await kit.store.received("home-01", 1), tuple)
            await kit.store.floor("home-01", 1, 1)
            await kit.until(lambda: not kit.store.health().writable)
        await kit.rolled_up(60)
        assert await kit.store.received("home-01", 1) == (2, set())  # the floor lost nothing that was stored
        assert set(kit.kinds()) <= set(LOUD)
        await running_store.__aexit__(None, None, None)

    asyncio.run(go())


def test_what_was_not_rolled_up_when_the_disk_went_away_is_when_it_comes_back(path):
    path.parent.mkdir()
    writer = Writer(path, BERLIN)
    writer.commit(Batch([reading(n) for n in range(5)], [], {}, {}))
    away = path.parent.with_name("away")
    path.parent.rename(away)
    for work in (lambda: writer.commit(Batch([reading(5)], [], {}, {})), writer.roll_up, writer.roll_up):
        with pytest.raises((OSError, StoreError)):
            work()
    assert writer.received("home-01", 1) == (5, set())  # from memory
    away.rename(path.parent)
    while writer.roll_up():
        pass
    writer.close()
    assert Reader(path, BERLIN).energy_since(0) == {("home-01", 0): (240, 0)}


def damaged_files(path):
    return sorted(file.name for file in path.parent.glob("readings.damaged-*.sqlite3"))


def test_garbage_at_the_start_is_moved_aside_and_kept(path):
    path.parent.mkdir()
    garbage = random.Random(1).randbytes(100_000)
    path.write_bytes(garbage)

    async def go():
        async with running(path) as kit:
            kit.store.add(reading(0))
            await kit.stored(1)
            assert kit.kinds() == ["database damaged"]
            (name,) = damaged_files(path)
            assert name in kit.texts("database damaged")[0]
            assert (path.parent / name).read_bytes() == garbage

    asyncio.run(go())


async def idle(kit):
    """Until the store has nothing left to do: retention is what it does last."""
    await kit.until(lambda: kit.store._prune_at > 0)


async def forget_pages(kit):
    """Close both connections: what they hold in memory would hide damage for a while."""
    await idle(kit)
    await kit.store._read(kit.store._reader.close)
    await kit.store._write(kit.store._writer._drop)


def overwrite(path, table, seed=3):
    """Write noise over the table's pages, as a failing SD card does. The catalogue of tables stays."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = [page for (page,) in db.execute("SELECT pageno FROM dbstat WHERE name = ?", (table,))]
    db.close()
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * 4096)
            file.write(random.Random(seed).randbytes(4096))


def has_dbstat():
    try:
        sqlite3.connect(":memory:").execute("SELECT count(*) FROM dbstat")
    except sqlite3.OperationalError:
        return False
    return True


@pytest.mark.skipif(not has_dbstat(), reason="this SQLite cannot tell which page is whose (no dbstat)")
@pytest.mark.parametrize(
    ("table", "found_by"), [("rollup_minute", "reading"), ("readings", "opening"), ("events", "committing")]
)
def test_damage_while_running(path, table, found_by):
    async def go():
        async with running(path) as kit:
            for sequence in range(500):
                kit.store.add(reading(sequence))
            command = Command(0, 1, "home-01", "water heater", "closed", 60, "page", "")
            await kit.store.save_command(command)
            await kit.rolled_up(499 * 60)
            await forget_pages(kit)
            overwrite(path, table)
            if found_by == "reading":
                with pytest.raises(StoreError, match="damaged"):
                    await kit.store.readings("home-01", 0, 0, START + DAY, "minute", 1000)
                await kit.until(lambda: "database damaged" in kit.kinds())
            kit.log.add("info", "tested", "an event to store")
            kit.store.add(reading(500))
            kit.store.add(reading(501))
            await kit.until(lambda: "database damaged" in kit.kinds())
            await kit.rolled_up(501 * 60)  # the sums and the registers were carried over
            await kit.until(lambda: kit.store.health().writable)
            assert await kit.store.readings("home-01", 0, 0, START + DAY, "raw", 1000) == [reading(500), reading(501)]
            assert await kit.store.received("home-01", 1) == (502, set())  # nothing acknowledged is asked for again
            assert await kit.store.commands(9) == [command]
            assert len(damaged_files(path)) == 1
            assert "readings lost" not in kit.kinds()

    asyncio.run(go())


def test_a_damaged_catalogue_loses_no_acknowledgement_while_running(path):
    async def go():
        async with running(path) as kit:
            for sequence in range(50):
                kit.store.add(reading(sequence))
            await kit.rolled_up(49 * 60)
            await forget_pages(kit)
            path.write_bytes(b"nothing of the kind" * 1000)
            kit.store.add(reading(50))
            kit.store.add(reading(51))
            await kit.stored(52)
            assert await kit.store.received("home-01", 1) == (52, set())
            assert len(damaged_files(path)) == 1

    asyncio.run(go())


def test_a_deleted_database_is_begun_again_and_nothing_is_acknowledged_into_the_void(path):
    async def go():
        async with running(path) as kit:
            for sequence in range(5):
                kit.store.add(reading(sequence))
            await kit.stored(5)
            await idle(kit)
            assert await kit.store.nodes() == ["home-01"]  # so that the reader has the old file open
            for file in path.parent.iterdir():
                file.unlink()
            kit.store.add(reading(5))
            await kit.stored(6)
            assert await kit.store.received("home-01", 1) == (6, set())
            assert await kit.store.readings("home-01", 0, 0, START + DAY, "raw", 10) == [reading(5)]

    asyncio.run(go())


def test_reads_say_what_is_wrong(path):
    async def go():
        async with running(path) as kit:
            shutil.rmtree(path.parent)
            with pytest.raises(StoreError, match="exists"):
                await kit.store.nodes()

    asyncio.run(go())


WRITE_FOR_EVER = """
import asyncio, json, sys
from pathlib import Path
from tests.host.store_kit import reading, running

async def go():
    async with running(Path(sys.argv[1]), commit_interval_ms=5) as kit:
        first, _ = await kit.store.received("home-01", 1)
        kit.store._on_committed = lambda identities: print(json.dumps([i[2] for i in identities]), flush=True)
        for sequence in range(max(0, first - 50), 10**9):
            kit.store.add(reading(sequence))
            if sequence % 20 == 0:
                await asyncio.sleep(0.001)

asyncio.run(go())
"""


@pytest.mark.parametrize("lives", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_kill_9_at_any_moment_loses_nothing_acknowledged(path, root, lives):
    """Lives of a bridge, each killed while it writes; the next begins where the last said it was."""
    chance = random.Random(11)
    acknowledged = set()
    for _ in range(lives):
        environment = {"PYTHONPATH": f"{root / 'firmware_mpy'}:{root}"}
        command = [sys.executable, "-c", WRITE_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as bridge:
            lines = [bridge.stdout.readline()]
            time.sleep(chance.uniform(0.0, 0.3))
            bridge.kill()
            lines += bridge.stdout.readlines()
        acknowledged.update(n for line in lines if line.endswith("\n") for n in json.loads(line))
        db = sqlite3.connect(path)
        stored = [n for (n,) in db.execute("SELECT sequence FROM readings ORDER BY sequence")]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
        assert acknowledged and acknowledged <= set(stored)
        assert stored == list(range(len(stored)))

    async def rolled_up_exactly_once():
        async with running(path) as kit:
            await kit.rolled_up((len(stored) - 1) * 60)
        async with running(path) as kit:
            return await kit.store.energy_since(0)

    assert asyncio.run(rolled_up_exactly_once()) == {("home-01", 0): ((len(stored) - 1) * 60, 0)}


FILL_A_DISK = """
import asyncio, sys
from pathlib import Path
from tests.host.store_kit import reading, running

async def go(disk):
    async with running(disk / "readings.sqlite3") as kit:
        sequence = 0
        while kit.store.health().writable:
            for _ in range(100):
                kit.store.add(reading(sequence)); sequence += 1
            await asyncio.sleep(0.01)
        assert "full" in kit.store.health().error, kit.store.health()
        assert 0 < len(kit.committed) < sequence
        (disk / "ballast").unlink()
        await kit.stored(sequence)
        assert kit.kinds() == ["store fault", "store recovered"], kit.kinds()
        assert sorted(i[2] for i in kit.committed) == list(range(sequence))

asyncio.run(go(Path(sys.argv[1])))
"""


def test_a_real_disk_that_fills_up(tmp_path, root):
    prepare = f"mount -t tmpfs -o size=4m none {tmp_path} && head -c 2500000 /dev/zero > {tmp_path}/ballast"
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*inside, prepare], check=False).returncode:
        pytest.skip("no small disk can be made here: it takes unshare and user namespaces")
    environment = {"PYTHONPATH": f"{root / 'firmware_mpy'}:{root}", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    command = [*inside, f'{prepare} && exec "$0" -c "$1" {tmp_path}', sys.executable, FILL_A_DISK]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
