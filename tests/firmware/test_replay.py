"""The replay meter on a small profile of its own: power, reactive power, heater, catching up, refusals."""

import gc
import os
import sys
from array import array

from gridnode.drivers.home_profile import HomeProfile
from gridnode.drivers.replay_meter import ReplayMeter
from gridnode.metering.channel import Channel
from gridnode.metering.window import SHORT_WINDOW, WindowMeter

UV, UA = 12_207_031, 1_953_125
STEADY = [(1_500_000, 500_000)] * 3  # mW of load and PV


def write(hours, name=b"test home"):
    """Write (load mW, PV mW) pairs as a profile; return its path. (tools/homes.py does not run on MicroPython.)"""
    path = os.getenv("TMPDIR") + "/test.profile"
    peak_mw = max([max(abs(load), abs(pv), abs(load - pv)) for load, pv in hours])
    with open(path, "wb") as file:
        file.write(b"gnhome1\n" + len(hours).to_bytes(4, "little") + peak_mw.to_bytes(4, "little"))
        file.write(name + bytes(16 - len(name)))
        for pair in hours:
            file.write(array("i", pair))
    return path


class Home:
    """A replay meter with its two channels, pumped every 20 ms."""

    def __init__(self, hours, heater_closed=lambda: False, **options):
        self.grid, self.heater = [Channel(name, WindowMeter(1600, 50, UV, UA)) for name in ("grid", "water heater")]
        self.meter = ReplayMeter(write(hours), self.grid, self.heater, heater_closed, **options)
        self.now_us = 0

    def run(self, seconds):
        for _ in range(seconds * 50):
            self.now_us += 20_000
            self.meter.pump(self.now_us)
        return self


def near(value, wanted, tolerance):
    assert abs(value - wanted) <= tolerance, (value, wanted)


def test_power_is_load_less_pv_at_power_factor_097_of_the_load():
    home = Home(STEADY).run(10)
    end_ms, duration_ms, imported, exported, active, reactive, apparent, voltage, current, frequency, quality = (
        home.grid.take_interval()
    )
    near(active, 1_000_000, 100)
    near(reactive, 1_500_000 * 0.2506, 1000)
    near(apparent, (1_000_000**2 + 376_000**2) ** 0.5, 1000)
    near(voltage, 230_000, 230_000 * 0.006)
    near(current, apparent * 1000 / voltage, 10)
    near(frequency, 50_000, 31)
    near(imported, active * duration_ms / 3_600_000, 1)
    assert exported == 0
    assert quality == SHORT_WINDOW  # the first window began anywhere in a cycle
    assert 9_600 <= end_ms == duration_ms <= 10_000


def test_more_pv_than_load_is_export():
    home = Home([(200_000, 2_200_000)] * 2).run(10)
    assert home.grid.energy.import_mwh == 0
    near(home.grid.energy.export_mwh, 2_000_000 * home.grid.end_us / 3_600_000_000, 2)
    assert home.grid.live()[3] < -1_990_000


def test_power_follows_the_profile_and_comes_round_again():
    home = Home([(1_000_000, 0), (3_000_000, 0)], speed=360, start_hour=1)  # an hour in 10 s
    home.run(5)
    near(home.grid.live()[3], 2_000_000, 70_000)  # half-way from the last hour to the first
    home.run(5)
    near(home.grid.live()[3], 1_000_000, 70_000)
    home.run(10)
    near(home.grid.live()[3], 3_000_000, 70_000)


def test_frequency_and_voltage_move_a_little():
    home = Home(STEADY)
    frequencies, voltages = [], []
    for _ in range(30):
        home.run(2)
        frequencies.append(home.grid.live()[8])
        voltages.append(home.grid.live()[6])
    assert 20 <= max(frequencies) - min(frequencies) <= 62
    assert 800 <= max(voltages) - min(voltages) <= 2800


