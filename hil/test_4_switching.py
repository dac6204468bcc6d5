"""Commands: how soon they reach the contact, and what is refused."""

import pytest

from hil import checks


@pytest.mark.needs("dwell")
def test_command_to_contact(make, notes):
    checks.command_to_contact(make, notes)


def test_dwell(make, notes):
    checks.dwell(make, notes)


@pytest.mark.needs("interlock")
def test_interlock(make, notes):
    checks.interlock(make, notes)
