"""Harmonics 1 to 9 and total harmonic distortion of one window, worked out only when somebody asks.

Catches the samples of as long as the last window was (10 or 12 cycles of the measured frequency), then correlates them
with sines of each order: what Goertzel's algorithm gives, at the exact frequency and without its growing rounding.
"""

import math
from array import array

from gridnode.metering.integers import divide, root
from gridnode.native import micropython, ptr16, ptr32

ORDERS = 9
_TURN_BITS = 26  # the phase: a turn in 2^26 steps
_TABLE_BITS = 8
_TABLE = 1 << _TABLE_BITS  # sines of a turn, in 1/16384
_QUARTER = _TABLE // 4
_MARGIN = 64  # samples: the frequency may have changed a little since


class Harmonics:
    """Puts itself on `channel` (`channel.tap`) and leaves it when `ready`.

    `figures`: (voltage_thd_ppm, current_thd_ppm, 9 times mV, 9 times mA), RMS of each harmonic; the distortion is the
    root of the squares of harmonics 2 to 9 over the first, 0 without a first. None where there is no voltage to tell
    the frequency. `end_ms`: node time at which the samples ended. Takes 5 kB while it lasts; raises MemoryError.
    One order is worked out for each chunk that comes, so that nothing waits for long.
    """

    def __init__(self, channel):
        self.ready = False
        self.figures = None
        self.end_ms = 0
        self._channel = channel
        window = channel.window
        wanted = (window.length >> 12) + _MARGIN
        self._voltage = array("h", bytes(2 * wanted))
        self._current = array("h", bytes(2 * wanted))
        self._sines = array("h", bytes(2 * (_TABLE + _QUARTER + 1)))
        for k in range(_TABLE + _QUARTER + 1):
            self._sines[k] = round(16384 * math.sin(2 * math.pi * k / _TABLE))
        self._how = array("i", bytes(4 * 7))
        self._caught = 0
        self._order = 0  # the next to work out; 0: samples are still wanted
        self._millivolts = []
        self._milliamperes = []
        channel.tap = self

    def take(self, voltage, current, n: int):
        """`n` samples have come, for channel.feed to tell."""
        if self._order:
            self._work_out()
            return
        at = self._caught
        n = min(n, len(self._voltage) - at)
        self._voltage[at : at + n] = voltage[:n]
        self._current[at : at + n] = current[:n]
        self._caught = at + n
        if self._caught == len(self._voltage):
            self._begin()

    def restart(self):
        """Samples are missing: those caught before are of no use."""
        if not self._order:
            self._caught = 0

    def _begin(self):
        window = self._channel.window
        self.end_ms = self._channel.end_us // 1000
        self._order = 1
        frequency_mhz = window.frequency_mhz
        if frequency_mhz is None:
            self._end()
            return
        self._step = divide(frequency_mhz << _TURN_BITS, window.sample_rate_hz * 1000)
        # As many whole cycles as were caught; the last sample counts by the part of it that belongs to them.
        cycles = (self._caught - 1) * self._step >> _TURN_BITS
        self._length = divide(cycles << (_TURN_BITS + 8), self._step)  # in 1/256 samples

    def _work_out(self):
        window, order = self._channel.window, self._order
        volts = self._amplitude(self._voltage) * window.voltage_nv_per_count
        self._millivolts.append(round(volts * self._straightened() / 1e6))
        self._milliamperes.append(round(self._amplitude(self._current) * window.current_na_per_count / 1e6))
        self._order = order + 1
        if order == ORDERS:
            self.figures = tuple(
                [distortion(self._millivolts), distortion(self._milliamperes)] + self._millivolts + self._milliamperes
            )
            self._end()

    def _amplitude(self, samples) -> float:
        """RMS of this order, in counts."""
        how, whole = self._how, self._length >> 8
        for place in range(7):
            how[place] = 0
        how[0], how[1] = whole, self._step * self._order
        correlate(samples, self._sines, how)
        phase, part = how[2] >> (_TURN_BITS - _TABLE_BITS), self._length & 255
        sine = (how[4] << 16) + how[3] + (samples[whole] * self._sines[phase] * part >> 8)
        cosine = (how[6] << 16) + how[5] + (samples[whole] * self._sines[phase + _QUARTER] * part >> 8)
        return root(sine * sine + cosine * cosine) * math.sqrt(2) / (64 * self._length)

    def _straightened(self) -> float:
        """Undo what the converter's driver does to the amplitude when it interpolates; see rp2040_adc.voltage_gain."""
        fraction = self._channel.voltage_fraction
        turn = 2 * math.pi * self._step / (1 << _TURN_BITS)
        bent = 1 - 2 * fraction * (1 - fraction) * (1 - math.cos(turn * self._order))
        return math.sqrt((1 - 2 * fraction * (1 - fraction) * (1 - math.cos(turn))) / bent)

    def _end(self):
        self._voltage = self._current = self._sines = None
        self._channel.tap = None
        self.ready = True


def distortion(rms: list) -> int:
    """Total harmonic distortion in ppm, of RMS values by order from the first on."""
    if not rms[0]:
        return 0
    return divide(1_000_000 * root(sum(each * each for each in rms[1:])), rms[0])


@micropython.viper
def correlate(samples: ptr16, sines: ptr16, how: ptr32):
    """Sums of how[0] samples times sine and cosine, whose phase grows by how[1]; in two words each, 16 bits apart."""
    n = int(how[0])
    step = int(how[1])
    phase = 0
    sine_low = 0
    sine_high = 0
    cosine_low = 0
    cosine_high = 0
    k = 0
    while k < n:
        sample = ((int(samples[k]) & 0xFFFF) ^ 0x8000) - 0x8000
        at = phase >> 18
        part = (phase >> 10) & 0xFF  # of the way to the next sine: steps would pass for harmonics
        sine = ((int(sines[at]) & 0xFFFF) ^ 0x8000) - 0x8000
        product = sample * (sine + (((((int(sines[at + 1]) & 0xFFFF) ^ 0x8000) - 0x8000 - sine) * part) >> 8))
        sine_low += product & 0xFFFF
        sine_high += product >> 16
        sine = ((int(sines[at + 64]) & 0xFFFF) ^ 0x8000) - 0x8000
        product = sample * (sine + (((((int(sines[at + 65]) & 0xFFFF) ^ 0x8000) - 0x8000 - sine) * part) >> 8))
        cosine_low += product & 0xFFFF
        cosine_high += product >> 16
        phase = (phase + step) & 0x3FFFFFF
        k += 1
    how[2] = phase
    how[3] = sine_low
    how[4] = sine_high
    how[5] = cosine_low
    how[6] = cosine_high
