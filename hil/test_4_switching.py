"""Commands: how soon they reach the contact, and what is refused."""

import pytest

from hil.checks import switching

pytestmark = pytest.mark.needs("line")


@pytest.mark.needs("dwell")
def test_command_to_contact(make, notes):
    switching.command_to_contact(make, notes)


def test_dwell(make, notes):
    switching.dwell(make, notes)


@pytest.mark.needs("interlock")
def test_interlock(make, notes):
    switching.interlock(make, notes)
