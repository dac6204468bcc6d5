"""Samples of voltage and current -> RMS, power and frequency over windows of 10 or 12 cycles.

A window begins at a rising zero crossing of the voltage and lasts 10 cycles at 50 Hz, 12 at 60 Hz
(IEC 61000-4-30, 4.4). Windows abut: every sample belongs to exactly one, and the one that a boundary cuts is
shared between both sides, so neither energy nor time is lost. Formulas: README.md here.
"""

import math
from array import array

from gridnode.metering.integers import divide, root

NO_VOLTAGE, CLIPPED, SHORT_WINDOW = 1, 2, 4  # bits of `quality`, as in wire.schema

CHUNK = 64  # samples a feed takes at most: 12-bit counts then sum within the 31-bit integers of a 32-bit port
_PLACES = 12
SAMPLE = 1 << _PLACES  # positions and lengths count 1/4096 of a sample
_MIDWAY = -SAMPLE // 2  # position between the last window's samples and the first of the next, which is at 0
_TURN = 1 << 20  # fixed point of the sine and cosine that rotate the delayed voltage's power


class WindowMeter:
    """One channel. After `feed` returns True the attributes describe the window that just ended.

    voltage_rms_mv, current_rms_ma, active_power_mw (+ is import), reactive_power_mvar (+ is inductive),
    apparent_power_mva, power_factor (per mille, signed like the active power; None without apparent power),
    frequency_mhz (None when no whole cycle was seen), quality; length, in 1/4096 samples; samples that began in it.
    All integers; None before the first window.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        nominal_frequency_hz: int,
        voltage_nv_per_count: int,
        current_na_per_count: int,
        clip_counts: int = 32767,
        no_voltage_mv: int = 20_000,
    ):
        """`clip_counts`: a sample this far from 0 means the converter is at its end.

        Below `no_voltage_mv` (RMS) there is no voltage to lock to. Raises ValueError when the rate gives fewer
        than 8 samples a cycle, or the nominal frequency is neither 50 nor 60 Hz.
        """
        if nominal_frequency_hz not in (50, 60):
            raise ValueError("nominal frequency must be 50 or 60 Hz, not %s" % nominal_frequency_hz)
        if sample_rate_hz < 8 * nominal_frequency_hz:
            raise ValueError("sample rate must be at least %d Hz" % (8 * nominal_frequency_hz))
        self.sample_rate_hz = sample_rate_hz
        self.nominal_frequency_hz = nominal_frequency_hz
        self.voltage_nv_per_count = voltage_nv_per_count
        self.current_na_per_count = current_na_per_count
        self.clip_counts = clip_counts
        self.no_voltage_mv = no_voltage_mv
        self._voltage_scale = SAMPLE * voltage_nv_per_count**2
        self._current_scale = SAMPLE * current_na_per_count**2
        self._power_scale = SAMPLE * voltage_nv_per_count * current_na_per_count
        self._cycles_wanted = nominal_frequency_hz // 5
        self._nominal_samples = sample_rate_hz // 5
        # The voltage must fall this far below its mean before a rise counts: noise makes no crossings.
        self._hysteresis = max(1, no_voltage_mv * 1_000_000 // voltage_nv_per_count)
        self._quarter = (2 * sample_rate_hz // nominal_frequency_hz + 4) // 8
        self._past = array("h", [0] * self._quarter)  # voltages of the last quarter period
        self._place = 0  # of the oldest one
        self._zero = 0  # the last window's mean voltage: where zero lies
        self._height = 0  # of the last sample above it
        self._armed = False
        self._current = 0  # of the last sample
        self._begin(-1, _MIDWAY)
        self.voltage_rms_mv = self.current_rms_ma = None
        self.active_power_mw = self.reactive_power_mvar = self.apparent_power_mva = None
        self.power_factor = self.frequency_mhz = None
        self.samples = self.length = self.quality = 0

    def feed(self, voltage, current, n: int) -> bool:
        """Take the first `n` <= 64 counts of two array('h'). Returns True when a window has ended in them."""
        if n > CHUNK:
            raise ValueError("feed takes at most %d samples" % CHUNK)
        ended = False
        at = 0
        while at < n:
            stop = min(n, at + self._longest - self._n)
            at = self._sum(voltage, current, at, stop)
            if at < stop:
                ended = self._cross(voltage[at] - self._zero, current[at]) or ended
            elif self._n == self._longest:
                self._close((self._n << _PLACES) + _MIDWAY)
                self._begin(-1, _MIDWAY)
                ended = True
        return ended

    def _sum(self, voltage, current, k: int, stop: int) -> int:
        """Add samples k .. stop - 1, but stop before a rising crossing; return the index of the next sample.

        The only loop that runs per sample: locals and small integers, so that nothing is allocated (nor by the
        assignments around it: MicroPython builds a tuple only for four names or more).
        """
        past, place, quarter = self._past, self._place, self._quarter
        zero, low, clip = self._zero, -self._hysteresis, self.clip_counts
        armed, first = self._armed, k
        v, i = self._height, self._current
        sum_v = sum_i = sum_vv = sum_ii = sum_vi = sum_di = 0
        while k < stop:
            raw = voltage[k]
            height = raw - zero
            if armed:
                if height >= 0:
                    armed = False
                    break
            elif height < low:
                armed = True
            v = height
            i = current[k]
            if raw >= clip or raw <= -clip or i >= clip or i <= -clip:
                self._clipped = True
            sum_v += v
            sum_i += i
            sum_vv += v * v
            sum_ii += i * i
            sum_vi += v * i
            sum_di += past[place] * i
            past[place] = v
            place += 1
            if place == quarter:
                place = 0
            k += 1
        self._place, self._armed = place, armed
        self._height, self._current = v, i
        self._n += k - first
        self._v += sum_v
        self._i += sum_i
        self._vv += sum_vv
        self._ii += sum_ii
        self._vi += sum_vi
        self._di += sum_di
        return k

    def _cross(self, height: int, current: int) -> bool:
        """The voltage rose through zero between the last sample and the next one, given. True: window ended."""
        fraction = (-self._height << _PLACES) // (height - self._height)
        self._last = ((self._n - 1) << _PLACES) + fraction
        self._cycles += 1
        if self._cycles == 0:
            self._first = self._last
            self._longest = self._n + self._nominal_samples * 3 // 2
        if self._cycles < self._cycles_wanted:
            return False
        self._split(fraction, (self._current * (SAMPLE - fraction) + current * fraction) >> _PLACES)
        return True

    def _split(self, fraction: int, current: int):
        """End the window at a crossing `fraction` behind the last sample, where `current` flows.

        A sample stands for the time half-way to its neighbours. What the crossing cuts off goes to the other window:
        of the current and the delayed voltage alone, as the voltage is zero there.
        """
        cut = _MIDWAY + SAMPLE - fraction
        cut_i = current * cut >> _PLACES
        cut_ii = current * current * cut >> _PLACES
        cut_di = self._past[self._place] * current * cut >> _PLACES
        self._i -= cut_i
        self._ii -= cut_ii
        self._di -= cut_di
        moved = self._close(self._last)
        # A mean that still moves is no zero to lock to: as when a converter's offset is first seen.
        self._begin(0 if abs(moved) <= self._hysteresis >> 4 else -1, fraction - SAMPLE)
        self._i = cut_i
        self._ii = cut_ii
        self._di = cut_di

    def _begin(self, cycles: int, start: int):
        """Start a window at position `start`, on a crossing (`cycles` 0) or still looking for one (-1)."""
        self._cycles = cycles
        self._start = self._first = self._last = start
        self._locked = cycles == 0
        self._longest = self._nominal_samples * 3 // 2 if self._locked else self._nominal_samples
        self._n = self._v = self._i = self._vv = self._ii = self._vi = self._di = 0
        self._clipped = False

    def _close(self, end: int) -> int:
        """Turn the sums into the figures of the window that ends at position `end`; return how far zero moved."""
        self.samples, self.length = self._n, end - self._start
        voltage_uv = self._rms(self._spread(self._vv, self._v, self._v), self._voltage_scale)
        current_ua = self._rms(self._spread(self._ii, self._i, self._i), self._current_scale)
        self.voltage_rms_mv = divide(voltage_uv, 1000)
        self.current_rms_ma = divide(current_ua, 1000)
        self._judge()
        self.active_power_mw = self._power(self._spread(self._vi, self._v, self._i))
        self.reactive_power_mvar = self._rotate(self._power(self._spread(self._di, self._v, self._i)))
        self.apparent_power_mva = max(divide(voltage_uv * current_ua, 1_000_000_000), abs(self.active_power_mw))
        self.power_factor = None
        if self.apparent_power_mva:
            self.power_factor = divide(1000 * self.active_power_mw, self.apparent_power_mva)
        moved = divide(self._v, self._n)
        self._zero += moved
        self._height -= moved
        self._armed = self._armed and self._height < 0  # a zero that moved past the last sample is no crossing
        return moved

    def _judge(self):
        """Set quality and frequency from what the window saw of the voltage."""
        self.quality = CLIPPED if self._clipped else 0
        self.frequency_mhz = None
        if self.voltage_rms_mv < self.no_voltage_mv:
            self.quality |= NO_VOLTAGE
            return
        if not self._locked or self._cycles < self._cycles_wanted:
            self.quality |= SHORT_WINDOW
        if self._cycles > 0:
            self.frequency_mhz = divide(self._cycles * self.sample_rate_hz * 1000 << _PLACES, self._last - self._first)

    def _spread(self, products: int, a: int, b: int) -> int:
        """Sum of products less the product of the means: times SAMPLE / length^2 it is the mean without offsets."""
        return products * self.length - a * b * SAMPLE

    def _rms(self, spread: int, scale: int) -> int:
        """In microvolts or microamperes."""
        return root(spread * scale // self.length**2 // 1_000_000)

    def _power(self, spread: int) -> int:
        """In milliwatts, to the nearest."""
        return (2 * (spread * self._power_scale // self.length**2) // 1_000_000_000_000_000 + 1) >> 1

    def _rotate(self, delayed_mw: int) -> int:
        """Reactive power from that of the delayed voltage, late by whole samples and so not quite a quarter period."""
        frequency_hz = (self.frequency_mhz or self.nominal_frequency_hz * 1000) / 1000
        angle = 2 * math.pi * frequency_hz * self._quarter / self.sample_rate_hz
        cosine, sine = int(math.cos(angle) * _TURN), int(math.sin(angle) * _TURN)
        return divide(delayed_mw * _TURN - self.active_power_mw * cosine, sine)
