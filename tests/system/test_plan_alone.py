"""A node that is left alone follows the plan that was sent ahead, and without its clock goes safe."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from host_bridge import plan
from tests.system.seen import HEATER, switchings, until
from tools.household import Household

pytestmark = pytest.mark.slow
ALONE_S = 12


@pytest.fixture
def house(tmp_path):
    with ExitStack() as stack:
        yield Household(tmp_path, stack, 1, 2)


def store_plan(house, name):
    """Close the heater for an hour that has begun; what the API told."""
    begin = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    text = f'valid_from = {begin}Z\nvalid_until = {begin + timedelta(hours=1)}Z\n[[row]]\ncontactor = "{HEATER}"\n'
    told = house.client.store_document(name, "plan", plan.read(text, [HEATER], None), "test")
    assert told["verdict"] == "applied", told
    return told


def last_switching(house, name):
    found = switchings(house.database, name)
    return found[-1][2:] if found else None


def test_a_node_follows_its_plan_whoever_is_gone_and_goes_safe_without_a_clock(house):
    (node,) = house.nodes
    name = house.client.nodes()[0]["name"]
    told = store_plan(house, name)
    until(lambda: last_switching(house, name) == ("closed", "plan"))

    house.process.stop()  # longer than the node waits for a host, and than a plan's own hold
    time.sleep(ALONE_S)
    house.start()
    time.sleep(1)  # its records are on their way
    assert last_switching(house, name) == ("closed", "plan")

    house.process.stop()
    node.kill()
    node.start()  # without a host nobody tells it the time
    time.sleep(6)
    kept = len(switchings(house.database, name))
    house.start()
    until(lambda: len(switchings(house.database, name)) >= kept + 2)
    changes = switchings(house.database, name)[kept:]
    assert [change[2:] for change in changes] == [("open", "boot"), ("closed", "plan")]  # it has kept its plan
    boot, closed = changes
    assert closed[1] - boot[1] >= 6000  # when it was told the time, and not before
    found = house.client.document(name, "plan")
    assert (found["version"], found["digest"]) == (told["version"], told["digest"])

    assert house.client.store_document(name, "plan", plan.empty(), "test")["verdict"] == "applied"
    until(lambda: last_switching(house, name) == ("open", "expiry"))
