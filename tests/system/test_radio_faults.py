"""What may happen to radios, through the real bridge: two gateways, one that stops answering, a jammed channel, another
Pi. A node program under MicroPython, the channel by the wall clock; US915, whose law lets all send at once.

Two nodes with one key: tests/host/test_radio_twins.py.
"""

import random
import shutil
import threading
import time
from contextlib import ExitStack

import pytest

from gridnode.link.regions import US915, Plan
from tests.system.seen import HEATER, events, rows, until
from tools.air.port import Port
from tools.household import BridgeProcess, free_port
from tools.radio_household import BATCH, RadioHousehold

pytestmark = pytest.mark.slow

PLAN = Plan(US915)
SF, SYMBOLS_A_SECOND = 8, 1953
JAM_S = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A home between two gateways, nearer to the first."""
    folder = tmp_path_factory.mktemp("radio")
    with ExitStack() as stack:
        house = RadioHousehold(
            folder, stack, region="US915", places=[(300, 0, 3, 2)], gateways=[(0, 0, 10, 2), (-700, 900, 10, 2)]
        )
        house.folder, house.stack = folder, stack
        house.wait_online()
        yield house


def name(house):
    return house.nodes[0].name


def radios(house):
    return house.client.links()["radios"]


def sent(house):
    return [radio["counts"]["sent"] for radio in radios(house)]


def way(house):
    return house.client.links()["nodes"][0]["way"]


def command(house, hold_s=400):
    return house.client.command(name(house), HEATER, "closed", hold_s, "test")


def kinds(house):
    return [kind for kind, _ in events(house)]


def test_what_both_gateways_hear_is_one_record_and_the_nearer_one_answers(house):
    house.wait_readings(BATCH)
    before = sent(house)
    assert command(house)["verdict"] == "applied"
    after = sent(house)
    assert after[0] > before[0] and after[1] == before[1]
    assert "gateway-1" in way(house)["gateway"]
    until(lambda: all(radio["counts"]["heard"] > 3 for radio in radios(house)), 30)  # who is further off hears fewer
    ((total, distinct),) = rows(
        house.database, "SELECT count(*), count(DISTINCT epoch || ' ' || sequence) FROM readings"
    )
    assert total == distinct > 0
    assert house.client.links()["nodes"][0]["repeats"] == 0  # dropped before they are opened


def test_a_radio_that_stops_answering_is_told_reset_and_gone_round(house):
    house.door.unplug("gateway-1")
    try:
        until(lambda: "radio fault" in kinds(house))
        assert "does not answer" in radios(house)[0]["fault"] and not radios(house)[1]["fault"]
        before = sent(house)[1]
        assert command(house)["verdict"] == "applied"
        assert sent(house)[1] > before and "gateway-2" in way(house)["gateway"]
    finally:
        house.door.plug()
    until(lambda: "radio works" in kinds(house), within_s=25)  # it is tried each 10 s
    until(lambda: "gateway-1" in way(house)["gateway"], within_s=60)  # once it has heard the node again
    assert command(house)["verdict"] == "applied"


def test_on_a_jammed_channel_nothing_is_sent_that_is_told_and_it_goes_on_behind_it(house):
    with house.door.lock:
        port = Port(house.channel, house.channel.antenna("jammer", 100, 100, 10))
        preamble = JAM_S * SYMBOLS_A_SECOND  # a preamble that does not end: every receiver waits for the packet
        port.send(random.Random(1).randbytes(60), PLAN.channels[0], PLAN.bandwidth_khz, SF, 20, preamble)
    time.sleep(1)  # what was begun before
    before = sent(house)
    told = []
    asked = threading.Thread(target=lambda: told.append(command(house)["verdict"]))
    asked.start()
    until(lambda: radios(house)[0]["is_jammed"], within_s=JAM_S)
    assert sent(house) == before
    until(lambda: any(kind == "radio jammed" and "stopped sending" in text for kind, text in events(house)))
    asked.join()
    assert told == ["unknown"]  # whether it was applied
    until(lambda: kinds(house)[-1] == "radio works" or not radios(house)[0]["is_jammed"], within_s=JAM_S + 15)
    assert until(lambda: command(house)["verdict"] == "applied", within_s=60, every_s=1)
    assert not any(radio["is_jammed"] for radio in radios(house))


def replace_pi(house):
    """Another one takes over, with nothing of the old one."""
    new = house.folder / "new pi"
    new.mkdir()
    house.process.stop()
    house.process = BridgeProcess(house.write_config(new, free_port(0)))
    house.stack.callback(house.process.stop)
    house.process.start()
    house.client = house.process.connect()


def test_a_replaced_pi_says_that_it_has_no_key_and_with_the_keys_it_hears_all_again(house):
    house.wait_readings(BATCH)
    before, keys = house.database, house.process.config.key_folder
    replace_pi(house)
    text = until(lambda: [text for kind, text in events(house) if kind == "node unknown"], within_s=60)[0]
    assert "gridnexus provision" in text and "radio" in text
    assert not house.client.nodes()
    shutil.copytree(keys, house.process.config.key_folder, dirs_exist_ok=True)  # from a backup, while it runs
    until(
        lambda: any(node["link_state"] == "online" for node in house.client.nodes()), within_s=280
    )  # it is called, again if need be
    assert command(house)["verdict"] == "applied"
    house.wait_readings(BATCH)
    ((newest,),) = rows(before, "SELECT max(sequence) FROM readings")
    until(lambda: rows(house.database, "SELECT count(*) FROM readings WHERE sequence <= ?", newest)[0][0], within_s=60)
