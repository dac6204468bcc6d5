"""Trips a contactor from what its channel measures: over-current, voltage and frequency out of their limits.

Needs no link and allocates nothing. Over-current follows the extremely inverse curve of IEC 60255-151:
t = TMS * 80 / ((I / Is)^2 - 1), summed up half period by half period, so that it also holds for a varying current:
each adds (I / Is)^2 - 1 to the heat, which trips at TMS * 80 seconds, and cools by the same formula below Is.
"""

from array import array

from gridnode.native import micropython, ptr32

OPEN_INPUT, NO_ANSWER, UNBELIEVABLE = 8, 64, 128  # bits of quality, as in wire.schema: the meter fails
FAILED = OPEN_INPUT | NO_ANSWER | UNBELIEVABLE
STALE_MS = 3_000  # without anything new for so long, the meter fails

# Places in `state`, array('i'). Squares are what `_voltage` and `_current` hold. SEEN: entries looked at, modulo 2^29.
# FOUND: the square that tripped. HEAT: the sum of squares >> SHIFT, less PICKUP; trips at LIMIT; TOP: no more is added
# at once. OVER_FOR, UNDER_FOR: how long the voltage has been out of limits. WEIGHT: what an entry lasts, in the unit of
# these, of HOLD and of LIMIT: a half period, or a millisecond. LAST: the newest entry of the current.
SEEN, FOUND, HEAT, SHIFT, PICKUP, LIMIT, TOP, INSTANT, OVER, UNDER, OVER_FOR, UNDER_FOR, HOLD, WEIGHT, LAST = range(15)
PLACES = 32  # entries that are kept, as in metering.halves
_WRAP = (1 << 29) - 1
_NEVER = (1 << 30) - 1
_ONE = 1024  # of the setting: what a window's current is counted in
_LONGEST_MS = 2048  # of a window, as far as heat is concerned
CAUSES = (None, "over-current", "over-voltage", "under-voltage")


@micropython.viper
def weigh(voltage: ptr32, current: ptr32, state: ptr32, count: int) -> int:
    """Look at the entries up to number `count`; return an index in CAUSES, over-current before the others."""
    behind = (count - int(state[0])) & 0x1FFFFFFF
    state[0] = count & 0x1FFFFFFF
    if behind > 32:
        behind = 32
    heat = int(state[2])
    over_for = int(state[10])
    under_for = int(state[11])
    hold = int(state[12])
    weight = int(state[13])
    cause = 0
    while behind > 0:
        place = (count - behind) & 31
        behind -= 1
        square = int(current[place])
        height = int(voltage[place])
        state[14] = square
        step = square >> int(state[3])
        if step > int(state[6]):
            step = int(state[6])
        heat += (step - int(state[4])) * weight
        if heat < 0:
            heat = 0
        if heat >= int(state[5]):
            heat = int(state[5])
            cause = 1
            state[1] = square
        if square > int(state[7]):
            cause = 1
            state[1] = square
        over_for = over_for + weight if height > int(state[8]) else 0
        under_for = under_for + weight if height < int(state[9]) else 0
        if over_for >= hold:
            over_for = hold
            if cause == 0:
                cause = 2
                state[1] = height
        if under_for >= hold:
            under_for = hold
            if cause == 0:
                cause = 3
                state[1] = height
    state[2] = heat
    state[10] = over_for
    state[11] = under_for
    return cause


@micropython.viper
def root_mean(square: int, factor: int, places: int) -> int:
    """The root of `square` (below 2^30) times factor / 2^places; `factor` below 2^15."""
    if square < 1:
        return 0
    while square < 0x10000000:
        square <<= 2
        places += 1
    root = 0
    bit = 0x4000
    while bit:
        more = root | bit
        if more * more <= square:
            root = more
        bit >>= 1
    return root * factor >> places


