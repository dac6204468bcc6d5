"""One node: meters its channels, keeps its contactors' promises, reports, and obeys requests.

`step(now_ms)` does all that is due and returns; the caller waits until something arrives or a few
milliseconds have passed. It renews no lease and needs no host: contactors open by themselves, trips need no link.
"""

import os

from gridnode.node.clock import Clock
from gridnode.node.report import Report
from gridnode.wire import WireError, cbor, schema
from gridnode.wire.frame import PACKET_MAX

PACKETS_A_STEP = 3  # so that a long backlog holds up neither the meter nor a command
HELLO_BYTES = PACKET_MAX - 32  # at the start; header, tag, and what its numbers may grow by, need the rest
SAVE_EVERY_MS = 61_000  # between intervals that are longer than a minute: one of a minute ends with a window
PLAN_EVERY_MS = 1_000
QUIET_MS = 500  # since the last command
UNSAVED_MOST = 40  # records: the journal keeps 48 in RAM
KEY = schema.DOCUMENTS.index("key")


class Identity:
    """Who this node is: `name` of the unit, `board`, and how it came to be running."""

    def __init__(self, name: str, board: str, boot_epoch: int, boot_time_ms: int, reset_cause: str):
        self.name = name
        self.board = board
        self.boot_epoch = boot_epoch
        self.boot_time_ms = boot_time_ms
        self.reset_cause = reset_cause


