"""Sentences cut into times, degrees and amounts, and put right where they are misspelt: no model is asked here."""

import pytest

from host_bridge.agent.preference import device_wishes, home_wishes
from host_bridge.agent.preference.clock_times import minutes, window, written
from host_bridge.agent.preference.devices import DEVICES
from host_bridge.agent.preference.kinds import PreferenceError
from host_bridge.agent.preference.numbers import digits
from host_bridge.agent.preference.phrases import expanded, phrases
from host_bridge.agent.preference.sentence import Sentence, Unmapped
from host_bridge.agent.preference.spelling import Spelling, one_slip
from host_bridge.agent.preference.temperatures import bounds
from host_bridge.agent.preference.tokens import Clock, as_clock, plain, tokens


def found(sentence):
    return tokens(plain(sentence), DEVICES)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("twenty-one", "21"),
        ("ninety nine", "99"),
        ("a hundred", "100"),
        ("one hundred and fifty", "150"),
        ("eighteen hundred", "1800"),
        ("minus fifteen", "-15"),
        ("by one", "by 1"),
        ("the one", "the one"),
        ("a tenner", "10 euros"),
        ("seventeen", "17"),
    ],
)
def test_numbers_in_words(words, number):
    assert digits(words) == number


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("seven", (7, 0, "")),
        ("7 am", (7, 0, "am")),
        ("7 p.m.", (7, 0, "pm")),
        ("07:15", (7, 15, "24")),
        ("7:15", (7, 15, "")),
        ("7.15", (7, 15, "")),
        ("7:15pm", (7, 15, "pm")),
        ("19h30", (19, 30, "24")),
        ("0630", (6, 30, "24")),
        ("eight o'clock", (8, 0, "")),
        ("half past six", (6, 30, "")),
        ("half seven", (7, 30, "")),
        ("quarter to eight", (7, 45, "")),
        ("ten past seven", (7, 10, "")),
        ("by twenty to eight", (7, 40, "")),
        ("by ten to one", (12, 50, "")),
        ("quarter to noon", (11, 45, "24")),
        ("six thirty", (6, 30, "")),
        ("eight in the evening", (8, 0, "pm")),
        ("ten at night", (10, 0, "night")),
        ("noon", (12, 0, "24")),
        ("midnight", (0, 0, "24")),
    ],
)
def test_times_of_day(text, clock):
    assert as_clock(found(text)[-1]) == clock


@pytest.mark.parametrize(
    ("clock", "evening", "times"),
    [
        (Clock(7), False, ["07:00", "19:00"]),
        (Clock(7), True, ["19:00", "07:00"]),
        (Clock(3), False, ["15:00", "03:00"]),
        (Clock(12), False, ["12:00", "00:00"]),
        (Clock(12, 0, "night"), False, ["00:00"]),
        (Clock(2, 0, "night"), False, ["02:00"]),
        (Clock(9, 0, "night"), False, ["21:00"]),
        (Clock(6, 30, "pm"), False, ["18:30"]),
        (Clock(18), False, ["18:00"]),
        (Clock(24), False, ["00:00"]),
    ],
)
def test_either_half_of_the_day_the_likelier_first(clock, evening, times):
    assert [written(minute) for minute in minutes(clock, evening)] == times


@pytest.mark.parametrize("clock", [Clock(25), Clock(7, 75), Clock(24, 1), Clock(18, 0, "am")])
def test_a_time_that_is_none_is_told(clock):
    with pytest.raises(PreferenceError, match="time|morning"):
        minutes(clock, False)


@pytest.mark.parametrize(
    ("start", "end", "times"),
    [
        (Clock(10), Clock(6), ("22:00", "06:00")),
        (Clock(22), Clock(7), ("22:00", "07:00")),
        (Clock(1), Clock(3), ("13:00", "15:00")),
        (Clock(10), Clock(6, 0, "am"), ("22:00", "06:00")),
        (Clock(10, 0, "pm"), Clock(6), ("22:00", "06:00")),
        (Clock(0, 0, "24"), Clock(5), ("00:00", "05:00")),
        (Clock(12, 0, "24"), Clock(2), ("12:00", "14:00")),
        (Clock(9, 0, "am"), Clock(4, 0, "pm"), ("09:00", "16:00")),
        (Clock(8), Clock(8, 30), ("20:00", "20:30")),
    ],
)
def test_a_quiet_time_is_the_shortest_that_may_be_meant(start, end, times):
    assert tuple(map(written, window(start, end))) == times


def test_a_quiet_time_needs_two_times():
    with pytest.raises(PreferenceError, match="two times"):
        window(Clock(10), Clock(10))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("20 °C", "temperature", 20),
        ("20 degrees celsius", "temperature", 20),
        ("minus 18.5 degrees", "temperature", -18.5),
        ("68 F", "fahrenheit", 68),
        ("80 %", "percent", 80),
        ("eighty percent", "percent", 80),
        ("three quarters full", "percent", 75),
        ("two thirds", "percent", 67),
        ("€3", "money", 300),
        ("3,50 euros", "money", 350),
        ("two euros fifty", "money", 250),
        ("1,000 euros", "money", 100_000),
        ("99 cents", "money", 99),
        ("20 kWh", "quantity", 0),
        ("2 hours", "quantity", 0),
        ("{", "symbol", 0),
    ],
)
def test_amounts_and_units(text, kind, value):
    first = found(text)[0]
    assert (first.kind, first.value) == (kind, value)


