"""What a specification means: units, parameters, strategies, rules, guards."""

from pathlib import Path

import pytest

from host_bridge.microworld.language import syntax, units
from host_bridge.microworld.language.expression import show
from host_bridge.microworld.program import PREFIXES, Const, Name, Op, names
from host_bridge.microworld.reference import evaluate, in_ranges, step
from host_bridge.microworld.spec import SpecError, claims, declared, read, specification, template
from tests.host.microworld.test_spec_errors import GOOD

SMALL = """\
[world]
name = "small"
kind = "twin"
tick = "15 min"
[parameter]
volume = {{ value = "2 kW", unit = "W", range = ["1 W", "5 kW"] }}
count = {{ value = 3, unit = "", range = [1, 9] }}
[input]
power = {{ unit = "W", range = [0, 9000] }}
price = {{ unit = "ct/kWh", range = [-50, 200] }}
level = {{ unit = "permille", range = [0, 1000] }}
frequency = {{ unit = "mHz", range = [45000, 55000] }}
p = {{ unit = "on/off" }}
q = {{ unit = "on/off" }}
[output]
out = {{ unit = "{unit}", range = [-2000000000, 2000000000], safe = 0 }}
[[rule]]
sets = "out"
is = "{text}"
"""


def small(text, unit="W"):
    source = SMALL.format(text=text, unit=unit)
    if unit == "on/off":
        source = source.replace(", range = [-2000000000, 2000000000], safe = 0", ', safe = "off"')
    return read(source).program()


ENV = {"power": 1234, "price": 30, "level": 500, "frequency": 49900, "p": 1, "q": 0}


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("power + 2 kW", "W", 3234),
        ("2 kW + power", "W", 3234),
        ("0.5 kW + 250 W + power", "W", 1984),
        ("2 * power - 1 kW * 2", "W", 468),
        ("volume", "W", 2000),
        ("to(Wh, power * tick)", "Wh", 308),
        ("to(Wh, power * 15 min)", "Wh", 308),
        ("power * 1 h", "Wh", 1234),
        ("to(kW, power)", "kW", 1),
        ("to(mW, power)", "mW", 1234000),
        ("to(W, 30 kWh / 1 h) + power", "W", 31234),
        ("to(ct, power * tick * price)", "ct", 9),
        ("muldiv(power, level, 1000 permille)", "W", 617),
        ("to(W, power * level)", "W", 617),
        ("to(%, level)", "%", 50),
        ("power / 100 W", "", 12),
        ("power % 100 W", "W", 34),
        ("if(frequency < 49.95 Hz, power, 0)", "W", 1234),
        ("if(level >= 50 %, 1 W, 2 W)", "W", 1),
        ("count * power", "W", 3702),
        ("-power + 0", "W", -1234),
        ("if(p == q, 1 W, 2 W)", "W", 2),
        ("if(p != q, 1 W, 2 W)", "W", 1),
        ("clamp(power, 1 W, 1 kW)", "W", 1000),
        ("min(power, 3 kW, 1 kW)", "W", 1000),
        ("power > 1 kW and not q", "on/off", 1),
        ("0 W < power <= 1 kW", "on/off", 0),
        ("230 V * 10 A + power", "W", 3534),
        ("20 permille + level", "permille", 520),
        ("level % 7 permille", "permille", 3),
    ],
)
def test_units_fit_or_are_converted(text, unit, value):
    assert evaluate(small(text, unit).output[0], ENV) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to(W, power)", "power"),
        ("to(Wh, power * tick)", "muldiv(power, 900, 3600)"),
        ("to(Wh, power * 1 h)", "power"),
        ("to(mW, power)", "power * 1000"),
        ("to(kW, power)", "power / 1000"),
        ("muldiv(power, level, 1 permille)", "power * level"),
        ("if(volume > 1 kW, power, 0)", "power"),
        ("power + 2 * 3 W - 0 W", "power + 6"),
    ],
)
def test_conversions_are_short(text, shown):
    unit = {"to(Wh": "Wh", "to(mW": "mW", "to(kW": "kW"}.get(text.partition(",")[0], "W")
    assert show(small(text, unit).output[0]) == shown


