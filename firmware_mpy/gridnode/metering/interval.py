"""Means of one channel's windows between two records."""

from gridnode.metering.integers import divide, root

_SQUARED = (3, 4)  # places of voltage and current


class Interval:
    """Windows gathered since the last `take`, weighted by their length. Integers of any size, no floats."""

    def __init__(self):
        self._empty()

    def _empty(self):
        self.quality = 0
        self._sums = [0] * 6
        self._lengths = [0] * 6  # of the windows that have the quantity

    def add(self, window):
        """Count the window that has just ended. A quantity that is None is left out."""
        self.quality |= window.quality
        self._sum(0, window.active_power_mw, window.length)
        self._sum(1, window.reactive_power_mvar, window.length)
        self._sum(2, window.apparent_power_mva, window.length)
        self._sum(3, window.voltage_rms_mv, window.length)
        self._sum(4, window.current_rms_ma, window.length)
        self._sum(5, window.frequency_mhz, window.length)

    def _sum(self, place: int, value, length: int):
        if value is not None:
            self._sums[place] += (value * value if place in _SQUARED else value) * length
            self._lengths[place] += length

    def absorb(self, other):
        """Count the windows that another interval has gathered."""
        self.quality |= other.quality
        for place in range(6):
            self._sums[place] += other._sums[place]
            self._lengths[place] += other._lengths[place]

    def take(self) -> tuple:
        """Return the means in the wire's order and start afresh.

        (active_power_mw, reactive_power_mvar, apparent_power_mva, voltage_rms_mv, current_rms_ma, frequency_mhz,
        quality). Voltage and current are roots of mean squares. Each mean is over the windows that have the quantity,
        None when none has.
        """
        means = []
        for place in range(6):
            length = self._lengths[place]
            mean = divide(self._sums[place], length) if length else None
            means.append(root(mean) if mean is not None and place in _SQUARED else mean)
        quality = self.quality
        self._empty()
        return tuple(means) + (quality,)