def test_a_dash_between_two_numbers_is_a_span():
    assert [token.text for token in found("22:00-06:00")] == ["22:00", "to", "06:00"]
    assert [token.value for token in found("below -18")][-1] == -18


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("the car's battery", ["word", "device:car"]),
        ("home battery", ["device:battery"]),
        ("my house", ["word", "room:"]),
        ("the heater", ["word", "unclear:"]),
        ("tumble dryers", ["device:dryer"]),
        ("heat pump", ["device:heat_pump"]),
    ],
)
def test_devices_by_the_words_of_people(text, kinds):
    told = [token.kind if token.kind == "word" else f"{token.kind}:{token.name}" for token in found(text)]
    assert told == kinds


@pytest.mark.parametrize(
    ("text", "low_high"),
    [
        ("never above 55", (None, 55)),
        ("never below 19", (19, None)),
        ("keep below 60", (None, 60)),
        ("above 19 and below 22", (19, 22)),
        ("never below 19 or above 22", (19, 22)),
        ("between 45 and 60", (45, 60)),
        ("20 or more", (20, None)),
        ("55 max", (None, 55)),
        ("minimum 48 maximum 62", (48, 62)),
        ("up to 62 not higher", (None, 62)),
        ("no colder than 18", (18, None)),
        ("18 is the lower limit", (18, None)),
        ("must not exceed 70", (None, 70)),
    ],
)
def test_bounds_of_a_temperature(text, low_high):
    assert bounds(found(text)) == low_high


@pytest.mark.parametrize("text", ["at 21", "warm", "19 20 21", "may exceed 20", "not at least 20", "above 20 above 22"])
def test_what_is_no_bound_is_refused(text):
    with pytest.raises(PreferenceError, match="say a bound"):
        bounds(found(text))


@pytest.mark.parametrize(
    ("word", "other", "slip"),
    [
        ("sevn", "seven", True),
        ("charrge", "charge", True),
        ("wahsing", "washing", True),
        ("water", "wader", True),
        ("car", "car", False),
        ("depend", "depending", False),
        ("form", "from", True),
        ("abcd", "badc", False),
    ],
)
def test_one_slip_of_the_pen(word, other, slip):
    assert one_slip(word, other) is slip and one_slip(other, word) is slip


def test_known_words_and_first_letters_stay():
    spelling = Spelling(["freezer", "heart", "heat", "dishwasher"])
    assert [spelling(word) for word in ("freezr", "heart", "peat", "hea", "dishwaschr")] == [
        *("freezer", "heart", "peat", "hea", "dishwasher")
    ]
    assert spelling.corrected == {"freezr": "freezer", "dishwaschr": "dishwasher"}


def test_a_template_stands_for_its_phrases():
    assert expanded("[please] (have|get) DEVICE") == [
        *("please have xdevice", "please get xdevice", "have xdevice", "get xdevice")
    ]
    assert expanded("no (a|b [c])") == ["no a", "no b c", "no b"]
    assert len(expanded("(a|b|c|d) (e|f|g|h) (i|j|k|l)", most=10)) <= 11


def test_every_template_gives_phrases_without_leftovers():
    said = phrases().said
    assert len({label for _, label, _ in said}) == 14
    assert all(phrase and not set(phrase) & set("()[]|") and phrase == phrase.lower() for phrase, _, _ in said)


@pytest.mark.parametrize(
    ("reader", "sentence"),
    [
        (device_wishes.never, "the fridge never works"),
        (device_wishes.never, "the fridge on and off"),
        (device_wishes.never, "never leave the fridge alone"),
        (device_wishes.never, "never switch the car at seven"),
        (device_wishes.deadline, "sell the car by seven"),
        (device_wishes.deadline, "the car not full by seven"),
        (device_wishes.deadline, "car full by seven or eight"),
        (device_wishes.deadline, "car full after seven"),
        (device_wishes.deadline, "car at most 80 % by seven"),
        (device_wishes.deadline, "my sister's car full by seven"),
        (device_wishes.comfort, "heat above 20 at seven am"),
        (device_wishes.comfort, "rooms at least 60 degrees"),
        (device_wishes.comfort, "at least 20"),
        (device_wishes.comfort, "house between 23 and 19 degrees"),
        (device_wishes.priority("high"), "the car is not important"),
        (device_wishes.priority("low"), "the car can never wait"),
        (device_wishes.quiet, "car from 10 to 6"),
        (device_wishes.quiet, "it must not be quiet from 10 to 6"),
        (device_wishes.quiet, "no noise after ten"),
        (device_wishes.quiet, "no guitar from 22 to 6"),
        (home_wishes.budget, "I pay 3 euros a day"),
        (home_wishes.budget, "at most 3 euros a year"),
        (home_wishes.budget, "at most 3 euros a day for the car"),
        (home_wishes.budget, "save at most 3 euros a day"),
        (home_wishes.weight("cost"), "keep it green"),
        (home_wishes.weight("cost"), "keep the car cheap"),
        (home_wishes.share, "share my readings with the neighbours and the operator"),
        (home_wishes.share, "share my readings with the world"),
        (home_wishes.share, "the neighbours never share"),
    ],
)
def test_the_rules_hold_whatever_the_model_takes_it_for(reader, sentence):
    cut = tuple(found(sentence))
    strange = tuple(token.text for token in cut if token.text in ("guitar", "sister"))
    with pytest.raises(Unmapped):
        reader(Sentence(cut, DEVICES, strange))
