"""The node's end of a session: OFFER until keys are agreed, HELLO until welcomed, then records, live values, FLOOR, and
answers to the host.

A node that hears nothing starts over with OFFER and keeps its records.
"""

from gridnode.wire import WireError, schema
from gridnode.wire.answers import Answers
from gridnode.wire.frame import FRAMING_BYTES
from gridnode.wire.session import (
    CALL_ANSWER_MS,
    HELLO_EVERY_MS,
    HELLO_FOR_MS,
    OFFER_EVERY_MS,
    QUIET_MS,
    SILENCE_MS,
    decode,
)
from gridnode.wire.stream import Sender


class NodeSession:
    """One node's end. Given: `channel`, a NodeChannel; `journal`, which holds encoded records (see Sender), their
    `epoch`, and gives `record(sequence)` -> (buffer, start, length); `hello(node_session, now_ms)` -> the fields of
    HELLO; `command`, `store`, `fetch`, `measure` as for Answers. `clock(unix_ms, node_time_ms, error_ms, now_ms)`
    hears the time of day, now and then.
    """

    batch = 0  # records in one; see HELLO

    def __init__(self, channel, journal, hello, command, store=None, fetch=None, measure=None, clock=None):
        self._channel = channel
        self._pairs = channel.pairs
        self.node_session = self._new_session()
        self.host_session = 0  # of the host that welcomed us; 0: none
        self._session = 0  # of this pair; see schema.REQUEST
        self._journal = journal
        self._sender = Sender(journal)
        self._hello = hello
        self._answers = Answers(command, store, fetch, measure)
        self._clock = clock
        self._called = True  # an OFFER is due even if the session is open
        self._offer_ms = -OFFER_EVERY_MS  # when it was last said
        self._asked = False  # and a HELLO
        self._hello_ms = -HELLO_EVERY_MS
        self._greet_until_ms = 0
        self._heard_ms = -QUIET_MS - 1
        self._live = {}  # (id, index) -> newest message not yet sent
        self._live_next = True  # so that a long backlog does not keep the newest values away
        self.live_sent = False  # any, in any session
        self.urgent = False  # what next_packet gave last: whether somebody waits for it
        self._floor_due = False
        self.ignored = 0  # packets that were genuine and still not for us

    def _new_session(self) -> int:
        return self._channel.random(30) | 1

    @property
    def open(self) -> bool:
        return self.host_session != 0

    def live(self, message: list):
        """Offer a best-effort message; a newer one of the same kind and index replaces it."""
        if self.open:
            self._live[(message[0], message[1])] = message

    def receive(self, packet: bytes, now_ms: int):
        """Take one packet. What is not genuine the channel counts; what is of no use is ignored."""
        try:
            body = self._channel.open(packet)
        except WireError:
            return
        if body is None:
            self._hailed(now_ms)
            return
        try:
            self._take(decode(body), now_ms)
        except WireError:
            self.ignored += 1

    def _hailed(self, now_ms):
        channel = self._channel
        if channel.called:
            channel.called = False
            # Anybody can call. While its host is heard it has nothing to offer.
            if now_ms - self._heard_ms > QUIET_MS:
                self._called = True
        if channel.pairs != self._pairs:
            self._pairs = channel.pairs
            self._heard_ms = now_ms
            self._start_over()
            self._greet(now_ms)

    def _greet(self, now_ms):
        self._asked = True
        self._called = False
        self._greet_until_ms = now_ms + HELLO_FOR_MS

    def _take(self, message, now_ms):
        kind = message[0]
        if kind == schema.CALL:
            self._called_by(message[1], now_ms)
        elif kind == schema.WELCOME:
            self._welcomed(message, now_ms)
        elif not self.open:
            self.ignored += 1
        elif kind == schema.ACK:
            self._heard_ms = now_ms
            self._progress(message[1], message[2], message[3], message[4], now_ms)
        elif kind == schema.PING:
            self._pinged(message, now_ms)
        else:
            self._heard(self._answers.take(message, self._session, now_ms), now_ms)

    def _heard(self, of_ours, now_ms):
        if of_ours:
            self._heard_ms = now_ms
        elif of_ours is None:
            self.ignored += 1
        else:
            self._asked = True  # a late HELLO misled the host: it learns of our session from another

    def _pinged(self, message, now_ms):
        is_ours = message[1] == self._session
        if is_ours:
            if self._clock and message[3]:
                self._clock(message[3], message[4], message[5], now_ms)
            self._answers.say([schema.PONG, message[2], now_ms])
        self._heard(is_ours, now_ms)

    def _called_by(self, host_session, now_ms):
        if self.open and host_session != self.host_session:
            self._start_over()  # the same host, restarted: its WELCOME will follow
        self._greet(now_ms)

    def _start_over(self):
        """Leave the session. The new number makes every packet of the old one void."""
        self.host_session = 0
        self.node_session = self._new_session()
        self._answers.start_over()
        self._live = {}

    def _welcomed(self, message, now_ms):
        _, digest, node_session, host_session, epoch, next_sequence, bitmap, credit = message
        if node_session != self.node_session or digest != schema.digest() or not host_session:
            self.ignored += 1
            return
        if self.open and host_session != self.host_session:
            self._called_by(host_session, now_ms)
            return
        self._heard_ms = now_ms
        if not self.open:
            self.host_session = host_session
            self._session = node_session ^ host_session
            self._sender.restart()
        self._progress(epoch, next_sequence, bitmap, credit, now_ms)

    def _progress(self, epoch, next_sequence, bitmap, credit, now_ms):
        if epoch != self._journal.epoch:
            return
        self._floor_due = next_sequence < self._journal.oldest
        self._sender.acknowledge(next_sequence, bitmap, credit, now_ms)

    def next_packet(self, now_ms: int) -> int:
        """Length of the packet to send now, in `channel.packet`; 0: nothing. Answers first; live values between
        records."""
        channel = self._channel
        self.urgent = False
        if self.open and (now_ms - self._heard_ms > SILENCE_MS or not channel.sealed):
            self._start_over()
        if self.open and self._answers.urgent:
            self.urgent = True
            message = self._answers.urgent.pop(0)
            if message[0] == schema.PONG:  # half-way from its PING, as NTP has it: what we took cancels out
                message[2] = (message[2] + now_ms) // 2
            return channel.message(message)
        length = self._greeting(now_ms)
        if length or not self.open:
            return length
        if self._floor_due:
            self._floor_due = False
            return channel.message([schema.FLOOR, self._journal.epoch, self._journal.oldest])
        sequence = self._sender.next(now_ms)
        if sequence >= 0 and not (self._live and self._live_next):
            self._live_next = True
            length = channel.body(*self._journal.record(sequence))
            self._sender.sent(sequence, length + FRAMING_BYTES, now_ms)
            return length
        if self._live:
            self._live_next = False
            self.live_sent = True
            return channel.message(self._live.pop(min(self._live)))  # readings first
        return 0

    def _greeting(self, now_ms) -> int:
        """OFFER or HELLO, if one is due."""
        channel = self._channel
        greets = channel.sealed and now_ms < self._greet_until_ms
        wait_ms = CALL_ANSWER_MS if self._called else OFFER_EVERY_MS
        if (self._called or not (self.open or greets)) and now_ms - self._offer_ms >= wait_ms:
            self._called = False
            self._offer_ms = now_ms
            return channel.offer()
        wait_ms = CALL_ANSWER_MS if self._asked else HELLO_EVERY_MS
        wanted = channel.sealed and (self._asked or (greets and not self.open))
        if wanted and now_ms - self._hello_ms >= wait_ms:
            self._asked = False
            self._hello_ms = now_ms
            return channel.message([schema.HELLO] + self._hello(self.node_session, now_ms))
        return 0
