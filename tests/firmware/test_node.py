"""The node as a whole, without a board: what it records, what it reports and to whom, and how it obeys."""

from gridnode.metering.channel import Channel
from gridnode.metering.window import SAMPLE
from gridnode.node.node import Identity, Node
from gridnode.node.ring import Ring
from gridnode.switching.contactor import Contactor
from gridnode.wire import cbor, schema
from gridnode.wire.channel import NodeChannel
from gridnode.wire.host_channel import CALL_PACKET, HostChannel
from gridnode.wire.node_session import NodeSession
from gridnode.wire.session import QUIET_MS, decode

RATE_HZ = 1000
WINDOW_MS = 200
MIN_ON_MS, MIN_OFF_MS, MAX_HOLD_S = 3_000, 3_000, 900
HOST_SESSION = 12
NAME, KEY = "home-01", b"k" * 32
CREDIT = 4096


class Window:
    """One that ends with every feed: `power_mw` over WINDOW_MS."""

    sample_rate_hz = RATE_HZ
    frequency_mhz = 50_000
    quality = 0

    def __init__(self, power_mw):
        self.active_power_mw = power_mw
        self.reactive_power_mvar, self.apparent_power_mva = 0, abs(power_mw)
        self.voltage_rms_mv, self.current_rms_ma = 230_000, 5_000
        self.length = WINDOW_MS * RATE_HZ // 1000 * SAMPLE

    def feed(self, voltage, current, n):
        return True


class Meter:
    """Feeds its channels one window for each WINDOW_MS that has passed."""

    def __init__(self, channels):
        self._channels = channels

    def pump(self, now_us):
        while self._channels[0].end_us + WINDOW_MS * 1000 <= now_us:
            for channel in self._channels:
                channel.feed(None, None, 0)


class Link:
    """What the node sent: messages in `sent`, offers in `offers`; `incoming` are packets for it."""

    def __init__(self):
        self.idle = True
        self.incoming = []
        self.sent = []
        self.offers = []
        self.host = HostChannel(NAME, [(1, KEY)])

    def receive(self, now_ms):
        found, self.incoming = self.incoming, []
        return found

    def flush(self, now_ms):
        pass

    def send(self, packet, length, urgent):
        packet = bytes(packet[:length])
        if packet[0]:
            self.sent.append(self.opened(packet))
        else:
            self.offers.append(packet)

    def opened(self, packet):
        return decode(self.host.open(packet)[0])


class Kept(Ring):
    """A journal whose flash is a list of what was saved."""

    boot_epoch, boot_time_ms, damaged = 6, 0, 0
    registers = (None, None)
    must_save = False
    saved_next = 0
    locks = 0

    def __init__(self, records, epoch):
        super().__init__(records, 96, epoch)
        self.saved = []

    @property
    def saves(self):
        return len(self.saved)

    def tidy(self):
        pass

    def save(self, now_ms, registers):
        self.saved.append((now_ms, registers))
        self.saved_next = self.next


SPEC = {
    "name": "heater",
    "min_on_s": MIN_ON_MS // 1000,
    "min_off_s": MIN_OFF_MS // 1000,
    "max_hold_s": MAX_HOLD_S,
    "feedback_ms": 200,
    "retry_after_s": 60,
    "retries": 3,
    "retry_window_s": 3600,
}


