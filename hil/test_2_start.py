"""What a start may not do to the pins, and what it has to tell."""

import pytest

from hil.checks import start

pytestmark = pytest.mark.needs("line")


@pytest.mark.needs("pins")
def test_pins_safe_at_start(make, notes):
    notes.note("starts_watched", start.pins_at_start(make, notes))


@pytest.mark.needs("watchdog", "replacing")
def test_watchdog(make, notes):
    start.watchdog(make, notes)


def test_hello(make, notes):
    start.greeting(make, notes)


@pytest.mark.needs("power")
def test_restart_has_a_cause(make, notes):
    start.restarts(make, notes)
