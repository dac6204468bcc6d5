"""Contactors, interlock, protection, plan and panel under any events, and the table as drawn in switching/README.md."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from gridnode.switching import contactor as machine
from gridnode.switching.contactor import DUE, TABLE
from tests.firmware.switching_world import KINDS, TRIPS, World

README = Path(machine.__file__).parent / "README.md"
STEPS, FAST_STEPS = 200_000, 10_000
MUTANT_STEPS = 150_000  # at most; most are found within a few hundred
BYTE = st.integers(0, 255)


class Switching(RuleBasedStateMachine):
    """Every rule is one event and a round of the node, but for `rush`: many of them."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(kind=st.sampled_from(sorted(set(KINDS))), who=BYTE, choice=BYTE, later=BYTE)
    def event(self, kind: str, who: int, choice: int, later: int) -> None:
        self.world.step(KINDS.index(kind), who, choice, later)

    @rule(events=st.binary(min_size=40, max_size=1_200))
    def rush(self, events: bytes) -> None:
        self.world.rush(events)

    def teardown(self) -> None:
        Switching.steps += self.world.steps


def run_hypothesis(steps: int) -> None:
    Switching.steps = 0
    while Switching.steps < steps:
        run_state_machine_as_test(Switching, settings=settings(max_examples=20, stateful_step_count=12, deadline=None))


def test_whatever_happens_the_promises_hold() -> None:
    run_hypothesis(FAST_STEPS)


@pytest.mark.slow
def test_the_promises_hold_for_200_000_steps() -> None:
    run_hypothesis(STEPS)
    print(f"{Switching.steps} steps")


def drive(steps: int, changes: Counter | None = None) -> None:
    """The same world under seeded chance, for so many steps in lives of 2,000; raises what it raises."""
    for seed in range(-(-steps // 2_000)):
        world = World()
        for seen in world.seen if changes is not None else ():
            seen.contactor.on_change = noting(seen, changes)
        world.rush(random.Random(seed).randbytes(8_000))


def noting(seen, changes: Counter):
    def told(contactor, now):
        before = seen.state
        seen.told(contactor, now)
        changes[before, seen.state, seen.cause] += 1

    return told


@pytest.mark.slow
def test_every_change_of_the_table_happens_in_this_world() -> None:
    changes: Counter = Counter()
    drive(60_000, changes)
    trips = {cause for before, _, cause in changes if (before, cause) in {("closed", name) for name in TRIPS}}
    assert trips == TRIPS
    for state, rows in TABLE.items():
        for _, _, next_state, cause in rows.values():
            if cause == machine.MEASURED:
                assert any(changes[state, next_state, trip] for trip in TRIPS), (state, next_state)
            elif cause and cause != "boot":
                assert changes[state, next_state, cause], (state, next_state, cause)


def mutants() -> list:
    """Every row, every guard of a row, and everything that becomes due by itself, each removed."""
    found = []
    for state, rows in TABLE.items():
        for event, (guards, *_) in rows.items():
            found.append(pytest.param(state, event, None, id=f"{state}, {event}"))
            found += [pytest.param(state, event, guard, id=f"{state}, {event}, {guard.__name__}") for guard in guards]
    return found + [
        pytest.param(state, event, DUE, id=f"{state}, {event} due") for state in DUE for event in DUE[state]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("state", "event", "removed"), mutants())
def test_without_any_row_or_guard_the_promises_break(state, event, removed, monkeypatch) -> None:
    if removed is DUE:
        monkeypatch.setitem(DUE, state, tuple(due for due in DUE[state] if due != event))
    elif removed is None:
        # A new dict: a row that is deleted and put back would be the last of its state, and drawn there.
        monkeypatch.setitem(TABLE, state, {name: row for name, row in TABLE[state].items() if name != event})
    else:
        guards, *rest = TABLE[state][event]
        kept = tuple(guard for guard in guards if guard is not removed)
        monkeypatch.setitem(TABLE[state], event, (kept, *rest))
    with pytest.raises((AssertionError, KeyError, RuntimeError)):
        drive(MUTANT_STEPS)


def draw() -> str:
    """The table as a mermaid diagram: event, [guards] and what is done."""
    lines = ["```mermaid", "stateDiagram-v2", "    locked_out: locked out"]
    for state, rows in TABLE.items():
        for event, (guards, action, next_state, _) in rows.items():
            wanted = f" [{', '.join(guard.__name__ for guard in guards)}]" if guards else ""
            said = f"{event}{wanted} / {action.__name__}".replace("_", " ")
            lines.append(f"    {state.replace(' ', '_')} --> {next_state.replace(' ', '_')}: {said}")
    return "\n".join([*lines, "```"])


def test_the_readme_shows_the_table_as_it_is() -> None:
    assert draw() in README.read_text(encoding="utf-8"), f"put this into {README.name}:\n{draw()}"
