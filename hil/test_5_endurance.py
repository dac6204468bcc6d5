"""An outage of the host, and work without a pause."""

import pytest

from hil.checks import endurance

pytestmark = pytest.mark.needs("line")


def test_outage_is_filled_in(make, notes):
    endurance.outage(make, notes)


def test_load(make, notes):
    endurance.load(make, notes)
