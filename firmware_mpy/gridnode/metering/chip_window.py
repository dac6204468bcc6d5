"""A window whose figures a meter chip has measured, in the place of a WindowMeter that works them out of samples.

A driver tells it what the chip said, and books it: `window.measured(...)`, then `channel.count()`. Time in which the
chip said nothing, or nothing that can be true, is passed over with `channel.skip(ms, why)`: no figure is made up, and
no energy.
"""

import math

from gridnode.metering.integers import divide, root
from gridnode.metering.window import SAMPLE, SHORT_WINDOW

_NOMINAL = 1_000_000  # a gain of 1, in millionths
_TURN = 1 << 20  # fixed point of the sine and cosine that turn the power


class ChipWindow:
    """The attributes of a WindowMeter that Channel and Interval read; all None before the first window.

    One "sample" is a millisecond: `length` is in 1/4096 ms.
    """

    sample_rate_hz = 1000

    def __init__(self):
        self.length = 0
        self._gains = None
        self._blank(0)

    def _blank(self, quality: int):
        self.voltage_rms_mv = self.current_rms_ma = None
        self.active_power_mw = self.reactive_power_mvar = self.apparent_power_mva = self.frequency_mhz = None
        self.quality = quality

    def calibrate(self, voltage_ppm=0, current_ppm=0, phase_mdeg=0, power_offset_mw=0, current_offset_ma=0):
        """Correct what is told from now on by calibration.parse's figures of this channel; README.md has the formulas.

        A chip that does not tell reactive power is not corrected for its phase.
        """
        gains = (voltage_ppm, current_ppm, phase_mdeg, power_offset_mw, current_offset_ma)
        self._gains = gains if any(gains) else None

    def measured(
        self,
        duration_ms: int,
        voltage_rms_mv: int,
        current_rms_ma: int,
        active_power_mw: int,
        frequency_mhz=None,
        quality: int = 0,
        reactive_power_mvar=None,
    ):
        """The window that has just ended: `active_power_mw` (+ is import) flowed for `duration_ms`.

        frequency_mhz, reactive_power_mvar (+ is inductive): None where there is none, or the chip cannot tell. Raises
        ValueError on a negative duration.
        """
        if duration_ms < 0:
            raise ValueError("duration must not be negative")
        if self._gains:
            voltage_rms_mv, current_rms_ma, active_power_mw, reactive_power_mvar = _corrected(
                voltage_rms_mv, current_rms_ma, active_power_mw, reactive_power_mvar, self._gains
            )
        self.length = duration_ms * SAMPLE
        self.voltage_rms_mv = voltage_rms_mv
        self.current_rms_ma = current_rms_ma
        self.active_power_mw = active_power_mw
        self.reactive_power_mvar = reactive_power_mvar
        self.apparent_power_mva = max(divide(voltage_rms_mv * current_rms_ma, 1000), abs(active_power_mw))
        self.frequency_mhz = frequency_mhz
        self.quality = quality

    def abandon(self) -> int:
        """Time passes without a measurement: forget the figures, which are no longer so. No time is pending: 0."""
        self._blank(SHORT_WINDOW)
        return 0


def _corrected(voltage_mv: int, current_ma: int, active_mw: int, reactive_mvar, gains: tuple) -> tuple:
    """(mV, mA, mW, mvar) by the formulas of README.md, "Calibration"."""
    voltage_ppm, current_ppm, phase_mdeg, power_offset_mw, current_offset_ma = gains
    voltage, current = _NOMINAL + voltage_ppm, _NOMINAL + current_ppm
    if reactive_mvar is not None:
        angle = math.radians(phase_mdeg / 1000)
        cosine, sine = int(math.cos(angle) * _TURN), int(math.sin(angle) * _TURN)
        turned_mvar = divide(active_mw * sine + reactive_mvar * cosine, _TURN)
        active_mw = divide(active_mw * cosine - reactive_mvar * sine, _TURN)
        reactive_mvar = divide(turned_mvar * voltage * current, _NOMINAL**2)
    active_mw = divide(active_mw * voltage * current, _NOMINAL**2) + power_offset_mw
    current_ma = divide(current_ma * current, _NOMINAL)  # its sign goes with the square
    current_ma = root(max(0, current_ma**2 - current_offset_ma**2))
    return divide(voltage_mv * voltage, _NOMINAL), current_ma, active_mw, reactive_mvar
