"""Folding changes no result."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.microworld.language.expression import parse, show
from host_bridge.microworld.language.fold import fold
from host_bridge.microworld.program import Const, walk
from host_bridge.microworld.reference import evaluate
from tests.host.microworld.random_expressions import EITHER, ENVIRONMENT


@settings(max_examples=150, deadline=None)
@given(EITHER, ENVIRONMENT, st.sets(st.sampled_from("abcpq")))
def test_folded_gives_the_same(expr, env, constants):
    folded = fold(expr, {name: Const(env[name]) for name in constants})
    assert len(list(walk(folded))) <= len(list(walk(expr)))
    try:
        expected = evaluate(expr, env)
    except ArithmeticError:
        return  # a program that ranges.check refuses
    assert evaluate(folded, env) == expected


@pytest.mark.parametrize(
    ("text", "smaller"),
    [
        ("2 * 3 + a", "6 + a"),
        ("if(1 < 2, a, b)", "a"),
        ("if(p, a, a)", "a"),
        ("if(not p, a, b)", "if(p, b, a)"),
        ("p and on", "p"),
        ("p or on", "1"),
        ("p and (q or on) and off", "0"),
        ("not not p", "p"),
        ("0 - a", "-a"),
        ("a * 1 + 0", "a"),
        ("0 * a", "0"),
        ("muldiv(a, 1, 60)", "a / 60"),
        ("muldiv(a, 60, 60)", "a"),
        ("muldiv(a, b, 1)", "a * b"),
        ("a <= a", "1"),
        ("a != a", "0"),
        ("max(a, a)", "a"),
        ("1 / 0", "1 / 0"),  # left for range analysis to refuse
        ("2147483647 + 1", "2147483647 + 1"),
        ("-2147483648 / -1", "-2147483648 / -1"),
    ],
)
def test_is_smaller(text, smaller):
    assert show(fold(parse(text))) == smaller
