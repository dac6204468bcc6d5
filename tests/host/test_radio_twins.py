"""Two nodes with one key over radio, in virtual time: the product's nodes, hub and channels, a simulated air."""

from collections import Counter

import pytest

from gridnode.link.regions import EU868, Plan
from gridnode.wire.channel import OFFER, WIRE_VERSION, address_of, hail_tag, pseudorandom
from host_bridge.rivals import Rivals
from tests.bench.radio import Village
from tests.wire.sealed import KEY, host_channel, joined, node_channel
from tools.air.sim_node import SimNode

NAME = "home-01"


@pytest.fixture
def village(tmp_path):
    """A node in session, and a twin of it with the same key elsewhere, still off."""
    made = Village(tmp_path, 11, [(200, 0)])
    boot(made, made.nodes[0], 2)
    made.world.run(seconds=300)
    keys = [(1, made.bridge.ring.load(NAME).keys[0][1])]
    made.twin = SimNode(made.world, tmp_path / "twin", NAME, (0, 300), keys, Plan(EU868))
    yield made
    made.close()


def boot(village, node, times):
    """The last one stays on. More boots are higher nonces."""
    for _ in range(times - 1):
        node.power_on()
        village.world.run(seconds=1)
        node.power_off()
    node.power_on()


def records_of(village):
    """By journal epoch."""
    return Counter(epoch for epoch, _ in village.bridge.records[NAME])


def heard(village, hours):
    """What came of which journal in that time."""
    before = records_of(village)
    village.world.run(hours=hours)
    return records_of(village) - before


@pytest.mark.slow
@pytest.mark.parametrize("boots", [1, 4])  # its nonces are below or above those of the first
def test_the_first_is_listened_to_and_obeys_until_it_is_silent_and_people_are_told_of_the_other(village, boots):
    first, twin = village.nodes[0], village.twin
    boot(village, twin, boots)
    came = heard(village, 2.5)  # after some 45 min without an answer it speaks alone
    assert list(came) == [first.node.journal.epoch] and came.total() >= 130
    assert [told for told in village.bridge.told if told.startswith("name taken") and NAME in told]
    outcomes = []
    village.bridge.command(NAME, "closed", 300, 60_000, lambda *told: outcomes.append(told))
    village.world.run(seconds=60)
    assert outcomes[0][0].applied and first.coil.closed and not twin.coil.closed
    first.power_off()
    assert twin.node.journal.epoch in heard(village, 2)
    assert village.bridge.remote(NAME).epoch == twin.node.journal.epoch


@pytest.mark.slow
def test_one_node_that_reboots_again_and_again_is_no_two(village):
    node = village.nodes[0]
    for _ in range(6):
        node.power_off()
        village.world.run(seconds=20)
        node.power_on()
        village.world.run(seconds=400)
    assert not [told for told in village.bridge.told if told.startswith("name taken")]


def offer(boot_epoch, chance):
    said = OFFER + bytes((WIRE_VERSION, 1)) + address_of("home-1").to_bytes(2, "big")
    said += boot_epoch.to_bytes(4, "big") + chance.to_bytes(4, "big")
    return said + hail_tag(pseudorandom(KEY), said)


@pytest.mark.parametrize(("above", "is_real"), [(2, True), (-1, False), (1, None), (0, None)])
def test_what_counts_as_another_node(above, is_real):
    node, host = node_channel(5), host_channel()
    joined(node, host)
    own = int.from_bytes(host.nonce, "big") + above
    packet = offer(own >> 32, own & 0xFFFFFFFF)
    lone, rivals = bytes(12).replace(b"\0", b"\x50", 1), Rivals()
    told = []
    for _ in range(3):
        told.append(rivals.answered())
        rivals.offered(packet, host)
        told.append(rivals.answered())
    assert told.count(True) == (0 if is_real is None else 1)  # one that was called, or late, is the same node
    assert rivals.excludes(lone) == bool(is_real)
    assert not rivals.excludes(b"\x10" + bytes(12))
    rivals.begin()
    assert not rivals.excludes(lone)
