"""A radio on a gateway board at a serial port (gridnode.gateway), with the surface of sx1276: for the Pi."""

import struct
from collections import deque

from gridnode.link import radio_frames as frames
from gridnode.wire.frame import FRAME_MAX, FrameDecoder, encode

_ASK_MS = 500
_OPEN_MS = 5000  # between two tries to open the port
_SENT_MS = 2000  # beyond its time on air, after which the board must have said that it was sent
_UNPLUGGED = "the gateway board's port is not there: is it plugged in? (%s)"
_SILENT = "the gateway board does not answer: does it run this project's lora_gateway? Unplug it and plug it in again"


class SerialRadio:
    """The radio of gridnode.link.lora. open_stream(): a stream as link.SerialLink has it; raises RuntimeError, OSError.

    It is opened again by itself. refused: words why the board did not send the last packet that it did not.
    """

    def __init__(self, open_stream):
        self._open = open_stream
        self._stream = None
        self._decoder = FrameDecoder()
        self._in = bytearray(FRAME_MAX)
        self._out = b""  # what the port has not yet taken
        self._data = b""  # of a packet that was heard
        self._packets: deque = deque()
        self._scan: tuple = ()
        self._heard_ms = self._ask_ms = self._open_ms = 0
        self._number = 0
        self._limit_ms = -1  # of what is being sent, from the next poll on
        self._due_ms = 0
        self._sending = False
        self._known = False  # the board has answered: before that it may take a byte of ours for Ctrl-C
        self._board_busy = True
        self.counts = {"bad_crc": 0, "resets": 0, "unsent": 0, "refused": 0}
        self.sent_ms = 0
        self.spent_ppm = 0
        self.refused = ""
        self.fault = _SILENT

    @property
    def busy(self) -> bool:
        return bool(self._sending or self._board_busy or self.fault)

    @property
    def bad_crc(self) -> int:
        """Packets that came with a wrong CRC, or none."""
        return self.counts["bad_crc"]

    @property
    def resets(self) -> int:
        """How often the board had to reset its radio."""
        return self.counts["resets"]

    def listen(self, scan):
        """As sx1276's."""
        self._scan = tuple(scan)
        self._say_scan()

    def send(self, data, length: int, khz: int, bandwidth: int, spreading: int, power_dbm: int, preamble: int):
        """As sx1276's; the board may refuse it."""
        if self.fault or self._sending:
            self.counts["unsent"] += 1
            return
        self._number = self._number + 1 & 0xFF
        self._say(bytes([frames.DATA]) + bytes(memoryview(data)[:length]))
        self._say(
            struct.pack(frames.SENDING, frames.SEND, self._number, khz, bandwidth, spreading, power_dbm, preamble)
        )
        self._sending = True
        self._limit_ms = ((preamble + 13 + 2 * length + 20) << spreading) // bandwidth + _SENT_MS

    def poll(self, now_ms: int):
        """As sx1276's."""
        try:
            self._run(now_ms)
        except (OSError, RuntimeError) as error:
            self._lose(now_ms, _UNPLUGGED % error)
        return self._packets.popleft() if self._packets else None

    def close(self):
        """Give the port back."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _run(self, now_ms: int):
        if self._stream is None:
            if now_ms < self._open_ms:
                return
            self._stream = self._open()
            self._decoder.reset()
            self._heard_ms = self._ask_ms = now_ms
        count = self._stream.readinto(self._in)
        while count:
            for packet in self._decoder.feed(bytes(memoryview(self._in)[:count])):
                self._take(packet, now_ms)
            count = self._stream.readinto(self._in)
        if now_ms - self._heard_ms > frames.SILENT_MS:
            self._lose(now_ms, _SILENT)
            return
        if self._sending and self._limit_ms >= 0:
            self._due_ms, self._limit_ms = now_ms + self._limit_ms, -1
        if self._sending and now_ms > self._due_ms:
            self._sending = False
            self.counts["unsent"] += 1
        if now_ms >= self._ask_ms:
            self._ask_ms = now_ms + _ASK_MS
            self._say(bytes([frames.ASK]))
        if self._out:
            self._out = self._out[self._stream.write(self._out) or 0 :]

    def _lose(self, now_ms: int, why: str):
        self.close()
        self.fault = why
        self.counts["unsent"] += self._sending
        self._sending = self._known = False
        self._out = b""
        self._open_ms = now_ms + _OPEN_MS

    def _take(self, packet: bytes, now_ms: int):
        try:
            self._understand(packet, now_ms)
        except (struct.error, UnicodeDecodeError):
            return  # of another program, or another release of this one
        self._heard_ms = now_ms

    def _understand(self, packet: bytes, now_ms: int):
        kind = packet[0]
        self._known = True
        if kind == frames.STATE:
            _, busy, entries, resets, bad_crc, self.spent_ppm = struct.unpack_from(frames.STATED, packet)
            self.counts.update(resets=resets, bad_crc=bad_crc)
            self.fault = packet[struct.calcsize(frames.STATED) :].decode()
            self._board_busy = bool(busy)
            if entries != len(self._scan):  # it has started anew
                self._say_scan()
        elif kind == frames.DATA:
            self._data = packet[1:]
        elif kind == frames.HEARD:
            _, rssi, snr, spreading, khz, age_ms = struct.unpack_from(frames.HEARING, packet)
            if self._data:  # else it was garbled on the line
                self._packets.append((self._data, rssi, snr, spreading, khz, now_ms - age_ms))
            self._data = b""
        elif kind == frames.SENT:
            _, number, age_ms = struct.unpack_from(frames.SENDING_ENDED, packet)
            if self._sending and number == self._number:
                self._sending = False
                self.sent_ms = now_ms - age_ms
        elif kind == frames.REFUSED:
            _, number, _ = struct.unpack_from(frames.REFUSING, packet)
            if self._sending and number == self._number:
                self._sending = False
                self.counts["refused"] += 1
                self.refused = packet[struct.calcsize(frames.REFUSING) :].decode()

    def _say_scan(self):
        if self._known:
            self._say(bytes([frames.LISTEN]) + b"".join(struct.pack(frames.ENTRY, *entry) for entry in self._scan))

    def _say(self, packet: bytes):
        if self._stream is None:
            return
        frame = bytearray(FRAME_MAX)
        length = encode(bytearray(packet) + bytearray(4), len(packet), frame)
        self._out += frame[:length]


def open_radio(path: str) -> SerialRadio:
    """The board at that port; it may be plugged in later. Raises RuntimeError where pyserial is missing."""
    from gridnode.drivers.serial_port import open_port

    return SerialRadio(lambda: open_port(path, 115200))