class Protection:
    """The protection of one contactor by what `channel` (metering.Channel) measures.

    spec: its literal in board.py: over_current_ma (the setting Is), time_multiplier_ms (TMS), instant_ma (trips after
    one half period), over_voltage_mv, under_voltage_mv, over_frequency_mhz, under_frequency_mhz (each may be None),
    hold_off_ms (of voltage and frequency), without_meter ("open" or "stay": what to do when the meter itself fails).
    With `channel.window.halves` it looks at every half period, otherwise, and for the frequency, at windows.

    value: what the last cause was found by, in mA, mV or mHz. blind: the meter fails, and the board wants that open.
    """

    def __init__(self, spec: dict, channel):
        self._spec = spec
        self.channel = channel
        self._halves = getattr(channel.window, "halves", None)
        self._open_when_blind = spec["without_meter"] == "open"
        self._hold_ms = max(1, spec["hold_off_ms"])
        self._state = array("i", [0] * 15)
        self._failed = True
        self._fresh_ms = None
        self._end_us = channel.end_us
        self._above_ms = self._below_ms = 0  # the frequency, out of its limits
        self.value = None
        self._quick = None  # a quick_trip.QuickTrip, where the meter's samples can be watched
        if self._halves:
            self._voltage, self._current = self._halves.voltage, self._halves.current
            self._state[SEEN] = self._halves.count
            self._scale_to_halves()
        else:
            self._voltage, self._current = array("i", [0] * PLACES), array("i", [0] * PLACES)
            self._scale_to_windows()

    def step(self, now_ms: int):
        """Look at what is new; return the cause to trip for, or None. Call it whenever something has been measured.

        As long as a cause lasts it is returned again with every half period or window.
        """
        found = None
        if self._halves:
            found = self._look(self._halves.count)
        if self._quick:
            found = self._opened(self._quick.take()) or found
        if self.channel.end_us != self._end_us:
            self._end_us = self.channel.end_us
            self._fresh_ms = now_ms
            found = self._window() or found
        if found:
            return found
        if self._fresh_ms is None:
            self._fresh_ms = now_ms
        elif now_ms - self._fresh_ms > STALE_MS:
            self._failed = True
        return None

    @property
    def clear(self) -> bool:
        """Whether closing makes sense: nothing is beyond a limit, and half of the heat has gone."""
        state = self._state
        beyond = state[OVER_FOR] or state[UNDER_FOR] or self._above_ms or self._below_ms
        return not beyond and state[LAST] <= state[INSTANT] and 2 * state[HEAT] <= state[LIMIT]

    @property
    def blind(self) -> bool:
        return self._failed and self._open_when_blind

    def quicken(self, quick):
        """From now on `quick` (a QuickTrip) has opened the coil before the half period has ended."""
        self._quick = quick
        quick.follow(self._state[INSTANT])

    def _opened(self, square: int):
        if not square:
            return None
        self._state[FOUND] = square
        self.value = self._measured(1)
        return CAUSES[1]

    def _look(self, count: int):
        state = self._state
        cause = weigh(self._voltage, self._current, state, count)
        if self._failed and cause != 1:
            state[OVER_FOR] = state[UNDER_FOR] = 0
            return None
        if cause and self._halves:
            self.value = self._measured(cause)
        elif cause:
            window = self.channel.window
            self.value = window.current_rms_ma if cause == 1 else window.voltage_rms_mv
        return CAUSES[cause]

    def _measured(self, cause: int) -> int:
        square = self._state[FOUND]
        if square >= _NEVER:
            square = self._end_square  # at least that
        scale = self._current_scale if cause == 1 else self._voltage_scale
        return root_mean(square, scale[0], scale[1])

    def _window(self):
        """A window has ended, or time has been skipped; return a cause that it gives."""
        window = self.channel.window
        self._failed = bool(window.quality & FAILED)
        lasted_ms = window.length // (window.sample_rate_hz * 4096 // 1000)
        found = None
        if self._halves:
            self._rescale(window)
            if self._quick:
                self._quick.follow(self._state[INSTANT])
        else:
            found = self._book(window, lasted_ms)
        return found or self._frequency(window.frequency_mhz, lasted_ms)

    def _book(self, window, lasted_ms: int):
        """The window as an entry; a quantity that it has not says nothing either way."""
        state = self._state
        count = (state[SEEN] + 1) & _WRAP
        place = count - 1 & PLACES - 1
        ratio = _ONE
        if window.current_rms_ma is not None:
            ratio = min(window.current_rms_ma * _ONE // self._unit_ma, 32767)
        self._current[place] = ratio * ratio
        self._voltage[place] = state[UNDER] if window.voltage_rms_mv is None else window.voltage_rms_mv
        state[WEIGHT] = min(lasted_ms, _LONGEST_MS)
        return self._look(count)

    def _frequency(self, frequency_mhz, lasted_ms: int):
        known = frequency_mhz is not None and not self._failed
        highest, lowest = self._spec["over_frequency_mhz"], self._spec["under_frequency_mhz"]
        above = known and highest is not None and frequency_mhz > highest
        below = known and lowest is not None and frequency_mhz < lowest
        self._above_ms = min(self._above_ms + lasted_ms, self._hold_ms) if above else 0
        self._below_ms = min(self._below_ms + lasted_ms, self._hold_ms) if below else 0
        if self._above_ms >= self._hold_ms or self._below_ms >= self._hold_ms:
            self.value = frequency_mhz
            return "over-frequency" if above else "under-frequency"
        return None

    def _rescale(self, window):
        """Follow a new calibration, and a frequency that has moved by more than 1 %."""
        same = window.voltage_nv_per_count == self._nv and window.current_na_per_count == self._na
        if not same or abs(self._halves.half_us - self._half_us) * 100 > self._half_us:
            self._scale_to_halves()

    def _scale_to_halves(self):
        """Limits in counts squared, times in half periods. Allocates: with a new calibration alone."""
        spec, window = self._spec, self.channel.window
        self._nv, self._na = nv, na = window.voltage_nv_per_count, window.current_na_per_count
        self._half_us = half_us = self._halves.half_us
        self._voltage_scale, self._current_scale = _fraction(nv), _fraction(na)
        self._end_square = window.clip_counts**2 // 2
        state = self._state
        state[INSTANT] = _square(spec["instant_ma"], na, _NEVER)
        state[OVER] = _square(spec["over_voltage_mv"], nv, _NEVER)
        state[UNDER] = _square(spec["under_voltage_mv"], nv, 0)
        state[WEIGHT] = 1
        state[HOLD] = -(-self._hold_ms * 1000 // half_us)
        self._set_heat(_square(spec["over_current_ma"], na, None), spec["time_multiplier_ms"] * 80_000 // half_us, 1)

    def _scale_to_windows(self):
        """Current as a part of the setting, squared; voltage in mV; times in ms."""
        spec, state = self._spec, self._state
        setting = spec["over_current_ma"]
        instant = spec["instant_ma"]
        self._unit_ma = setting or instant or _ONE
        state[INSTANT] = _NEVER
        if instant is not None:
            state[INSTANT] = min(instant * _ONE // self._unit_ma, 32766) ** 2
        state[OVER] = _NEVER if spec["over_voltage_mv"] is None else spec["over_voltage_mv"]
        state[UNDER] = spec["under_voltage_mv"] or 0
        state[HOLD] = self._hold_ms
        pickup = None if setting is None else _ONE * _ONE
        self._set_heat(pickup, spec["time_multiplier_ms"] * 80, _LONGEST_MS)

    def _set_heat(self, pickup, until: int, weight: int):
        """Trip when `until` times `pickup` has gathered above it, in numbers that stay below 2^30; None: never.

        What has gathered before is kept as a part of that. `weight`: the largest of an entry.
        """
        state = self._state
        kept, of = state[HEAT], state[LIMIT]
        shift = 30
        if pickup is not None:
            shift = 0
            while (pickup >> shift) * until >= 1 << 29 or (pickup >> shift) * 401 * weight >= 1 << 29:
                shift += 1
        state[SHIFT] = shift
        state[PICKUP] = max(1, (pickup or 0) >> shift)
        state[LIMIT] = state[PICKUP] * until if pickup is not None else 1 << 29
        state[TOP] = 400 * state[PICKUP]
        state[HEAT] = kept * state[LIMIT] // of if of else 0


def _square(milli, nano_per_count: int, otherwise):
    """A limit in counts squared; of a limit that is not given: `otherwise`."""
    if milli is None:
        return otherwise
    return min((milli * 1_000_000) ** 2 // nano_per_count**2, _NEVER - 1)


def _fraction(nano_per_count: int) -> tuple:
    """(factor, places): factor / 2^places are the thousandths of a unit in a count."""
    places = 0
    while places < 14 and nano_per_count << places + 1 < 32767 * 1_000_000:
        places += 1
    return (nano_per_count << places) // 1_000_000, places