class Bench:
    """A node with two channels and one contactor, at node time `now_ms`, and a host's part to play."""

    def __init__(self, records=64, interval_s=2, failing=None):
        self.now_ms = 0
        self.coil = []
        self.link = Link()
        self.contactor = Contactor(SPEC, self.coil.append)
        self.contactor.boot(0)
        self.channels = [Channel("grid", Window(3_600_000)), Channel("pv", Window(-1_800_000))]
        self._numbers = 1000
        self.ring = Kept(records, self.random())
        self.node = Node(
            "nowhere", Identity(NAME, "bench board", 6, 0, "brown-out"), Meter(self.channels), self.channels,
            [self.contactor], self.link, NodeChannel(NAME, [(1, KEY)], 6, self.random), self.ring, NodeSession,
            interval_s, MAX_HOLD_S, failing,
        )  # fmt: skip

    def random(self, bits=30):
        self._numbers += 2
        return self._numbers

    def run(self, until_ms, step_ms=10):
        """Step up to node time `until_ms`; what was sent meanwhile."""
        before = len(self.link.sent)
        while self.now_ms < until_ms:
            self.now_ms += step_ms
            self.node.step(self.now_ms)
        return self.link.sent[before:]

    def say(self, message):
        """A message to the node; what it sent in answer."""
        return self.bring(self.link.host.message(message))

    def bring(self, packet):
        self.link.incoming.append(packet)
        before = len(self.link.sent)
        self.node.step(self.now_ms)
        return self.link.sent[before:]

    def agree(self):
        """Keys with its host; the HELLO that follows."""
        if not self.link.offers:
            self.node.step(self.now_ms)
        answer = self.link.host.offered(self.link.offers[-1])
        if answer is None:  # taken before
            self.run(self.now_ms + QUIET_MS + 1000)
            self.bring(CALL_PACKET)
            answer = self.link.host.offered(self.link.offers[-1])
        (hello,) = self.bring(answer)
        return hello

    def welcome(self, next_sequence=0, credit=CREDIT):
        hello = self.agree()
        self.session = hello[10] ^ HOST_SESSION
        return self.say(
            [schema.WELCOME, schema.digest(), hello[10], HOST_SESSION, self.ring.epoch, next_sequence, 0, credit]
        )

    def ask(self, command, target, hold_s=60, contactor=0, expires_ms=None):
        """Make a request; its outcome as (result, reason, state, hold_remaining_ms, wait_ms)."""
        expires_ms = self.now_ms + 1000 if expires_ms is None else expires_ms
        sent = self.say([schema.REQUEST, self.session, command, contactor, target, hold_s, expires_ms])
        (outcome,) = [message for message in sent if message[0] == schema.OUTCOME]
        assert outcome[1:3] == [self.session, command]
        return schema.RESULTS[outcome[3]], schema.REASONS[outcome[4]], outcome[5], outcome[6], outcome[7]

    def of(self, kind):
        return [message for message in self.link.sent if message[0] == kind]

    def records(self, kind=None):
        """What the ring holds, decoded."""
        found = []
        for sequence in range(self.ring.oldest, self.ring.next):
            buffer, start, length = self.ring.record(sequence)
            found.append(cbor.decode(bytes(buffer[start : start + length])))
        return [record for record in found if kind is None or record[0] == kind]


def switchings(bench):
    return [(r[3], schema.STATES[r[4]], schema.CAUSES[r[5]], r[6]) for r in bench.records(schema.SWITCHED)]


# Records


def test_a_boot_is_recorded_with_the_registers_and_the_contactors():
    bench = Bench()
    assert bench.coil == [False]
    boot, began = schema.EVENTS.index("boot"), schema.EVENTS.index("registers began")
    assert bench.records() == [
        [schema.EVENT, 0, boot, 0, 0, 6, 0],
        [schema.EVENT, 1, began, 0, 0, 0, 0],
        [schema.REGISTERS, 2, 0, 0, 0, 0],
        [schema.EVENT, 3, began, 1, 0, 0, 0],
        [schema.REGISTERS, 4, 1, 0, 0, 0],
        [schema.SWITCHED, 5, 0, 0, 0, schema.CAUSES.index("boot"), 0],
    ]


def test_registers_and_journal_are_saved_once_a_minute_and_when_the_supply_goes():
    for interval_s in (60, 900):  # the energy of a longer interval is saved on the way
        failing = []
        bench = Bench(records=200, interval_s=interval_s, failing=lambda failing=failing: bool(failing))
        bench.run(200_000, step_ms=100)
        times = [now_ms for now_ms, _ in bench.ring.saved]
        assert len(times) == 3 and all(b - a >= 59_000 for a, b in [(times[0], times[1]), (times[1], times[2])]), times
        assert bench.ring.saved[-1][1][0][0] > 0
        failing.append(True)
        bench.run(200_100)
        assert len(bench.ring.saved) == 4, "not at once"
        bench.run(200_500)
        assert len(bench.ring.saved) == 4, "again and again"


def test_a_lock_out_is_saved_when_it_begins_and_when_it_ends():
    bench = Bench(interval_s=60)
    bench.run(5_000)
    for state, locks in (("locked out", 1), ("open", 0)):
        bench.contactor.state = state
        bench.contactor.on_change(bench.contactor, bench.now_ms)
        bench.run(bench.now_ms + 1_000)
        assert bench.ring.locks == locks
    assert len(bench.ring.saved) == 2, bench.ring.saved


