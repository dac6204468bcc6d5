"""The mutation check: mutants are what they are called, and none that breaks a claim gets past the verifier."""

from collections import Counter

import pytest

from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.program import walk
from tests.host.microworld.verify_kit import always, valve
from tools import world_mutants

VALVE = valve(always("rests", "since < 20 s implies open == was"))


def size(program):
    exprs = [*(expr for _, expr in program.lets), *program.output, *program.next_state]
    return sum(1 for expr in exprs for _ in walk(expr))


def test_every_mutant_is_another_program_with_the_same_claims():
    found = list(world_mutants.mutants(VALVE))
    assert len(found) > 20
    assert len({each.what for each in found}) > 15
    for each in found:
        assert each.program != each.original
        assert each.program.claims == each.original.claims
        assert abs(size(each.program) - size(VALVE)) <= 12


def test_one_that_breaks_a_claim_is_refuted_and_one_that_breaks_none_is_accepted():
    judged = {}
    for each in world_mutants.mutants(VALVE):
        if each.what in ("valve: open: 20 - 1", "valve: open: 20 + 1", "valve: greatest of load"):
            judged[each.what] = world_mutants.judge(each)
    assert judged["valve: open: 20 - 1"].outcome == "refuted"
    assert judged["valve: open: 20 - 1"].broken == ("rests",)
    assert judged["valve: open: 20 + 1"].outcome == "accepted, breaks nothing"
    assert judged["valve: greatest of load"].outcome == "accepted, breaks nothing"


def test_there_are_mutants_enough_and_of_every_world():
    chosen = world_mutants.chosen(320)
    assert len(chosen) >= 300
    assert {each.what.partition(":")[0] for each in chosen} == {
        spec.read(catalogue.spec_path(name).read_text(encoding="utf-8"), name).name for name in catalogue.names()
    }


@pytest.mark.slow
def test_no_mutant_that_breaks_a_claim_is_accepted():
    judged = world_mutants.run(320)
    counts = Counter(each.outcome for each in judged)
    assert len(judged) >= 300
    assert [each for each in judged if each.outcome == "MISSED"] == []
    assert counts["refuted"] >= 60
    assert sum(bool(each.broken) for each in judged) >= 50
