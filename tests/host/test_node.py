"""One remote node: times, its clock, requests and their end, what is taken and what is not."""

import asyncio

import pytest

from gridnode.wire import schema
from host_bridge import node
from host_bridge.channels import Channels
from host_bridge.model import ClockRecord, LinkState, NodeView, Reading, Skipped, Switching, Vitals
from host_bridge.node import RemoteNode
from tests.host.wire_peer import FOREIGN, Keys, Peer

UNIX_MS = 1_780_000_000_000  # Unix time at 0 of the clock that never jumps
WITHIN_MS = 3000


class Pair:
    """A RemoteNode and the peer it hears, in time that a test sets: `now_ms`. The node's clock is `behind_ms`."""

    def __init__(self):
        self.now_ms = 100_000
        self.behind_ms = 90_000
        self.peer = Peer()
        self.kept, self.greeted, self.gaps, self.told = [], [], [], []
        self.remote = RemoteNode(
            NodeView("home-01", "loop://1"),
            7,
            self.kept.append,
            lambda remote, name: True,
            self.greeted.append,
            lambda *gap: self.gaps.append(gap),
            Channels("loop://1", Keys(self.peer), self._tell),
            self._tell,
            clocks=(lambda: self.now_ms, lambda: UNIX_MS + self.now_ms),
        )

    @property
    def view(self):
        return self.remote.view

    def says(self, *messages):
        for message in messages:
            self.remote.receive(self.peer.packet(message), self.now_ms)

    def sends(self):
        """What the bridge sends now; the node answers a PING at once."""
        before = len(self.peer.heard)
        for packet in self.remote.packets(self.now_ms):
            self.peer.take(packet)
        sent = self.peer.heard[before:]
        for ping in sent:
            if ping[0] == schema.PING:
                self.says([schema.PONG, ping[2], self.now_ms - self.behind_ms])
        return sent

    def sends_of(self, kind):
        return [message for message in self.sends() if message[0] == kind]

    def _tell(self, kind, text, node):
        self.told.append(kind)

    def agree(self):
        """New keys."""
        pairs = self.peer.channel.pairs
        self.remote.receive(self.peer.offer(), self.now_ms)
        self.sends()
        assert self.peer.channel.pairs == pairs + 1

    def open(self, next_sequence=0, **hello):
        self.peer.hello.update(hello)
        if not self.peer.channel.sealed:
            self.agree()
        self.says(self.peer.greeting())
        self.remote.welcome(next_sequence, ())
        self.sends()
        self.sends()  # an acknowledgement that waited until the node had read the welcome
        self.sends()  # the ACK that had to wait for the first PONG

    def pong(self, out_ms, node_ms, back_ms):
        """A PING that takes `out_ms` to the node, whose clock says `node_ms`, and the PONG that takes `back_ms`."""
        sent_ms = self.now_ms
        self.now_ms += out_ms + back_ms
        self.says([schema.PONG, sent_ms, node_ms])


@pytest.fixture
def pair():
    pair = Pair()
    pair.peer.mute = True
    return pair


def commanding(pair, course, contactor=0, target=1, hold_s=60):
    """Run `course(asking)` with a request under way; the request's outcome."""

    async def both():
        asking = asyncio.create_task(pair.remote.command(contactor, target, hold_s, WITHIN_MS))
        await asyncio.sleep(0)
        await course(asking)
        return await asyncio.wait_for(asking, 5)

    return asyncio.run(both())


# Times


def test_a_reading_bears_the_unix_time_of_its_end(pair):
    pair.open(node_time_ms=10_000)  # at 100,000 of ours
    pair.now_ms = 130_000
    pair.says(pair.peer.interval(0, end_ms=4_000))
    (reading,) = pair.kept
    assert type(reading) is Reading
    assert (reading.node, reading.journal_epoch, reading.sequence) == ("home-01", 9, 0)
    assert (reading.time_ms, reading.node_end_ms) == (UNIX_MS + 94_000, 4_000)


