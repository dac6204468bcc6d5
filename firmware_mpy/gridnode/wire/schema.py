"""The one table of the wire: message id -> name and ordered fields, with units in the names.

The CDDL file, the digest in HELLO and the checks on both sides come from this table, so a field
is added here and nowhere else. Field types:

    uint    0 .. 2^63-1          uint?   uint or null (this meter cannot tell)
    int     -2^63+1 .. 2^63-1    int?    int or null
    bytes   at most 32 bytes     text    at most 32 bytes of UTF-8
    texts   at most 8 of text
    state, cause, result, reason     index into STATES, CAUSES, RESULTS, REASONS (state? may be null)

A message travels as one flat CBOR array: [id, field, field, ...].
"""

import hashlib

from gridnode.wire import WireError

WIRE_VERSION = 1

HELLO, WELCOME, CALL, ACK, FLOOR, PING, PONG, REQUEST, OUTCOME = 1, 2, 3, 4, 5, 6, 7, 8, 9
REGISTERS, INTERVAL, SWITCHED, LIVE, CONTACTOR = 10, 11, 12, 13, 14

STATES = ("open", "closed")
CAUSES = ("boot", "request", "expiry", "interlock")
RESULTS = ("refused", "applied")
REASONS = (
    "none",  # applied
    "unknown contactor",
    "hold out of range",  # 0, or above the node's max_hold_s
    "min on time",  # dwell: closed too recently to open
    "min off time",  # dwell: open too recently to close
    "interlock",  # a condition forbids closing
    "expired",  # the request reached the node after its deadline
    "repeat too old",  # the outcome of this request is no longer remembered
    "wrong session",  # the request belongs to a session that has ended
)
# Bits of `quality`: why a figure deserves less trust. 0 is good.
NO_VOLTAGE, CLIPPED, SHORT_WINDOW = 1, 2, 4

_QUANTITIES = (
    ("active_power_mw", "int?"),  # + is import from the grid
    ("reactive_power_mvar", "int?"),  # + is inductive
    ("apparent_power_mva", "uint?"),
    ("voltage_rms_mv", "uint?"),
    ("current_rms_ma", "uint?"),
    ("frequency_mhz", "uint?"),  # millihertz
    ("quality", "uint"),
)

MESSAGES = {
    # The first five fields of HELLO never change, so that any host can show any node.
    HELLO: (
        "hello",
        (
            ("wire_version", "uint"),
            ("schema_digest", "bytes"),
            ("node", "text"),
            ("board", "text"),
            ("firmware", "text"),
            ("boot_epoch", "uint"),  # counts boots of this node
            ("reset_cause", "text"),
            ("node_time_ms", "uint"),  # since this boot
            ("node_session", "uint"),  # random, new whenever the node starts over with a host
            ("receive_buffer_bytes", "uint"),
            ("journal_epoch", "uint"),
            ("oldest_sequence", "uint"),  # still held by the node
            ("next_sequence", "uint"),  # of the record to come
            ("interval_s", "uint"),
            ("max_hold_s", "uint"),
            ("channels", "texts"),
            ("contactors", "texts"),
        ),
    ),
    WELCOME: (
        "welcome",
        (
            ("schema_digest", "bytes"),
            ("node_session", "uint"),  # as in the HELLO answered
            ("host_session", "uint"),
            ("journal_epoch", "uint"),
            ("next_sequence", "uint"),  # all below are received
            ("bitmap", "uint"),  # bit k: next_sequence + 1 + k is received too
            ("credit_bytes", "uint"),
        ),
    ),
    CALL: ("call", (("host_session", "uint"),)),
    ACK: (
        "ack",
        (
            ("journal_epoch", "uint"),
            ("next_sequence", "uint"),
            ("bitmap", "uint"),
            ("credit_bytes", "uint"),  # unacknowledged bytes the host takes from here on
        ),
    ),
    FLOOR: ("floor", (("journal_epoch", "uint"), ("oldest_sequence", "uint"))),
    PING: ("ping", (("session", "uint"), ("host_time_ms", "uint"))),
    PONG: ("pong", (("host_time_ms", "uint"), ("node_time_ms", "uint"))),
    REQUEST: (
        "request",
        (
            ("session", "uint"),  # node_session XOR host_session: of this pair and no other
            ("command", "uint"),  # rises within a session
            ("contactor", "uint"),
            ("target", "state"),
            ("hold_s", "uint"),
            ("expires_ms", "uint"),  # node time after which it must not be applied
        ),
    ),
    OUTCOME: (
        "outcome",
        (
            ("session", "uint"),
            ("command", "uint"),
            ("result", "result"),
            ("reason", "reason"),
            ("state", "state?"),  # null: the request did not get as far as a contactor
            ("hold_remaining_ms", "uint"),
            ("wait_ms", "uint"),  # how long the reason will last, 0 if unknown
        ),
    ),
    # Reliable records: `sequence` first.
    REGISTERS: (
        "registers",
        (
            ("sequence", "uint"),
            ("channel", "uint"),
            ("end_ms", "uint"),
            ("energy_import_mwh", "uint"),
            ("energy_export_mwh", "uint"),
        ),
    ),
    INTERVAL: (
        "interval",
        (
            ("sequence", "uint"),
            ("channel", "uint"),
            ("end_ms", "uint"),  # node time of the last sample counted
            ("duration_ms", "uint"),
            ("energy_import_mwh", "uint"),  # registers at end_ms
            ("energy_export_mwh", "uint"),
        )
        + _QUANTITIES,
    ),
    SWITCHED: (
        "switched",
        (
            ("sequence", "uint"),
            ("contactor", "uint"),
            ("node_time_ms", "uint"),
            ("state", "state"),
            ("cause", "cause"),
            ("hold_remaining_ms", "uint"),
        ),
    ),
    # Best effort: the newest one counts.
    LIVE: (
        "live",
        (
            ("channel", "uint"),
            ("node_time_ms", "uint"),
            ("energy_import_mwh", "uint"),
            ("energy_export_mwh", "uint"),
        )
        + _QUANTITIES,
    ),
    CONTACTOR: (
        "contactor",
        (
            ("contactor", "uint"),
            ("node_time_ms", "uint"),
            ("state", "state"),
            ("cause", "cause"),
            ("hold_remaining_ms", "uint"),
            ("dwell_remaining_ms", "uint"),  # until the next change is allowed
        ),
    ),
}

