"""Over the air: the emulated Pico's SX1276 and the Pi's SX1262 driver, with the whole node and the bridge's hub behind."""

import pytest

from hil.checks import radio

pytestmark = pytest.mark.needs("air")


def test_session_through_the_air(make, notes):
    radio.session(make, notes)


def test_strangers_in_the_air_move_nothing(make, notes):
    radio.stranger(make, notes)
