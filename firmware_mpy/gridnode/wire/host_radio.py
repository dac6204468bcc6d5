"""The host's end of a session over radio, for one node. The surface is that of HostSession; a packet may hold many
messages.

It says little: WELCOME, WANT for what is missing, PING now and then, and what is asked of the node, again at a pace
that the link can bear. A node that speaks alone is heard all the same (`one_way`), and nothing is said to it.
"""

from gridnode.wire import WireError, schema
from gridnode.wire.batch import BATCHES
from gridnode.wire.host_channel import CALL_PACKET
from gridnode.wire.host_session import (
    HAILS_MAX,
    HELLO_EPOCH,
    HELLO_NODE,
    HELLO_SESSION,
    foreign_hello,
)
from gridnode.wire.parity import PARITY
from gridnode.wire.radio import CALL_ANSWER_MS, OFFER_MAX_MS, PING_EVERY_MS
from gridnode.wire.session import decode
from gridnode.wire.solver import Solver
from gridnode.wire.spans import GapReceiver
from gridnode.wire.unpack import unpack

PACE_MS = 8_000
PING_FIRST_MS = (2_000, 60_000, 120_000, 300_000, 600_000)  # after the opening, then after each PONG
WANT_AFTER_MS = 2_000  # a batch: until it is on disk
WANT_EVERY = 4  # batches
WANT_MAX_MS = 1_800_000
ASKED_FOR_MS = 2_000  # a question that nobody repeats to us within this is no longer asked
EARLY_MAX = 96  # packets of a node alone whose HELLO is still to come
_ANSWERS = (schema.OUTCOME, schema.STORED, schema.DOCUMENT, schema.HARMONICS, schema.AGGREGATE)
_FIELDS = [field for field, _ in schema.MESSAGES[schema.HELLO][1]]
_NEXT, _INTERVAL, _CHANNELS, _BATCH = [
    1 + _FIELDS.index(field) for field in ("next_sequence", "interval_s", "channels", "batch")
]


