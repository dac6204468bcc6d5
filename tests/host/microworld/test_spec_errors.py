"""Wrong specifications: what is said, and at which line and column."""

import pytest

from host_bridge.microworld.spec import SpecError, read

GOOD = """\
[world]
name = "guard"
kind = "controller"
tick = "2 s"
[parameter]
limit = { value = "2 kW", unit = "W", range = ["0 W", "5 kW"] }
rest = { value = "10 s", range = ["1 s", "1 min"] }
[input]
asked = { unit = "W", range = [-9000, 9000] }
stored = { unit = "Wh", range = [0, 10000], private = true }
fault = { unit = "on/off" }
[state]
last = { unit = "W", range = ["-limit", "limit"], start = 0 }
since = { unit = "s", range = [0, 3600], start = 3600 }
[output]
power = { unit = "W", range = ["-limit", "limit"], safe = 0, delay = "3 s" }
busy = { unit = "on/off", safe = "off" }
[let]
moved = "abs(power_wanted - last) > 0 W"
power_wanted = "clamp(asked, -limit, limit)"
[agent.owner]
decides = ["want"]
[agent.owner.strategy.eager]
want = "asked"
[agent.owner.strategy.idle]
want = "0"
[profile]
owner = "eager"
[[rule]]
sets = "power"
first = [
    { when = "fault", then = "0 W" },
    { when = "moved and since < rest", then = "last" },
]
else = "min(power_wanted, max(want, -limit))"
[[rule]]
sets = "busy"
is = "power != 0 W"
[[rule]]
sets = "next(last)"
is = "power"
[[rule]]
sets = "next(since)"
first = [{ when = "power != last", then = "0 s" }]
else = "min(since + tick, 1 h)"
[[always]]
name = "limited"
holds = "-limit <= power <= limit"
[[stays]]
name = "rests"
when = "power != before(power)"
holds = "fault or power == before(power) or since >= rest"
for = "rest"
[[assume]]
holds = "fault implies asked == 0 W"
"""


def mistakes(text):
    """All that is wrong with `text`, as line:column: text."""
    try:
        read(text, "f")
    except SpecError as error:
        return [str(one).removeprefix("f:") for one in error.errors]
    return []


def test_the_good_one_is_good():
    assert mistakes(GOOD) == []
    assert read(GOOD).warnings == ["spec.toml:10: stored is named by no rule and no claim"]


