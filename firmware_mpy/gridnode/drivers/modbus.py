"""Modbus RTU, the part that meters need: asks one unit for its input registers, without ever waiting.

Request and answer: Modbus Application Protocol 1.1b3, 6.4; CRC: Modbus over Serial Line 1.02, 6.2.2. The stream gives
`readinto(buffer)` and `write(data)` without waiting: None or 0 when there is nothing to read or no room to write.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridnode.drivers.buses import Stream

WAITING, ANSWERED, FAILED = 0, 1, 2

_READ_INPUT_REGISTERS = 4
_HEAD, _CRC = 3, 2  # bytes: unit, function, count of bytes; the CRC behind the registers
_READS = 16  # at most, of 32 bytes, so that a line that never falls silent cannot hold us up

# CRC-16 with polynomial 0xA001 of each nibble: a byte takes two steps instead of eight.
_NIBBLES = (
    0x0000,
    0xCC01,
    0xD801,
    0x1400,
    0xF001,
    0x3C00,
    0x2800,
    0xE401,
    0xA001,
    0x6C00,
    0x7800,
    0xB401,
    0x5000,
    0x9C01,
    0x8801,
    0x4400,
)


def crc16(octets, length: int) -> int:
    """CRC of octets[:length]. On the line it follows low byte first, and the CRC over both is then 0."""
    crc = 0xFFFF
    for index in range(length):
        crc ^= octets[index]
        crc = (crc >> 4) ^ _NIBBLES[crc & 15]
        crc = (crc >> 4) ^ _NIBBLES[crc & 15]
    return crc


class RegisterReader:
    """`ask`, then `poll` until it says ANSWERED (then `register` tells) or FAILED (then `fault` tells why).

    unit: 1 .. 247. first, count: of the registers, at most 125. The answer is looked for anywhere in what comes in, so
    noise before it, or an echo of the request, does no harm; only a whole answer of this unit with a right CRC counts.
    """

    def __init__(self, stream: "Stream", unit: int, first: int, count: int, timeout_ms: int):
        if not 1 <= unit <= 247 or not 1 <= count <= 125:
            raise ValueError("modbus: unit must be 1 .. 247 and count 1 .. 125, not %d and %d" % (unit, count))
        request = bytearray((unit, _READ_INPUT_REGISTERS, first >> 8, first & 255, 0, count, 0, 0))
        crc = crc16(request, 6)
        request[6] = crc & 255
        request[7] = crc >> 8
        self._stream = stream
        self._request = bytes(request)
        self._unit = unit
        self._timeout_ms = timeout_ms
        self._incoming = bytearray(32)
        self._answer = bytearray(_HEAD + 2 * count + _CRC)
        self._have = 0  # bytes of _answer
        self._heard = False  # anything, since the request
        self._deadline_ms = 0
        self.fault = ""

    def ask(self, now_ms: int):
        """Send the request; what came in before is thrown away."""
        self._have = 0
        self._heard = False
        self._deadline_ms = now_ms + self._timeout_ms
        for _ in range(_READS):
            if not self._read():
                break
        try:
            self._stream.write(self._request)
        except OSError:
            pass  # no answer will come, and poll will say so

    def poll(self, now_ms: int) -> int:
        """WAITING, ANSWERED or FAILED, after a look at what has come in."""
        for _ in range(_READS):
            count = self._read()
            if not count:
                break
            self._heard = True
            for index in range(count):
                if self._take(self._incoming[index]):
                    self.fault = ""
                    return ANSWERED
        if now_ms < self._deadline_ms:
            return WAITING
        self.fault = "unit %d %s" % (self._unit, "is not understood" if self._heard else "does not answer")
        return FAILED

    def register(self, index: int) -> int:
        """Register `first` + index of the last answer, 0 .. 65535."""
        at = _HEAD + 2 * index
        return self._answer[at] << 8 | self._answer[at + 1]

    def _read(self) -> int:
        try:
            return self._stream.readinto(self._incoming) or 0
        except OSError:
            return 0

    def _take(self, octet: int) -> bool:
        """Put `octet` behind the others; True when they are the answer."""
        if not self._have and octet != self._unit:
            return False
        answer = self._answer
        answer[self._have] = octet
        self._have += 1
        if self._have < len(answer):
            return False
        if (
            answer[1] == _READ_INPUT_REGISTERS
            and answer[2] == len(answer) - _HEAD - _CRC
            and crc16(answer, len(answer)) == 0
        ):
            return True
        self._realign()
        return False

    def _realign(self):
        """The answer does not begin where it seemed to: go on to the next place where it may."""
        answer = self._answer
        start = 1
        while start < self._have and answer[start] != self._unit:
            start += 1
        for index in range(start, self._have):
            answer[index - start] = answer[index]
        self._have -= start
