"""The node's end of a link, message by message: it says what a test wants said, and keeps what it heard."""

from gridnode.wire import packet, schema
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.session import decode
from host_bridge.transport.loopback import Loopback

HELLO_FIELDS = [name for name, _ in schema.MESSAGES[schema.HELLO][1]]
FOREIGN = b"\x01\x02\x03\x04\x05\x06\x07\x08"  # the digest of a schema that nobody here knows


class Peer:
    """`hello` holds the fields of HELLO by name. It answers CALL and PING by itself unless `mute`.

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
            "receive_buffer_bytes": 263,
            "journal_epoch": 9,
            "oldest_sequence": 0,
            "next_sequence": 0,
            "interval_s": 60,
            "max_hold_s": 900,
            "channels": ["grid", "heater"],
            "contactors": ["heater", "pump"],
        }
        self.hello.update(hello)
        self._host_session = 0
        self._writer = packet.Writer()
        self._decoder = FrameDecoder()

    # Bytes

    def frame(self, message) -> bytes:
        return bytes(self._writer.frame[: self._writer.message(message)])

    def hear(self, data):
        for raw in self._decoder.feed(data):
            message = decode(packet.body(raw))
            self.heard.append(message)
            if message[0] in (schema.CALL, schema.WELCOME):
                self._host_session = message[1] if message[0] == schema.CALL else message[3]
            if not self.mute:
                self._answer(message)

    def say(self, message):
        self.transport.peer_send(self.frame(message))

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