def test_registers_and_switchings_are_kept_too(pair):
    pair.open()
    pair.says([schema.REGISTERS, 0, 1, 0, 17, 4], pair.peer.switched(1, 1, node_ms=6_000))
    registers, switching = pair.kept
    assert registers[:9] == ("home-01", 9, 0, 1, UNIX_MS + 90_000, 0, 0, 17, 4)
    assert registers.active_power_mw is None and registers.quality == 0
    assert switching == Switching("home-01", 9, 1, 1, UNIX_MS + 96_000, 6_000, "closed", "request", 60_000)


def test_records_of_former_boots_say_that_their_time_is_a_guess(pair):
    pair.open(boot_time_ms=5_000)
    pair.says(pair.peer.interval(0, end_ms=4_999), pair.peer.interval(1, end_ms=5_000))
    assert [reading.quality for reading in pair.kept] == [schema.TIME_UNSURE, 0]
    assert [reading.time_ms for reading in pair.kept] == [UNIX_MS + 94_999, UNIX_MS + 95_000]


def test_what_is_no_reading_is_kept_or_shown_too(pair):
    pair.open()
    sag = schema.EVENTS.index("sag")
    pair.says([schema.EVENT, 0, sag, 0, 6_000, 198_000, 340], [schema.CLOCK, 1, 6_000, 7, 3], [schema.SKIPPED, 2])
    event, clock, skipped = pair.kept
    assert (event.event, event.time_ms, event.told.text) == (
        "sag", UNIX_MS + 96_000, "grid: voltage sag to 198.0 V for 0.34 s",
    )  # fmt: skip
    assert clock == ClockRecord("home-01", 9, 1, 6_000, 7, 3)
    assert skipped == Skipped("home-01", 9, 2)
    pair.says([schema.VITALS, 8_000, 120_000, 7, 41, 62, 3, 1_780_000_900, 2, 1])
    assert pair.view.vitals == Vitals(UNIX_MS + 98_000, 120_000, 7, 41, 62, 3, 1_780_000_900, 2, True)
    pair.open(node_session=78)
    assert pair.view.vitals is None  # of the session before


def test_a_worlds_ticks_are_kept_as_they_come():
    pair = Pair()
    pair.open()
    pair.says([schema.TICK, 3, 7, 8_000, 0, b"\x01\0\0\0\xfe\xff\xff\xff"], [schema.TICK, 3, 8, 9_000, 1, b""])
    first, second = pair.view.world_ticks
    assert first == (3, 7, UNIX_MS + 98_000, "", b"\x01\0\0\0\xfe\xff\xff\xff") and first.words() == (1, -2)
    assert second[1:] == (8, UNIX_MS + 99_000, "input unknown", b"") and second.words() == ()


def test_a_report_of_a_trip_gives_the_event_its_unit(pair):
    pair.open()
    tripped, cause = schema.STATES.index("tripped"), schema.CAUSES.index("over-current")
    pair.says([schema.CONTACTOR, 1, 5_000, tripped, cause, 0, 0])
    pair.says([schema.EVENT, 0, schema.EVENTS.index("trip"), 1, 5_000, 42_300, 0])
    assert pair.kept[0].told.text == "pump tripped because of over-current: 42.3 A"


def test_the_shortest_round_trip_sets_the_clock(pair):
    pair.open(node_time_ms=9_000)  # HELLO was 1 s under way: wrong by so much
    pair.pong(5, pair.now_ms - 90_000 + 5, 5)
    for _ in range(10):
        pair.now_ms += 2000
        pair.pong(700, pair.now_ms + 700 - 90_000, 20)  # all the delay on the way out
    pair.says(pair.peer.interval(0, end_ms=20_000))
    assert pair.kept[0].time_ms == UNIX_MS + 110_000
    assert pair.view.round_trip_ms == 720.0
    assert pair.view.clock_offset_ms == 0.0


