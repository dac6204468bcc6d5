"""The host's end of a session, for one node on one link: CALL until a HELLO comes, WELCOME for each OFFER and each
HELLO, then ACK, PING, and what is asked of the node: REQUEST, STORE, FETCH, MEASURE.

What the node sends is acknowledged when the caller says it is kept, not before.
"""

from gridnode.wire import WireError, cbor, schema
from gridnode.wire.frame import FRAMING_BYTES
from gridnode.wire.host_channel import CALL_PACKET
from gridnode.wire.receiver import Receiver
from gridnode.wire.schema import RELIABLE
from gridnode.wire.session import CALL_EVERY_MS, PING_AGAIN_MS, PING_EVERY_MS, decode

# The longest frame of each, where a session has 30 bits, the number of a command 32, and what is not surely known is
# known to a minute.
REQUEST_ROOM, PING_ROOM, STORE_ROOM = 68, 57, 220
HAILS_MAX = 4  # waiting to be sent
BUFFER_MIN = STORE_ROOM + 2 * PING_ROOM  # a node that says it has less is taken at this
_ANSWERS = (schema.OUTCOME, schema.STORED, schema.DOCUMENT, schema.HARMONICS, schema.AGGREGATE)


def _hello_index(name: str) -> int:
    return 1 + [field for field, _ in schema.MESSAGES[schema.HELLO][1]].index(name)


HELLO_NODE = _hello_index("node")
HELLO_SESSION = _hello_index("node_session")
HELLO_EPOCH = _hello_index("journal_epoch")
HELLO_BUFFER = _hello_index("receive_buffer_bytes")


def foreign_hello(body: bytes) -> list:
    """The first six items of a HELLO whose schema is not ours, so that the node can be shown. Raises WireError."""
    message = cbor.decode(body)
    if type(message) is not list or len(message) < 6 or message[0] != schema.HELLO or message[2] == schema.digest():
        raise WireError("not a message of this schema")
    kinds = (int, int, bytes, str, str, str)
    for index in range(6):
        if type(message[index]) is not kinds[index]:
            raise WireError("bad field in a foreign hello")
    return message[:6]