def test_an_interval_is_saved_before_it_is_told():
    bench = Bench(records=200, interval_s=2)
    bench.welcome()
    told = []

    def send(packet, length, urgent):
        message = bench.link.opened(bytes(packet[:length])) if packet[0] else [0]
        if message[0] == schema.INTERVAL:
            told.append(message[1])
            assert message[1] < bench.ring.saved_next, message

    bench.link.send = send
    bench.run(21_000)
    assert told, "nothing was told"


def test_a_reading_that_goes_bad_is_told_once_and_so_is_that_it_is_good_again():
    bench = Bench(records=200)
    bench.run(1_000)
    bench.channels[0].window.quality = schema.CLIPPED | schema.SHORT_WINDOW
    bench.run(5_000)
    bench.channels[0].window.quality = 0
    bench.run(30_000)
    quality = schema.EVENTS.index("quality")
    told = [record[3:] for record in bench.records(schema.EVENT) if record[2] == quality]
    assert [(index, value) for index, _, value, _ in told] == [(0, schema.CLIPPED), (0, 0)], told
    assert told[1][1] >= 15_000


def test_the_time_of_day_is_recorded_when_it_is_heard_and_when_it_jumps():
    bench = Bench()
    bench.welcome()
    clocks = []
    for later_ms in (0, 4, 100_000, 100_001):  # only the second time that says so is believed
        bench.say([schema.PING, bench.session, 1, 1_800_000_000_000 + later_ms, bench.now_ms, 5])
        clocks.append([record[2:] for record in bench.records(schema.CLOCK)])
    first, jumped = [0, 1_800_000_000_000, 5], [0, 1_800_000_100_001, 5]
    assert clocks == [[first], [first], [first], [first, jumped]]


def test_intervals_abut_and_their_energy_is_that_of_the_registers():
    bench = Bench()
    bench.run(20_000)
    for channel, power_mw in ((0, 3_600_000), (1, -1_800_000)):
        intervals = [record for record in bench.records(schema.INTERVAL) if record[2] == channel]
        assert len(intervals) == 10
        end_ms = 0
        for _, _, _, this_end_ms, duration_ms, import_mwh, export_mwh, active_mw in [r[:8] for r in intervals]:
            assert this_end_ms - duration_ms == end_ms
            end_ms = this_end_ms
            assert active_mw == power_mw
            assert import_mwh - export_mwh == power_mw * end_ms // 3_600_000
        assert end_ms == 20_000


def test_both_channels_report_the_same_interval():
    bench = Bench()
    bench.run(8_000)
    intervals = bench.records(schema.INTERVAL)
    assert [record[2] for record in intervals] == [0, 1] * 4
    assert [record[3] for record in intervals[::2]] == [record[3] for record in intervals[1::2]]


def test_after_a_long_pause_there_is_one_long_interval_and_none_is_made_up():
    bench = Bench()
    bench.run(4_000)
    bench.now_ms = 31_000
    bench.run(34_000)
    first = [record[3:5] for record in bench.records(schema.INTERVAL) if record[2] == 0]
    assert first == [[2_000, 2_000], [4_000, 2_000], [31_000, 27_000], [32_000, 1_000], [34_000, 2_000]]


# Reports


def test_without_a_host_it_offers_itself_and_keeps_its_records():
    bench = Bench()
    bench.run(10_000)
    assert bench.link.sent == []
    assert 9 <= len(bench.link.offers) <= 11
    hello = bench.agree()
    assert hello[2:8] == [schema.digest(), "home-01", "bench board", hello[5], 6, "brown-out"]
    assert hello[12:] == [bench.ring.epoch, 0, bench.ring.next, 2, MAX_HOLD_S, ["grid", "pv"], ["heater"], 0]
    assert bench.ring.next == 6 + 2 * 5


