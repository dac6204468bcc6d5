"""The stepper and the monitor: the reference's results, and every breach at its tick."""

import random

import pytest
from hypothesis import given, settings

from host_bridge.microworld.language.expression import parse
from host_bridge.microworld.monitor import Monitor, Stepper
from host_bridge.microworld.program import Claim, Program, Quantity
from host_bridge.microworld.reference import evaluate, step
from host_bridge.microworld.spec import read, template
from tests.host.microworld.programs import programs, vectors


def world(*claims, delay=0, error=0):
    """x is shown as `out` at once and kept as `kept`."""
    return Program(
        "t",
        "controller",
        1,
        (Quantity("kept", "W", -9, 9, start=3),),
        (Quantity("x", "W", -99, 99, error=error),),
        (Quantity("out", "W", -9, 9, start=1, delay_ticks=delay),),
        (("double", parse("2 * x")),),
        (parse("x"),),
        (parse("x"),),
        claims,
    )


def breaches(program, values, true=None):
    """What a monitor says at each tick when the input is as in `values`."""
    monitor, state, found = Monitor(program), tuple(q.start for q in program.state), []
    for n, value in enumerate(values):
        following, outputs = step(program, state, (value,))
        found.append(monitor.tick(state, (value,), outputs, following, true[n] if true else None))
        state = following
    return found


def always(text, **more):
    return Claim("it", more.pop("kind", "always"), parse(text), **more)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("x > 0", [0, 1, 0, 0]),
        ("double > 0", [0, 1, 0, 0]),
        ("out == next(kept)", [0, 0, 0, 0]),
        ("kept == 3", [0, 1, 1, 1]),
        ("before(kept) == 3", [0, 0, 1, 1]),
        ("before(x) == x", [0, 1, 1, 0]),
        ("before(out) == 1", [0, 1, 1, 1]),
        ("before(out) == kept or kept == 3", [0, 0, 0, 0]),
        ("true(x) == x", [0, 0, 0, 0]),
    ],
)
def test_a_claim_is_broken_at_its_ticks(text, broken):
    assert breaches(world(always(text)), [5, -2, 7, 7]) == [["it"] if each else [] for each in broken]


def test_the_truth_may_be_told():
    program = world(always("true(x) < 6"), error=2)
    assert breaches(program, [5, 5, 5], [{}, {"x": 7}, {"x": 4}]) == [[], ["it"], []]


def test_ranges_are_claims_too():
    assert breaches(world(), [9, 10, -10]) == [[], ["range of out", "range of kept"], ["range of out", "range of kept"]]


def test_stays_is_broken_while_it_has_to_stay():
    claim = always("x < 5", kind="stays", when=parse("x == 1"), ticks=3)
    counted = Claim("count", "always", parse("left('it') <= 1"))
    found = breaches(world(claim, counted), [7, 1, 2, 7, 7, 1, 7, 1, 2, 2, 7])
    assert ["it" in each for each in found] == [bool(n) for n in (0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0)]
    assert ["count" in each for each in found] == [bool(n) for n in (0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0)]


def test_within_is_broken_when_nothing_came_in_time():
    claim = always("x > 5", kind="within", when=parse("x > 0"), ticks=3)
    counted = Claim("count", "always", parse("waited('it') < 2"))
    found = breaches(world(claim, counted), [1, 1, 7, 1, 1, -1, 1, 1, 1, 1, 7])
    assert ["it" in each for each in found] == [bool(n) for n in (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0)]
    assert ["count" in each for each in found] == [bool(n) for n in (0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0)]


def test_an_actuator_may_be_at_any_of_its_last_values():
    program = world(always("acted(out) < 5"), delay=2)
    assert breaches(program, [0, 7, 0, 0, 0]) == [[], ["it"], ["it"], ["it"], []]
    program = world(always("acted(out) != 1"), delay=2)  # the safe value was before the first tick
    assert breaches(program, [0, 0, 0]) == [["it"], ["it"], []]
    stays = always("acted(out) < 9", kind="stays", when=parse("acted(out) == 4"), ticks=3)
    assert breaches(world(stays, delay=1), [4, 0, 0, 9, 0]) == [[], [], [], ["it"], []]
    assert breaches(world(stays, delay=0), [4, 0, 0, 9, 0]) == [[], [], [], [], []]


