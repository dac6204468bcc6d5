"""What a node tells of itself: who it is, live values, records at the end of an interval, events, how it fares."""

from gridnode import VERSION
from gridnode.wire import schema

LIVE_EVERY_MS = 1000
VITALS_EVERY_MS = 60_000
RECEIVE_BYTES = 400  # that each of our links holds until they are read
GOOD_AFTER_MS = 10_000  # so long nothing must be wrong before a reading is told to be good again
_TOLD = ~schema.SHORT_WINDOW  # bits of quality that are worth an event
_TRIPS = schema.CAUSES[6:11]  # over-current .. under-frequency
MWH_PER_WH = 1000


class Report:
    """Fills `journal` with records and `node.session` with live values. Node time is that of the channels, which begin
    with this boot, plus `identity.boot_time_ms`.

    intervals: how many have ended.
    """

    def __init__(self, node, identity, channels, dips, contactors, journal, interval_ms: int, heap_free):
        self._node = node
        self._me = identity
        self._channels = channels
        self._dips = dips
        self._contactors = contactors
        self._journal = journal
        self._interval_ms = interval_ms
        self._interval_due_ms = interval_ms  # since the boot
        self._heap_free = heap_free or _unknown
        self._live_due_ms = self._vitals_due_ms = 0
        self.told = False  # whether this session's host has had its first live values
        self._quality = [0] * len(channels)  # as told by an event
        self._bad_ms = [0] * len(channels)  # when something of it was last so
        self._saved_mwh = 0
        self._asked = None  # (channel, span, Harmonics, done) of what somebody waits for
        self.intervals = 0

    def hello(self, node_session: int, now_ms: int, max_hold_s: int) -> list:
        """The fields of HELLO."""
        me, journal = self._me, self._journal
        return [
            schema.WIRE_VERSION,
            schema.digest(),
            me.name,
            me.board,
            VERSION,
            me.boot_epoch,
            me.reset_cause,
            now_ms,
            me.boot_time_ms,
            node_session,
            RECEIVE_BYTES,
            journal.epoch,
            journal.oldest,
            journal.next,
            self._interval_ms // 1000,
            max_hold_s,
            [channel.name for channel in self._channels],
            [contactor.name for contactor in self._contactors],
            self._node.session.batch,
        ]

    def begin(self):
        """The records of a boot: that it was, what the registers and contactors are."""
        now_ms, journal = self._me.boot_time_ms, self._journal
        self.event("boot", 0, now_ms, self._me.boot_epoch)
        if journal.damaged:
            self.event("block damaged", 0, now_ms, journal.damaged)
        for index, kept in enumerate(journal.registers):
            if not kept:
                self.event("registers began", index, now_ms, 0)
            imported, exported = kept[:2] if kept else (0, 0)
            journal.append([schema.REGISTERS, 0, index, now_ms, imported, exported])
        for index in range(len(self._contactors)):
            self.switched(index, now_ms)

    def event(self, name: str, index: int, now_ms: int, value, duration_ms: int = 0):
        """Put something into the journal that people should know of; see schema.EVENTS."""
        self._journal.append([schema.EVENT, 0, schema.EVENTS.index(name), index, now_ms, value, duration_ms])

    def moved(self) -> bool:
        """Whether more than a watt-hour has gone by since this last said so."""
        total = sum([channel.energy.import_mwh + channel.energy.export_mwh for channel in self._channels])
        if total - self._saved_mwh < MWH_PER_WH:
            return False
        self._saved_mwh = total
        return True

    def step(self, now_ms: int):
        """Tell what is due."""
        self._end_interval(now_ms)
        for index, channel in enumerate(self._channels):
            self._judge(index, channel, now_ms)
        for index, dips in self._dips:
            dip = dips.step()
            if dip:
                self.event(dip[0], index, now_ms, dip[1], dip[2])
        if self._asked:
            self._answer()
        session = self._node.session
        if not session.open:
            self.told = False
        elif not self.told and all(channel.measured for channel in self._channels):
            self.told = True  # a host that has just come need not wait for the full second
            self._live_due_ms = self._vitals_due_ms = now_ms
        if now_ms >= self._live_due_ms:
            self._live_due_ms = now_ms - now_ms % LIVE_EVERY_MS + LIVE_EVERY_MS
            known = self._node.clock.exponent(now_ms) << schema.CLOCK_SHIFT
            for index, channel in enumerate(self._channels):
                end_ms, *rest = channel.live()
                rest[-1] |= known
                session.live([schema.LIVE, index, end_ms + self._me.boot_time_ms] + rest)
            for index in range(len(self._contactors)):
                self.contactor(index, now_ms)
        if now_ms >= self._vitals_due_ms:
            self._vitals_due_ms = now_ms + VITALS_EVERY_MS
            session.live([schema.VITALS, now_ms, self._heap_free()] + self._node.vitals(now_ms))

    def _end_interval(self, now_ms: int):
        # An interval ends with the first window past its time, so that energy and time belong together.
        due_us = self._interval_due_ms * 1000
        for channel in self._channels:
            if channel.end_us < due_us:
                return
        for index, channel in enumerate(self._channels):
            end_ms, *rest = channel.take_interval()
            rest[-1] |= self._node.clock.exponent(now_ms) << schema.CLOCK_SHIFT
            self._journal.append([schema.INTERVAL, 0, index, end_ms + self._me.boot_time_ms] + rest)
        while self._interval_due_ms * 1000 <= self._channels[0].end_us:
            self._interval_due_ms += self._interval_ms
        self.intervals += 1

    def _judge(self, index: int, channel, now_ms: int):
        """An event when a reading goes bad in a new way, and one when it has been good for a while."""
        quality = channel.window.quality & _TOLD
        told = self._quality[index]
        if quality:
            self._bad_ms[index] = now_ms
            if quality & ~told:
                self._quality[index] = told | quality
                self.event("quality", index, now_ms, told | quality)
        elif told and now_ms - self._bad_ms[index] >= GOOD_AFTER_MS:
            self._quality[index] = 0
            self.event("quality", index, now_ms, 0)

    def contactor(self, index: int, now_ms: int):
        """The contactor as it is now, best effort."""
        contactor = self._contactors[index]
        state, cause = schema.STATES.index(contactor.state), schema.CAUSES.index(contactor.cause)
        hold_ms, dwell_ms = contactor.hold_remaining_ms(now_ms), contactor.dwell_remaining_ms(now_ms)
        self._node.session.live([schema.CONTACTOR, index, now_ms, state, cause, hold_ms, dwell_ms])

    def switched(self, index: int, now_ms: int):
        """A contactor has changed: a record, and what was measured when it was a trip."""
        contactor = self._contactors[index]
        state, cause = schema.STATES.index(contactor.state), schema.CAUSES.index(contactor.cause)
        hold_ms = contactor.hold_remaining_ms(now_ms)
        self._journal.append([schema.SWITCHED, 0, index, now_ms, state, cause, hold_ms])
        if contactor.cause in _TRIPS:
            self.event("trip", index, now_ms, contactor.value)
        self.contactor(index, now_ms)

    def measure(self, channel, span, done):
        """Answer a request for harmonics (span None) or for an aggregate; see NodeSession.

        What is needed for it is loaded and gathered from the first request on: the first answer about 3 s takes 3 s.
        """
        if span is None and channel.halves is None:
            done("cannot measure")
            return
        if span is None:
            from gridnode.metering.harmonics import Harmonics

            wanted = Harmonics(channel)
        elif not channel.aggregates:
            from gridnode.metering.aggregate import Aggregates

            boot_ms = self._me.boot_time_ms
            channel.aggregates = Aggregates(lambda: (self._node.clock.offset_ms or 0) + boot_ms)
        self._asked = (channel, span, wanted if span is None else None, done)

    def _answer(self):
        """What was asked to be measured, when it is."""
        channel, span, harmonics, done = self._asked
        boot_ms = self._me.boot_time_ms
        if harmonics is not None:
            if not harmonics.ready:
                return
            if harmonics.figures:
                done("none", [harmonics.end_ms + boot_ms] + list(harmonics.figures))
            else:
                done("cannot measure")
        else:
            told = channel.aggregates.take(span)
            if not told:
                return
            done("none", [told[0] + boot_ms] + list(told[1:]))
        self._asked = None


def _unknown():
    return None
