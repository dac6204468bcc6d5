"""The test's host: the product's own HostSession, stepped in the rig's time, with a tap that hears the line for ever.

It keeps every record at once, as a bridge with an instant disk would. Killed, it says nothing more; the tap goes on.
The line can be made to lose frames.
"""

import math
import random
from dataclasses import dataclass
from typing import Any, NamedTuple

from gridnode.wire import WireError, schema
from gridnode.wire.frame import CRC_BYTES, FrameDecoder
from gridnode.wire.host_channel import HostChannel
from gridnode.wire.host_session import HELLO_EPOCH, HostSession
from gridnode.wire.session import decode
from hil.bench import MS, UNIT, Bench
from host_bridge.clock import NodeClock
from host_bridge.link import framed

STEP_MS = 10
CREDIT_BYTES = 4000
RESEND_MS = 300
WITHIN_MS = 5000  # a request that takes longer has failed
FRAMING_BYTES = CRC_BYTES + 2  # with COBS and the delimiter, of a frame below 254 bytes
HAIL = b"\x00"
LOST_OF = 20  # frames, one is lost where the line loses any: 5 %


class Heard(NamedTuple):
    """One message that the node has sent, or an offer: when its last byte arrived, its frame's bytes, its fields."""

    at_ns: int
    bytes: int
    name: str
    fields: dict[str, Any]


class Answer(NamedTuple):
    """What became of a request: when its first byte left, when the outcome was here, and the outcome's fields."""

    sent_ns: int
    heard_ns: int
    applied: bool
    reason: str
    fields: dict[str, Any]


@dataclass
class _Journal:
    """What is kept of one journal."""

    next_sequence: int
    kept: set[int]


