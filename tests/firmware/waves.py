"""Sampled waves whose figures are known by calculation, for tests that run under both interpreters."""

import math
from array import array

NV, NA = 65_104_166, 10_416_666  # nano units per count, as on a Pico with two currents
RATE = 4000


def counts(parts, nano_per_count, at, rate=RATE, offset=0, limit=32767):
    """One sample of a sum of sines [(rms in units, frequency_hz, degrees), ...], in whole counts."""
    value = 0
    for rms, frequency_hz, degrees in parts:
        value += rms * math.sin(2 * math.pi * frequency_hz * at / rate + math.radians(degrees))
    whole = round(value * math.sqrt(2) * 1e9 / nano_per_count) + offset
    return max(-limit, min(limit, whole))


class Source:
    """Feeds `feed(voltage, current, n)` with two waves, which may be changed between calls of `run`."""

    def __init__(self, feed, voltage, current, rate=RATE, chunk=40, offset=0, offset_i=None):
        self.feed, self.voltage, self.current, self.rate, self.offset = feed, voltage, current, rate, offset
        self.offset_i = offset if offset_i is None else offset_i  # of the current, in counts
        self.at = 0
        self._chunk = chunk
        self._volts, self._amperes = array("h", [0] * chunk), array("h", [0] * chunk)

    def run(self, samples, each=None):
        """Feed so many samples; `each()` is called behind every chunk in which a window ended."""
        while samples > 0:
            n = min(samples, self._chunk)
            for k in range(n):
                self._volts[k] = counts(self.voltage, NV, self.at, self.rate, self.offset)
                self._amperes[k] = counts(self.current, NA, self.at, self.rate, self.offset_i)
                self.at += 1
            if self.feed(self._volts, self._amperes, n) and each:
                each()
            samples -= n
