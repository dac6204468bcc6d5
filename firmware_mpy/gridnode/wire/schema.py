"""The one table of the wire: message id -> name and ordered fields, with units in the names.

The CDDL file, the digest in HELLO and the checks on both sides come from this table, so a field
is added here and nowhere else. Field types:

    uint    0 .. 2^63-1          uint?   uint or null (this meter cannot tell)
    int     -2^63+1 .. 2^63-1    int?    int or null
    bytes   at most 32 bytes     text    at most 32 bytes of UTF-8
    blob    at most 176 bytes    texts   at most 8 of text
    state, target, cause, result, reason, event, document, span, fault     index into STATES, TARGETS, ... (state? may
    be null)

A message travels as one flat CBOR array: [id, field, field, ...].
Longer than other modules because the table is one.
"""

import hashlib

from gridnode.wire import WireError

WIRE_VERSION = 3

HELLO, WELCOME, CALL, ACK, FLOOR, PING, PONG, REQUEST, OUTCOME = 1, 2, 3, 4, 5, 6, 7, 8, 9
REGISTERS, INTERVAL, SWITCHED, LIVE, CONTACTOR = 10, 11, 12, 13, 14
EVENT, CLOCK, SKIPPED, VITALS = 15, 16, 17, 18
STORE, STORED, FETCH, DOCUMENT = 19, 20, 21, 22
MEASURE, HARMONICS, AGGREGATE = 23, 24, 25
WANT = 26
TICK = 27

