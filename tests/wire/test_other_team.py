"""A node that another team wrote from the two READMEs alone talks with the product's own host, gateway and relays."""

import hashlib
import hmac
import json
import re
import sys
from pathlib import Path
from random import Random

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from other_team import INTERVAL, REGISTERS, SKIPPED, SWITCHED, Channel, Frames, Node, Sealer, address, framed
from other_team_radio import Before, RadioNode, Relay, batch, short_id
from pipe import framed as product_framed

from gridnode.wire import schema
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_channel import HostChannel
from gridnode.wire.host_radio import HostRadio
from gridnode.wire.host_session import HostSession
from gridnode.wire.session import decode
from gridnode.wire.unpack import unpack

sys.path.append(str(Path(__file__).parents[1] / "firmware"))
from ether import Ether, Radio

README = Path(schema.__file__).with_name("README.md")
VECTORS = Path(__file__).parent / "vectors"
KEY, NAME, MINUTE = b"the 32 bytes two teams agreed on", "home-1", 60_000
NO_FIGURES = [None] * 5
EU868_KHZ, SF, PREAMBLE = 869_525, 10, 16


def digest_of_the_readme() -> bytes:
    """What HELLO says of the table, from the tables as they are printed."""
    text = README.read_text(encoding="utf-8")
    tables = text[text.index("| id | message |") : text.index("<!-- end -->")]
    lines = ["wire 3"]
    for number, name, fields in re.findall(r"^\| (\d+) \| (\w+) \| \w+ \| (.*) \|$", tables, re.MULTILINE):
        lines.append(f"{number} {name} {fields.replace(': ', ':').replace(', ', ' ')}")
    for kind, values in re.findall(r"^\| ([a-z]+) \| (0 .*) \|$", tables, re.MULTILINE):
        lines.append(f"{kind} {'|'.join(re.sub(r'^[0-9]+ ', '', value) for value in values.split(', '))}")
    return hashlib.sha256("\n".join(lines).encode()).digest()[:8]


class Load:
    """The other team's contactor: counts how often it is switched."""

    def __init__(self):
        self.switched = []

    def __call__(self, target, hold_s):
        self.switched.append((target, hold_s))
        return [1, 0, target, hold_s * 1000, 0]


def channel(boot=1):
    return Channel(NAME, 1, KEY, boot, random=4711)


def host_channel():
    return HostChannel(NAME, [(1, KEY)])


def test_the_readme_tells_what_the_schema_digest_covers():
    assert digest_of_the_readme() == schema.digest()


def plain(item):
    return bytes.fromhex(item["hex"]) if isinstance(item, dict) else item


def test_the_vectors_are_what_the_other_team_makes():
    hails = json.loads((VECTORS / "hails.json").read_text(encoding="utf-8"))
    of = {what: bytes.fromhex(octets) for what, octets in hails.items() if what not in ("name", "slot")}
    mine = Channel(hails["name"], hails["slot"], of["key"], 3, 0xC0FFEE)
    assert mine.offer() == of["offer"] and not mine.welcomed(of["welcome"][:-1] + b"!") and mine.welcomed(of["welcome"])
    for vector in json.loads((VECTORS / "messages.json").read_text(encoding="utf-8")):
        body = cbor2.dumps([plain(item) for item in vector["message"]])
        packet = bytes.fromhex(vector["packet"])
        assert body.hex() == vector["body"]
        assert packet in [Sealer(of[way]).seal(1, vector["counter"], body) for way in ("up", "down")]
        assert framed(packet).hex() == vector["frame"] and Frames().cut(framed(packet)) == [packet]


# Over serial.


