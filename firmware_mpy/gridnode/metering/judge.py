"""What windows say together about how a channel is connected: reversed, of another phase, or not connected at all.

One window proves nothing: a finding must last, and then stays until as many windows say the contrary. A load that is
off says nothing. No clock, no allocation.
"""

from gridnode.metering.window import CLIPPED, NO_VOLTAGE

OPEN_INPUT, REVERSED, WRONG_PHASE = 8, 16, 32  # bits of `quality`, as in wire.schema

_LASTING_LOAD = 25  # windows: 5 s
_LASTING = 300  # a minute: a grid connection may look so for a while
_REST = 250  # a mean so far from the middle, per mille of clip_counts: nothing holds the input there


class Judge:
    """`look(window)` once for each window, before it is booked.

    load: whether the channel is a load, which never exports. small_ma: below this current nothing is said about phases
    (about 1 % of the range). Reactive power above 0 is inductive.
    """

    def __init__(self, load: bool, small_ma: int):
        self._load = load
        self._small_ma = small_ma
        self._lasting = _LASTING_LOAD if load else _LASTING
        self._found = 0
        self._open = self._reversed = self._phase = 0  # windows that say so, less those that say the contrary

    def look(self, window) -> int:
        """Add to window.quality what lasts; return it."""
        self._open = self._weigh(self._open, _is_open(window), OPEN_INPUT, _LASTING_LOAD)
        if self._says(window):
            angle = self._sector(window.active_power_mw // 1000, window.reactive_power_mvar)
            self._reversed = self._weigh(self._reversed, angle == REVERSED, REVERSED, self._lasting)
            self._phase = self._weigh(self._phase, angle == WRONG_PHASE, WRONG_PHASE, self._lasting)
        window.quality |= self._found
        return self._found

    def _says(self, window) -> bool:
        if window.quality & (NO_VOLTAGE | CLIPPED) or window.current_rms_ma is None:
            return False
        return window.active_power_mw is not None and window.current_rms_ma >= self._small_ma

    def _weigh(self, count: int, says: bool, bit: int, lasting: int) -> int:
        count = min(count + 1, lasting) if says else max(count - 1, 0)
        if count == lasting:
            self._found |= bit
        elif not count:
            self._found &= ~bit
        return count

    def _sector(self, watts: int, reactive_mvar) -> int:
        """Which finding the angle between current and voltage speaks for, else 0.

        A load lies between 15 degrees capacitive and 45 inductive: turned by half a turn it is reversed, by a third
        it is measured against another phase. Anywhere else (a grid connection may export) only 15 degrees about a
        third of a turn speak for another phase.
        """
        vars_ = 0 if reactive_mvar is None else reactive_mvar // 1000
        if watts >= 0:
            return 0
        if self._load:
            leans = vars_ * 1000 <= -watts * 268 if vars_ >= 0 else -vars_ <= -watts  # tan 15, tan 45
            return REVERSED if leans else WRONG_PHASE
        size = abs(vars_) * 1000
        return WRONG_PHASE if -watts * 1000 <= size <= -watts * 3732 else 0  # tan 45, tan 75


def _is_open(window) -> bool:
    """One of its inputs rests far from the middle. A meter chip's window tells nothing of that."""
    clip = getattr(window, "clip_counts", None)
    if clip is None:
        return False
    return abs(window.voltage_mean) * 1000 > clip * _REST or abs(window.current_mean) * 1000 > clip * _REST
