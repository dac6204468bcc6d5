"""The account: nothing in it that the books do not hold, and everything in it follows them."""

import json
import random
import re
import sqlite3
from datetime import UTC

import pytest

from host_bridge.agent.narrative import Figure, Quote, read, rows_of, tell
from host_bridge.store.book_rows import (
    AwardRow,
    DecisionRow,
    ForecastRow,
    IntervalRow,
    LineRow,
    OutcomeRow,
    RungRow,
)
from host_bridge.store.books import Books

DAY, STEP, STEPS = 86_400, 900, 96
BEGIN = 200 * DAY
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def day_rows(seed: int, home: str = "home-07"):
    """A day of rows of one home and of another that must not show; figures at random, none of them round."""
    chance = random.Random(seed)

    def some(most=2_000_000):
        return chance.randrange(1, most)

    rows = []
    for who in (home, "home-08"):
        for step in range(STEPS):
            start_s = BEGIN + step * STEP
            flags = "the solar meter has stood still for 7 h" if step == 31 else ""
            rows.append(IntervalRow(who, start_s, STEP, *(some() for _ in range(5)), step in (40, 41), flags, "{}"))
            rows.append(AwardRow(start_s, who, some(), some(), some(40_000)))
            rows.append(LineRow(start_s, who, *(some() - 500_000 for _ in range(4)), some(), some(), start_s + 901, 0))
        for number in range(20):
            kind = ("charge", "hold", "self-consumption", "refused")[number // 5]
            reason = f"a kWh costs {some(50)}.3 ct now and {some(90)} ct at {some(24):02}:00"
            at_s = BEGIN + number * 4 * STEP
            key = number + 1 + 100 * (who != home)
            rows.append(DecisionRow(key, who, at_s - 5, at_s, kind, "battery", some(), STEP, reason, "{}"))
            verdict, why = ("refused", f"min_off_s: {some(60)} s more") if number % 6 == 5 else ("applied", "")
            rows.append(OutcomeRow(key, 1000 + key, at_s, verdict, why))
        rows.append(RungRow(who, BEGIN + 5 * STEP, "seasonal forecast", "the model is 3 days old"))
        for what in ("load", "solar"):
            body = {"start_s": BEGIN - STEP, "step_s": STEP, "mean_w": [chance.random() * 900 for _ in range(130)]}
            rows.append(ForecastRow(who, what, BEGIN - STEP, "linear", "", 800, json.dumps(body)))
    return rows


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


def test_an_expectation_over_other_steps_than_were_metered_is_not_told(books):
    rows = [row for row in day_rows(4) if not (isinstance(row, IntervalRow) and row.start_s == BEGIN + 50 * STEP)]
    books.add(sorted(rows, key=lambda row: type(row).__name__))
    assert "Expected" not in account(books).text


def test_a_length_that_is_none(books):
    with pytest.raises(ValueError, match="short or long"):
        account(books, "medium")
