"""A window whose figures a meter chip has measured, in the place of a WindowMeter that works them out of samples.

A driver tells it what the chip said, and books it: `window.measured(...)`, then `channel.count()`. Time in which the
chip said nothing is passed over with `channel.skip(ms)`: no figure is made up, and no energy.
"""

from gridnode.metering.integers import divide
from gridnode.metering.window import SAMPLE, SHORT_WINDOW


class ChipWindow:
    """The attributes of a WindowMeter that Channel and Interval read; all None before the first window.

    One "sample" is a millisecond: `length` is in 1/4096 ms. reactive_power_mvar is always None, as a chip that tells
    V, I and P does not tell the sign of Q.
    """

    sample_rate_hz = 1000
    reactive_power_mvar = None

    def __init__(self):
        self.length = 0
        self._blank(0)

    def _blank(self, quality: int):
        self.voltage_rms_mv = self.current_rms_ma = None
        self.active_power_mw = self.apparent_power_mva = self.frequency_mhz = None
        self.quality = quality

    def measured(
        self,
        duration_ms: int,
        voltage_rms_mv: int,
        current_rms_ma: int,
        active_power_mw: int,
        frequency_mhz=None,
        quality: int = 0,
    ):
        """The window that has just ended: `active_power_mw` (+ is import) flowed for `duration_ms`.

        frequency_mhz: None where there is none, or the chip cannot tell. Raises ValueError on a negative duration.
        """
        if duration_ms < 0:
            raise ValueError("duration must not be negative")
        self.length = duration_ms * SAMPLE
        self.voltage_rms_mv = voltage_rms_mv
        self.current_rms_ma = current_rms_ma
        self.active_power_mw = active_power_mw
        self.apparent_power_mva = max(divide(voltage_rms_mv * current_rms_ma, 1000), abs(active_power_mw))
        self.frequency_mhz = frequency_mhz
        self.quality = quality

    def abandon(self) -> int:
        """Time passes without a measurement: forget the figures, which are no longer so. No time is pending: 0."""
        self._blank(SHORT_WINDOW)
        return 0
