"""What the energy pages show, as pure functions: words, the drawing of trades, charts, rows behind an account."""

import asyncio
import re
import sqlite3
from dataclasses import replace
from datetime import UTC
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from host_bridge.agent.energy.view import PoolView, SavingsView, SwitchingView, TradeView
from host_bridge.agent.narrative import read, tell
from host_bridge.agent.preference import PreferenceError
from host_bridge.model import LinkState, NodeView
from host_bridge.web import (
    energy_home_cards,
    energy_overview,
    energy_words,
    plan_chart,
    preference_form,
    savings_tile,
    trade_map,
)
from host_bridge.web.account_panel import form, question, source_words
from host_bridge.web.decision_list import outcome_look, outcome_words, refused
from host_bridge.web.energy_charts import local_ms, price_options, steps
from host_bridge.web.energy_home_now import next_why, next_words
from host_bridge.web.open_panel import open_rows, open_words
from host_bridge.web.skill_table import skill_words
from host_bridge.web.units import MINUS
from tests.host.seeded_neighbourhood import BEGIN_S, CUT_OFF, DAY_S, MIDNIGHT_S, STEP_S, Neighbourhood

UNKNOWN = "unknown"


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    return Neighbourhood(tmp_path_factory.mktemp("energy"), homes=6)


@pytest.fixture
def view(neighbours):
    return neighbours.view()


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (energy_words.watts(None), UNKNOWN),
        (energy_words.watts(0.2), "0 W"),
        (energy_words.watts(-1234.0), f"{MINUS}1.23 kW"),
        (energy_words.watt_hours(None), UNKNOWN),
        (energy_words.energy(-2_500_000), "2.50 kWh"),
        (energy_words.price(None), UNKNOWN),
        (energy_words.price(0), "0.0 ct/kWh"),
        (energy_words.price(17_350), "17.35 ct/kWh"),
        (energy_words.price(-4_000), f"{MINUS}4.0 ct/kWh"),
        (energy_words.money(None), UNKNOWN),
        (energy_words.money(-1), "0.0 ct"),
        (energy_words.money(842_000), "84.2 ct"),
        (energy_words.money(-12_040_000), f"{MINUS}1,204 ct"),
        (energy_words.percent(None), UNKNOWN),
        (energy_words.percent(-12), f"{MINUS}1.2 %"),
        (energy_words.span(0, 9_000), "2 h 30 min"),
        (energy_words.span(0, 180_000), "2 d 2 h"),
        (energy_words.listed(["a", "b", "c"]), "a, b and c"),
        (energy_overview.flow(None, "in", "out"), UNKNOWN),
        (energy_overview.flow(-800, "in", "out"), "800 W out"),
    ],
)
def test_a_figure_has_its_unit_and_an_unknown_is_never_0(told, text):
    assert plain(told) == text


def savings(**changes):
    settled = SavingsView(0, 9 * DAY_S, 864, 0, 1_000_000, 818_000, 182_000, 182, 151, 209, 9, "95 of 100 lie within")
    return replace(settled, **changes)


def test_savings_are_claimed_with_their_band_only():
    assert plain(savings_tile.headline(savings())) == "18.2 % saved"
    assert plain(energy_words.band(savings())).startswith("15.1 % to 20.9 %")
    young = savings(low_permille=None, high_permille=None, says="too young for a band: 2 of 5 whole days")
    assert savings_tile.headline(young) == "too young to tell"
    assert energy_words.band(young) == "too young for a band: 2 of 5 whole days"
    assert "18.2 % saved so far" in plain(savings_tile.sums(young))
    assert savings_tile.headline(None) == "too young to tell"
    worse = savings(saved_micro=-20_000, permille=-20, low_permille=-50, high_permille=10)
    assert plain(savings_tile.headline(worse)) == "2.0 % more than doing nothing"
    zero, low, high, value = savings_tile.on_scale(0, -50, 10, -20)
    assert 0 < low < value < zero < high < 100


def test_the_price_stands_between_the_grids_two():
    assert energy_overview.between(8_000, 18_000, 28_000) == 50
    assert energy_overview.between(8_000, None, 28_000) is None
    assert energy_overview.between(None, 18_000, 28_000) is None


def test_a_replay_says_so_and_real_time_says_nothing(view):
    assert "Simulated neighbourhood, replayed 60 times as fast" in energy_overview.replay_words(view)
    assert energy_overview.replay_words(replace(view, speed=1, speed_says="")) == ""
    assert "(replayed)" in energy_overview.time_words(view, UTC)
    assert "13:52" in energy_overview.time_words(view, UTC)


