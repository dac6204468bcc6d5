"""A microworld on the node as bytecode does what it does on the host as wasm, tick by tick."""

import pytest

from hil.checks import worlds

pytestmark = pytest.mark.needs("line", "dwell")


def test_lamp(make, notes):
    worlds.lamp(make, notes)


def test_relay_guard(make, notes):
    worlds.guard(make, notes)


@pytest.mark.needs("pins", "replacing", "converter")
def test_a_changed_byte_is_found(make, notes):
    worlds.changed_byte(make, notes)
