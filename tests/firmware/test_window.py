"""WindowMeter against signals whose figures are known by calculation."""

import math
from array import array

from waves import NA, NV, RATE, Source

from gridnode.metering import sums
from gridnode.metering.window import CLIPPED, NO_VOLTAGE, SHORT_WINDOW, WindowMeter
from gridnode.wire import schema

UV, UA = 12_207_031, 1_953_125  # nanovolts and nanoamperes per count
PPM_200 = 460  # of 2300 VA, in milliwatts: what metering/README.md claims


class Signal:
    """Sine voltage and current, in counts; feeds a meter in chunks and keeps every window's figures."""

    def __init__(self, meter, frequency_hz, volts, amperes, lag_degrees=0, offset=0, chunk=50):
        self.meter, self.frequency_hz, self.volts, self.amperes = meter, frequency_hz, volts, amperes
        self.lag, self.offset, self.chunk = math.radians(lag_degrees), offset, chunk
        self.at = 0
        self.windows = []

    def run(self, samples):
        voltage, current = array("h", [0] * self.chunk), array("h", [0] * self.chunk)
        while samples:
            n = min(samples, self.chunk)
            for k in range(n):
                angle = 2 * math.pi * self.frequency_hz * self.at / self.meter.sample_rate_hz
                voltage[k] = self.counts(self.volts, UV, math.sin(angle))
                current[k] = self.counts(self.amperes, UA, math.sin(angle - self.lag))
                self.at += 1
            samples -= n
            if self.meter.feed(voltage, current, n):
                self.windows.append(figures(self.meter))
        return self.windows

    def counts(self, rms, nano_per_count, sine):
        value = round(rms * math.sqrt(2) * 1e9 / nano_per_count * sine) + self.offset
        return max(-32767, min(32767, value))


def figures(meter):
    return {
        "v": meter.voltage_rms_mv,
        "i": meter.current_rms_ma,
        "p": meter.active_power_mw,
        "q": meter.reactive_power_mvar,
        "s": meter.apparent_power_mva,
        "pf": meter.power_factor,
        "f": meter.frequency_mhz,
        "n": meter.samples,
        "length": meter.length,
        "quality": meter.quality,
    }


def near(value, wanted, tolerance):
    assert abs(value - wanted) <= tolerance, (value, wanted)