def test_live_values_come_at_once_then_once_a_second_and_in_a_session_only():
    bench = Bench()
    assert not [m for m in bench.run(5_400) if m[0] == schema.LIVE]
    first = bench.welcome() + bench.run(5_500)
    assert [m[1] for m in first if m[0] == schema.LIVE] == [0, 1]
    sent = bench.run(10_050)
    for kind, index in ((schema.LIVE, 0), (schema.LIVE, 1), (schema.CONTACTOR, 0)):
        assert len([m for m in sent if m[0] == kind and m[1] == index]) == 5, (kind, index)
    live = [m for m in sent if m[0] == schema.LIVE and m[1] == 0][-1]
    assert live[2] == 10_000 and live[5] == 3_600_000 and live[3] == bench.channels[0].energy.import_mwh


def test_records_of_the_time_without_a_host_follow_its_welcome_in_order():
    bench = Bench()
    bench.run(10_000)
    sent = bench.welcome() + bench.run(10_200)
    records = [message for message in sent if message[0] in schema.RELIABLE]
    assert [record[1] for record in records] == list(range(bench.ring.next))
    assert records == bench.records()


def test_a_long_backlog_does_not_hold_up_the_meter():
    bench = Bench(records=200)
    bench.run(120_000, step_ms=100)
    assert len(bench.welcome(credit=1 << 20)) <= 3


def test_while_the_line_is_full_nothing_is_taken_from_the_ring_and_commands_are_obeyed():
    bench = Bench()
    bench.run(4_000)
    bench.welcome()
    bench.run(4_100)
    bench.link.idle = False
    assert bench.run(8_000) == []
    assert bench.say([schema.REQUEST, bench.session, 1, 0, 1, 60, 20_000]) == []
    assert bench.coil[-1] is True
    bench.link.idle = True
    sent = bench.run(8_020)
    assert schema.OUTCOME in [message[0] for message in sent]


def test_a_ring_that_overflowed_says_from_where_it_has_records():
    bench = Bench(records=8)
    bench.run(20_000)
    assert (bench.ring.dropped, bench.ring.oldest) == (18, 18)
    sent = bench.welcome()
    (hello,) = bench.of(schema.HELLO)
    assert hello[13:15] == [18, 26]
    sent += bench.run(20_100)
    (floor,) = [message for message in sent if message[0] == schema.FLOOR]
    assert floor == [schema.FLOOR, bench.ring.epoch, 18]
    assert [message[1] for message in sent if message[0] in schema.RELIABLE] == list(range(18, 26))


def test_a_ring_that_overflows_within_a_session_says_so_with_the_next_acknowledgement():
    bench = Bench(records=10)
    bench.run(4_000)
    bench.welcome()
    bench.run(12_000)  # the host hears all and stores nothing
    assert bench.ring.oldest == 8
    sent = bench.say([schema.ACK, bench.ring.epoch, 0, 0, CREDIT])
    assert [message for message in sent if message[0] == schema.FLOOR] == [[schema.FLOOR, bench.ring.epoch, 8]]


def test_acknowledged_records_are_let_go():
    bench = Bench()
    bench.run(4_000)
    bench.welcome()
    bench.run(4_100)
    bench.say([schema.ACK, bench.ring.epoch, 5, 0, CREDIT])
    assert bench.ring.oldest == 5


# Commands


def commanded(now_ms=5_000):
    bench = Bench()
    bench.run(now_ms)
    bench.welcome()
    return bench


def test_a_request_closes_for_its_hold_and_the_hold_ends_by_itself():
    bench = commanded()
    assert bench.ask(1, 1, hold_s=10) == ("applied", "none", 1, 10_000, 0)
    assert bench.coil == [False, True]
    bench.run(14_990)
    assert bench.coil == [False, True]
    bench.run(15_010)
    assert bench.coil == [False, True, False]
    assert switchings(bench)[1:] == [(5_000, "closed", "request", 10_000), (15_000, "open", "expiry", 0)]


def test_a_hold_ends_without_any_host():
    bench = commanded()
    bench.ask(1, 1, hold_s=20)
    bench.run(30_000)  # the host is silent: the session is over after 15 s
    assert bench.coil[-1] is False
    assert switchings(bench)[-1] == (25_000, "open", "expiry", 0)


