"""What both ends of a session share: its timers and the checked decoding of a message.

node_session.py and host_session.py are the two ends, sans-I/O: packets in, packets out, time as an
argument. The course of a session is drawn in README.md.
"""

from gridnode.wire import cbor, schema

OFFER_EVERY_MS = 1000
CALL_ANSWER_MS = 200  # a flood of CALLs gets no more OFFERs than this
QUIET_MS = 3000  # and none at all of a node that has heard its host within this
HELLO_EVERY_MS = 1000
HELLO_FOR_MS = 5000  # so long under new keys; then OFFER again
CALL_EVERY_MS = 1000
PING_EVERY_MS = 2000
PING_AGAIN_MS = 150  # one that got lost while ACK and REQUEST wait for its PONG
SILENCE_MS = 15_000  # a node that hears nothing for so long starts over with OFFER
OUTCOMES_KEPT = 8


def decode(body: bytes) -> list:
    """The message in `body`, checked against the schema. Raises WireError."""
    return schema.check(cbor.decode(body))
