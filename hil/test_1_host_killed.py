"""The first one: kill the host, watch the contactor open."""

from hil import checks


def test_host_killed(make, notes):
    checks.host_killed(make, notes)
