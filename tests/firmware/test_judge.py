"""What lasts in a channel's windows: reversed, of another phase, or not connected; and what must not be said."""

import gc
import math
import sys
from array import array

from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.judge import OPEN_INPUT, REVERSED, WRONG_PHASE, Judge
from gridnode.metering.window import CLIPPED, NO_VOLTAGE, WindowMeter

RATE_HZ, NV, NA, CLIP = 2000, 195_312_500, 31_250_000, 2040
SMALL_MA = 500
WINDOWS = 30  # of a load: what lasts shows


class Rig:
    """A sampled channel with a judge: 230 V, and `amperes` that lag the voltage by `degrees`."""

    def __init__(self, load=True):
        self.channel = Channel("heat pump", WindowMeter(RATE_HZ, 50, NV, NA, CLIP))
        self.channel.judge = Judge(load, SMALL_MA)
        self.sample = 0
        self.told = []

    def run(self, windows, amperes=10, degrees=0, volts=230, voltage_rests=0, current_rests=0):
        voltage, current = array("h", [0] * 40), array("h", [0] * 40)
        until = len(self.told) + windows
        while len(self.told) < until:
            for k in range(40):
                turn = 2 * math.pi * 50 * self.sample / RATE_HZ
                v = volts * math.sqrt(2) * math.sin(turn) * 1e9 / NV
                i = amperes * math.sqrt(2) * math.sin(turn - math.radians(degrees)) * 1e9 / NA
                voltage[k] = max(-2048, min(2047, round(v) + voltage_rests))
                current[k] = max(-2048, min(2047, round(i) + current_rests))
                self.sample += 1
            if self.channel.feed(voltage, current, 40):
                self.told.append(self.channel.window.quality & (OPEN_INPUT | REVERSED | WRONG_PHASE))
        return self.told[-1]


def test_a_load_that_is_connected_rightly_has_no_fault():
    for degrees in (-15, 0, 20, 45, 60, 80):
        assert Rig().run(WINDOWS, degrees=degrees) == 0, degrees


def test_a_reversed_transformer_on_a_load():
    for degrees in (-10, 0, 25, 44):
        assert Rig().run(WINDOWS, degrees=degrees + 180) == REVERSED, degrees


def test_a_load_measured_against_another_phase():
    for degrees in (-10, 0, 25, 40):
        assert Rig().run(WINDOWS, degrees=degrees + 120) == WRONG_PHASE, degrees
    for degrees in (-10, 0, 25, 44):
        assert Rig().run(WINDOWS, degrees=degrees + 240 if degrees < 30 else 240) == WRONG_PHASE, degrees


def test_it_takes_five_seconds_to_be_said_and_as_long_to_be_taken_back():
    rig = Rig()
    rig.run(40, degrees=180)
    first = rig.told.index(REVERSED)
    assert 24 <= first <= 27 and all(told == REVERSED for told in rig.told[first:])
    rig.run(40)
    assert rig.told[-1] == 0
    back = rig.told.index(0, first) - 40
    assert 23 <= back <= 27


def test_what_comes_and_goes_is_not_said():
    rig = Rig()
    for _ in range(10):
        rig.run(8, degrees=180)
        rig.run(12)
    assert set(rig.told) == {0}


def test_a_load_that_is_off_changes_nothing():
    rig = Rig()
    rig.run(WINDOWS, amperes=0.3, degrees=180)
    assert set(rig.told) == {0}
    rig.run(WINDOWS, degrees=180)
    assert rig.run(WINDOWS, amperes=0.3) == REVERSED  # nothing says that it was turned round
    assert rig.run(WINDOWS) == 0


def test_without_voltage_nothing_is_said_about_phases():
    rig = Rig()
    rig.run(WINDOWS, volts=0, degrees=180)
    assert set(rig.told) == {0} and rig.channel.window.quality & NO_VOLTAGE
    rig.run(WINDOWS, degrees=180)
    assert rig.run(WINDOWS + 5, volts=0) == REVERSED  # nor is it taken back


def test_a_grid_connection_may_export():
    rig = Rig(load=False)
    for degrees in (180, 170, 210, 150, 95):
        rig.run(100, degrees=degrees)
    assert set(rig.told) == {0}


def test_a_grid_connection_against_another_phase_takes_a_minute():
    for degrees in (120, 240, 110, 130):
        rig = Rig(load=False)
        rig.run(290, degrees=degrees)
        assert set(rig.told) == {0}
        assert rig.run(15, degrees=degrees) == WRONG_PHASE, degrees


def test_an_input_that_nothing_holds_in_the_middle():
    for rests in ({"current_rests": 2047}, {"current_rests": -2048}, {"voltage_rests": -2048}, {"current_rests": 700}):
        rig = Rig()
        still = {"volts": 0} if "voltage_rests" in rests else {"amperes": 0}
        still.update(rests)
        assert rig.run(WINDOWS, **still) == OPEN_INPUT, rests
        assert bool(rig.channel.window.quality & CLIPPED) == (700 not in rests.values())
        assert rig.run(WINDOWS + 5) == 0


def test_a_converter_that_is_a_little_off_is_no_open_input():
    assert Rig().run(WINDOWS, current_rests=200, voltage_rests=-150) == 0
    assert Rig().run(WINDOWS, amperes=0, current_rests=200) == 0


def test_a_finding_is_in_the_interval_and_in_live():
    rig = Rig()
    rig.run(WINDOWS, degrees=180)
    assert rig.channel.live()[-1] & REVERSED
    assert rig.channel.take_interval()[-1] & REVERSED
    rig.run(1)
    assert rig.channel.take_interval()[-1] & REVERSED  # it still is


def test_a_chip_without_reactive_power_tells_reversed_alone():
    channel = Channel("heat pump", ChipWindow())
    channel.judge = Judge(True, SMALL_MA)
    for _ in range(WINDOWS):
        channel.window.measured(200, 230_000, 5000, -900_000)
        channel.count()
    assert channel.window.quality == REVERSED
    channel = Channel("heat pump", ChipWindow())
    channel.judge = Judge(True, SMALL_MA)
    for _ in range(WINDOWS):
        channel.window.measured(200, 230_000, 5000, 900_000)
        channel.count()
    assert channel.window.quality == 0


def test_judging_allocates_nothing():
    class Window:
        quality = 0
        active_power_mw, reactive_power_mvar, current_rms_ma = -14_000_000, 9_000_000, 60_000
        clip_counts, voltage_mean, current_mean = 6120, -12, 30

    def allocated():
        return gc.mem_alloc() if sys.implementation.name == "micropython" else 0

    for load in (True, False):
        judge, window = Judge(load, SMALL_MA), Window()
        judge.look(window)
        gc.collect()
        gc.disable()
        try:
            before = allocated()
            for _ in range(20):
                judge.look(window)
            assert allocated() == before
        finally:
            gc.enable()
