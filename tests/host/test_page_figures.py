"""What the page computes before it draws: figures with units, points, bars, words. No browser needed."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from gridnode.wire import schema
from host_bridge import words
from host_bridge.model import (
    Command,
    ContactorReport,
    LinkState,
    Live,
    NodeView,
    Reading,
    Refusal,
    StoreError,
    Verdict,
    Vitals,
    Way,
)
from host_bridge.web import banner, charts, homes, overview, switches, today, units
from host_bridge.web.node_table import clock_words, dropped, link_words, vitals_words

MINUS = "\u2212"


def plain(text):
    return text.replace("\u00a0", " ")


class Row(NamedTuple):
    start_ms: int
    energy_import_mwh: int
    energy_export_mwh: int


@pytest.mark.parametrize(
    ("milliwatts", "text"),
    [
        (412_000, "+412 W"),
        (-394_400, f"{MINUS}394 W"),
        (999_499, "+999 W"),
        (999_500, "+1.00 kW"),
        (-2_345_678, f"{MINUS}2.35 kW"),
        (123_456_000, "+123.5 kW"),
        (499, "0 W"),
        (0, "0 W"),
        (None, "\u2013 W"),
    ],
)
def test_power_has_sign_and_unit(milliwatts, text):
    assert plain(units.signed_power(milliwatts)) == text


@pytest.mark.parametrize(
    ("milliwatts", "word"), [(600, "import"), (-600, "export"), (-499, "idle"), (0, "idle"), (None, "unknown")]
)
def test_import_and_export_are_told_by_word(milliwatts, word):
    assert units.direction(milliwatts) == word


@pytest.mark.parametrize(
    ("milliwatt_hours", "text"),
    [
        (0, "0 Wh"),
        (5, "0.01 Wh"),
        (9_990, "9.99 Wh"),
        (84_200, "84.2 Wh"),
        (142_300, "142 Wh"),
        (999_600, "1.00 kWh"),
        (12_600_000, "12.60 kWh"),
    ],
)
def test_energy_has_its_unit(milliwatt_hours, text):
    assert plain(units.one_text(units.energy(milliwatt_hours))) == text


def test_ages_count_up_and_countdowns_round_up():
    ages = [plain(units.age(ms)) for ms in (0, 7_900, 59_999, 60_000, 7_500_000, 400_000_000)]
    assert ages == ["now", "7 s ago", "59 s ago", "1 min ago", "2 h 5 min ago", "4 d ago"]
    assert [units.countdown(ms) for ms in (0, 1, 8_000, 61_000, 3_750_000, -5)] == [
        "0:00",
        "0:01",
        "0:08",
        "1:01",
        "1:02:30",
        "0:00",
    ]
    assert plain(units.scaled(-0.2, 0, "ms", divisor=1)) == "0 ms"
    assert plain(units.scaled(-3.6, 0, "ms", divisor=1)) == f"{MINUS}4 ms"
    assert plain(units.scaled(231_400, 1, "V")) == "231.4 V"


def view_with(trail):
    view = NodeView("home-01", "/dev/ttyACM0", LinkState.ONLINE)
    view.live_trail.extend(trail)
    return view


def test_only_new_points_are_sent_and_silence_is_a_gap():
    view = view_with([(1_000, 5_000), (2_000, 6_000), (9_000, -7_000)])
    assert charts.trail_points(view, 0, 100) == [[1_100, 5.0], [2_100, 6.0], [2_101, None], [9_100, -7.0]]
    assert charts.trail_points(view, 2_000, 0) == [[2_001, None], [9_000, -7.0]]
    assert charts.trail_points(view, 9_000, 0) == []


def test_a_spark_keeps_five_minutes_breaks_at_gaps_and_spans_zero():
    now_ms = 1_000_000_000
    line, zero = homes.spark_paths([(now_ms - 400_000, 9), (now_ms - 20_000, 100), (now_ms - 15_000, -100)], now_ms)
    assert line == "M56 2.0L57 30.0"
    assert zero == "M0 16.0H60"
    assert homes.spark_paths([(now_ms - 20_000, 1), (now_ms - 5_000, 1)], now_ms)[0].count("M") == 2
    assert homes.spark_paths([], now_ms) == ("", "")


def reading(time_ms, imported, exported, epoch=1):
    return Reading("home-01", epoch, 0, 0, time_ms, 0, 0, imported, exported, *[None] * 6, 0)


def test_register_deltas_lose_nothing_and_start_anew_with_a_new_journal():
    readings = [reading(1000, 10, 0), reading(2000, 15, 1), reading(3000, 15, 4), reading(4000, 99, 9, epoch=2)]
    assert today.register_deltas(readings) == [(1999, 5, 1), (2999, 0, 3)]


def test_bars_cover_the_whole_day_or_what_there_is():
    bars = today.binned([(61_000, 5, 0), (62_000, 2, 1), (200_000, 0, 9)], 60_000)
    assert bars == today.Bars(60_000, [60_000, 120_000, 180_000], [7, 0, 0], [1, 0, 9])
    day = today.binned([(900_000, 3, 0)], 900_000, 0, 86_400_000)
    assert len(day.starts_ms) == 96
    assert day.imported_mwh[1] == 3
    assert sum(day.imported_mwh) == 3


class DayStore:
    """Rollups since `start_ms`; remembers which resolutions were read."""

    def __init__(self, start_ms):
        self.start_ms, self.read, self.fault = start_ms, [], None

    async def energy_since(self, start_ms):
        if self.fault:
            raise self.fault
        return {("home-01", 0): (500, 20), ("home-01", 1): (100, 0), ("home-02", 0): (7, 0)}

    async def readings(self, node, channel, start_ms, end_ms, resolution, limit):
        self.read.append(resolution)
        if resolution == "raw":
            return [reading(self.start_ms, 0, 0), reading(self.start_ms + 5_000, 9, 0)]
        return [Row(self.start_ms, 9, 0)]


def a_day(covered_ms, monkeypatch):
    now_ms = round(datetime(2026, 6, 1, 15, tzinfo=UTC).timestamp() * 1000)
    monkeypatch.setattr(today, "_now_ms", lambda: now_ms)
    view = NodeView("home-01", "/dev/ttyACM0", channels=("grid",), interval_s=5)
    store = DayStore(now_ms - covered_ms)
    return store, today.Today(store, {"home-01": view}, ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("covered_ms", "bin_ms", "bars"),
    [(7 * 3_600_000, 900_000, 96), (3_600_000, 60_000, 1), (120_000, 10_000, 1)],
)
def test_the_longer_the_day_the_coarser_the_bars(covered_ms, bin_ms, bars, monkeypatch):
    _, day = a_day(covered_ms, monkeypatch)
    asyncio.run(day.refresh())
    assert (day.bars.bin_ms, len(day.bars.starts_ms), sum(day.bars.imported_mwh)) == (bin_ms, bars, 9)


def test_energy_is_added_up_by_home_and_read_only_when_it_has_aged(monkeypatch):
    store, day = a_day(7 * 3_600_000, monkeypatch)
    asyncio.run(day.refresh())
    asyncio.run(day.refresh())
    assert day.of_home("home-01") == (600, 20)
    assert day.of_all() == (607, 20)
    assert day.of_home("attic") is None
    assert store.read == ["quarter"]


def test_a_store_that_cannot_be_read_is_told_and_what_was_known_stays(monkeypatch):
    store, day = a_day(7 * 3_600_000, monkeypatch)
    asyncio.run(day.refresh())
    store.fault, day._totals_due = StoreError("the disk is gone"), 0.0
    asyncio.run(day.refresh())
    assert "the disk is gone" in day.trouble
    assert day.of_all() == (607, 20)
    store.fault, day._totals_due = None, 0.0
    asyncio.run(day.refresh())
    assert day.trouble == ""


def test_the_day_begins_at_local_midnight(monkeypatch):
    moment = round(datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("Europe/Zurich")).timestamp() * 1000)
    monkeypatch.setattr(today, "_now_ms", lambda: moment)
    start, end = (today.midnight_ms(ZoneInfo("Europe/Zurich"), days) for days in (0, 1))
    assert end - start == 23 * 3_600_000
    assert moment - start == 90 * 60_000


def test_the_holds_to_choose_from_end_at_the_limit():
    assert switches.holds_up_to(900) == [10, 60, 300, 900]
    assert switches.holds_up_to(5) == [5]


@pytest.mark.parametrize(
    ("verdict", "detail", "wait_ms", "words"),
    [
        (Verdict.APPLIED, "", 0, "applied, 2 s ago"),
        (Verdict.REFUSED, "min on time", 5_000, f"refused: {words.REASONS['min on time']}. Try again in 0:03."),
        (Verdict.REFUSED, "home-01 is stale", 0, "refused: home-01 is stale."),
        (Verdict.REFUSED, "", 1_000, "refused: refused by the node."),
        (Verdict.UNKNOWN, "no outcome came in time", 0, "not known whether applied: no outcome came in time"),
    ],
)  # fmt: skip
def test_an_outcome_is_told_in_words(verdict, detail, wait_ms, words):
    refusal = Refusal.NODE if verdict is Verdict.REFUSED else None
    command = Command(1, 0, "home-01", "heater", "open", 0, "page", "", verdict, refusal, detail, wait_ms, 10_000)
    assert plain(switches.outcome_words(command, 12_000)) == words


ASKED_MS, ENDED_MS = 100_000, 160_000  # of the command below; 160 s is also its deadline


def doubt(now_ms, report, target="closed", verdict=Verdict.UNKNOWN, error_ms=0):
    """(state, told at ms, hold left) of the report; what is in doubt, and for how long."""
    last = Command(1, ASKED_MS, "home-01", "heater", target, 300, "page", "", verdict, finished_ms=ENDED_MS)
    state, told_ms, hold_ms = report
    report = ContactorReport(0, told_ms, state, "request", hold_ms, 0)
    return switches.doubt_left_ms(last, report, error_ms, now_ms)


def test_after_silence_the_state_is_not_known_until_the_lease_in_question_has_ended():
    before = ("open", 50_000, 0)
    assert doubt(170_000, before) == 290_000
    assert doubt(460_000, before) == 0
    assert doubt(170_000, before, verdict=Verdict.APPLIED) == doubt(170_000, before, verdict=Verdict.REFUSED) == 0


def test_what_the_node_says_since_settles_it():
    assert doubt(170_000, ("open", 165_000, 0)) == 0  # after its deadline the node refuses it
    assert doubt(170_000, ("open", 130_000, 0)) == 290_000  # it may have come after that
    assert doubt(170_000, ("closed", 130_000, 300_000)) == 0
    assert doubt(170_000, ("open", 165_000, 0), error_ms=20_000) == 290_000  # it may have said so before


def test_an_opening_in_doubt_is_over_when_the_hold_has_ended():
    assert doubt(170_000, ("closed", 50_000, 200_000), "open") == 80_000
    assert doubt(260_000, ("closed", 50_000, 200_000), "open") == 0
    assert doubt(170_000, ("open", 50_000, 0), "open") == 0


def test_an_extension_in_doubt_leaves_no_doubt_while_the_hold_before_lasts():
    before = ("closed", 50_000, 200_000)
    assert doubt(200_000, before) == 0
    assert doubt(251_000, before) == 209_000


def by_radio(interval_s=60, batch=15, **way):
    view = NodeView("home-05", "radio home-05", LinkState.ONLINE, interval_s=interval_s)
    view.way = Way("air://1", **{"is_simulated": True, "hops": 2, "next_hop": "home-04", "rssi_dbm": -118,
                                 "margin_db": 5, "airtime_ms": 400.0, **way})  # fmt: skip
    view.stale_after_ms = 3 * batch * interval_s * 1000
    return view


def of(time_ms):
    return Live(0, time_ms, 0, 0, 5000, None, None, None, None, None, 0)


@pytest.mark.parametrize(
    ("interval_s", "words"),
    [
        (60, "mean of the minute to 14:03"),
        (300, "mean of the 5 min to 14:03"),
        (5, "mean of the 5 s to 14:03:00"),
        (90, "mean of the 90 s to 14:03:00"),
    ],
)
def test_a_figure_by_radio_says_of_when_it_is(interval_s, words):
    view = by_radio(interval_s)
    assert homes.mean_words(view, ZoneInfo("Europe/Berlin")) == ""  # nothing has come
    end_ms = round(datetime(2026, 6, 1, 12, 3, tzinfo=UTC).timestamp() * 1000)
    view.live = {0: of(end_ms - 60_000), 1: of(end_ms)}
    assert plain(homes.mean_words(view, ZoneInfo("Europe/Berlin"))) == words
    view.way = None
    assert homes.mean_words(view, ZoneInfo("Europe/Berlin")) == ""


def test_the_sum_says_how_old_its_oldest_figure_is():
    cable, radio, gone = view_with([]), by_radio(), by_radio()
    gone.link_state = LinkState.STALE
    cable.live, radio.live, gone.live = {0: of(1_000)}, {0: of(500_000), 1: of(440_000)}, {0: of(1_000)}
    assert overview.oldest_words([cable, gone], 620_000) == ""
    assert plain(overview.oldest_words([cable, radio, gone], 620_000)) == "; by radio: means, the oldest of 3 min ago"


def test_figures_an_interval_apart_are_joined_by_radio_and_a_missing_batch_is_a_gap():
    view = by_radio()
    view.live_trail.extend([(60_000, 1_000), (120_000, 2_000), (300_000, 3_000)])
    points = charts.trail_points(view, 1, 0)
    assert [value for _, value in points] == [1.0, 2.0, None, 3.0]
    span_ms = homes.spark_ms(view)
    assert span_ms == 30 * 60_000 and homes.spark_ms(view_with([])) == homes.SPARK_MS
    line, _ = homes.spark_paths(list(view.live_trail), 301_000, span_ms, homes.apart_ms(view))
    assert (line.count("M"), line.count("L")) == (2, 1)


def test_the_table_tells_the_way_by_radio_and_the_clocks_bound():
    view = by_radio()
    assert plain(link_words(view)) == "simulated LoRa, 2 hops by home-04"
    view.loss_ppm = 12_000
    assert plain(link_words(view)) == "simulated LoRa, 2 hops by home-04, 1.2 % lost"
    assert plain(link_words(by_radio(hops=1, next_hop="", is_one_way=True))) == "simulated LoRa, 1 hop, one way"
    assert link_words(view_with([])) == "/dev/ttyACM0"
    assert clock_words(view) == units.NOTHING
    view.clock_offset_ms, view.clock_error_ms = -3.2, 24_310.0
    assert plain(clock_words(view)) == "\u00b1 24.3 s"
    view.clock_error_ms, view.way = 1.26, None
    assert plain(clock_words(view)) == f"{MINUS}3 ms \u00b1 1.3 ms"
    assert [plain(units.lapse(ms)) for ms in (None, 9.96, 45.4, 999, 1000)] == [
        "\u2013", "10.0 ms", "45 ms", "999 ms", "1.0 s"
    ]  # fmt: skip


def test_the_banner_names_who_is_not_heard_and_why_nothing_is_stored():
    stale = NodeView("home-02", "/dev/ttyACM1", LinkState.STALE, last_heard_ms=1_000)
    assert "home-02 (last heard 9 s ago)" in plain(banner.stale_words({"home-02": stale}, 10_000))
    assert banner.stale_words({"home-01": view_with([])}, 0) == ""
    sick = SimpleNamespace(writable=False, error="the disk is full", waiting=1234)
    assert "the disk is full. 1,234 are kept" in banner.store_words(sick)
    assert banner.store_words(SimpleNamespace(writable=True, error="", waiting=0)) == ""


def test_dropped_frames_are_those_that_came_damaged_or_unknown():
    assert dropped({"frames": 90, "dropped_crc": 2, "dropped_cobs": 3, "rejected": 4, "repeats": 8}) == 9


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "plan version 3, for 10 min 00 s; calibration version 2; journal 62 days; flash 1,041 years"),
        ({"plan_version": 0, "calibration_version": 0, "flash_years": None},
         "plan none; calibration none; journal 62 days"),
        ({"journal_days": 0, "flash_years": None}, "plan version 3, for 10 min 00 s; calibration version 2"),
        ({"plan_until_unix_s": 5, "clock_known": False},
         "plan version 3, has run out; calibration version 2; journal 62 days; flash 1,041 years; clock not set"),
    ],
)  # fmt: skip
def test_what_a_node_keeps_is_told_in_words(changes, text):
    vitals = Vitals(0, None, 7, 1041, 62, 3, 1600, 2, True)._replace(**changes)
    assert plain(vitals_words(vitals, 1_000_000)) == text
    assert vitals_words(None, 0) == units.NOTHING


def test_bad_readings_are_told_with_what_to_do():
    view = NodeView("home-01", "loop://1")
    view.channels = ("grid", "heater")
    good = Live(0, 0, 0, 0, None, None, None, None, None, None, 0)
    view.live = {0: good}
    assert homes.quality_words(view) == ""
    view.live[1] = good._replace(quality=schema.REVERSED)
    assert homes.quality_words(view).startswith("heater: reversed (a load seems to export: turn its transformer round")
