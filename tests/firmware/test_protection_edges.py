"""The protection at its edges: counts that wrap, halves not looked at, quantities not told, sampled waves."""

from array import array

from waves import NA, NV, RATE, Source

from gridnode.metering import halves as metering_halves
from gridnode.metering.channel import Channel
from gridnode.metering.window import WindowMeter
from gridnode.switching import protection as module
from gridnode.switching.contactor import Contactor
from gridnode.switching.protection import Protection
from gridnode.wire import schema

HALF_MS = 10
SETTING = 16_000
NOTHING = {
    "over_current_ma": None,
    "time_multiplier_ms": 50,
    "instant_ma": None,
    "over_voltage_mv": None,
    "under_voltage_mv": None,
    "over_frequency_mhz": None,
    "under_frequency_mhz": None,
    "hold_off_ms": 500,
    "without_meter": "stay",
}
CONTACTOR = {
    "name": "heater",
    "min_on_s": 0,
    "min_off_s": 0,
    "max_hold_s": 60,
    "feedback_ms": 200,
    "retry_after_s": 2,
    "retries": 1,
    "retry_window_s": 2,
}


def limits(**changed):
    spec = dict(NOTHING)
    spec.update(changed)
    return spec


class FakeHalves:
    half_us = HALF_MS * 1000

    def __init__(self):
        self.count = 0
        self.voltage, self.current = array("i", [0] * 32), array("i", [0] * 32)


class FakeWindow:
    voltage_nv_per_count, current_na_per_count, clip_counts = NV, NA, 6_120
    sample_rate_hz = 1000

    def __init__(self, halves):
        self.halves = halves
        self.length = self.quality = 0
        self.voltage_rms_mv, self.current_rms_ma, self.frequency_mhz = 230_000, 0, 50_000


class FakeChannel:
    def __init__(self, halves):
        self.window = FakeWindow(halves)
        self.end_us = 0