NAMES = {"state": STATES, "cause": CAUSES, "result": RESULTS, "reason": REASONS}

RELIABLE = (REGISTERS, INTERVAL, SWITCHED)

INT_MAX = (1 << 63) - 1
TEXT_MAX, TEXTS_MAX = 32, 8


def _lines():
    yield "wire %d" % WIRE_VERSION
    for number in sorted(MESSAGES):
        name, fields = MESSAGES[number]
        yield "\n%d %s %s" % (number, name, " ".join([f + ":" + t for f, t in fields]))
    for kind in sorted(NAMES):
        yield "\n" + kind + " " + "|".join(NAMES[kind])


def canonical():
    """The table as text, in a fixed order: what the digest covers."""
    return "".join(_lines())


def _hash():
    # Line by line: on a small heap there may be no room for the text in one piece.
    sha = hashlib.sha256()
    for line in _lines():
        sha.update(line.encode())
    return sha.digest()[:8]


_DIGEST = _hash()


def digest():
    """First 8 bytes of SHA-256 over `canonical()`: two peers with equal digests speak the same table."""
    return _DIGEST


def _fits(kind, value):
    if kind == "uint":
        return type(value) is int and 0 <= value <= INT_MAX
    if kind == "int":
        return type(value) is int and -INT_MAX <= value <= INT_MAX
    if kind[-1] == "?":
        return value is None or _fits(kind[:-1], value)
    if kind in NAMES:
        return type(value) is int and 0 <= value < len(NAMES[kind])
    if kind == "bytes":
        return type(value) is bytes and len(value) <= TEXT_MAX
    if kind == "text":
        return type(value) is str and len(value.encode()) <= TEXT_MAX
    return type(value) is list and len(value) <= TEXTS_MAX and all(_fits("text", item) for item in value)


def check(message):
    """Return `message` ([id, field, ...]) if it fits the table, else raise WireError naming the field."""
    if type(message) is not list or not message or type(message[0]) is not int:
        raise WireError("not a message")
    if message[0] not in MESSAGES:
        raise WireError("unknown message id")
    name, fields = MESSAGES[message[0]]
    if len(message) != len(fields) + 1:
        raise WireError("wrong number of fields: " + name)
    for index, (field, kind) in enumerate(fields):
        if not _fits(kind, message[index + 1]):
            raise WireError("bad field: " + name + "." + field)
    return message
