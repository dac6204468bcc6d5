"""The packet around a message: header, body, tag.

    header   RFC 9605 section 4.3: 0KKK YCCC, then the counter's bytes, big-endian, shortest form
             (K key id 0..7; Y=0: C is the counter itself, 0..7; Y=1: C+1 bytes of counter follow)
    body     one message in CBOR
    tag      8 bytes

Key id 0 means unsealed: its tag is the eight letters `unsealed`, so that sealed and unsealed
packets have one size and nobody takes one for the other. Sealing proper comes with keys.
"""

from gridnode.wire import WireError, cbor
from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, PACKET_MAX, encode

TAG_BYTES = 8
UNSEALED = b"unsealed"
COUNTER_MAX = 0xFFFFFFFF
_TAIL = TAG_BYTES + CRC_BYTES


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


def put_tag(packet, end: int) -> int:
    """Write the tag behind the body that ends at `end`; return the packet's length."""
    for byte in UNSEALED:
        packet[end] = byte
        end += 1
    return end


def body(packet: bytes) -> bytes:
    """The body of an unsealed packet as the frame decoder gives it (CRC at the end). Raises WireError."""
    if not packet or packet[0] & 0xF0:
        raise WireError("no such key")
    first = packet[0]
    start = (first & 7) + 2 if first & 8 else 1
    if len(packet) <= start + _TAIL or packet[-_TAIL:-CRC_BYTES] != UNSEALED:
        raise WireError("tag is not right")
    if start > 1 and (start > 5 or packet[1] == 0 or (start == 2 and packet[1] < 8)):
        raise WireError("counter is not in its shortest form")
    return packet[start:-_TAIL]


class Writer:
    """Messages -> frames, in buffers made once. `frame[:write(...)]` is what goes on the line."""

    def __init__(self):
        self._packet = bytearray(PACKET_MAX + CRC_BYTES)
        self._view = memoryview(self._packet)
        self._limit = memoryview(self._packet)[: PACKET_MAX - TAG_BYTES]
        self._counter = 0
        self.frame = bytearray(FRAME_MAX)

    def _close(self, end: int) -> int:
        self._counter = (self._counter + 1) & COUNTER_MAX
        return encode(self._packet, put_tag(self._packet, end), self.frame)

    def message(self, message) -> int:
        """Frame `message` ([id, field, ...]); return the frame's length. WireError if it is too long."""
        start = put_header(self._packet, 0, self._counter)
        return self._close(cbor.put(self._limit, start, message))

    def body(self, source, start: int, length: int) -> int:
        """Frame a message already in CBOR, source[start:start + length]; return the frame's length."""
        at = put_header(self._packet, 0, self._counter)
        if at + length > len(self._limit):
            raise WireError("message longer than its buffer")
        self._view[at : at + length] = memoryview(source)[start : start + length]
        return self._close(at + length)
