"""Power that fails at any moment, and what the flash has kept."""

import pytest

from hil.checks import flash, start

pytestmark = pytest.mark.needs("line")


@pytest.mark.needs("power cuts")
def test_power_cuts_while_flash_is_written(make, notes):
    start.power_cuts(make, notes)


@pytest.mark.needs("power cuts", "replacing")
def test_power_cut_at_every_flash_operation(make, notes):
    if not make.long:
        pytest.skip("some minutes: only with --long")
    flash.every_power_cut(make, notes)


@pytest.mark.needs("flash")
def test_journal_reaches_back(make, notes):
    flash.journal_reach(make, notes)