@settings(max_examples=25, deadline=None)
@given(programs())
def test_the_stepper_gives_what_the_reference_gives(program):
    stepper = Stepper(program)
    for state, inputs in vectors(program, 10):
        found = stepper.step(state, inputs)
        assert found == step(program, state, inputs)
        assert all(type(value) is int for part in found for value in part)


def test_the_monitor_agrees_with_a_plain_evaluation():
    program, chance = read(template("t")).program(), random.Random(3)
    monitor, state, before = Monitor(program), tuple(q.start for q in program.state), (0,)
    for _ in range(300):
        inputs = tuple(chance.choice([q.least, q.greatest, 60, 62]) for q in program.inputs)
        following = tuple(chance.randint(q.least, q.greatest) for q in program.state)  # not what the program does
        outputs = (chance.randint(0, 1),)
        env = dict(zip([q.name for q in program.quantities()], (*state, *inputs, *outputs), strict=True))
        env |= {"before:heat": before[0], "true:tank": inputs[1]}
        for name, expr in program.lets:
            env[name] = evaluate(expr, env)
        broken = {claim.name for claim in program.claims if claim.kind == "always" and not evaluate(claim.holds, env)}
        broken |= {claim.name for claim in program.claims[1:2] if not evaluate(claim.holds, env)}
        found = set(monitor.tick(state, inputs, outputs, following))
        assert broken == found & {program.claims[0].name, program.claims[1].name}
        state, before = following, outputs


def test_values_that_no_program_gives_do_not_stop_it():
    program = world(always("10 / next(kept) >= 5 and 10 % out == 1"), always("muldiv(3, 3, next(kept)) == 0"))
    assert Monitor(program).tick([0], [0], [99], [0]) == ["it", "range of out"]


def test_what_is_given_may_change_afterwards():
    monitor, state, inputs = Monitor(world(always("before(kept) == 4 or before(x) == 5"))), [4], [5]
    monitor.tick(state, inputs, inputs, inputs)
    state[0], inputs[0] = 7, 8
    assert monitor.tick(state, inputs, inputs, inputs) == []


def test_a_resumed_run_begins_where_it_was():
    program = world(always("abs(out - before(out)) <= 2"))
    assert Monitor(program, (8,), (8,)).tick((8,), (7,), (7,), (7,)) == []
    monitor = Monitor(program)
    assert monitor.tick((8,), (7,), (7,), (7,)) == ["it"]
    monitor.begin((8,), (8,))
    assert monitor.tick((8,), (7,), (7,), (7,)) == []
    monitor.begin()
    assert monitor.tick((8,), (7,), (7,), (7,)) == ["it"]


def test_nothing_is_left_to_stay_after_a_new_beginning():
    stays = always("acted(out) < 5", kind="stays", when=parse("x == 1"), ticks=9)
    monitor = Monitor(world(stays, delay=3))
    assert monitor.tick((0,), (1,), (1,), (1,)) == []
    assert monitor.tick((1,), (9,), (9,), (9,)) == ["it"]
    assert monitor.tick((9,), (0,), (0,), (0,)) == ["it"]
    monitor.begin()
    assert monitor.tick((0,), (9,), (9,), (9,)) == []
    assert monitor.tick((9,), (1,), (1,), (1,)) == ["it"]  # 9 is where it may still be
    monitor.begin()
    assert monitor.tick((0,), (1,), (1,), (1,)) == []


def test_what_is_as_deep_as_may_be_is_still_compiled():
    steep = always(" + ".join(["x"] * 199) + " > 0")
    deep = always("abs(" * 86 + "x" + ")" * 86 + " < 5")
    odd = always("not " * 87 + "(x < 5)")
    assert breaches(world(steep, deep, odd), [0, -3, 7]) == [["it", "it"], ["it", "it"], ["it"]]