def test_books_that_do_not_balance_are_told():
    assert energy_overview.books_words(0) == ""
    assert "sum to -3 micro-units" in energy_overview.books_words(-3)


def test_the_pool_is_told_where_there_is_one():
    assert energy_overview.pool_words(None) == ""
    young = energy_overview.pool_words(PoolView(31_400, None, ""))
    assert young == "Pool: 3.1\N{NO-BREAK SPACE}ct, each day's paid out by what each home added."
    assert "; 41.2\N{NO-BREAK SPACE}ct for 2026-06-30 paid out." in energy_overview.pool_words(
        PoolView(0, 412_000, "2026-06-30")
    )


def test_what_is_open_is_told_home_by_home(view):
    assert [home.name for home, _ in energy_words.open_homes(view)] == ["home-4"]
    assert plain(open_rows(view)[0]) == "home-4: 8 intervals open; stale, self-consumption for 2 h of the grid's time"
    assert plain(open_words(1)).startswith("1 interval waits for a meter")
    assert open_words(0) == "Every interval that has ended is settled."


def test_what_is_uncertain_is_told(neighbours):
    home = neighbours.home("home-4")
    told = " ".join(energy_words.uncertain(home))
    assert "its node is not online" in told.lower() and "estimated; it may be off by" in told
    assert "8\N{NO-BREAK SPACE}intervals wait" in told
    bad = replace(home, meters={"grid": "frozen: tell nobody", "solar": "good"}, content_estimated_wh=None)
    told = energy_words.uncertain(bad)
    assert "The grid meter: frozen: tell nobody." in told and "The battery's content is not known." in told


def test_the_content_of_a_battery_is_named_estimated(neighbours):
    home = neighbours.home("home-1")
    assert plain(energy_words.content(home)) == "800 Wh of 6.40 kWh, estimated, \u00b1 180 Wh"
    assert plain(energy_words.content(replace(home, content_estimated_wh=None))) == "content unknown, of 6.40 kWh"
    assert energy_words.content(replace(home, capacity_wh=0)) == "no battery"


def test_ribbons_are_awards_and_what_the_meters_read_beyond_them(view):
    one, two, three, *_ = view.homes
    one = replace(one, grid_w=2000.0, position_mwh=250_000)  # buys 1 kW on average
    two = replace(two, grid_w=-500.0, position_mwh=-250_000)  # sold more than it gives now: nothing to the grid
    three = replace(three, grid_w=-700.0, position_mwh=0)
    community = replace(view.community, trades=[TradeView(two.name, one.name, 250_000)])
    shown = trade_map.ribbons(replace(view, homes=[one, two, three], community=community))
    assert {(each.seller, each.buyer, each.watts, each.kind) for each in shown} == {
        (two.name, one.name, 1000.0, "trade"),
        (trade_map.GRID, one.name, 1000.0, "import"),
        (three.name, trade_map.GRID, 700.0, "export"),
    }


def test_a_silent_home_is_in_no_ribbon_but_named(view):
    stale = [replace(home, grid_w=900.0, position_mwh=0, link_state="stale") for home in view.homes[:1]]
    still = replace(view, homes=stale, community=replace(view.community, trades=[]))
    shown = trade_map.ribbons(still)
    assert shown == []
    assert trade_map.apart(still, shown) == "Not known, as the meter does not tell: home-1."
    assert "Nothing flows" in trade_map.in_text(shown)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_drawing_has_every_ribbon_titled_and_names_escaped(view, narrow):
    shown = [*trade_map.ribbons(view), trade_map.Ribbon("<b>&", trade_map.GRID, 300.0, "export")]
    svg = trade_map.drawing(shown, narrow)
    assert svg.count("<path") == len(shown) == svg.count("<title>")
    assert "&lt;b&gt;&amp;" in svg and "<b>" not in svg
    width = int(re.search(r'viewBox="0 0 (\d+) ', svg)[1])
    assert width <= (334 if narrow else 640)
    assert "estimated" in trade_map.in_text(shown)


def test_bars_are_as_high_as_what_flows_through_them_and_do_not_overlap(view):
    svg = trade_map.drawing(trade_map.ribbons(view))
    for x in set(re.findall(r'<rect class="\w+" x="([\d.]+)"', svg)):
        bars = [
            (float(y), float(high))
            for y, high in re.findall(rf'x="{x}" y="([\d.]+)" width="10" height="([\d.]+)"', svg)
        ]
        assert all(y + high < after for (y, high), (after, _) in pairwise(bars))


