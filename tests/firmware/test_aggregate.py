"""Aggregates of 3 s and 10 min against windows whose means are known."""

from gridnode.metering.aggregate import LONG, LONG_MS, SHORT, WINDOWS, Aggregates

LONG_US = LONG_MS * 1000
BOOTED_MS = 1_785_000_123_456  # Unix time


class Window:
    """The figures of one window, as WindowMeter shows them."""

    def __init__(self, power=1000, length=800 << 12, quality=0, frequency=50_000):
        self.active_power_mw, self.reactive_power_mvar, self.apparent_power_mva = power, power // 2, 2 * abs(power)
        self.voltage_rms_mv, self.current_rms_ma, self.frequency_mhz = 230_000, abs(power), frequency
        self.length, self.quality = length, quality


def feed(aggregates, windows, us, each_us=200_000):
    for window in windows:
        us += each_us
        aggregates.add(window, us)
    return us


def test_three_seconds_are_fifteen_windows():
    aggregates = Aggregates()
    us = feed(aggregates, [Window(power) for power in range(100)], 0)
    while us < LONG_US - 200_000:  # nothing is told of what has begun in the middle
        us = feed(aggregates, [Window()], us)
    assert aggregates.take(LONG) is None
    aggregates = Aggregates()
    us = feed(aggregates, [Window(7)], LONG_US - 200_000)  # the 10 min begin, and the 3 s with them
    assert aggregates.take(SHORT) is None
    us = feed(aggregates, [Window(power) for power in range(WINDOWS - 1)], us)
    assert aggregates.take(SHORT) is None
    us = feed(aggregates, [Window(14, quality=4)], us)
    end_ms, active, _reactive, apparent, voltage, current, frequency, quality = aggregates.take(SHORT)
    assert end_ms == LONG_US // 1000 + 3000
    assert (active, apparent, voltage, frequency, quality) == (7, 14, 230_000, 50_000, 4)
    assert current == 8  # root of the mean square of 0 .. 14
    feed(aggregates, [Window(5000)] * 14, us)
    assert aggregates.take(SHORT)[1] == 7
    feed(aggregates, [Window(5000)], us + 14 * 200_000)
    assert aggregates.take(SHORT)[1] == 5000 and aggregates.take(SHORT)[-1] == 0


def test_ten_minutes_are_aligned_and_hold_every_window():
    aggregates = Aggregates()
    us = 3 * LONG_US + 55_000_000
    while us < 4 * LONG_US:
        us = feed(aggregates, [Window(-9_000_000)], us)
    assert aggregates.take(LONG) is None  # the first ones were not whole
    powers = []
    while us < 5 * LONG_US:
        powers.append(1000 * (len(powers) % 37))
        us = feed(aggregates, [Window(powers[-1], quality=2 if len(powers) == 1234 else 0)], us)
    end_ms, active = aggregates.take(LONG)[:2]
    assert end_ms == us // 1000 and 5 * LONG_US <= us < 5 * LONG_US + 200_000
    assert abs(active - sum(powers) / len(powers)) <= 1 and aggregates.take(LONG)[-1] == 2
    before = aggregates.take(LONG)
    us = feed(aggregates, [Window(1)] * 100, us)
    assert aggregates.take(LONG) == before


def test_ten_minutes_with_a_gap_over_a_boundary_are_not_told():
    aggregates = Aggregates()
    us = 0
    while us < LONG_US:
        us = feed(aggregates, [Window(1)], us)
    feed(aggregates, [Window(2)], 3 * LONG_US)  # two boundaries at once: the node was off, or held up
    assert aggregates.take(LONG) is None


def test_windows_count_by_their_length_and_without_a_frequency():
    aggregates = Aggregates()
    us = feed(aggregates, [Window()], LONG_US - 200_000)
    windows = [Window(100, length=10 << 12)] * 14 + [Window(10_000, length=860 << 12, frequency=None)]
    feed(aggregates, windows, us)
    taken = aggregates.take(SHORT)
    assert taken[1] == round((100 * 140 + 10_000 * 860) / 1000) and taken[6] == 50_000


class Clock:
    """What a node knows of the time of day: Unix time less that of its channels."""

    offset_ms = 0

    def offset(self):
        return self.offset_ms


def test_ten_minutes_end_with_those_of_the_clock_once_it_is_known():
    clock = Clock()
    aggregates = Aggregates(clock.offset)
    us = feed(aggregates, [Window(1000)] * 4000, 0)  # 13 min 20 s: the 10 min that began at 0 were not whole
    clock.offset_ms = BOOTED_MS
    told = []
    for number in range(9000):
        us = feed(aggregates, [Window(2000 if number > 1300 else 500)], us)
        if aggregates.take(LONG) and aggregates.take(LONG) not in told:
            told.append(aggregates.take(LONG))
    # The first whole 10 min of the clock and the next: none across the moment at which it was set.
    assert len(told) == 2 and 0 <= told[1][0] - told[0][0] - LONG_MS <= 200
    for means in told:
        assert (means[0] + BOOTED_MS) % LONG_MS < 200 and means[1] == 2000
    assert told[0][0] > 800_000 + LONG_MS


def test_a_clock_that_is_set_again_begins_the_ten_minutes_anew():
    for jump_ms in (3000, -3000, 24 * LONG_MS):
        clock = Clock()
        clock.offset_ms = BOOTED_MS - BOOTED_MS % LONG_MS
        aggregates = Aggregates(clock.offset)
        us = LONG_US - 200_000
        us = feed(aggregates, [Window()] * 1500, us)  # half of it
        clock.offset_ms += jump_ms
        us = feed(aggregates, [Window()] * 1600, us)
        assert aggregates.take(LONG) is None  # of these 10 min a part was at another time
        feed(aggregates, [Window()] * 3000, us)
        assert aggregates.take(LONG)[0] + clock.offset_ms >= BOOTED_MS
        assert (aggregates.take(LONG)[0] + jump_ms) % LONG_MS < 200
