"""The hub: gateways and the nodes behind them. Links are scripted, keys and channels real."""

from types import SimpleNamespace

import pytest

from gridnode.link.regions import EU868, Plan
from gridnode.wire.channel import address_of
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.model import NodeView
from host_bridge.radio import REPEAT_MS, SILENT_MOST, Gateway, RadioHub
from tests.wire.sealed import KEY, OTHER_KEY

PLAN = Plan(EU868)
NEAR, FAR = "home-1", "home-4"


class ScriptedLink:
    """As LoraLink of a gateway: `came` is what it hears next, `sent` what it was given."""

    fault, jammed = "", False

    def __init__(self):
        self.came, self.sent, self.failures, self.flushed = [], [], [], 0
        self.counts = {"sent": 0}
        self.wait_ms = 0
        self.is_full = False
        self.ledger = SimpleNamespace(
            may=lambda *_: self.wait_ms, figures=lambda _: [(869_400, 869_650, 1_200, 100_000, 0)]
        )

    def flush(self, now_ms):
        self.flushed += 1

    def receive(self, now_ms):
        came, self.came = self.came, []
        return came

    def send_to(self, address, packet, urgent):
        self.sent.append((address, packet, urgent))
        return not self.is_full

    def failed(self, address):
        self.failures.append(address)

    def way(self, address):
        return 0x1D, 2


class ScriptedNode:
    """As RemoteNode: `says` is what it wants sent."""

    def __init__(self, name):
        self.view = NodeView(name, f"radio {name}")
        self.session = SimpleNamespace(pace_ms=0, urgent=True, one_way=False)
        self.heard, self.says, self.asked = [], [], 0
        self.airtime_out_ms = self.airtime_back_ms = 0

    def expect(self, keys):
        self.expected = keys.name

    def receive(self, packet, now_ms):
        self.heard.append(packet)

    def packets(self, now_ms):
        self.asked += 1
        says, self.says = self.says, []
        return says


@pytest.fixture
def kit(tmp_path):
    ring = KeyRing(tmp_path / "keys")
    ring.save(NodeKeys(NEAR, [(1, KEY)]))
    ring.save(NodeKeys(FAR, [(1, OTHER_KEY)]))
    told = []
    links = [ScriptedLink(), ScriptedLink()]
    gateways = [Gateway(f"spi:{n}.0", link, PLAN, "EU868") for n, link in enumerate(links)]
    hub = RadioHub(gateways, ring, Channels("radio", ring, lambda *words: told.append(words)), ScriptedNode)
    return SimpleNamespace(hub=hub, links=links, told=told)


def hears(link, name, packet, hops=1, rssi=-100, snr_qdb=0, us=300_000):
    link.came.append((address_of(name), packet, hops, rssi, snr_qdb, us))


def node(kit, name):
    return kit.hub.peers[name].remote


def test_a_node_is_made_when_its_address_is_first_heard(kit):
    assert not kit.hub.peers
    hears(kit.links[0], NEAR, b"\x80one")
    kit.hub.step(1000)
    assert list(kit.hub.peers) == [NEAR] and node(kit, NEAR).heard == [b"\x80one"]
    assert node(kit, NEAR).expected == NEAR
    assert node(kit, NEAR).airtime_back_ms == 300


def test_what_two_gateways_heard_is_taken_once(kit):
    for link in kit.links:
        hears(link, NEAR, b"\x80one")
    kit.hub.step(1000)
    hears(kit.links[1], NEAR, b"\x80one")
    kit.hub.step(1000 + REPEAT_MS - 1)
    assert node(kit, NEAR).heard == [b"\x80one"]
    assert kit.hub.counts["repeats"] == 2


def test_an_offer_that_is_said_again_later_is_taken_again(kit):
    for at_ms in (1000, 1000 + REPEAT_MS):
        hears(kit.links[0], NEAR, b"\x00\x01same")
        kit.hub.step(at_ms)
    assert len(node(kit, NEAR).heard) == 2


def test_the_same_bytes_from_another_address_are_another_packet(kit):
    hears(kit.links[0], NEAR, b"\x80one")
    hears(kit.links[0], FAR, b"\x80one")
    kit.hub.step(1000)
    assert node(kit, NEAR).heard == node(kit, FAR).heard == [b"\x80one"]


def test_strangers_are_counted_and_told_of_once(kit):
    offer = b"\x00\x01\x03\x01\xab\xcd" + bytes(16)
    for at_ms in (1000, 60_000):
        kit.links[0].came.append((0xABCD, offer, 1, -90, 0, 1))
        kit.links[0].came.append((0xABCD, b"\x80sealed", 1, -90, 0, 1))
        kit.hub.step(at_ms)
    assert kit.hub.counts["unknown"] == 4 and not kit.hub.peers
    assert [words[0] for words in kit.told] == ["node unknown"]