def test_a_ribbon_is_as_wide_as_its_power_at_both_ends(view):
    shown = [trade_map.Ribbon("a", "b", 3000.0, "trade"), trade_map.Ribbon("a", trade_map.GRID, 1000.0, "export")]
    places = [
        re.findall(r"[\d.]+ ([\d.]+)", way)
        for way in re.findall(r'<path class="\w+" d="(.*?)"', trade_map.drawing(shown))
    ]
    wide = [(float(y[-1]) - float(y[0]), float(y[4]) - float(y[3])) for y in places]
    assert wide == [pytest.approx((75, 75), abs=0.2), pytest.approx((225, 225), abs=0.2)]  # 300 px in all


def test_steps_break_where_one_is_missing_and_last_to_the_end():
    points = steps([0, 900, 3600], [1, None, 3], 900, UTC)
    assert points == [[0, 1], [900_000, None], [1_800_000, None], [1_800_001, None], [3_600_000, 3], [4_500_000, 3]]
    assert steps([], [], 900, UTC) == []
    assert local_ms(MIDNIGHT_S, ZoneInfo("Europe/Berlin")) - MIDNIGHT_S * 1000 == 2 * 3_600_000


def test_an_interval_without_trade_has_no_price_in_the_chart(view):
    series = {line["name"]: line["data"] for line in price_options(view.community.market, STEP_S, UTC)["series"]}
    assert series["homes trade at"][0][1] is None
    assert series["grid sells at"][0][1] == 22.5
    assert series["homes trade at"][-1][1] == pytest.approx(view.community.market[-1].price_mct / 1000)


async def _past(neighbours, name):
    return await neighbours.past(name, BEGIN_S - plan_chart.PAST_S)


def chart(neighbours, name="home-2", **changes):
    home = neighbours.home(name)
    past = asyncio.run(_past(neighbours, name))
    ahead = replace(home.ahead, **changes) if changes else home.ahead
    drawn = plan_chart.options(past, ahead, neighbours.view().community.market, home.capacity_wh, BEGIN_S, UTC)
    return past, ahead, {line["name"]: line for line in drawn["series"]}


def test_what_was_measured_ends_where_the_plan_begins_and_looks_different(neighbours):
    past, _, lines = chart(neighbours)
    for name, line in lines.items():
        times = [at for at, _ in line["data"]]
        if name.endswith("measured"):
            assert max(times) <= BEGIN_S * 1000 and line["lineStyle"].get("type") is None
        if name.endswith(("forecast", "planned")):
            assert min(times) >= BEGIN_S * 1000 and line["lineStyle"]["type"] == [5, 4]
    assert lines["load, measured"]["data"][0] == [past[0].start_s * 1000, round(past[0].load_mwh * 3.6 / STEP_S, 1)]
    assert lines["ahead"]["markArea"]["data"][0][0]["xAxis"] == BEGIN_S * 1000


def test_the_band_reaches_from_low_to_high_and_contents_are_at_the_end_of_their_steps(neighbours):
    _, ahead, lines = chart(neighbours)
    low, wide = lines["load, 10 % are below"]["data"], lines["load, band of 80 % above that"]["data"]
    assert low[5][1] + wide[5][1] == pytest.approx(ahead.load_high_w[5], abs=0.2)
    assert lines["load, 10 % are below"]["stack"] == lines["load, band of 80 % above that"]["stack"]
    assert lines["content, planned"]["data"][0] == [(BEGIN_S + STEP_S) * 1000, round(ahead.content_wh[0])]


def test_an_unknown_price_ahead_is_a_gap(neighbours):
    _, _, lines = chart(neighbours, buy_mct=[None] * 96)
    assert {value for _, value in lines["grid will sell at"]["data"]} == {None}


def test_a_cut_off_home_has_a_gap_before_now(neighbours):
    past, _, lines = chart(neighbours, CUT_OFF[0])
    assert past[-1].start_s + STEP_S < BEGIN_S
    assert lines["load, measured"]["data"][-1][0] == (past[-1].start_s + STEP_S) * 1000


