"""An outage of the host, and work without a pause."""

from hil import checks


def test_outage_is_filled_in(make, notes):
    checks.outage(make, notes)


def test_load(make, notes):
    checks.load(make, notes)