def test_what_goes_down_leaves_by_the_gateway_with_fewest_hops_then_by_the_strongest(kit):
    weak, strong = kit.links
    hears(weak, NEAR, b"\x80a", snr_qdb=-40)
    hears(strong, NEAR, b"\x80a", snr_qdb=20)
    hears(weak, FAR, b"\x80b", hops=1, snr_qdb=-40)
    hears(strong, FAR, b"\x80b", hops=2, snr_qdb=20)
    kit.hub.step(1000)
    node(kit, NEAR).says, node(kit, FAR).says = [b"to near"], [b"to far"]
    kit.hub.step(1100)
    assert strong.sent == [(address_of(NEAR), b"to near", True)]
    assert weak.sent == [(address_of(FAR), b"to far", True)]


def test_a_gateway_that_has_failed_is_gone_round(kit):
    weak, strong = kit.links
    hears(weak, NEAR, b"\x80a", snr_qdb=-40)
    hears(strong, NEAR, b"\x80a", snr_qdb=20)
    kit.hub.step(1000)
    strong.fault = "SX1262 does not answer"
    node(kit, NEAR).says = [b"x"]
    kit.hub.step(1100)
    assert weak.sent and not strong.sent
    kit.hub.gateways[0].link = None
    node(kit, NEAR).says = [b"y"]
    kit.hub.step(1200)
    assert kit.hub.counts["unsent"] == 1 and not kit.hub.is_open


def in_vain(kit, times):
    for turn in range(times):
        node(kit, NEAR).says = [b"%d" % turn]
        kit.hub.step(2000)


def test_a_node_asked_in_vain_gets_another_way_and_one_that_answers_does_not(kit):
    link = kit.links[0]
    for turn in range(3):
        hears(link, NEAR, b"\x80%d" % turn)
        kit.hub.step(1000)
        in_vain(kit, SILENT_MOST - 1)
    assert not link.failures
    in_vain(kit, 1)
    assert link.failures == [address_of(NEAR)]


def test_what_finds_no_room_is_counted(kit):
    hears(kit.links[0], NEAR, b"\x80a")
    kit.hub.step(1000)
    kit.links[0].is_full = True
    node(kit, NEAR).says = [b"x", b"y"]
    kit.hub.step(1100)
    assert kit.hub.counts["unsent"] == 2


def shown(kit, name, hops, wait_ms=0):
    kit.links[0].wait_ms = wait_ms
    hears(kit.links[0], name, b"\x80%d %d" % (hops, wait_ms), hops=hops, snr_qdb=-36)
    kit.hub.step(1000)
    kit.hub.show(1000)
    return node(kit, name).view


def test_people_are_shown_the_way_and_the_margin(kit):
    hears(kit.links[0], NEAR, b"\x80n")
    view = shown(kit, FAR, 2)
    assert (view.way.hops, view.way.rssi_dbm, view.way.margin_db) == (2, -100, 6)  # -9 dB, and SF10 needs -15
    assert view.way.next_hop == "?1d"  # nobody whose key is here has this short id
    assert node(kit, NEAR).view.way.next_hop == ""


def test_a_node_that_hears_nothing_is_shown_as_one_way(kit):
    assert not shown(kit, NEAR, 1).way.is_one_way
    node(kit, NEAR).session.one_way = True
    kit.hub.show(1000)
    assert node(kit, NEAR).view.way.is_one_way


def test_a_farther_node_may_take_longer_and_needs_longer_leases(kit):
    near, far = shown(kit, NEAR, 1), shown(kit, FAR, 4)
    assert far.answer_within_ms > 3 * near.answer_within_ms > 3000
    assert far.least_hold_s > near.least_hold_s >= near.answer_within_ms // 1000


def test_when_airtime_is_short_a_lease_must_last_longer(kit):
    usual = shown(kit, NEAR, 1).least_hold_s
    assert shown(kit, NEAR, 1, wait_ms=20_000).least_hold_s >= max(4 * 20, usual + 20)


def test_a_radio_that_is_not_there_is_shown_with_its_fault(kit):
    kit.hub.gateways[1].link, kit.hub.gateways[1].fault = None, "no such device"
    here, gone = kit.hub.airs(0)
    assert here.bands[0].limit_ppm == 100_000 and not here.fault
    assert gone.fault == "no such device" and not gone.bands