STATES = ("open", "closed", "tripped", "locked out")  # the last two are open: until a retry, until somebody resets
TARGETS = ("open", "closed", "reset")  # reset ends a lock-out
CAUSES = (
    "boot",
    "request",
    "expiry",
    "interlock",
    "plan",  # the node's own, while no host holds the contactor
    "button",  # a person at the node
    "over-current",
    "over-voltage",
    "under-voltage",
    "over-frequency",
    "under-frequency",
    "welded",  # told to open, its feedback contact says closed
    "failed to close",  # told to close, its feedback contact says open
    "retry",  # after a trip
    "reset",  # somebody has ended a lock-out
)
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
    "tripped",  # opened by its protection: it waits for its retry
    "locked out",  # opened for good: somebody must look, and reset it
    "local control",  # a person at the node has taken over for a while
    "not locked out",  # there is nothing to reset
    "bad document",  # it does not say what such a document must, or there is no memory for it
    "flash fault",  # it could not be written and read back
    "unknown channel",
    "cannot measure",  # this meter does not give that
)
EVENTS = (
    "boot",  # index 0; value: boot epoch
    "registers began",  # index: channel; no register was found on the node; value: mWh that it begins with
    "records dropped",  # value: records that had to go before a host had them
    "block damaged",  # value: records of the journal that could not be read
    "quality",  # index: channel; value: bits of `quality` that now are set; 0: good again
    "sag",  # index: channel; value: lowest mV; when it was over
    "swell",  # value: highest mV
    "interruption",  # value: lowest mV
    "trip",  # index: contactor; value: what was measured, in the cause's unit (mA, mV, mHz)
    "document stored",  # index: in DOCUMENTS; value: version
    "document reverted",
    "flash fault",  # index: OSError's number
)
DOCUMENTS = ("plan", "calibration", "key")  # a key is only stored: nobody is told it again
SPANS = ("3 s", "10 min")  # of IEC 61000-4-30
FAULTS = (  # why a microworld's tick was not run
    "none",  # it was
    "input unknown",  # the node cannot tell it now: not measured yet, no clock
    "input out of range",
    "assumption broken",
    "not in force",  # before its plan begins, behind its end, or without a clock to tell
)
# Bits of `quality`: why a figure deserves less trust. 0 is good.
NO_VOLTAGE, CLIPPED, SHORT_WINDOW = 1, 2, 4
OPEN_INPUT = 8  # nothing is connected there, or its wire is broken
REVERSED = 16  # a load seems to export: its transformer is the wrong way round
WRONG_PHASE = 32  # current and voltage are a third of a turn apart: of two phases
NO_ANSWER = 64  # the meter chip is silent, or what it says is garbled
UNBELIEVABLE = 128  # what the meter chip says cannot be true
BOUNCE = 256  # pulses came faster than the meter can make them
TIME_UNSURE = 512  # set by the host: the node had no clock then
CLOCK_SHIFT = 11  # quality >> 11 is k: the node's clock was known to 2^k ms then; 0: it was not known

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
            ("node_time_ms", "uint"),  # goes on from boot to boot, and stands still while the node is off
            ("boot_time_ms", "uint"),  # node time at which this boot began
            ("node_session", "uint"),  # random, new whenever the node starts over with a host
            ("receive_buffer_bytes", "uint"),
            ("journal_epoch", "uint"),
            ("oldest_sequence", "uint"),  # still held by the node
            ("next_sequence", "uint"),  # of the record to come
            ("interval_s", "uint"),
            ("max_hold_s", "uint"),
            ("channels", "texts"),
            ("contactors", "texts"),
            ("batch", "uint"),  # records in one; 0: each record is sent by itself
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
    PING: (
        "ping",
        (
            ("session", "uint"),
            ("host_time_ms", "uint"),  # of a clock that never jumps
            ("unix_ms", "uint"),  # what it was at node_time_ms; 0: the host does not know
            ("node_time_ms", "uint"),
            ("error_ms", "uint"),  # unix_ms is right to +- this
        ),
    ),
    PONG: ("pong", (("host_time_ms", "uint"), ("node_time_ms", "uint"))),
    REQUEST: (
        "request",
        (
            ("session", "uint"),  # node_session XOR host_session: of this pair and no other
            ("command", "uint"),  # rises within a session
            ("contactor", "uint"),
            ("target", "target"),
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
    EVENT: (
        "event",
        (
            ("sequence", "uint"),
            ("event", "event"),
            ("index", "uint"),  # of what EVENTS says
            ("node_time_ms", "uint"),
            ("value", "int?"),
            ("duration_ms", "uint"),
        ),
    ),
    # What time it was, to +- error_ms. Holds for a whole boot.
    CLOCK: (
        "clock",
        (("sequence", "uint"), ("node_time_ms", "uint"), ("unix_ms", "uint"), ("error_ms", "uint")),
    ),
    # A number that no record has: a power cut took it, or it was left free to be sure.
    SKIPPED: ("skipped", (("sequence", "uint"),)),
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
    VITALS: (
        "vitals",
        (
            ("node_time_ms", "uint"),
            ("heap_free_bytes", "uint?"),
            ("saves", "uint"),  # writes of registers and journal since this boot
            ("flash_years", "uint?"),  # that the flash lasts at this rate, by its maker's figure
            ("journal_days", "uint"),  # that the journal reaches back when full, at this rate
            ("plan_version", "uint"),  # 0: none
            ("plan_until_unix_s", "uint"),
            ("calibration_version", "uint"),
            ("clock_known", "uint"),  # 1: the node knows the time of day
        ),
    ),
    # A document is kept whole in flash: the new one or, after a power cut, the old one.
    STORE: (
        "store",
        (
            ("session", "uint"),
            ("command", "uint"),  # of the same count as REQUEST's
            ("document", "document"),
            ("body", "blob"),  # empty: go back to the one before
            ("expires_ms", "uint"),
        ),
    ),
    STORED: (
        "stored",
        (
            ("session", "uint"),
            ("command", "uint"),
            ("result", "result"),
            ("reason", "reason"),
            ("document", "document"),
            ("version", "uint"),
            ("digest", "bytes"),  # first 8 bytes of SHA-256 over the body as read back
        ),
    ),
    FETCH: ("fetch", (("session", "uint"), ("command", "uint"), ("document", "document"))),
    DOCUMENT: (
        "document",
        (
            ("session", "uint"),
            ("command", "uint"),
            ("document", "document"),
            ("version", "uint"),  # 0: there is none
            ("digest", "bytes"),
            ("body", "blob"),
        ),
    ),
    # span null: the harmonics of one window, which are worked out only when asked for.
    MEASURE: ("measure", (("session", "uint"), ("command", "uint"), ("channel", "uint"), ("span", "span?"))),
    HARMONICS: (
        "harmonics",
        (
            ("session", "uint"),
            ("command", "uint"),
            ("reason", "reason"),
            ("channel", "uint"),
            ("node_time_ms", "uint"),
            ("voltage_thd_ppm", "uint"),  # of the fundamental: harmonics 2 to 9
            ("current_thd_ppm", "uint"),
        )
        + tuple([("voltage_h%d_mv" % order, "uint") for order in range(1, 10)])
        + tuple([("current_h%d_ma" % order, "uint") for order in range(1, 10)]),
    ),
    AGGREGATE: (
        "aggregate",
        (
            ("session", "uint"),
            ("command", "uint"),
            ("reason", "reason"),
            ("channel", "uint"),
            ("span", "span"),
            ("node_time_ms", "uint"),  # of its end
        )
        + _QUANTITIES,
    ),
    # Best effort, at each tick of the microworld that the node runs: what is needed to run the same tick elsewhere.
    TICK: (
        "tick",
        (
            ("plan_version", "uint"),  # of the plan that carries the world
            ("tick", "uint"),  # the first one after the world's start is 1
            ("node_time_ms", "uint"),
            ("fault", "fault"),
            # 32-bit integers, the lowest byte first: states before the tick, inputs; outputs where there is no fault.
            # Empty: the inputs are not known.
            ("record", "blob"),
        ),
    ),
    # Of a node that sends its records in batches: which are missing. Batch g holds records g * batch .. + batch - 1.
    WANT: (
        "want",
        (
            ("journal_epoch", "uint"),
            ("first_group", "uint"),  # all before it are kept
            ("bitmap", "uint"),  # bit k, below 30: batch first_group + k is missing
        ),
    ),
}

NAMES = {
    "state": STATES,
    "target": TARGETS,
    "cause": CAUSES,
    "result": RESULTS,
    "reason": REASONS,
    "event": EVENTS,
    "document": DOCUMENTS,
    "span": SPANS,
    "fault": FAULTS,
}

RELIABLE = (REGISTERS, INTERVAL, SWITCHED, EVENT, CLOCK, SKIPPED)

INT_MAX = (1 << 63) - 1
TEXT_MAX, TEXTS_MAX, BLOB_MAX = 32, 8, 176


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
    if kind == "blob":
        return type(value) is bytes and len(value) <= BLOB_MAX
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