def test_the_heater_draws_only_while_its_contactor_is_closed():
    coil = [False]
    home = Home(STEADY, lambda: coil[0]).run(3)
    assert home.heater.energy.import_mwh == 0
    near(home.heater.live()[6], 230_000, 1400)  # voltage is there
    coil[0] = True
    home.run(3)
    _, _, _, power, reactive, _, voltage, current, _, quality = home.heater.live()
    near(power, 2_000_000 * (voltage / 230_000) ** 2, 300)
    near(reactive, 0, 1000)
    near(current, power * 1000 / voltage, 5)
    assert quality == 0
    energy = home.heater.energy.import_mwh
    coil[0] = False
    home.run(1)
    left = home.heater.energy.import_mwh
    near(left, energy, 120)  # the window that was under way
    home.run(3)
    assert home.heater.energy.import_mwh == left
    assert home.heater.live()[3] == 0


def test_no_sample_of_a_closed_heater_is_left_over():
    coil = [True]
    home = Home(STEADY, lambda: coil[0])
    home.meter.pump(1_000_000)  # in chunks of 64
    coil[0] = False
    home.meter.pump(1_500_000)
    left = home.heater.energy.import_mwh
    coil[0] = True
    home.meter.pump(2_000_000)
    coil[0] = False
    home.now_us = 2_000_000
    home.run(1)  # in chunks of 32
    home.meter.pump(4_000_000)
    assert home.heater.live()[3] == 0
    near(home.heater.energy.import_mwh - left, 2_000_000 / 3600 / 2, 12)


def test_a_late_pump_catches_up_in_steps_and_loses_nothing():
    steady, late = Home([(1_000_000, 0), (5_000_000, 0)], speed=60), Home([(1_000_000, 0), (5_000_000, 0)], speed=60)
    steady.run(8)
    late.run(1)
    late.meter.pump(8_000_000)
    assert late.grid.end_us <= 2_000_000  # at most one second at once
    for _ in range(6):
        late.meter.pump(8_000_000)
    assert late.grid.end_us == steady.grid.end_us
    near(late.grid.energy.import_mwh, steady.grid.energy.import_mwh, 1)


def test_time_standing_still_or_going_back_makes_no_samples():
    home = Home(STEADY).run(1)
    before = home.grid.live()
    home.meter.pump(home.now_us)
    home.meter.pump(home.now_us - 500_000)
    assert home.grid.live() == before
    home.run(1)
    assert home.grid.end_us > 1_600_000


def refusal(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def test_what_is_not_a_profile_is_refused_by_name():
    path = write(STEADY)
    with open(path, "rb") as file:
        whole = file.read()
    for content in (b"", whole[:20], b"x" + whole[1:], whole[:-1], whole + b"0", whole[:8] + bytes(24)):
        with open(path, "wb") as file:
            file.write(content)
        text = refusal(lambda: HomeProfile(path))
        assert path in text and "tools/homes.py" in text, text


def test_a_home_too_large_for_the_channel_is_refused():
    assert "needs" in refusal(lambda: Home([(11_000_000, 0)]))
    assert not refusal(lambda: Home([(9_000_000, 0)]))
    assert "heater" in refusal(lambda: Home(STEADY, heater_power_mw=12_000_000))


class Deaf:
    """A channel that measures nothing: what is left is the replay's own appetite."""

    def __init__(self):
        self.window = WindowMeter(1600, 50, UV, UA)
        self.samples = 0

    def feed(self, voltage, current, n):
        self.samples += n


def test_replaying_allocates_nothing_within_an_hour_of_the_profile():
    grid, heater = Deaf(), Deaf()
    meter = ReplayMeter(write([(900_000, 0), (3_000_000, 4_500_000)]), grid, heater, lambda: True)
    counts = sys.implementation.name == "micropython"
    meter.pump(1_000_000)
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc() if counts else 0
        for tick in range(100):
            meter.pump(1_000_000 + 20_000 * tick)
        taken = gc.mem_alloc() - before if counts else 0
    finally:
        gc.enable()
        meter.close()
    assert grid.samples == 1600 + 99 * 32
    assert taken == 0, taken
