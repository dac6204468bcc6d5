"""The energy agent over clocks that jump, a disk that is full, and a bridge killed at any write."""

import asyncio

import pytest

from host_bridge.agent.energy.ladder import NOTHING
from host_bridge.model import StoreError
from host_bridge.store.book_rows import DecisionRow, IntervalRow
from host_bridge.store.books import Books
from tests.host.agent.energy_kit import Street
from tests.host.agent.fault_kit import (
    COARSE_S,
    balanced,
    charging,
    course,
    dark,
    kinds,
    registers,
    rung,
)

pytestmark = pytest.mark.slow


# Clocks


def test_a_clock_that_is_set_back_decides_nothing_twice(tmp_path):
    async def play(street):
        decided = len(street.rows_of(DecisionRow))
        street.wall_shift_s = -7200
        await street.run(0.5, COARSE_S)
        assert rung(street, "h1") == NOTHING and "clock" in kinds(street, "h1")
        assert len(street.rows_of(DecisionRow)) == decided
        street.wall_shift_s = 0
        await street.run(1, COARSE_S)
        assert rung(street, "h1") != NOTHING
        lines = balanced(street)
        keys = [(line.start_s, line.home) for line in lines]
        assert len(keys) == len(set(keys))
        assert "energy clock" in street.kinds()

    course(tmp_path, play)


def test_a_clock_that_jumps_ahead_leaves_out_what_it_missed_and_settles_all_the_same(tmp_path):
    async def play(street):
        for _ in range(60):
            street.tick(180)  # three hours in which the bridge sleeps
        await street.run(0.75, COARSE_S)
        assert street.agent.view().counters["intervals_missed"] >= 11
        mine = sorted(line.start_s for line in balanced(street) if line.home == "h1")
        assert mine == list(range(mine[0], mine[-1] + 1, 900)) and mine[-1] >= street.now_s - 2000

    course(tmp_path, play)


# Disk and restarts


class FullDisk(Books):
    full = False

    def add(self, rows):
        if self.full:
            raise StoreError("agent.db cannot be written: the disk is full")
        return super().add(rows)


def test_a_full_disk_ends_all_asking_until_there_is_room(tmp_path):
    async def both():
        street = Street(tmp_path, None, charging(), 8)
        books = FullDisk(street.config.books)
        street.start(books)
        await street.run(1, COARSE_S)
        assert street.agent.parts.acting.asked
        books.full = True
        await street.run(0.25, COARSE_S)
        commands = len(street.commands)
        await street.run(0.5, COARSE_S)
        assert len(street.commands) == commands and "books" in kinds(street, "h1") and rung(street, "h1") == NOTHING
        assert "disk is full" in street.agent.view().fault
        assert street.kinds().count("energy books") == 1
        books.full = False
        await street.run(0.75, COARSE_S)
        assert rung(street, "h1") != NOTHING and not street.agent.view().fault
        mine = sorted(line.start_s for line in balanced(street) if line.home == "h1")
        assert mine == list(range(mine[0], mine[-1] + 1, 900))
        reasons_first(street)
        await street.agent.close()

    asyncio.run(both())


class Killed(BaseException):
    """kill -9: nothing is caught, nothing is tidied."""


class DyingBooks(Books):
    """The bridge ends at the `at`-th write: before it is made, or right after."""

    count, at, after = 0, -1, False

    def add(self, rows):
        self.count += 1
        if self.count == self.at and not self.after:
            raise Killed
        new = super().add(rows)
        if self.count == self.at:
            raise Killed
        return new


async def until_killed(street, hours):
    try:
        await street.run(hours, 300)
        failed = street.agent._failed
        return isinstance(failed, Killed)
    except Killed:
        return True


@pytest.mark.parametrize("after", [False, True])
def test_a_bridge_killed_at_any_write_goes_on_with_nothing_double_and_nothing_lost(tmp_path, after):
    """Writes of three intervals, one after the other, each in a street of its own."""

    async def once(folder, at):
        street = Street(folder, dark(2), charging(horizon_h=2), 8)
        books = DyingBooks(street.config.books)
        books.at, books.after = at, after
        street.start(books)
        killed = await until_killed(street, 0.75)
        street.agent._tasks.clear()
        books.close()
        street.start(Books(street.config.books))
        await street.run(0.75, 300)
        assert street.commands
        sound(street)
        await street.agent.close()
        return killed, books.count

    async def all_of_them():
        at, reached = 1, 0
        while True:
            folder = tmp_path / str(at)
            folder.mkdir()
            killed, count = await once(folder, at)
            if not killed:
                assert at > 30, f"only {count} writes were tried"
                return reached
            reached += 1
            at += 1

    assert asyncio.run(all_of_them()) > 30


def sound(street):
    """Every interval metered and settled once, all energy of the registers in it, accounts at zero, reasons first."""
    lines = balanced(street)
    keys = [(line.start_s, line.home) for line in lines]
    assert len(keys) == len(set(keys))
    for name in street.homes:
        rows = [row for row in street.rows_of(IntervalRow) if row.home == name]
        starts = [row.start_s for row in rows]
        assert starts == list(range(starts[0], starts[-1] + 1, 900))
        came = registers(street, name, starts[-1] + 900) - registers(street, name, starts[0])
        assert sum(row.import_mwh - row.export_mwh for row in rows) == came
        mine = sorted(line.start_s for line in lines if line.home == name)
        assert mine == list(range(starts[0], mine[-1] + 1, 900)) and mine[-1] >= street.now_s - 3 * 900
    reasons_first(street)


def reasons_first(street):
    """No command without a decision in the books that says why, made no later than it."""
    decisions = street.rows_of(DecisionRow)
    for command in street.commands:
        assert command.asked_by == "energy agent"
        why = command.reason.partition(": ")[2] or command.reason
        told = [row for row in decisions if row.home == command.node and row.reason in (why, command.reason)]
        assert told and min(row.at_s for row in told) * 1000 <= command.time_ms, command