def test_a_program_is_what_was_written():
    program = read(GOOD).program()
    assert (program.name, program.kind, program.tick_s) == ("guard", "controller", 2)
    assert [q.name for q in program.quantities()] == ["last", "since", "asked", "stored", "fault", "power", "busy"]
    power, stored = program.outputs[0], program.inputs[1]
    assert (power.least, power.greatest, power.unit, power.delay_ticks) == (-2000, 2000, "W", 2)
    assert stored.private and program.outputs[1].is_bool and not power.shared
    assert program.state[1].start == 3600
    assert program.profile == {"owner": "eager"} and program.parameters == {"limit": 2000, "rest": 10}
    # `want` is another name of `asked`, so only these are left; each after what it names.
    assert [name for name, _ in program.lets] == ["power_wanted", "moved"]
    assert step(program, (0, 3600), (1500, 0, 0)) == ((1500, 0), (1500, 1))
    assert step(program, (1500, 0), (-500, 0, 0)) == ((1500, 2), (1500, 1))
    assert step(program, (1500, 10), (-500, 0, 0)) == ((-500, 0), (-500, 1))
    assert step(program, (1500, 0), (-500, 0, 1)) == ((0, 0), (0, 0))
    assert [claim.ticks for claim in program.claims] == [0, 5]


def test_durations_are_rounded_to_what_asks_for_more():
    text = GOOD.replace('"10 s"', '"5 s"').replace('tick = "2 s"', 'tick = "2 s"')
    within = '[[within]]\nname = "comes"\nwhen = "fault"\nholds = "power == 0 W"\ntime = "5 s"\n'
    spec = read(text + within)
    assert {claim.name: claim.ticks for claim in spec.program().claims} == {"limited": 0, "rests": 3, "comes": 2}
    assert {claim.name: claim.ticks for claim in spec.program(None, {"rest": 1}).claims}["rests"] == 1


def test_parameters_and_strategies_are_chosen():
    spec = read(GOOD)
    assert spec.profile == {"owner": "eager"} and spec.agents == {"owner": {"eager": "", "idle": ""}}
    assert spec.parameters["limit"].greatest == 5000 and spec.parameters["rest"].unit == "s"
    program = spec.program({"owner": "idle"}, {"limit": "1.5 kW", "rest": 60})
    assert program.profile == {"owner": "idle"} and program.parameters == {"limit": 1500, "rest": 60}
    assert program.outputs[0].greatest == 1500 and program.state[0].least == -1500
    assert step(program, (0, 3600), (900, 0, 0))[1] == (0, 0)  # idle
    assert spec.program() == read(GOOD).program()  # what was chosen before is gone
    for profile, parameters, says in [
        ({"owner": "wild"}, {}, "owner has no strategy 'wild'; there are owner: eager, idle"),
        ({"thief": "eager"}, {}, "thief has no strategy"),
        ({}, {"limit": 5001}, "limit = 5001 W is outside its range 0 .. 5000 W"),
        ({}, {"limit": "6 kW"}, "limit = 6000 W is outside"),
        ({}, {"limit": "6 s"}, "limit = '6 s': this is in s, wanted is in W"),
        ({}, {"limit": "many"}, "limit = 'many': nothing is called 'many' here"),
        ({}, {"none": 1}, "no parameter is called 'none': there are limit, rest"),
    ]:
        with pytest.raises(SpecError) as caught:
            spec.program(profile, parameters)
        assert says in str(caught.value)


def test_a_switch_may_be_a_parameter():
    text = GOOD.replace("[parameter]", "[parameter]\neager = { value = true }").replace(
        '"moved and', '"eager and moved and'
    )
    spec = read(text)
    assert show(spec.program().output[0]) == show(read(GOOD).program().output[0])
    assert "since" not in show(spec.program(None, {"eager": 0}).output[0])
    assert spec.program(None, {"eager": "off"}) == spec.program(None, {"eager": 0})


