"""A node's answers to what a host asks: REQUEST and STORE are carried out at most once, FETCH and MEASURE each time.

The outcome of a REQUEST or STORE is remembered and repeated; what came too late is refused.
"""

from gridnode.wire import schema
from gridnode.wire.session import OUTCOMES_KEPT

_NO_HARMONICS = (0,) * 21
_NO_QUANTITIES = (0, None, None, None, None, None, None, 0)


class Answers:
    """Given: `command(contactor, target, hold_s, now_ms)`, which carries out a request and returns
    (reason, state, hold_remaining_ms, wait_ms). What a node cannot do it is not given, and is then ignored:
    `store(document, body, now_ms)`, which keeps a document and returns (reason, version, digest);
    `fetch(document)` -> (version, digest, body);
    `measure(channel, span, done, now_ms)`, which calls `done(reason, fields)`, now or later, with the fields of
    HARMONICS behind `channel` (span None) or of AGGREGATE behind `span`; None with a reason other than "none". A
    newer one takes the place of one that is not done.

    urgent: the messages to be sent, oldest first; bounded, and taken from there by the session.
    """

    def __init__(self, command, store=None, fetch=None, measure=None):
        self._command = command
        self._store = store
        self._fetch = fetch
        self._measure = measure
        self.start_over()

    def start_over(self):
        """The session has ended: forget what was asked in it."""
        self.urgent = []
        self._highest = 0
        self._outcomes = []  # (command, outcome message), newest last
        self._measuring = -1  # command of the MEASURE that is not done

    def say(self, message: list):
        """Have `message` sent before all else. What one host asks is bounded; more than that is dropped."""
        if len(self.urgent) < OUTCOMES_KEPT:
            self.urgent.append(message)

    def take(self, message: list, session: int, now_ms: int):
        """True: it was asked in `session`. False: in another one, so the host was misled. None: nothing was asked."""
        kind = message[0]
        if kind == schema.REQUEST or (kind == schema.STORE and self._store):
            return self._requested(message, session, now_ms)
        if (kind == schema.FETCH and self._fetch) or (kind == schema.MEASURE and self._measure):
            if message[1] != session:
                return False
            if kind == schema.FETCH:
                self.say([schema.DOCUMENT] + message[1:] + list(self._fetch(message[3])))
            elif message[2] != self._measuring:  # else a repeat of what is under way
                self._begin(message, now_ms)
            return True
        return None

    def _requested(self, message, session, now_ms):
        command = message[2]
        if message[1] != session:
            self.say(self._refusal(message, "wrong session"))
            return False
        for known, outcome in self._outcomes:
            if known == command:
                self.say(outcome)
                return True
        if command <= self._highest:
            self.say(self._refusal(message, "repeat too old"))
            return True
        self._highest = command
        if now_ms > message[-1]:
            outcome = self._refusal(message, "expired")
        elif message[0] == schema.STORE:
            outcome = self._outcome(message, *self._store(message[3], message[4], now_ms))
        else:
            outcome = self._outcome(message, *self._command(message[3], message[4], message[5], now_ms))
        if len(self._outcomes) == OUTCOMES_KEPT:
            self._outcomes.pop(0)
        self._outcomes.append((command, outcome))
        self.say(outcome)
        return True

    def _outcome(self, message, reason, *fields):
        code = schema.REASONS.index(reason)
        head = [message[1], message[2], 0 if code else 1, code]
        if message[0] == schema.STORE:
            return [schema.STORED] + head + [message[3]] + list(fields)
        return [schema.OUTCOME] + head + list(fields)

    def _refusal(self, message, reason):
        fields = (0, b"") if message[0] == schema.STORE else (None, 0, 0)
        return self._outcome(message, reason, *fields)

    def _begin(self, message, now_ms):
        _, session, command, channel, span = message
        said = self.urgent

        def done(reason, fields=None):
            if self._measuring != command or self.urgent is not said:
                return  # another has taken its place, or its host has gone
            self._measuring = -1
            head = [session, command, schema.REASONS.index(reason), channel]
            if span is None:
                self.say([schema.HARMONICS] + head + list(fields or _NO_HARMONICS))
            else:
                self.say([schema.AGGREGATE] + head + [span] + list(fields or _NO_QUANTITIES))

        self._measuring = command
        self._measure(channel, span, done, now_ms)
