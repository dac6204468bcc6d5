"""One remote node: its frames, its session, what is asked of it; sans-I/O but for the futures.

Bytes in by `feed`, frames out by `frames`, both on the loop's thread. Times: `now_ms` is a clock
that never jumps; what people see carries Unix time from `wall_ms`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gridnode.wire import WireError, schema
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_session import HELLO_EPOCH, HELLO_SESSION, HostSession
from gridnode.wire.stream import Receiver
from host_bridge.decode import decode
from host_bridge.model import ContactorReport, LinkState, Live, NodeView, Record, Vitals
from host_bridge.questions import Aggregate, Document, Gathering, Harmonics, Questions, Stored, is_answer
from host_bridge.records import RecordReader

RESEND_REQUEST_MS = 300
CREDIT_BYTES = 4096
OFFSETS_KEPT = 16
CLOCK_SET_MS = 1_767_225_600_000  # a clock of before 2026 was never set since its machine started: no node is told
SAME_CLOCKS_MS = 50  # two measurements that contradict each other by more than this: a clock has jumped


def monotonic_ms() -> int:
    """A clock that never jumps, in ms."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


# Where a message names a channel or a contactor, so that one the node never announced is not taken.
_OF_CHANNEL = {schema.INTERVAL: 2, schema.REGISTERS: 2, schema.LIVE: 1}
_READINGS = (schema.INTERVAL, schema.REGISTERS)
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
    oldest)` says that the node no longer has anything below `oldest`.
    """

    def __init__(
        self,
        view: NodeView,
        host_session: int,
        keep: Callable[[Record], None],
        introduced: Callable[["RemoteNode", str], bool],
        greeted: Callable[["RemoteNode"], None],
        gap: Callable[[str, int, int], None],
    ) -> None:
        self.view = view
        self.session = HostSession(host_session, decode)
        self.decoder = FrameDecoder()
        self.rejected = 0  # well framed, but no message of ours
        self.heard_ms = 0  # when the newest message came
        self._keep = keep
        self._introduced = introduced
        self._greeted = greeted
        self._gap = gap
        self._questions = Questions(self.session)
        self._gathering = Gathering()
        self._measuring = asyncio.Lock()  # a node gives up a measurement when another is asked for
        self._offsets: deque[tuple[int, float]] = deque(maxlen=OFFSETS_KEPT)  # (round trip, ours - node's)
        self._first_offset: float | None = None
        self._offset_ms = 0.0  # our clock minus the node's
        self._readings = 0
        self._records = RecordReader()

    @property
    def epoch(self) -> int:
        """Of the journal that the session carries."""
        hello = self.session.hello
        return hello[HELLO_EPOCH] if hello else -1

    def feed(self, data: bytes, now_ms: int) -> None:
        """Take bytes from the link."""
        shift = int(self._offset_ms) + wall_ms() - now_ms  # node time -> Unix time
        heard = False
        for packet in self.decoder.feed(data):
            try:
                message = self.session.receive(packet)
            except WireError:
                self.rejected += 1
                continue
            heard = True
            if message is not None:
                self._take(message, now_ms, shift)
        if heard:
            self.heard_ms = now_ms
            self.view.last_heard_ms = wall_ms()

    def _take(self, m: list, now_ms: int, shift: int) -> None:  # type: ignore[type-arg]
        kind = m[0]
        view = self.view
        if kind in _OF_CHANNEL and m[_OF_CHANNEL[kind]] >= len(view.channels):
            self._reject(m)
        elif kind in _OF_CONTACTOR and m[_OF_CONTACTOR[kind]] >= len(view.contactors):
            self._reject(m)
        elif kind in schema.RELIABLE:
            self._readings += kind in _READINGS
            if kind == schema.EVENT and m[2] == _REGISTERS_BEGAN:
                view.shown.pop(m[3], None)
            self._keep(self._records.read(m, view, self.epoch, shift))
        elif kind == schema.LIVE:
            self._live(Live(m[1], m[2] + shift, *m[3:]))
        elif kind == schema.CONTACTOR:
            state, cause = schema.STATES[m[3]], schema.CAUSES[m[4]]
            self._records.reported(m[1], state, cause)
            view.contactor_reports[m[1]] = ContactorReport(m[1], m[2] + shift, state, cause, m[5], m[6])
        elif kind == schema.PONG:
            self._measure_clock(now_ms - m[1], m[2], now_ms)
        elif is_answer(kind):
            self._questions.answered(m)
        elif kind == schema.VITALS:
            view.vitals = Vitals._make((m[1] + shift, *m[2:9], bool(m[9])))
        elif kind == schema.HELLO:
            self._hello(m, now_ms)
        elif kind == schema.FLOOR:
            self._gap(view.name, self.epoch, m[2])
            self._receiver().floor(m[2])
            self.session.acknowledge(CREDIT_BYTES)

    def _reject(self, m: list) -> None:  # type: ignore[type-arg]
        """Not taken. A record is acknowledged all the same, else it would come for ever and stop those behind it."""
        self.rejected += 1
        if m[0] in schema.RELIABLE:
            self.kept(m[1])

    def _hello(self, m: list, now_ms: int) -> None:  # type: ignore[type-arg]
        self._questions.give_up()
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
            view.channels, view.contactors = tuple(fields["channels"]), tuple(fields["contactors"])
            if view.link_state == LinkState.INCOMPATIBLE:
                view.link_state = LinkState.CONNECTING
            view.live.clear()
            view.contactor_reports.clear()
            self._offsets.clear()
            self._first_offset = None
            self._offset_ms = now_ms - fields["node_time_ms"]
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
        """The record is safely stored: acknowledge it with the next frames."""
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
        self.decoder.reset()

    def _live(self, live: Live) -> None:
        self.view.show(live, self.epoch)
        power = self.view.active_power_mw()
        if power is not None and live.channel == len(self.view.channels) - 1:
            self.view.live_trail.append((live.time_ms, power))

    def _measure_clock(self, round_trip_ms: int, node_ms: int, now_ms: int) -> None:
        """The offset whose round trip was shortest among the newest is the best known.

        Each is wrong by half its round trip at most. Where two contradict each other a clock has jumped (this
        machine slept, say), and what was measured before is worth nothing.
        """
        if round_trip_ms < 0:
            return  # an answer to nothing that we asked
        offset = now_ms - round_trip_ms / 2 - node_ms
        if any(abs(offset - old) > (round_trip_ms + trip) / 2 + SAME_CLOCKS_MS for trip, old in self._offsets):
            self._offsets.clear()
        self._offsets.append((round_trip_ms, offset))
        self._offset_ms = min(self._offsets)[1]
        if self._first_offset is None:
            self._first_offset = offset
        self.view.round_trip_ms = float(round_trip_ms)
        self.view.clock_offset_ms = self._first_offset - self._offset_ms

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
                self._gathering.asked(channel, monotonic_ms())
            m = await self._ask(within_ms, schema.MEASURE, channel, span)
        if m is None:
            return None
        reason = schema.REASONS[m[3]]
        if m[0] == schema.HARMONICS:
            return Harmonics(reason, self._unix_ms(m[5]), m[6], m[7], m[8:17], m[17:26])
        return Aggregate(reason, schema.SPANS[m[5]], self._unix_ms(m[6]), *m[7:14])

    def whole_in_ms(self, channel: int, span: int) -> int:
        """How long until the node has a whole span of schema.SPANS to tell, at most; 0: it should have one."""
        now_ms, vitals = monotonic_ms(), self.view.vitals
        goes_by_clock = wall_ms() >= CLOCK_SET_MS and (vitals is None or vitals.clock_known)
        day_ms = wall_ms() if goes_by_clock else self._node_ms(0)
        return self._gathering.wait_ms(channel, span, now_ms, day_ms)

    async def _ask(self, within_ms: int, kind: int, *fields: Any) -> list[Any] | None:
        deadline_ms = monotonic_ms() + within_ms + RESEND_REQUEST_MS
        return await self._questions.ask(kind, *fields, deadline_ms=deadline_ms)

    def _node_ms(self, from_now_ms: int) -> int:
        return max(0, int(monotonic_ms() + from_now_ms - self._offset_ms))

    def _unix_ms(self, node_ms: int) -> int:
        return node_ms + int(self._offset_ms) + wall_ms() - monotonic_ms()

    def frames(self, now_ms: int) -> list[bytes]:
        """What to send now; call it after `feed` and every 50 ms or so."""
        self._questions.send(now_ms, RESEND_REQUEST_MS)
        unix_ms = wall_ms()
        return self.session.frames(now_ms, unix_ms if unix_ms >= CLOCK_SET_MS else 0)

    def count(self) -> None:
        """Bring the counters that people are shown up to date."""
        decoder = self.decoder
        self.view.counters.update(
            frames=decoder.frames,
            readings=self._readings,
            repeats=self.session.repeats,
            dropped_crc=decoder.bad_crc,
            dropped_cobs=decoder.bad_cobs,
            dropped_length=decoder.too_long,
            rejected=self.rejected,
        )
