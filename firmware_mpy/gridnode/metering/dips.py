"""Sags, swells and interruptions of the voltage (IEC 61000-4-30:2015, 5.4 and 5.5), from the half periods' squares."""

from gridnode.metering.halves import PLACES, WRAP
from gridnode.metering.integers import divide, root

# Begins beyond the first, is over when back at the second: per cent of the nominal voltage, with 2 % of hysteresis.
_PER_CENT = (90, 92, 110, 108, 5, 7)
_GOOD, _SAG, _SWELL, _INTERRUPTION = range(4)
KINDS = (None, "sag", "swell", "interruption")


class Dips:
    """Watches the RMS of each cycle, renewed every half (two halves of `halves`), against `nominal_mv`.

    No event begins before the voltage has been there. One that falls below 5 % is an interruption, told for the time
    that it was below; it is no sag besides, neither on its way down nor back up. `window`: turns counts into volts.
    """

    def __init__(self, halves, window, nominal_mv: int):
        self._halves = halves
        self._window = window
        self._nominal_mv = nominal_mv
        self._scale = 0  # the nano units per count that the thresholds are made for
        self._seen = halves.count
        self._last = -1  # mean square of the half before
        self._present = False
        self._kind = _GOOD
        self._began = self._extreme = 0  # number of the first half of what is going on; mean square at its worst

    def step(self):
        """What has ended since the last call: ("sag" | "swell" | "interruption", extreme_mv, duration_ms), or None.

        Call again until it is None. Allocates only when there is something to tell.
        """
        halves = self._halves
        if self._scale != self._window.voltage_nv_per_count:
            self._rescale()
        seen = halves.since(self._seen)
        while seen != halves.count:
            half, last = halves.voltage[seen % PLACES], self._last
            self._seen = seen = (seen + 1) % WRAP
            self._last = half
            if last >= 0 and self._look((half >> 1) + (last >> 1)):
                return self._tell()
        return None

    def _rescale(self):  # apart: a comprehension in `step` would make it allocate each time
        self._scale = self._window.voltage_nv_per_count
        counts = [divide(self._nominal_mv * 10_000 * per_cent, self._scale) for per_cent in _PER_CENT]
        self._thresholds = [each * each for each in counts]

    def _look(self, square: int) -> bool:
        """One more cycle's mean square. True: what was going on is over."""
        sag, sag_over, swell, swell_over, out, out_over = self._thresholds
        kind = self._kind
        if kind == _GOOD:
            if square >= sag_over:
                self._present = True
            if square > swell:
                self._begin(_SWELL, square)
            elif square < sag and self._present:
                self._begin(_SAG, square)
        if self._kind == _SAG and square < out:
            self._begin(_INTERRUPTION, square)
        if kind == _SWELL:
            self._extreme = max(self._extreme, square)
            return square < swell_over
        self._extreme = min(self._extreme, square)
        return square >= sag_over if kind == _SAG else kind == _INTERRUPTION and square >= out_over

    def _begin(self, kind: int, square: int):
        self._kind, self._extreme, self._began = kind, square, self._seen

    def _tell(self) -> tuple:
        kind, self._kind = self._kind, _GOOD
        if kind == _INTERRUPTION:
            self._present = False
        extreme_mv = divide(root(self._extreme * self._scale * self._scale), 1_000_000)
        duration_us = (self._seen - self._began) % WRAP * self._halves.half_us
        return KINDS[kind], extreme_mv, duration_us // 1000
