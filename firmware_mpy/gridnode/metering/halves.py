"""Mean squares of every half period: what protection and the watch for sags look at, 10 ms after it happened.

A half lasts as long as half a period of the measured frequency, but does not begin at a crossing: the mean square of
a sine over half a period is the same wherever it begins. Written by sums.gather, without allocation.
"""

from gridnode.metering import sums

PLACES = sums.PLACES
LARGEST = (1 << 30) - 1  # mean square of a half whose current went beyond the converter's end
WRAP = 1 << 29


class Halves:
    """`voltage[n % PLACES]`, `current[n % PLACES]`: of half n, in counts squared (rms = root * nano units per count).

    Offsets are taken off. `half_us`: the length of one. To look at what is new, from `seen` on:

        seen = halves.since(seen)
        while seen != halves.count:
            look at voltage[seen % PLACES], current[seen % PLACES]
            seen = (seen + 1) % WRAP
    """

    def __init__(self, state, sample_rate_hz: int, nominal_frequency_hz: int):
        words = memoryview(state)
        self.voltage = words[sums.HALF_V : sums.HALF_V + PLACES]
        self.current = words[sums.HALF_I : sums.HALF_I + PLACES]
        self._state = state
        self._rate = sample_rate_hz
        self._nominal_mhz = nominal_frequency_hz * 1000
        self.follow(None)
        self.restart()

    @property
    def count(self) -> int:
        """Halves so far, modulo WRAP (62 days)."""
        return self._state[sums.HALVES]

    def since(self, seen: int) -> int:
        """The first half from number `seen` on that is still kept."""
        behind = (self.count - seen) % WRAP
        return seen if behind <= PLACES else (self.count - PLACES) % WRAP

    def follow(self, frequency_mhz):
        """From the next half on they last half a period of this frequency; None: of the nominal one."""
        state = self._state
        half = (self._rate * 2_048_000) // (frequency_mhz or self._nominal_mhz)
        if half == state[sums.HALF]:
            return
        self.half_us = half * 15_625 // (self._rate * 64)
        state[sums.HALF] = half
        state[sums.PER] = (1 << 28) // half

    def restart(self):
        """Samples are missing: the half that has begun is forgotten. The sums must be empty."""
        state = self._state
        for place in range(4):
            state[sums.BEFORE + place] = 0
        state[sums.TOP] = 0
        state[sums.LEFT] = (state[sums.HALF] + 4095) >> 12
        state[sums.REST] = -state[sums.HALF] & 4095
        state[sums.PER_NOW] = state[sums.PER]
