"""One metered channel: its window meter, its registers and its interval on one count of samples.

Time here is the length of the windows in samples, so the energy and the time of a record always belong together.
"""

from gridnode.metering.energy import EnergyRegister
from gridnode.metering.interval import Interval
from gridnode.metering.window import SAMPLE, SHORT_WINDOW


class Channel:
    """Feeds `window` (a WindowMeter, or a ChipWindow that its driver fills); every window that ends goes to the
    registers and to the interval.

    `start_us`: node time at which the first sample begins.
    """

    def __init__(self, name: str, window, start_us: int = 0, import_mwh: int = 0, export_mwh: int = 0):
        self.name = name
        self.window = window
        self.halves = getattr(window, "halves", None)  # a meter chip tells none
        self.tap = None  # a Harmonics that wants the samples for a while
        self.voltage_fraction = 0  # so far on the way to the next sample the voltage is interpolated
        self.energy = EnergyRegister(import_mwh, export_mwh)
        self.judge = None  # a metering.judge.Judge, where the board has one
        self.aggregates = None  # a metering.aggregate.Aggregates, once somebody has asked for one
        self._interval = Interval()
        self._start_us = start_us
        self._length = 0  # of all windows, in 1/4096 samples
        self.end_us = start_us  # node time at which the last window ended
        self._taken_ms = start_us // 1000

    def feed(self, voltage, current, n: int) -> bool:
        """As WindowMeter.feed: True when a window has ended."""
        if self.tap is not None:
            self.tap.take(voltage, current, n)
        if not self.window.feed(voltage, current, n):
            return False
        self.count()
        return True

    def count(self, counted=None):
        """Book the window that has just ended: its time, its energy, its figures. `feed` does; a chip's driver must.

        counted: (import_mwh, export_mwh) where the meter counts energy itself; otherwise it is power times time.
        """
        self._length += self.window.length
        end_us = self._start_us + self._length * 1_000_000 // (self.window.sample_rate_hz * SAMPLE)
        if counted is None:
            self.energy.add(self.window.active_power_mw, end_us - self.end_us)
        else:
            self.energy.import_mwh += counted[0]
            self.energy.export_mwh += counted[1]
        self.end_us = end_us
        if self.judge:
            self.judge.look(self.window)
        if self.aggregates:
            self.aggregates.add(self.window, self.end_us)
        self._interval.add(self.window)

    @property
    def measured(self) -> bool:
        """Whether a window has ended, so that there are figures to tell."""
        return self._length > 0

    def begin(self, start_us: int):
        """The first sample begins at `start_us` of node time; only before any is fed."""
        self._start_us = self.end_us = start_us
        self._taken_ms = start_us // 1000

    def skip(self, samples: int, why: int = 0):
        """So many samples were lost: their time passes, and no energy is made up for it. `why`: bits of quality."""
        if self.tap is not None:
            self.tap.restart()
        self._length += self.window.abandon() + samples * SAMPLE
        self.end_us = self._start_us + self._length * 1_000_000 // (self.window.sample_rate_hz * SAMPLE)
        self.window.quality |= why
        self._interval.quality |= SHORT_WINDOW | why

    def take_interval(self) -> tuple:
        """What an INTERVAL record says after its channel, in the wire's order; the next interval begins here.

        (end_ms, duration_ms, energy_import_mwh, energy_export_mwh, six quantities, quality). Intervals abut: the
        durations add up to the time that passed.
        """
        end_ms = self.end_us // 1000
        duration_ms = end_ms - self._taken_ms
        self._taken_ms = end_ms
        return (end_ms, duration_ms, self.energy.import_mwh, self.energy.export_mwh) + self._interval.take()

    def live(self) -> tuple:
        """What a LIVE message says after its channel: as `take_interval` without duration, of the last window."""
        last = self.window
        return (
            self.end_us // 1000,
            self.energy.import_mwh,
            self.energy.export_mwh,
            last.active_power_mw,
            last.reactive_power_mvar,
            last.apparent_power_mva,
            last.voltage_rms_mv,
            last.current_rms_ma,
            last.frequency_mhz,
            last.quality,
        )
