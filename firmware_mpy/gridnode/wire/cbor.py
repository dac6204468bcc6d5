"""Deterministic CBOR (RFC 8949 section 4.2) of what the wire needs, and nothing more.

Integers of 64 bits, byte and text strings, arrays, null, true, false. `put_*` write into a buffer
given by the caller and allocate nothing (but the UTF-8 of a text, and integers beyond the port's
small ones). The decoder takes only the shortest form, definite lengths, bounded depth and size,
and raises WireError on everything else.
"""

from gridnode.wire import WireError

DEPTH_MAX = 2  # a message, and an array of texts in it
ITEMS_MAX = 32

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _SIMPLE = 0x00, 0x20, 0x40, 0x60, 0x80, 0xE0
_FALSE, _TRUE, _NULL = 0xF4, 0xF5, 0xF6


def put_head(buffer, at: int, major: int, value: int) -> int:
    """Write a major type (0x00, 0x20, ... 0xe0) with its argument; return the position behind it."""
    if value < 24:
        size = 0
        first = major | value
    elif value < 0x100:
        size = 1
        first = major | 24
    elif value < 0x10000:
        size = 2
        first = major | 25
    elif value < 0x100000000:
        size = 4
        first = major | 26
    elif value <= 0xFFFFFFFFFFFFFFFF:
        size = 8
        first = major | 27
    else:
        raise WireError("integer beyond 64 bits")
    if at + size >= len(buffer):
        raise WireError("message longer than its buffer")
    buffer[at] = first
    while size:
        size -= 1
        at += 1
        buffer[at] = (value >> (8 * size)) & 0xFF
    return at + 1


def put_int(buffer, at: int, value: int) -> int:
    """Write an integer of 64 bits; return the position behind it."""
    if value >= 0:
        return put_head(buffer, at, _UINT, value)
    return put_head(buffer, at, _NEGATIVE, -1 - value)


def put_array(buffer, at: int, count: int) -> int:
    """Write the head of an array of `count` items; return the position behind it."""
    return put_head(buffer, at, _ARRAY, count)


def _put_string(buffer, at: int, major: int, data: bytes) -> int:
    at = put_head(buffer, at, major, len(data))
    if at + len(data) > len(buffer):
        raise WireError("message longer than its buffer")
    for byte in data:
        buffer[at] = byte
        at += 1
    return at


def put(buffer, at: int, value) -> int:
    """Write any item of the wire; return the position behind it. TypeError for other types."""
    kind = type(value)
    if kind is int:
        return put_int(buffer, at, value)
    if kind is list or kind is tuple:
        at = put_array(buffer, at, len(value))
        for item in value:
            at = put(buffer, at, item)
        return at
    if kind is str:
        return _put_string(buffer, at, _TEXT, value.encode())
    if kind is bytes or kind is bytearray:
        return _put_string(buffer, at, _BYTES, value)
    if value is None:
        return put_head(buffer, at, _SIMPLE, 22)
    if kind is bool:
        return put_head(buffer, at, _SIMPLE, 21 if value else 20)
    raise TypeError("the wire has no " + kind.__name__)


def decode(data):
    """The one item that `data` (bytes) holds from its first byte to its last. Raises WireError."""
    reader = _Reader(data)
    item = reader.item(DEPTH_MAX)
    if reader.at != len(data):
        raise WireError("bytes behind the item")
    return item


class _Reader:
    def __init__(self, data):
        self._data = data
        self.at = 0

    def _take(self, count: int):
        start = self.at
        if count > len(self._data) - start:
            raise WireError("item cut short")
        self.at = start + count
        return self._data[start : self.at]

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise WireError("indefinite or reserved length")
        size = 1 << (info - 24)
        value = 0
        for byte in self._take(size):
            value = (value << 8) | byte
        if value < 24 or (size > 1 and value < 1 << (4 * size)):
            raise WireError("not the shortest form")
        return value

    def item(self, depth: int):
        first = self._take(1)[0]
        major = first & 0xE0
        if major == _SIMPLE:
            return self._simple(first)
        value = self._argument(first & 0x1F)
        if major == _UINT:
            return value
        if major == _NEGATIVE:
            return -1 - value
        if major == _BYTES:
            return bytes(self._take(value))
        if major == _TEXT:
            return _text(self._take(value))
        if major == _ARRAY:
            return self._array(value, depth)
        raise WireError("maps and tags are not of this wire")

    def _simple(self, first: int):
        if first == _NULL:
            return None
        if first == _TRUE:
            return True
        if first == _FALSE:
            return False
        raise WireError("floats and other simple values are not of this wire")

    def _array(self, count: int, depth: int) -> list:
        if depth == 0 or count > ITEMS_MAX:
            raise WireError("array too deep or too long")
        return [self.item(depth - 1) for _ in range(count)]


def _text(data) -> str:
    """Strict UTF-8 (RFC 3629): MicroPython's own check lets overlong forms and surrogates pass."""
    at = 0
    while at < len(data):
        first = data[at]
        if first < 0x80:
            at += 1
            continue
        follow = 1 if 0xC2 <= first < 0xE0 else 2 if 0xE0 <= first < 0xF0 else 3 if 0xF0 <= first < 0xF5 else 0
        if not follow or at + follow >= len(data):
            raise WireError("not UTF-8")
        second = data[at + 1]
        low = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
        high = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
        if not low <= second <= high:
            raise WireError("not UTF-8")
        for extra in range(2, follow + 1):
            if data[at + extra] & 0xC0 != 0x80:
                raise WireError("not UTF-8")
        at += follow + 1
    return bytes(data).decode()
