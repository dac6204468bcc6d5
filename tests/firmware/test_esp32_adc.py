"""The ESP32's burst sampling over simulated inputs whose reads take time: figures, skew, late samples, lost inputs."""

import math

from gridnode.drivers.esp32_adc import EVERY_MS, RATE_HZ, SETS, Esp32Adc
from gridnode.metering.channel import Channel
from gridnode.metering.chip_window import ChipWindow
from gridnode.metering.judge import OPEN_INPUT
from gridnode.metering.window import CLIPPED, NO_VOLTAGE, SHORT_WINDOW

SCALE = (347_826_087, 52_173_913)  # 400 V and 60 A (peak) are 1150 mV at the pins
READ_US = 60
MIDDLE_UV = 1_300_000


class Chance:
    """Seeded numbers, the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Rig:
    """230 V, and currents that lag by `degrees`; every read takes its time, and so does everything else."""

    def __init__(self, currents=1, hertz=50, noise_uv=1500, scales=None):
        self.now_us = 1_000_000
        self.hertz, self.noise_uv = hertz, noise_uv
        self.volts, self.amperes, self.degrees = 230.0, [10.0] * currents, [0.0] * currents
        self.rests = {}
        self.stall_us = 0
        self.chance = Chance(1)
        self.channels = [Channel("load", ChipWindow()) for _ in range(currents)]
        reads = [lambda index=index: self.read(index) for index in range(currents + 1)]
        self.meter = Esp32Adc(
            self.channels,
            reads,
            scales or [SCALE] * currents,
            hertz if hertz in (50, 60) else 50,
            self.now_us,
            self.ticks,
        )

    def ticks(self):
        self.now_us += 2
        return self.now_us

    def read(self, index):
        self.now_us += READ_US // 2
        turn = 2 * math.pi * ((self.now_us % 1_000_000) * self.hertz % 1_000_000) / 1_000_000
        if index:
            amperes = self.amperes[index - 1] * math.sqrt(2)
            value = amperes * math.sin(turn - math.radians(self.degrees[index - 1])) / SCALE[1] * 1e12
        else:
            value = self.volts * math.sqrt(2) * math.sin(turn) / SCALE[0] * 1e12
        self.now_us += READ_US - READ_US // 2
        if self.stall_us and self.chance.below(8) == 0:
            self.now_us += self.stall_us
        noise = self.chance.below(2 * self.noise_uv + 1) - self.noise_uv
        return max(0, min(3_100_000, int(value) + self.rests.get(index, MIDDLE_UV) + noise))

    def run(self, duration_ms):
        until_us = self.now_us + duration_ms * 1000
        while self.now_us < until_us:
            self.meter.pump(self.now_us)
            self.now_us += 10_000

    def figures(self, index=0):
        window = self.channels[index].window
        return window.voltage_rms_mv, window.current_rms_ma, window.active_power_mw, window.reactive_power_mvar


def near(value, true, within):
    assert abs(value - true) <= within, (value, true)


def test_voltage_current_and_powers():
    for hertz in (50, 60):
        for degrees in (0, 30, -30, 60, 90, 180, 240):
            rig = Rig(hertz=hertz)
            rig.degrees[0] = degrees
            for _ in range(4):
                rig.run(EVERY_MS)
                voltage_mv, current_ma, active_mw, reactive_mvar = rig.figures()
                near(voltage_mv, 230_000, 460)
                near(current_ma, 10_000, 30)
                near(active_mw, 2_300_000 * math.cos(math.radians(degrees)), 12_000)
                near(reactive_mvar, 2_300_000 * math.sin(math.radians(degrees)), 12_000)
                assert rig.channels[0].window.quality == 0 and rig.channels[0].window.frequency_mhz is None


def test_each_current_is_turned_back_by_how_late_it_is_read():
    rig = Rig(currents=3)
    rig.degrees = [60.0, 60.0, 60.0]
    rig.run(1000)
    for index in range(3):
        near(rig.figures(index)[2], 1_150_000, 10_000)
        near(rig.figures(index)[3], 1_991_858, 10_000)


def test_the_grid_s_frequency_may_be_off():
    for hertz in (49.0, 51.0):
        rig = Rig(hertz=hertz)
        rig.run(1000)
        near(rig.figures()[0], 230_000, 460)
        near(rig.figures()[2], 2_300_000, 12_000)


def test_energy_is_the_burst_s_power_until_the_next():
    rig = Rig()
    rig.run(60_000)
    channel = rig.channels[0]
    near(channel.end_us, rig.now_us, EVERY_MS * 1000)
    near(channel.energy.import_mwh, 2_300_000 * (channel.end_us - 1_000_000) / 3.6e9, 200)
    near(rig.meter.windows, 60_000 / EVERY_MS, 6)
    busy_ms = SETS * 1000 // RATE_HZ
    assert busy_ms * rig.meter.windows < 60_000 * 0.22


def test_between_bursts_nothing_takes_time():
    rig = Rig()
    rig.run(100)
    before = rig.now_us
    rig.meter.pump(rig.now_us)
    assert rig.now_us == before


def test_without_voltage_the_current_is_still_told():
    rig = Rig(noise_uv=300)
    rig.volts = 0.0
    rig.run(1000)
    voltage_mv, current_ma, active_mw, _ = rig.figures()
    assert voltage_mv < 1000 and abs(active_mw) < 5000 and rig.channels[0].window.quality == NO_VOLTAGE
    near(current_ma, 10_000, 100)


def test_a_current_beyond_the_range_is_told():
    rig = Rig()
    rig.amperes[0] = 45.0
    rig.run(1000)
    assert rig.channels[0].window.quality == CLIPPED


def test_an_input_that_nothing_holds():
    for index in (0, 1):
        for rest in (0, 3_100_000, 700_000):
            rig = Rig()
            rig.volts, rig.amperes = (0.0, [10.0]) if index == 0 else (230.0, [0.0])
            rig.rests = {index: rest}
            rig.run(1000)
            quality = rig.channels[0].window.quality
            assert quality & OPEN_INPUT and bool(quality & CLIPPED) == (rest != 700_000), (index, rest)


def test_samples_that_come_late_are_no_window():
    rig = Rig()
    rig.run(1000)
    energy_mwh, windows = rig.channels[0].energy.import_mwh, rig.meter.windows
    rig.stall_us = 1500
    rig.run(3000)
    assert "interrupted too often" in rig.meter.fault
    window = rig.channels[0].window
    assert window.active_power_mw is None and window.quality == SHORT_WINDOW
    assert rig.channels[0].energy.import_mwh == energy_mwh and rig.meter.windows == windows
    rig.stall_us = 0
    rig.run(1000)
    assert rig.meter.fault == "" and rig.channels[0].window.quality == 0


def test_what_a_burst_says_holds_for_no_longer_than_two():
    rig = Rig()
    rig.run(1000)
    before = rig.channels[0].energy.import_mwh
    rig.now_us += 10_000_000
    rig.run(100)
    near(rig.channels[0].energy.import_mwh - before, 2_300_000 * EVERY_MS / 3.6e6, 10)
    near(rig.channels[0].end_us, rig.now_us, EVERY_MS * 1000)


def test_calibration_is_the_chip_window_s():
    rig = Rig()
    rig.channels[0].window.calibrate(10_000, -20_000, 0, 0, 0)
    rig.run(1000)
    near(rig.figures()[0], 232_300, 460)
    near(rig.figures()[1], 9_800, 30)


def test_what_does_not_fit_is_refused():
    channel = Channel("load", ChipWindow())
    for channels, reads, scales, hertz in (
        ([channel], [int], [SCALE], 50),
        ([channel], [int, int], [], 50),
        ([channel], [int, int], [SCALE], 55),
    ):
        try:
            Esp32Adc(channels, reads, scales, hertz, 0)
        except ValueError:
            continue
        raise AssertionError((channels, reads, scales, hertz))
