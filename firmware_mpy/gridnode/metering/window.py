"""Samples of voltage and current -> RMS, power and frequency over windows of 10 or 12 cycles.

A window begins at a rising zero crossing of the voltage and lasts 10 cycles at 50 Hz, 12 at 60 Hz
(IEC 61000-4-30, 4.4). Windows abut: every sample belongs to exactly one, and the one that a boundary cuts is
shared between both sides, so neither energy nor time is lost. Formulas: README.md here.
"""

import math
from array import array

from gridnode.metering import sums
from gridnode.metering.halves import Halves
from gridnode.metering.integers import divide, root
from gridnode.metering.sums import COUNT, FROM, LONGEST, TO, gather

NO_VOLTAGE, CLIPPED, SHORT_WINDOW = 1, 2, 4  # bits of `quality`, as in wire.schema
NO_ANSWER, UNBELIEVABLE = 64, 128  # those of meter chips

_PLACES = 12
SAMPLE = 1 << _PLACES  # positions and lengths count 1/4096 of a sample
_MIDWAY = -SAMPLE // 2  # position between the last window's samples and the first of the next, which is at 0
_LOWEST_MHZ, _HIGHEST_MHZ = 40_000, 70_000  # what may be the mains
_TURN = 1 << 20  # fixed point of sines and cosines


