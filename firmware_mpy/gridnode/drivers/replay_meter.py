"""A replayed home (simulated): samples of voltage and current as the home's recorded load and PV would give them.

No converter and no house: but everything behind the samples is the product itself. For the unix port:
on a 32-bit port it is right too, but allocates, as its products need more than 31 bits.
"""

import math
from array import array

from gridnode.drivers.home_profile import HomeProfile

CHUNK = 64  # samples per feed
_TABLE_BITS = 12
_TABLE = 1 << _TABLE_BITS  # sine steps per turn, amplitude 32767; a further quarter gives the cosine
_QUARTER = _TABLE // 4
_PHASE_BITS = 24  # the phase: a turn in 2^24 steps
_SHIFT = 27  # amplitude (1/4096 count, 32767/32768) times sine -> counts
_AMPLITUDE = math.sqrt(2) * (1 << _SHIFT) / 32767

REACTIVE_PER_MILLE = 251  # of the load: tan(acos(0.97)), inductive
LARGEST_POWER_PER_MILLE = 1040  # apparent power of a load at power factor 0.97 and the lowest voltage
VOLTAGE_SWAY_PER_MILLE = 6


def _sines():
    sines = array("h", bytes(2 * (_TABLE + _QUARTER)))  # made in place: on a small heap a list has no room beside it
    for k in range(_TABLE + _QUARTER):
        sines[k] = round(32767 * math.sin(2 * math.pi * k / _TABLE))
    return sines


class ReplayMeter:
    """Feeds two channels with one voltage: the home's grid connection (load - PV) and its water heater.

    profile_path: see home_profile. grid, heater: feed(voltage, current, n) and `window` (a WindowMeter, whose
    scales and rate the samples are made for), as metering.Channel has. heater_closed(): the state of the water
    heater's contactor. speed: hours of the profile per hour; the power is not scaled. start_hour: of the profile,
    at node time 0. start_us: node time of the first sample. Raises ValueError when the profile is not one, or does
    not fit into the channel's range.
    """

    def __init__(
        self,
        profile_path: str,
        grid,
        heater,
        heater_closed,
        nominal_voltage_mv: int = 230_000,
        heater_power_mw: int = 2_000_000,
        speed: int = 1,
        start_hour: int = 0,
        start_us: int = 0,
    ):
        self.fault = ""  # nothing ails a recording
        self._home = HomeProfile(profile_path)
        self._grid, self._heater, self._heater_closed = grid, heater, heater_closed
        self._rate = grid.window.sample_rate_hz
        self._frequency_mhz = grid.window.nominal_frequency_hz * 1000
        self._nominal_mv = nominal_voltage_mv
        self._speed = speed
        self._start_hour_us = start_hour * 3_600_000_000
        self._start_us = start_us
        self._made = 0  # samples so far
        self._phase = 0
        self._scale(grid.window, heater.window, heater_power_mw)
        self._sine = _sines()
        self._voltage = array("h", [0] * CHUNK)
        self._current = array("h", [0] * CHUNK)
        self._heater_current = array("h", [0] * CHUNK)
        self._heater_was_closed = False

    def _scale(self, grid, heater, heater_power_mw: int):
        """Integer factors from mV and mW to amplitudes; refuse what would not fit into 16 bits."""
        nv, na = grid.voltage_nv_per_count, grid.current_na_per_count
        self._voltage_gain = round(_AMPLITUDE * 1e9 / nv)  # from mV, per 1000
        self._current_gain = round(_AMPLITUDE * 1e9 / na)  # from mW / mV
        # The heater is a resistance: current in counts per count of voltage, per 2^20.
        siemens = heater_power_mw * 1000 / self._nominal_mv**2
        self._heater_gain = round(siemens * nv / heater.current_na_per_count * (1 << 20))
        self._largest_sway_mv = self._nominal_mv * VOLTAGE_SWAY_PER_MILLE // 1000
        largest_mv = self._nominal_mv + self._largest_sway_mv
        largest_mw = self._home.peak_mw * LARGEST_POWER_PER_MILLE // 1000
        highest = (
            ("voltage", math.sqrt(2) * largest_mv * 1e6 / nv),
            ("home's current", math.sqrt(2) * largest_mw * 1e9 / self._nominal_mv / na),
            ("water heater's current", math.sqrt(2) * largest_mv * 1e6 / nv * self._heater_gain / (1 << 20)),
        )
        for what, counts in highest:
            if counts > 32767:
                name = self._home.name
                raise ValueError("%s: the %s needs %d counts of 32767: widen the channel" % (name, what, counts))

    def pump(self, now_us: int):
        """Make and feed the samples due at `now_us`: at most 1 s of them, what is left comes with the next call."""
        due = (now_us - self._start_us) * self._rate // 1_000_000 - self._made
        if due > self._rate:
            due = self._rate
        while due > 0:
            n = CHUNK if due > CHUNK else due
            self._make(n)
            self._grid.feed(self._voltage, self._current, n)
            self._heater.feed(self._voltage, self._heater_current, n)
            due -= n

    def _make(self, n: int):
        """Fill the buffers with the next `n` samples, at the power and voltage of their middle."""
        middle_us = self._start_us + (2 * self._made + n) * 500_000 // self._rate
        self._made += n
        self._home.look(self._start_hour_us + middle_us * self._speed)
        voltage_mv = self._nominal_mv + self._largest_sway_mv * self._sway(middle_us, 173) // 32767
        frequency_mhz = self._frequency_mhz + (20 * self._sway(middle_us, 97) + 10 * self._sway(middle_us, 41)) // 32767
        load_mw = self._home.load_mw
        in_phase = (load_mw - self._home.pv_mw) * self._current_gain // voltage_mv
        lagging = load_mw * REACTIVE_PER_MILLE // 1000 * self._current_gain // voltage_mv
        step = (frequency_mhz << _PHASE_BITS) // (self._rate * 1000)
        self._wave(n, voltage_mv * self._voltage_gain // 1000, in_phase, lagging, step)
        self._heat(n)

    def _sway(self, time_us: int, period_s: int) -> int:
        """A slow sine of time, -32767 .. 32767."""
        return self._sine[time_us * _TABLE // (period_s * 1_000_000) % _TABLE]

    def _wave(self, n: int, volts: int, in_phase: int, lagging: int, step: int):
        """Voltage volts * sin, current in_phase * sin - lagging * cos. Runs per sample: nothing is allocated."""
        sine, voltage, current = self._sine, self._voltage, self._current
        to_table, quarter, shift = _PHASE_BITS - _TABLE_BITS, _QUARTER, _SHIFT
        turn, phase, k = (1 << _PHASE_BITS) - 1, self._phase, 0
        while k < n:
            at = phase >> to_table
            s = sine[at]
            voltage[k] = (volts * s) >> shift
            current[k] = (in_phase * s - lagging * sine[at + quarter]) >> shift
            phase = (phase + step) & turn
            k += 1
        self._phase = phase

    def _heat(self, n: int):
        """The water heater's current: in proportion to the voltage while its contactor is closed."""
        closed = self._heater_closed()
        if not closed and not self._heater_was_closed:
            return  # the buffer is all zeros
        voltage, current = self._voltage, self._heater_current
        gain, k = self._heater_gain, 0
        if not closed:
            gain, n = 0, CHUNK
        while k < n:
            current[k] = (voltage[k] * gain) >> 20
            k += 1
        self._heater_was_closed = closed

    def close(self):
        """Close the profile."""
        self._home.close()
