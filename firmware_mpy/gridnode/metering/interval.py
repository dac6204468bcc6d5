"""Means of one channel's windows between two records."""

from gridnode.metering.integers import divide, root


class Interval:
    """Windows gathered since the last `take`, weighted by their length. Integers of any size, no floats."""

    def __init__(self):
        self._empty()

    def _empty(self):
        self._length = 0
        self.quality = 0
        self._active = self._apparent = 0
        self._voltage_squares = self._current_squares = 0
        self._reactive = self._reactive_length = 0
        self._frequency = self._frequency_length = 0

    def add(self, window):
        """Count the window that a WindowMeter or a ChipWindow has just ended."""
        n = window.length
        self._length += n
        self.quality |= window.quality
        self._active += window.active_power_mw * n
        self._apparent += window.apparent_power_mva * n
        self._voltage_squares += window.voltage_rms_mv**2 * n
        self._current_squares += window.current_rms_ma**2 * n
        if window.reactive_power_mvar is not None:
            self._reactive += window.reactive_power_mvar * n
            self._reactive_length += n
        if window.frequency_mhz is not None:
            self._frequency += window.frequency_mhz * n
            self._frequency_length += n

    def take(self) -> tuple:
        """Return the means in the wire's order and start afresh.

        (active_power_mw, reactive_power_mvar, apparent_power_mva, voltage_rms_mv, current_rms_ma, frequency_mhz,
        quality). Voltage and current are roots of mean squares; the means of reactive power and frequency are over
        the windows that have one, None when none has. Without any window all quantities are None.
        """
        n = self._length
        means = (
            _mean(self._active, n),
            _mean(self._reactive, self._reactive_length),
            _mean(self._apparent, n),
            root(divide(self._voltage_squares, n)) if n else None,
            root(divide(self._current_squares, n)) if n else None,
            _mean(self._frequency, self._frequency_length),
            self.quality,
        )
        self._empty()
        return means


def _mean(total: int, length: int):
    return divide(total, length) if length else None