class HostRadio:
    """The host's end, for one node. `channel` is its HostChannel. `pace_ms`, to be set: how long an answer takes, with
    the airtime of both ways and what the region makes senders wait.

    `welcome` opens the session once the caller has looked up what is kept of the node's journal. `one_way`: the
    records come from a node that hears nothing. `urgent`: somebody waits for the packets given last.
    """

    def __init__(self, host_session: int, channel=None, decode=decode):
        self.host_session = host_session
        self.channel = channel
        self.pace_ms = PACE_MS
        self.one_way = self.urgent = False
        self.repeats = 0
        self.ignored = 0
        self._decode = decode
        self._hails = []
        self._call = False  # the node is to offer itself
        self._calls = 0
        self._call_ms = 0
        self._pairs = channel.pairs if channel else 0
        self._nonce = None  # of the lone packets whose HELLO has come
        self._heard_nonce = None  # of those that come now
        self._solver = Solver()
        self._early = []  # bodies
        self._leave()

    def _leave(self):
        self.hello: "list | None" = None
        self.receiver: "GapReceiver | None" = None
        self._session = 0  # of this pair; see schema.REQUEST
        self._asked = {}  # command -> [message, since when nobody has repeated it]
        self._paced = {}  # command -> [times said, when it is due again]
        self._welcome_due = False
        self._doubted = False  # whether the session stands: the node has offered itself, and nothing came in it since
        self._beyond = 0  # all records that are known of are below
        self._batches = 0  # since the last WANT
        self._batch_ms = None  # when the last one came
        self._want_ms = None  # when one is due; None: it is not
        self._want_again_ms = 0  # and not before
        self._want_tries = 0
        self._pongs = 0
        self._pings = 0  # since the last PONG
        self._ping_ms = None

    def use(self, channel):
        """Another node speaks on this link."""
        self._leave()
        self.channel = channel
        self._pairs = channel.pairs
        self._call = False

    def hail(self, packet: bytes):
        """Have a WELCOME sent: at once, unless the session stands as far as we know. Then a PING comes first, so that
        nobody ends sessions by having nodes offer themselves; the next OFFER is answered."""
        if self.receiver is not None and not (self.one_way or self._call or self._doubted):
            self._doubted = True
            self._pings, self._ping_ms = 0, 0
        elif packet not in self._hails and len(self._hails) < HAILS_MAX:
            self._hails.append(packet)

    # -- what the node says

    def receive(self, packet: bytes, now_ms: int = 0):
        """The first of `messages`, or None."""
        messages = self.messages(packet, now_ms)
        return messages[0] if messages else None

    def open_run(self, packets, at: int) -> list:
        """Packets of a radio come one by one: see `messages`."""
        return []

    def messages(self, packet: bytes, now_ms: int) -> list:
        """Take one packet; the messages in it that the caller has something to do with. Raises WireError on a packet
        that is not genuine (counted by the channel) and on a body that is no message."""
        channel = self.channel
        if channel is None:
            raise WireError("unknown")
        if packet[:1] == b"\x00":
            welcome = channel.offered(packet)
            if welcome:
                self.hail(welcome)
            return []
        try:
            body, lone = channel.open(packet)
        except WireError as error:
            self._call = self._call or str(error) in ("stale", "unknown")
            raise
        body = bytes(body)
        if self._pairs != channel.pairs:
            self._pairs = channel.pairs
            self._leave()
            self._call, self._calls, self.one_way = False, 0, False
        if lone:
            return self._alone(body, channel.lone[0], now_ms)
        self._doubted = False
        return self._read(body, now_ms)

    def _alone(self, body: bytes, nonce: bytes, now_ms: int) -> list:
        """A lone packet. It is held until a HELLO under the same nonce tells which journal it is of."""
        if self._heard_nonce != nonce:
            self._heard_nonce = nonce
            self._solver, self._early = Solver(), []
        if body[0] != PARITY and body[0] not in BATCHES:
            message = self._message(body)
            if message[0] == schema.HELLO:
                self._nonce = nonce
                self.one_way = True
                return self._greeted(message, now_ms) + self._late(now_ms)
        if self._nonce != nonce or self.receiver is None:
            self._early = self._early[1 - EARLY_MAX :] + [body]
            return []
        self.one_way = True
        return self._late(now_ms) + self._read(body, now_ms)

    def _late(self, now_ms) -> list:
        """What came before it could be understood."""
        if self.receiver is None:
            return []
        early, self._early = self._early, []
        found = []
        for body in early:
            found += self._read(body, now_ms)
        return found

    def _message(self, body: bytes) -> list:
        try:
            return self._decode(body)
        except WireError:
            return foreign_hello(body)

    def _read(self, body: bytes, now_ms: int) -> list:
        if body[0] in BATCHES:
            return self._batch([body], now_ms)
        if body[0] == PARITY:
            return self._batch(self._solver.take(body), now_ms) if self.receiver else []
        message = self._message(body)
        kind = message[0]
        if kind == schema.HELLO:
            return self._greeted(message, now_ms)
        if self.receiver is None:
            return []
        if kind in schema.RELIABLE:
            return self._taken([message])
        if kind == schema.PONG:
            self._pongs, self._pings = self._pongs + 1, 0
            self._ping_ms = now_ms + (PING_FIRST_MS[self._pongs] if self._pongs < len(PING_FIRST_MS) else PING_EVERY_MS)
        elif kind == schema.FLOOR:
            if message[1] != self.hello[HELLO_EPOCH]:
                return []
            self._want_soon(now_ms)
        elif kind in _ANSWERS:
            if message[1] != self._session:
                return []
            self._asked.pop(message[2], None)
            self._paced.pop(message[2], None)
        return [message]

    def _batch(self, bodies: list, now_ms: int) -> list:
        if self.receiver is None:
            return []
        self._batches += 1
        self._batch_ms = now_ms
        found = []
        for body in bodies:
            messages = unpack(body, self._decode)
            self._beyond = max(self._beyond, messages[-1][1] + 1)
            found += self._taken(messages)
        self._want_soon(now_ms)
        return found

    def _taken(self, messages: list) -> list:
        found = [message for message in messages if self.receiver.take(message[1])]
        self.repeats += len(messages) - len(found)
        if found:
            self._want_tries = 0
        return found

    def _greeted(self, message, now_ms) -> list:
        if message[HELLO_NODE] != self.channel.name:
            raise WireError("the key is of another node")
        if len(message) == HELLO_NODE + 3 or message[2] != schema.digest():
            self._leave()
            return [message]
        known = self.hello
        if known and known[HELLO_SESSION] == message[HELLO_SESSION] and self.receiver is not None:
            self.hello = message
            self._welcome_due = not self.one_way  # the last one was lost
            return []
        self._leave()
        self.hello = message
        self._session = message[HELLO_SESSION] ^ self.host_session
        self._beyond = message[_NEXT] // self._group * self._group
        self._batch_ms = now_ms
        return [message]

    @property
    def _group(self) -> int:
        return max(self.hello[_BATCH], 1)

    @property
    def _group_ms(self) -> int:
        return self._group * self.hello[_INTERVAL] * 1000 // max(len(self.hello[_CHANNELS]), 1)

    # -- what the caller does

    def welcome(self, next_sequence: int, kept, credit_bytes: int = 0):
        """Open the session: of the journal named in `hello`, all below `next_sequence` and `kept` are stored."""
        self.receiver = GapReceiver(next_sequence, kept)
        self._welcome_due = not self.one_way

    def acknowledge(self, credit_bytes: int = 0):
        """What is kept goes with the next WANT."""

    def request(self, command: int, contactor: int, target: int, hold_s: int, expires_ms: int):
        """Send a request, or send it again when its time has come."""
        self.ask(schema.REQUEST, command, contactor, target, hold_s, expires_ms)

    def ask(self, kind: int, command: int, *fields):
        """Send REQUEST, STORE, FETCH or MEASURE with the fields behind `command`. To be called again and again, each
        ASKED_FOR_MS at least, while the answer is waited for: how often it is really sent is for the pace to say."""
        if not self.one_way:
            self._asked[command] = [[kind, self._session, command] + list(fields), None]

    def close(self):
        """The gateway is gone for a while. A session over radio outlives that."""

    def end(self):
        """The node is to offer itself anew; what it says meanwhile counts."""
        self._call = True

    # -- what is said

    def packets(self, now_ms: int, unix_ms: int = 0, node_time_ms: int = 0, error_ms: int = 0) -> list:
        """The packets to send now, as bytes. What the node is told of the time of day is as for HostSession."""
        out, self._hails = self._hails, []
        self._call_if_due(out, now_ms)
        if self.receiver is not None and not self.one_way and self.channel.sealed:
            if self._welcome_due:
                self._welcome_due = False
                self._ping_ms = now_ms + PING_FIRST_MS[0] if self._ping_ms is None else self._ping_ms
                head = [schema.WELCOME, schema.digest(), self.hello[HELLO_SESSION], self.host_session]
                receiver = self.receiver
                head += [self.hello[HELLO_EPOCH], receiver.next_sequence, receiver.bitmap(), 0]
                out.append(self.channel.message(head))
            self._ask_if_due(out, now_ms)
            self.urgent = bool(out)
            self._ping_if_due(out, now_ms, [unix_ms, node_time_ms, error_ms])
            self._want_if_due(out, now_ms)
        else:
            self.urgent = bool(out)
        return out

    def _call_if_due(self, out, now_ms):
        if self._call and now_ms >= self._call_ms:
            self._call_ms = now_ms + min(CALL_ANSWER_MS << min(self._calls, 8), OFFER_MAX_MS)
            self._calls += 1
            out.append(CALL_PACKET)

    def _ask_if_due(self, out, now_ms):
        for command in sorted(self._asked):
            message, since_ms = self._asked[command]
            if since_ms is None:
                since_ms = self._asked[command][1] = now_ms
            times, due_ms = self._paced.get(command, (0, now_ms))
            if now_ms >= due_ms:
                del self._asked[command]
                self._paced[command] = (times + 1, now_ms + self.pace_ms * (times + 2) // 2)
                out.append(self.channel.message(message))
            elif now_ms - since_ms > ASKED_FOR_MS:
                del self._asked[command]

    def _ping_if_due(self, out, now_ms, clock):
        if self._ping_ms is not None and now_ms >= self._ping_ms:
            self._pings += 1
            self._ping_ms = now_ms + min(2 * self.pace_ms << min(self._pings, 10), PING_EVERY_MS)
            out.append(self.channel.message([schema.PING, self._session, now_ms] + clock))

    def _want_soon(self, now_ms):
        if self._want_ms is None:
            self._want_ms = now_ms + WANT_AFTER_MS

    def _want_if_due(self, out, now_ms):
        """WANT after a batch when something is missing, or when there were several; and when a batch is overdue."""
        overdue_ms = now_ms - self._batch_ms - self._group_ms * 3 // 2
        if overdue_ms >= 0:
            self._want_soon(now_ms - WANT_AFTER_MS)
        if self._want_ms is None or now_ms < max(self._want_ms, self._want_again_ms):
            return
        beyond = self._beyond
        if overdue_ms >= 0:
            beyond = (beyond // self._group + 1 + overdue_ms // max(self._group_ms, 1)) * self._group
        first, missing = self.receiver.wanted(self._group, beyond)
        self._want_ms = None
        if not missing and self._batches < WANT_EVERY:
            return
        self._batches = 0
        count = bin(missing).count("1")
        wait_ms = min(self.pace_ms * (1 + count) << min(self._want_tries, 6), WANT_MAX_MS)
        self._want_again_ms = now_ms + wait_ms
        if missing:
            self._want_tries += 1
            self._want_ms = self._want_again_ms
        out.append(self.channel.message([schema.WANT, self.hello[HELLO_EPOCH], first, missing]))
