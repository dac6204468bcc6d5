"""The bits of a run of records: numbers in Exp-Golomb code whose order follows what was seen, read back by viper code.

A number v >= 0 in order k: x = v + 2^k is written with as many zeros before it as it has bits beyond k + 1. Small
numbers are short, and a surprise (a heater switched on) costs twice its length once. Each kind of number has its own
order, which goes up or down by one to suit the last number.

An entry begins with a bit. 0: an INTERVAL as expected, which is its end time, import and export; each is written as
how much its increase differs from the last increase, signs folded in (0, -1, 1, -2 ... are 0, 1, 2, 3 ...). 1: a kind
of two bits and 24 bits of argument follow; behind NEWS and LENGTH, which are about an INTERVAL, the entry goes on.
"""

from gridnode.native import micropython, ptr8, ptr32

# NEWS: channel << 16 | quality. HOLE: how many numbers have no record. RAW: length of the CBOR that follows on a whole
# byte. LENGTH: time of an INTERVAL that does not begin where the channel's last one ended.
NEWS, HOLE, RAW, LENGTH = 0, 1, 2, 3
ARGUMENT_MAX = (1 << 24) - 1
NUMBER_MAX = (1 << 28) - 1
SILENT = 31  # in place of an order: such numbers are all 0, and take no bits

# Times are in ticks; see Block.tick_ms.
# Places in the state, array('i'), of which none is ever negative. AT: bit to be read next. SEQUENCE: records read.
# KIND (EXPECTED: an INTERVAL), ARGUMENT: of the entry read last. CHANNEL: of the last INTERVAL. LIMIT: bits there are.
AT, SEQUENCE, KIND, ARGUMENT, CHANNEL, LIMIT, TIME = 0, 1, 2, 3, 4, 5, 6  # TIME: (ticks, increase, order)
EXPECTED = 4
CHANNELS, PLACES = 9, 9  # the first channel's; how many each has:
IMPORT, EXPORT, ENDED, DURATION, QUALITY = 0, 3, 6, 7, 8  # (mWh, increase, order) twice, ticks, ticks, bits


@micropython.viper
def advance(bits: ptr8, state: ptr32, channels: int) -> int:  # noqa: C901 (one loop of machine words)
    """Read one entry and bring `state` up to it; 0 if there is none that can be read.

    `channels`: how many there are. The bytes of a RAW entry end at AT.
    """
    at = int(state[0])
    channel = int(state[4]) + 1
    if channel >= channels:
        channel = 0
    quality = 0 - 1
    lasted = 0 - 1
    while at < int(state[5]) and int(bits[at >> 3]) >> (7 - (at & 7)) & 1:
        argument = 0
        n = 0
        while n < 26:
            at += 1
            argument = argument * 2 + (int(bits[at >> 3]) >> (7 - (at & 7)) & 1)
            n += 1
        at += 1
        kind = argument >> 24
        argument &= 0xFFFFFF
        if kind == 0:
            channel = argument >> 16
            quality = argument & 0xFFFF
        elif kind == 3:
            lasted = argument
        else:
            state[2] = kind
            state[3] = argument
            if kind == 1:
                state[1] = int(state[1]) + argument
            else:
                at = ((at + 7) & 0xFFFFF8) + argument * 8
                state[1] = int(state[1]) + 1
            state[0] = at
            return 1
    if at >= int(state[5]) or channel >= channels:
        return 0
    at += 1
    base = 9 + channel * 9
    field = 0
    while field < 3:
        place = base + field * 3 - 3
        if field == 0:
            place = 6
        order = int(state[place + 2])
        number = 0
        if order < 31:  # SILENT
            length = order
            while not int(bits[at >> 3]) >> (7 - (at & 7)) & 1:
                at += 1
                length += 1
                if length > 28:
                    return 0
            number = 0
            while length >= 0:
                number = number * 2 + (int(bits[at >> 3]) >> (7 - (at & 7)) & 1)
                at += 1
                length -= 1
            number -= 1 << order
            if number >> order:
                state[place + 2] = order + 1
            elif order and not number >> (order - 1):
                state[place + 2] = order - 1
        change = number >> 1
        if number & 1:
            change = 0 - 1 - change
        if field or channel <= int(state[4]):  # all channels of a round are expected to end together
            change += int(state[place + 1])
            state[place + 1] = change
        state[place] = int(state[place]) + change
        field += 1
    end = int(state[6])
    if lasted < 0:
        lasted = end - int(state[base + 6])
    state[base + 6] = end
    state[base + 7] = lasted
    if quality >= 0:
        state[base + 8] = quality
    state[0] = at
    state[1] = int(state[1]) + 1
    state[2] = 4
    state[4] = channel
    return 1


@micropython.viper
def put(bits: ptr8, at: int, value: int, count: int) -> int:
    """Write the `count` low bits of `value` (below 2^30), which must be zeros so far, at bit `at`; return the bit
    behind them."""
    if count > 30:
        at += count - 30
        count = 30
    while count > 0:
        count -= 1
        if (value >> count) & 1:
            bits[at >> 3] = int(bits[at >> 3]) | (128 >> (at & 7))
        at += 1
    return at


def put_number(bits, at: int, number: int, order: int) -> int:
    """Write 0 <= `number` <= NUMBER_MAX in Exp-Golomb code of `order`; return the bit behind it."""
    number += 1 << order
    length = order + 1
    while number >> length:
        length += 1
    return put(bits, at, number, 2 * length - order - 1)


def fold(change: int) -> int:
    """The sign folded in: 0, -1, 1, -2 ... become 0, 1, 2, 3 ..."""
    return 2 * change if change >= 0 else -1 - 2 * change


def put_entry(bits, at: int, kind: int, argument: int) -> int:
    """Write the head of NEWS, HOLE, RAW or LENGTH; return the bit behind it."""
    return put(bits, at, (4 | kind) << 24 | argument, 27)
