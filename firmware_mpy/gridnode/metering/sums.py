"""The only work done for every sample: sums of a window, up to the next rising zero crossing of the voltage.

One source for both interpreters: viper code on MicroPython (machine words, no allocation: 4 us a sample on an
emulated RP2040), plain Python on CPython. Products are gathered in bursts that fit into one word, the bursts in two
words, 16 bits apart, so that 32 bits are enough.
"""

from gridnode.native import micropython, ptr16, ptr32

# Places in `state`, array('i'). FROM .. TO: samples to take. ZERO: mean of the voltage. LOW: below this the voltage is
# armed for a crossing. CLIP: from here a sample is at the converter's end, and counts as if just there. HEIGHT and
# CURRENT: of the last sample.
FROM, TO, PLACE, QUARTER, ZERO, LOW, CLIP, ARMED, HEIGHT, CURRENT = range(10)
# What the window has gathered; products have their low word there and the high word behind it.
CLIPPED, COUNT, SUM_V, SUM_I, VV, II, VI, DI = 10, 11, 12, 13, 14, 16, 18, 20
# CROSSINGS: seen since the window began, with the one it began on; at the first and at LAST of them `gather` stops.
# The newest lies behind sample CROSS_AT - 1, between the heights CROSS_LOW and CROSS_HIGH. ZERO_I: the current's mean.
ZERO_I, CROSSINGS, LAST, CROSS_AT, CROSS_LOW, CROSS_HIGH = 22, 23, 24, 25, 26, 27
# Half periods, for halves.Halves. LEFT: samples until this one ends. HALF: length of one, in 1/4096 samples. REST: how
# much of its last sample is the next one's. PER: 65536 / samples of one, PER_NOW: of this one.
# BEFORE: VV and II as they were when it began. TOP: its samples of current at the converter's end.
LEFT, HALF, REST, PER, PER_NOW, TOP, BEFORE, HALVES, HALF_V = 28, 29, 30, 31, 32, 33, 34, 38, 39
PLACES = 32  # halves that are kept
HALF_I = HALF_V + PLACES
BURST = HALF_I + PLACES  # samples whose products fit into one word; at least 1, as LEFT
LONGEST = BURST + 1  # samples that the window may have: `gather` stops there too
STATE_WORDS = LONGEST + 1


@micropython.viper
def gather(voltage: ptr16, current: ptr16, past: ptr16, state: ptr32) -> int:  # noqa: C901 (a call costs 40 samples)
    """Add samples to the sums until a rising crossing, LONGEST or the end; return the index of the next sample.

    `past`: the voltages of the last quarter period, as a ring of QUARTER places.
    """
    # A 64-bit port reads words without their sign: these five are given back theirs, sums take care of themselves.
    k = int(state[0])
    first = k
    stop = int(state[1])
    if stop > k + int(state[104]) - int(state[11]):
        stop = k + int(state[104]) - int(state[11])
    place = int(state[2])
    quarter = int(state[3])
    zero = ((int(state[4]) & 0x3FFFF) ^ 0x20000) - 0x20000
    low = ((int(state[5]) & 0x3FFFF) ^ 0x20000) - 0x20000
    clip = int(state[6])
    armed = int(state[7])
    v = ((int(state[8]) & 0x3FFFF) ^ 0x20000) - 0x20000
    i = ((int(state[9]) & 0x3FFFF) ^ 0x20000) - 0x20000
    zero_i = ((int(state[22]) & 0x3FFFF) ^ 0x20000) - 0x20000
    left = int(state[28])
    while k < stop:
        begin = k
        end = k + int(state[103])
        if end > stop:
            end = stop
        if end > k + left:
            end = k + left
        sum_v = sum_i = vv = ii = vi = di = 0
        while k < end:
            raw = ((int(voltage[k]) & 0xFFFF) ^ 0x8000) - 0x8000
            height = raw - zero
            if armed:
                if height >= 0:
                    armed = 0
                    crossings = int(state[23]) + 1
                    state[23] = crossings
                    state[25] = int(state[11]) + k - first
                    state[26] = v
                    state[27] = height
                    if crossings == 1 or crossings == int(state[24]):
                        stop = k
                        break
            elif height < low:
                armed = 1
            v = height
            i = ((int(current[k]) & 0xFFFF) ^ 0x8000) - 0x8000
            if raw >= clip or raw <= 0 - clip:
                state[10] = 1
                v = (clip if raw > 0 else 0 - clip) - zero
            if i >= clip or i <= 0 - clip:
                state[10] = 1
                state[33] = int(state[33]) + 1
                i = clip if i > 0 else 0 - clip
            i -= zero_i
            sum_v += v
            sum_i += i
            vv += v * v
            ii += i * i
            vi += v * i
            di += (((int(past[place]) & 0xFFFF) ^ 0x8000) - 0x8000) * i
            past[place] = ((v & 0xFFFF) ^ 0x8000) - 0x8000
            place += 1
            if place == quarter:
                place = 0
            k += 1
        state[12] = int(state[12]) + sum_v
        state[13] = int(state[13]) + sum_i
        state[14] = int(state[14]) + (vv & 0xFFFF)
        state[15] = int(state[15]) + (vv >> 16)
        state[16] = int(state[16]) + (ii & 0xFFFF)
        state[17] = int(state[17]) + (ii >> 16)
        state[18] = int(state[18]) + (vi & 0xFFFF)
        state[19] = int(state[19]) + (vi >> 16)
        state[20] = int(state[20]) + (di & 0xFFFF)
        state[21] = int(state[21]) + (di >> 16)
        state[8] = v
        state[9] = i
        left -= k - begin
        if left == 0:
            left = int(end_half(state))
    state[2] = place
    state[7] = armed
    state[11] = int(state[11]) + k - first
    state[28] = left
    return k


@micropython.viper
def end_half(state: ptr32) -> int:
    """Keep the mean squares of the half period that ends within the last sample; return the samples of the next."""
    count = int(state[38])
    rest = int(state[30])
    per = int(state[32])
    words = 0
    while words < 4:  # of the voltage, then of the current
        last = ((int(state[8 + (words >> 1)]) & 0x3FFFF) ^ 0x20000) - 0x20000
        over = ((last * rest) >> 12) * last
        low = int(state[14 + words]) - (over & 0xFFFF)
        high = int(state[15 + words]) - (over >> 16)
        # The low words may differ by less than nothing: they borrow from the high ones first.
        more = (((low - int(state[34 + words]) + 0x10000) & 0x3FFFFFFF) >> 4) * per >> 12
        mean = (((high - int(state[35 + words])) & 0x3FFFFFFF) - 1) * per + more
        if words and int(state[33]) > 1:  # what flowed is not known, but that it was more than can be measured
            mean = 0x3FFFFFFF
        state[39 + (count & 31) + (words << 4)] = mean
        state[34 + words] = low
        state[35 + words] = high
        words += 2
    state[33] = 0
    state[32] = int(state[31])
    state[38] = (count + 1) & 0x1FFFFFFF
    need = int(state[29]) - rest + 4095
    state[30] = 4095 - (need & 0xFFF)
    return need >> 12


@micropython.viper
def begin(state: ptr32):
    """Empty what a window has gathered; the half period in progress goes on."""
    place = 0
    while place < 4:
        state[34 + place] = int(state[34 + place]) - int(state[14 + place])
        place += 1
    place = 10
    while place < 22:
        state[place] = 0
        place += 1


def product(state, at: int) -> int:
    """The sum of products whose low word is at `at`."""
    return (state[at + 1] << 16) + state[at]
