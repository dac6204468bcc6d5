"""Who speaks on a link: OFFERs are matched with keys, and whoever cannot be heard is told of once."""

import random

import pytest

from gridnode.wire.channel import NodeChannel
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing, NodeKeys

KEY, OTHER = b"k" * 32, b"o" * 32


class Link:
    def __init__(self, folder, *known):
        self.told = []
        self.ring = KeyRing(folder / "keys")
        for keys in known:
            self.ring.save(keys)
        self.channels = Channels("port", self.ring, lambda *told: self.told.append(told))

    def kinds(self):
        return [kind for kind, _, _ in self.told]


def node(name="home-1", key=KEY, slot=1, boot=1):
    return NodeChannel(name, [(slot, key)] if key else [], boot, random.getrandbits)


def offer(channel):
    return bytes(channel.packet[: channel.offer()])


def said(channel, body=b"\x81\x03", lone=False):
    return bytes(channel.packet[: channel.body(body, 0, len(body), lone)])


@pytest.fixture
def link(tmp_path):
    return Link(tmp_path, NodeKeys("home-1", [(1, KEY)]), NodeKeys("home-2", [(1, OTHER)]))


def test_the_first_packet_says_who_it_is_and_that_is_kept(link):
    first, second = node(), node("home-2", OTHER)
    for each in (first, second):
        (answer,) = link.channels.offered(offer(each))
        each.open(answer)
    for each, name in ((second, "home-2"), (first, "home-1")):
        packet = said(each)
        channel = link.channels.claimed(packet)
        assert channel.name == name and channel.open(packet)[0] == b"\x81\x03"
        assert link.channels.opened(channel) and link.ring.load(name).lone == channel.lone
    assert link.channels.claimed(said(first)) is None and link.told == []


def test_a_node_without_a_key_is_told_of_once_with_what_to_do(link):
    for _ in range(3):
        assert link.channels.offered(offer(node("new\n\x1b[2Jhome", None))) == []
    ((kind, text, _),) = link.told
    assert kind == "node without key" and "provision" in text and "port" in text and text.isprintable()
    assert link.channels.totals()["unknown"] == 3


def test_a_node_whose_key_is_not_here_is_told_of_once_and_heard_when_it_is(link):
    stranger = node("home-3")
    for _ in range(3):
        assert link.channels.offered(offer(stranger)) == []
    assert link.kinds() == ["node unknown"] and "provision" in link.told[0][1]
    link.ring.save(NodeKeys("home-3", [(1, KEY)]))
    assert len(link.channels.offered(offer(stranger))) == 1


@pytest.mark.parametrize("other", [node(key=OTHER), node(slot=2)])
def test_a_key_that_is_another_one_is_told_of_once(link, other):
    for _ in range(3):
        assert link.channels.offered(offer(other)) == []
    ((kind, text, name),) = link.told
    assert (kind, name) == ("wrong key", "home-1") and "gridnexus provision home-1" in text
    totals = link.channels.totals()
    assert totals["forged"] + totals["unknown"] == 3


def test_a_late_offer_of_the_session_in_force_is_no_wrong_key(link):
    ours = node()
    first = offer(ours)
    (answer,) = link.channels.offered(first)
    ours.open(answer)
    packet = said(ours)
    link.channels.claimed(packet).open(packet)
    assert link.channels.offered(first) == [] and link.told == [] and link.channels.totals()["replayed"] == 1


def test_a_key_that_was_changed_while_the_bridge_runs_is_used_from_the_next_offer_on(link):
    link.channels.offered(offer(node()))
    link.ring.save(NodeKeys("home-1", [(2, OTHER)]))
    assert len(link.channels.offered(offer(node(key=OTHER, slot=2)))) == 1
    assert link.channels.offered(offer(node())) == []


def test_packets_without_a_session_are_taken_once_even_by_a_bridge_that_restarts(link, tmp_path):
    ours = node()
    link.channels.offered(offer(ours))
    first, second = said(ours, lone=True), said(ours, lone=True)
    channel = link.channels.claimed(first)
    assert channel.open(first) == (b"\x81\x03", True) and link.channels.opened(channel)
    again = Link(tmp_path)
    again.channels.offered(offer(ours))
    channel = again.channels.claimed(first)
    with pytest.raises(ValueError, match="replayed"):
        channel.open(first)
    assert channel.open(second)[1]


def test_memory_that_cannot_be_kept_is_told_and_not_taken_for_kept(link):
    ours = node()
    link.channels.offered(offer(ours))
    packet = said(ours, lone=True)
    channel = link.channels.claimed(packet)
    channel.open(packet)
    link.ring.forget("home-1")
    assert not link.channels.opened(channel) and link.kinds() == ["bad key file"]


def test_what_is_no_offer_is_counted(link):
    for packet in (b"\x00", b"\x00\x01\x03", b"\x00\x09" + bytes(20), b"\x00\x01\x02" + bytes(19)):
        assert link.channels.offered(packet) == []
    assert link.channels.totals()["garbled"] == 4 and link.told == []
