"""Samples of voltage and current -> RMS, power and frequency over windows of 10 or 12 cycles.

A window begins at a rising zero crossing of the voltage and lasts 10 cycles at 50 Hz, 12 at 60 Hz
(IEC 61000-4-30, 4.4). Windows abut: every sample belongs to exactly one, and the one that a boundary cuts is
shared between both sides, so neither energy nor time is lost. Formulas: README.md here.
"""

import math
from array import array

from gridnode.metering import sums
from gridnode.metering.integers import divide, root

NO_VOLTAGE, CLIPPED, SHORT_WINDOW = 1, 2, 4  # bits of `quality`, as in wire.schema

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
        self._sums = array("i", [0] * sums.STATE_WORDS)
        self._sums[sums.QUARTER] = self._quarter
        self._sums[sums.LOW] = -self._hysteresis
        self._sums[sums.CLIP] = clip_counts
        self._begin(-1, _MIDWAY)
        self.voltage_rms_mv = self.current_rms_ma = None
        self.active_power_mw = self.reactive_power_mvar = self.apparent_power_mva = None
        self.power_factor = self.frequency_mhz = None
        self.samples = self.length = self.quality = 0

    def feed(self, voltage, current, n: int) -> bool:
        """Take the first `n` counts of two array('h'). Returns True when a window has ended in them."""
        ended = False
        state = self._sums
        at = 0
        while at < n:
            stop = min(n, at + self._longest - state[sums.COUNT])
            state[sums.FROM] = at
            state[sums.TO] = stop
            at = sums.gather(voltage, current, self._past, state)
            if at < stop:
                ended = self._cross(voltage[at] - state[sums.ZERO], current[at]) or ended
            elif state[sums.COUNT] == self._longest:
                self._close((self._longest << _PLACES) + _MIDWAY)
                self._begin(-1, _MIDWAY)
                ended = True
        return ended

    def abandon(self) -> int:
        """Forget the window that has begun, as samples are missing in it; return its length in 1/4096 samples."""
        length = (self._sums[sums.COUNT] << _PLACES) + _MIDWAY - self._start
        self._sums[sums.ARMED] = 0
        self._begin(-1, _MIDWAY)
        return length

    def _cross(self, height: int, current: int) -> bool:
        """The voltage rose through zero between the last sample and the next one, given. True: window ended."""
        state = self._sums
        last = state[sums.HEIGHT]
        fraction = (-last << _PLACES) // (height - last)
        self._last = ((state[sums.COUNT] - 1) << _PLACES) + fraction
        self._cycles += 1
        if self._cycles == 0:
            self._first = self._last
            self._longest = state[sums.COUNT] + self._nominal_samples * 3 // 2
        if self._cycles < self._cycles_wanted:
            return False
        self._split(fraction, (state[sums.CURRENT] * (SAMPLE - fraction) + current * fraction) >> _PLACES)
        return True

    def _split(self, fraction: int, current: int):
        """End the window at a crossing `fraction` behind the last sample, where `current` flows.

        A sample stands for the time half-way to its neighbours. What the crossing cuts off goes to the other window:
        of the current and the delayed voltage alone, as the voltage is zero there.
        """
        cut = _MIDWAY + SAMPLE - fraction
        cut_i = current * cut >> _PLACES
        cut_ii = current * current * cut >> _PLACES
        cut_di = self._past[self._sums[sums.PLACE]] * current * cut >> _PLACES
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
        self._i = self._ii = self._di = 0  # what the crossing at its start left to it
        for place in range(sums.CLIPPED, sums.STATE_WORDS):
            self._sums[place] = 0

    def _close(self, end: int) -> int:
        """Turn the sums into the figures of the window that ends at position `end`; return how far zero moved."""
        state = self._sums
        self.samples = state[sums.COUNT]
        self.length = end - self._start
        v = state[sums.SUM_V]
        i = state[sums.SUM_I] + self._i
        voltage_uv = self._rms(self._spread(sums.product(state, sums.VV), v, v), self._voltage_scale)
        current_ua = self._rms(self._spread(sums.product(state, sums.II) + self._ii, i, i), self._current_scale)
        self.voltage_rms_mv = divide(voltage_uv, 1000)
        self.current_rms_ma = divide(current_ua, 1000)
        self._judge()
        self.active_power_mw = self._power(self._spread(sums.product(state, sums.VI), v, i))
        delayed = self._spread(sums.product(state, sums.DI) + self._di, v, i)
        self.reactive_power_mvar = self._rotate(self._power(delayed))
        self.apparent_power_mva = max(divide(voltage_uv * current_ua, 1_000_000_000), abs(self.active_power_mw))
        self.power_factor = None
        if self.apparent_power_mva:
            self.power_factor = divide(1000 * self.active_power_mw, self.apparent_power_mva)
        moved = divide(v, state[sums.COUNT])
        state[sums.ZERO] += moved
        state[sums.HEIGHT] -= moved
        if state[sums.HEIGHT] >= 0:
            state[sums.ARMED] = 0  # a zero that moved past the last sample is no crossing
        return moved

    def _judge(self):
        """Set quality and frequency from what the window saw of the voltage."""
        self.quality = CLIPPED if self._sums[sums.CLIPPED] else 0
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
