"""Mean squares of half periods against waves whose squares are known; the same under viper code and plain Python."""

import math
from array import array

from waves import NA, NV, RATE, Source

from gridnode.metering import sums
from gridnode.metering.halves import LARGEST, PLACES, WRAP
from gridnode.metering.window import WindowMeter


def meter(rate=RATE, nominal=50, clip=30_000):
    return WindowMeter(rate, nominal, NV, NA, clip)


def rms(square, nano):
    return math.sqrt(square) * nano / 1e9


def newest(window, count):
    halves = window.halves
    numbers = [(halves.count - back) % PLACES for back in range(1, count + 1)]
    return [rms(halves.voltage[n], NV) for n in numbers], [rms(halves.current[n], NA) for n in numbers]


def check(frequency, nominal, rate, tolerance, clip=30_000):
    window = meter(rate, nominal, clip)
    source = Source(window.feed, [(230, frequency, 0)], [(10, frequency, -40)], rate, offset=200)
    source.run(2 * rate)
    assert abs(window.halves.count - 4 * frequency) <= 3 * abs(frequency - nominal) + 2
    assert abs(window.halves.half_us - 500_000 / frequency) <= 40
    volts, amperes = newest(window, 30)
    for volt, ampere in zip(volts, amperes):
        assert abs(volt - 230) <= 230 * tolerance and abs(ampere - 10) <= 10 * tolerance, (volt, ampere)
    for at, one in enumerate(volts[:-1]):
        other = volts[at + 1]
        assert abs(math.sqrt((one**2 + other**2) / 2) - 230) <= 230 * tolerance


def test_every_half_of_a_sine_has_its_mean_square_whatever_its_offset():
    check(50, 50, 4000, 0.0005)
    check(50, 50, 4000, 0.0005, clip=6_120)  # many samples to a burst
    check(50.3, 50, 4000, 0.0005, clip=6_120)
    check(50.3, 50, 4000, 0.0005)  # a half is not a whole number of samples
    check(46, 50, 4000, 0.0005)
    check(60, 60, 4000, 0.0005)
    check(59.9, 60, 4000, 0.001)
    check(50.3, 50, 800, 0.002)


def test_of_the_last_sample_a_half_has_its_part_and_the_next_one_the_rest():
    window = meter()
    window.halves.follow(48_750)  # 41 1/39 samples
    window.halves.restart()
    silent, spike = array("h", [0] * 42), array("h", [0] * 42)
    for height in (30, -30, 3000, -3000):
        spike[41] = height
        window.feed(silent, spike, 42)
        window.feed(silent, silent, 42)
        first, second = [window.halves.current[(window.halves.count - back) % PLACES] for back in (2, 1)]
        assert abs(first - height**2 / 41.03 / 39) <= 1 + height**2 / 40_000, (first, second)
        assert abs(second - height**2 / 41.03 * 38 / 39) <= 1 + height**2 / 40_000, (first, second)
        window.abandon()


def test_one_half_is_enough_to_see_ten_times_the_current():
    window = meter()
    source = Source(window.feed, [(230, 50, 0)], [(3, 50, 0)])
    source.run(RATE)
    before = window.halves.count
    source.current = [(30, 50, 0)]
    source.run(80)
    assert window.halves.count - before == 2
    assert abs(newest(window, 1)[1][0] - 30) < 0.1


def test_a_current_beyond_the_converters_end_reads_as_the_largest():
    window = meter(clip=4000)
    source = Source(window.feed, [(100, 50, 0)], [(28, 50, 0)])
    source.run(RATE)
    assert all(window.halves.current[n] < LARGEST for n in range(PLACES))
    source.current = [(32, 50, 0)]
    source.run(160)
    assert window.halves.current[(window.halves.count - 1) % PLACES] == LARGEST
    source.current = [(28, 50, 0)]
    source.voltage = [(250, 50, 0)]  # a voltage at its end says nothing about the current
    source.run(160)
    assert window.halves.current[(window.halves.count - 1) % PLACES] < LARGEST


def test_a_single_sample_at_the_end_is_no_overload():
    window = meter(clip=4000)
    quiet, spike = array("h", [0] * 40), array("h", [0] * 40)
    spike[7] = 4100
    for current, wanted in ((quiet, 0), (spike, 4000**2 // 40), (quiet, 0)):
        window.feed(quiet, current, 40)
        assert abs(window.halves.current[(window.halves.count - 1) % PLACES] - wanted) <= wanted // 500


def test_without_a_voltage_the_halves_go_on_with_their_nominal_length():
    window = meter()
    source = Source(window.feed, [(230, 48, 0)], [(1, 48, 0)])
    source.run(RATE)
    assert window.halves.half_us > 10_300
    source.voltage = source.current = []
    source.run(RATE)
    assert window.halves.half_us == 10_000
    before = window.halves.count
    source.run(RATE)
    assert window.halves.count - before == 100
    assert newest(window, 5) == ([0] * 5, [0] * 5)


def test_lost_samples_begin_the_half_anew():
    window = meter()
    source = Source(window.feed, [(230, 50, 0)], [(10, 50, 0)], chunk=10)
    source.run(RATE + 30)
    before = window.halves.count
    window.abandon()
    source.at += 1234  # a phase that does not fit
    source.run(40)
    assert window.halves.count == (before + 1) % WRAP
    assert abs(newest(window, 1)[1][0] - 10) < 0.02


def test_a_full_scale_half_does_not_overflow():
    for rate, nominal in ((4000, 50), (12_000, 50), (400, 50)):
        window = WindowMeter(rate, nominal, NV, NA)
        full = array("h", [32_700, -32_700] * 60)
        window.feed(full, full, 120)
        window.feed(full, full, 120)
        assert window.halves.count == 240 * 100 // rate
        assert abs(window.halves.voltage[0] - 32_700**2) < 32_700**2 // 500


def test_since_tells_the_oldest_that_is_kept_also_where_the_count_wraps():
    window = meter()
    halves = window.halves
    state = window._sums
    for count in (5, 100, WRAP - 1, 3):
        state[sums.HALVES] = count
        assert halves.since(count) == count
        assert halves.since((count - PLACES) % WRAP) == (count - PLACES) % WRAP
        assert halves.since((count - PLACES - 1) % WRAP) == (count - PLACES) % WRAP
    state[sums.HALVES] = WRAP - 1
    silent = array("h", [0] * 40)
    window.feed(silent, silent, 40)
    assert halves.count == 0
