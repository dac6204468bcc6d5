"""One tick of a microworld's bytecode. A module of its own, and short: some boards compile it themselves.

One source for both interpreters: viper code on MicroPython, plain Python on CPython.
"""

from gridnode.native import micropython, ptr8, ptr16, ptr32


def _divided(a: int, b: int, c: int) -> int:
    """a * b / c towards zero; 0 where c is 0."""
    if not c:
        return 0
    product = a * b
    quotient = abs(product) // abs(c)
    return quotient if (product < 0) == (c < 0) else -quotient


@micropython.viper
def run(code: ptr8, values: ptr32, ranges: ptr32, sizes: ptr16) -> int:  # noqa: C901 (a call costs ten operations)
    """Work out a tick from the states and inputs in `values`; its outputs and next states go behind the results.

    sizes: how many states, inputs, outputs with states, instructions; where in the code the numbers of the outputs and
    next states are, and the instructions; the value that must not be 0 (255: none); the place of the first result.
    Returns 0, or why there is no tick: 2 an input is out of its range, 3 that value is 0.
    """
    # Words of a 64-bit port have no sign, Python's integers no end: each is given 32 bits and its sign as it is read.
    k = 0
    at = int(sizes[0])
    while k < int(sizes[1]):
        a = int(values[at + k])
        a = ((((a >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (a & 0xFFFF)
        b = int(ranges[k + k])
        b = ((((b >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (b & 0xFFFF)
        c = int(ranges[k + k + 1])
        c = ((((c >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (c & 0xFFFF)
        if a < b or a > c:
            return 2
        k += 1
    at = int(sizes[5])
    k = int(sizes[7])
    end = k + int(sizes[3])
    while k < end:
        op = int(code[at])
        a = int(values[int(code[at + 1])])
        a = ((((a >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (a & 0xFFFF)
        b = int(values[int(code[at + 2])])
        b = ((((b >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (b & 0xFFFF)
        at += 3
        r = 0
        if op == 14:
            r = b
            if a == 0:
                r = int(values[int(code[at])])
            at += 1
        elif op > 7:
            if op > 11:
                r = a & b if op == 12 else a | b
            elif op == 8:
                if a < b:
                    r = 1
            elif op == 9:
                if a <= b:
                    r = 1
            elif op == 10:
                if a == b:
                    r = 1
            elif a != b:
                r = 1
        elif op < 3:
            if op == 0:
                r = a + b
            elif op == 1:
                r = a - b
            else:
                r = a * b
        elif op == 5:
            c = int(values[int(code[at])])
            c = ((((c >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (c & 0xFFFF)
            at += 1
            r = int(_divided(a, b, c))
        elif op > 5:
            r = a if a < b else b
            if op == 7:
                r = a + b - r
        else:
            r = int(_divided(a, 1, b))
            if op == 4:
                r = a - b * r
        values[k] = ((((r >> 16) & 0xFFFF) ^ 0x8000) - 0x8000) << 16 | (r & 0xFFFF)
        k += 1
    if int(sizes[6]) != 255 and int(values[int(sizes[6])]) == 0:
        return 3
    at = int(sizes[4])
    end = k + int(sizes[2])
    while k < end:
        values[k] = int(values[int(code[at])])
        at += 1
        k += 1
    return 0
