"""The verdict on a neighbourhood: books, meters, recordings and contents that agree, and each way not to."""

import sqlite3
from contextlib import closing

import cbor2
import pytest

from host_bridge.store.book_rows import IntervalRow, LineRow, MarketRow, OutcomeRow
from host_bridge.store.books import Books
from tools import homes
from tools.absence import Absence, Switching
from tools.neighbourhood_files import SPEED, STEP_S, Calendar
from tools.neighbourhood_judge import in_words, is_good, judge, problems

pytestmark = pytest.mark.slow
CALENDAR = Calendar(10, 1_790_000_000_000)
LOAD_MW, SOLAR_MW, CHARGE_MW = 1_800_000, 3_600_000, 720_000
STEPS, STEP_MS = 8, 15_000  # of the grid's quarter hours, in real time
CUT_MS = (CALENDAR.began_unix_ms + 2 * STEP_MS, CALENDAR.began_unix_ms + 5 * STEP_MS)


class Home:
    """A node as the judge sees it: steady load, sun and charging."""

    name, start_hour = "home-01", 10

    def __init__(self, folder):
        self.profile = folder / "home.profile"
        homes.write_profile(self.profile, self.name, [(LOAD_MW, SOLAR_MW)] * 24)
        stored = CHARGE_MW * 0.949 * SPEED / 3_600_000  # mWh a ms
        self.contents = [(age, stored * age) for age in range(0, STEPS * STEP_MS + 1, 1000)]


def start_s(step):
    return CALENDAR.start_s + step * STEP_S


PAID_S = start_s(4) - 1  # a day's last second: its pool is paid out, no interval is settled


def mwh(power_mw, ms):
    return power_mw * ms // 3_600_000


def write_readings(path):
    grid_mw = LOAD_MW - SOLAR_MW + CHARGE_MW
    powers = (0, -grid_mw), (0, SOLAR_MW), (CHARGE_MW, 0)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE nodes (id INTEGER, name TEXT)")
        db.execute("INSERT INTO nodes VALUES (1, 'home-01')")
        db.execute(
            "CREATE TABLE readings (node_id, epoch, sequence, channel, time_ms, node_end_ms, duration_ms,"
            " energy_import_mwh, energy_export_mwh)"
        )
        db.execute("CREATE TABLE switchings (node_id, epoch, sequence, contactor, state, cause, node_time_ms)")
        db.execute(
            "INSERT INTO switchings VALUES (1, 7, 1, 0, 'open', 'boot', 0), (1, 7, 2, 0, 'closed', 'plan', 30050)"
        )
        for k in range(STEPS * 3 + 1):
            for channel, (drawn, given) in enumerate(powers):
                at_ms = k * 5000
                times = (CALENDAR.began_unix_ms + at_ms, 400 + at_ms, 5000 if k else 0)
                row = (10 + 3 * k + channel, channel, *times, mwh(drawn, at_ms), mwh(given, at_ms))
                db.execute("INSERT INTO readings VALUES (1, 7, ?, ?, ?, ?, ?, ?, ?)", row)


def book_rows():
    exported, solar, charged = (
        mwh(power, STEP_MS) * SPEED for power in (SOLAR_MW - LOAD_MW - CHARGE_MW, SOLAR_MW, CHARGE_MW)
    )
    rows = [
        OutcomeRow(1, 1, start_s(1), "applied", ""),
        OutcomeRow(2, 2, start_s(2), "refused", "min on time"),
    ]
    for step in range(STEPS):
        late = int(1 <= step < 5)  # it ends while the home is cut off
        settled_s = start_s(6 if late else step + 1)
        rows += [
            MarketRow(start_s(step), 11_000, 22_000, 0, 0, "uniform", "", "{}"),
            IntervalRow("home-01", start_s(step), STEP_S, 0, exported, solar, charged, 0, late, "", "{}"),
            LineRow(start_s(step), "home-01", 30, 40, 5, 1, 80, 100, settled_s, late),
            LineRow(start_s(step), "=grid", 0, -40, -5, -1, 0, 0, settled_s, late),
            LineRow(start_s(step), "=pool", -30, 0, 0, 0, 0, 0, settled_s, late),
        ]
    rows.append(LineRow(PAID_S, "home-01", 0, 0, 0, 0, 0, 0, start_s(7), 0, -70))
    rows.append(LineRow(PAID_S, "=pool", 0, 0, 0, 0, 0, 0, start_s(7), 0, 70))
    return rows


