"""Bytes read strictly, one after another: every number within its bounds, nothing past the end."""


class Refused(Exception):
    """These bytes are not followed; the message says why."""


class Reader:
    """A place in `content`, up to `end`. Whatever does not fit is Refused."""

    def __init__(self, content: bytes, start: int = 0, end: int | None = None):
        self.content, self.at = content, start
        self.end = len(content) if end is None else end

    def more(self) -> bool:
        """Whether anything is left."""
        return self.at < self.end

    def byte(self) -> int:
        """The next byte."""
        if self.at >= self.end:
            raise Refused(f"cut off at byte {self.at}")
        self.at += 1
        return self.content[self.at - 1]

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.end - self.at:
            raise Refused(f"cut off at byte {self.end}: {count} bytes announced at byte {self.at}")
        self.at += count
        return self.content[self.at - count : self.at]

    def part(self, count: int) -> "Reader":
        """A reader of the next `count` bytes, which this one skips."""
        start = self.at
        self.bytes(count)
        return Reader(self.content, start, self.at)

    def _groups(self, bits: int) -> tuple[int, int]:
        """What LEB128 bytes hold, seven bits each, and how many bits that makes."""
        value = shift = 0
        start = self.at
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value, shift
            if shift >= bits:
                raise Refused(f"a number too long at byte {start}")

    def unsigned(self, bits: int = 32) -> int:
        """A LEB128 number below 2**bits, in no more bytes than that may take."""
        start = self.at
        value, _ = self._groups(bits)
        if value >> bits:
            raise Refused(f"a number above {bits} bits at byte {start}")
        return value

    def signed(self, bits: int) -> int:
        """A signed LEB128 number of `bits` bits."""
        start = self.at
        value, shift = self._groups(bits)
        if value >> (shift - 1):  # the last byte's highest bit is the sign
            value -= 1 << shift
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise Refused(f"a number beyond {bits} bits at byte {start}")
        return value

    def count(self, most: int, what: str) -> int:
        """How many `what` follow."""
        value = self.unsigned()
        if value > most:
            raise Refused(f"{value} {what}; at most {most} are followed")
        return value

    def text(self) -> str:
        """A name in UTF-8."""
        try:
            return self.bytes(self.unsigned()).decode()
        except UnicodeDecodeError:
            raise Refused(f"a name that is not UTF-8 before byte {self.at}") from None

    def done(self, what: str) -> None:
        """Refused unless all was read."""
        if self.at != self.end:
            raise Refused(f"{self.end - self.at} bytes too many after {what}, at byte {self.at}")
