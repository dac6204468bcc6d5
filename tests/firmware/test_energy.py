"""Energy registers, intervals and channels: nothing is lost between samples and records."""

import math
from array import array

from gridnode.metering.channel import Channel
from gridnode.metering.energy import EnergyRegister
from gridnode.metering.integers import divide, root
from gridnode.metering.interval import Interval
from gridnode.metering.window import NO_VOLTAGE, SHORT_WINDOW, WindowMeter


def test_remainders_are_carried_exactly():
    register = EnergyRegister()
    total = 0
    seed = 7
    for _ in range(5000):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        power_mw, duration_us = seed % 9_999_991, 199_000 + seed % 2000
        register.add(power_mw, duration_us)
        total += power_mw * duration_us
    assert register.import_mwh == total // 3_600_000_000
    assert register.export_mwh == 0


def test_import_and_export_each_only_rise():
    register = EnergyRegister(100, 200)
    for _ in range(3600):
        register.add(1000, 1_000_000)
        register.add(-2500, 1_000_000)
    assert (register.import_mwh, register.export_mwh) == (100 + 1000, 200 + 2500)


def test_small_powers_are_not_lost():
    register = EnergyRegister()
    for _ in range(18_000):  # an hour of windows
        register.add(1, 200_000)
    assert register.import_mwh == 1


def test_a_negative_duration_is_refused():
    register = EnergyRegister()
    try:
        register.add(1000, -1)
    except ValueError:
        assert register.import_mwh == 0
    else:
        raise AssertionError("accepted")


def test_divide_and_root_round_to_nearest():
    assert [divide(a, 4) for a in (-7, -6, -5, 0, 1, 2, 5, 6, 7)] == [-2, -1, -1, 0, 0, 1, 1, 2, 2]
    for square in list(range(2000)) + [10**k + d for k in range(5, 30) for d in (-1, 0, 1)]:
        found = root(square)
        assert (2 * found - 1) ** 2 < 4 * square < (2 * found + 1) ** 2 or square == found == 0, square
    assert root(-5) == 0


class Window:
    """The figures of one window, as WindowMeter shows them."""

    def __init__(self, length, power, voltage, current, frequency=50_000, quality=0):
        self.length, self.quality = length, quality
        self.active_power_mw, self.reactive_power_mvar, self.apparent_power_mva = power, -power, abs(power)
        self.voltage_rms_mv, self.current_rms_ma, self.frequency_mhz = voltage, current, frequency


def test_interval_means_are_weighted_by_length():
    interval = Interval()
    interval.add(Window(100, 1_000_000, 200_000, 3_000, 50_000))
    interval.add(Window(300, 2_000_000, 240_000, 5_000, 50_040))
    voltage = ((200_000**2 + 3 * 240_000**2) / 4) ** 0.5
    current = ((3_000**2 + 3 * 5_000**2) / 4) ** 0.5
    assert interval.take() == (1_750_000, -1_750_000, 1_750_000, round(voltage), round(current), 50_030, 0)


def test_interval_gathers_quality_and_leaves_out_frequencies_that_are_not_there():
    interval = Interval()
    interval.add(Window(100, 0, 0, 0, None, NO_VOLTAGE))
    interval.add(Window(100, 0, 230_000, 0, 49_990, SHORT_WINDOW))
    assert interval.take()[5:] == (49_990, NO_VOLTAGE | SHORT_WINDOW)
    interval.add(Window(100, 0, 0, 0, None, NO_VOLTAGE))
    assert interval.take()[5:] == (None, NO_VOLTAGE)


def test_an_interval_without_a_window_has_no_figures():
    interval = Interval()
    interval.add(Window(100, 5, 5, 5))
    interval.take()
    assert interval.take() == (None, None, None, None, None, None, 0)


def direct_current(channel, samples):
    """Feed samples without voltage: windows of exactly 320."""
    nothing = array("h", [0] * 64)
    while samples:
        n = min(64, samples)
        channel.feed(nothing, nothing, n)
        samples -= n


def test_intervals_abut_and_end_where_their_energy_does():
    channel = Channel("grid", WindowMeter(1600, 50, 12_207_031, 1_953_125), 5_000_700, 7, 8)
    assert channel.take_interval() == (5_000, 0, 7, 8, None, None, None, None, None, None, 0)
    direct_current(channel, 319)
    assert channel.take_interval()[:2] == (5_000, 0)
    direct_current(channel, 1)
    assert channel.take_interval() == (5_200, 200, 7, 8, 0, 0, 0, 0, 0, None, NO_VOLTAGE)
    direct_current(channel, 1000)
    assert channel.take_interval()[:2] == (5_800, 600)
    assert channel.end_us == 5_800_700


def test_time_does_not_drift_at_a_rate_that_does_not_divide_a_second():
    channel = Channel("grid", WindowMeter(1602, 50, 12_207_031, 1_953_125))
    direct_current(channel, 1602 * 60)
    windows = 1602 * 60 // 320
    assert channel.end_us == windows * 320 * 1_000_000 // 1602


def test_the_time_of_a_record_counts_parts_of_samples():
    channel = Channel("grid", WindowMeter(1600, 50, 12_207_031, 1_953_125), 40)
    voltage = array("h", [0] * 50)
    length = 0
    for chunk in range(100):
        for k in range(50):
            voltage[k] = round(26_600 * math.sin(2 * math.pi * 49.7 * (chunk * 50 + k) / 1600))
        if channel.feed(voltage, voltage, 50):
            length += channel.window.length
            assert channel.end_us == 40 + length * 1_000_000 // (1600 * 4096)
    assert length % 4096 != 0


def test_live_figures_are_those_of_the_last_window():
    channel = Channel("grid", WindowMeter(1600, 50, 12_207_031, 1_953_125))
    assert channel.live() == (0, 0, 0, None, None, None, None, None, None, 0)
    direct_current(channel, 320)
    assert channel.live() == (200, 0, 0, 0, 0, 0, 0, 0, None, NO_VOLTAGE)


def test_lost_samples_are_time_without_energy_and_the_windows_behind_them_stay_in_step():
    channel = Channel("grid", WindowMeter(1600, 50, 12_207_031, 1_953_125))
    cycle = [round(20_000 * math.sin(2 * math.pi * (k + 0.3) / 32)) for k in range(32)]
    voltage, current = array("h", cycle * 2), array("h", [v // 2 for v in cycle] * 2)

    def feed(chunks):
        for _ in range(chunks):
            channel.feed(voltage, current, 64)

    feed(30)
    channel.take_interval()
    before_us, before_mwh, power_mw = channel.end_us, channel.energy.import_mwh, channel.window.active_power_mw
    channel.skip(16_000)  # 10 s: 500 whole cycles, in the middle of a window
    assert channel.energy.import_mwh == before_mwh and channel.take_interval()[-1] == SHORT_WINDOW
    feed(30)
    assert abs((channel.end_us - before_us) % 20_000 - 10_000) > 9_990  # at a crossing, as before: whole cycles passed
    measured_us = channel.end_us - before_us - 10_000_000
    assert 0 < measured_us <= 30 * 64 * 625
    counted = channel.energy.import_mwh - before_mwh
    at_most = power_mw * measured_us // 3_600_000_000
    assert at_most * 8 // 10 < counted <= at_most + 1  # the window that was cut counts nothing
    assert channel.take_interval()[-1] == SHORT_WINDOW  # the first window behind the gap begins anywhere
