"""Frames on a serial line: COBS(packet, CRC-32 little-endian), then a zero byte.

A zero byte never occurs inside a frame, so after any garbage the decoder is back in step at the
next one. Cheshire and Baker, "Consistent Overhead Byte Stuffing"; CRC-32 of IEEE 802.3.
"""

from binascii import crc32

from gridnode.native import micropython, ptr8

PACKET_MAX = 256  # bytes of a packet, without its CRC
CRC_BYTES = 4
FRAMING_BYTES = CRC_BYTES + 3  # at most: COBS adds 1 byte and 1 in 254; the delimiter
FRAME_MAX = PACKET_MAX + FRAMING_BYTES
# CRC-32 over any message followed by its own CRC, little-endian.
_RESIDUE = 0x2144DF1C


def encode(packet, length: int, out) -> int:
    """Write the frame of packet[:length] into `out` (FRAME_MAX bytes); return the frame's length.

    `packet` is a bytearray with room for the CRC behind `length`.
    """
    crc = crc32(memoryview(packet)[:length])
    for index in range(CRC_BYTES):
        packet[length + index] = (crc >> (8 * index)) & 0xFF
    return _stuff(packet, length + CRC_BYTES, out)


@micropython.viper
def _stuff(packet: ptr8, length: int, out: ptr8) -> int:
    """COBS of packet[:length] and the delimiter into `out`; return how many bytes that is."""
    code_at = 0
    at = 1
    index = 0
    while index < length:
        byte = int(packet[index])
        if byte:
            out[at] = byte
            at += 1
        if byte == 0 or at - code_at == 255:
            out[code_at] = at - code_at
            code_at = at
            at += 1
        index += 1
    out[code_at] = at - code_at
    out[at] = 0
    return at + 1


class FrameDecoder:
    """Bytes in any portions -> packets whose CRC is right; counts what it dropped, by cause."""

    def __init__(self):
        self._rest = b""
        self._overlong = False  # inside a frame already known to be too long
        self.frames = 0
        self.bad_crc = 0
        self.bad_cobs = 0
        self.too_long = 0

    def reset(self):
        """The line was closed: forget the frame that had begun, keep the counts."""
        self._rest = b""
        self._overlong = False

    @property
    def dropped(self) -> int:
        return self.bad_crc + self.bad_cobs + self.too_long

    def feed(self, data: bytes) -> list:
        """Take the bytes that came; return the packets (bytes, without their CRC) now complete."""
        packets = []
        pieces = data.split(b"\x00")
        if self._rest:
            pieces[0] = self._rest + pieces[0]
            self._rest = b""
        rest = pieces.pop()
        for raw in pieces:
            if raw and not self._overlong:
                self._unstuff(raw, packets)
            self._overlong = False
        self._keep(rest)
        return packets

    def _keep(self, rest):
        if not self._overlong and rest:
            self._rest = self._rest + rest
            if len(self._rest) >= FRAME_MAX:
                self._rest = b""
                self._overlong = True
                self.too_long += 1

    def _unstuff(self, raw, packets):
        size = len(raw)
        if size >= FRAME_MAX:
            self.too_long += 1
            return
        if raw[0] == size:  # no zero in it
            packet = raw[1:]
        else:
            parts = []
            at = 0
            while at < size:
                end = at + raw[at]
                parts.append(raw[at + 1 : end])
                at = end
            if at != size:
                self.bad_cobs += 1
                return
            packet = b"\x00".join(parts) if size < 255 else _join(parts)
        if len(packet) > PACKET_MAX + CRC_BYTES:
            self.too_long += 1
            return
        if len(packet) <= CRC_BYTES or crc32(packet) != _RESIDUE:
            self.bad_crc += 1
            return
        self.frames += 1
        packets.append(packet[:-CRC_BYTES])


def _join(parts: list) -> bytes:
    """The blocks of a frame with the zeros between them; behind a full one of 254 bytes there is none."""
    packet = parts[0]
    for index in range(1, len(parts)):
        packet += parts[index] if len(parts[index - 1]) == 254 else b"\x00" + parts[index]
    return packet
