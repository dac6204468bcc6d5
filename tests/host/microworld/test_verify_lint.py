"""Warnings about specifications that say less than they seem to."""

import pytest

from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.verify import lint
from tests.host.microworld.verify_kit import VALVE, always, stays, valve


def warnings(claims: str) -> list[str]:
    return lint(valve(claims))


@pytest.mark.parametrize("name", catalogue.names())
def test_the_catalogue_has_no_warnings(name):
    found = spec.read(catalogue.spec_path(name).read_text(encoding="utf-8"), name)
    assert lint(found.program(), found.guards()) == []


def test_what_says_something_has_no_warning():
    assert (
        warnings(always("remembered", "was == before(open)") + always("rests", "since < 20 s implies open == was"))
        == []
    )


def test_assumptions_that_no_input_meets_are_named():
    (found,) = warnings('\n[[assume]]\nholds = "load > 3000 W"\n[[assume]]\nholds = "load < 2000 W"\n')
    assert "contradict each other" in found
    assert "load > 3000" in found


def test_an_assumption_that_no_input_meets_is_named():
    (found,) = warnings('\n[[assume]]\nholds = "load > 3000 W and load < 2000 W"\n')
    assert "for no input" in found


def test_a_claim_that_nothing_can_break_is_named():
    (found,) = warnings(always("some time", "since >= 0 s"))
    assert "nothing can break `some time`" in found


def test_a_claim_of_inputs_alone_is_named():
    (found,) = warnings(always("only inputs", "load <= 5 kW"))
    assert "only inputs" in found
    assert "outputs or states" in found


def test_a_claim_that_assumes_what_it_says_is_named():
    (found,) = warnings(always("circle", "load <= 100 W or open") + '\n[[assume]]\nholds = "load <= 100 W"\n')
    assert "`circle` assumes what it says" in found


def test_a_claim_whose_beginning_never_comes_is_named():
    (found,) = warnings(stays("never", "open and since > 1 h - 1 s and since < 1 h", "not open", "5 s"))
    assert "`never` is never put to the test" in found
    (found,) = warnings(always("too late", "open and was != before(open) implies since > 3 s"))
    assert "`too late` is never put to the test" in found


def test_a_rule_that_is_never_taken_is_named_with_its_line():
    text = VALVE.replace('then = "was" }]', 'then = "was" }, { when = "since < 10 s", then = "off" }]')
    found = spec.read(text, "valve.toml")
    (warning,) = lint(found.program(), found.guards())
    line = 1 + text[: text.index("since < 10 s")].count("\n")
    assert f"line {line}:" in warning
    assert "never taken" in warning
