"""The planner's student decides on the node as it does on the Pi; what that takes."""

import pytest

from hil.checks import policy


@pytest.mark.needs("line", "dwell", "converter")  # a load that the bench changes
def test_the_same_on_node_and_pi(make, notes):
    policy.same(make, notes)


@pytest.mark.needs("exact time")
def test_what_a_decision_costs(notes):
    policy.costs(notes)
