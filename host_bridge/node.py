"""One remote node: its packets, its session, what is asked of it; sans-I/O but for the futures.

Packets in by `receive`, out by `packets`, both on the loop's thread. Times: `now_ms` is a clock
that never jumps; what people see carries Unix time from `wall_ms`.
Longer than other modules because all that one node says is taken in here.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gridnode.wire import WireError, schema
from gridnode.wire.host_channel import HostChannel
from gridnode.wire.host_session import HELLO_EPOCH, HELLO_SESSION, HostSession
from gridnode.wire.receiver import Receiver
from host_bridge.channels import Channels, Tell
from host_bridge.clock import WAITED_MS, NodeClock
from host_bridge.decode import decode
from host_bridge.keys import NodeKeys
from host_bridge.loss import Loss
from host_bridge.model import ContactorReport, LinkState, Live, NodeTick, NodeView, Record, Vitals
from host_bridge.questions import Aggregate, Document, Gathering, Harmonics, Questions, Stored, is_answer
from host_bridge.records import QUALITY, RecordReader
from host_bridge.rivals import Rivals, in_words

RESEND_REQUEST_MS = 300
CREDIT_BYTES = 4096
CLOCK_SET_MS = 1_767_225_600_000  # a clock of before 2026 was never set since its machine started: no node is told
SERIAL_WAITED_MS = 1000  # a HELLO on a serial line, at most
BATCHES_LATE = 3  # records that come in batches: silent for so many, a node is stale
RECENT_MS = 60_000  # within so long a clock's drift does not show


def monotonic_ms() -> int:
    """A clock that never jumps, in ms."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


HAIL = b"\x00"
MakeSession = Callable[..., Any]  # HostSession, HostRadio: (host_session, channel, decode)
# Where a message names a channel or a contactor, so that one the node never announced is not taken.
_OF_CHANNEL = {schema.LIVE: 1}
_NODE_TIME = {schema.SWITCHED: 3, schema.EVENT: 4}
_READINGS = (schema.INTERVAL, schema.REGISTERS)
_OF_CLOCK = (schema.HELLO, schema.PONG)
_REGISTERS_BEGAN = schema.EVENTS.index("registers began")
_OF_CONTACTOR = {schema.SWITCHED: 2, schema.CONTACTOR: 1}


@dataclass(slots=True)
class Outcome:
    """What the node said of a request. `state` is None when it did not get as far as a contactor."""

    applied: bool
    reason: str
    state: str | None
    hold_remaining_ms: int
    wait_ms: int


