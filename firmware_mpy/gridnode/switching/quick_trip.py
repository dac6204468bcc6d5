"""Opens a coil at once when the newest half period of raw samples is beyond the instantaneous limit.

For a hard interrupt: allocates nothing, and neither a garbage collection nor a slow step delays it. It opens the coil
and no more; the contactor's next `protect` finds what it has left, and makes an ordinary trip of it.
"""

from array import array

from gridnode.native import micropython, ptr16, ptr32

# Places in `state`. LIMIT: mean square that trips, of counts as the window has them. LENGTH: of half a period, in
# 1/4096 samples: one word, as the interrupt may come between any two. ZERO: the current's mean. FOUND: the sum of
# (squares >> 6) that tripped, until it has been taken.
LIMIT, LENGTH, ZERO, SLOT, FOUND = range(5)


@micropython.viper
def beyond(ring: ptr16, where: ptr32, state: ptr32) -> int:
    """Whether the half period that ends at where[1] is beyond the limit; then it is kept. See Rp2040Adc.watch."""
    limit = int(state[0])
    if limit >= 0x10000000:  # more than any converter of 12 bits gives
        return 0
    n = (int(state[1]) + 4095) >> 12
    rest = (n << 12) - int(state[1])  # how much of the last sample is not in the half period
    inputs = int(where[2])
    mask = int(where[3])
    zero = (((int(state[2]) & 0x3FFFF) ^ 0x20000) - 0x20000) + (inputs << 11)
    at = (int(where[1]) - n * inputs + int(state[3])) & mask
    limit = (limit >> 6) + 1
    total = height = k = 0
    while k < n:
        height = int(ring[at]) * inputs - zero
        total += (height * height) >> 6
        at = (at + inputs) & mask
        k += 1
    total -= (height * height >> 12) * rest >> 6
    if total <= limit * n - ((limit >> 6) * rest >> 6):
        return 0
    state[4] = total
    return 1


class QuickTrip:
    """The quick part of a contactor's protection. slot: which of a set's samples is its current.

    Samples stand as the converter gives them, 12 bits around their middle, in counts that the window has as many steps
    of as a set has samples. The limit is the protection's own; over half a period a sine's mean square is the same
    wherever it begins. What a calibration puts back at the converter's steps is left out: at most 1 % too little.
    """

    def __init__(self, contactor, slot: int):
        self._drive = contactor.drive
        self._window = contactor.protection.channel.window
        self._state = array("i", [0] * 5)
        self._state[SLOT] = slot
        contactor.protection.quicken(self)

    def follow(self, limit: int):
        """The protection's limit (mean square), the offset and the length of half a period, after each window."""
        state, window = self._state, self._window
        state[LIMIT] = limit
        state[ZERO] = window.current_mean
        state[LENGTH] = window.halves.half_us * window.sample_rate_hz // 1000 * 4096 // 1000

    def look(self, ring, where):
        """The interrupt's part."""
        if beyond(ring, where, self._state):
            self._drive(False)

    def take(self) -> int:
        """The mean square that has opened the coil since the last call, 0: none has."""
        total = self._state[FOUND]
        self._state[FOUND] = 0
        return (total << 4) // (self._state[LENGTH] >> 8) << 6 if total else 0
