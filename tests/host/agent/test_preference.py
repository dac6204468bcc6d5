"""Preferences: their bounds and words, documents read back, conflicts told, what the planner is given, who is told."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_bridge.agent.preference import (
    DEVICES,
    Band,
    Budget,
    Comfort,
    Deadline,
    Due,
    Hush,
    Never,
    PreferenceError,
    Preferences,
    Priority,
    Quiet,
    Share,
    Weight,
    conflicts,
    constraints,
    may_share,
    read,
)

BERLIN = ZoneInfo("Europe/Berlin")
ONE_OF_EACH = [
    Deadline("car", "07:00", 80),
    Comfort("water_heater", 45, 55.5),
    Priority("pool_pump", "low"),
    Budget(350, "day"),
    Weight("carbon"),
    Quiet("22:00", "06:30", "dryer"),
    Share("readings", "neighbours"),
    Never("freezer"),
]


def seconds(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


@pytest.mark.parametrize("preference", ONE_OF_EACH, ids=lambda preference: preference.KIND)
def test_a_document_comes_back_as_it_was(preference):
    assert read(json.loads(json.dumps(preference.document())), DEVICES) == preference


@pytest.mark.parametrize(
    ("preference", "words"),
    list(
        zip(
            ONE_OF_EACH,
            [
                "Every day by 07:00 the car is charged to 80 %.",
                "The water heater is kept no colder than 45 °C and no warmer than 55.5 °C.",
                "When there is not enough for all, the pool pump is served after the others.",
                "Energy is to cost no more than 3.50 a day; what can wait waits when that is spent.",
                "When there is a choice, the hour with less carbon dioxide is taken, even if it costs more.",
                "Every day from 22:00 to 06:30 the dryer is not run.",
                "This home's meter readings may be seen by the neighbours.",
                "The freezer is never switched by the agent, neither on nor off.",
            ],
            strict=True,
        )
    ),
)
def test_it_says_what_the_agent_will_do(preference, words):
    assert preference.words() == words


def test_an_absent_bound_is_absent_from_the_document():
    assert Comfort("water_heater", high_c=55.0).document() == {
        "kind": "comfort",
        "device": "water_heater",
        "high_c": 55,
    }


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ([], "a preference is a table"),
        ({"kind": "wish"}, "kind must be one of deadline, comfort"),
        ({"device": "car"}, "kind must be one of"),
        ({"kind": ["never"]}, "kind must be one of"),
        ({"kind": "never"}, "never needs more than that: of device"),
        ({"kind": "never", "device": "car", "colour": 1}, "never has no 'colour'; it has device"),
        ({"kind": "share", "what": "readings", "with_whom": "nobody"}, "share has no 'with_whom'; it has what, with"),
        ({"kind": "never", "device": "Car!"}, "device must be a name like water_heater"),
        ({"kind": "never", "device": "sauna"}, "no device called sauna; this home has car"),
        ({"kind": "deadline", "device": "car", "by": "7:00"}, "by must be a time of day"),
        ({"kind": "deadline", "device": "car", "by": "24:00"}, "by must be a time of day"),
        ({"kind": "deadline", "device": "car", "by": 700}, "by must be a time of day"),
        ({"kind": "deadline", "device": "car", "by": "07:00", "percent": 0}, "percent must be a whole number"),
        ({"kind": "deadline", "device": "car", "by": "07:00", "percent": True}, "percent must be a whole number"),
        ({"kind": "deadline", "device": "dryer", "by": "07:00", "percent": 50}, "dryer cannot be 50 % done"),
        ({"kind": "comfort", "device": "water_heater"}, "give low_c, high_c or both"),
        ({"kind": "comfort", "device": "water_heater", "high_c": 250}, "250 degrees is beyond 5 to 90"),
        ({"kind": "comfort", "device": "water_heater", "high_c": float("nan")}, "must be degrees Celsius"),
        ({"kind": "comfort", "device": "heat_pump", "low_c": 20, "high_c": 20.5}, "at least 1 degree above"),
        ({"kind": "comfort", "device": "car", "low_c": 20}, "the car has no temperature"),
        ({"kind": "priority", "device": "car", "level": "urgent"}, "level must be one of low, normal, high"),
        ({"kind": "budget", "amount_cents": 0, "per": "day"}, "amount_cents must be a whole number"),
        ({"kind": "budget", "amount_cents": 2.5, "per": "day"}, "amount_cents must be a whole number"),
        ({"kind": "budget", "amount_cents": 300, "per": "year"}, "per must be one of day, week, month"),
        ({"kind": "weight", "of": "comfort"}, "of must be one of cost, carbon"),
        ({"kind": "quiet", "start": "22:00", "end": "22:00"}, "start and end of quiet hours must differ"),
        ({"kind": "share", "what": "keys", "with": "nobody"}, "what must be one of readings"),
    ],
)
def test_what_is_no_preference_is_told_with_what_to_write(document, word):
    with pytest.raises(PreferenceError, match=".") as refused:
        read(document, DEVICES)
    assert word in str(refused.value)


@given(
    st.dictionaries(
        st.sampled_from(["kind", "device", "by", "low_c", "start", "end", "with", "what"]),
        st.one_of(
            st.sampled_from(["never", "deadline", "quiet", "share", "car", "07:00"]),
            st.integers(),
            st.floats(),
            st.none(),
        ),
    )
)
def test_any_document_is_read_or_refused(document):
    try:
        preference = read(document)
    except PreferenceError as error:
        assert str(error)
    else:
        assert read(preference.document()) == preference


def test_a_later_one_takes_the_place_of_its_like():
    kept = Preferences().set(Comfort("fridge", high_c=7)).set(Weight("cost")).set(Comfort("fridge", 3, 6))
    assert list(kept) == [Weight("cost"), Comfort("fridge", 3, 6)]
    assert list(kept.without(Comfort("fridge", 1, 2))) == [Weight("cost")]
    assert Preferences.read(kept.documents(), DEVICES) == kept


def test_a_collection_has_an_end_and_says_which_document_is_wrong():
    full = Preferences(tuple(Never(f"lamp_{number}") for number in range(64)))
    with pytest.raises(PreferenceError, match="64 preferences at most"):
        full.set(Never("car"))
    assert len(full.set(Never("lamp_0"))) == 64
    with pytest.raises(PreferenceError, match="preference 2: of must be"):
        Preferences.read([Weight("cost").document(), {"kind": "weight", "of": "fun"}])


@pytest.mark.parametrize(
    ("pair", "hard", "words"),
    [
        (
            (Deadline("car", "07:00"), Never("car")),
            True,
            "switches the car, so it cannot keep: Every day by 07:00",
        ),
        ((Quiet("22:00", "06:00", "car"), Never("car")), True, "never switches the car"),
        ((Deadline("dryer", "05:00"), Quiet("22:00", "06:00")), False, "it will be by 22:00 already"),
        ((Deadline("dryer", "06:00"), Quiet("07:00", "06:30", "dryer")), True, "leaves too little time"),
        ((Comfort("heat_pump", 20), Quiet("22:00", "06:00")), False, "may leave its temperatures"),
        ((Budget(500, "day"), Budget(400, "week")), False, "never counts"),
        ((Share("readings", "operator"), Share("nothing", "nobody")), True, "wins over"),
        ((Share("readings", "operator"), Share("readings", "nobody")), True, "wins over"),
    ],
)
def test_a_conflict_is_found_in_either_order_and_told(pair, hard, words):
    for order in (pair, pair[::-1]):
        (found,) = conflicts(order)
        assert (found.first, found.second, found.hard) == (*pair, hard) and words in found.words


@pytest.mark.parametrize(
    "pair",
    [
        (Deadline("car", "07:00"), Never("dryer")),
        (Deadline("dryer", "22:00"), Quiet("22:00", "06:00")),
        (Deadline("dryer", "07:00"), Quiet("22:00", "06:00")),
        (Deadline("dryer", "05:00"), Quiet("22:00", "06:00", "car")),
        (Budget(300, "day"), Budget(2000, "week")),
        (Share("readings", "operator"), Share("nothing", "neighbours")),
        (Share("readings", "operator"), Share("forecast", "nobody")),
        (Deadline("car", "07:00"), Comfort("heat_pump", 20)),
    ],
)
def test_what_can_both_be_kept_is_no_conflict(pair):
    assert not conflicts(pair) and not conflicts(pair[::-1])


def test_nothing_is_shared_unless_it_is_allowed():
    for what in ("readings", "forecast", "preferences"):
        for with_whom in ("neighbours", "operator"):
            assert not may_share([], what, with_whom)
            wishes = [Share(what, with_whom)]
            assert may_share(wishes, what, with_whom)
            for other in (Share("nothing", "nobody"), Share(what, "nobody"), Share("nothing", with_whom)):
                assert not may_share([other, *wishes], what, with_whom)
    wishes = [Share("readings", "operator"), Never("car")]
    assert not may_share(wishes, "readings", "neighbours") and not may_share(wishes, "forecast", "operator")
    assert not may_share([Share("nothing", "operator")], "nothing", "operator")


def test_the_planner_is_given_moments_of_the_hours_ahead():
    now_s = seconds("2026-11-23T23:00")
    wanted = [*ONE_OF_EACH, Deadline("freezer", "08:00"), Quiet("21:00", "23:30")]
    asked = constraints(wanted, now_s, BERLIN, horizon_s=24 * 3600)
    assert asked.due == (Due("car", seconds("2026-11-24T07:00"), 80),)
    assert asked.bands == {"water_heater": Band(45, 55.5)}
    assert asked.priority_permille == {"pool_pump": 500}
    assert asked.carbon_permille == 800
    assert asked.never == {"freezer"}
    assert asked.quiet == (
        Hush("", seconds("2026-11-23T21:00"), seconds("2026-11-23T23:30")),
        Hush("dryer", seconds("2026-11-23T22:00"), seconds("2026-11-24T06:30")),
        Hush("", seconds("2026-11-24T21:00"), seconds("2026-11-24T23:30")),
        Hush("dryer", seconds("2026-11-24T22:00"), seconds("2026-11-25T06:30")),
    )


def test_a_hush_that_began_yesterday_still_holds():
    asked = constraints([Quiet("22:00", "06:00")], seconds("2026-11-24T01:00"), BERLIN, horizon_s=3600)
    assert asked.quiet == (Hush("", seconds("2026-11-23T22:00"), seconds("2026-11-24T06:00")),)


def test_a_budget_is_of_the_period_under_way():
    now_s = seconds("2026-12-31T12:00")  # a Thursday
    spans = {
        "day": ("2026-12-31T00:00", "2027-01-01T00:00"),
        "week": ("2026-12-28T00:00", "2027-01-04T00:00"),
        "month": ("2026-12-01T00:00", "2027-01-01T00:00"),
    }
    for per, (start, end) in spans.items():
        (found,) = constraints([Budget(250, per)], now_s, BERLIN).budgets
        assert found == (per, 2_500_000, seconds(start), seconds(end))


def test_clocks_that_change_keep_the_hour_that_people_read():
    spring = constraints([Deadline("car", "07:00")], seconds("2026-03-28T08:00"), BERLIN)
    assert spring.due == (Due("car", seconds("2026-03-29T07:00"), 100),)
    assert spring.due[0].by_s - seconds("2026-03-28T07:00") == 23 * 3600
    skipped = constraints([Deadline("car", "02:30")], seconds("2026-03-29T00:00"), BERLIN, 12 * 3600)
    assert [due.by_s for due in skipped.due] == [seconds("2026-03-29T03:30")]


def test_a_home_without_preferences_asks_for_nothing():
    asked = constraints([], 1_790_000_000, BERLIN)
    assert not (asked.due or asked.bands or asked.quiet or asked.budgets or asked.never or asked.carbon_permille)