class Bench:
    """A protection that is told halves or windows; one good window has been measured."""

    def __init__(self, halves=True, now_ms=0, **changed):
        self.halves = FakeHalves() if halves else None
        self.channel = FakeChannel(self.halves)
        self.protection = Protection(limits(**changed), self.channel)
        self.now_ms = now_ms
        self.window(200)

    def half(self, ma=0, mv=230_000, times=1):
        """The first cause in so many half periods, each looked at by itself."""
        for _ in range(times):
            self.put(ma, mv)
            cause = self.protection.step(self.now_ms)
            if cause:
                return cause
        return None

    def put(self, ma=0, mv=230_000):
        self.now_ms += HALF_MS
        halves = self.halves
        halves.current[halves.count % 32] = (ma * 1_000_000 // NA) ** 2
        halves.voltage[halves.count % 32] = (mv * 1_000_000 // NV) ** 2
        halves.count = (halves.count + 1) % metering_halves.WRAP
        if halves.count % 20 == 0:
            self.channel.end_us += 200_000  # one more window like the last

    def window(self, ms, ma=0, mv=230_000, mhz=50_000, quality=0):
        self.now_ms += ms
        window = self.channel.window
        window.length = ms * 4096
        window.current_rms_ma, window.voltage_rms_mv, window.frequency_mhz, window.quality = ma, mv, mhz, quality
        self.channel.end_us += ms * 1000
        return self.protection.step(self.now_ms)

    def until(self, cause, ma, most_ms=4_000_000):
        """After how many ms of `ma` it trips, for `cause`; None: not within `most_ms`."""
        for ms in range(HALF_MS, most_ms + 1, HALF_MS):
            found = self.half(ma)
            if found:
                assert found == cause
                return ms
        return None


def curve_ms(multiple, tms_ms):
    return tms_ms * 80 / (multiple**2 - 1)


def test_its_words_and_numbers_are_those_of_the_others():
    assert module.FAILED == schema.OPEN_INPUT | schema.NO_ANSWER | schema.UNBELIEVABLE
    for cause in module.CAUSES[1:] + ("over-frequency", "under-frequency"):
        assert cause in schema.CAUSES
    assert module.PLACES == metering_halves.PLACES and module._WRAP + 1 == metering_halves.WRAP
    assert module._NEVER == metering_halves.LARGEST


def test_over_current_follows_the_extremely_inverse_curve():
    for tms_ms, multiples in ((50, (1.1, 1.5, 2, 3, 5, 10)), (1_000, (2, 5, 10)), (20_000, (10,))):
        for multiple in multiples:
            ma = int(SETTING * multiple)
            bench = Bench(over_current_ma=SETTING, time_multiplier_ms=tms_ms)
            took_ms, wanted_ms = bench.until("over-current", ma), curve_ms(multiple, tms_ms)
            assert abs(took_ms - wanted_ms) <= HALF_MS + wanted_ms * 0.01, (tms_ms, multiple, took_ms, wanted_ms)
            assert abs(bench.protection.value - ma) <= ma // 500 + 11, (bench.protection.value, ma)


def test_heat_is_summed_over_a_varying_current_and_cools_below_the_setting():
    bench = Bench(over_current_ma=SETTING)
    assert bench.half(2 * SETTING, times=100) is None  # 1 s of the 1.33 s
    assert not bench.protection.clear
    assert abs(bench.until("over-current", 2 * SETTING) - 340) <= 20
    bench = Bench(over_current_ma=SETTING)
    assert bench.half(2 * SETTING, times=100) is None
    assert bench.half(0, times=90) is None  # no current takes away 1 where twice the setting adds 3
    assert not bench.protection.clear
    assert bench.half(0, times=11) is None
    assert bench.protection.clear  # half of the 4 that trip
    assert abs(bench.until("over-current", 2 * SETTING) - 670) <= 20
    assert bench.half(0, times=199) is None
    assert not bench.protection.clear
    assert bench.half(0, times=3) is None
    assert bench.protection.clear


def test_what_cannot_be_measured_is_more_than_any_limit():
    bench = Bench(instant_ma=1_000_000)  # beyond the converter
    bench.put()
    bench.halves.current[0] = metering_halves.LARGEST
    assert bench.protection.step(bench.now_ms) == "over-current"
    end_ma = 6_120 * NA / 1_000_000 / 2**0.5
    assert abs(bench.protection.value - end_ma) <= end_ma / 500
    bench = Bench(over_current_ma=1_600, time_multiplier_ms=1_000)
    bench.put()
    bench.halves.current[0] = metering_halves.LARGEST
    assert bench.protection.step(bench.now_ms) is None  # the curve ends at 20 times the setting: 0.2 s


def test_no_hold_off_is_one_half_period():
    for halves in (True, False):
        bench = Bench(halves, over_voltage_mv=264_000, over_frequency_mhz=51_500, hold_off_ms=0)
        assert bench.window(200) is None
        assert bench.window(200, mhz=51_501) == "over-frequency"
    bench = Bench(over_voltage_mv=264_000, hold_off_ms=0)
    assert bench.half() is None
    assert bench.half(mv=265_000) == "over-voltage"


def test_over_current_goes_before_voltage_and_none_of_many_halves_is_missed():
    bench = Bench(over_voltage_mv=264_000, instant_ma=40_000, hold_off_ms=10)
    bench.put(1_000, 265_000)
    bench.put(41_000)
    bench.put(1_000)
    assert bench.protection.step(bench.now_ms) == "over-current"
    bench.put(41_000, 265_000)
    assert bench.protection.step(bench.now_ms) == "over-current" and bench.protection.value > 40_000
    bench = Bench(instant_ma=40_000)
    bench.put(41_000)  # overwritten before anybody looks
    for _ in range(32):
        bench.put(1_000)
    assert bench.protection.step(bench.now_ms) is None
    bench.put(41_000)
    for _ in range(31):
        bench.put(1_000)
    assert bench.protection.step(bench.now_ms) == "over-current"


def test_halves_that_nobody_looked_at_in_time_do_not_count_twice():
    bench = Bench(over_current_ma=SETTING)
    for _ in range(320):
        bench.put(2 * SETTING)
    assert bench.protection.step(bench.now_ms) is None
    assert abs(bench.until("over-current", 2 * SETTING) - 1_010) <= 20


def test_the_count_of_halves_may_begin_again():
    bench = Bench(over_voltage_mv=264_000)
    bench.halves.count = metering_halves.WRAP - 46
    bench.half(mv=230_000)
    assert bench.half(mv=265_000, times=49) is None
    assert bench.half(mv=265_000) == "over-voltage"


def test_a_failing_meter_is_no_under_voltage():
    for bit in (schema.OPEN_INPUT, schema.NO_ANSWER, schema.UNBELIEVABLE):
        for halves in (True, False):
            bench = Bench(halves, under_voltage_mv=196_000, under_frequency_mhz=47_500)
            for _ in range(10):
                assert bench.window(200, 0, 0, 0, bit) is None
                assert not halves or bench.half(mv=0, times=20) is None
            assert bench.protection.clear and not bench.protection.blind


def test_a_failing_or_silent_meter_opens_where_the_board_wants_that():
    bench = Bench(without_meter="open")
    assert not bench.protection.blind
    bench.window(200, quality=schema.NO_ANSWER)
    assert bench.protection.blind
    bench.window(200)
    assert not bench.protection.blind
    bench.now_ms += module.STALE_MS
    bench.protection.step(bench.now_ms)
    assert not bench.protection.blind
    bench.protection.step(bench.now_ms + 1)
    assert bench.protection.blind
    assert Protection(limits(without_meter="open"), FakeChannel(FakeHalves())).blind  # nothing has been measured yet
    bench = Bench(without_meter="stay")
    bench.protection.step(bench.now_ms + 1_000_000)
    assert not bench.protection.blind


def test_a_chip_s_windows_follow_the_same_curve():
    for tms_ms, multiple in ((1_000, 2), (1_000, 5), (20_000, 10), (50, 1.5)):
        bench = Bench(False, over_current_ma=SETTING, time_multiplier_ms=tms_ms)
        ms = 0
        while bench.window(200, int(SETTING * multiple)) is None:
            ms += 200
        wanted_ms = curve_ms(multiple, tms_ms)
        assert abs(ms + 200 - wanted_ms) <= 200 + wanted_ms * 0.01, (tms_ms, multiple, ms)
        assert bench.protection.value == int(SETTING * multiple)


def test_windows_without_a_current_leave_the_heat_as_it_was():
    bench = Bench(False, over_current_ma=SETTING, time_multiplier_ms=1_000)
    assert bench.window(2_000, 4 * SETTING) is None
    for _ in range(60):
        assert bench.window(1_000, None) is None
    assert bench.window(2_000, 4 * SETTING) is None
    assert bench.window(2_000, 4 * SETTING) == "over-current"  # 5.33 s


def test_a_chip_that_does_not_tell_a_quantity_does_not_trip_for_it():
    everything = {"over_current_ma": SETTING, "instant_ma": 40_000, "over_voltage_mv": 264_000}
    bench = Bench(False, under_voltage_mv=196_000, under_frequency_mhz=47_500, **everything)
    for _ in range(50):
        assert bench.window(1_000, None, None, None) is None
    assert bench.protection.clear


def test_times_follow_the_measured_frequency():
    bench = Bench(over_voltage_mv=264_000)
    bench.halves.half_us = 8_333
    bench.window(200)
    assert bench.half(mv=265_000, times=60) is None
    assert bench.half(mv=265_000) == "over-voltage"  # 61 halves of 1/120 s are the first that make 500 ms


def switched(protection, now_ms):
    """A closed contactor with this protection, and what its coil was told, in places that exist already."""
    coil = [None, 0]

    def drive(closed):
        coil[0] = closed

    contactor = Contactor(CONTACTOR, drive)
    contactor.boot(now_ms)
    contactor.protection = protection
    assert contactor.request("closed", 60_000, now_ms) == ("none", 0)
    return contactor, coil


def test_roots_are_taken_of_small_and_of_large_squares():
    assert [module.root_mean(square, 1_000, 0) for square in (0, 1, 2, 93)] == [0, 1_000, 1_414, 9_643]
    assert module.root_mean((1 << 30) - 1, 1, 0) == 32_767
    assert module.root_mean(3 << 28, 32_000, 5) == 28_377_000  # 28,377.9


def test_ten_times_the_setting_opens_within_two_half_periods_of_sampled_waves():
    channel = Channel("heater", WindowMeter(RATE, 50, NV, NA, 30_000))
    channel.halves = channel.window.halves
    protection = Protection(limits(over_current_ma=3_000, instant_ma=15_000, over_voltage_mv=264_000), channel)
    for phase in range(0, 40, 7):  # samples into a half period
        source = Source(channel.feed, [(230, 50, 0)], [(3, 50, 0)], chunk=1)
        for _ in range(RATE + phase):
            source.run(1)
            assert protection.step(channel.end_us // 1000) is None
        contactor, coil = switched(protection, 0)
        source.current = [(30, 50, 0)]
        samples = 0
        while coil[0]:
            source.run(1)
            samples += 1
            contactor.protect(samples // 4)
            assert samples <= 80, "20 ms at 4,000 samples a second"
        assert contactor.cause == "over-current" and 15_000 < contactor.value <= 31_000, contactor.value
        protection = Protection(limits(over_current_ma=3_000, instant_ma=15_000, over_voltage_mv=264_000), channel)
