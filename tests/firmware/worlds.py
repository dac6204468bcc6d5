"""Small microworlds, assembled by hand from the format's description, and plans that carry them."""

from gridnode.wire import cbor

ADD, SUB, MUL, DIV, MOD, MULDIV, MIN, MAX, LT, LE, EQ, NE, AND, OR, IF = range(15)


def number(value):
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


def signed(value):
    return number(2 * value if value >= 0 else -2 * value - 1)


def code(*instructions, starts=(), ranges=(), outputs=(), after=(), constants=(), holds=255, tick_s=1):
    """Bytecode. `after`: the value that each state becomes; each instruction: its operation and the values it takes."""
    out = bytes((1, len(starts), len(ranges), len(outputs), len(constants), len(instructions))) + number(tick_s)
    out += bytes((holds,)) + bytes(outputs) + bytes(after)
    for start in starts:
        out += signed(start)
    for least, greatest in ranges:
        out += signed(least) + number(greatest - least)
    for constant in constants:
        out += signed(constant)
    return out + b"".join([bytes(instruction) for instruction in instructions])


def plan(world, *rows, begin_s=0, end_s=0, prices=()):
    """The document of format 2."""
    buffer = bytearray(400)
    document = [2, begin_s, end_s, list(prices), list(world)] + [list(row) for row in rows]
    return bytes(buffer[: cbor.put(buffer, 0, document)])


# Values: 0 asked; its output is what is asked.
ECHO = code(ranges=[(0, 1)], outputs=[0])
# Values: 0 how many ticks it was on, at most 5; 1 asked; 2 to 4 the constants 5, 1, 0. Once on it stays on for 5 ticks.
KEEP_5 = code(
    (LT, 0, 2),  # 5
    (LT, 4, 0),  # 6
    (AND, 5, 6),  # 7: it was not on for long enough
    (OR, 1, 7),  # 8: on
    (ADD, 0, 3),  # 9
    (MIN, 9, 2),  # 10
    (IF, 8, 10, 4),  # 11
    starts=[0],
    ranges=[(0, 1)],
    outputs=[8],
    after=[11],
    constants=[5, 1, 0],
)
# Values: 0 power in W, 1 frequency, which does not matter; on while the power is at most the constant 2000.
POWER = code((LE, 0, 2), ranges=[(-20_000, 20_000), (0, 100_000)], outputs=[3], constants=[2000])