def figures(folder, edit=""):
    """The judge's, of books that `edit` (SQL) has changed."""
    folder.mkdir(exist_ok=True)
    books = Books(folder / "agent.db")
    books.add(book_rows())
    books.close()
    write_readings(folder / "readings.db")
    for which, sql in (("agent.db", edit), ("readings.db", edit)):
        if sql.startswith(which):
            with closing(sqlite3.connect(folder / which)) as db, db:
                db.executescript(sql.partition(":")[2])
    begin_ms = CALENDAR.began_unix_ms
    moves = Switching(begin_ms, 0, "open", "boot", 0), Switching(CUT_MS[0] + 50, 0, "closed", "plan", 30_050)
    plan = cbor2.dumps([1, CUT_MS[0] // 1000, CUT_MS[1] // 1000, [], [0, 9, 0, 1]])
    away = Absence("home-01", *CUT_MS, 1000, plan, moves)
    found = judge(folder / "readings.db", folder / "agent.db", [Home(folder)], CALENDAR, [away])
    return {**found, "cpu_percent": {"nodes": 20.0, "bridge": 5.0}}


def test_books_meters_recordings_and_contents_that_agree_are_good(tmp_path):
    found = figures(tmp_path)
    assert problems(found) == [] and is_good(found)
    assert (found["homes"], found["intervals"], found["settled"]) == (1, STEPS, STEPS)
    assert found["cut"]["home-01"]["settled_late"] == found["cut"]["home-01"]["intervals"] == 4
    assert found["savings"] == {
        "nothing_micro": 800,
        "without_market_micro": 640,
        "paid_micro": 538,
        "saved_permille": 328,
        "pool_micro": 170,
        "pool_paid_out_micro": 70,
        "stored_mwh": round(CHARGE_MW * 0.949 * STEPS * STEP_S / 3600),
    }
    commands = found["commands"]
    assert (commands["applied"], commands["refused"], commands["refusals"]) == (1, 1, ["min on time"])
    said = in_words(found)
    assert (
        "saved 328 per mille" in said
        and "4 of 4 intervals settled on its return, 4 of them after" in said
        and "WRONG" not in said
    )


LINES = "agent.db:UPDATE lines SET"
AT_3 = f"WHERE start_s = {start_s(3)} AND home = 'home-01'"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (f"{LINES} fee_micro = fee_micro + 1 {AT_3}", "the books are off by 1 micro-units"),
        (f"agent.db:DELETE FROM lines {AT_3.replace(' AND', ' AND 1=1 AND')}", "1 intervals of homes are missing"),
        (f"agent.db:DELETE FROM intervals {AT_3}", "1 intervals of homes are missing"),
        (f"{LINES} settled_s = {start_s(4)} {AT_3}", "1 intervals of home-01 were settled before anybody could know"),
        (f"{LINES} dividend_micro = -69 WHERE dividend_micro = -70", "the books are off by 1 micro-units"),
        (f"{LINES} is_late = 0", "home-01: nothing of its absence was settled late"),
        (f"agent.db:DELETE FROM lines WHERE start_s >= {start_s(4)}", "1 intervals of home-01 were not settled"),
        (f"agent.db:UPDATE intervals SET solar_mwh = solar_mwh + 500 {AT_3}", "books and registers differ by 500 mWh"),
        (
            f"agent.db:UPDATE intervals SET charge_mwh = charge_mwh * 2 {AT_3}",
            "books and registers differ by 180000 mWh",
        ),
        (
            "readings.db:UPDATE readings SET energy_export_mwh = energy_export_mwh * 101 / 100 WHERE channel = 1",
            "ppm of a home's solar",
        ),
        (
            "readings.db:UPDATE readings SET energy_export_mwh = energy_export_mwh * 99 / 100 WHERE channel = 0",
            "ppm of a home's load",
        ),
        (
            "readings.db:UPDATE readings SET energy_import_mwh = energy_import_mwh * 102 / 100 WHERE channel = 2",
            "a battery is off by",
        ),
        ("readings.db:DELETE FROM switchings", "2 switchings of home-01 are missing, or there twice"),
        (
            "readings.db:INSERT INTO switchings SELECT node_id, 8, sequence, contactor, state, cause, node_time_ms"
            " FROM switchings",
            "2 switchings of home-01 are missing, or there twice",
        ),
        ("agent.db:DELETE FROM lines", "nothing was settled"),
    ],
)
def test_whatever_does_not_agree_is_said(tmp_path, edit, words):
    assert any(words in said for said in problems(figures(tmp_path, edit))), problems(figures(tmp_path / "again", edit))


def test_a_reading_that_a_contactor_has_ended_early_says_nothing_of_the_batterys_content(tmp_path):
    """Its window ended between the looks: 40 ms of 5 kW are 3 Wh in the home's own time."""
    early = "readings.db:UPDATE readings SET node_end_ms = node_end_ms + 40, time_ms = time_ms + 40,"
    early += " energy_import_mwh = energy_import_mwh + 55 WHERE channel = 2 AND sequence = 45"
    assert problems(figures(tmp_path, early)) == []
    assert any("a battery is off" in words for words in problems(figures(tmp_path / "b", early.replace("+ 40", "+ 0"))))


def test_a_plan_that_did_nothing_proves_nothing(tmp_path):
    found = figures(tmp_path)
    found["cut"]["home-01"]["by_plan"] = 0
    assert problems(found) == ["no home switched by its plan while it was alone"]