class Line:
    """The other team's node and the product's session, joined by frames. `records`, `outcomes`: what was told."""

    def __init__(self):
        self.load = Load()
        self.node = Node(NAME, channel(), digest_of_the_readme(), self.load, node_session=99)
        self.host = HostSession(77, host_channel())
        self.records, self.outcomes, self.pongs = [], [], 0
        self.now_ms = 0
        self.up_lost = self.down_lost = lambda packet: False
        self._up, self._down = FrameDecoder(), Frames()

    def step(self, ms=50):
        self.now_ms += ms
        for packet in self.node.says(self.now_ms):
            for arrived in [] if self.up_lost(packet) else self._up.feed(framed(packet)):
                self._hear(bytes(arrived))
        for packet in self.host.packets(self.now_ms, 1_800_000_000_000, self.now_ms, 5):
            for arrived in [] if self.down_lost(packet) else self._down.cut(product_framed([packet])):
                self.node.hear(arrived, self.now_ms)

    def _hear(self, packet):
        message = self.host.receive(packet)
        kind = message[0] if message else None
        if kind == schema.HELLO:
            self.host.welcome(0, (), 4096)
        elif kind in schema.RELIABLE:
            self.records.append(message)
            self.host.receiver.keep(message[1])
            self.host.acknowledge(4096)
        elif kind == schema.OUTCOME:
            self.outcomes.append(message)
        self.pongs += kind == schema.PONG

    def run(self, ms):
        for _ in range(ms // 50):
            self.step()


def test_over_serial_a_session_opens_and_each_record_is_kept_once():
    line = Line()
    for number in range(100):
        line.node.record(REGISTERS, 0, number * 1000, number, 0)
    line.node.record(INTERVAL, 0, 60_000, 60_000, 100, 0, -6000, None, None, 230_000, None, 50_012, 0)
    line.node.record(SWITCHED, 0, 61_000, 1, 1, 900_000)
    chance = Random(5)
    line.up_lost = line.down_lost = lambda packet: chance.random() < 0.25
    line.run(8000)
    assert line.host.receiver is not None and line.pongs > 1
    assert sorted(message[1] for message in line.records) == list(range(102))
    assert not line.node.records
    assert line.host.channel.counts == {}


def test_a_command_is_applied_once_however_often_it_is_said():
    line = Line()
    line.run(1000)
    line.up_lost = lambda packet: True  # the outcome
    for _ in range(3):
        line.host.request(1, 0, 1, 900, line.now_ms + 5000)
        line.run(100)
    assert line.load.switched == [(1, 900)] and not line.outcomes
    line.up_lost = lambda packet: False
    line.host.request(1, 0, 1, 900, line.now_ms + 5000)
    line.run(200)
    line.host.request(2, 0, 0, 900, line.now_ms - 1)
    line.run(200)
    session = 99 % (2**30 - 1) + 1 ^ 77
    assert line.outcomes == [
        [schema.OUTCOME, session, 1, 1, 0, 1, 900_000, 0],
        [schema.OUTCOME, session, 2, 0, schema.REASONS.index("expired"), None, 0, 0],
    ]
    assert line.load.switched == [(1, 900)]


def test_a_host_that_falls_silent_is_offered_a_new_session():
    line = Line()
    line.run(1000)
    line.down_lost = lambda packet: True
    line.run(17_000)
    assert not line.node.session
    line.down_lost = lambda packet: False
    pairs = line.host.channel.pairs
    line.run(3000)
    assert line.node.session and line.host.channel.pairs == pairs + 1
    line.node.record(REGISTERS, 0, 1, 2, 3)
    line.run(200)
    assert [message[1] for message in line.records] == [0]


# Over radio.


def metered(node, minutes, still=False):
    """So many minutes of one channel, a few mWh apart; `still`: one register does not move."""
    imported, exported = 3_000_000_000, 1_200_000_000
    for minute in range(1, minutes + 1):
        imported += 1000 + minute * 7919 % 400
        exported += 0 if still else minute * 104_729 % 300
        node.record(INTERVAL, 0, minute * MINUTE + 100, MINUTE, imported, exported, 0, *NO_FIGURES, 0)
    return dict(node.records)


def radio_node(**more):
    load = Load()
    registers = (3_000_000_000, 1_200_000_000)
    return RadioNode(NAME, channel(), digest_of_the_readme(), load, 99, registers=registers, **more), load


def check(read, written):
    """Registers exact, time to the tick, power by the energy."""
    assert [message[:3] for message in read] == [record[:3] for record in written]
    for message, record in zip(read, written, strict=True):
        assert message[5:7] == record[5:7] and abs(message[3] - record[3]) <= 125 and abs(message[4] - record[4]) < 500


def test_batches_of_every_kind_of_entry_are_read():
    end = 100_000
    three = [
        [INTERVAL, 300, 0, end + 60_010, 60_010, 5_000, 9, None, *NO_FIGURES, 7 << 11],
        [INTERVAL, 301, 1, end + 60_010, 60_010, 70_010, 0, None, *NO_FIGURES, 7 << 11],
        [INTERVAL, 302, 2, end + 63_000, 60_000, 90_000, 0, None, *NO_FIGURES, 7 << 11],
        [INTERVAL, 303, 2, end + 123_000, 60_000, 90_400, 0, None, *NO_FIGURES, 7 << 11 | 4],
        [SKIPPED, 304],
        [SWITCHED, 305, 0, end + 123_100, 1, 1, 900_000],
        [INTERVAL, 306, 1, end + 180_010, 120_000, 70_400, 0, None, *NO_FIGURES, 7 << 11],
        [INTERVAL, 307, 2, end + 180_010, 57_010, 90_900, 0, None, *NO_FIGURES, 7 << 11 | 4],
    ]
    body = batch(three, Before(end, [(4_000, 9), (70_000, 0), (89_000, 0)], 7), 5)
    read = unpack(body, decode)
    assert body[0] == 1 and read[4:6] == three[4:6]
    check([m for m in read if m[0] == INTERVAL], [m for m in three if m[0] == INTERVAL])
    assert [m[-1] for m in read if m[0] == INTERVAL] == [8 << 11] * 3 + [8 << 11 | 4] + [8 << 11] + [8 << 11 | 4]
    only = [[SKIPPED, 8], [SWITCHED, 9, 0, 7, 1, 1, 0]]
    assert unpack(batch(only, Before(end, [(0, 0)]), 5), decode) == only


@pytest.mark.parametrize("still", [False, True])
def test_a_regular_batch_is_short_and_read_exactly(still):
    node, _ = radio_node()
    records = metered(node, 15, still)
    body = node.body_of(0)
    assert body[0] == 3 and len(body) < 70
    check(unpack(body, decode), list(records.values()))
    assert all(m[7] == (m[5] - was) * 60 - (m[6] - had) * 60 for m, was, had in moved(unpack(body, decode)))


def moved(messages):
    before = (3_000_000_000, 1_200_000_000)
    for message in messages:
        yield message, *before
        before = message[5:7]


class Station:
    """One of the other team's on the ether: `take(data, now_ms)`, `give(now_ms)` -> packets to send when quiet."""

    def __init__(self, ether, name, snr, take, give):
        self._radio = ether.radios[name] = Radio(ether, name)
        for other in snr:
            ether.hears[name, other] = ether.hears[other, name] = -20
        ether.links[name], ether.got[name] = self, []
        self._take, self._give, self._waiting = take, give, []
        self.wake_ms = 0

    def flush(self, now_ms):
        while came := self._radio.poll(now_ms):
            self._take(came[0], now_ms)
        self._waiting += self._give(now_ms)
        self.wake_ms = now_ms + 75
        if self._waiting and not self._radio.busy:
            data = self._waiting.pop(0)
            self._radio.send(data, len(data), EU868_KHZ, 125, SF, 20, PREAMBLE)

    def receive(self, now_ms):
        return ()


class OnAir:
    """The product's host behind its gateway, on an ether; steps of a second."""

    def __init__(self, ether):
        self.ether = ether
        self.host = HostRadio(77, host_channel())
        self.records, self.outcomes, self.hops = {}, [], set()
        self._waiting = []

    def run(self, seconds, each=lambda: None):
        for _ in range(seconds):
            each()
            self.ether.run(1)
            now_ms = self.ether.now_ms
            came, self.ether.got["gateway"] = self.ether.got["gateway"], []
            for at, packet, hops, *_ in came:
                assert at == int.from_bytes(address(NAME), "big")
                self.hops.add(hops)
                self._hear(self.host.messages(packet, now_ms))
            self._waiting += self.host.packets(now_ms, 1_800_000_000_000, now_ms, 5)
            gateway = self.ether.links["gateway"]
            to = int.from_bytes(address(NAME), "big")
            self._waiting = [packet for packet in self._waiting if not gateway.send_to(to, packet, True)]

    def _hear(self, messages):
        for message in messages:
            if message[0] == schema.HELLO:
                self.host.welcome(0, ())
            elif message[0] in schema.RELIABLE:
                assert message[1] not in self.records
                self.records[message[1]] = message
                self.host.receiver.keep(message[1])
            elif message[0] == schema.OUTCOME:
                self.outcomes.append(message[2:5])


def test_over_radio_and_a_relay_of_the_product_all_arrives_and_what_is_missing_is_asked_for():
    ether = Ether()
    ether.join("gateway", {})
    ether.join("1", {"gateway": -20})
    ether.run(120)  # until there is airtime for whatever comes
    node, load = radio_node()
    records = metered(node, 75)
    lost = []

    def give(now_ms):
        """All but the first packet that is as long as a batch."""
        packets = node.on_air(now_ms)
        batches = [packet for packet in packets if len(packet) > 60 and packet[0] and node.session]
        lost.extend(batches[:1] if not lost else [])
        return [packet for packet in packets if packet not in lost]

    Station(ether, "far", ["1"], node.hear_air, give)
    air = OnAir(ether)
    air.run(300)
    assert node.session and air.hops == {2} and node.next_hop == short_id(ether.links["1"].address.to_bytes(2, "big"))
    check([air.records[sequence] for sequence in sorted(air.records)], list(records.values()))
    assert len(lost) == 1 and min(node.records, default=75) >= 15, "a WANT let go what is kept"
    air.run(60, lambda: air.host.request(1, 0, 1, 900, ether.now_ms + 60_000) if not air.outcomes else None)
    assert air.outcomes == [[1, 1, 0]] and load.switched == [(1, 900)]


def test_the_other_teams_relay_carries_for_nodes_of_the_product():
    ether = Ether()
    ether.join("gateway", {})
    relay, waiting = Relay("shed-7", next_hop=0), []

    def take(data, now_ms):
        onward = relay.hears(data, now_ms)
        waiting.extend([onward] if onward else [])

    def give(now_ms):
        given, waiting[:] = waiting[:], []
        return given

    Station(ether, "shed-7", ["gateway"], take, give)
    far = ether.join("far", {"shed-7": -20})
    ether.run(120)
    gateway, packets = ether.links["gateway"], [bytes([0x18, number]) + bytes(range(20)) for number in range(4)]
    for up, down in (packets[:2], packets[2:]):
        assert far.send(up, len(up), True)
        ether.run(20)
        assert gateway.send_to(far.address, down, True)
        ether.run(20)
    assert [(row[0], row[1], row[2]) for row in ether.got["gateway"]] == [(far.address, packets[n], 2) for n in (0, 2)]
    assert ether.got["far"] == [packets[1], packets[3]]
    assert far.next_hop == short_id(relay.at) and far.hops == 2


def test_parity_brings_back_the_batches_that_were_lost():
    node, _ = radio_node()
    records = metered(node, 30 * 15)
    host = HostRadio(77, host_channel())
    assert host.messages(node.channel.offer(), 0) == []
    kept = {}
    for number, packet in enumerate(node.alone(0)):
        if number % 5 in (2, 4) and number < 25:
            continue  # 40 % are lost
        for message in host.messages(packet, number * MINUTE):
            if message[0] == schema.HELLO:
                host.welcome(0, ())
            else:
                kept[message[1]] = message
    assert len(kept) == len(records)
    check([kept[sequence] for sequence in sorted(kept)], list(records.values()))


# By hand.


def test_a_packet_written_by_hand_is_opened():
    """Node `shed-7`, slot 2, boot 9, says REGISTERS; every byte that is said is written out here."""

    def mac(key, said):
        return hmac.digest(key, said, "sha256")

    key = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf")
    node_nonce = bytes.fromhex("00000009 00000200")  # boot_epoch, a number
    host_nonce = bytes.fromhex("f0f1f2f3f4f5f6f7")
    prk = mac(b"gridnexus 3", key)
    offer = bytes.fromhex("0001 03 02 9d32") + node_nonce  # hail 1, version, slot, address of shed-7
    assert hashlib.sha256(b"shed-7").hexdigest()[:4] == offer[4:6].hex()
    offer += mac(mac(prk, b"hail\x01"), offer)[:8]

    # HKDF-Expand: two blocks of 32 bytes, each an HMAC over the block before, the label with its nonces, a number
    first = mac(prk, b"up" + node_nonce + host_nonce + b"\x01")
    material = first + mac(prk, first + b"up" + node_nonce + host_nonce + b"\x02")
    aes, auth, salt = material[:16], material[16:48], material[48:60]

    # [10 REGISTERS, sequence 500, channel 0, end_ms 90000, 123456 mWh, 0 mWh]
    body = bytes.fromhex("86  0a  1901f4  00  1a00015f90  1a0001e240  00")
    head = bytes.fromhex("28 09")  # key id 2, counter 9 in one byte
    nonce = salt[:11] + bytes([salt[11] ^ 9])
    stream = Cipher(algorithms.AES(aes), modes.ECB()).encryptor().update(nonce + bytes([0, 0, 0, 0]))
    stream += Cipher(algorithms.AES(aes), modes.ECB()).encryptor().update(nonce + bytes([0, 0, 0, 1]))
    text = bytes(a ^ b for a, b in zip(body, stream, strict=False))
    lengths = bytes.fromhex("0000000000000002 0000000000000011 0000000000000008")  # of header, ciphertext, tag
    packet = head + text + mac(auth, lengths + nonce + head + text)[:8]

    assert packet == bytes.fromhex("28 09  5c181c961f15dc7722a7a21a79aca81148  836166e12bff219c")
    frame = bytes.fromhex("20") + packet + bytes.fromhex("7bf6dbad 00")  # 31 bytes without a zero; CRC-32

    product = HostChannel("shed-7", [(2, key)], random=lambda count: host_nonce)
    assert product.offered(offer)[:14] == bytes.fromhex("0003 03 02 9d32") + host_nonce
    (received,) = FrameDecoder().feed(frame)
    opened, alone = product.open(bytes(received))
    assert decode(bytes(opened)) == [10, 500, 0, 90_000, 123_456, 0] and not alone
