"""Over the air: the node and its SX1276 on the one side, the bridge's hub and its SX1262 on the other."""

import pytest

from hil.checks import radio

pytestmark = pytest.mark.needs("air")


def test_through_the_air(make, notes):
    radio.through_the_air(make, notes)
