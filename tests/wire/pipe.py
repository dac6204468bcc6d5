"""A node and a host whose packets the test carries, or loses, one at a time."""

from sealed import body_of, host_channel, kind_of, node_channel

from gridnode.node.ring import Ring
from gridnode.wire import WireError, schema
from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, encode
from gridnode.wire.host_session import HostSession
from gridnode.wire.node_session import NodeSession

EPOCH = 55555
CREDIT = 4096


class Node:
    """A node's end: `say(now_ms)` gives the packets it sends now, `hear(packets, now_ms)` brings some."""

    def __init__(self, boot=1, records=0, slots=64, buffer_bytes=320):
        self.buffer_bytes = buffer_bytes
        self.ring = Ring(slots, 96, EPOCH)
        self.requests = []
        self.answer = "none"
        for _ in range(records):
            self.record()
        self.stored = []
        self.documents = {}
        self.measured = []  # (channel, span, done)
        self.clock = []  # (unix_ms, node_time_ms, error_ms, now_ms)
        self.channel = node_channel(boot)
        self.session = NodeSession(
            self.channel,
            self.ring,
            self._hello,
            self._command,
            self._store,
            self.documents.get,
            lambda channel, span, done, now_ms: self.measured.append((channel, span, done)),
            lambda *times: self.clock.append(times),
        )

    def record(self):
        self.ring.append([schema.REGISTERS, 0, 0, self.ring.next * 1000, self.ring.next, 0])

    def _hello(self, node_session, now_ms):
        head = [schema.WIRE_VERSION, schema.digest(), "home-1", "test", "1", 1, "power on", now_ms, 0, node_session]
        ring = self.ring
        return head + [self.buffer_bytes, ring.epoch, ring.oldest, ring.next, 60, 900, ["grid"], ["heater"], 0]

    def _command(self, contactor, target, hold_s, now_ms):
        self.requests.append((contactor, target, hold_s))
        return (self.answer, target, hold_s * 1000, 0) if self.answer == "none" else (self.answer, 0, 0, 70)

    def _store(self, document, body, now_ms):
        self.stored.append((document, body))
        self.documents[document] = (len(self.stored), b"digest", body)
        return self.answer, len(self.stored), b"digest"

    def say(self, now_ms):
        packets = []
        while True:
            length = self.session.next_packet(now_ms)
            if not length:
                return packets
            packets.append(bytes(self.channel.packet[:length]))

    def hear(self, packets, now_ms):
        for data in packets:
            self.session.receive(data, now_ms)

    def again(self, packets):
        """What these held, sent once more under new counters."""
        return [data for held in packets if body_of(held) for data in self.packed(body_of(held))]

    def packed(self, message):
        """A packet with this message for its host."""
        return [bytes(self.channel.packet[: self.channel.message(message)])]


class Host:
    """A host's end that keeps every record at once. `outcomes`, `records` and `others` are what it was told."""

    def __init__(self, host_session=77, next_sequence=0, channel=None):
        self.session = HostSession(host_session, channel or host_channel())
        self.next_sequence = next_sequence
        self.records = []
        self.outcomes = []
        self.others = []
        self.keeps = True
        self.credit = CREDIT

    def say(self, now_ms, *clock):
        return self.session.packets(now_ms, *clock)

    def hear(self, packets, now_ms=0):
        for data in packets:
            try:
                message = self.session.receive(data)
            except WireError:
                message = None  # counted by the channel
            if message is None:
                continue
            if message[0] == schema.HELLO and message[2] == schema.digest():
                self.session.welcome(self.next_sequence, (), self.credit)
            elif message[0] in schema.RELIABLE:
                self.records.append(message[1])
                if self.keeps:
                    self.keep(message[1])
            elif message[0] == schema.FLOOR:
                self.session.receiver.floor(message[2])
            elif message[0] == schema.OUTCOME:
                self.outcomes.append((message[2], schema.RESULTS[message[3]], schema.REASONS[message[4]]))
            else:
                self.others.append(message)

    def keep(self, sequence):
        self.session.receiver.keep(sequence)
        self.session.acknowledge(self.credit)

    def again(self, packets):
        """What these held, sent once more under new counters."""
        return [data for held in packets if body_of(held) for data in self.packed(body_of(held))]

    def packed(self, message):
        """A packet with this message for its node."""
        return [self.session.channel.message(message)]


def kinds(packets):
    """The names of what these packets hold."""
    return [kind_of(data) for data in packets]


def messages(packets, kind):
    """The messages of one kind in these packets."""
    found = [body_of(data) for data in packets]
    return [message for message in found if message and message[0] == kind]


def framed(packets):
    """The frames of these packets, one behind the other."""
    line = b""
    for data in packets:
        out = bytearray(FRAME_MAX)
        line += bytes(out[: encode(bytearray(data) + bytearray(CRC_BYTES), len(data), out)])
    return line


def exchange(node, host, start_ms, duration_ms=1000, step_ms=50):
    """Let them talk without loss; return the time when it ended."""
    for now_ms in range(start_ms, start_ms + duration_ms, step_ms):
        host.hear(node.say(now_ms), now_ms)
        node.hear(host.say(now_ms), now_ms)
    return start_ms + duration_ms


def paired(node, host, now_ms=0):
    """Let them agree on keys, and no more: the node's HELLO is due."""
    host.hear(node.say(now_ms))
    node.hear([data for data in host.say(now_ms) if kind_of(data) == "answer"], now_ms)
    assert node.channel.sealed
    return node, host


def greeted(node, host, now_ms=0):
    """(the node's HELLO, the number of its session): keys are agreed on, and the host has heard nothing under them."""
    paired(node, host, now_ms)
    said = node.say(now_ms)
    (hello,) = messages(said, schema.HELLO)
    return said, hello


def met(**given):
    """(node, host, time): a pair in an open session."""
    node, host = Node(**given), Host()
    now_ms = exchange(node, host, 0)
    assert node.session.open and host.session.receiver is not None
    return node, host, now_ms


def request(host, number, now_ms, target=1, hold_s=900, within_ms=3000):
    """The packets with which the host asks now."""
    host.session.request(number, 0, target, hold_s, now_ms + within_ms)
    return host.say(now_ms)
