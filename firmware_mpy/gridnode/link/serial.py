"""Packets in frames over a serial line, a USB port or a pseudo-terminal; never blocks.

The stream is passed in and gives `readinto(buffer)` and `write(data)` without waiting: None or 0
when there is nothing to read or no room to write.
"""

from gridnode.wire.frame import FRAME_MAX, FrameDecoder, encode


class SerialLink:
    """`receive` gives whole packets; `send` takes one when `idle`. Times are for links that need them."""

    def __init__(self, stream):
        self._stream = stream
        self._decoder = FrameDecoder()
        self._in = bytearray(FRAME_MAX)
        self._out = bytearray(FRAME_MAX)
        self._out_view = memoryview(self._out)
        self._at = self._end = 0  # what of _out is still to be written

    @property
    def dropped(self) -> int:
        return self._decoder.dropped

    @property
    def idle(self) -> bool:
        """Whether the last frame has left, so that the next may be given."""
        return self._at == self._end

    def receive(self, now_ms: int) -> list:
        """The packets that have come in since the last call."""
        count = self._stream.readinto(self._in)
        if not count:
            return []
        return self._decoder.feed(bytes(memoryview(self._in)[:count]))

    def send(self, packet, length: int, urgent: bool = False):
        """Begin to send packet[:length], a bytearray with room for a CRC behind it; `flush` carries on with it."""
        self._at = 0
        self._end = encode(packet, length, self._out)
        self._write()

    def flush(self, now_ms: int):
        """Write what the stream takes now."""
        if self._at < self._end:
            self._write()

    def _write(self):
        self._at += self._stream.write(self._out_view[self._at : self._end]) or 0
