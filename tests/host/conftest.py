"""What tests of the bridge's ports share."""

from contextlib import ExitStack

import pytest

from tests.host.port_kit import Line, link_threads


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def line(stack):
    return Line(stack)


@pytest.fixture
def no_thread_stays():
    """Whatever a test does, the threads of its links end."""
    yield
    for thread in link_threads():
        thread.join(8)
    assert link_threads() == []
