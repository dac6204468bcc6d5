"""The ESP32's converter as a meter: 68 ms of samples at a time, three times a second, as its program can do no better.

MicroPython reads that converter one sample at a time, and nothing samples while the program does something else. So the
program does nothing else for a burst: two whole cycles of voltage and currents at 2 kS/s. What the figures are of is
those two cycles; they stand for the time up to the next burst. Formulas: metering/README.md. Tried on simulated inputs
alone: the virtual ESP32's converter tells counts, not the microvolts (read_uv) that a real one works out for itself.
"""

import math
from array import array

try:
    from time import ticks_diff, ticks_us
except ImportError:  # CPython
    from gridnode.drivers.cpython_time import ticks_diff, ticks_us  # type: ignore[no-redef]

from gridnode.metering.integers import divide, root
from gridnode.metering.judge import OPEN_INPUT
from gridnode.metering.window import CLIPPED, NO_VOLTAGE, SHORT_WINDOW
from gridnode.native import micropython, ptr32

CANNOT = ("frequency_mhz",)  # two cycles are too few
RATE_HZ = 2000
SETS = 136  # two cycles at 50 Hz, up to one before the first crossing, a quarter for the reactive power
EVERY_MS = 330

_CYCLES = 2
_PERIOD_US = 1_000_000 // RATE_HZ
_LATE_US = 100  # 1.8 degrees of 50 Hz
_LATE_SETS = SETS // 20
_PLACES = 12  # positions count 1/4096 of a sample
_ONE = 1 << _PLACES
_STEP = 6  # counts in the sums are of 64 uV, so that their products fit 30 bits
_ENDS_UV = 150_000, 2_450_000  # with 11 dB; beyond them it is not linear (ESP32 Series Datasheet, ADC)
_NO_VOLTAGE_MV = 20_000
_NO_SWING_NV = _NO_VOLTAGE_MV * 2 * 10**9  # from peak to peak, in nV times 1000; of a sine it is 2.8 times the RMS
_MIDDLE_UV, _REST_UV = 1_300_000, 290_000  # an input that rests further from the middle has lost what holds it there
_SCALE = 1 << _STEP  # and a scale is of a millivolt: 64 / 1000 of it is a count's


