"""The main job with an emulated Raspberry Pi Pico as the node: real firmware, real bridge, between them a UART."""

import functools
import signal
from contextlib import ExitStack

import pytest

from tests.system.seen import HEATER, close_heater, reported, state, switchings, until
from tools import judge
from tools.emulated_node import EmulatedNode
from tools.household import Household

pytestmark = pytest.mark.slow


@pytest.fixture
def pico(tmp_path):
    """One home with a Pico, and the bridge."""
    with ExitStack() as stack:
        yield Household(tmp_path, stack, 1, 2, make=functools.partial(EmulatedNode, "rpi_pico"))


def power_mw(house, node, channel):
    return next(c for c in house.client.node(node)["channels"] if c["channel"] == channel)["active_power_mw"]


def test_a_pico_meters_switches_and_keeps_its_promise_through_a_power_cut_and_a_dead_bridge(pico):
    (node,) = pico.nodes
    assert pico.client.node(node.name)["board"] == "Raspberry Pi Pico"
    close_heater(pico, node.name, 4)
    until(lambda: (power_mw(pico, node.name, HEATER) or 0) > 1_500_000)
    pico.process.stop(signal.SIGKILL)
    pico.start()
    until(lambda: reported(pico, node.name)["cause"] == "expiry")  # nobody renewed it
    until(lambda: power_mw(pico, node.name, HEATER) < 20_000)
    node.kill()
    until(lambda: state(pico, node.name) != "online", within_s=40)
    node.start()
    until(lambda: state(pico, node.name) == "online", within_s=40)
    until(lambda: pico.client.node(node.name)["reset_cause"] == "power on")
    until(lambda: reported(pico, node.name)["state"] == "open" and reported(pico, node.name)["cause"] == "boot")
    until(lambda: [row[3] for row in switchings(pico.database, node.name)].count("boot") == 2)
    assert len({row[0] for row in switchings(pico.database, node.name)}) == 1, "the journal did not go on"
    pico.stop()
    found = judge.judge(pico.database, pico.journeys)
    assert found["readings_stored"] > 0 and found["lost"] == found["duplicates"] == 0