class Node:
    """`meter.pump(boot_us)` feeds `channels` (metering.Channel), whose time begins with this boot.

    `contactors` are switching.Contactor, already booted; `link` is link.SerialLink or alike; `channel` a NodeChannel;
    `journal` a node.journal.Journal. `supply_failing()`: True while the supply is going; `heap_free()`: bytes.
    Documents and keys are kept in `folder`. `make_session`: wire.NodeSession, or what takes the same. `now`
    tells node time where a step itself takes time: a packet may come in its midst, and must not be older than that.

    Raises ValueError when the names are too long to be told in one HELLO.
    """

    def __init__(
        self,
        folder,
        identity,
        meter,
        channels,
        contactors,
        link,
        channel,
        journal,
        make_session,
        interval_s: int,
        max_hold_s: int,
        supply_failing=None,
        heap_free=None,
        now=None,
    ):
        self.journal = journal
        self._folder = folder
        self.dips = []  # (channel's index, metering.Dips)
        self.lasting = None  # a Lasting
        self._documents = None  # a Documents, once there is need of it
        self.plan = None
        self.follow = None  # does what the plan wants, now (ms)
        self.controller = None  # a Controller, while the plan has a world
        self.clock = Clock()
        self._meter = meter
        self._channels = channels
        self.contactors = contactors
        self._link = link
        self.channel = channel
        self._boot_ms = identity.boot_time_ms
        self._max_hold_s = max_hold_s
        self._supply_failing = supply_failing or _never
        self._now = now
        self._failing = self._supply_failing()
        self._saved_ms = self._boot_ms
        self._saved_intervals = 0
        self._commanded_ms = self._boot_ms
        self._plan_due_ms = 0
        self._faulty = False  # the flash
        self._spare_slot = 0  # of a key that may be forgotten
        channel.dropped = self._spare
        self._lock_moved = False  # a contactor has locked out, or was reset, since it was saved
        self.session = make_session(
            channel,
            journal,
            self._hello,
            self._command,
            self._store,
            self._fetch,
            self._measure,
            self._clock,
        )
        self._report = Report(self, identity, channels, self.dips, contactors, journal, interval_s * 1000, heap_free)
        self._rehearse_hello()
        self._report.begin()
        for contactor in contactors:
            contactor.on_change = self._switched

    def _rehearse_hello(self):
        # A HELLO that does not fit would stop the node when it first speaks, with its contactors in any state.
        try:
            hello = schema.check([schema.HELLO] + self._hello(1, self._boot_ms + (1 << 40)))
            cbor.put(bytearray(HELLO_BYTES), 0, hello)
        except WireError as error:
            raise ValueError("names of node, board, channels and contactors: shorter or fewer (%s)" % error)

    def _hello(self, node_session: int, now_ms: int) -> list:
        return self._report.hello(node_session, now_ms, self._max_hold_s)

    def step(self, now_ms: int):
        """Do what is due at node time `now_ms`: safety first, then metering, then the link."""
        for contactor in self.contactors:
            contactor.tick(now_ms)
        self._meter.pump((now_ms - self._boot_ms) * 1000)
        for contactor in self.contactors:
            contactor.protect(now_ms)
        if now_ms >= self._plan_due_ms:
            self._plan_due_ms = now_ms - now_ms % PLAN_EVERY_MS + PLAN_EVERY_MS
            if self.follow:
                self.follow(now_ms)
            if self._spare_slot and self._calm(now_ms):
                self._forget_key()
        self._report.step(now_ms)
        self._save_if_due(now_ms)
        self.journal.tidy()
        for packet in self._link.receive(now_ms):
            now_ms = self._now() if self._now else now_ms
            self.session.receive(packet, now_ms)
            now_ms = self._now() if self._now else now_ms
        self._link.flush(now_ms)
        for _ in range(PACKETS_A_STEP):
            if not self._link.idle:
                return
            length = self.session.next_packet(now_ms)
            if not length:
                return
            self._link.send(self.channel.packet, length, self.session.urgent)

    @property
    def settled(self) -> bool:
        """Whether a host has been sent its first reading."""
        return self._report.told and self.session.live_sent

    def vitals(self, now_ms: int) -> list:
        """What VITALS says behind the free heap."""
        years, days = self.lasting.figures(now_ms) if self.lasting else (None, 0)
        kept = self._documents
        plan, calibration = (kept.version(0), kept.version(1)) if kept else (0, 0)
        until_s = self.plan.until_unix_s if self.plan else 0
        return [self.journal.saves, years, days, plan, until_s, calibration, int(self.clock.offset_ms is not None)]

    def _save_if_due(self, now_ms: int):
        """When an interval has ended, so that no host is told what a power cut could take back; between long ones
        once a minute, when a watt-hour has gone by; when a lock-out begins or ends; and when the supply is going."""
        failing = self._supply_failing()
        last_words = failing and not self._failing
        self._failing = failing
        if (
            last_words
            or self._lock_moved
            or self._report.intervals != self._saved_intervals
            or (now_ms - self._saved_ms >= SAVE_EVERY_MS and self._report.moved())
            or (self.journal.must_save and self._calm(now_ms))
        ):
            self._lock_moved = False
            self._saved_ms = now_ms
            self._saved_intervals = self._report.intervals
            self._save(now_ms)

    def _calm(self, now_ms: int) -> bool:
        """Whether the flash may hold all up for a moment: nothing could trip and nobody is at work, or it must."""
        unsaved = self.journal.next - self.journal.saved_next
        if unsaved > UNSAVED_MOST:
            return True
        for contactor in self.contactors:
            if contactor.state == "closed":
                return False
        return now_ms - self._commanded_ms >= QUIET_MS

    def _save(self, now_ms: int):
        try:
            self.journal.save(now_ms, [channel.energy.kept() for channel in self._channels])
            self._faulty = False
        except OSError as error:
            if not self._faulty:
                self._faulty = True
                self._report.event("flash fault", error.args[0] if type(error.args[0]) is int else 0, now_ms, None)

    def _switched(self, contactor, now_ms: int):
        index = self.contactors.index(contactor)
        self._report.switched(index, now_ms)
        locks = self.journal.locks & ~(1 << index) | (contactor.state == "locked out") << index
        if locks != self.journal.locks:
            self.journal.locks = locks
            self._lock_moved = True

    def _command(self, index: int, target: int, hold_s: int, now_ms: int):
        if index >= len(self.contactors):
            return "unknown contactor", None, 0, 0
        self._commanded_ms = now_ms
        contactor = self.contactors[index]
        hold_ms = min(hold_s, self._max_hold_s + 1) * 1000  # still refused, and small
        if self.controller and not target and self.controller.keeps(index):
            reason, wait_ms = "min on time", 0
        else:
            reason, wait_ms = contactor.request(schema.TARGETS[target], hold_ms, now_ms)
        self._report.contactor(index, now_ms)
        return reason, schema.STATES.index(contactor.state), contactor.hold_remaining_ms(now_ms), wait_ms

    def _store(self, document: int, body: bytes, now_ms: int) -> tuple:
        if document == KEY:
            from gridnode.node.keys import store_key

            outcome = store_key(self._folder, self.channel, body)
        else:
            outcome = self.load_documents().store(document, body)
        if outcome[0] == "none":
            self._report.event("document stored" if body else "document reverted", document, now_ms, outcome[1])
        return outcome

    def _fetch(self, document: int) -> tuple:
        if document == KEY:
            return self.channel.slot, b"", b""  # nobody is told a key
        return self.load_documents().fetch(document)

    def _spare(self, slot: int):
        self._spare_slot = slot

    def _forget_key(self):
        from gridnode.node.keys import drop_key

        drop_key(self._folder, self._spare_slot)
        self._spare_slot = 0

    def load_documents(self):
        """Take what is kept; return it. On a microcontroller this loads modules, so it waits until it is needed."""
        if not self._documents:
            from gridnode.node.documents import make_documents

            self._documents = make_documents(self._folder, self, self._meter, self._channels)
        return self._documents

    def _measure(self, index: int, span, done, now_ms: int):
        if index >= len(self._channels):
            done("unknown channel")
        else:
            self._report.measure(self._channels[index], span, done)

    def _clock(self, unix_ms: int, node_time_ms: int, error_ms: int, now_ms: int):
        """The host has told what the time of day was at `node_time_ms`."""
        if self.clock.told(unix_ms, node_time_ms, error_ms, now_ms):
            clock = self.clock
            self.journal.append([schema.CLOCK, 0, now_ms, now_ms + clock.offset_ms, clock.bound_ms(now_ms)])


def has_documents(folder: str) -> bool:
    """Whether any was ever kept there."""
    return any(name.startswith(schema.DOCUMENTS[:KEY]) for name in os.listdir(folder))


def _never() -> bool:
    return False