class RemoteNode:
    """The node at the other end of one link.

    `introduced(self, name)` gives this object the view of the node that now speaks, and says whether
    to listen to it. `greeted(self)` follows for each new session: the caller looks up what is kept of
    the node's journal and calls `welcome`; it follows once for a node that turns out to be INCOMPATIBLE,
    which cannot be welcomed. `keep(record)` takes each new record. `gap(node, epoch,
    oldest)` says that the node no longer has anything below `oldest`. `tell(kind, text, node)` hears when a clock has
    jumped. `make_session`: HostSession or alike. `clocks`: one that never jumps, and Unix time, both in ms.

    airtime_out_ms, airtime_back_ms: set by who has a radio: of a PING at least, and of the packet that came last.
    """

    def __init__(
        self,
        view: NodeView,
        host_session: int,
        keep: Callable[[Record], None],
        introduced: Callable[["RemoteNode", str], bool],
        greeted: Callable[["RemoteNode"], None],
        gap: Callable[[str, int, int], None],
        channels: Channels,
        tell: Tell,
        make_session: MakeSession = HostSession,
        clocks: tuple[Callable[[], int], Callable[[], int]] = (monotonic_ms, wall_ms),
    ) -> None:
        self._monotonic_ms, self._wall_ms = clocks
        self.view = view
        self.session: HostSession = make_session(host_session, None, decode)
        self.channels = channels
        self._remembered: object = None  # the channel's memory of packets without a session, when it was last kept
        self.rejected = 0  # packets that were not genuine (see Channels.totals), or no message of ours
        self.heard_ms = 0  # when the newest message came
        self._keep = keep
        self._introduced = introduced
        self._greeted = greeted
        self._gap = gap
        self._questions = Questions(self.session)
        self._gathering = Gathering()
        self._measuring = asyncio.Lock()  # a node gives up a measurement when another is asked for
        self.clock = NodeClock()
        self.airtime_out_ms = self.airtime_back_ms = 0.0
        self.loss = Loss()
        self._rivals = Rivals()
        self._tell = tell
        self._booted: tuple[str, int] | None = None  # whose clock it is
        self._first_offset: float | None = None
        self._shift_ms: int | None = None  # Unix time less node time, for what came at once
        self._recent_ms = 0  # node time; what is older has its own shift
        self._error_ms = 0
        self._batch = 0  # records in one; 0: each comes by itself
        self._readings = 0
        self._records = RecordReader()

    @property
    def epoch(self) -> int:
        """Of the journal that the session carries."""
        hello = self.session.hello
        return hello[HELLO_EPOCH] if hello else -1

    def expect(self, keys: NodeKeys) -> None:
        """Nobody but this node is on the link: it is heard even if it never offers itself."""
        if self.session.channel is None:
            self.session.use(self.channels.channel(keys))

    def receive(self, packet: bytes, now_ms: int) -> None:
        """Take a packet from the link."""
        self.receive_all((packet,), now_ms)

    def receive_all(self, packets: Sequence[bytes], now_ms: int) -> None:
        """Take the packets that came at once, in their order: what goes by the clocks is looked up once for all."""
        session, heard = self.session, self._heard
        self._shift_ms = None
        at = 0
        genuine: list[bytes] = []
        while at < len(packets):
            bodies = session.open_run(packets, at)
            genuine += packets[at : at + len(bodies)]
            for body in bodies:
                try:
                    message = session.read(body)
                except WireError:
                    self.rejected += 1
                    continue
                if message is not None:
                    heard(message, now_ms)
            at += len(bodies)
            if at < len(packets):
                if self._long_way(packets[at], now_ms):
                    genuine.append(packets[at])
                at += 1
        if genuine:
            self.heard_ms = now_ms
            self.view.last_heard_ms = self._wall_ms()
            self.loss.heard(genuine, session.channel.pairs)

    def _long_way(self, packet: bytes, now_ms: int) -> bool:
        """Take a packet of any kind; whether it was genuine."""
        session = self.session
        try:
            if packet[:1] == HAIL:
                self._hailed(packet)
                return False
            if self._rivals.excludes(packet):
                raise WireError("unknown")
            try:
                messages = session.messages(packet, now_ms)
            except WireError:
                messages = self._of_another(packet, now_ms)
            if session.channel.lone is not self._remembered:
                self._remember(session.channel)
        except WireError:
            self.rejected += 1
            return False
        for message in messages:
            self._heard(message, now_ms)
        return True

    def _heard(self, m: list, now_ms: int) -> None:  # type: ignore[type-arg]
        shift = self._shift_ms
        if shift is None:
            shift = self._shift_ms = self._shift_now(now_ms)
        kind = m[0]
        if kind not in _READINGS:
            self._take(m, now_ms, shift)
            if kind in _OF_CLOCK:
                self._shift_ms = None
        elif m[2] >= len(self.view.channels):
            self._reject(m)
        else:
            error_ms = self._error_ms
            if self._records.boot_time_ms <= m[3] < self._recent_ms:
                shift, error_ms = self._shift(m[3])
            self._readings += 1
            epoch = self.session.hello[HELLO_EPOCH]  # type: ignore[index]
            record = self._records.read(m, self.view, epoch, shift, error_ms)
            if self._batch and kind == schema.INTERVAL:
                self._newest(record)
            self._keep(record)

    def _shift_now(self, now_ms: int) -> int:
        node_ms = self.clock.host_to_node(now_ms)[0]
        self._recent_ms = int(node_ms) - RECENT_MS
        shift, self._error_ms = self._shift(node_ms)
        return shift

    def _hailed(self, packet: bytes) -> None:
        welcomes = self.channels.offered(packet)
        for welcome in welcomes:
            self.session.hail(welcome)
        if welcomes and self.session.receiver is not None:
            self._rivals.offered(packet, self.session.channel)

    def _of_another(self, packet: bytes, now_ms: int) -> list[Any]:
        """What the packet says if it is the first of another node on this link."""
        channel = self.channels.claimed(packet)
        if channel is None or channel is self.session.channel:
            raise WireError("not genuine, or no message")
        self.session.use(channel)
        return self.session.messages(packet, now_ms)

    def _remember(self, channel: HostChannel) -> None:
        if not self.channels.opened(channel) and not channel.sealed:
            raise WireError("it might be taken twice")
        self._remembered = channel.lone

    def _take(self, m: list, now_ms: int, shift: int) -> None:  # type: ignore[type-arg]
        kind = m[0]
        view = self.view
        if kind in _OF_CHANNEL and m[_OF_CHANNEL[kind]] >= len(view.channels):
            self._reject(m)
        elif kind in _OF_CONTACTOR and m[_OF_CONTACTOR[kind]] >= len(view.contactors):
            self._reject(m)
        elif kind in schema.RELIABLE:
            self._record(m, shift)
        elif kind == schema.LIVE:
            self._live(Live._make((m[1], m[2] + shift, *m[3:11], m[11] & QUALITY, self._error_ms)))
        elif kind == schema.CONTACTOR:
            state, cause = schema.STATES[m[3]], schema.CAUSES[m[4]]
            self._records.reported(m[1], state, cause)
            view.contactor_reports[m[1]] = ContactorReport(m[1], m[2] + shift, state, cause, m[5], m[6])
        elif kind == schema.PONG:
            self._measure_clock(m[1], m[2], now_ms)
            if self._rivals.answered():
                self._tell("name taken", in_words(view.name), view.name)
        elif is_answer(kind):
            self._questions.answered(m)
        elif kind in (schema.VITALS, schema.TICK):
            self._state(m, shift)
        elif kind == schema.HELLO:
            self._hello(m, now_ms)
        elif kind == schema.FLOOR:
            self._gap(view.name, self.epoch, m[2])
            self._receiver().floor(m[2])
            self.session.acknowledge(CREDIT_BYTES)

    def _state(self, m: list, shift: int) -> None:  # type: ignore[type-arg]
        """How the node does, or its world."""
        if m[0] == schema.VITALS:
            self.view.vitals = Vitals._make((m[1] + shift, *m[2:9], bool(m[9])))
        else:
            fault = schema.FAULTS[m[4]] if m[4] else ""
            self.view.world_ticks.append(NodeTick(m[1], m[2], m[3] + shift, fault, m[5]))

    def _record(self, m: list, shift: int) -> None:  # type: ignore[type-arg]
        kind, error_ms = m[0], self._error_ms
        if kind == schema.EVENT and m[2] == _REGISTERS_BEGAN:
            self.view.shown.pop(m[3], None)
        place = _NODE_TIME.get(kind)
        if place and self._records.boot_time_ms <= m[place] < self._recent_ms:
            shift, error_ms = self._shift(m[place])
        self._keep(self._records.read(m, self.view, self.epoch, shift, error_ms))

    def _newest(self, reading: Any) -> None:
        """Of a node that sends no live values the newest interval is what it does now."""
        shown = self.view.live.get(reading.channel)
        if not reading.quality & schema.TIME_UNSURE and (shown is None or shown.time_ms < reading.time_ms):
            self._live(Live._make((reading.channel, reading.time_ms, *reading[7:])))

    def _reject(self, m: list) -> None:  # type: ignore[type-arg]
        """Not taken. A record is acknowledged all the same, else it would come for ever and stop those behind it."""
        self.rejected += 1
        if m[0] in schema.RELIABLE:
            self.kept(m[1])

    def _hello(self, m: list, now_ms: int) -> None:  # type: ignore[type-arg]
        self._questions.give_up()
        self._rivals.begin()
        if not self._introduced(self, m[3]):
            return
        view = self.view
        view.board, view.firmware = m[4], m[5]
        if m[2] != schema.digest():
            if view.link_state != LinkState.INCOMPATIBLE:
                view.link_state = LinkState.INCOMPATIBLE
                view.live.clear()
                view.contactor_reports.clear()
                self._greeted(self)
        else:
            fields = dict(zip((name for name, _ in schema.MESSAGES[schema.HELLO][1]), m[1:], strict=True))
            view.boot_epoch, view.reset_cause = fields["boot_epoch"], fields["reset_cause"]
            self._gathering.booted(view.boot_epoch)
            view.interval_s, view.max_hold_s = fields["interval_s"], fields["max_hold_s"]
            self._batch = fields["batch"]
            view.stale_after_ms = BATCHES_LATE * fields["batch"] * view.interval_s * 1000
            view.channels, view.contactors = tuple(fields["channels"]), tuple(fields["contactors"])
            if view.link_state == LinkState.INCOMPATIBLE:
                view.link_state = LinkState.CONNECTING
            view.live.clear()
            view.contactor_reports.clear()
            booted = view.name, view.boot_epoch
            if self._booted != booted:
                waited_ms = WAITED_MS if fields["batch"] else SERIAL_WAITED_MS
                self.clock.begin(now_ms, fields["node_time_ms"], waited_ms)
                self._booted, self._first_offset = booted, None
            self._records.boot_time_ms = fields["boot_time_ms"]
            view.vitals = None
            self._greeted(self)

    def awaits_welcome(self, hello: list) -> bool:  # type: ignore[type-arg]
        """Whether the session that `hello` announced is the one to be opened now."""
        session = self.session
        is_same = session.hello is not None and session.hello[HELLO_SESSION] == hello[HELLO_SESSION]
        return is_same and session.receiver is None

    def welcome(self, next_sequence: int, kept: Iterable[int]) -> None:
        """Open the session: all below `next_sequence`, and `kept`, is stored."""
        self.session.welcome(next_sequence, kept, CREDIT_BYTES)
        self.view.link_state = LinkState.ONLINE

    def kept(self, sequence: int) -> None:
        """The record is safely stored: acknowledge it with the next packets."""
        self._receiver().keep(sequence)
        self.session.acknowledge(CREDIT_BYTES)

    def forgotten(self, sequence: int) -> None:
        """The record was let go unstored: have it sent again, a little later."""
        self._receiver().forget(sequence)

    def _receiver(self) -> Receiver:
        receiver = self.session.receiver
        if receiver is None:
            raise RuntimeError("records come in open sessions only")
        return receiver

    def closed(self) -> None:
        """The link is down."""
        self._questions.give_up()
        self.session.close()

    def _live(self, live: Live) -> None:
        self.view.show(live, self.epoch)
        power = self.view.active_power_mw()
        if power is not None and live.channel == len(self.view.channels) - 1:
            self.view.live_trail.append((live.time_ms, power))

    def _measure_clock(self, sent_ms: int, node_ms: int, now_ms: int) -> None:
        """A round trip: the node read its clock at `node_ms`, between the airtimes of our question and its answer."""
        clock, view = self.clock, self.view
        verdict = clock.sample(sent_ms, now_ms, node_ms, self.airtime_out_ms, self.airtime_back_ms)
        if verdict == "jumped":
            text = f"{view.name}: its clock and this machine's have jumped against each other by "
            self._tell("clock jumped", text + f"{clock.jump_ms / 1000:+.1f} s", view.name)
            self._first_offset = None
        if clock.is_known and verdict in ("", "jumped"):
            told, error = clock.node_to_host(node_ms)
            if self._first_offset is None:
                self._first_offset = told - node_ms
            view.round_trip_ms, view.drift_ppm = clock.round_trip_ms, clock.drift_ppm
            view.clock_offset_ms, view.clock_error_ms = self._first_offset - (told - node_ms), error

    def _shift(self, node_ms: float) -> tuple[int, int]:
        """(Unix time less node time, how wrong it may be at most) at a node time of this boot."""
        told, error = self.clock.node_to_host(node_ms)
        return int(told - node_ms) + self._wall_ms() - self._monotonic_ms(), math.ceil(min(error, schema.INT_MAX >> 1))

    async def command(self, contactor: int, target: int, hold_s: int, within_ms: int) -> Outcome | None:
        """Ask the node to switch; None when no outcome came in time (and the node will refuse it from then on)."""
        m = await self._ask(within_ms, schema.REQUEST, contactor, target, hold_s, self._node_ms(within_ms))
        if m is None:
            return None
        state = None if m[5] is None else schema.STATES[m[5]]
        return Outcome(schema.RESULTS[m[3]] == "applied", schema.REASONS[m[4]], state, m[6], m[7])

    async def store(self, document: int, body: bytes, within_ms: int) -> Stored | None:
        """Have the node keep `body` (empty: go back to the document before); None as with `command`."""
        m = await self._ask(within_ms, schema.STORE, document, body, self._node_ms(within_ms))
        return Stored(schema.RESULTS[m[3]] == "applied", schema.REASONS[m[4]], m[6], m[7]) if m else None

    async def fetch(self, document: int, within_ms: int) -> Document | None:
        """What the node keeps; None when it did not say so in time."""
        m = await self._ask(within_ms, schema.FETCH, document)
        return Document(*m[4:7]) if m else None

    async def measure(self, channel: int, span: int | None, within_ms: int) -> Harmonics | Aggregate | None:
        """The last whole span of schema.SPANS, or (None) the harmonics of the next window; None as with `fetch`."""
        async with self._measuring:
            if span is not None:
                self._gathering.asked(channel, self._monotonic_ms())
            m = await self._ask(within_ms, schema.MEASURE, channel, span)
        if m is None:
            return None
        reason = schema.REASONS[m[3]]
        if m[0] == schema.HARMONICS:
            return Harmonics(reason, self._unix_ms(m[5]), m[6], m[7], m[8:17], m[17:26])
        return Aggregate(reason, schema.SPANS[m[5]], self._unix_ms(m[6]), *m[7:14])

    def whole_in_ms(self, channel: int, span: int) -> int:
        """How long until the node has a whole span of schema.SPANS to tell, at most; 0: it should have one."""
        now_ms, vitals = self._monotonic_ms(), self.view.vitals
        goes_by_clock = self._wall_ms() >= CLOCK_SET_MS and (vitals is None or vitals.clock_known)
        day_ms = self._wall_ms() if goes_by_clock else self._node_ms(0)
        return self._gathering.wait_ms(channel, span, now_ms, day_ms)

    async def _ask(self, within_ms: int, kind: int, *fields: Any) -> list[Any] | None:
        deadline_ms = self._monotonic_ms() + within_ms + RESEND_REQUEST_MS
        return await self._questions.ask(kind, *fields, deadline_ms=deadline_ms)

    def _node_ms(self, from_now_ms: int) -> int:
        return max(0, int(self.clock.host_to_node(self._monotonic_ms() + from_now_ms)[0]))

    def _unix_ms(self, node_ms: int) -> int:
        return node_ms + self._shift(node_ms)[0]

    def renew(self) -> None:
        """Have the node offer itself anew, so that its newest key comes into use."""
        self._questions.give_up()
        self.session.end()

    def packets(self, now_ms: int) -> list[bytes]:
        """What to send now; call it after `receive` and every 50 ms or so."""
        self._questions.send(now_ms, RESEND_REQUEST_MS)
        return self.session.packets(now_ms, *self._time(now_ms))

    def _time(self, now_ms: int) -> tuple[int, int, int]:
        """What the node is told of the time of day: (unix_ms, node_time_ms, error_ms)."""
        unix_ms = self._wall_ms()
        if unix_ms < CLOCK_SET_MS or not self.clock.is_known:
            return 0, 0, 0
        node_ms, error = self.clock.host_to_node(now_ms)
        return unix_ms, max(0, int(node_ms)), math.ceil(error) + 1

    def count(self) -> None:
        """Bring the counters that people are shown up to date."""
        self.view.loss_ppm = self.loss.ppm
        self.view.counters.update(
            readings=self._readings, repeats=self.session.repeats, rejected=self.rejected, **self.channels.totals()
        )