def test_a_change_is_reported_at_once():
    bench = commanded()
    bench.run(5_300)
    sent = bench.say([schema.REQUEST, bench.session, 1, 0, 1, 60, 9_000])
    kinds = [message[0] for message in sent]
    assert kinds[0] == schema.OUTCOME
    assert [m for m in sent if m[0] == schema.CONTACTOR][-1] == [schema.CONTACTOR, 0, 5_300, 1, 1, 60_000, 3_000]
    assert [m[2:] for m in sent if m[0] == schema.SWITCHED][-1] == [0, 5_300, 1, 1, 60_000]


def test_a_hold_that_ends_is_reported_at_once():
    bench = commanded(5_300)
    bench.ask(1, 1, hold_s=10)
    sent = bench.run(15_300)
    expiry = schema.CAUSES.index("expiry")
    assert [m for m in sent if m[0] == schema.CONTACTOR][-1] == [schema.CONTACTOR, 0, 15_300, 0, expiry, 0, 3_000]


def test_refusals_bear_their_reason_and_how_long_it_lasts():
    bench = commanded(1_000)
    assert bench.ask(1, 1) == ("refused", "min off time", 0, 0, 2_000)
    bench.run(3_000)
    assert bench.ask(2, 1, hold_s=0) == ("refused", "hold out of range", 0, 0, 0)
    assert bench.ask(3, 1, hold_s=MAX_HOLD_S + 1) == ("refused", "hold out of range", 0, 0, 0)
    assert bench.ask(4, 1, hold_s=(1 << 63) - 1) == ("refused", "hold out of range", 0, 0, 0)
    assert bench.ask(5, 1, contactor=1) == ("refused", "unknown contactor", None, 0, 0)
    assert bench.coil == [False]
    assert bench.ask(6, 1, hold_s=MAX_HOLD_S) == ("applied", "none", 1, MAX_HOLD_S * 1000, 0)
    bench.run(4_000)
    assert bench.ask(7, 0) == ("refused", "min on time", 1, MAX_HOLD_S * 1000 - 1_000, 2_000)
    assert bench.coil == [False, True]


def test_a_renewal_replaces_the_hold_and_is_no_new_record():
    bench = commanded()
    bench.ask(1, 1, hold_s=10)
    bench.run(9_000)
    assert bench.ask(2, 1, hold_s=10) == ("applied", "none", 1, 10_000, 0)
    assert len(switchings(bench)) == 2
    bench.run(9_050)
    assert bench.of(schema.CONTACTOR)[-1] == [schema.CONTACTOR, 0, 9_000, 1, 1, 10_000, 0]
    bench.run(18_900)
    assert bench.coil == [False, True]
    bench.run(19_010)
    assert bench.coil == [False, True, False]


def test_a_request_past_its_time_is_not_carried_out():
    bench = commanded()
    assert bench.ask(1, 1, expires_ms=4_999) == ("refused", "expired", None, 0, 0)
    assert bench.coil == [False]


def test_a_repeated_request_is_carried_out_once_and_answered_each_time():
    bench = commanded()
    first = bench.ask(1, 1, hold_s=10)
    bench.run(6_000)
    assert bench.ask(1, 1, hold_s=10) == first
    bench.run(15_010)
    assert bench.coil == [False, True, False]
    bench.run(19_000)
    assert bench.ask(1, 1, hold_s=10) == first
    assert bench.coil == [False, True, False]


def test_a_request_of_a_former_session_is_not_carried_out():
    bench = commanded()
    former = bench.session
    bench.run(30_000)  # silence ends the session
    bench.welcome()
    assert bench.session != former
    (outcome,) = [m for m in bench.say([schema.REQUEST, former, 1, 0, 1, 60, 90_000]) if m[0] == schema.OUTCOME]
    assert schema.REASONS[outcome[4]] == "wrong session"
    assert bench.coil == [False]


def test_a_node_whose_names_do_not_fit_one_hello_does_not_start():
    for names in (["x" * 33], ["a channel with quite a long name"] * 8):
        bench = Bench()
        channels = [Channel(name, Window(0)) for name in names]
        identity = Identity("home-01", "bench board", 6, 0, "brown-out")
        try:
            Node(
                "nowhere",
                identity,
                Meter(channels),
                channels,
                [],
                bench.link,
                NodeChannel(NAME, [], 6, bench.random),
                bench.ring,
                NodeSession,
                2,
                MAX_HOLD_S,
            )
        except ValueError as error:
            assert "names" in str(error)
        else:
            raise AssertionError("started with %s" % names)
