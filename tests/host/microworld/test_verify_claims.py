"""What the verifier says of claims: true ones proved, false ones refuted by ticks that really break them."""

from dataclasses import replace

import pytest

from host_bridge.microworld import wasm
from host_bridge.microworld.monitor import Monitor
from host_bridge.microworld.program import Claim, Const, Name, Quantity
from host_bridge.microworld.runtime import Sandbox, Shape
from host_bridge.microworld.verify import verify
from host_bridge.microworld.verify.prove import Prover
from host_bridge.microworld.verify.smt import Undecided
from tests.host.microworld.verify_kit import (
    always,
    checked,
    op,
    outcomes,
    stays,
    valve,
    verdict,
    wide,
    within,
    world,
)


def run_again(program, trace):
    """What the last tick of a trace breaks, on the bytes, watched by the reference's Monitor."""
    instance = Sandbox(deadline_ms=10_000).load(wasm.compile(program)).instance(Shape.of(program))
    monitor, broken = Monitor(program), []
    state = tuple(quantity.start for quantity in program.state)
    for row in trace:
        inputs = [row[quantity.name] for quantity in program.inputs]
        after, outputs = instance.step(state, inputs)
        true = {q.name: row[f"true:{q.name}"] for q in program.inputs if f"true:{q.name}" in row}
        broken = monitor.tick(state, inputs, outputs, after, true)
        state = after
    return broken


def assert_refuted(program, claim, **options):
    case = checked(program, **options)
    found = verdict(case, claim)
    assert (found.outcome, found.reachable) == ("refuted", True), found
    assert claim in run_again(program, found.trace)
    assert not case.accepted
    return found


def assert_proved(program, claim, **options):
    found = verdict(checked(program, **options), claim)
    assert found.outcome == "proved", found
    return found


def test_what_holds_in_every_tick_is_proved_and_what_does_not_is_refuted():
    assert_proved(valve(always("rests", "since < 20 s implies open == was")), "rests")
    assert_refuted(valve(always("rests", "since <= 20 s implies open == was")), "rests")


def test_a_case_is_accepted_when_all_is_proved():
    assert checked(valve(always("rests", "since < 20 s implies open == was"))).accepted


def test_what_looks_back_is_proved_by_induction():
    found = assert_proved(valve(always("remembered", "was == before(open)")), "remembered")
    assert found.how == "1-induction"
    assert_refuted(valve(always("forgotten", "was == before(was)")), "forgotten")


def test_what_stays_is_proved_for_so_long_and_refuted_for_longer():
    opens = "open and not before(open)"
    assert_proved(valve(stays("stays", opens, "open", "20 s")), "stays")
    found = assert_refuted(valve(stays("stays", opens, "open", "21 s")), "stays")
    assert len(found.trace) >= 21


def test_what_comes_within_a_time_is_proved_and_refuted_for_less():
    waits = "asked and not open"
    assert_proved(valve(within("comes", waits, "open", "22 s")), "comes")
    found = assert_refuted(valve(within("comes", waits, "open", "5 s")), "comes")
    assert len(found.trace) >= 5


def test_a_wrong_claim_does_not_spoil_the_others():
    case = checked(valve(always("wrong", "not open") + always("right", "was == before(open)")))
    assert outcomes(case) == {"wrong": "refuted"}


def test_lemmas_are_proved_like_any_and_a_wrong_one_is_no_help():
    assert_refuted(valve(always("lie", "since >= 20 s", kind="lemma") + always("x", "open == asked")), "lie")
    assert_refuted(valve(always("lie", "since >= 20 s", kind="lemma") + always("x", "open == asked")), "x")


def test_what_one_tick_before_does_not_show_two_do():
    """A state that stands for its last two inputs: c is what a was two ticks ago, which one tick back cannot say."""
    bit = [Quantity(name, "on/off", 0, 1) for name in "xabcd"]
    x, a, b, c, d = bit
    program = world(
        (x,), (Quantity("o", "on/off", 0, 1),), (a, b, c, d), (Name("d"),),
        (Name("x"), Name("a"), Name("x"), Name("c")),
        (Claim("same", "always", op("eq", op("if", "b", 1, 0), op("if", "d", 1, 0))),),
    )  # fmt: skip
    found = assert_proved(program, "same")
    assert (found.how, found.k) == ("2-induction", 2)


def test_an_output_beyond_its_range_is_refuted():
    program = world((wide("i", 0, 10),), (wide("o", 0, 18),), (), (op("mul", "i", 2),))
    assert_refuted(program, "range of o")
    assert checked(replace(program, outputs=(wide("o", 0, 20),))).accepted