class WindowMeter:
    """One channel. After `feed` returns True the attributes describe the window that just ended.

    voltage_rms_mv, current_rms_ma, active_power_mw (+ is import), reactive_power_mvar (+ is inductive),
    apparent_power_mva, power_factor (per mille, signed like the active power; None without apparent power),
    frequency_mhz (None when no whole cycle was seen), quality; length, in 1/4096 samples; samples that began in it.
    All integers; None before the first window. `halves`: see there. voltage_nv_per_count and current_na_per_count are
    those of the calibration in force.
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
        """`clip_counts`: a sample this far from 0 means the converter is at its end. It may be set later, too, from the
        next window on.

        Below `no_voltage_mv` (RMS) there is no voltage to lock to. Raises ValueError when the rate gives fewer
        than 8 samples a cycle, or the nominal frequency is neither 50 nor 60 Hz.
        """
        if nominal_frequency_hz not in (50, 60):
            raise ValueError("nominal frequency must be 50 or 60 Hz, not %s" % nominal_frequency_hz)
        if sample_rate_hz < 8 * nominal_frequency_hz:
            raise ValueError("sample rate must be at least %d Hz" % (8 * nominal_frequency_hz))
        self.sample_rate_hz = sample_rate_hz
        self.nominal_frequency_hz = nominal_frequency_hz
        self.clip_counts = clip_counts
        self.no_voltage_mv = no_voltage_mv
        self._nominal_nv = voltage_nv_per_count
        self._nominal_na = current_na_per_count
        self._cycles_wanted = nominal_frequency_hz // 5
        self._nominal_samples = sample_rate_hz // 5
        # The voltage must fall this far below its mean before a rise counts: noise makes no crossings.
        self._hysteresis = max(1, no_voltage_mv * 1_000_000 // voltage_nv_per_count)
        self._quarter = (2 * sample_rate_hz // nominal_frequency_hz + 4) // 8
        self._past = array("h", [0] * self._quarter)  # voltages of the last quarter period
        self._sums = array("i", [0] * sums.STATE_WORDS)
        self._sums[sums.QUARTER] = self._quarter
        self._sums[sums.LOW] = -self._hysteresis
        self._sums[sums.LAST] = self._cycles_wanted + 1
        self.halves = Halves(self._sums, sample_rate_hz, nominal_frequency_hz)
        self.calibrate()
        self._begin(0, _MIDWAY)
        self.voltage_rms_mv = self.current_rms_ma = None
        self.active_power_mw = self.reactive_power_mvar = self.apparent_power_mva = None
        self.power_factor = self.frequency_mhz = None
        self.samples = self.length = self.quality = 0

    def calibrate(self, voltage_ppm=0, current_ppm=0, phase_mdeg=0, power_offset_mw=0, current_offset_ma=0):
        """Correct by calibration.parse's figures of this channel, from the next window on; README.md has the formulas.

        Each time from the nominal scales, so that twice the same is the same.
        """
        self._calibration = (voltage_ppm, current_ppm, phase_mdeg, power_offset_mw, current_offset_ma)
        if not self._sums[sums.COUNT]:
            self._take_calibration()

    def _take_calibration(self):
        voltage_ppm, current_ppm, phase_mdeg, self._offset_mw, offset_ma = self._calibration
        self._calibration = None
        nv = divide(self._nominal_nv * (1_000_000 + voltage_ppm), 1_000_000)
        na = divide(self._nominal_na * (1_000_000 + current_ppm), 1_000_000)
        self.voltage_nv_per_count, self.current_na_per_count = nv, abs(na)
        self._voltage_scale = SAMPLE * nv**2
        self._current_scale = SAMPLE * na**2
        self._power_scale = SAMPLE * nv * na  # below 0: the transformer is the wrong way round
        self._noise = (offset_ma * 1000) ** 2
        angle = math.radians(phase_mdeg / 1000)
        self._phase = (int(math.cos(angle) * _TURN), int(math.sin(angle) * _TURN)) if phase_mdeg else None

    def feed(self, voltage, current, n: int) -> bool:
        """Take the first `n` counts of two array('h'). Returns True when a window has ended in them."""
        state = self._sums
        ended = False
        at = 0
        while True:
            state[FROM] = at
            state[TO] = n
            at = gather(voltage, current, self._past, state)
            if state[COUNT] == state[LONGEST]:
                self._close((state[COUNT] << _PLACES) + _MIDWAY)
                self._begin(0, _MIDWAY)
                ended = True
            elif at < n:
                ended = self._cross(current[at] - state[sums.ZERO_I]) or ended
            if at == n:
                return ended

    def abandon(self) -> int:
        """Forget the window that has begun, as samples are missing in it; return its length in 1/4096 samples."""
        length = (self._sums[sums.COUNT] << _PLACES) + _MIDWAY - self._start
        self._sums[sums.ARMED] = 0
        self._begin(0, _MIDWAY)
        self.halves.restart()
        return length

    def _cross(self, current: int) -> bool:
        """The voltage rose through zero between the last sample and the next one, of `current`. True: window ended."""
        state = self._sums
        if state[sums.CROSSINGS] == 1:
            self._first = self._crossing()
            state[LONGEST] = state[COUNT] + self._nominal_samples * 3 // 2
            return False
        fraction = self._crossing() - ((state[sums.CROSS_AT] - 1) << _PLACES)
        self._split(fraction, (state[sums.CURRENT] * (SAMPLE - fraction) + current * fraction) >> _PLACES)
        return True

    def _crossing(self) -> int:
        """Position of the newest crossing: on the straight line between two samples."""
        state = self._sums
        low = state[sums.CROSS_LOW]
        return (state[sums.CROSS_AT] - 1 << _PLACES) + (-low << _PLACES) // (state[sums.CROSS_HIGH] - low)

    def _split(self, fraction: int, current: int):
        """End the window at a crossing `fraction` behind the last sample, where `current` flows.

        A sample stands for the time half-way to its neighbours. What the crossing cuts off goes to the other window:
        of the current and the delayed voltage alone, as the voltage is zero there.
        """
        state = self._sums
        cut = _MIDWAY + SAMPLE - fraction
        delayed = self._past[state[sums.PLACE]]
        self._i -= current * cut >> _PLACES
        self._ii -= current * current * cut >> _PLACES
        self._di -= delayed * current * cut >> _PLACES
        zero = state[sums.ZERO_I]
        moved = self._close(self._crossing())
        # A mean that still moves is no zero to lock to: as when a converter's offset is first seen.
        self._begin(1 if abs(moved) <= self._hysteresis >> 4 else 0, fraction - SAMPLE)
        current += zero - state[sums.ZERO_I]
        self._i = current * cut >> _PLACES
        self._ii = current * current * cut >> _PLACES
        self._di = delayed * current * cut >> _PLACES

    def _begin(self, crossings: int, start: int):
        """Start a window at position `start`, on a crossing (`crossings` 1) or still looking for one (0)."""
        state = self._sums
        self._start = self._first = start
        self._locked = crossings == 1
        state[LONGEST] = self._nominal_samples * 3 // 2 if self._locked else self._nominal_samples
        self._i = self._ii = self._di = 0  # what the crossing at its start left to it
        sums.begin(state)
        state[sums.CROSSINGS] = crossings
        state[sums.CLIP] = self.clip_counts
        highest = self.clip_counts + max(abs(state[sums.ZERO]), abs(state[sums.ZERO_I]))
        state[sums.BURST] = max(1, (1 << 30) // highest**2)
        if self._calibration:
            self._take_calibration()

    def _close(self, end: int) -> int:
        """Turn the sums into the figures of the window that ends at position `end`; return how far zero moved."""
        state = self._sums
        self.samples = state[sums.COUNT]
        self.length = end - self._start
        v = state[sums.SUM_V]
        i = state[sums.SUM_I] + self._i
        self._square = self.length**2
        voltage_uv = root(self._mean(sums.product(state, sums.VV), v, v, self._voltage_scale) // 1_000_000)
        current_square = self._mean(sums.product(state, sums.II) + self._ii, i, i, self._current_scale)
        current_ua = root(current_square // 1_000_000 - self._noise)
        self.voltage_rms_mv = divide(voltage_uv, 1000)
        self.current_rms_ma = divide(current_ua, 1000)
        self._judge()
        in_phase = self._power(sums.product(state, sums.VI), v, i)
        delayed = self._power(sums.product(state, sums.DI) + self._di, v, i)
        self._set_powers(in_phase, delayed, (voltage_uv * current_ua + 500_000_000) // 1_000_000_000)
        moved = divide(i, state[sums.COUNT])
        state[sums.ZERO_I] += moved
        state[sums.CURRENT] -= moved
        moved = divide(v, state[sums.COUNT])
        state[sums.ZERO] += moved
        state[sums.HEIGHT] -= moved
        if state[sums.HEIGHT] >= 0:
            state[sums.ARMED] = 0  # a zero that moved past the last sample is no crossing
        return moved

    def _set_powers(self, active_mw: int, delayed_mw: int, apparent_mva: int):
        """From the powers of the voltage and of the voltage a quarter period ago, as the scales have them."""
        reactive_mvar = self._rotate(active_mw, delayed_mw)
        if self._phase:
            cosine, sine = self._phase
            turned_mw = active_mw * cosine - reactive_mvar * sine
            reactive_mvar = divide(active_mw * sine + reactive_mvar * cosine, _TURN)
            active_mw = divide(turned_mw, _TURN)
        self.active_power_mw = active_mw = active_mw + self._offset_mw
        self.reactive_power_mvar = reactive_mvar
        self.apparent_power_mva = apparent_mva = max(apparent_mva, abs(active_mw))
        self.power_factor = divide(1000 * active_mw, apparent_mva) if apparent_mva else None

    @property
    def voltage_mean(self) -> int:
        """Of the newest window, in counts: what it is off the middle."""
        return self._sums[sums.ZERO]

    @property
    def current_mean(self) -> int:
        """As voltage_mean."""
        return self._sums[sums.ZERO_I]

    def _judge(self):
        """Set quality and frequency from what the window saw of the voltage."""
        self.quality = CLIPPED if self._sums[sums.CLIPPED] else 0
        self.frequency_mhz = None
        if self.voltage_rms_mv < self.no_voltage_mv:
            self.quality |= NO_VOLTAGE
        else:
            cycles = self._sums[sums.CROSSINGS] - 1
            if not self._locked or cycles < self._cycles_wanted:
                self.quality |= SHORT_WINDOW
            if cycles > 0:
                passed = self._crossing() - self._first
                frequency_mhz = divide(cycles * self.sample_rate_hz * 1000 << _PLACES, passed)
                if _LOWEST_MHZ <= frequency_mhz <= _HIGHEST_MHZ:
                    self.frequency_mhz = frequency_mhz
                else:  # noise, or no mains: nothing to turn the reactive power by
                    self.quality |= SHORT_WINDOW
        if not self.quality & ~CLIPPED:
            self.halves.follow(self.frequency_mhz)
        elif self.quality & NO_VOLTAGE:
            self.halves.follow(None)

    def _mean(self, products: int, a: int, b: int, scale: int) -> int:
        """Mean of the products less the product of the means, so without offsets, times the scale."""
        return (products * self.length - a * b * SAMPLE) * scale // self._square

    def _power(self, products: int, v: int, i: int) -> int:
        """In milliwatts, to the nearest."""
        return (self._mean(products, v, i, self._power_scale) // 500_000_000_000_000 + 1) >> 1

    def _rotate(self, active_mw: int, delayed_mw: int) -> int:
        """Reactive power from that of the delayed voltage, late by whole samples and so not quite a quarter period."""
        frequency_hz = (self.frequency_mhz or self.nominal_frequency_hz * 1000) / 1000
        angle = 2 * math.pi * frequency_hz * self._quarter / self.sample_rate_hz
        cosine, sine = int(math.cos(angle) * _TURN), int(math.sin(angle) * _TURN)
        return divide(delayed_mw * _TURN - active_mw * cosine, sine)
