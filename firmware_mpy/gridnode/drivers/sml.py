"""SML, what German meters send from their infrared interface: reads its telegrams.

BSI TR-03109-1, appendix IV ("Smart Message Language", 1.04): transport version 1 (chapter 8), encoding (6), GetList
response (5.1.15). The line is 9600 8N1. Of a telegram, only what has a value of 1-0 (OBIS) is looked at.
"""

from gridnode.drivers.crc16 import CCITT, crc16

BAUD = 9600
_MOST = 1024  # bytes of a telegram
_ESCAPE, _BEGIN, _END, _LITERAL = 0x1B, 0x01, 0x1A, 0x1B  # the escape comes four times; what the byte after it means
_ENTRY = b"\x77\x07\x01\x00"  # a list of seven, whose first is a name of six bytes that begins with 1-0
_INTEGER, _UNSIGNED, _LIST = 5, 6, 7
_UNITS = (27, 29, 30, 33, 35, 44)  # W, var, Wh, A, V, Hz: IEC 62056-62


class SmlReader:
    """`feed` what comes in, in pieces of any size; see drivers.smart_meter for `found`, `refusal`, `name`."""

    name = "SML"

    def __init__(self):
        self.found = {}
        self.refusal = ""
        self._raw = bytearray(_MOST)
        self._have = -1  # bytes of _raw; -1: no telegram has begun
        self._escapes = 0  # of the four that are one escape
        self._behind = 0  # bytes since the escape, counted from 1; 0: no escape
        self._meaning = 0

    def feed(self, octets, n: int) -> bool:
        """True when a telegram with a right CRC has ended in the first `n` of `octets`."""
        whole = False
        for index in range(n):
            whole = self._take(octets[index]) or whole
        return whole

    def _take(self, octet: int) -> bool:
        if self._have >= _MOST:
            self._have = -1
            self.refusal = "telegrams of more than %d bytes: this is not an SML meter's" % _MOST
        if self._have >= 0:
            self._raw[self._have] = octet
            self._have += 1
        if not self._behind:
            self._escapes = self._escapes + 1 if octet == _ESCAPE else 0
            if self._escapes == 4:
                self._behind = 1
            return False
        if self._behind == 1:
            self._meaning = octet
        self._behind += 1
        if self._behind < 5:
            return False
        self._behind = self._escapes = 0
        if self._meaning == _BEGIN:
            self._raw[:8] = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01"
            self._have = 8
        elif self._meaning == _END and self._have >= 0:
            have, self._have = self._have, -1
            return self._close(have)
        elif self._meaning != _LITERAL:
            self._have = -1
        return False

    def _close(self, have: int) -> bool:
        raw = self._raw
        if crc16(raw, have - 2, 0xFFFF, CCITT) ^ 0xFFFF != raw[have - 2] | raw[have - 1] << 8:
            self.refusal = "telegrams arrive damaged: check where the reading head sits, and stray light"
            return False
        body = bytes(memoryview(raw)[8 : have - 8]).replace(b"\x1b" * 8, b"\x1b" * 4)
        found = {}
        at = body.find(_ENTRY)
        while at >= 0:
            try:
                _entry(body, at + 2, found)
            except IndexError:
                break
            at = body.find(_ENTRY, at + 1)
        self.refusal = ""
        self.found = found
        return True


def _entry(body: bytes, at: int, found: dict):
    """name, status, time, unit, scaler, value: put the value into `found` in thousandths."""
    code = body[at + 2 : at + 5]
    at += 6
    for _ in range(2):
        _, at = _element(body, at)
    unit, at = _element(body, at)
    scaler, at = _element(body, at)
    value, _ = _element(body, at)
    scaler = scaler or 0
    if value is None or unit not in _UNITS or not -9 <= scaler <= 9:
        return
    power = 3 + scaler
    found[code] = value * 10**power if power >= 0 else value // 10**-power


def _element(body: bytes, at: int, deep: int = 0) -> tuple:
    """(the number there, or None for anything else; where the next element begins). Raises IndexError."""
    if deep > 3:  # a time is a list of numbers, nothing here is deeper
        raise IndexError
    kind, length = body[at] >> 4 & 7, body[at] & 15
    start = at
    while body[at] & 0x80:
        at += 1
        length = length << 4 | body[at] & 15
    at += 1
    if kind == _LIST:
        for _ in range(length):
            _, at = _element(body, at, deep + 1)
        return None, at
    end = max(at, start + length)
    if end > len(body):
        raise IndexError
    number = None
    if kind in (_INTEGER, _UNSIGNED) and end - at <= 8:
        number = int.from_bytes(body[at:end], "big")
        if kind == _INTEGER and end > at and body[at] & 0x80:
            number -= 1 << 8 * (end - at)
    return number, end
