"""The simulated LoRa channel: airtime, who hears whom, and that the same seed gives the same."""

import math
import random

import pytest

from tools.air.airtime import TABLE, airtime_ms
from tools.air.audit import Audit
from tools.air.channel import Channel, Config, Heard
from tools.air.events import Events
from tools.air.port import Port
from tools.air.propagation import noise_dbm

HOME = 869_525, 125, 9
POWER_DBM = 14


class Ear(Port):
    """A port that keeps what it heard."""

    def __init__(self, channel, antenna, config=HOME):
        super().__init__(channel, antenna)
        self.heard: list[Heard] = []
        self.on_heard = self.heard.append
        if config:
            self.receive(*config)

    @property
    def good(self) -> list[bytes]:
        return [heard.data for heard in self.heard if heard.good]


def line(*positions_m, seed=0, **options):
    """(events, channel, an Ear at each position on a line in free space)."""
    events = Events()
    channel = Channel(events, seed, "free", fading_db=0, **options)
    return events, channel, [Ear(channel, channel.antenna(f"n{at}", at)) for at in positions_m]


def later(events, ms, call, *args):
    events.at(events.now_us + round(ms * 1000), call, *args)


def send(port, data, config=HOME, power_dbm=POWER_DBM, preamble=8):
    return port.send(data, *config, power_dbm, preamble)


@pytest.mark.parametrize(("length", "factor", "ms"), [(n, f, ms) for n, row in TABLE.items() for f, ms in row.items()])
def test_airtime_is_an1200_13s(length, factor, ms):
    assert abs(airtime_ms(length, factor) - ms) <= 0.6


def test_airtime_of_the_paper_that_lorasim_comes_from():
    assert airtime_ms(20, 12, cr=4, low_rate=True) == pytest.approx(1712.13, abs=0.01)


def test_a_packet_is_heard_by_all_who_listen_for_its_kind():
    events, channel, (a, b, c) = line(0, 100, 200)
    c.receive(869_525, 125, 10)
    end_us = send(a, b"hello")
    events.run_until(end_us)
    assert b.good == [b"hello"] and not c.heard and not a.heard
    assert b.heard[0].rssi_dbm == round(POWER_DBM + channel.gain_db(a.antenna, b.antenna))
    assert b.heard[0].end_us == end_us == round(1000 * airtime_ms(5, 9))


def test_a_frequency_beside_is_not_heard():
    events, _, (a, b) = line(0, 100)
    b.receive(868_300, 125, 9)
    events.run_until(send(a, b"x"))
    assert not b.heard


def test_snr_limit_decides():
    """The distance at which a packet of 14 dBm is just heard in free space is where its SNR is the data sheet's."""
    reach_m = 10 ** ((POWER_DBM + 4 - noise_dbm(125) + 12.5 - (20 * math.log10(868) - 27.55)) / 20)
    for factor in (0.99, 1.01):
        events, _, (a, b) = line(0, reach_m * factor)
        events.run_until(send(a, b"x"))
        assert bool(b.good) == (factor < 1)


def test_half_duplex():
    events, _, (a, b, c) = line(0, 100, 200)
    send(a, b"first")
    later(events, 20, send, b, b"second")
    events.run_until(1_000_000)
    assert not b.heard and not a.heard and c.locked is False


def test_who_sends_does_not_hear_and_hears_again_afterwards():
    events, _, (a, b) = line(0, 100)
    end_us = send(b, b"mine")
    send(a, b"lost on b")
    events.run_until(end_us + 1_000_000)
    assert not b.heard
    events.run_until(send(a, b"heard"))
    assert b.good == [b"heard"]


def test_sending_twice_at_once_is_refused():
    _, _, (a, _) = line(0, 100)
    send(a, b"x")
    with pytest.raises(RuntimeError):
        send(a, b"y")


@pytest.mark.parametrize(("late_symbols", "heard"), [(2.9, True), (3.1, False)])
def test_five_symbols_of_the_preamble_are_needed(late_symbols, heard):
    events, _, (a, b) = line(0, 100)
    b.standby()
    send(a, b"x")
    later(events, late_symbols * 4.096, b.receive, *HOME)
    events.run_until(1_000_000)
    assert bool(b.good) is heard