class Host:
    """A host at the other end of the bench's line. Everything runs inside `run` and what calls it."""

    def __init__(self, bench: Bench, seed: int = 1) -> None:
        self.bench = bench
        self.heard: list[Heard] = []
        self.records: dict[tuple[int, int], Heard] = {}  # (journal epoch, sequence)
        self.repeats = 0  # records that came although they were kept
        self.noise = 0  # packets that were no message
        self.on_line: list[bytes] = []  # packets of the node as a stranger at the line has them
        self.said: list[bytes] = []  # and ours
        self.bodies: list[bytes] = []  # what was sealed in the node's
        self.losing = False  # the line loses one frame of LOST_OF, each way
        self.lost = [0, 0]  # frames: of ours, of the node's
        self.unix_ms: int | None = None  # time of day when the bench's time began: the node is told
        self.clock = NodeClock()
        self._random = random.Random(seed)  # noqa: S311 (repeatable, nothing secret)
        self._frames = [0, 0]
        self._loses = [0, 0]
        self._tap = FrameDecoder()
        self._session: HostSession | None = None
        self._channels: list[HostChannel] = []  # of this life and the one before, newest first: the tap's too
        self._commands = 0
        self._node_ms = 0  # newest HELLO's, and when it came
        self._node_at_ns = 0
        self._epoch = 0
        self.restart()

    @property
    def dropped(self) -> int:
        """Frames that arrived damaged."""
        return self._tap.dropped

    @property
    def open(self) -> bool:
        return self._session is not None and self._session.receiver is not None

    def kill(self) -> None:
        """End at once, without a word to the node."""
        self._session = None

    def restart(self) -> None:
        """Start anew, with all records that were kept before."""
        channel = HostChannel(UNIT, self.bench.keys)
        self._channels = [channel, *self._channels[:1]]
        self._session = HostSession(self._random.getrandbits(30) | 1, channel)
        self._commands = 0

    def run(self, duration_ms: float) -> None:
        """Let the rig's time pass while the host does its work."""
        end = self.bench.now_ns + round(duration_ms * MS)
        while (left := end - self.bench.now_ns) > 0:
            self.bench.run(min(STEP_MS * MS, left))
            self._turn()

    def wait(self, name: str, within_ms: float = WITHIN_MS, since: int | None = None, **fields: Any) -> Heard:
        """The first message of that name with those fields, from now or from index `since` of `heard` on.

        Raises AssertionError when none has come within that time.
        """
        at = len(self.heard) if since is None else since
        end = self.bench.now_ns + round(within_ms * MS)
        while True:
            for heard in self.heard[at:]:
                if heard.name == name and all(heard.fields[key] == value for key, value in fields.items()):
                    return heard
            at = len(self.heard)
            if self.bench.now_ns >= end:
                wanted = ", ".join(f"{key} {value}" for key, value in fields.items())
                raise AssertionError(f"no {name} {wanted} within {within_ms} ms; the line told {self._summary()}")
            self.run(STEP_MS)

    def _summary(self) -> str:
        names = [heard.name for heard in self.heard]
        counts = ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names))) or "nothing"
        return f"{counts}; {self.dropped} damaged frames; console: {self.bench.console()[-600:]!r}"

    def hello(self, within_ms: float = WITHIN_MS) -> Heard:
        """The first HELLO from now on, with the session open behind it."""
        heard = self.wait("hello", within_ms)
        end = self.bench.now_ns + round(within_ms * MS)
        while not self.open and self.bench.now_ns < end:
            self.run(STEP_MS)
        return heard

    def node_ms(self) -> float:
        """The node's time now, reckoned from its newest HELLO."""
        return self._node_ms + (self.bench.now_ns - self._node_at_ns) / MS

    def command(self, contactor: int, target: str, hold_s: int = 0) -> Answer:
        """Ask for "open", "closed" or "reset"; the line is quiet before, so that the first byte leaves at once."""
        return self._asked("outcome", schema.REQUEST, contactor, schema.TARGETS.index(target), hold_s)

    def store_document(self, document: str, body: bytes) -> Answer:
        """Have the node keep one of schema.DOCUMENTS."""
        return self._asked("stored", schema.STORE, schema.DOCUMENTS.index(document), body)

    def _asked(self, answer: str, kind: int, *fields: Any) -> Answer:
        session = self._session
        assert session is not None and self.open, "no session to ask in"
        self.bench.run(STEP_MS * MS)  # what was said before has left the line
        self._listen()
        self._commands += 1
        number, expires = self._commands, round(self.node_ms() + WITHIN_MS)
        at, sent_ns, repeat_ns = len(self.heard), 0, 0
        end = self.bench.now_ns + (WITHIN_MS + RESEND_MS) * MS
        while self.bench.now_ns < end:
            if self.bench.now_ns >= repeat_ns:
                repeat_ns = self.bench.now_ns + RESEND_MS * MS
                session.ask(kind, number, *fields, expires)
                sent_ns = sent_ns or self.bench.now_ns
                self._speak()
            self.run(STEP_MS)
            for heard in self.heard[at:]:
                if heard.name == answer and heard.fields["command"] == number:
                    return _answer(sent_ns, heard)
            at = len(self.heard)
        raise AssertionError(f"no {answer} of command {number} within {WITHIN_MS} ms; the line told {self._summary()}")

    def _turn(self) -> None:
        self._listen()
        self._speak()

    def _speak(self) -> None:
        if self._session is not None:
            now_ms = self.bench.now_ns // MS
            for packet in self._session.packets(now_ms, *self._time(now_ms)):
                self.said.append(packet)
                if not self._loses_one(0):
                    self.bench.write(framed(packet))

    def _time(self, now_ms: int) -> tuple[int, int, int]:
        """What the node is told of the time of day: see HostSession.packets."""
        if self.unix_ms is None or not self.clock.is_known:
            return 0, 0, 0
        node_ms, error_ms = self.clock.host_to_node(now_ms)
        return self.unix_ms + now_ms, round(node_ms), math.ceil(error_ms) + 1

    def _loses_one(self, way: int) -> bool:
        """Whether the line loses this frame: of each LOST_OF one, by chance. `way`: 0 ours, 1 the node's."""
        at = self._frames[way] % LOST_OF
        self._frames[way] += 1
        if not at:
            self._loses[way] = self._random.randrange(LOST_OF)
        is_lost = self.losing and at == self._loses[way]
        self.lost[way] += is_lost
        return is_lost

    def _listen(self) -> None:
        for at_ns, data in self.bench.read():
            for whole in self._tap.feed(data):
                self.on_line.append(bytes(whole))
                if not self._loses_one(1):
                    self._hear(at_ns, whole)

    def _hear(self, at_ns: int, whole: bytes) -> None:
        if whole[:1] == HAIL:
            self.heard.append(Heard(at_ns, len(whole) + FRAMING_BYTES, "offer", {}))
            if self._session is not None:
                self._session.receive(whole)
            return
        channel, body = self._opened(whole)
        try:
            message = decode(body)
        except WireError:
            self.noise += 1
            return
        self.bodies.append(body)
        name, specs = schema.MESSAGES[message[0]]
        fields = dict(zip((field for field, _ in specs), message[1:], strict=True))
        self.heard.append(Heard(at_ns, len(whole) + FRAMING_BYTES, name, fields))
        if self._session is not None and channel is self._session.channel:
            self._take(self._session, self._session.read(body), self.heard[-1])

    def _opened(self, whole: bytes) -> tuple[HostChannel | None, bytes]:
        for channel in self._channels:
            try:
                return channel, bytes(channel.open(whole)[0])
            except WireError:
                continue
        return None, b""

    def _take(self, session: HostSession, message: list[Any] | None, heard: Heard) -> None:
        if message is None:
            return
        if message[0] == schema.HELLO:
            self._node_ms, self._node_at_ns = heard.fields["node_time_ms"], heard.at_ns
            self.clock.begin(heard.at_ns / MS, self._node_ms, STEP_MS)
            self._epoch = message[HELLO_EPOCH]
            journal = self._journal()
            session.welcome(journal.next_sequence, journal.kept, CREDIT_BYTES)
            self._commands = 0
        elif message[0] == schema.PONG:
            self.clock.sample(message[1], heard.at_ns // MS, message[2])
        elif message[0] in schema.RELIABLE and session.receiver is not None:
            key = (self._epoch, message[1])
            self.repeats += key in self.records
            self.records[key] = heard
            session.receiver.keep(message[1])
            session.acknowledge(CREDIT_BYTES)
        elif message[0] == schema.FLOOR and session.receiver is not None:
            session.receiver.floor(message[2])
            session.acknowledge(CREDIT_BYTES)

    def _journal(self) -> _Journal:
        kept = {sequence for epoch, sequence in self.records if epoch == self._epoch}
        at = 0
        while at in kept:
            kept.remove(at)
            at += 1
        return _Journal(at, kept)

    def sequences(self, epoch: int | None = None) -> list[int]:
        """Of the records kept of a journal (the newest one's if none is named), in order."""
        wanted = self._epoch if epoch is None else epoch
        return sorted(sequence for known, sequence in self.records if known == wanted)

    def told(self, name: str, since: int = 0, **fields: Any) -> list[Heard]:
        """All messages of that name with those fields, from index `since` of `heard` on."""
        return [
            heard
            for heard in self.heard[since:]
            if heard.name == name and all(heard.fields[key] == value for key, value in fields.items())
        ]


def _answer(sent_ns: int, heard: Heard) -> Answer:
    fields = heard.fields
    applied = schema.RESULTS[fields["result"]] == "applied"
    return Answer(sent_ns, heard.at_ns, applied, schema.REASONS[fields["reason"]], fields)
