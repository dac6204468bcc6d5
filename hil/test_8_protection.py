"""What opens a contactor against everybody's wish."""

import pytest

from hil.checks import protection

pytestmark = pytest.mark.needs("line")


@pytest.mark.needs("pins", "converter", "replacing")
def test_over_current(make, notes):
    protection.over_current(make, notes)


@pytest.mark.needs("pins", "converter", "replacing")
def test_over_current_in_an_erase(make, notes):
    protection.over_current_in_an_erase(make, notes)


@pytest.mark.needs("pins", "replacing")
def test_contact_that_does_not_follow(make, notes):
    protection.feedback(make, notes)