def test_near_far_the_stronger_is_captured_and_equals_destroy_each_other():
    events, _, (near, ear, far, twin) = line(-100, 0, 1000, 110)
    send(near, b"near")
    send(far, b"far")
    events.run_until(1_000_000)
    assert ear.good == [b"near"]
    send(near, b"near")
    send(twin, b"twin")
    events.run_until(2_000_000)
    assert ear.good == [b"near"] and ear.heard[-1].cause == "collided"


def test_a_stronger_one_that_begins_in_the_payload_destroys_and_is_not_heard():
    events, _, (near, ear, far) = line(-100, 0, 1000)
    send(far, b"far")
    later(events, 80, send, near, b"near")
    events.run_until(1_000_000)
    assert [heard.cause for heard in ear.heard] == ["collided"]


def test_a_stronger_one_that_begins_in_the_preamble_takes_the_receiver():
    events, _, (near, ear, far) = line(-100, 0, 1000)
    send(far, b"far", preamble=30)
    later(events, 60, send, near, b"near")
    events.run_until(1_000_000)
    assert ear.good == [b"near"]


def test_a_weaker_one_that_overlaps_only_the_first_symbols_of_a_preamble_does_no_harm():
    for overlap_symbols, heard in ((2.5, True), (3.5, False)):
        events, _, (a, ear, b) = line(-100, 0, 100)
        ear.standby()
        end_us = send(a, b"a")
        begin_us = end_us - round(overlap_symbols * 4096)
        events.at(begin_us, ear.receive, *HOME)
        events.at(begin_us, send, b, b"b")
        events.run_until(1_000_000)
        assert (ear.good == [b"b"]) is heard


@pytest.mark.parametrize(("ratio_db", "heard"), [(-12.9, True), (-13.1, False)])
def test_another_spreading_factor_disturbs_beyond_croces_ratio(ratio_db, heard):
    events, _, (a, ear, b) = line(-100, 0, 100)
    send(a, b"wanted", power_dbm=10)  # SF9
    b.receive(869_525, 125, 10)
    send(b, b"other", (869_525, 125, 10), power_dbm=10 - ratio_db)
    events.run_until(1_000_000)
    assert bool(ear.good) is heard


def test_a_jam_is_noise_while_it_lasts():
    events, channel, (a, ear, b) = line(0, 1000, 1010)
    jam = channel.jam(b.antenna, 869_525, 125, 14)
    events.run_until(send(a, b"jammed"))
    assert not ear.good
    jam.stop()
    events.run_until(send(a, b"free"))
    assert ear.good == [b"free"]


def test_a_jam_on_another_channel_is_none():
    events, channel, (a, ear, b) = line(0, 1000, 1010)
    channel.jam(b.antenna, 868_300, 125, 14)
    events.run_until(send(a, b"free"))
    assert ear.good == [b"free"]


def test_cut_move_and_loss_between():
    events, channel, (a, b) = line(0, 100)
    channel.cut(a.antenna, b.antenna)
    events.run_until(send(a, b"cut"))
    channel.cut(a.antenna, b.antenna, False)
    channel.loss_between(a.antenna, b.antenna, 1.0)
    events.run_until(send(a, b"lost"))
    channel.loss_between(a.antenna, b.antenna, 0.0)
    channel.move(b.antenna, 1e9, 0)
    events.run_until(send(a, b"far away"))
    channel.move(b.antenna, 200, 0)
    events.run_until(send(a, b"near again"))
    assert b.good == [b"near again"] and [heard.cause for heard in b.heard] == ["lost", ""]


def test_shadowing_is_frozen_and_the_same_both_ways():
    gains = []
    for seed in (1, 1, 2):
        channel = Channel(Events(), seed, "suburban")
        a, b = channel.antenna("a"), channel.antenna("b", 500)
        gains.append(channel.gain_db(a, b))
        assert channel.gain_db(b, a) == gains[-1]
    assert gains[0] == gains[1] != gains[2]


