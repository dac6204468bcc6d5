"""One remote node: its frames, its session, its pending commands; sans-I/O but for the futures.

Bytes in by `feed`, frames out by `frames`, both on the loop's thread. Times: `now_ms` is a clock
that never jumps; what people see carries Unix time from `wall_ms`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gridnode.wire import WireError, schema
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_session import HELLO_EPOCH, HELLO_SESSION, HostSession
from gridnode.wire.stream import Receiver
from host_bridge.decode import decode
from host_bridge.model import ContactorReport, LinkState, Live, NodeView, Reading, Record, Switching

RESEND_REQUEST_MS = 300
CREDIT_BYTES = 4096
OFFSETS_KEPT = 16
SAME_CLOCKS_MS = 50  # two measurements that contradict each other by more than this: a clock has jumped


def monotonic_ms() -> int:
    """A clock that never jumps, in ms."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


NO_QUANTITIES = (None, None, None, None, None, None, 0)  # of a reading that tells registers only
# Where a message names a channel or a contactor, so that one the node never announced is not taken.
_OF_CHANNEL = {schema.INTERVAL: 2, schema.REGISTERS: 2, schema.LIVE: 1}
_OF_CONTACTOR = {schema.SWITCHED: 2, schema.CONTACTOR: 1}


@dataclass(slots=True)
class Outcome:
    """What the node said of a request. `state` is None when it did not get as far as a contactor."""

    applied: bool
    reason: str
    state: str | None
    hold_remaining_ms: int
    wait_ms: int


@dataclass(slots=True)
class _Pending:
    number: int
    contactor: int
    target: int
    hold_s: int
    expires_ms: int  # node time
    deadline_ms: int  # ours
    resend_ms: int
    answer: "asyncio.Future[Outcome | None]"


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
        self._pending: dict[int, _Pending] = {}
        self._command = 0
        self._offsets: deque[tuple[int, float]] = deque(maxlen=OFFSETS_KEPT)  # (round trip, ours - node's)
        self._first_offset: float | None = None
        self._offset_ms = 0.0  # our clock minus the node's
        self._readings = 0

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
        elif kind == schema.INTERVAL:
            self._readings += 1
            self._keep(Reading._make((view.name, self.epoch, m[1], m[2], m[3] + shift, *m[3:])))
        elif kind == schema.LIVE:
            self._live(Live(m[1], m[2] + shift, *m[3:]))
        elif kind in _OF_CONTACTOR and m[_OF_CONTACTOR[kind]] >= len(view.contactors):
            self._reject(m)
        elif kind == schema.CONTACTOR:
            state, cause = schema.STATES[m[3]], schema.CAUSES[m[4]]
            view.contactor_reports[m[1]] = ContactorReport(m[1], m[2] + shift, state, cause, m[5], m[6])
        elif kind == schema.PONG:
            self._measure_clock(now_ms - m[1], m[2], now_ms)
        elif kind == schema.OUTCOME:
            self._answered(m)
        elif kind == schema.SWITCHED:
            state, cause = schema.STATES[m[4]], schema.CAUSES[m[5]]
            self._keep(Switching(view.name, self.epoch, m[1], m[2], m[3] + shift, m[3], state, cause, m[6]))
        elif kind == schema.REGISTERS:
            self._readings += 1
            head = (view.name, self.epoch, m[1], m[2], m[3] + shift, m[3], 0, m[4], m[5])
            self._keep(Reading._make((*head, *NO_QUANTITIES)))
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
        self._give_up()
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
            view.interval_s, view.max_hold_s = fields["interval_s"], fields["max_hold_s"]
            view.channels, view.contactors = tuple(fields["channels"]), tuple(fields["contactors"])
            if view.link_state == LinkState.INCOMPATIBLE:
                view.link_state = LinkState.CONNECTING
            view.live.clear()
            view.contactor_reports.clear()
            self._offsets.clear()
            self._first_offset = None
            self._offset_ms = now_ms - fields["node_time_ms"]
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
        self._give_up()
        self.session.close()
        self.decoder.reset()

    def _give_up(self) -> None:
        """Requests of a session that has ended may or may not have been carried out: never repeat them in the next."""
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_result(None)

    def _live(self, live: Live) -> None:
        self.view.live[live.channel] = live
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
        now_ms = monotonic_ms()
        self._command += 1
        answer: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        expires_ms = max(0, int(now_ms + within_ms - self._offset_ms))
        pending = _Pending(
            self._command, contactor, target, hold_s, expires_ms, now_ms + within_ms + RESEND_REQUEST_MS, now_ms, answer
        )
        self._pending[pending.number] = pending
        try:
            return await answer
        finally:
            del self._pending[pending.number]

    def _answered(self, m: list) -> None:  # type: ignore[type-arg]
        pending = self._pending.get(m[2])
        if pending is not None and not pending.answer.done():
            if schema.REASONS[m[4]] in ("repeat too old", "wrong session"):  # an earlier copy may have been carried out
                pending.answer.set_result(None)
                return
            state = None if m[5] is None else schema.STATES[m[5]]
            applied = schema.RESULTS[m[3]] == "applied"
            pending.answer.set_result(Outcome(applied, schema.REASONS[m[4]], state, m[6], m[7]))

    def frames(self, now_ms: int) -> list[bytes]:
        """What to send now; call it after `feed` and every 50 ms or so."""
        for pending in self._pending.values():
            if now_ms >= pending.deadline_ms and not pending.answer.done():
                pending.answer.set_result(None)
            elif now_ms >= pending.resend_ms and self.session.receiver is not None and not pending.answer.done():
                pending.resend_ms = now_ms + RESEND_REQUEST_MS
                p = pending
                self.session.request(p.number, p.contactor, p.target, p.hold_s, p.expires_ms)
        return self.session.frames(now_ms)

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