def test_the_clock_is_never_off_by_more_than_half_the_shortest_round_trip(pair):
    pair.open()
    for out_ms, back_ms in ((900, 10), (10, 60), (1500, 0), (0, 1500)):
        pair.pong(out_ms, pair.now_ms + out_ms - 90_000, back_ms)
        pair.now_ms += 2000
    pair.says(pair.peer.interval(0, end_ms=20_000))
    assert abs(pair.kept[0].time_ms - (UNIX_MS + 110_000)) <= 35


@pytest.mark.parametrize("jump_ms", [60_000, -60_000])
def test_after_a_jump_of_a_clock_answers_that_agree_put_times_right_and_it_is_told(pair, jump_ms):
    pair.behind_ms = 0
    pair.open(node_time_ms=100_000)
    for _ in range(8):
        pair.now_ms += 2000
        pair.pong(1, pair.now_ms + 1, 1)
    for _ in range(3):
        assert pair.told == []
        pair.now_ms += 2000
        pair.pong(40, pair.now_ms + 40 + jump_ms, 40)  # a worse round trip than those before
    pair.says(pair.peer.interval(0, end_ms=120_000 + jump_ms))
    assert pair.kept[0].time_ms == UNIX_MS + 120_000 and len(pair.told) == 1


def test_drift_shows_as_offset(pair):
    pair.open()
    for _ in range(50):
        pair.now_ms += 2000
        pair.pong(2, round((pair.now_ms - 89_998) * 1.0001), 2)
    assert pair.view.clock_offset_ms == pytest.approx(10, abs=4)  # 100 ppm of 100 s, less what the filter lags


def test_an_answer_from_the_future_is_not_believed(pair):
    pair.open()
    pair.pong(1, pair.now_ms + 1 - 90_000, 1)
    pair.says([schema.PONG, pair.now_ms + 5_000, 1])
    pair.says(pair.peer.interval(0, end_ms=10_000))
    assert pair.kept[0].time_ms == UNIX_MS + 100_000


# Requests


def test_a_request_is_sent_until_its_outcome_comes(pair):
    pair.open(node_time_ms=10_000)

    async def course(asking):
        (first,) = pair.sends_of(schema.REQUEST)
        assert first == [schema.REQUEST, pair.peer.session, 1, 0, 1, 60, 10_000 + WITHIN_MS]
        assert pair.sends_of(schema.REQUEST) == []
        for _ in range(3):
            pair.now_ms += node.RESEND_REQUEST_MS
            assert pair.sends_of(schema.REQUEST) == [first]
        pair.says(pair.peer.outcome(first))
        pair.now_ms += node.RESEND_REQUEST_MS
        assert pair.sends_of(schema.REQUEST) == []

    outcome = commanding(pair, course)
    assert (outcome.applied, outcome.reason, outcome.state, outcome.wait_ms) == (True, "none", "closed", 1500)
    pair.now_ms += node.RESEND_REQUEST_MS
    assert pair.sends_of(schema.REQUEST) == []


def test_a_refusal_bears_its_reason(pair):
    pair.open()

    async def course(asking):
        pair.says(pair.peer.outcome(pair.sends_of(schema.REQUEST)[0], "min off time"))

    outcome = commanding(pair, course)
    assert (outcome.applied, outcome.reason) == (False, "min off time")


def test_without_an_outcome_a_request_ends_unknown_after_the_node_would_refuse_it(pair):
    pair.open(node_time_ms=10_000)

    async def course(asking):
        (request,) = pair.sends_of(schema.REQUEST)
        pair.now_ms += WITHIN_MS
        pair.sends()
        await asyncio.sleep(0)
        assert not asking.done()
        assert request[6] == 10_000 + WITHIN_MS  # node time: from here on it refuses
        pair.now_ms += node.RESEND_REQUEST_MS
        assert pair.sends_of(schema.REQUEST) == []

    assert commanding(pair, course) is None


def test_a_new_session_ends_requests_unknown_and_never_repeats_them(pair):
    pair.open()

    async def course(asking):
        assert len(pair.sends_of(schema.REQUEST)) == 1
        pair.peer.restart()
        pair.open()
        for _ in range(12):
            pair.now_ms += node.RESEND_REQUEST_MS
            assert pair.sends_of(schema.REQUEST) == []

    assert commanding(pair, course) is None