class HostSession:
    """The host's end, for one node on one link. `channel` is its HostChannel; None until one has matched an OFFER, see
    `use`. `decode` turns a body into a checked message.

    `welcome` opens the session once the caller has looked up what is kept of the node's journal;
    until then records are dropped, and come again.
    """

    def __init__(self, host_session: int, channel=None, decode=decode):
        self.host_session = host_session
        self.channel = channel
        self.hello: "list | None" = None  # newest HELLO as a message, of a node that speaks our schema
        self.receiver: "Receiver | None" = None
        self.credit_bytes = 0
        self.repeats = 0
        self._pairs = 0  # of the channel, when a packet was last opened
        self._hails: "list[bytes]" = []
        self._anew = False  # the keys in force are to be left
        self._session = 0  # of this pair; see schema.REQUEST
        self._decode = decode
        self._called_ms = -CALL_EVERY_MS
        self._pinged_ms = -PING_EVERY_MS
        self._welcome_due = False
        self._ack_due = False
        self._urgent = {}  # command -> what is to be asked
        self._buffer_bytes = 0  # of the node
        self._unread_bytes = 0  # sent, and not yet known to be read by the node
        self._pings = []  # [host_time_ms, bytes that were sent up to it and are not yet known to be read], oldest first

    def use(self, channel):
        """Another node speaks on this link."""
        self.receiver = self.hello = None
        self.channel = channel
        self._pairs = channel.pairs
        self._anew = False

    def hail(self, packet: bytes):
        """Have a WELCOME sent."""
        if packet not in self._hails and len(self._hails) < HAILS_MAX:
            self._hails.append(packet)

    def receive(self, packet: bytes):
        """Take one packet; return its message, or None when there is nothing for the caller to do.

        A HELLO in a foreign schema comes back as its first six items, unchecked but for those.
        Raises WireError on a packet that is not genuine (counted by the channel) and on a body that is no message.
        """
        if packet[:1] == b"\x00" and self.channel:
            welcome = self.channel.offered(packet)
            if welcome:
                self.hail(welcome)
            return None
        messages = self.messages(packet, 0)
        return messages[0] if messages else None

    def messages(self, packet: bytes, now_ms: int) -> list:
        """As `receive`, of a packet that is no hail and may hold any number of messages."""
        channel = self.channel
        if channel is None:
            raise WireError("unknown")
        body, lone = channel.open(packet)
        if lone:
            raise WireError("a session has no such packets")
        message = self.read(body)
        return [] if message is None else [message]

    def open_run(self, packets, at: int) -> list:
        """See HostChannel: bodies for `read`, which may raise WireError on each."""
        return self.channel.open_run(packets, at) if self.channel else []

    def read(self, body: bytes):
        """As `receive`, of the body of a packet that the channel has opened."""
        if self._pairs != self.channel.pairs:  # what it is will be its HELLO
            self.receiver = self.hello = None
            self._pairs = self.channel.pairs
            self._anew = False
        elif self._anew:
            return None
        try:
            message = self._decode(body)
        except WireError:
            return self._foreign(foreign_hello(body))
        kind = message[0]
        if kind in RELIABLE:
            if self.receiver is None:
                return None
            if self.receiver.take(message[1]):
                return message
            self.repeats += 1
            self._ack_due = True  # our acknowledgement may have been lost
            return None
        if kind == schema.HELLO:
            return self._greeted(message)
        if self.receiver is None:
            return None
        if kind == schema.PONG:
            self._answered(message[1])
        elif kind == schema.FLOOR and message[1] != self.hello[HELLO_EPOCH]:
            return None
        elif kind in _ANSWERS and message[1] != self._session:
            return None
        return message

    def _greeted(self, message):
        if message[HELLO_NODE] != self.channel.name:
            raise WireError("the key is of another node")
        if message[2] != schema.digest():
            return self._foreign(message)
        known = self.hello
        self.hello = message
        same = known and known[HELLO_SESSION] == message[HELLO_SESSION] and known[HELLO_NODE] == message[HELLO_NODE]
        if same and self.receiver is not None:
            self._welcome_due = True  # the last one was lost
            return None
        self.receiver = None
        self._urgent = {}
        self._session = message[HELLO_SESSION] ^ self.host_session
        self._buffer_bytes = max(message[HELLO_BUFFER], BUFFER_MIN)
        self._unread_bytes = 0
        self._pings = []
        return message

    def _foreign(self, message):
        if message[HELLO_NODE] != self.channel.name:
            raise WireError("the key is of another node")
        # What it says from now on could be mistaken for messages of ours.
        self.receiver = None
        self.hello = None
        return message

    def welcome(self, next_sequence: int, kept, credit_bytes: int):
        """Open the session: of the journal named in `hello`, all below `next_sequence` and `kept` are stored."""
        self.receiver = Receiver(next_sequence, kept)
        self.credit_bytes = credit_bytes
        self._welcome_due = True

    def acknowledge(self, credit_bytes: int):
        """Tell the node, with the next packets, what is kept and how many bytes more are welcome."""
        self.credit_bytes = credit_bytes
        self._ack_due = True

    def request(self, command: int, contactor: int, target: int, hold_s: int, expires_ms: int):
        """Send a request, or send it again."""
        self.ask(schema.REQUEST, command, contactor, target, hold_s, expires_ms)

    def ask(self, kind: int, command: int, *fields):
        """Send REQUEST, STORE, FETCH or MEASURE with the fields behind `command`, or send it again."""
        self._urgent[command] = [kind, self._session, command] + list(fields)

    def close(self):
        """The link is gone: nothing holds until the next HELLO."""
        self.receiver = None
        self.hello = None
        self._called_ms = -CALL_EVERY_MS

    def end(self):
        """As `close`; and the node is to offer itself anew."""
        self.close()
        self._anew = True

    def packets(self, now_ms: int, unix_ms: int = 0, node_time_ms: int = 0, error_ms: int = 0) -> list:
        """The packets to send now, as bytes. What the node is told of the time of day: it was `unix_ms` at its
        `node_time_ms`, to within the error; 0: not known.
        """
        out = [self._sent(hail) for hail in self._hails]
        if self._hails:
            self._hails, self._called_ms = [], now_ms
        sealed = self.channel is not None and self.channel.sealed
        if self.receiver is None or not sealed:
            if now_ms - self._called_ms >= CALL_EVERY_MS:
                self._called_ms = now_ms
                out.append(self._sent(CALL_PACKET))
                if sealed and not self._anew:  # whether the node still has these keys is not known
                    out.append(self._packet([schema.CALL, self.host_session]))
            return out
        if self._welcome_due:
            self._welcome_due = self._ack_due = False
            head = [schema.WELCOME, schema.digest(), self.hello[HELLO_SESSION], self.host_session]
            out.append(self._packet(head + self._progress()))
        if self._pings and now_ms - self._pings[0][0] >= PING_EVERY_MS:
            self._unread_bytes = 0  # they are lost: nothing waits for a PONG longer than this
            self._pings = []
        while self._urgent and self._fits(self._urgent[min(self._urgent)]):
            out.append(self._packet(self._urgent.pop(min(self._urgent))))
        self._ping(out, now_ms, [unix_ms, node_time_ms, error_ms])
        if self._ack_due and not self._is_filling():
            self._ack_due = False
            out.append(self._packet([schema.ACK] + self._progress()))
        return out

    # The node's receive buffer: ACK fills a quarter, then PING asks at once how much of it is read; what is asked
    # goes on, and leaves room for two more PINGs in case one gets lost. A STORE needs all the rest, so while it
    # waits no ACK goes either.
    def _fits(self, message) -> bool:
        room = STORE_ROOM if message[0] == schema.STORE else REQUEST_ROOM
        return self._unread_bytes + room + 2 * PING_ROOM <= self._buffer_bytes

    def _is_filling(self) -> bool:
        return bool(self._urgent) or self._unread_bytes >= self._buffer_bytes // 4  # what fits is sent before

    def _ping(self, out, now_ms, clock):
        wait_ms = PING_EVERY_MS
        if self._is_filling():
            wait_ms = min(wait_ms, PING_AGAIN_MS << len(self._pings) - 1 if self._pings else 0)
        if now_ms - self._pinged_ms >= wait_ms:
            self._pinged_ms = now_ms
            self._ack_due = True  # repeats the credit, in case an ACK that raised it was lost
            out.append(self._packet([schema.PING, self._session, now_ms] + clock))
            self._pings.append([now_ms, self._unread_bytes])

    def _answered(self, host_time_ms):
        """A PONG: what was sent up to its PING has left the node's buffer."""
        known = [ping[0] for ping in self._pings]
        if host_time_ms in known:
            index = known.index(host_time_ms)
            read_bytes = self._pings[index][1]
            self._unread_bytes -= read_bytes
            self._pings = [[time_ms, unread - read_bytes] for time_ms, unread in self._pings[index + 1 :]]

    def _progress(self):
        receiver = self.receiver
        return [self.hello[HELLO_EPOCH], receiver.next_sequence, receiver.bitmap(), self.credit_bytes]

    def _packet(self, message) -> bytes:
        return self._sent(self.channel.message(message))

    def _sent(self, packet: bytes) -> bytes:
        self._unread_bytes += len(packet) + FRAMING_BYTES
        return packet
