"""What the page of worlds shows, as pure functions: verdicts, charts, bindings as people write them."""

from datetime import UTC

import pytest

from host_bridge.agent import written
from host_bridge.agent.binding import BindingError
from host_bridge.microworld import making
from host_bridge.microworld.tick_log import Tick
from host_bridge.web import world_chart, world_verdicts, world_words
from tests.host.served_bridge import home

UNITS = {"grid": "W", "close": "on/off", "soc": "Wh"}
TRACE = ({"soc": 5, "grid": 0, "close": 0}, {"soc": 5, "grid": 700, "close": 1})


def verdict(claim, outcome="proved", how="z3", seconds=0.25, trace=None):
    return {"claim": claim, "outcome": outcome, "how": how, "k": 0, "seconds": seconds, "says": "", "trace": trace,
            "reachable": True}  # fmt: skip


def answer(**more):
    return {"errors": [], "warnings": [], "verdicts": [], "accepted": False, "wasm_bytes": 300, "bytecode_bytes": 90,
            "seconds": 1.23} | more  # fmt: skip


@pytest.mark.parametrize(
    ("told", "under_way", "says"),
    [
        (answer(errors=[{}, {}]), False, "2 errors: nothing is compiled."),
        (answer(progress="minimum on time"), True, "Compiled (300 B of wasm, 90 B of bytecode); proving minimum"),
        (answer(bytecode_bytes=0, progress=""), True, "Compiled (300 B of wasm, no bytecode for nodes); proving"),
        (answer(verdicts=[verdict("a")], accepted=True), False, "Proved: 1 proved, in 1.2 s; 300 B of wasm"),
        (answer(verdicts=[verdict("a"), verdict("b", "refuted")]), False, "Not accepted: 1 proved, 1 refuted, in"),
        (answer(verdicts=[verdict("a", "not proved")]), False, "Not accepted: 1 not proved"),
        (answer(not_checked="60 s are over", accepted=False), False, "Not proved: 60 s are over"),
    ],
)
def test_what_is_known_in_a_sentence(told, under_way, says):
    assert world_verdicts.summary(told, under_way).startswith(says)


def test_implicit_claims_are_one_row_only_where_they_are_proved():
    rows = making.condensed([
        verdict("equals the reference: heat", how="the same term", seconds=1),
        verdict("equals the reference: next:on", how="z3", seconds=2),
        verdict("range of heat"),
        verdict("range of on", "refuted"),
        verdict("mine: as I call it"),
    ])  # fmt: skip
    told = [(row["claim"], row["outcome"], row["seconds"]) for row in rows]
    assert told == [
        ("the wasm equals the specification", "proved", 3),
        ("all states and outputs keep their ranges", "proved", 0.25),
        ("range of on", "refuted", 0.25),
        ("mine: as I call it", "proved", 0.25),
    ]
    assert rows[0]["how"] == "the same term, z3"


def test_a_counterexample_is_drawn_with_what_changes_first():
    labels, series = world_chart.of_trace(TRACE)
    assert labels == ["tick 0", "tick 1", ""] and list(series) == ["grid", "close", "soc"]
    assert series["grid"] == [0, 700, 700]  # what holds at the last tick is drawn to its end
    drawn = world_chart.options(labels, series, UNITS)
    assert [line["name"] for line in drawn["series"]] == ["grid (W)", "close", "soc (Wh)"]
    assert [line["yAxisIndex"] for line in drawn["series"]] == [0, 1, 0]  # on and off have an axis of their own


def test_a_counterexample_in_words():
    told = world_verdicts.counterexample_words(verdict("a", "refuted", trace=TRACE))
    assert told == "The run from the start breaks it at tick 1. All figures are computed."
    assert world_verdicts.last_words(TRACE[1], UNITS).replace("\N{NO-BREAK SPACE}", " ") == (
        "At that tick: soc 5 Wh, grid 700 W, close on."
    )


def test_ticks_are_drawn_as_inputs_and_as_computed():
    ticks = [Tick("d", 0, 1_000, (), (5,), (1,)), Tick("d", 1, 2_000, (), (6,), (), "fuel")]
    labels, series = world_chart.of_ticks(ticks, ["grid"], ["close"], UTC)
    assert labels == ["00:00:01", "00:00:02"]
    assert series == {"computed:close": [1, None], "input:grid": [5, 6]}


def test_figures_have_their_unit():
    assert world_words.quantity(-5, "W") == "\N{MINUS SIGN}5\N{NO-BREAK SPACE}W"
    assert (world_words.quantity(1, "on/off"), world_words.quantity(7, "")) == ("on", "7")
    assert world_words.quantity(None, "W") == "\N{EN DASH}"


def test_what_an_output_is_bound_to():
    binding = {"inputs": {"a": "x.y.closed", "n": 5, "s": {"series": [[1, 2]]}}, "outputs": {"c": None, "d": "x.y"}}
    inputs = [world_words.bound_to(binding, "input", name) for name in "ans"]
    assert inputs == ["x.y.closed", "set to 5", "a series"]
    assert [world_words.bound_to(binding, "computed", name) for name in "cd"] == ["only shown", "x.y"]


def test_a_binding_is_written_and_read_again():
    series = {"series": [[1, 2]]}
    now = {"inputs": {"a": "n.c.closed", "b": -5, "d": True, "s": series}, "outputs": {"o": "n.c", "p": None}}
    texts = {name: written.as_text(bound) for table in now.values() for name, bound in table.items()}
    assert texts == {"a": "n.c.closed", "b": "-5", "d": "on", "s": "as it is", "o": "n.c", "p": "none"}
    assert written.binding(texts, "abds", "op", now) == now
    assert written.binding({"a": ""}, "a", "o")["inputs"] == {}  # what is left empty is told as not bound
    with pytest.raises(BindingError, match="no input or output z"):
        written.binding({"z": "1"}, "a", "o")


def test_what_can_be_bound_is_offered():
    view = home("home-1")
    assert {"clock.hour", "home-1.grid.active_power_mw", "home-1.heater.closed"} <= set(written.sources([view]))
    assert written.targets([view]) == ["none", "home-1.heater"]