def test_a_link_that_closes_ends_requests_unknown(pair):
    pair.open()

    async def course(asking):
        pair.sends()
        pair.remote.closed()
        assert pair.sends() == [[schema.CALL, 7]]

    assert commanding(pair, course) is None


def test_the_outcome_of_another_session_is_none_of_ours(pair):
    pair.open()

    async def course(asking):
        (request,) = pair.sends_of(schema.REQUEST)
        pair.says(pair.peer.outcome(request, session=pair.peer.session + 1))
        await asyncio.sleep(0)
        assert not asking.done()
        pair.says(pair.peer.outcome(request, "interlock"))

    assert commanding(pair, course).reason == "interlock"


@pytest.mark.parametrize("reason", ["repeat too old", "wrong session"])  # an earlier copy may have been carried out
def test_an_outcome_the_node_cannot_tell_is_unknown(pair, reason):
    pair.open()

    async def course(asking):
        pair.says(pair.peer.outcome(pair.sends_of(schema.REQUEST)[0], reason))

    assert commanding(pair, course) is None


def test_two_requests_get_their_own_outcomes(pair):
    pair.open()

    async def both():
        asking = [asyncio.create_task(pair.remote.command(index, 1, 60, WITHIN_MS)) for index in (0, 1)]
        await asyncio.sleep(0)
        first, second = pair.sends_of(schema.REQUEST)
        assert first[2] != second[2]
        pair.says(pair.peer.outcome(second, "interlock"), pair.peer.outcome(first))
        return [outcome.reason for outcome in await asyncio.gather(*asking)]

    assert asyncio.run(both()) == ["none", "interlock"]


# What is taken


def test_a_channel_that_was_never_announced_is_not_taken(pair):
    pair.open()
    pair.says(pair.peer.interval(0, channel=2), pair.peer.interval(1, channel=1), pair.peer.live(2, 5))
    assert [reading.sequence for reading in pair.kept] == [1]
    assert pair.view.live == {}
    assert pair.remote.rejected == 2


def test_a_contactor_that_was_never_announced_is_not_taken(pair):
    pair.open()
    pair.says(pair.peer.contactor(2), pair.peer.switched(0, 2), pair.peer.switched(1, 1))
    assert [record.sequence for record in pair.kept] == [1]
    assert pair.view.contactor_reports == {}
    assert pair.remote.rejected == 2


def test_a_record_not_taken_does_not_stop_those_behind_it(pair):
    pair.open()
    pair.says(pair.peer.interval(0, channel=5))
    (ack,) = pair.sends_of(schema.ACK)
    assert ack[2] == 1  # the node may let it go


def test_records_are_acknowledged_when_kept_not_when_heard(pair):
    pair.open()
    pair.says(pair.peer.interval(0), pair.peer.interval(1))
    assert pair.sends_of(schema.ACK) == []
    pair.remote.kept(0)
    assert [ack[2] for ack in pair.sends_of(schema.ACK)] == [1]


def test_a_forgotten_record_is_taken_again(pair):
    pair.open()
    pair.says(pair.peer.interval(0))
    pair.says(pair.peer.interval(0))
    assert len(pair.kept) == 1
    pair.remote.forgotten(0)
    pair.says(pair.peer.interval(0))
    assert [reading.sequence for reading in pair.kept] == [0, 0]


def test_a_floor_is_told_and_acknowledged(pair):
    pair.open()
    pair.says([schema.FLOOR, 9, 40], pair.peer.interval(39), pair.peer.interval(40))
    assert pair.gaps == [("home-01", 9, 40)]
    assert [reading.sequence for reading in pair.kept] == [40]
    assert pair.sends_of(schema.ACK)[-1][2] == 40