def test_a_range_that_a_parameter_breaks_is_an_error_when_it_is_chosen():
    spec = read(GOOD.replace('range = ["-limit", "limit"], start = 0', 'range = ["-limit", "limit"], start = 1000'))
    with pytest.raises(SpecError, match="1000 is outside the range -900 .. 900"):
        spec.program(None, {"limit": 900})


def test_a_varied_parameter_is_a_state_that_never_changes():
    spec = read(template("tank"))
    program = spec.program(None, {"limit": 50}, varied=("limit",))
    last = program.state[-1]
    assert (last.name, last.unit, last.least, last.greatest, last.start) == ("limit", "degC", 30, 80, 50)
    assert program.next_state[-1] == Name("limit") and "limit" not in program.parameters
    for limit in (30, 55, 80):
        fixed = spec.program(None, {"limit": limit})
        for tank in (-20, limit - 1, limit, 120):
            state, outputs = step(program, (0, 3600, limit), (-2500, tank))
            assert (state[:-1], outputs) == step(fixed, (0, 3600), (-2500, tank)) and state[-1] == limit
    with pytest.raises(SpecError, match="names a parameter that is varied"):
        spec.program(varied=("min_on",))  # a claim lasts so long


def test_guards_say_when_a_case_is_taken():
    spec = read(GOOD)
    found = spec.guards()
    assert [(says, line) for says, line, _ in found][:3] == [
        ("case 1 of the rule for power", 32),
        ("case 2 of the rule for power", 33),
        ("else of the rule for power", 35),
    ]
    program = spec.program()
    kept = {q.name for q in program.quantities()} | {name for name, _ in program.lets}
    for _, _, guard in found:
        assert names(guard) <= kept
    guards = [guard for _, _, guard in found[:3]]
    for fault in (0, 1):
        for moved in (0, 1):
            for since in (0, 10):
                env = {"fault": fault, "moved": moved, "since": since}
                assert [evaluate(guard, env) for guard in guards].count(1) == 1
    assert len(found) == 5  # a rule without cases has no guard


def test_a_state_keeps_its_value_without_an_else():
    text = GOOD.replace('is = "power"', 'first = [{ when = "fault", then = "0 W" }]')
    program = read(text).program()
    assert program.next_state[0] == Op("if", (Name("fault"), Const(0), Name("last")))


def test_inputs_are_refused_with_a_reason():
    program = read(GOOD).program()
    assert in_ranges(program, (0, 0, 0)) is None
    assert in_ranges(program, (9001, 0, 0)) == "asked is 9001 W, outside -9000 .. 9000 W"
    assert in_ranges(program, (0, 0, 2)) == "fault is 2, outside 0 .. 1"
    assert in_ranges(program, (5, 0, 1)) == "assumption broken: fault implies asked == 0"


def test_the_template_is_a_specification():
    spec = read(template("boiler"))
    assert spec.name == "boiler" and spec.warnings == [] and len(spec.program().claims) == 4
    for name in ("", "a b", "1st", "caf\u00e9"):
        with pytest.raises(ValueError, match="is no name"):
            template(name)


def test_the_readme_names_all_that_may_be_written():
    readme = (Path(specification.__file__).parent.parent / "README.md").read_text()
    text = readme[readme.index("## The specification") : readme.index("## The module")]
    keys = {key for keys in (*declared.KEYS.values(), *claims.REQUIRED.values()) for key in keys}
    for key in {*keys, "sets", "is", "first", "when", "then", "else", "decides", "tick", "kind"}:
        assert f"`{key}" in text or f"{key} =" in text or f" {key}" in text, key
    for section in specification.SECTIONS:
        assert f"[{section}]" in text or f"[{section}." in text, section
    for function in (*syntax.FUNCTIONS, *PREFIXES):
        assert f"{function}(" in text, function
    for atom in units.ATOMS:
        assert atom in text or (atom[0] in "mkM" and atom[1:] in text), atom