# (what is replaced, by what, line:column and how the message begins)
WRONG = [
    # the sections and their keys
    ('name = "guard"\n', "", "1:1: [world] has no name: write name = "),
    ('kind = "controller"', 'kind = "robot"', "3:9: a microworld is one of controller, twin"),
    ('name = "guard"', 'name = "a guard"', "2:9: a microworld's name is made of letters"),
    ('tick = "2 s"', "tick = 2", "4:8: this is a plain number, wanted is in s: write 2 s"),
    ('tick = "2 s"', 'tick = "2 W"', "4:9: this is in W, wanted is in s: they measure different things"),
    ('tick = "2 s"', 'tick = "0 s"', "4:9: a tick lasts from 1 s to 1 d"),
    ("[let]", "[lets]", "18:1: 'lets' is no key of a specification: did you mean let?"),
    ("range = [0, 3600]", "rang = [0, 3600]", "14:23: 'rang' is no key of [state.since]: did you mean range?"),
    ("[[always]]", "[always]", "46:1: write [[always]], in two brackets"),
    ("[let]", "[let]\nx = 2.5", "19:5: microworlds count in whole numbers: use a finer unit"),
    ("[let]", "[let]\nx = []", "19:5: an expression in quotes is wanted here"),
    ("[let]", "[let]\nmin = 'last'", "19:1: min means something else in expressions"),
    ("[let]", "[let]\nkW = 'last'", "19:1: kW means something else in expressions"),
    ("[let]", "[let]\n'a b' = 'last'", "19:1: 'a b' is no name: letters, digits and _"),
    ("[let]", "[let]\nasked = 'last'", "19:1: asked is the name of something else already, in line 9"),
    ("fault = { unit", "last = { unit", "13:1: last is the name of something else already, in line 11"),
    ("private = true", 'private = "yes"', "10:56: true or false is wanted here, without quotes"),
    # quantities
    ('fault = { unit = "on/off" }', "fault = {}", '11:1: [input.fault] has no unit: write unit = "W"'),
    ('unit = "Wh"', 'unit = "Whr"', "10:20: 'Whr' is no unit: there are "),
    (", range = [-9000, 9000]", "", '9:1: asked has no range: write range = ["0 W", ...]'),
    ("range = [-9000, 9000]", "range = [9000, -9000]", "9:31: the range ends at -9000, before it begins at 9000"),
    ("range = [-9000, 9000]", "range = [0, 3, 5]", "9:31: a range has two ends"),
    ("range = [-9000, 9000]", "range = [0, 3_000_000_000]", "9:35: 3,000,000,000 is more than 32 bits hold"),
    ("range = [-9000, 9000]", 'range = [0, "last"]', "9:36: nothing is called 'last' here"),
    ("range = [-9000, 9000]", 'range = [0, "10 W / (rest - rest) * 1 s"]', "9:36: this must be one number"),
    (", start = 3600", "", "14:1: since has no start: write start = ..., its first value"),
    ("start = 3600", "start = 3601", "14:50: 3601 is outside the range 0 .. 3600"),
    ('safe = "off"', "safe = 0", "17:34: this is a plain number, not on or off"),
    (', safe = "off"', "", "17:1: busy has no safe: write safe = ..., what holds before the first tick"),
    ('delay = "3 s"', 'delay = "3 W"', "16:71: this is in W, wanted is in s"),
    ('delay = "3 s"', 'reveals = ["stored"]', "16:72: only what is shared reveals anything"),
    ('delay = "3 s"', 'delay = "-1 s"', "16:71: a delay is 0 to 3600 ticks"),
    ('delay = "3 s"', 'shared = true, reveals = ["asked"]', "16:89: 'asked' is no private state or input"),
    ("private = true", "error = -1", "10:53: an error is 0 or more"),
    # parameters
    ('value = "10 s"', "value = 10", '7:18: its unit is missing: write "10 W" or the like'),
    ('value = "10 s"', 'value = "10 s / 0 * 1"', "7:19: this must be one number: it divides by 0"),
    ('value = "10 s"', "value = 1.5", "7:18: microworlds count in whole numbers"),
    ('value = "10 s"', "value = []", "7:18: an expression in quotes is wanted here"),
    ('value = "10 s"', 'value = "90 s"', "7:19: 90 s is outside its range 1 .. 60 s"),
    ('value = "10 s"', 'value = "10 V"', "7:36: this is in s, wanted is in V"),
    ('value = "2 kW"', 'value = "2.0005 kW"', "6:20: 2000.5 W is no whole number: use a finer unit"),
    ('value = "2 kW"', 'value = "9 MW"', "6:20: 9000000 W is outside its range"),
    ('value = "2 kW"', 'value = "9000 MW"', "6:20: 9,000,000,000 W is more than 32 bits hold"),
    ('value = "2 kW"', 'value = "asked"', "6:20: nothing is called 'asked' here"),
    # lets and agents
    ('power_wanted = "clamp', 'power_wanted = "fault and clamp', "20:27: this is in W, not on or off: compare"),
    ("- last)", "- lst)", "19:29: nothing is called 'lst' here: did you mean last?"),
    ("- last)", "- power)", "19:29: a let cannot name the output power: lets are worked out before the outputs"),
    ("- last)", "- next(last))", "19:29: a let cannot name next(...): claims may"),
    ("- last)", "- stored)", "19:27: - wants one unit: here are W and Wh; divide by a time: to(W, ... / 1 h)"),
    ('"clamp(asked, -limit, limit)"', '"if(moved, asked, 0)"', "19:10: these lets need each other: "),
    ("limit, limit)", "limit)", "20:17: clamp takes 3 arguments, not 2"),
    ("[let]", "[let]\nwant = 'asked'", "23:13: want is the name of something else already"),
    ('decides = ["want"]', "decides = []", "22:11: an agent decides at least one let"),
    ('want = "0"', 'wants = "0"', "26:1: 'wants' is no key of [agent.owner.strategy.idle]: did you mean want?"),
    ('want = "0"', 'want = "5"', "26:9: this is a plain number, wanted is in W: write 5 W"),
    ('want = "0"', 'want = "stored"', "26:9: this is in Wh, wanted is in W: divide by a time"),
    ('owner = "eager"', 'owner = "wild"', "28:10: the profile picks no strategy of the agent owner: write owner = "),
    ('[profile]\nowner = "eager"\n', "", "1:1: the profile picks no strategy of the agent owner"),
    ('owner = "eager"', 'thief = "eager"', "28:1: 'thief' is no key of [profile]: there are owner"),
    # rules
    ('sets = "power"', 'sets = "pwer"', "30:9: 'pwer' is no output and no next(state): there are power, busy"),
    ('sets = "next(last)"', 'sets = "last"', "40:9: 'last' is no output and no next(state): write next(last)"),
    ('sets = "next(last)"', 'sets = "power"', "40:9: power has a rule already, in line 29"),
    ('[[rule]]\nsets = "next(last)"\nis = "power"\n', "", "13:1: next(last) has no rule: write [[rule]] with"),
    ('is = "power != 0 W"', "", '36:1: write is = "..." for busy, or first = '),
    ('is = "power != 0 W"', 'is = "on"\nelse = "off"', '36:1: write is = "..." for busy, or first = '),
    ('is = "power != 0 W"', 'is = "busy"', "38:7: this rule cannot name the later output busy: an output names only"),
    ('then = "0 W"', "then = 5", "32:30: this is a plain number, wanted is in W: write 5 W"),
    ('then = "0 W"', 'then = "2 Wh"', "32:31: this is in Wh, wanted is in W: divide by a time"),
    ('then = "0 W"', 'than = "0 W"', "32:23: 'than' is no key of a case of a rule: did you mean then?"),
    ('when = "fault"', 'when = "asked"', "32:15: this is in W, not on or off: compare it with something"),
    ('then = "last"', 'then = "last = 1"', "33:53: '=' is written '==' here"),
    ('else = "min(power_wanted, max(want, -limit))"', "", '29:1: the rule for power has no else: write else = "..."'),
    ("since + tick, 1 h", "since + 1, 1 h", "45:21: this is a plain number, wanted is in s: write 1 s"),
    ("since + tick, 1 h", "since * 1000000, 1 h", "45:9: since * 1000000 may reach 3,600,000,000, more than 32"),
    ("since + tick, 1 h", "since / since, 1 h", "45:28: this is in h, wanted is a plain number: divide it by 1 h"),
    # claims
    ('name = "rests"', 'name = "limited"', "50:9: another claim has this name, in line 47"),
    ('name = "rests"', 'name = "it\'s"', "50:9: a claim's name has no quotes in it"),
    ('for = "rest"', "for = 3", "53:7: this is a plain number, wanted is in s: write 3 s"),
    ('for = "rest"', 'for = "since"', "53:8: a duration cannot name the state since"),
    ('for = "rest"', 'for = "0 s"', "53:8: this lasts from 1 s to"),
    ('for = "rest"', 'fro = "rest"', "53:1: 'fro' is no key of [[stays]]: did you mean for?"),
    ("power <= limit", "pwr <= limit", "48:20: nothing is called 'pwr' here: did you mean power?"),
    ("power <= limit", "next(power) <= limit", "48:25: next(...) wants the name of a state: nothing is called 'power'"),
    ("power <= limit", "true(last) * 1 <= limit", "48:25: true(...) wants the name of an input"),
    (
        'when = "power != b',
        "when = \"left('rests') > 0 and power != b",
        "51:9: a claim of this kind cannot name left(...)",
    ),
    ("power <= limit", "power <= limit and left('rest') > 0", "48:44: left(...) wants the name of a [[stays]] claim"),
    ("power <= limit", "power * power * power <= limit", "48:17: a comparison wants one unit: here are W and"),
    ("asked == 0 W", "last == 0 W", "55:24: an assumption cannot name the state last: it is checked before the tick"),
    ("fault implies asked", "fault -> asked", "55:17: '>' where a number, a name or"),
    ("fault implies asked", "fault == asked", "55:16: a comparison wants one unit: here are on/off and W"),
    ("fault implies", "fault < on implies", "55:16: on and off are compared by == or != only"),
    ("fault implies", "fault + 1 == 2 implies", "55:10: on and off are no numbers: write if"),
    ("asked == 0 W", "to(Wh, asked) == 0 Wh", "55:24: W cannot be turned into Wh: multiply by a time"),
    ("asked == 0 W", "to(furlong, asked) == 0 W", "55:24: 'furlong' is no unit"),
    ("asked == 0 W", "0.25 W < asked", "55:24: 0.25 W is no whole number: use a finer unit"),
]


