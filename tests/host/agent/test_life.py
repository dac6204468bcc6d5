"""The life of a world: every edge of the table is walked, and it is drawn as people read it."""

import pytest

from host_bridge.agent import life

EVENTS = {event for row in life.TABLE.values() for event in row}
DRAWN = """
forgotten:
probation: dropped -> forgotten, fault -> rolled back, last fault -> stopped, passes -> running
refused:
resting: called back -> running, dropped -> forgotten
rolled back:
running: dropped -> forgotten, fault -> rolled back, last fault -> stopped, relieved -> resting
shadow: dropped -> refused, fault -> refused, last fault -> refused, takes over -> probation
stopped: dropped -> forgotten
"""


def test_it_is_as_drawn():
    lines = []
    for state in sorted(life.TABLE):
        edges = ", ".join(f"{event} -> {after}" for event, after in sorted(life.TABLE[state].items()))
        lines.append(f"{state}: {edges}".strip())
    assert "\n".join(lines) == DRAWN.strip()


@pytest.mark.parametrize("state", life.TABLE)
def test_every_edge_leads_somewhere_and_nothing_else_can_happen(state):
    for event in EVENTS:
        if event in life.TABLE[state]:
            assert life.after(state, event) in life.TABLE
        else:
            with pytest.raises(ValueError, match=f"{state} cannot have: {event}"):
                life.after(state, event)


def test_every_state_is_reached_from_a_newcomer_and_from_the_first_world():
    reached, ahead = set(), {life.SHADOW, life.RUNNING}
    while ahead:
        reached |= ahead
        ahead = {after for state in ahead for after in life.TABLE[state].values()} - reached
    assert reached == set(life.TABLE)


def test_who_is_in_charge_always_has_a_way_out_by_a_fault():
    for state in life.CHARGE:
        assert life.after(state, life.FAULT) not in life.CHARGE
        assert life.after(state, life.LAST_FAULT) == life.STOPPED
