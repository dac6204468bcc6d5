"""Real nodes, the bridge and its agent: a home is cut off, keeps to its plan, and is settled on its return."""

import argparse
from contextlib import ExitStack

import pytest

from tools import neighbourhood_demo
from tools.neighbourhood_judge import problems

pytestmark = pytest.mark.slow
SECONDS = 150  # two and a half hours of the grid


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Of the demo's own measured run."""
    options = argparse.Namespace(
        json=True, seconds=SECONDS, days=None, homes=3, cut=1, mode="market", port=0, neighbourhood=True
    )
    with ExitStack() as stack:
        yield neighbourhood_demo.run(options, tmp_path_factory.mktemp("neighbourhood"), stack)


def test_a_home_that_is_cut_off_keeps_to_its_plan_and_its_energy_is_settled_on_its_return(figures):
    assert problems(figures) == []
    assert figures["settled"] >= SECONDS * 60 // 900 - 3
    (cut,) = figures["cut"].values()
    assert cut["alone_s"] >= 50 and cut["looked"] > 0
    assert cut["intervals"] >= 3 and cut["unsettled"] == 0
    assert cut["settled_late"] >= 1  # the last two before its return are settled with the others'
    assert figures["commands"]["applied"] > 0
