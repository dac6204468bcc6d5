"""The bench finds what it is there to find: each broken node fails the test that is named beside it."""

import pytest

from hil.figures import Notebook
from hil.mutants import MUTANTS, MutantMaker

pytestmark = pytest.mark.needs("line")


@pytest.mark.needs("pins", "replacing", "converter")
@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_mutant_is_found(make, rig, mutant, request, capsys):
    run_on_the_true_node = [test["name"] for test in make.outcomes() if test["outcome"] == "passed"]
    if mutant.test not in run_on_the_true_node:  # chosen alone: see that the true node passes
        mutant.check(make, Notebook(rig.limits))
    with pytest.raises(AssertionError) as found:
        mutant.check(MutantMaker(make, mutant), Notebook(rig.limits))
    capsys.readouterr()  # the bench's log of a failure that was wanted
    print(f"{mutant.name}: {mutant.test} says {found.value}")
