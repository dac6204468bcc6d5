"""SLIP (RFC 1055), as the ESP32's loader frames its packets."""

END = b"\xc0"
LONGEST = 0x8000  # esptool's longest packet is 0x4000 and a header; escaping can double it


def encode(packet: bytes) -> bytes:
    """The packet as it goes over the wire."""
    return END + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + END


def decode(framed: bytes) -> bytes:
    """What stands between two END bytes; an escape that is none is kept as it is, as the ROM does."""
    return framed.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")


class SlipReader:
    """Cuts a stream of bytes into packets; what is longer than LONGEST is dropped up to its end."""

    def __init__(self) -> None:
        self._begun = False  # whether an END has opened a packet
        self._pieces = bytearray()

    def feed(self, stream: bytes) -> list[bytes]:
        """The packets that `stream` completes."""
        packets = []
        first, *later = stream.split(END)
        self._take(first)
        for piece in later:
            if self._begun and self._pieces:
                if len(self._pieces) <= LONGEST:
                    packets.append(decode(bytes(self._pieces)))
                self._begun = False
            else:
                self._begun = True
            self._pieces.clear()
            self._take(piece)
        return packets

    def _take(self, piece: bytes) -> None:
        if self._begun:
            self._pieces += piece[: LONGEST + 1 - len(self._pieces)]
