"""The only work done for every sample: sums of a window, up to the next rising zero crossing of the voltage.

One source for both interpreters: viper code on MicroPython (machine words, no allocation: 5 us a sample on an
emulated RP2040), plain Python on CPython. Products are gathered in two words, 16 bits apart, so that 32 are enough.
"""

from gridnode.native import micropython, ptr16, ptr32

# Places in `state`, array('i'). FROM .. TO: samples to take. ZERO: mean of the voltage. LOW: below this the voltage is
# armed for a crossing. CLIP: from here a sample is at the converter's end. HEIGHT, CURRENT: of the last sample.
FROM, TO, PLACE, QUARTER, ZERO, LOW, CLIP, ARMED, HEIGHT, CURRENT = range(10)
# What the window has gathered; products have their low word there and the high word behind it.
CLIPPED, COUNT, SUM_V, SUM_I, VV, II, VI, DI = 10, 11, 12, 13, 14, 16, 18, 20
STATE_WORDS = 22


@micropython.viper
def gather(voltage: ptr16, current: ptr16, past: ptr16, state: ptr32) -> int:
    """Add samples to the sums until a rising crossing or the end; return the index of the next sample.

    `past`: the voltages of the last quarter period, as a ring of QUARTER places.
    """
    # A 64-bit port reads words without their sign: these four are given back theirs, sums take care of themselves.
    k = int(state[0])
    first = k
    stop = int(state[1])
    place = int(state[2])
    quarter = int(state[3])
    zero = ((int(state[4]) & 0x3FFFF) ^ 0x20000) - 0x20000
    low = ((int(state[5]) & 0x3FFFF) ^ 0x20000) - 0x20000
    clip = int(state[6])
    armed = int(state[7])
    v = ((int(state[8]) & 0x3FFFF) ^ 0x20000) - 0x20000
    i = ((int(state[9]) & 0x3FFFF) ^ 0x20000) - 0x20000
    sum_v = int(state[12])
    sum_i = int(state[13])
    while k < stop:
        raw = ((int(voltage[k]) & 0xFFFF) ^ 0x8000) - 0x8000
        height = raw - zero
        if armed:
            if height >= 0:
                armed = 0
                break
        elif height < low:
            armed = 1
        v = height
        i = ((int(current[k]) & 0xFFFF) ^ 0x8000) - 0x8000
        if raw >= clip or raw <= 0 - clip or i >= clip or i <= 0 - clip:
            state[10] = 1
        sum_v += v
        sum_i += i
        product = v * v
        state[14] = int(state[14]) + (product & 0xFFFF)
        state[15] = int(state[15]) + (product >> 16)
        product = i * i
        state[16] = int(state[16]) + (product & 0xFFFF)
        state[17] = int(state[17]) + (product >> 16)
        product = v * i
        state[18] = int(state[18]) + (product & 0xFFFF)
        state[19] = int(state[19]) + (product >> 16)
        product = (((int(past[place]) & 0xFFFF) ^ 0x8000) - 0x8000) * i
        state[20] = int(state[20]) + (product & 0xFFFF)
        state[21] = int(state[21]) + (product >> 16)
        past[place] = ((v & 0xFFFF) ^ 0x8000) - 0x8000
        place += 1
        if place == quarter:
            place = 0
        k += 1
    state[2] = place
    state[7] = armed
    state[8] = v
    state[9] = i
    state[11] = int(state[11]) + k - first
    state[12] = sum_v
    state[13] = sum_i
    return k


def product(state, at: int) -> int:
    """The sum of products whose low word is at `at`."""
    return (state[at + 1] << 16) + state[at]
