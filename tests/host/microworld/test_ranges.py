"""Range analysis: its intervals hold in every run, nothing it passes leaves 32 bits, what it refuses it explains."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.microworld.language.expression import parse
from host_bridge.microworld.program import Claim, Const, Name, Op, Program, Quantity
from host_bridge.microworld.ranges import RangeError, bounds, check
from host_bridge.microworld.reference import environment, evaluate
from tests.host.microworld.random_expressions import NUMBER, TRUTH

ENDS = st.one_of(st.integers(-40, 40), st.sampled_from([-100000, 100000, 0, 1, -1]))


def ranged(name, ends):
    return Quantity(name, "W", min(ends), max(ends))


def program(inputs, lets=(), output="0", state=(), next_state=(), claims=()):
    outputs = (Quantity("out", "W", 0, 0),)
    return Program("t", "controller", 1, state, inputs, outputs, lets, (output,), next_state, claims)


def inputs_of(a, b, c):
    switches = (Quantity("p", "on/off", 0, 1), Quantity("q", "on/off", 0, 1))
    return (ranged("a", a), ranged("b", b), ranged("c", c), *switches)


PAIR = st.tuples(ENDS, ENDS)


@settings(max_examples=100, deadline=None)
@given(PAIR, PAIR, PAIR, NUMBER, TRUTH, NUMBER, st.randoms(use_true_random=False))
def test_no_run_leaves_the_intervals(a, b, c, number, truth, other, chance):
    lets = (("x", number), ("t", truth))
    made = program(inputs_of(a, b, c), lets, parse_with(other))
    try:
        found = bounds(made)
    except RangeError:
        return
    for _ in range(20):
        values = [chance.choice([q.least, q.greatest, chance.randint(q.least, q.greatest)]) for q in made.inputs]
        for name, value in environment(made, (), values).items():
            assert found[name][0] <= value <= found[name][1]


def parse_with(expr):
    """A rule with guards of many kinds around `expr`."""
    guard = Op("and", (Name("t"), Op("lt", (Name("x"), Op("sub", (Name("a"), Name("b")))))))
    inner = Op("if", (Op("not", (guard,)), expr, Op("sub", (Name("a"), Name("b")))))
    return Op("if", (Op("ge", (Name("x"), Const(3))), inner, Op("min", (Name("x"), expr))))


def interval(text, lets=(), **ends):
    """That of `text`, where the names' intervals are `ends`."""
    inputs = tuple(ranged(name, pair) for name, pair in ends.items())
    return bounds(program(inputs, tuple((name, parse(body)) for name, body in lets), parse(text)))["out"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", (-10, 30)),
        ("a - b", (-10, 30)),
        ("a * b", (-200, 200)),
        ("-a", (-20, 0)),
        ("abs(b)", (0, 10)),
        ("a / 3", (0, 6)),
        ("b / -3", (-3, 3)),
        ("b % 4", (-3, 3)),
        ("a % 7", (0, 6)),
        ("a % 100", (0, 20)),
        ("muldiv(a, 2000000000, 20)", (0, 2000000000)),
        ("min(a, b)", (-10, 10)),
        ("max(a, b)", (0, 20)),
        ("clamp(b, 0, 5)", (0, 5)),
        ("if(b > 0, b, 1)", (1, 10)),
        ("if(b >= 0, a, 0 - b)", (0, 20)),
        ("if(b < 0, -b, b)", (0, 10)),
        ("if(not b < 3, b, 3)", (3, 10)),
        ("if(b > 2 and a < 5, b - a, 0)", (-1, 10)),
        ("if(b > 2 or a < 5, 0, b - a)", (-30, 0)),
        ("if(b != 10, b, 0)", (-10, 9)),
        ("if(b == a, b, 0)", (0, 10)),
        ("if(a > b, a - b, 0)", (0, 30)),
        ("if(a <= b, 0, a - b)", (0, 30)),
        ("if(b + 2 > 5, b, 4)", (4, 10)),
        ("if(5 - b < 3, b, 4)", (3, 10)),
        ("if(2 * b > 5, b, 4)", (3, 10)),
        ("if(-b > 3, b, -4)", (-10, -4)),
        ("if(0 * b < 5, b, 4)", (-10, 10)),
        ("if(-2 * b > 5, b, 4)", (-10, 10)),
        ("if(b * 3 >= -5, b, 4)", (-1, 10)),
        ("if(min(b, a) > 3, b, 4)", (4, 10)),
        ("if(b < 0 or b > 5, b, 0)", (-10, 10)),
        ("if(b < -8 or b < -5, b, -10)", (-10, -6)),
        ("if(b + a < -5, b, -10)", (-10, -6)),
        ("if(a - b < -5, b, 10)", (6, 10)),
        ("if(a - b < -5, a, 0)", (0, 4)),
        ("if(a + 5 == b, b, 5)", (5, 10)),
        ("if(a == 0, 1, 12 / a)", (0, 12)),
        ("if(a <= b, b - a, 0)", (0, 10)),
        ("if(a < b, b - a, 1)", (1, 10)),
        ("if(a < b, a - b, -1)", (-10, -1)),
        ("if(max(a, b) < 4, a, 3)", (0, 3)),
        ("if(abs(b) <= 2, b, 1)", (-2, 2)),
        ("if(a > 100, 1 / a, 7)", (7, 7)),
        ("if(0 < b < 4, 12 / b, 5)", (4, 12)),
    ],
)
def test_intervals_are_narrow(text, expected):
    assert interval(text, a=(0, 20), b=(-10, 10)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a >= 0 or b > 3", (1, 1)),
        ("a < 0 or b > 3", (0, 1)),
        ("a < 0 and b > 3", (0, 0)),
        ("a >= 0 and b > 3", (0, 1)),
        ("not a < 0", (1, 1)),
        ("not b < 0", (0, 1)),
        ("a < 0", (0, 0)),
        ("a < 1", (0, 1)),
        ("a < 20", (0, 1)),
        ("a < 21", (1, 1)),
        ("a <= -1", (0, 0)),
        ("a <= 19", (0, 1)),
        ("a <= 20", (1, 1)),
        ("a > 20", (0, 0)),
        ("a >= 20", (0, 1)),
        ("a == -1", (0, 0)),
        ("a == 21", (0, 0)),
        ("a == 20", (0, 1)),
        ("a != 20", (0, 1)),
        ("a != 21", (1, 1)),
        ("5 == 5", (1, 1)),
    ],
)
def test_truths_that_are_known_are_known(text, expected):
    assert interval(text, a=(0, 20), b=(-10, 10)) == expected


