"""Frames over a serial line, a USB port or a pseudo-terminal; never blocks.

The stream is passed in and gives `readinto(buffer)` and `write(data)` without waiting: None or 0
when there is nothing to read or no room to write.
"""

from gridnode.wire.frame import FRAME_MAX, FrameDecoder


class SerialLink:
    """`receive()` gives whole packets; `send` takes a frame when `idle`."""

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

    def receive(self) -> list:
        """The packets that have come in since the last call."""
        count = self._stream.readinto(self._in)
        if not count:
            return []
        return self._decoder.feed(bytes(memoryview(self._in)[:count]))

    def send(self, frame, length: int):
        """Begin to send frame[:length]; `flush` carries on with it."""
        self._out_view[:length] = memoryview(frame)[:length]
        self._at = 0
        self._end = length
        self.flush()

    def flush(self):
        """Write what the stream takes now."""
        if self._at < self._end:
            self._at += self._stream.write(self._out_view[self._at : self._end]) or 0
