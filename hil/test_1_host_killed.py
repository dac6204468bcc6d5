"""The first one: kill the host, watch the contactor open."""

import pytest

from hil.checks import switching

pytestmark = pytest.mark.needs("line")


def test_host_killed(make, notes):
    switching.host_killed(make, notes)