def check_sine(rate, nominal, frequency, lag, offset=0):
    signal = Signal(WindowMeter(rate, nominal, UV, UA), frequency, 230, 10, lag, offset)
    windows = [window for window in signal.run(2 * rate) if window["quality"] == 0]
    assert len(windows) >= 6
    for window in windows:
        near(window["v"], 230_000, 25)
        near(window["i"], 10_000, 2)
        near(window["p"], 2_300_000 * math.cos(math.radians(lag)), PPM_200)
        near(window["q"], 2_300_000 * math.sin(math.radians(lag)), PPM_200)
        near(window["s"], 2_300_000, PPM_200)
        near(window["pf"], 1000 * math.cos(math.radians(lag)), 1)
        near(window["f"], frequency * 1000, 3)
        near(window["n"], nominal // 5 * rate / frequency, 1)
        near(window["length"] / 4096, nominal // 5 * rate / frequency, 0.02)


def test_sines_of_every_phase_and_both_grids():
    for lag in (0, 30, 90, -60, 150, 180):
        check_sine(1600, 50, 50, lag)
    check_sine(1600, 50, 49.3, 40)
    check_sine(1600, 50, 51.7, -40)
    check_sine(1600, 60, 60, 40)
    check_sine(1600, 60, 59.1, -130)
    check_sine(4000, 50, 50.02, 10)


def test_a_constant_offset_counts_for_nothing():
    check_sine(1600, 50, 50, 40, offset=900)
    check_sine(1600, 60, 60.3, 40, offset=-900)


def test_an_offset_of_the_current_does_not_reach_the_reactive_power():
    windows = Signal(WindowMeter(1600, 50, UV, UA), 49.3, 230, 0.5, 90, offset=900).run(3200)
    near(windows[0]["q"], 115_000, 8_000)  # before either offset is known
    for window in windows:
        if window["quality"] == 0:
            near(window["q"], 115_000, 230)
            near(window["p"], 0, 230)


def test_an_offset_far_beyond_the_signal_is_found():
    for offset in (20_000, -20_000):
        for frequency in (48.7, 49.5, 50.2, 50.8, 51.3):
            windows = Signal(WindowMeter(1600, 50, UV, UA), frequency, 60, 1, 0, offset).run(3200)
            assert len(windows) >= 7
            assert [window["quality"] for window in windows[4:]] == [0] * len(windows[4:])
            for window in windows:
                assert window["f"] is None or abs(window["f"] - frequency * 1000) < 30, (window, frequency)
                near(window["v"], 60_000, 3_000)


def test_figures_are_the_formulas_exactly_rounded():
    meter = WindowMeter(1600, 50, UV, UA)
    voltage, current = array("h", [0] * 64), array("h", [0] * 64)
    seed = 3
    for _ in range(8):  # below no_voltage_mv: windows of 320 samples, sums that can be redone here
        n, sum_v, sum_i, sum_vv, sum_ii, sum_vi = 320, 0, 0, 0, 0, 0
        for _ in range(5):
            for k in range(64):
                seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
                x, y = (seed >> 8) % 901 - 450, (seed >> 13) % 3001 - 1000
                voltage[k], current[k] = x, y
                sum_v, sum_i, sum_vi = sum_v + x, sum_i + y, sum_vi + x * y
                sum_vv, sum_ii = sum_vv + x * x, sum_ii + y * y
            ended = meter.feed(voltage, current, 64)
        assert ended and meter.samples == n
        scaled = (n * sum_vi - sum_v * sum_i) * UV * UA
        assert meter.active_power_mw == (2 * scaled + n * n * 10**15) // (2 * n * n * 10**15)
        near(meter.voltage_rms_mv, (n * sum_vv - sum_v**2) ** 0.5 / n * UV / 1e6, 0.501)
        near(meter.current_rms_ma, (n * sum_ii - sum_i**2) ** 0.5 / n * UA / 1e6, 0.501)


def test_the_samples_of_all_windows_are_all_samples():
    signal = Signal(WindowMeter(1600, 50, UV, UA), 49.7, 230, 10, chunk=37)
    windows = signal.run(5000)
    assert windows[0]["quality"] == SHORT_WINDOW  # the first has the samples before the first crossing too
    assert all(window["quality"] == 0 for window in windows[1:])
    counted = sum(window["n"] for window in windows)
    assert 5000 - 322 <= counted <= 5000
    mean_power = sum(window["p"] * window["n"] for window in windows) / counted
    near(mean_power, 2_300_000, 700)


def test_the_chunk_size_changes_nothing():
    runs = [Signal(WindowMeter(1600, 50, UV, UA), 50.3, 230, 10, 25, chunk=chunk).run(3200) for chunk in (1, 7, 32, 64)]
    assert runs[0] and all(run == runs[0] for run in runs)


def test_without_voltage_windows_have_a_fixed_length():
    windows = Signal(WindowMeter(1600, 50, UV, UA), 50, 0, 10).run(960)
    assert [window["n"] for window in windows] == [320, 320, 320]
    for window in windows:
        assert window["quality"] == NO_VOLTAGE
        assert window["f"] is None
        assert window["p"] == 0 and window["pf"] is None
        near(window["i"], 10_000, 4)


def test_a_small_voltage_is_no_voltage():
    windows = Signal(WindowMeter(1600, 50, UV, UA), 50, 19, 0).run(1600)
    assert windows and all(window["quality"] & NO_VOLTAGE and window["f"] is None for window in windows)


def test_voltage_lost_and_back():
    signal = Signal(WindowMeter(1600, 50, UV, UA), 50, 230, 10)
    signal.run(1600 + 100)
    signal.volts = 0
    signal.run(1600)
    signal.volts = 230
    windows = signal.run(1600)
    kinds = []
    for window in windows:
        if not kinds or kinds[-1] != window["quality"]:
            kinds.append(window["quality"])
    assert kinds == [SHORT_WINDOW, 0, SHORT_WINDOW, NO_VOLTAGE, SHORT_WINDOW, 0]
    assert max(window["n"] for window in windows) <= 800
    assert 4900 - 480 <= sum(window["n"] for window in windows) <= 4900


def test_a_clipped_sample_is_told():
    for volts, amperes, quality in ((282, 10, 0), (290, 10, CLIPPED), (230, 46, CLIPPED)):
        windows = Signal(WindowMeter(1600, 50, UV, UA), 50, volts, amperes).run(1600)
        assert [window["quality"] for window in windows[1:]] == [quality] * len(windows[1:])
    for offset in (3000, -3000):  # one end alone is enough
        windows = Signal(WindowMeter(1600, 50, UV, UA), 50, 265, 1, 0, offset).run(1600)
        assert all(window["quality"] & CLIPPED for window in windows)
        windows = Signal(WindowMeter(1600, 50, UV, UA), 50, 100, 42, 0, offset).run(1600)
        assert all(window["quality"] & CLIPPED for window in windows)
    early = Signal(WindowMeter(1600, 50, UV, UA, clip_counts=2047), 50, 230, 1)
    assert all(window["quality"] & CLIPPED for window in early.run(1600))


def test_the_converters_end_may_move_while_it_runs():
    signal = Signal(WindowMeter(1600, 50, UV, UA, clip_counts=20_000), 50, 230, 1)
    for end, quality in ((20_000, CLIPPED), (32_767, 0), (20_000, CLIPPED)):
        signal.meter.clip_counts = end
        signal.windows.clear()
        later = signal.run(1600)[2:]  # the first had begun before; with it the offset that was seen changes
        assert [window["quality"] for window in later] == [quality] * len(later) and len(later) >= 2


def test_noise_around_zero_makes_no_cycles():
    meter = WindowMeter(1600, 50, UV, UA)
    voltage, current = array("h", [0] * 64), array("h", [0] * 64)
    seed = 1
    found = []
    for chunk in range(100):
        for k in range(64):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            noise = (seed >> 16) % 1200 - 600
            voltage[k] = round(26600 * math.sin(2 * math.pi * (chunk * 64 + k) / 32 + 0.05)) + noise
        if meter.feed(voltage, current, 64):
            found.append((meter.samples, meter.frequency_mhz))
    assert len(found) >= 18
    for samples, frequency_mhz in found[1:]:
        near(samples, 320, 1)
        near(frequency_mhz, 50_000, 60)


def test_apparent_power_is_never_below_active():
    meter = WindowMeter(1600, 50, UV, UA)
    both = array("h", [0] * 64)
    windows = 0
    for amplitude in range(20_000, 20_300):
        for k in range(64):  # a current in step with the voltage: both powers are equal but for rounding
            both[k] = round(amplitude * math.sin(math.pi * k / 16))
        for _ in range(2):
            if meter.feed(both, both, 64):
                windows += 1
                assert meter.apparent_power_mva >= meter.active_power_mw
    assert windows > 100


def test_impossible_arguments_are_refused():
    assert refused(lambda: WindowMeter(1600, 16, UV, UA))
    assert refused(lambda: WindowMeter(300, 50, UV, UA))


def refused(call):
    try:
        call()
    except ValueError:
        return True
    return False


def test_quality_bits_are_the_wire_s():
    assert (schema.NO_VOLTAGE, schema.CLIPPED, schema.SHORT_WINDOW) == (NO_VOLTAGE, CLIPPED, SHORT_WINDOW)


def test_an_offset_of_the_current_alone_does_not_reach_any_window():
    meter = WindowMeter(RATE, 50, NV, NA, 30_000)
    source = Source(meter.feed, [(230, 50.3, 0)], [(0.5, 50.3, -60)], offset=0, offset_i=900)
    found = []
    source.run(RATE * 2, lambda: found.append((meter.current_rms_ma, meter.active_power_mw)))
    assert len(found) >= 9
    for current_ma, active_mw in found[1:]:
        near(current_ma, 500, 1)
        near(active_mw, 57_500, 60)


def test_a_frequency_that_cannot_be_the_mains_is_none():
    meter = WindowMeter(RATE, 50, NV, NA, 30_000)
    for hertz, told in ((35, None), (45, 45_000), (65, 65_000), (90, None), (400, None)):
        Source(meter.feed, [(230, hertz, 0)], [(10, hertz, 0)]).run(RATE)
        assert (meter.frequency_mhz is None) == (told is None), (hertz, meter.frequency_mhz)
        assert told is None or abs(meter.frequency_mhz - told) <= 2
        assert (meter.quality == 0) == (told is not None)


def test_a_burst_of_products_fits_into_a_word_whatever_the_offset():
    for clip in (2040, 6120, 30_000, 32_767):
        for offset in (0, 900, -1200):
            meter = WindowMeter(RATE, 50, NV, NA, clip)
            Source(meter.feed, [(20, 50, 0)], [(1, 50, 0)], offset=offset).run(RATE)
            burst = meter._sums[sums.BURST]
            assert burst == 1 or burst * (clip + abs(offset)) ** 2 <= 1 << 30
            assert clip > 6120 or burst >= 10