def test_a_state_that_grows_beyond_its_range_is_refuted_and_nothing_rests_on_it():
    count = wide("n", 0, 5)
    claims = (Claim("small", "always", op("le", "n", 5)),)
    program = world((wide("i", 0, 1),), (), (count,), (), (op("add", "n", "i"),), claims)
    case = checked(program)
    assert verdict(case, "range of n").outcome == "refuted"
    assert len(verdict(case, "range of n").trace) == 6
    assert verdict(case, "small").outcome == "not proved"
    at_once = replace(program, state=(wide("n", 0, 0),), claims=(Claim("small", "always", op("eq", "n", 0)),))
    assert outcomes(checked(at_once)) == {
        "no trap": "not proved",
        "range of n": "refuted",
        "small": "not proved",
    }


def test_an_error_of_a_sensor_is_taken_into_account():
    claim = always("sees", "true(load) <= 5050 W") + always("sees too well", "true(load) <= load + 49 W")
    case = checked(valve(claim))
    assert verdict(case, "sees").outcome == "proved"
    assert_refuted(valve(claim), "sees too well")


def test_an_actuator_may_still_do_what_it_was_told_before():
    late = always("late", "acted(open) implies open or before(open)")
    prompt = always("prompt", "acted(open) implies open")
    assert_proved(valve(late), "late")
    assert_refuted(valve(prompt), "prompt")


def test_nothing_is_known_of_an_input_before_the_first_tick():
    claim = "since < 1 h or before(load) == load"
    found = verdict(checked(valve(always("as it was", claim))), "as it was")
    assert found.outcome == "refuted" or "before the first tick" in found.says
    first = verdict(
        checked(valve(always("at first", "before(since) < 1 h or since < 1 h or before(load) <= 4000 W"))), "at first"
    )
    assert first.outcome != "proved"


def test_an_assumption_is_used_and_said():
    assume = '\n[[assume]]\nholds = "load <= 100 W"\n'
    claim = always("little", "load <= 100 W")
    case = checked(valve(claim + assume))
    assert verdict(case, "little").outcome == "proved"
    assert case.assumptions == ("load <= 100",)
    assert_refuted(valve(claim), "little")


def test_a_tick_counter_that_wraps_is_found_where_the_reference_cannot_overflow():
    """Bytes that are not what the specification says: the sum of two large numbers leaves 32 bits."""
    big = 2_000_000_000
    program = world((wide("i", 0, big),), (wide("o", 0, big),), (), (op("min", "i", big),))
    other = replace(program, output=(op("div", op("add", "i", "i"), 2),))
    case = verify(wasm.compile(other), program)
    assert outcomes(case) == {"equals the reference: o": "refuted", "range of o": "refuted"}
    (row,) = verdict(case, "equals the reference: o").trace
    assert row["i"] > 1 << 30
    assert row["o"] < 0 <= row["reference:o"] == row["i"]


def test_two_modules_of_other_rules_are_not_taken_for_each_other():
    strict, loose = valve(old0="20 s", new0="30 s"), valve()
    case = verify(wasm.compile(loose), strict)
    assert outcomes(case) == {"equals the reference: open": "refuted", "equals the reference: next:was": "refuted",
                              "equals the reference: next:since": "refuted"}  # fmt: skip
    (row,) = verdict(case, "equals the reference: open").trace
    assert 20 <= row["since"] < 30


def hard(claim_says: int):
    """Three numbers whose cubes make `claim_says`: z3 finds no answer in a hurry."""
    numbers = [wide(name, -800, 800) for name in "abc"]
    cubes = [op("mul", op("mul", name, name), name) for name in "abc"]
    total = op("add", op("sub", cubes[0], cubes[1]), op("if", op("lt", cubes[2], 0), 0, cubes[2]))
    return world(
        numbers, (wide("o", 0, 1),), (), (op("if", op("eq", total, Const(claim_says)), 1, 0),),
        claims=(Claim("never", "always", op("eq", "o", 0)),),
    )  # fmt: skip


def test_what_takes_too_long_is_not_proved():
    """x^3 - y^3 + z^3 = 42 with small z >= 0 is open to search alone; no proof comes out of a small budget."""
    found = verdict(checked(hard(742_731), budget_s=0.01), "never")
    assert found.outcome == "not proved"
    assert "time allowed" in found.says


def test_induction_proves_nothing_whose_first_ticks_were_not_looked_through(monkeypatch):
    """n stays what it is: that it is 0 hands itself on for ever, but it begins with 1."""
    claims = (Claim("zero", "always", op("eq", "n", 0)), Claim("small", "always", op("le", "n", 9)))
    program = world((wide("i", 0, 1),), (), (wide("n", 0, 9, start=1),), (), (Name("n"),), claims)
    assert outcomes(checked(program)) == {"zero": "refuted"}

    def undecided(*args, **more):
        raise Undecided

    monkeypatch.setattr(Prover, "_refuted", undecided)
    monkeypatch.setattr("host_bridge.microworld.verify.assure.search", lambda system, goals: {})
    assert outcomes(checked(program)) == {"zero": "not proved"}


