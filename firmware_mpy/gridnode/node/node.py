"""One node: meters its channels, keeps its contactors' promises, reports, and obeys requests.

`step(now_ms)` does all that is due and returns; the caller waits until something arrives or a few
milliseconds have passed. It renews no lease and needs no host: contactors open by themselves.
"""

from gridnode import VERSION
from gridnode.node.ring import Ring
from gridnode.wire import WireError, cbor, schema
from gridnode.wire.frame import FRAME_MAX, PACKET_MAX
from gridnode.wire.node_session import NodeSession

LIVE_EVERY_MS = 1000
FRAMES_A_STEP = 3  # so that a long backlog holds up neither the meter nor a command
HELLO_BYTES = PACKET_MAX - 32  # at the start; header, tag, and what its numbers may grow by, need the rest
RECORD_BYTES = 96  # the longest reliable record is shorter


class Identity:
    """Who this node is: `name` of the unit, `board`, and how it came to be running."""

    def __init__(self, name: str, board: str, boot_epoch: int, reset_cause: str):
        self.name = name
        self.board = board
        self.boot_epoch = boot_epoch
        self.reset_cause = reset_cause


class Node:
    """`meter.pump(now_us)` feeds `channels` (metering.Channel); `contactors` are switching.Contactor, already
    booted; `link` is link.SerialLink or alike; `random` gives 30 random bits. Raises ValueError when the names are
    too long to be told in one HELLO.
    """

    def __init__(
        self, identity, meter, channels, contactors, link, random, interval_s: int, records: int, max_hold_s: int
    ):
        self.ring = Ring(records, RECORD_BYTES, random())  # a new journal, even for a unit set up anew
        self._identity = identity
        self._meter = meter
        self._channels = channels
        self._contactors = contactors
        self._link = link
        self._interval_ms = interval_s * 1000
        self._max_hold_s = max_hold_s
        self._interval_due_ms = self._interval_ms
        self._live_due_ms = 0
        self._told = False  # whether this session's host has had its first live values
        self.session = NodeSession(lambda: random() | 1, self.ring, self._hello, self._command)
        self._rehearse_hello()
        for index, channel in enumerate(channels):
            energy = channel.energy
            end_ms = channel.end_us // 1000
            self.ring.append([schema.REGISTERS, 0, index, end_ms, energy.import_mwh, energy.export_mwh])
        for index, contactor in enumerate(contactors):
            contactor.on_change = self._switched
            self._record_switched(index, 0)

    def _rehearse_hello(self):
        # A HELLO that does not fit would stop the node when it first speaks, with its contactors in any state.
        try:
            hello = schema.check([schema.HELLO] + self._hello(1, 1 << 40))
            cbor.put(bytearray(HELLO_BYTES), 0, hello)
        except WireError as error:
            raise ValueError("names of node, board, channels and contactors: shorter or fewer (%s)" % error)

    def step(self, now_ms: int):
        """Do what is due at node time `now_ms`: safety first, then metering, then the link."""
        for contactor in self._contactors:
            contactor.tick(now_ms)
        self._meter.pump(now_ms * 1000)
        self._report(now_ms)
        for packet in self._link.receive():
            self.session.receive(packet, now_ms)
        self._link.flush()
        for _ in range(FRAMES_A_STEP):
            if not self._link.idle:
                return
            length = self.session.next_frame(now_ms)
            if not length:
                return
            self._link.send(self.session.frame, length)

    def _report(self, now_ms: int):
        # An interval ends with the first window past its time, so that energy and time belong together.
        channels = self._channels
        if all(channel.end_us >= self._interval_due_ms * 1000 for channel in channels):
            for index, channel in enumerate(channels):
                self.ring.append([schema.INTERVAL, 0, index] + list(channel.take_interval()))
            while self._interval_due_ms * 1000 <= channels[0].end_us:
                self._interval_due_ms += self._interval_ms
        if not self.session.open:
            self._told = False
        elif not self._told and all(channel.measured for channel in channels):
            self._told = True  # a host that has just come need not wait for the full second
            self._live_due_ms = now_ms
        if now_ms >= self._live_due_ms:
            self._live_due_ms = now_ms - now_ms % LIVE_EVERY_MS + LIVE_EVERY_MS
            for index, channel in enumerate(channels):
                self.session.live([schema.LIVE, index] + list(channel.live()))
            for index in range(len(self._contactors)):
                self._report_contactor(index, now_ms)

    def _report_contactor(self, index: int, now_ms: int):
        contactor = self._contactors[index]
        state, cause = schema.STATES.index(contactor.state), schema.CAUSES.index(contactor.cause)
        hold_ms, dwell_ms = contactor.hold_remaining_ms(now_ms), contactor.dwell_remaining_ms(now_ms)
        self.session.live([schema.CONTACTOR, index, now_ms, state, cause, hold_ms, dwell_ms])

    def _switched(self, contactor, now_ms: int):
        index = self._contactors.index(contactor)
        self._record_switched(index, now_ms)
        self._report_contactor(index, now_ms)

    def _record_switched(self, index: int, now_ms: int):
        contactor = self._contactors[index]
        state, cause = schema.STATES.index(contactor.state), schema.CAUSES.index(contactor.cause)
        hold_ms = contactor.hold_remaining_ms(now_ms)
        self.ring.append([schema.SWITCHED, 0, index, now_ms, state, cause, hold_ms])

    def _command(self, index: int, target: int, hold_s: int, now_ms: int):
        if index >= len(self._contactors):
            return "unknown contactor", None, 0, 0
        contactor = self._contactors[index]
        hold_ms = min(hold_s, self._max_hold_s + 1) * 1000  # still refused, and small
        reason, wait_ms = contactor.request(schema.STATES[target], hold_ms, now_ms)
        self._report_contactor(index, now_ms)
        return reason, schema.STATES.index(contactor.state), contactor.hold_remaining_ms(now_ms), wait_ms

    def _hello(self, node_session: int, now_ms: int) -> list:
        me = self._identity
        names = [channel.name for channel in self._channels]
        return [
            schema.WIRE_VERSION,
            schema.digest(),
            me.name,
            me.board,
            VERSION,
            me.boot_epoch,
            me.reset_cause,
            now_ms,
            node_session,
            FRAME_MAX,
            self.ring.epoch,
            self.ring.oldest,
            self.ring.next,
            self._interval_ms // 1000,
            self._max_hold_s,
            names,
            [contactor.name for contactor in self._contactors],
        ]
