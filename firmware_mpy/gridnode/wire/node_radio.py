"""The node's end of a session over radio: few packets, seldom asked. The surface is that of NodeSession.

Records go in batches of `batch` (see wire.batch): a group when it is complete, a part of one when it has waited for
long. What did not arrive the host asks for by WANT. Switching and trips are said at once as well. A node that no host
answers speaks all the same (lone): its HELLO now and then, and batches with parity (see wire.parity).
"""

from gridnode.wire import WireError, cbor, schema
from gridnode.wire.answers import Answers
from gridnode.wire.batch import Packer
from gridnode.wire.radio import (
    BATCH,
    CALL_ANSWER_MS,
    CONTACTOR_EVERY_MS,
    FIRST_OFFER_MS,
    HELLO_MS,
    HELLOS_MAX,
    LONE_AFTER,
    LONE_HELLO_EVERY,
    OFFER_MAX_MS,
    OFFER_MS,
    REPEAT_MS,
    ROOM,
    SILENCE_MS,
    VITALS_EVERY_MS,
)
from gridnode.wire.session import decode

_TRIP = schema.EVENTS.index("trip")
_NEVER = 1 << 50
_UNSURE_GROUPS = 8  # sent, and not known to be kept, when a node finds that it is alone


class NodeRadio:
    """Given as for NodeSession; `journal` is a node.journal.Journal or alike. `batch`: records in a group. `lone`: do
    not wait for a host that answers.
    """

    def __init__(
        self,
        channel,
        journal,
        hello,
        command,
        store=None,
        fetch=None,
        measure=None,
        clock=None,
        batch=BATCH,
        lone=False,
    ):
        self.batch = batch
        self._channel = channel
        self._pairs = channel.pairs
        self.node_session = self._new_session()
        self.host_session = 0  # of the host that welcomed us; 0: none
        self._session = 0  # of this pair; see schema.REQUEST
        self._journal = journal
        self._hello = hello
        self._answers = Answers(command, store, fetch, measure)
        self._clock = clock
        self._packer = Packer(journal, ROOM)
        self._grid = (0, 60_000, 1)  # see Packer.begin
        self._wants_lone = lone
        self._checks = None  # of parity, while it speaks alone
        self._offers = 0  # since a host was last heard
        self._offer_ms = -1  # when the next one is due; -1: the first is still to be set
        self._offered_ms = -CALL_ANSWER_MS
        self._hellos = -1  # said under these keys and not answered; -1: none is to be said
        self._hello_ms = 0  # when the next one is due
        self._lone_hello = False
        self._lone_batches = 0
        self._heard_ms = 0
        self._fresh = 0  # no record from here on was sent yet
        self._fresh_ms = 0  # since when some wait
        self._scanned = 0  # records up to here were looked at for urgent ones
        self._first = self._end = 0  # the run that is being sent
        self._packing = False
        self._want_first = self._want = 0  # as of the newest WANT, but for what was sent since
        self._sent = {}  # group -> when it was last sent
        self._floor_due = False
        self._live = {}  # (id, index) -> newest message not yet sent
        self._told = {}  # the same, as last sent
        self.live_sent = False  # any, in any session
        self.urgent = False  # what next_packet gave last: whether somebody waits for it
        self.ignored = 0  # packets that were genuine and still not for us

    def _new_session(self) -> int:
        return self._channel.random(30) | 1

    @property
    def open(self) -> bool:
        return self.host_session != 0

    @property
    def lone(self) -> bool:
        """Whether it speaks although no host is known to hear."""
        is_due = self._offers >= LONE_AFTER or (self._wants_lone and self._offers)
        return not self.open and self._hellos < 0 and bool(is_due and self._channel.slot)

    def live(self, message: list):
        """Offer a best-effort message: a contactor's when it has changed and each hour, vitals each few hours."""
        kind = message[0]
        if not self.open or kind == schema.LIVE or kind == schema.TICK:
            return
        told = self._told.get((kind, message[1] if kind == schema.CONTACTOR else 0))
        if told:
            if kind == schema.VITALS and message[1] - told[1] < VITALS_EVERY_MS:
                return
            is_same = kind == schema.CONTACTOR and told[3] == message[3] and told[4] == message[4]
            if is_same and message[2] - told[2] < CONTACTOR_EVERY_MS:
                self._live.pop((kind, message[1]), None)
                return
        self._live[(kind, message[1] if kind == schema.CONTACTOR else 0)] = message

    # -- what the host says

    def receive(self, packet: bytes, now_ms: int):
        """Take one packet. What is not genuine the channel counts; what is of no use is ignored."""
        try:
            body = self._channel.open(packet)
            if body is None:
                self._hailed(now_ms)
            else:
                self._take(decode(body), now_ms)
        except WireError:
            pass

    def _hailed(self, now_ms):
        channel = self._channel
        if channel.called:
            channel.called = False
            heard_ms = max(self._heard_ms, self._offered_ms) if self.open else self._offered_ms
            if now_ms - heard_ms >= CALL_ANSWER_MS and self._hellos < 0:
                self._offer_ms = now_ms + self._channel.random(30) % FIRST_OFFER_MS  # others are called as well
        if channel.pairs != self._pairs:
            self._pairs = channel.pairs
            self._start_over()
            self._greet(now_ms)

    def _greet(self, now_ms):
        self._heard(now_ms)
        self._checks = None  # another nonce
        self._hellos = 0
        self._hello_ms = now_ms

    def _heard(self, now_ms):
        self._heard_ms = now_ms
        self._offers = 0
        self._offer_ms = now_ms + (SILENCE_MS // 4 if self._wants_lone else SILENCE_MS)

    def _start_over(self):
        """Leave the session. The new number makes every packet of the old one void."""
        self.host_session = 0
        self.node_session = self._new_session()
        self._answers.start_over()
        self._live, self._told = {}, {}
        self._want = 0
        self._floor_due = False

    def _take(self, message, now_ms):
        kind = message[0]
        if kind == schema.WELCOME:
            self._welcomed(message, now_ms)
        elif kind == schema.CALL:
            self._greet(now_ms)
        elif not self.open:
            self.ignored += 1
            if self._hellos < 0:  # the host of a session that we took for dead is there
                self._greet(now_ms)
        elif kind == schema.WANT:
            self._heard(now_ms)
            self._wanted(message[1], message[2], message[3])
        elif kind == schema.PING:
            is_ours = message[1] == self._session
            if is_ours:
                if self._clock and message[3]:
                    self._clock(message[3], message[4], message[5], now_ms)
                self._answers.say([schema.PONG, message[2], now_ms])
            self._asked(is_ours, now_ms)
        else:
            self._asked(self._answers.take(message, self._session, now_ms), now_ms)

    def _asked(self, of_ours, now_ms):
        if of_ours:
            self._heard(now_ms)
        elif of_ours is None:
            self.ignored += 1
        elif self._hellos < 0:  # a late HELLO misled the host: it learns of our session from another
            self._greet(now_ms)

    def _welcomed(self, message, now_ms):
        _, digest, node_session, host_session, epoch, next_sequence, _, _ = message
        if node_session != self.node_session or digest != schema.digest() or not host_session:
            self.ignored += 1
            return
        if self.open and host_session != self.host_session:
            self._start_over()  # the host's program was started anew
            self._greet(now_ms)
            return
        self._heard(now_ms)
        self._hellos = -1
        self._checks = None
        if not self.open:
            self.host_session = host_session
            self._session = node_session ^ host_session
            self._enter(1)
        group = next_sequence // self.batch
        self._wanted(epoch, group, (1 << min(max(self._fresh // self.batch - group, 0), 30)) - 1)

    def _wanted(self, epoch, first_group, bitmap):
        journal = self._journal
        if epoch != journal.epoch or first_group * self.batch > journal.next:
            return
        journal.release(first_group * self.batch)
        self._want_first, self._want = first_group, bitmap
        self._floor_due = first_group * self.batch < journal.oldest

    # -- what is said

    def next_packet(self, now_ms: int, urgent_only: bool = False) -> int:
        """Length of the packet to send now, in `channel.packet`; 0: nothing. Answers first, then what hails the host,
        switching and trips, batches, and the rest. `urgent_only`: of these, what somebody waits for."""
        channel = self._channel
        self.urgent = True
        if self._offer_ms < 0:
            self._offer_ms = now_ms + channel.random(30) % FIRST_OFFER_MS
        if self.open and (self._offers >= (1 if self._wants_lone else LONE_AFTER) or not channel.sealed):
            self._start_over()
            self._offer_ms = min(self._offer_ms, now_ms + OFFER_MS)
        if self.open and self._answers.urgent:
            message = self._answers.urgent.pop(0)
            if message[0] == schema.PONG:  # half-way, as in node_session
                message[2] = (message[2] + now_ms) // 2
            return channel.message(message)
        length = self._greeting(now_ms)
        lone = not self.open and self.lone
        if length or not (self.open or lone):
            return length
        length = self._urgent_record(lone)
        if length or urgent_only:
            return length
        self.urgent = False
        if lone:
            return self._alone(now_ms)
        if self._floor_due:
            self._floor_due = False
            return channel.message([schema.FLOOR, self._journal.epoch, self._journal.oldest])
        return self._batch(now_ms) or self._newest()

    def _greeting(self, now_ms) -> int:
        """HELLO or OFFER, if one is due."""
        channel = self._channel
        if self._hellos >= 0 and channel.sealed:
            if self._hellos == HELLOS_MAX:
                self._hellos = -1
                self._offer_ms = now_ms
            elif now_ms >= self._hello_ms:
                self._hello_ms = now_ms + self._spread(HELLO_MS << self._hellos)
                self._hellos += 1
                return self._say_hello(now_ms, False)
        elif now_ms >= self._offer_ms:
            self._offer_ms = now_ms + self._spread(min(OFFER_MS << min(self._offers, 8), OFFER_MAX_MS))
            self._offered_ms = now_ms
            self._offers += 1
            return channel.offer()
        return 0

    def _spread(self, wait_ms: int) -> int:
        """About as long, so that no two nodes keep colliding."""
        return wait_ms * 3 // 4 + self._channel.random(30) % (wait_ms // 2)

    def _say_hello(self, now_ms, lone) -> int:
        fields = self._hello(self.node_session, now_ms)
        self._grid = (fields[8], fields[14] * 1000, len(fields[16]))
        return self._channel.message([schema.HELLO] + fields, lone)

    def _enter(self, back: int):
        """From now on somebody hears, or may hear: what is older than `back` groups is not begun with."""
        group = self._journal.next // self.batch
        self._fresh = max(self._fresh, (group - back) * self.batch)
        self._scanned = self._journal.next
        self._first = self._end
        self._packing = False
        self._fresh_ms = _NEVER

    def _alone(self, now_ms) -> int:
        if not self._checks:
            from gridnode.wire.parity import Checks

            self._checks = Checks()
            self._lone_hello = True
            self._lone_batches = 0
            self._fresh = min(self._fresh, self._want_first * self.batch)  # the rest may have been lost
            self._enter(_UNSURE_GROUPS)
        if self._lone_hello:
            self._lone_hello = False
            return self._say_hello(now_ms, True)
        return self._batch(now_ms)

    def _urgent_record(self, lone) -> int:
        journal = self._journal
        while self._scanned < journal.next:
            sequence = max(self._scanned, journal.oldest)
            self._scanned = sequence + 1
            buffer, start, length = journal.record(sequence)
            kind = buffer[start + 1]
            if kind == schema.EVENT:
                is_trip = cbor.decode(memoryview(buffer)[start : start + length])[2] == _TRIP
            if kind == schema.SWITCHED or (kind == schema.EVENT and is_trip):
                return self._channel.body(buffer, start, length, lone)
        return 0

    def _newest(self) -> int:
        if not self._live:
            return 0
        key = next(iter(self._live))
        self._told[key] = message = self._live.pop(key)
        self.live_sent = True
        return self._channel.message(message)

    # -- batches

    def _batch(self, now_ms) -> int:
        if self._first >= self._end and not (self._choose_fresh(now_ms) or self._choose_wanted(now_ms)):
            return 0
        packer = self._packer
        if not self._packing:
            self._packing = True
            packer.begin(self._first, self._end, self._checks.room if self._checks else ROOM, self._grid)
        length = packer.step()
        if not length:
            return 0
        self._packing = False
        return self._say_run(length)

    def _say_run(self, length: int) -> int:
        channel, packer, lone = self._channel, self._packer, not self.open
        if length < 0:  # a long record: by itself
            length = channel.body(*self._journal.record(self._first), lone)
            self._first += 1
        else:
            self._first = packer.next
            if lone:
                length = channel.body(self._checks.body, 0, self._checks.put(packer.content, length), True)
                self._lone_batches += 1
                count = self._lone_batches
                self._lone_hello = count % LONE_HELLO_EVERY == 0 or not count & count - 1
            else:
                length = channel.body(packer.content, 0, length)
        self._fresh = max(self._fresh, self._first)
        self.live_sent = True
        return length

    def _choose_fresh(self, now_ms) -> bool:
        next_, first = self._journal.next, max(self._fresh, self._journal.oldest)
        if first >= next_:
            self._fresh_ms = _NEVER
            return False
        self._fresh_ms = min(self._fresh_ms, now_ms)
        end = (first // self.batch + 1) * self.batch
        _, interval_ms, channels = self._grid
        waits_ms = 2 * interval_ms * self.batch // max(channels, 1)
        if next_ < end and now_ms - self._fresh_ms < waits_ms:
            return False
        self._fresh_ms = _NEVER
        self._note_sent(first // self.batch, now_ms)
        self._first, self._end = first, min(end, next_)
        return True

    def _choose_wanted(self, now_ms) -> bool:
        bit = 0
        while self._want >> bit:
            group = self._want_first + bit
            first, end = max(group * self.batch, self._journal.oldest), min((group + 1) * self.batch, self._fresh)
            is_due = self._want >> bit & 1 and now_ms - self._sent.get(group, -REPEAT_MS) >= REPEAT_MS
            if is_due or first >= end:
                self._want &= ~(1 << bit)
            if is_due and first < end:
                self._note_sent(group, now_ms)
                self._first, self._end = first, end
                return True
            bit += 1
        return False

    def _note_sent(self, group: int, now_ms: int):
        if len(self._sent) >= 32:
            self._sent = {g: ms for g, ms in self._sent.items() if now_ms - ms < REPEAT_MS}
        self._sent[group] = now_ms