def test_a_condition_is_followed_into_lets():
    lets = (("room", "full - soc"), ("free", "room > 0 and soc > 5"))
    assert interval("if(free, 100 / room, 0)", lets, full=(50, 50), soc=(0, 60)) == (0, 100)
    assert interval("if(room < 10, soc, 45)", lets, full=(50, 50), soc=(0, 60)) == (41, 60)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("load * price", "load * price may reach 4,000,000,000, more than 32 bits hold: use muldiv or to(...), or "
         "narrow the range of load"),
        ("2147483647 + load", "may reach 2,147,503,647"),
        ("-(load * 100000) - 200000000", "may reach -2,200,000,000"),
        ("100 / load", "load may be 0, and 100 / load divides by it"),
        ("100 % (load - 5)", "load - 5 may be 0"),
        ("muldiv(load, price, load)", "load may be 0"),
        ("muldiv(load, price, 1 + 0 * load)", "may reach 4,000,000,000"),
        ("if(load >= 0, 5 / load, 0)", "load may be 0"),
        ("-2147483648 / (-1 - 0 * load)", "may reach 2,147,483,648"),
        ("if(load > 0 and 10 / load > 1, 1, 0)", "load may be 0"),  # `and` has no short cut
    ],
)  # fmt: skip
def test_what_may_leave_32_bits_is_refused(text, says):
    with pytest.raises(RangeError) as caught:
        interval(text, load=(0, 20000), price=(0, 200000))
    assert caught.value.where == "output out"
    assert says in caught.value.says


def test_a_refusal_names_its_place():
    big = parse("n * n")
    state = (Quantity("n", "W", 0, 100000),)
    with pytest.raises(RangeError) as caught:
        check(program((), (("square", big),), parse("0"), state, (parse("n"),)))
    assert caught.value.where == "let square"
    with pytest.raises(RangeError) as caught:
        check(program((), (), parse("0"), state, (big,)))
    assert caught.value.where == "next n"
    claim = Claim("small", "always", parse("next(n) * before(n) < 5"))
    with pytest.raises(RangeError) as caught:
        check(program((), (), parse("0"), state, (parse("n"),), (claim,)))
    assert caught.value.where == "claim small"


def test_an_input_that_is_true_may_be_beyond_what_is_measured():
    measured = (Quantity("t", "degC", 0, 2147483000, error=600),)
    check(program(measured, (), parse("0"), (), (), (Claim("c", "always", parse("true(t) < 5")),)))
    with pytest.raises(RangeError):
        check(program(measured, (), parse("0"), (), (), (Claim("c", "always", parse("true(t) + 100 < 5")),)))


def test_what_is_nested_to_tire_is_followed_only_so_far():
    text = "a"
    for n in range(34):
        text = f"if(a + {n} < {text}, a, b)"
    assert interval(text, a=(0, 10), b=(0, 20)) == (0, 20)


def test_lets_that_build_on_each_other_without_end_are_followed_only_so_far():
    lets = [("x0", "a")]
    for n in range(1, 40):
        lets.append((f"x{n}", f"if(x{n - 1} + x{n - 1} < b and x{n - 1} > 3, x{n - 1}, b)"))
    assert interval("if(x39 < 5 and x39 - x38 > 0, 1, 2)", lets, a=(0, 1000), b=(0, 1000)) == (1, 2)


def test_guards_make_division_safe_in_every_run():
    chance = random.Random(4)
    expr = parse("if(b > 0 or a < -3, if(b > 0, a / b, if(a < -3, a / (a + 1), 1)), 0)")
    made = program(inputs_of((-50, 50), (-50, 50), (0, 1)), (), expr)
    check(made)
    for _ in range(500):
        a, b = chance.randint(-50, 50), chance.randint(-50, 50)
        evaluate(expr, {"a": a, "b": b})  # raises ArithmeticError where it divides by 0