def test_what_takes_too_long_does_not_spoil_the_rest():
    program = hard(742_731)
    easy = (*program.claims, Claim("easy", "always", op("le", "o", 1)), Claim("wrong", "always", op("lt", "a", 7)))
    case = checked(replace(program, claims=easy), budget_s=0.5)
    assert outcomes(case) == {"never": "not proved", "wrong": "refuted"}


def test_the_verdicts_repeat_themselves():
    def told():
        case = checked(valve(stays("stays", "open and not before(open)", "open", "21 s") + always("no", "not open")))
        return [replace(each, seconds=0.0) for each in case.verdicts]

    assert told() == told()


TRUE, BIT = Const(1), Quantity("b", "on/off", 0, 1)
PLAIN = world((wide("i", 0, 1),), (BIT,), (wide("n", 0, 9),), (Name("i"),), (Name("n"),))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"state": (wide("n", 5, 9),)}, "starts at 0"),
        ({"state": (wide("n", 5, 4, start=5),)}, "range of n"),
        ({"state": (wide("n", 0, 1 << 31),)}, "range of n"),
        ({"state": (wide("n", 0, 9.5),)}, "whole numbers"),
        ({"state": (wide("i", 0, 9),)}, "named twice"),
        ({"inputs": (wide("before:n", 0, 1),), "output": (Name("before:n"),)}, "no name"),
        ({"inputs": (wide("i", 0, 1, error=-1),)}, "error of i"),
        ({"outputs": (replace(BIT, delay_ticks=-1),)}, "error of b"),
        ({"claims": (Claim("no trap", "always", TRUE),)}, "the verifier's own"),
        ({"claims": (Claim("range of n", "always", TRUE),)}, "the verifier's own"),
        ({"claims": (Claim("x", "always", TRUE), Claim("x", "always", op("lt", "i", 0)))}, "two claims"),
        ({"claims": (Claim("x", "stays", TRUE),)}, "no `when`"),
        ({"claims": (Claim("x", "stays", TRUE, TRUE, 0),)}, "last"),
        ({"claims": (Claim("x", "often", TRUE),)}, "unknown kind"),
        ({"claims": (Claim("x", "always", op("lt", "missing", 0)),)}, "'missing'"),
    ],
)
def test_what_would_make_proofs_meaningless_is_refused(changes, says):
    assert checked(PLAIN).accepted
    (found,) = verify(wasm.compile(PLAIN), replace(PLAIN, **changes)).verdicts
    assert found.outcome == "refused"
    assert says in found.says


def test_where_no_input_is_taken_nothing_is_accepted():
    case = checked(replace(PLAIN, assumptions=(op("gt", "i", 1),)))
    assert outcomes(case) == {"some input is taken": "refuted"}


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_private_must_not_show_in_what_is_shared(shared):
    load = wide("load", 0, 5000, private=True)
    out = Quantity("o", "on/off", 0, 1, shared=shared)
    program = world((load,), (out,), (), (op("gt", "load", 4999),))
    case = checked(program)
    if not shared:
        assert case.accepted
        return
    found = verdict(case, "keeps private: o")
    assert found.outcome == "refuted"
    one, other = found.trace
    assert one["o"] != other["o"]
    assert one["load"] != other["load"]


def test_what_is_meant_to_be_shown_may_be_and_no_more():
    load, water = wide("load", 0, 5000, private=True), wide("water", 0, 9, private=True)
    out = wide("o", 0, 5000, shared=True, reveals=("load",))
    assert checked(world((load, water), (out,), (), (Name("load"),))).accepted
    leaks = world((load, water), (out,), (), (op("max", "load", "water"),))
    assert outcomes(checked(leaks)) == {"keeps private: o": "refuted"}
    cancels = world((load, water), (out,), (), (op("min", "load", op("add", "water", 5000)),))
    assert checked(cancels).accepted


def test_a_secret_that_comes_out_a_tick_later_is_found():
    load = wide("load", 0, 5000, private=True)
    memory, out = wide("memory", 0, 5000), wide("o", 0, 5000, shared=True)
    program = world((load,), (out,), (memory,), (Name("memory"),), (Name("load"),))
    assert outcomes(checked(program)) == {"keeps private: memory": "refuted"}
    hidden = replace(program, state=(replace(memory, private=True),))
    assert outcomes(checked(hidden)) == {"keeps private: o": "refuted"}
