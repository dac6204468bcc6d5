"""DSMR P1, the customer's port of meters in the Netherlands, Belgium, Luxembourg, Sweden: reads its telegrams.

Netbeheer Nederland, "P1 Companion Standard" 5.0.2, 5.2 (CRC) and 6 (lines such as `1-0:1.8.1(123456.789*kWh)`). The
line is 115200 8N1, inverted, and wants its data request pin high. Telegrams without a CRC (before DSMR 4) are refused.
"""

from gridnode.drivers.crc16 import ARC, crc16

BAUD = 115200
_BEGIN, _END, _FEED = 0x2F, 0x21, 0x0A  # "/", "!", line feed
_LONGEST = 64  # bytes of a line that are looked at: lines with figures have fewer than 40
_UNITS = {b"kWh": 1000, b"kW": 1000, b"kvar": 1000, b"kVAr": 1000, b"V": 1, b"A": 1, b"Hz": 1}  # of a thousandth


class P1Reader:
    """`feed` what comes in, in pieces of any size; see drivers.smart_meter for `found`, `refusal`, `name`."""

    name = "DSMR P1"

    def __init__(self):
        self.found = {}
        self.refusal = ""
        self._gathered = {}  # of the telegram that has begun
        self._line = b""
        self._crc = -1  # -1: no telegram has begun

    def feed(self, octets, n: int) -> bool:
        """True when a telegram with a right CRC has ended in the first `n` of `octets`."""
        text = bytes(memoryview(octets)[:n])
        whole = False
        at = 0
        while at < n:
            end = text.find(b"\n", at) + 1 or n
            whole = self._piece(text[at:end]) or whole
            at = end
        return whole

    def _piece(self, piece: bytes) -> bool:
        """The next part of a line, or all of it."""
        begins = not self._line
        if begins and piece[0] == _BEGIN:
            self._crc = 0
            self._gathered = {}
        if len(self._line) < _LONGEST:
            self._line += piece[:_LONGEST]
        if self._crc >= 0 and (begins or self._line[0] != _END):
            self._crc = crc16(piece, 1 if self._line[0] == _END else len(piece), self._crc, ARC)
        if piece[-1] != _FEED:
            return False
        line = self._line
        self._line = b""
        if self._crc < 0:
            return False
        if line[0] == _END:
            return self._close(line[1:5])
        if line[:4] == b"1-0:":
            self._take(line[4:])
        return False

    def _take(self, line: bytes):
        """`1.8.1(123456.789*kWh)`; a line that says something else is left."""
        code, _, value = line.partition(b"(")
        number, _, unit = value.partition(b"*")
        try:
            scale = _UNITS[unit[: unit.find(b")")]]
            whole, _, part = number.partition(b".")
            thousandths = int(whole + (part + b"000")[:3])
            self._gathered[bytes([int(each) for each in code.split(b".")])] = thousandths * scale
        except (KeyError, ValueError):
            pass

    def _close(self, check: bytes) -> bool:
        crc, self._crc = self._crc, -1
        try:
            right = int(check, 16) == crc
        except ValueError:
            self.refusal = "telegrams without a CRC: the meter must speak DSMR 4 or later"
            return False
        if not right:
            self.refusal = "telegrams arrive damaged: check the wire, its length and its pull-up"
            return False
        self.refusal = ""
        self.found = self._gathered
        return True
