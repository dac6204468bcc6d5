"""An S0 pulse output of a meter (EN 62053-31, before DIN 43864): so many pulses for each kWh, and nothing else.

A pulse lasts at least 30 ms and so does the pause before the next. What is shorter is no pulse, and what comes faster
than the meter can meter is not counted. Energy is pulses; power is the energy of one over the time between two.
"""

from gridnode.metering.told_window import BOUNCE, NO_ANSWER

CANNOT = (
    "reactive_power_mvar",
    "apparent_power_mva",
    "voltage_rms_mv",
    "current_rms_ma",
    "frequency_mhz",
)
WINDOW_MS = 1000

_SHORTEST_US = 20_000  # 30 ms less what an optocoupler and our interrupt take of it
_SETTLING_US = 5_000  # a contact bounces no longer than this
_JITTER_US = 50_000  # two pulses may be seen so much nearer than they were, as flash is written meanwhile
_APART_US = 60_000  # at least: pulse and pause
_LONGEST_US = 500_000  # what is held longer is no pulse any more, and hides those that come meanwhile
_STUCK_US = 2_000_000
_MWH_PER_KWH = 1_000_000
_MW_US = 3_600_000_000 * _MWH_PER_KWH  # 1 kWh in mW us


class S0Pulse:
    """Feeds one channel (metering.Channel with a ToldWindow), a window a second.

    line: `take(now_us)`: True while there is another edge, then `at_us`, `active`; `lost`: edges have been forgotten
    (drivers/pin_edges.py, drivers/gpiod_edges.py). largest_w: what the meter can meter at most. now_us: node time.
    Power is None until two pulses have come, and while the line is held; without a pulse it falls to what could have
    flowed without one.
    A wire that is broken cannot be told from a load that is off.

    pulses, refused: how many were counted, and how many not as they came too fast. fault: "" or a sentence that says
    what to do. Raises ValueError when such a meter would need pulses closer than 60 ms.
    """

    def __init__(self, line, channel, pulses_per_kwh: int, largest_w: int, now_us: int):
        if pulses_per_kwh < 1 or largest_w < 1 or _APART_US * pulses_per_kwh * largest_w > _MW_US // 1000:
            raise ValueError("S0: %d pulses a kWh at %d W are too fast" % (pulses_per_kwh, largest_w))
        self._line = line
        self._channel = channel
        self._per_kwh = pulses_per_kwh
        self._apart_us = _MW_US // (1000 * pulses_per_kwh * largest_w)
        self._due_us = self._doubt_us = now_us  # from when on a pulse is slow enough
        self._active = self._began_blind = False
        self._began_us = now_us  # of what the line does now
        self._last_us = None  # when the last pulse began
        self._power_mw = None
        self._pumped_us = now_us
        self._end_ms = now_us // 1000
        self._rest = 0  # of an mWh, in 1 / pulses_per_kwh
        self._window_pulses = self._quality = 0
        self.pulses = self.refused = 0
        self.fault = ""
        channel.begin(self._end_ms * 1000)

    def close(self):
        """Nothing of it goes on by itself but the line's interrupt."""
        self._line.close()

    def pump(self, now_us: int):
        """Look at the edges since the last call, and book the window when it is over."""
        line = self._line
        # Interrupts wait while flash is written: whoever was held up this long knows no pulse's true length.
        blind = now_us - self._pumped_us >= _SHORTEST_US
        self._pumped_us = now_us
        while line.take(now_us):
            self._edge(line.at_us, line.active, blind)
        if line.lost:
            line.lost = False
            self._quality |= BOUNCE
        now_ms = now_us // 1000
        if now_ms - self._end_ms >= WINDOW_MS:
            self._book(now_us, (now_ms - self._end_ms) // WINDOW_MS * WINDOW_MS)

    def _edge(self, at_us: int, active: bool, blind: bool):
        if active and not self._active:
            self._active = True
            self._began_us = at_us
            self._began_blind = blind
        elif not active:
            length_us = at_us - self._began_us if self._active else 0
            held = length_us > _LONGEST_US
            unsure = blind or held or (self._active and self._began_blind)
            if length_us >= _SHORTEST_US or unsure:
                self._pulse(at_us - length_us, unsure)
                if held:
                    self._power_mw = self._last_us = None
            elif length_us >= _SETTLING_US:
                self._quality |= BOUNCE
            self._active = False
            self._began_us = at_us

    def _pulse(self, at_us: int, unsure: bool):
        """Count it, if it is not too early. `unsure`: it may be a bounce of the one before, or of the next."""
        if at_us < self._due_us - _JITTER_US:
            if not unsure and at_us > self._doubt_us:
                self.refused += 1
                self._quality |= BOUNCE
            return
        if unsure:
            self._doubt_us = at_us + 2 * _APART_US
        self._due_us = max(at_us, self._due_us) + self._apart_us
        self.pulses += 1
        self._window_pulses += 1
        if self._last_us is not None:
            self._power_mw = _MW_US // (self._per_kwh * (at_us - self._last_us))
        self._last_us = at_us

    def _book(self, now_us: int, duration_ms: int):
        self.fault = ""
        held_us = now_us - self._began_us if self._active else 0
        if held_us > _LONGEST_US:
            self._power_mw = self._last_us = None
        if held_us > _STUCK_US:
            self.fault = "S0: the line is held as in a pulse: check for a short circuit and its polarity"
            self._quality |= NO_ANSWER
        power_mw = self._power_mw
        if power_mw is not None:
            without_us = (self._began_us if self._active else now_us) - self._last_us
            if without_us > 0:
                power_mw = min(power_mw, _MW_US // (self._per_kwh * without_us))
        self._rest += self._window_pulses * _MWH_PER_KWH
        self._channel.window.told(duration_ms, power_mw, self._quality)
        self._channel.count((self._rest // self._per_kwh, 0))
        self._rest %= self._per_kwh
        self._window_pulses = self._quality = 0
        self._end_ms += duration_ms