class Esp32Adc:
    """Feeds channels (metering.Channel with a ChipWindow), a window from the end of each burst to that of the next.

    reads: of the voltage, then of each channel's current: microvolts at the pin (machine.ADC.read_uv, 11 dB). scales:
    for each channel (nV, nA) that a millivolt at its pins means. now_us: node time; ticks: of time.ticks_us. `pump`
    takes 68 ms when a burst is due. fault: "" or a sentence that says what to do. Raises ValueError when there is not
    a read and a scale for each channel, or the nominal frequency is neither 50 nor 60 Hz.
    """

    def __init__(self, channels: list, reads: list, scales: list, nominal_hz: int, now_us: int, ticks=ticks_us):
        if len(reads) != len(channels) + 1 or len(scales) != len(channels) or nominal_hz not in (50, 60):
            raise ValueError("the converter needs the voltage, a current and a scale for each channel, 50 or 60 Hz")
        self._channels = channels
        self._reads = reads
        self._scales = scales
        self._turn = 2 * math.pi * nominal_hz  # radians a second
        self._delay = (2 * RATE_HZ // nominal_hz + 4) // 8  # samples, nearest to a quarter period
        self._whole = _CYCLES * RATE_HZ * _ONE // nominal_hz  # of so many cycles, where no voltage shows them
        self._ticks = ticks
        self._samples = [array("i", [0] * SETS) for _ in reads]
        self._sums = array("i", [0] * 12)
        self._how = array("i", [0] * 5)
        self._end_ms = now_us // 1000
        self._due_ms = self._end_ms
        self.windows = 0
        self.fault = ""
        for channel in channels:
            channel.begin(self._end_ms * 1000)

    def close(self):
        """Nothing of it goes on by itself."""

    def pump(self, now_us: int):
        """Take a burst and book it, when one is due."""
        now_ms = now_us // 1000
        if now_ms < self._due_ms:
            return
        began = self._ticks()
        late, apart_us = self._burst(began)
        now_ms += ticks_diff(self._ticks(), began) // 1000
        self._due_ms = now_ms + EVERY_MS - SETS * _PERIOD_US // 1000
        if now_ms - self._end_ms > 2 * EVERY_MS:  # what a burst says holds for no longer
            self._skip(now_ms - EVERY_MS)
        if late > _LATE_SETS:
            self.fault = "the converter: %d of %d samples came late: the program is interrupted too often" % (
                late,
                SETS,
            )
            self._skip(now_ms)
            return
        self.fault = ""
        for index in range(len(self._channels)):
            self._book(index, now_ms - self._end_ms, apart_us * (index + 1) / 1_000_000)
        self._end_ms = now_ms
        self.windows += 1

    def _skip(self, until_ms: int):
        for channel in self._channels:
            channel.skip(until_ms - self._end_ms)
        self._end_ms = until_ms

    def _burst(self, began: int) -> tuple:
        """Fill the samples; return how many sets came late, and the time from one input to the next, in us."""
        ticks, reads, samples = self._ticks, self._reads, self._samples
        late = reading_us = 0
        inputs = len(reads)
        for k in range(SETS):
            since = ticks_diff(ticks(), began) - k * _PERIOD_US
            while since < 0:
                since = ticks_diff(ticks(), began) - k * _PERIOD_US
            if since > _LATE_US:
                late += 1
            for index in range(inputs):
                samples[index][k] = reads[index]()
            reading_us += ticks_diff(ticks(), began) - k * _PERIOD_US - since
        return late, reading_us // (SETS * inputs)

    def _book(self, index: int, duration_ms: int, apart_s: float):
        channel = self._channels[index]
        volts, amperes = self._samples[0], self._samples[index + 1]
        nv, na = self._scales[index]
        start, end, steady = self._cycles(volts, nv)
        v, i, vv, ii, vi, di = self._weigh(volts, amperes, start, end)
        length = end - start
        square = length * length
        voltage_mv = _rms(vv * length - v * v, nv * _SCALE, square)
        current_ma = _rms(ii * length - i * i, na * _SCALE, square)
        scale = nv * na * _SCALE * _SCALE
        active_mw = (vi * length - v * i) * scale // square // 10**21
        delayed_mw = (di * length - v * i) * scale // square // 10**21
        active_mw, reactive_mvar = self._turn_back(active_mw, delayed_mw, apart_s)
        quality = _rests(volts) | _rests(amperes)
        if voltage_mv < _NO_VOLTAGE_MV:
            quality |= NO_VOLTAGE
        elif not steady:
            quality |= SHORT_WINDOW
        channel.window.measured(duration_ms, voltage_mv, current_ma, active_mw, None, quality, reactive_mvar)
        channel.count()

    def _cycles(self, volts, nv: int) -> tuple:
        """(where the first whole cycle begins, where the last ends, True): rising crossings of the voltage's middle.

        Where there are too few: some samples of that length, False.
        """
        low, high = min(volts), max(volts)
        middle, arm = (low + high) // 2, low + (high - low) // 4
        armed = False
        start = crossings = 0
        swings = (high - low) * nv > _NO_SWING_NV  # or there is nothing but noise
        for k in range(self._delay, SETS if swings else 0):
            after = volts[k] - middle
            if volts[k] < arm:
                armed = True
            elif armed and after >= 0:
                armed = False
                before = volts[k - 1] - middle
                at = (k - 1 << _PLACES) + (-before << _PLACES) // (after - before)
                if not crossings:
                    start = at
                elif crossings == _CYCLES:
                    return start, at, True
                crossings += 1
        start = self._delay + 1 << _PLACES
        return start, start + self._whole, False

    def _weigh(self, volts, amperes, start: int, end: int) -> list:
        """Sums of v, i, v^2, i^2, v i, v of a quarter period before times i, in 1/4096, of counts about the middles.

        A sample stands for the time half-way to its neighbours, as in metering.window.
        """
        how, sums = self._how, self._sums
        half = 1 << _PLACES - 1
        first, last = start + half + _ONE - 1 >> _PLACES, end - half >> _PLACES
        how[0], how[1], how[2] = first, last + 1, self._delay
        how[3], how[4] = sum(volts) // SETS, sum(amperes) // SETS
        _gather(volts, amperes, how, sums)
        weighed = [sums[place] + (sums[place + 6] << 16) << _PLACES for place in range(6)]
        for k, weight in ((first - 1, first * _ONE - half - start), (last + 1, end - last * _ONE - half)):
            v, i = volts[k] - how[3] >> _STEP, amperes[k] - how[4] >> _STEP
            delayed = volts[k - self._delay] - how[3] >> _STEP
            for place, product in enumerate((v, i, v * v, i * i, v * i, delayed * i)):
                weighed[place] += product * weight
        return weighed

    def _turn_back(self, active_mw: int, delayed_mw: int, apart_s: float) -> tuple:
        """(active, reactive) from the powers of the voltage and of that a quarter period before.

        The current was read `apart_s` after the voltage, and so seems to lag the less by as much.
        """
        quarter, apart = self._turn * self._delay / RATE_HZ, self._turn * apart_s
        reactive = (delayed_mw - active_mw * math.cos(quarter)) / math.sin(quarter)
        cosine, sine = math.cos(apart), math.sin(apart)
        return round(active_mw * cosine - reactive * sine), round(active_mw * sine + reactive * cosine)


def _rms(spread: int, scale: int, square: int) -> int:
    return divide(root(spread * scale * scale // square), 10**9)


def _rests(samples) -> int:
    """Bits of quality: at the end of the range, or resting far from its middle."""
    quality = OPEN_INPUT if abs(sum(samples) // SETS - _MIDDLE_UV) > _REST_UV else 0
    return quality | CLIPPED if min(samples) <= _ENDS_UV[0] or max(samples) >= _ENDS_UV[1] else quality


@micropython.viper
def _gather(volts: ptr32, amperes: ptr32, how: ptr32, sums: ptr32):
    """The sums of samples how[0] .. how[1]; of products the low 16 bits, and the rest six places further."""
    k = int(how[0])
    end = int(how[1])
    delay = int(how[2])
    middle_v = int(how[3])
    middle_i = int(how[4])
    place = 0
    while place < 12:
        sums[place] = 0
        place += 1
    sum_v = 0
    sum_i = 0
    while k < end:
        v = (int(volts[k]) - middle_v) >> 6
        i = (int(amperes[k]) - middle_i) >> 6
        delayed = (int(volts[k - delay]) - middle_v) >> 6
        sum_v += v
        sum_i += i
        product = v * v
        sums[2] = int(sums[2]) + (product & 0xFFFF)
        sums[8] = int(sums[8]) + (product >> 16)
        product = i * i
        sums[3] = int(sums[3]) + (product & 0xFFFF)
        sums[9] = int(sums[9]) + (product >> 16)
        product = v * i
        sums[4] = int(sums[4]) + (product & 0xFFFF)
        sums[10] = int(sums[10]) + (product >> 16)
        product = delayed * i
        sums[5] = int(sums[5]) + (product & 0xFFFF)
        sums[11] = int(sums[11]) + (product >> 16)
        k += 1
    sums[0] = sum_v
    sums[1] = sum_i