@pytest.mark.parametrize("length", ["short", "long"])
def test_the_question_behind_every_number_gives_that_number(neighbours, length):
    account = tell(read(neighbours.books, "home-4", MIDNIGHT_S, MIDNIGHT_S + DAY_S), length)
    with sqlite3.connect(neighbours.file) as books:
        for figure in account.figures:
            (found,) = books.execute(question(figure.source)).fetchone()
            assert found == figure.value, source_words(figure)
            assert f"{figure.value:,}" in source_words(figure) and figure.source.table in source_words(figure)


def test_names_with_quotes_stay_one_value(neighbours):
    account = tell(read(neighbours.books, "home-4", MIDNIGHT_S, MIDNIGHT_S + DAY_S))
    source = replace(account.figures[0].source, where="home = ?", values=("o'neil' OR 1",))
    assert question(source).endswith("WHERE home = 'o''neil'' OR 1'")


def test_an_account_keeps_its_form_while_only_numbers_change(neighbours):
    accounts = [tell(read(neighbours.books, name, MIDNIGHT_S, MIDNIGHT_S + DAY_S)) for name in ("home-2", "home-3")]
    assert form(accounts[0]) == form(accounts[1]) != form(replace(accounts[0], sentences=accounts[0].sentences[:1]))


def test_what_comes_next_is_told_with_its_reason():
    following = SwitchingView(BEGIN_S + 3600, "battery discharge", "closed", "discharge", BEGIN_S + 7200, "dear then")
    assert next_words(following, BEGIN_S, UTC) == "discharge at 14:45"
    assert plain(next_why(following, BEGIN_S, UTC)) == (
        "battery discharge closes in 1 h of the grid's time, until 15:45: dear then"
    )
    assert next_words(replace(following, at_s=BEGIN_S + DAY_S), BEGIN_S, UTC) == "discharge at Thu 13:45"
    assert next_words(None, BEGIN_S, UTC) == "none is planned"


def test_refusals_and_silence_are_listed_apart(neighbours):
    decisions = neighbours.home("home-2").decisions
    assert {outcome_look(each) for each in refused(decisions)} == {"refused", "unknown"}
    asked = replace(decisions[0], outcome="")
    assert outcome_words(asked) == "outcome not yet known" and outcome_look(asked) == "pending"
    assert outcome_words(replace(asked, contactor="")) == "no command so far"
    assert outcome_look(replace(asked, outcome="applied")) == "applied"
    guarded = replace(asked, action="refused")
    assert outcome_words(guarded) == "refused by the guard worlds" and refused([asked, guarded]) == [guarded]


def test_skill_is_told_against_persistence(neighbours):
    skill = neighbours.home("home-2").skills[0]
    assert plain(skill_words(skill)) == "14.2 % less error"
    assert plain(skill_words(replace(skill, permille=-31))) == "3.1 % more error"
    assert skill_words(replace(skill, permille=0)) == "the same error"
    assert skill_words(replace(skill, permille=None)) == "too young to tell"


def test_a_home_that_is_not_heard_says_how_old_it_is(neighbours):
    home = neighbours.home("home-4")
    node = NodeView("home-4", "/dev/x", LinkState.STALE, last_heard_ms=1_000)
    assert plain(energy_home_cards.age(home, {"home-4": node}, 541_000)) == "last heard 9 min ago"
    assert plain(energy_home_cards.age(replace(home, grid_w=5.0), {"home-4": node}, 541_000)) == "last known, 9 min ago"
    assert energy_home_cards.age(home, {}, 0) == "not heard yet"
    assert energy_home_cards.home_address("a/b c") == "/energy/a%2Fb%20c"


@pytest.mark.parametrize(
    ("kind", "written", "document"),
    [
        ("deadline", {"device": "car", "by": "07:00", "percent": ""}, {"device": "car", "by": "07:00"}),
        ("comfort", {"device": "heat_pump", "high_c": "21.5"}, {"device": "heat_pump", "high_c": 21.5}),
        ("budget", {"amount_cents": "300", "per": "day"}, {"amount_cents": 300, "per": "day"}),
        ("quiet", {"start": "22:00", "end": "06:00", "device": ""}, {"start": "22:00", "end": "06:00"}),
        ("share", {"what": "forecast", "with": "neighbours"}, {"what": "forecast", "with": "neighbours"}),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_a_preferences_document(kind, written, document):
    assert preference_form.document(kind, written) == {"kind": kind, **document}


def test_a_number_that_is_none_is_told():
    with pytest.raises(PreferenceError, match="is no number"):
        preference_form.document("budget", {"amount_cents": "a lot", "per": "day"})