def test_cad_finds_a_preamble_and_only_that():
    events, _, (a, b) = line(0, 100)
    found = []
    b.cad(*HOME, found.append)
    events.run_until(100_000)
    send(a, b"x" * 20, preamble=20)
    b.cad(*HOME, found.append)
    b.cad(869_525, 125, 10, found.append)
    events.run_until(events.now_us + 150_000)  # the preamble is over, the packet is not
    b.cad(*HOME, found.append)
    events.run_until(1_000_000)
    assert found == [False, True, False, False]


SCAN = tuple((869_525, 125, factor) for factor in (7, 8, 9, 10))


@pytest.mark.parametrize("factor", [7, 8, 9, 10])
def test_a_scan_finds_every_packet_whose_preamble_outlasts_a_turn(factor):
    symbol_ms = 2**factor / 125
    long, short = math.ceil(65 / symbol_ms) + 8, 8
    for preamble, enough in ((long, True), (long - 6, False), (short, False)):
        events, _, (a, b) = line(0, 100)
        b.scan(SCAN, 65_000)
        chance = random.Random(factor)
        for _ in range(200):
            later(events, chance.uniform(1, 200), send, a, b"x", (869_525, 125, factor), POWER_DBM, preamble)
            events.run_until(events.now_us + 3_000_000)
        assert (len(b.good) == 200) is enough
        assert b.good  # by chance, some


def _busy_hour(seed):
    events = Events()
    channel = Channel(events, seed, "suburban", loss=0.1)
    chance = random.Random(99)
    ports = [Ear(channel, channel.antenna(f"n{n}", 300 * n, 100 * (n % 3)), None) for n in range(6)]
    for port in ports:
        port.scan(SCAN, 65_000)

    def again(port):
        if not port.sending:
            send(port, bytes(20), (869_525, 125, chance.choice((7, 8, 9, 10))), POWER_DBM, 40)
        later(events, chance.expovariate(1 / 8000), again, port)

    for port in ports:
        again(port)
    events.run_until(600_000_000)
    return channel


def test_the_same_seed_gives_the_same():
    one, two, other = _busy_hour(7), _busy_hour(7), _busy_hour(8)
    assert one.log_digest() == two.log_digest() != other.log_digest()
    assert min(one.counts[name] for name in ("heard", "collided", "lost")) > 10
    assert 0.05 < one.counts["lost"] / (one.counts["lost"] + one.counts["heard"]) < 0.15


def test_config_knows_its_symbol():
    assert Config(869_525, 125, 10).symbol_us == 8192


class _Sends:
    """One antenna that sends SF10 packets of 51 bytes, 616 ms each, at `every_s`."""

    def __init__(self, every_s, config=(869_525, 125, 10), power_dbm=14, hours=3):
        self.events, channel, (a, _) = line(0, 100)
        self.audit = Audit(channel)
        for at in range(int(hours * 3600 / every_s)):
            self.events.run_until(round(at * every_s * 1e6))
            send(a, bytes(51), config, power_dbm)
        self.events.run_until(round(hours * 3600e6))


@pytest.mark.parametrize(("every_s", "legal"), [(6.2, True), (6.1, False)])
def test_the_audit_finds_who_sends_more_than_his_share(every_s, legal):
    audit = _Sends(every_s).audit
    assert (not audit.violations) is legal
    assert audit.fullest == pytest.approx(616.4 / 100 / every_s, rel=0.01)


def test_the_audit_finds_the_wrong_band_and_too_much_power():
    assert "in no band" in _Sends(600, (868_650, 125, 10)).audit.violations[0]
    assert "radiates" in _Sends(600, (868_300, 125, 10), 14.5).audit.violations[0]
    assert not _Sends(600, (869_525, 125, 10), 27).audit.violations


def test_the_audit_allows_one_per_cent_in_the_other_band():
    assert not _Sends(64, (868_300, 125, 10)).audit.violations
    assert _Sends(60, (868_300, 125, 10)).audit.violations
