"""The agent's books: all or nothing, once, and what a power cut leaves."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from host_bridge.model import StoreError
from host_bridge.store.book_rows import KEYS, AwardRow, DecisionRow, IntervalRow, LineRow, PlanRow, StateRow
from host_bridge.store.books import Books


def line(start_s: int, home: str = "a", fee: int = 0) -> LineRow:
    return LineRow(start_s, home, 1, 2, 3, fee, 5, 6, 7, 0)


@pytest.fixture
def books(tmp_path):
    books = Books(tmp_path / "agent.db")
    yield books
    books.close()


def test_rows_come_back_as_they_went_in_by_time(books):
    rows = [line(1800), line(900, "b"), line(900)]
    assert books.add(rows) == 3
    assert books.rows(LineRow) == [line(900), line(900, "b"), line(1800)]
    assert books.rows(LineRow, "home = ?", ("a",), last=1) == [line(1800)]


def test_what_is_settled_is_never_settled_again(books):
    assert books.add([line(900, fee=4)]) == 1
    assert books.add([line(900, fee=99), line(1800)]) == 1
    assert [row.fee_micro for row in books.rows(LineRow)] == [4, 0]


def test_state_may_be_written_again(books):
    books.add([StateRow("begun", "1")])
    books.add([StateRow("begun", "2")])
    assert books.rows(StateRow) == [StateRow("begun", "2")]


def test_all_of_a_call_or_nothing(books):
    with pytest.raises(sqlite3.IntegrityError):
        books.add([line(900), AwardRow(900, None, 1, 2, 3)])
    assert books.rows(LineRow) == []
    assert books.add([line(900)]) == 1


def test_numbers_go_on(books):
    assert books.next_number(DecisionRow) == 1
    books.add([DecisionRow(7, "a", 0, 0, "hold", "battery", 0, 900, "why", "{}")])
    assert books.next_number(DecisionRow) == 8


def test_old_plans_go_and_bills_stay(books):
    books.add([PlanRow(1, 100, "alone", "optimal", 1.0, 1.0, 0, 5, "{}"), line(100)])
    assert books.prune(200) == 1
    assert books.rows(PlanRow) == [] and len(books.rows(LineRow)) == 1


def test_every_table_takes_a_row(books):
    for kind in KEYS:
        row = kind(*(value("x") for value in map(_maker, kind.__annotations__.values())))
        assert books.add([row]) == 1
        assert books.rows(kind) == [row]


def _maker(hint):
    return {int: lambda text: 3, float: lambda text: 2.5, str: lambda text: text}[hint]


def test_books_from_before_the_pool_was_paid_out_go_on(tmp_path):
    path = tmp_path / "agent.db"
    books = Books(path)
    books.add([line(900), line(1800)])
    books.close()
    with sqlite3.connect(path) as db:  # as version 1 had them
        db.execute("ALTER TABLE lines DROP COLUMN dividend_micro")
        db.execute("PRAGMA user_version = 1")
    paid = LineRow(86_399, "a", 0, 0, 0, 0, 0, 0, 7, 0, -5)
    for _ in range(2):
        books.add([paid])
        assert books.rows(LineRow) == [line(900), line(1800), paid] and paid.is_payment and not line(900).is_payment
        books.close()


def test_another_program_s_file_is_left_alone(tmp_path):
    path = tmp_path / "agent.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program"):
        Books(path).rows(LineRow)


def test_a_disk_that_cannot_be_written_is_told_and_gone_on_with(tmp_path):
    folder = tmp_path / "gone"
    folder.write_text("a file where the folder should be")
    books = Books(folder / "agent.db")
    with pytest.raises(StoreError):
        books.add([line(900)])
    folder.unlink()
    assert books.add([line(900)]) == 1
    books.close()


def test_killed_between_two_calls_keeps_whole_calls(tmp_path):
    path = tmp_path / "agent.db"
    code = (
        "import sys; from pathlib import Path; from host_bridge.store.books import Books\n"
        "from host_bridge.store.book_rows import LineRow, IntervalRow\n"
        "books = Books(Path(sys.argv[1]))\n"
        "for n in range(100000):\n"
        "    interval = IntervalRow('a', n, 900, 1, 2, 3, 4, 5, 0, '', '{}')\n"
        "    books.add([LineRow(n, 'a', 1, 2, 3, 4, 5, 6, 7, 0), interval])\n"
        "    print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=os.environ)
    told = [int(child.stdout.readline()) for _ in range(5)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    books = Books(path)
    lines, intervals = books.rows(LineRow), books.rows(IntervalRow)
    assert len(lines) == len(intervals) > told[-1]
    books.close()
