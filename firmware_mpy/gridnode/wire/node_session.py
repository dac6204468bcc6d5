"""The node's end of a session: HELLO until welcomed, then records, live values, FLOOR, and answers to the host.

A node that hears nothing starts over and keeps its records. A REQUEST or STORE is carried out at most
once: its outcome is remembered and repeated, and what came too late is refused. FETCH and MEASURE change
nothing, so they are answered anew each time.
"""

from gridnode.wire import WireError, packet, schema
from gridnode.wire.session import CALL_ANSWER_MS, HELLO_EVERY_MS, OUTCOMES_KEPT, SILENCE_MS, decode
from gridnode.wire.stream import Sender

_NO_HARMONICS = (0,) * 21
_NO_QUANTITIES = (0, None, None, None, None, None, None, 0)


class NodeSession:
    """One node's end. Given: `new_session()` -> a random number above 0 that fits 30 bits; `journal`,
    which holds encoded records (see Sender), their `epoch`, and gives `record(sequence)` ->
    (buffer, start, length); `hello(node_session, now_ms)` -> the fields of HELLO;
    `command(contactor, target, hold_s, now_ms)`, which carries out a request and returns
    (reason, state, hold_remaining_ms, wait_ms). What a node cannot do it is not given, and is then ignored:
    `store(document, body, now_ms)`, which keeps a document and returns (reason, version, digest);
    `fetch(document)` -> (version, digest, body);
    `measure(channel, span, done, now_ms)`, which calls `done(reason, fields)`, now or later, with the fields of
    HARMONICS behind `channel` (span None) or of AGGREGATE behind `span`; None with a reason other than "none". A
    newer one takes the place of one that is not done. `clock(unix_ms, now_ms)` hears the time of day, now and then.
    """

    def __init__(self, new_session, journal, hello, command, store=None, fetch=None, measure=None, clock=None):
        self._new_session = new_session
        self.node_session = new_session()
        self.host_session = 0  # of the host that welcomed us; 0: none
        self._session = 0  # of this pair; see schema.REQUEST
        self._journal = journal
        self._sender = Sender(journal)
        self._hello = hello
        self._command = command
        self._store = store
        self._fetch = fetch
        self._measure = measure
        self._clock = clock
        self._measuring = -1  # command of the MEASURE that is not done
        self._writer = packet.Writer()
        self.frame = self._writer.frame
        self._asked = True  # a HELLO is due even if the session is open
        self._hello_ms = -HELLO_EVERY_MS  # when it was last said
        self._heard_ms = 0
        self._urgent = []  # answers and pongs, bounded by what one host asks
        self._live = {}  # (id, index) -> newest message not yet sent
        self._live_next = True  # so that a long backlog does not keep the newest values away
        self.live_sent = False  # any, in any session
        self._highest = 0
        self._outcomes = []  # (command, outcome message), newest last
        self._floor_due = False
        self.ignored = 0  # packets that were well framed and still not for us

    @property
    def open(self) -> bool:
        return self.host_session != 0

    def live(self, message: list):
        """Offer a best-effort message; a newer one of the same kind and index replaces it."""
        if self.open:
            self._live[(message[0], message[1])] = message

    def receive(self, data: bytes, now_ms: int):
        """Take one packet as the frame decoder gives it. Bad ones are counted and ignored."""
        try:
            message = decode(packet.body(data))
        except WireError:
            self.ignored += 1
            return
        kind = message[0]
        if kind == schema.CALL:
            self._called(message[1])
        elif kind == schema.WELCOME:
            self._welcomed(message, now_ms)
        elif not self.open:
            self.ignored += 1
        elif kind == schema.ACK:
            self._acknowledged(message, now_ms)
        elif kind == schema.PING:
            self._pinged(message, now_ms)
        elif kind == schema.REQUEST or (kind == schema.STORE and self._store):
            self._requested(message, now_ms)
        elif (kind == schema.FETCH and self._fetch) or (kind == schema.MEASURE and self._measure):
            self._asked_for(message, now_ms)
        else:
            self.ignored += 1

    def _say(self, message):
        if len(self._urgent) < OUTCOMES_KEPT:
            self._urgent.append(message)

    def _pinged(self, message, now_ms):
        if message[1] == self._session:
            self._heard_ms = now_ms
            if self._clock and message[3]:
                self._clock(message[3], now_ms)
            self._say([schema.PONG, message[2], now_ms])
        else:
            self._asked = True  # a late HELLO misled the host: it learns of our session from another

    def _called(self, host_session):
        self._asked = True
        if self.open and host_session != self.host_session:
            self._start_over()  # another host, or the same one restarted: its WELCOME will follow

    def _start_over(self):
        """Leave the session. The new number makes every packet of the old one void."""
        self.host_session = 0
        self.node_session = self._new_session()
        self._urgent = []
        self._live = {}
        self._outcomes = []
        self._highest = 0
        self._measuring = -1

    def _welcomed(self, message, now_ms):
        _, digest, node_session, host_session, epoch, next_sequence, bitmap, credit = message
        if node_session != self.node_session or digest != schema.digest() or not host_session:
            self.ignored += 1
            return
        if self.open and host_session != self.host_session:
            self._called(host_session)
            return
        self._heard_ms = now_ms
        if not self.open:
            self.host_session = host_session
            self._session = node_session ^ host_session
            self._sender.restart()
        self._progress(epoch, next_sequence, bitmap, credit, now_ms)

    def _acknowledged(self, message, now_ms):
        self._heard_ms = now_ms
        self._progress(message[1], message[2], message[3], message[4], now_ms)

    def _progress(self, epoch, next_sequence, bitmap, credit, now_ms):
        if epoch != self._journal.epoch:
            return
        self._floor_due = next_sequence < self._journal.oldest
        self._sender.acknowledge(next_sequence, bitmap, credit, now_ms)

    def _requested(self, message, now_ms):
        command = message[2]
        if message[1] != self._session:
            self._say(self._refusal(message, "wrong session"))
            return
        self._heard_ms = now_ms
        for known, outcome in self._outcomes:
            if known == command:
                self._say(outcome)
                return
        if command <= self._highest:
            self._say(self._refusal(message, "repeat too old"))
            return
        self._highest = command
        if now_ms > message[-1]:
            outcome = self._refusal(message, "expired")
        elif message[0] == schema.STORE:
            outcome = self._outcome(message, *self._store(message[3], message[4], now_ms))
        else:
            outcome = self._outcome(message, *self._command(message[3], message[4], message[5], now_ms))
        self._remember(command, outcome)

    def _outcome(self, message, reason, *fields):
        code = schema.REASONS.index(reason)
        head = [message[1], message[2], 0 if code else 1, code]
        if message[0] == schema.STORE:
            return [schema.STORED] + head + [message[3]] + list(fields)
        return [schema.OUTCOME] + head + list(fields)

    def _refusal(self, message, reason):
        fields = (0, b"") if message[0] == schema.STORE else (None, 0, 0)
        return self._outcome(message, reason, *fields)

    def _asked_for(self, message, now_ms):
        if message[1] != self._session:
            self._asked = True  # as with a PING
            return
        self._heard_ms = now_ms
        if message[0] == schema.FETCH:
            self._say([schema.DOCUMENT] + message[1:] + list(self._fetch(message[3])))
        elif message[2] != self._measuring:  # else a repeat of what is under way
            self._begin(message, now_ms)

    def _begin(self, message, now_ms):
        _, session, command, channel, span = message

        def done(reason, fields=None):
            if self._measuring != command or self._session != session:
                return  # another has taken its place, or its host has gone
            self._measuring = -1
            head = [session, command, schema.REASONS.index(reason), channel]
            if span is None:
                self._say([schema.HARMONICS] + head + list(fields or _NO_HARMONICS))
            else:
                self._say([schema.AGGREGATE] + head + [span] + list(fields or _NO_QUANTITIES))

        self._measuring = command
        self._measure(channel, span, done, now_ms)

    def _remember(self, command, outcome):
        if len(self._outcomes) == OUTCOMES_KEPT:
            self._outcomes.pop(0)
        self._outcomes.append((command, outcome))
        self._say(outcome)

    def _say_hello(self, now_ms):
        self._asked = False
        self._hello_ms = now_ms
        return self._writer.message([schema.HELLO] + self._hello(self.node_session, now_ms))

    def next_frame(self, now_ms: int) -> int:
        """Length of the frame to send now, in `self.frame`; 0: nothing. Commands first; live values between records."""
        if self.open and now_ms - self._heard_ms > SILENCE_MS:
            self._start_over()
        if self._urgent and self.open:
            return self._writer.message(self._urgent.pop(0))
        if self._asked or not self.open:
            wait_ms = CALL_ANSWER_MS if self._asked else HELLO_EVERY_MS
            if now_ms - self._hello_ms >= wait_ms:
                return self._say_hello(now_ms)
        if not self.open:
            return 0
        if self._floor_due:
            self._floor_due = False
            return self._writer.message([schema.FLOOR, self._journal.epoch, self._journal.oldest])
        sequence = self._sender.next(now_ms)
        if sequence >= 0 and not (self._live and self._live_next):
            self._live_next = True
            length = self._writer.body(*self._journal.record(sequence))
            self._sender.sent(sequence, length, now_ms)
            return length
        if self._live:
            self._live_next = False
            self.live_sent = True
            return self._writer.message(self._live.pop(next(iter(self._live))))
        return 0
