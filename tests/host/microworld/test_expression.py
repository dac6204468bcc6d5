"""The language of rules: what reads as what, what is shown as what, and where a mistake is."""

import pytest
from hypothesis import given, settings

from host_bridge.microworld.language.expression import parse, show
from host_bridge.microworld.language.spec_error import ExpressionError, SpecError
from host_bridge.microworld.language.syntax import read
from host_bridge.microworld.program import Const, Name, Op
from host_bridge.microworld.reference import evaluate
from tests.host.microworld.random_expressions import EITHER

ENV = {"a": 7, "b": -3, "c": 2, "p": 1, "q": 0}


@settings(max_examples=100, deadline=None)
@given(EITHER)
def test_what_is_shown_reads_as_the_same(expr):
    assert parse(show(expr)) == expr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a - b - c", 8),
        ("a - (b - c)", 12),
        ("a + b * c", 1),
        ("-a / c", -3),
        ("-a % c", -1),
        ("a / b", -2),
        ("-(a - b) * c", -20),
        ("min(a, b, c) + max(a, b, c)", 4),
        ("clamp(a, b, c)", 2),
        ("abs(b)", 3),
        ("muldiv(a, 2000000000, 7)", 2000000000),
        ("if(p and q, a, b)", -3),
        ("b < c < a", 1),
        ("b < a < c", 0),
        ("b < c <= c < a", 1),
        ("between(c, b, a)", 1),
        ("between(a, b, c)", 0),
        ("p implies q", 0),
        ("q implies q implies q", 1),  # from the right: q implies (q implies q)
        ("not q and q", 0),
        ("not (q and q)", 1),
        ("not a == b", 1),
        ("q or p and not q", 1),
        ("p and q or p", 1),
        ("1_000 * c", 2000),
        ("on and not off", 1),
    ],
)
def test_operators_bind_as_people_read_them(text, value):
    assert evaluate(parse(text), ENV) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fault implies not close", "fault implies not close"),
        ("(a implies b) and c", "(not a or b) and c"),
        ("0<=soc<=left('a time')", "0 <= soc <= left('a time')"),
        ("clamp(next(x), -5, before(y)-1)", "clamp(next(x), -5, before(y) - 1)"),
        ("-(5)", "-(5)"),
        ("0<=a+b<=c-1", "0 <= a + b <= c - 1"),
        ("if(not p or q, 1, 2)", "if(not p or q, 1, 2)"),
        ("clamp(-a, b*2, max(a,b,c))", "clamp(-a, b * 2, max(max(a, b), c))"),
        ("5 % (-a) - -b", "5 % (-a) - -b"),
        ("-(a+b)*-(a*b)", "-(a + b) * -(a * b)"),
        ("(a*b)/c*(d%e)", "a * b / c * (d % e)"),
    ],
)
def test_is_shown_as_a_person_writes(text, shown):
    assert show(parse(text)) == shown


def test_prefixes_are_names():
    assert parse("next(soc) == acted(p)") == Op("eq", (Name("next:soc"), Name("acted:p")))
    assert parse("waited('comes on')") == Name("waited:comes on")
    assert parse("-5") == Const(-5)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "the end where a number, a name or '(' is wanted"),
        ("a +", 1, 4, "the end where a number"),
        ("a b", 1, 3, "'b' where an operator or the end is wanted"),
        ("(a", 1, 3, "the end where ')' after what was opened"),
        ("a\n  + & b", 2, 5, "'&' means nothing here"),
        ("a && b", 1, 3, "'&&' is written 'and' here"),
        ("a = b", 1, 3, "'=' is written '==' here"),
        ("!a", 1, 1, "'!' is written 'not' here"),
        ("true and a", 1, 1, "'true' is written 'on' here"),
        ("false", 1, 1, "'false' is written 'off' here"),
        ("mim(a, b)", 1, 1, "no function is called 'mim': did you mean min?"),
        ("foo(a)", 1, 1, "no function is called 'foo': there are if, min"),
        ("a + abs(a, b)", 1, 5, "abs takes 1 arguments, not 2"),
        ("min(a)", 1, 1, "min takes 2 to 9 arguments, not 1"),
        ("if", 1, 1, "if needs its arguments in parentheses"),
        ("next(5)", 1, 6, "'5' where a name is wanted"),
        ("a < b > ", 1, 9, "the end where"),
        ("a and or b", 1, 7, "'or' where a number, a name"),
        ("2.5 + a", 1, 1, "not a whole number"),
        ("2 kW", 1, 1, "a unit has no place here"),
        ("'text'", 1, 1, "\"'text'\" where a number"),
        ("x" * 41, 1, 1, "at most 40 characters"),
        ("1" * 21, 1, 1, "more than 32 bits hold"),
        ("a" + " " * 100_000, 1, 1, "longer than 100000"),
    ],
)
def test_a_mistake_is_told_at_its_place(text, line, column, says):
    with pytest.raises(SpecError) as caught:
        parse(text, "x")
    assert says in caught.value.says
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("text", ["(" * 1990 + "a" + ")" * 1990, "-" * 3900 + "a", "not " * 900 + "a",
                                  "abs(" * 900, "a implies " * 390 + "a", "if(a," * 700])  # fmt: skip
def test_what_is_nested_without_end_is_refused(text):
    with pytest.raises(ExpressionError, match="nested deeper than 30"):
        read(text)
    with pytest.raises(SpecError, match="nested deeper than 90"):
        parse(text)


def test_what_goes_on_without_end_is_refused():
    for sign in ("+", "-", "and"):
        with pytest.raises(ExpressionError, match="more than 60 operators"):
            read(f" {sign} ".join(["a"] * 62))
        assert read(f" {sign} ".join(["a"] * 60)).depth == 60
    assert read("a < " * 59 + "a").depth == 60
    with pytest.raises(ExpressionError, match="more than 60 operators"):
        read("a < " * 61 + "a")
    assert show(parse("a" + " + a" * 199)) == "a" + " + a" * 199