@pytest.mark.parametrize(("old", "new", "expected"), WRONG, ids=[wrong[2][:40] for wrong in WRONG])
def test_a_mistake_is_told_at_its_place(old, new, expected):
    assert GOOD.count(old) >= 1
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(one.startswith(expected) for one in found), found


def test_several_mistakes_are_told_at_once_and_none_twice():
    text = GOOD.replace("- last)", "- lst)").replace('then = "0 W"', "then = 5").replace('for = "rest"', "for = 3")
    found = mistakes(text)
    assert [one.split(":")[0] for one in found] == ["19", "32", "53"]  # and not that `moved` is unknown


def test_a_mistake_in_a_text_of_several_lines_is_told_at_its_own():
    text = GOOD.replace('is = "power != 0 W"', 'is = """\n  power\n    != 0 Wh"""')
    assert mistakes(text) == ["40:8: this is in Wh, wanted is in W: divide by a time: to(W, ... / 1 h)"]


def test_an_overflow_names_the_case_that_has_it():
    text = GOOD.replace('then = "last"', 'then = "muldiv(last * 3000000, 1 s, 1 s)"')
    assert mistakes(text) == ["33:48: last * 3000000 may reach 6,000,000,000, more than 32 bits hold: "
                              "use muldiv or to(...), or narrow the range of last"]  # fmt: skip


def test_too_many_names_are_refused():
    lets = "".join(f'x{n} = "last"\n' for n in range(200))
    found = mistakes(GOOD.replace("[let]\n", "[let]\n" + lets))
    assert len(found) == 1 and found[0].endswith(": more than 200 names in one microworld")
    assert mistakes(GOOD.replace("[let]\n", "[let]\n" + lets[: lets.index("x180")])) == []


def test_a_delay_that_nobody_can_watch_is_refused():
    text = GOOD.replace('safe = "off"', 'safe = "off", delay = "1 h"').replace('delay = "3 s"', 'delay = "2 h"')
    assert mistakes(text) == []
    text = text.replace("power <= limit", "acted(power) <= limit and acted(busy)")
    assert mistakes(text) == ["16:71: with this delay actuators may be in too many places at once to watch: shorten it"]


def test_a_strategy_that_is_not_played_is_checked_too():
    found = mistakes(GOOD.replace('want = "0"', 'want = "asked * 1000000"'))
    assert found[0].startswith("26:9: asked * 1000000 may reach ")
