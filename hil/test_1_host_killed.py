"""The first one: kill the host, watch the contactor open."""

from hil.checks import switching


def test_host_killed(make, notes):
    switching.host_killed(make, notes)
