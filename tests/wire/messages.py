"""Messages of every kind for the tests: typical ones, and ones whose every field is at a limit."""

from gridnode.wire import schema

HEAD = [schema.WIRE_VERSION, schema.digest()]
# Of one day: two prices, and contactor 0 closed for an hour while the price is 250 or less.
PLAN = b"\x85\x01\x1a\x69\x55\xb9\x00\x1a\x69\x57\x0a\x80\x84\x00\x18\xfa\x19\x02\xd0\x19\x01\x4a"
PLAN += b"\x86\x18\x78\x18\x3c\x00\x01\x01\x18\xfa"
TYPICAL = (
    [schema.HELLO] + HEAD + ["home-1", "unix", "0.1.0", 3, "power on", 12345, 12000, 987654321, 400, 55555, 0, 17]
    + [60, 900, ["grid", "pv"], ["heater"], 0],
    [schema.WELCOME, schema.digest(), 987654321, 424242, 55555, 9, 5, 4096],
    [schema.CALL, 424242],
    [schema.ACK, 55555, 10, 0, 4096],
    [schema.FLOOR, 55555, 7],
    [schema.PING, 987509979, 3600000, 1767225600000, 12345, 2],
    [schema.PONG, 3600000, 12399],
    [schema.REQUEST, 987509979, 1, 0, 1, 900, 15345],
    [schema.OUTCOME, 987509979, 1, 1, 0, 1, 900000, 0],
    [schema.OUTCOME, 987509979, 2, 0, 1, None, 0, 0],
    [schema.REGISTERS, 0, 0, 0, 123456789, 77700000],
    [schema.INTERVAL, 10, 1, 3600000, 60000, 123456789, 77700000, -1200000, 210000, 1218000, 229800, 5300, 50012, 0],
    [schema.INTERVAL, 11, 0, 3660000, 60000, 123476789, 77700000, 1200000, None, None, None, 5300, None, 1],
    [schema.SWITCHED, 12, 0, 3661000, 1, 1, 900000],
    [schema.LIVE, 0, 3662000, 123477000, 77700000, 1204000, -10, 1204000, 230100, 5232, 49987, 0],
    [schema.CONTACTOR, 0, 3662000, 1, 1, 899000, 29000],
    [schema.EVENT, 13, 8, 0, 3663000, 48200, 0],
    [schema.EVENT, 14, 5, 0, 3664000, 183400, 120],
    [schema.CLOCK, 15, 3664500, 1767225664500, 3],
    [schema.SKIPPED, 16],
    [schema.VITALS, 3665000, 131072, 61, 17, 63, 4, 1767312000, 2, 1],
    [schema.STORE, 987509979, 3, 0, PLAN, 3668000],
    [schema.STORED, 987509979, 3, 1, 0, 0, 4, b"\xe4\xb3\x9c\x01\x02\x03\x04\x05"],
    [schema.STORED, 987509979, 4, 0, 13, 1, 2, b""],
    [schema.FETCH, 987509979, 5, 0],
    [schema.DOCUMENT, 987509979, 5, 0, 4, b"\xe4\xb3\x9c\x01\x02\x03\x04\x05", PLAN],
    [schema.MEASURE, 987509979, 6, 0, None],
    [schema.MEASURE, 987509979, 7, 0, 1],
    [schema.HARMONICS, 987509979, 6, 0, 0, 3666000, 31200, 184000]
    + [230100, 480, 6900, 120, 1600, 60, 700, 20, 300, 5232, 40, 870, 12, 310, 6, 140, 3, 60],
    [schema.HARMONICS, 987509979, 8, 16, 9, 0, 0, 0] + [0] * 18,
    [schema.WANT, 55555, 40, (1 << 29) + 5],
    [schema.AGGREGATE, 987509979, 7, 0, 0, 1, 3600000, 1204000, -10, 1204000, 230100, 5232, 49987, 0],
    # Tick 61 of a world with two states, two inputs, one output; and one that was not run.
    [schema.TICK, 4, 61, 3667000, 0, b"\x01\0\0\0\x3c\0\0\0\x01\0\0\0\xb4\xff\xff\xff\x01\0\0\0"],
    [schema.TICK, 4, 62, 3668000, 1, b""],
)  # fmt: skip


def limits(kind):
    """(least, greatest) value of a field type."""
    if kind[-1] == "?":
        return None, limits(kind[:-1])[1]
    if kind == "int":
        return -schema.INT_MAX, schema.INT_MAX
    if kind == "uint":
        return 0, schema.INT_MAX
    if kind in schema.NAMES:
        return 0, len(schema.NAMES[kind]) - 1
    if kind == "bytes":
        return b"", b"\xff" * schema.TEXT_MAX
    if kind == "blob":
        return b"", b"\xff" * schema.BLOB_MAX
    if kind == "text":
        return "", "\u20ac" * 4  # a HELLO of nothing but the longest texts does not fit a packet
    return [], ["\u00e4"] * schema.TEXTS_MAX


def at_limits(number, which):
    """Message `number` with every field at its least (0) or greatest (1) value."""
    return [number] + [limits(kind)[which] for _, kind in schema.MESSAGES[number][1]]


def everything():
    """Every message of this module, named."""
    named = []
    for message in TYPICAL:
        named.append((schema.MESSAGES[message[0]][0], message))
    for number in sorted(schema.MESSAGES):
        for which, word in enumerate(("least", "greatest")):
            named.append((schema.MESSAGES[number][0] + " " + word, at_limits(number, which)))
    return named
