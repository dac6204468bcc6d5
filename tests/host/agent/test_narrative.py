"""The account: nothing in it that the books do not hold, and everything in it follows them."""

import re
import sqlite3
from datetime import UTC

import pytest

from host_bridge.agent.narrative import Figure, Quote, read, rows_of, tell
from host_bridge.store.book_rows import (
    IntervalRow,
    LineRow,
    RungRow,
)
from host_bridge.store.books import Books
from tests.host.agent.narrative_kit import BEGIN, DAY, STEP, day_rows

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@pytest.fixture
def books(tmp_path):
    books = Books(tmp_path / "agent.db")
    yield books
    books.close()


def account(books, length="long", home="home-07"):
    return tell(read(books, home, BEGIN, BEGIN + DAY), length, UTC)


@pytest.mark.parametrize("length", ["short", "long"])
@pytest.mark.parametrize("seed", range(5))
def test_every_number_is_what_its_rows_say(books, tmp_path, length, seed):
    books.add(sorted(day_rows(seed), key=lambda row: type(row).__name__))
    told = account(books, length)
    assert told.loose_numbers() == []
    assert len(told.figures) >= (8 if length == "short" else 30)
    db = sqlite3.connect(tmp_path / "agent.db")
    for sentence in told.sentences:
        for part in sentence.parts:
            if isinstance(part, str):
                continue
            source = part.source
            question = f"SELECT {source.expression} FROM {source.table} WHERE {source.where}"
            ((found,),) = db.execute(question, source.values).fetchall()
            assert found == (part.value if isinstance(part, Figure) else part.text), part
            assert len(rows_of(books, source)) == source.rows


def test_numbers_in_the_text_are_those_of_figures_and_quotes_and_no_others(books):
    books.add(sorted(day_rows(3), key=lambda row: type(row).__name__))
    told = account(books)
    shown = [part.text for sentence in told.sentences for part in sentence.parts if isinstance(part, Figure | Quote)]
    known = {number for text in shown for number in NUMBER.findall(text)}
    assert set(NUMBER.findall(told.text.replace("home-07", ""))) <= known


@pytest.mark.parametrize("field", ["import_mwh", "solar_mwh", "charge_mwh", "is_late", "flags"])
def test_when_the_rows_change_so_does_the_account(books, tmp_path, field):
    rows = sorted(day_rows(4), key=lambda row: type(row).__name__)
    books.add(rows)
    before = account(books).text
    other = Books(tmp_path / "other.db")
    changed = "it tells 9 W at night" if field == "flags" else None
    other.add(
        [
            row._replace(**{field: changed or getattr(row, field) + 7_654_321})
            if isinstance(row, IntervalRow) and row.home == "home-07" and row.start_s == BEGIN + 31 * STEP
            else row
            for row in rows
        ]
    )
    assert account(other).text != before
    other.close()


def test_another_home_s_rows_change_nothing(books, tmp_path):
    rows = sorted(day_rows(4), key=lambda row: type(row).__name__)
    books.add(rows)
    other = Books(tmp_path / "other.db")
    other.add([row for row in rows if getattr(row, "home", "home-07") == "home-07"])
    assert account(books).text == account(other).text
    other.close()


def test_a_day_of_which_nothing_is_known_is_said_to_be_one(books):
    told = account(books)
    assert "no meter has told" in told.text and "Nothing of this day is settled" in told.text
    assert told.figures == []


def test_a_loss_is_told_as_one(books):
    books.add([IntervalRow("home-07", BEGIN, STEP, 5, 0, 0, 0, 0, 0, "", "{}")])
    books.add([LineRow(BEGIN, "home-07", 0, 300_000, 0, 0, 0, 100_000, BEGIN, 0)])
    assert "20.0 ct more than the 10.0 ct" in account(books, "short").text


def test_a_part_of_the_pool_is_in_the_day_s_cost_and_settles_no_step(books):
    books.add(sorted(day_rows(4), key=lambda row: type(row).__name__))
    before = account(books)
    assert "pool" not in before.text
    books.add([LineRow(BEGIN + DAY - 1, "home-07", 0, 0, 0, 0, 0, 0, BEGIN, 0, -120_000)])
    told = account(books)
    assert "-12.0 ct for its part of the pool" in told.text and told.loose_numbers() == []
    cost = [
        next(figure for figure in each.figures if "dividend" in figure.source.expression) for each in (before, told)
    ]
    assert cost[1].value == cost[0].value - 120_000
    assert "the rest follows" not in told.text


def test_a_part_of_the_pool_does_not_stand_in_for_a_step_that_is_not_settled(books):
    rows = [row for row in day_rows(4) if not (isinstance(row, LineRow) and row.start_s == BEGIN + 50 * STEP)]
    rows.append(LineRow(BEGIN + DAY - 1, "home-07", 0, 0, 0, 0, 0, 0, BEGIN, 0, -120_000))
    books.add(sorted(rows, key=lambda row: type(row).__name__))
    assert "Settled are 95 of 96 steps" in account(books).text


def test_an_expectation_over_other_steps_than_were_metered_is_not_told(books):
    rows = [row for row in day_rows(4) if not (isinstance(row, IntervalRow) and row.start_s == BEGIN + 50 * STEP)]
    books.add(sorted(rows, key=lambda row: type(row).__name__))
    assert "Expected" not in account(books).text


def test_a_length_that_is_none(books):
    with pytest.raises(ValueError, match="short or long"):
        account(books, "medium")


def test_how_long_it_was_not_well_is_told(books):
    books.add([IntervalRow("home-07", BEGIN, STEP, 5, 0, 0, 0, 0, 0, "", "{}")])
    books.add(
        [RungRow("home-07", BEGIN + 600, "no market", "too few homes"), RungRow("home-07", BEGIN + 7200, "full", "")]
    )
    assert "From 00:10 to 02:00 the agent worked by no market: too few homes." in account(books, "short").text


def test_what_kept_another_home_from_the_best_is_not_told_of_this_one(books):
    books.add([IntervalRow("home-07", BEGIN, STEP, 5, 0, 0, 0, 0, 0, "", "{}")])
    books.add([RungRow("home-08", BEGIN - 600, "no market", "too few homes")])
    assert "no market" not in account(books).text
