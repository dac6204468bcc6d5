"""The node's end of a link, message by message: it says what a test wants said, and keeps what it heard."""

import random
import tempfile
from pathlib import Path

from gridnode.wire import WireError, schema
from gridnode.wire.channel import NodeChannel
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.session import decode
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.link import framed
from host_bridge.transport.loopback import Loopback

KEY = bytes(range(32))

HELLO_FIELDS = [name for name, _ in schema.MESSAGES[schema.HELLO][1]]
FOREIGN = b"\x01\x02\x03\x04\x05\x06\x07\x08"  # the digest of a schema that nobody here knows


class Peer:
    """`hello` holds the fields of HELLO by name. It offers itself when called, greets under new keys and answers PING
    by itself unless `mute`; its key is KEY.

    `url` and `transport`: a loopback link to give to a fleet. `heard`: every message from the bridge, in order.
    """

    def __init__(self, name="home-01", url="loop://1", **hello):
        self.url = url
        self.mute = False
        self.clock_ms = lambda: 10_000  # node time
        self.heard = []
        self.transport = Loopback(url, self.hear)
        self.hello = {
            "wire_version": schema.WIRE_VERSION,
            "schema_digest": schema.digest(),
            "node": name,
            "board": "test bench",
            "firmware": "0.1",
            "boot_epoch": 4,
            "reset_cause": "power on",
            "node_time_ms": 10_000,
            "boot_time_ms": 0,
            "node_session": 77,
            "receive_buffer_bytes": 320,
            "journal_epoch": 9,
            "oldest_sequence": 0,
            "next_sequence": 0,
            "interval_s": 60,
            "max_hold_s": 900,
            "channels": ["grid", "heater"],
            "contactors": ["heater", "pump"],
            "batch": 0,
        }
        self.hello.update(hello)
        self._host_session = 0
        self._decoder = FrameDecoder()
        self.calls = 0  # hails that were heard
        self.channel = self._new_channel()

    def _new_channel(self):
        return NodeChannel(self.hello["node"], [(1, KEY)], self.hello["boot_epoch"], random.getrandbits)

    # Bytes

    def offer(self) -> bytes:
        """A packet."""
        return bytes(self.channel.packet[: self.channel.offer()])

    def packet(self, message) -> bytes:
        return bytes(self.channel.packet[: self.channel.message(message)])

    def frame(self, message) -> bytes:
        return framed(self.packet(message))

    def hear(self, data):
        for raw in self._decoder.feed(data):
            self.take(raw)

    def take(self, raw):
        """A packet from the bridge."""
        pairs = self.channel.pairs
        try:
            body = self.channel.open(raw)
        except WireError:
            return  # counted there
        if body is not None:
            message = decode(body)
            self.heard.append(message)
            if message[0] in (schema.CALL, schema.WELCOME):
                self._host_session = message[1] if message[0] == schema.CALL else message[3]
            if not self.mute:
                self._answer(message)
        elif self.channel.pairs != pairs:
            if not self.mute:
                self.say(self.greeting())
        else:
            self.calls += 1
            if not self.mute:
                self.send(self.offer())

    def send(self, packet):
        self.transport.peer_send(framed(packet))

    def say(self, message):
        """Lost before keys were agreed on."""
        if self.channel.sealed:
            self.send(self.packet(message))

    def greet(self):
        """HELLO, and before it an OFFER where there are no keys."""
        if self.channel.sealed:
            self.say(self.greeting())
        else:
            self.send(self.offer())

    def _answer(self, message):
        if message[0] == schema.CALL:
            self.say(self.greeting())
        elif message[0] == schema.PING:
            self.say([schema.PONG, message[2], self.clock_ms()])

    def of(self, kind) -> list:
        """What was heard of one kind."""
        return [message for message in self.heard if message[0] == kind]

    # Messages

    def greeting(self) -> list:
        if self.hello["schema_digest"] != schema.digest():
            return [schema.HELLO, *[self.hello[name] for name in HELLO_FIELDS[:5]], "something new"]
        return [schema.HELLO, *[self.hello[name] for name in HELLO_FIELDS]]

    def restart(self, **changes):
        """The same unit after a power cut."""
        self.hello["boot_epoch"] += 1
        self.hello["node_session"] += 1
        self.hello["journal_epoch"] += 1
        self.hello.update(changes)
        self.channel = self._new_channel()

    @staticmethod
    def interval(sequence, channel=0, end_ms=5_000):
        quantities = [1_000_000, None, None, 230_000, 4_348, 50_000, 0]
        return [schema.INTERVAL, sequence, channel, end_ms, 1000, 500, 0, *quantities]

    @staticmethod
    def live(channel, power_mw, node_ms=5_000):
        return [schema.LIVE, channel, node_ms, 500, 0, power_mw, None, None, 230_000, 4_348, 50_000, 0]

    @staticmethod
    def switched(sequence, contactor, state=1, node_ms=5_000):
        return [schema.SWITCHED, sequence, contactor, node_ms, state, 1, 60_000]

    @staticmethod
    def contactor(index, state=1, node_ms=5_000):
        return [schema.CONTACTOR, index, node_ms, state, 1, 60_000, 3_000]

    @property
    def session(self) -> int:
        """Of the pair; see schema.REQUEST."""
        return self.hello["node_session"] ^ self._host_session

    def outcome(self, request, reason="none", session=None):
        session = self.session if session is None else session
        answer = [int(reason == "none"), schema.REASONS.index(reason), request[4], 0, 1_500]
        return [schema.OUTCOME, session, request[2], *answer]


class Keys(KeyRing):
    """A ring of these peers' keys, in a folder that goes with it."""

    def __init__(self, *peers):
        self._scratch = tempfile.TemporaryDirectory()
        super().__init__(Path(self._scratch.name) / "keys")
        for name in {peer.hello["node"] for peer in peers} | {"home-01", "home-02", "home-03"}:
            self.save(NodeKeys(name, [(1, KEY)]))
