"""A window that a meter has told which counts energy itself (S0 pulses, telegrams), in the place of a WindowMeter.

Such a meter tells what it tells: what it does not is None. The energy of a window is the meter's own count of it:
`window.told(...)`, then `channel.count((import_mwh, export_mwh))`; silent time: `channel.skip(ms, why)`.
"""

from gridnode.metering.window import SAMPLE, SHORT_WINDOW

NO_ANSWER, UNBELIEVABLE, BOUNCE = 64, 128, 256  # bits of `quality`, as in wire.schema


class ToldWindow:
    """The attributes of a WindowMeter that Channel and Interval read. One "sample" is a millisecond."""

    sample_rate_hz = 1000

    def __init__(self):
        self.length = 0
        self._blank(0)

    def _blank(self, quality: int):
        self.active_power_mw = self.reactive_power_mvar = self.apparent_power_mva = None
        self.voltage_rms_mv = self.current_rms_ma = self.frequency_mhz = None
        self.quality = quality

    def told(self, duration_ms: int, active_power_mw, quality: int = 0):
        """The window that has just ended; its other quantities are set after this. Raises ValueError below 0 ms."""
        if duration_ms < 0:
            raise ValueError("duration must not be negative")
        self._blank(quality)
        self.length = duration_ms * SAMPLE
        self.active_power_mw = active_power_mw

    def calibrate(self, *gains):
        """A meter that counts energy itself is left as it is: our correction would contradict its display.

        Raises ValueError on any that is not nominal.
        """
        if any(gains):
            raise ValueError("a meter that counts energy itself cannot be calibrated")

    def abandon(self) -> int:
        """Time passes without a measurement: forget the figures, which are no longer so. No time is pending: 0."""
        self._blank(SHORT_WINDOW)
        return 0