def test_live_values_and_reports_are_shown_and_forgotten_with_the_session(pair):
    pair.open()
    pair.says(pair.peer.live(0, 700), pair.peer.live(1, 300), pair.peer.contactor(1, node_ms=9_000))
    assert pair.view.active_power_mw() == 1000
    assert list(pair.view.live_trail) == [(UNIX_MS + 95_000, 1000)]
    assert pair.view.contactor_reports[1].time_ms == UNIX_MS + 99_000
    pair.peer.restart()
    pair.agree()
    pair.says(pair.peer.greeting())
    assert pair.view.live == {} and pair.view.contactor_reports == {}


def shown(pair, imported, exported=0, channel=0):
    pair.says([schema.LIVE, channel, 12_000, imported, exported, *[None] * 6, 0])
    live = pair.view.live[channel]
    return live.energy_import_mwh, live.energy_export_mwh


def test_registers_that_a_power_cut_took_back_stand_still_until_they_are_reached_again(pair):
    pair.open()
    assert shown(pair, 1_000, 70) == (1_000, 70)
    pair.open(node_session=78, boot_epoch=5)  # what was metered since the last record is lost
    assert pair.view.live == {}
    assert shown(pair, 960, 50) == (1_000, 70)
    assert shown(pair, 990, 75) == (1_000, 75)
    assert shown(pair, 960, 0, channel=1) == (960, 0)
    assert shown(pair, 1_001, 75) == (1_001, 75)


def test_registers_that_are_new_are_shown_as_they_are(pair):
    pair.open()
    shown(pair, 1_000)
    shown(pair, 2_000, channel=1)
    began = schema.EVENTS.index("registers began")
    pair.says([schema.EVENT, 0, began, 1, 12_000, 0, 0])
    assert (shown(pair, 5), shown(pair, 7, channel=1)) == ((1_000, 0), (7, 0))
    pair.open(node_session=78, journal_epoch=10)  # another unit, or an erased one
    assert shown(pair, 5) == (5, 0)


def test_a_foreign_node_is_shown_without_values_and_told_of_once(pair):
    pair.open()
    pair.says(pair.peer.live(0, 700))
    before = len(pair.greeted)
    pair.peer.hello.update(schema_digest=FOREIGN, firmware="9.0")
    pair.says(pair.peer.greeting())
    pair.says(pair.peer.greeting())
    assert (pair.view.link_state, pair.view.firmware) == (LinkState.INCOMPATIBLE, "9.0")
    assert pair.view.live == {}
    assert len(pair.greeted) == before + 1
    pair.says(pair.peer.interval(0))
    assert pair.kept == []


def test_counters_tell_what_the_line_did(pair):
    pair.open()
    good = pair.peer.packet(pair.peer.interval(0))
    flipped = bytearray(good)
    flipped[9] ^= 4
    for packet in (bytes(flipped), good, good, pair.peer.packet(pair.peer.interval(0)), b"\x08\x01", b"\x00\x01"):
        pair.remote.receive(packet, pair.now_ms)
    pair.says([schema.CALL, 1])
    old = pair.peer.channel
    pair.peer.restart()
    pair.open()
    pair.remote.receive(bytes(old.packet[: old.message(pair.peer.live(0, 5))]), pair.now_ms)
    pair.remote.receive(b"\x21" + bytes(20), pair.now_ms)
    pair.remote.count()
    counters = pair.view.counters
    assert counters["readings"] == 1 and counters["repeats"] == 1
    causes = {cause: counters[cause] for cause in ("unknown", "forged", "replayed", "stale", "garbled")}
    assert causes == {"unknown": 1, "forged": 1, "replayed": 1, "stale": 1, "garbled": 2}


def test_only_good_messages_count_as_heard(pair):
    pair.open()
    heard_ms = pair.view.last_heard_ms
    pair.now_ms += 4000
    for packet in (b"\x17garbage" * 3, pair.peer.offer(), pair.peer.offer()[:-1] + b"x"):
        pair.remote.receive(packet, pair.now_ms)
    assert (pair.view.last_heard_ms, pair.remote.heard_ms) == (heard_ms, 100_000)
    pair.says(pair.peer.live(0, 1))
    assert (pair.view.last_heard_ms, pair.remote.heard_ms) == (heard_ms + 4000, 104_000)
