"""What is told of a node's absence: its own switchings and plan, read from its flash, and whether they agree."""

from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridnode.node.journal import Journal
from gridnode.node.pair import Pair
from gridnode.node.plan import Plan
from gridnode.wire import schema
from tools.absence import Absence, Switching, figures, wish, witness

BEGAN_S = 1_790_000_000
OFFSET_MS = BEGAN_S * 1000  # Unix time less the node's
CHARGE, HOLD = 0, 2
ROWS = [[1, 1, CHARGE, 1], [1, 3, HOLD, 1]]
OPEN, CLOSED = schema.STATES.index("open"), schema.STATES.index("closed")


def document(rows):
    return cbor2.dumps([1, BEGAN_S, BEGAN_S + 600, [], *rows])


def switched(contactor, at_ms, state, cause):
    return [schema.SWITCHED, 0, contactor, at_ms, state, schema.CAUSES.index(cause), 0]


def folder_of_a_node(folder, records, plan):
    journal = Journal(str(folder / "journal"), 3, 7, 5000)
    for record in records:
        journal.append(record)
    journal.save(300_000, [(1, 2, 3, 4)] * 3)
    if plan:
        Pair(str(folder / "plan.")).write(b"\0\1" + plan)
    return folder


def absence(**changed):
    """Five minutes, in which the charging of the second one and the holding of the second to fourth is planned."""
    moves = [
        (CHARGE, -1000, "open", "boot"),
        (1, -1000, "open", "boot"),
        (HOLD, -1000, "open", "boot"),
        (CHARGE, 60_300, "closed", "plan"),
        (HOLD, 60_300, "closed", "plan"),
        (CHARGE, 124_800, "open", "expiry"),
        (HOLD, 245_200, "open", "expiry"),
    ]
    switchings = tuple(Switching(OFFSET_MS + at, which, state, cause, at) for which, at, state, cause in moves)
    away = Absence("home", OFFSET_MS, OFFSET_MS + 300_000, 20_000, document(ROWS), switchings)
    return replace(away, **changed)


def test_switchings_and_plan_are_read_from_the_nodes_flash(tmp_path):
    records = [
        [schema.CLOCK, 0, 900, OFFSET_MS + 900, 3],
        *(switched(contactor, 0, OPEN, "boot") for contactor in range(3)),
        [schema.REGISTERS, 0, 0, 0, 5, 6],
        switched(CHARGE, 61_000, CLOSED, "plan"),
    ]
    folder_of_a_node(tmp_path, records, document(ROWS))
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    seen = witness("home", tmp_path, 3, 20_000, OFFSET_MS, OFFSET_MS + 300_000)
    assert seen.plan == document(ROWS)
    assert [each[1:4] for each in seen.switchings] == [
        *((contactor, "open", "boot") for contactor in range(3)),
        (CHARGE, "closed", "plan"),
    ]
    assert (seen.switchings[-1].at_ms, seen.switchings[-1].node_ms) == (OFFSET_MS + 61_000, 61_000)
    after = sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    assert after == before  # it runs, and was only looked at


def test_a_node_that_keeps_to_its_plan_agrees_with_it_all_the_time():
    found = figures(absence())
    assert (found["agreed_permille"], found["by_plan"], found["by_others"]) == (1000, 2, [])
    assert (found["alone_s"], found["looked"] > 1000) == (300, True)


@pytest.mark.parametrize("left_out", [3, 4, 5, 6])
def test_a_switching_that_the_plan_wants_and_that_is_not_done_is_seen(left_out):
    done = absence().switchings
    assert figures(absence(switchings=done[:left_out] + done[left_out + 1 :]))["agreed_permille"] < 1000


def test_a_switching_that_nothing_explains_is_seen():
    odd = Switching(OFFSET_MS + 200_000, 1, "closed", "request", 200_000)
    found = figures(absence(switchings=(*absence().switchings, odd)))
    assert found["by_others"] == [tuple(odd)] and found["agreed_permille"] < 1000


def test_what_a_host_held_before_is_no_disobedience():
    held = Switching(OFFSET_MS - 1000, 1, "closed", "request", -1000)
    over = Switching(OFFSET_MS + 18_000, 1, "open", "expiry", 18_000)
    assert figures(absence(switchings=(*absence().switchings, held, over)))["agreed_permille"] == 1000


def test_without_a_plan_all_is_to_be_open():
    assert figures(absence(plan=b""))["agreed_permille"] < 1000
    boots = absence().switchings[:3]
    assert figures(absence(plan=b"", switchings=boots))["agreed_permille"] == 1000


CONDITIONS = st.one_of(
    st.just([]),
    st.tuples(st.integers(0, 8), st.integers(-5, 5)).map(list),
    st.tuples(st.integers(0, 8), st.integers(-5, 5)).map(lambda pair: [*pair, pair[1]]),
)
ROW = st.tuples(st.integers(0, 6), st.integers(1, 6), st.integers(0, 2), st.integers(0, 1), CONDITIONS)
PRICES = st.dictionaries(st.integers(0, 8), st.integers(-6, 6), max_size=4)


@given(rows=st.lists(ROW, max_size=4), prices=PRICES, minute=st.integers(-1, 12), contactor=st.integers(0, 2))
def test_this_reader_of_plans_says_what_the_nodes_own_says(rows, prices, minute, contactor):
    flat = [number for pair in sorted(prices.items()) for number in pair]
    made = [[*row[:4], *row[4]] for row in rows]
    body = cbor2.dumps([1, BEGAN_S, BEGAN_S + 600, flat, *made])
    at_ms = (BEGAN_S + 60 * minute) * 1000
    said = wish(body, contactor, at_ms)
    plan = Plan.parse(body, 3)
    answers = {
        plan.wish(contactor, at_ms, measured, closed) == "closed"
        for closed in (False, True)
        for measured in ((None, None, None), (9_000, 9, 9), (-9_000, -9, -9), (9_000, -9, -9), (-9_000, 9, 9))
    }
    assert answers == {said} if said is not None else answers
