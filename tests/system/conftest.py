"""The whole system for tests: real node programs under MicroPython, the real bridge in its own process."""

from contextlib import ExitStack

import pytest

from tests.system.served_page import ServedPage
from tools.household import Household

NODES, INTERVAL_S = 2, 2


@pytest.fixture
def system(tmp_path):
    """Two nodes and a bridge, gone when the test ends."""
    with ExitStack() as stack:
        yield Household(tmp_path, stack, NODES, INTERVAL_S)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    """Two nodes and a bridge for all tests of a module."""
    with ExitStack() as stack:
        yield Household(tmp_path_factory.mktemp("system"), stack, NODES, INTERVAL_S)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The page alone, for nodes that a test puts there."""
    with ServedPage(tmp_path_factory.mktemp("page")) as page:
        yield page
