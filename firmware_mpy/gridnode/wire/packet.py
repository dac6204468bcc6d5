"""The header of a packet, RFC 9605 section 4.3: which key, and which of the packets sealed with it.

    0KKK YCCC, then the counter's bytes, big-endian, in the shortest form
    K: key id, 0 to 7.  Y = 0: C is the counter, 0 to 7.  Y = 1: C + 1 bytes of counter follow, 4 at most

K = 0: a hail, in clear (see channel.py). 1 to 3: sealed with a session's keys, which come from the node's key of
that slot. 5 to 7: sealed by a node without a session, with the lone key of slot K - 4.
"""

from gridnode.wire import WireError

COUNTER_MAX = 0xFFFFFFFF
HEADER_MAX = 5
LONE = 4  # added to the slot


def put_header(packet, key_id: int, counter: int) -> int:
    """Write the header; return where the body begins."""
    if counter < 8:
        packet[0] = key_id << 4 | counter
        return 1
    size = 1
    while counter >> (8 * size):
        size += 1
    packet[0] = key_id << 4 | 8 | (size - 1)
    for index in range(size):
        packet[1 + index] = (counter >> (8 * (size - 1 - index))) & 0xFF
    return 1 + size


def header(packet: bytes) -> tuple:
    """(key id, counter, where the body begins). Raises WireError when there is none in its shortest form."""
    first = packet[0] if packet else 0x80
    if not first & 0x88:
        return first >> 4, first & 7, 1
    start = (first & 7) + 2
    if first & 0x80 or start > HEADER_MAX or len(packet) < start:
        raise WireError("garbled")
    counter = int.from_bytes(packet[1:start], "big")
    if packet[1] == 0 or counter < 8:
        raise WireError("garbled")
    return first >> 4, counter, start
