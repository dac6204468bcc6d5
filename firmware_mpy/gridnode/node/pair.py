"""One small record in flash, kept twice: a power cut leaves the new one or the old one, whole.

On littlefs a file of up to 512 bytes lies in the directory itself, so that writing it is one commit there.
"""

import os
import struct
from binascii import crc32

PAYLOAD_MAX = 640
_HEAD = "<II"  # CRC-32 of all that follows, counter
_HEAD_BYTES = 8


class Pair:
    """The files `path` + "a" and `path` + "b"; the whole one with the higher `counter` is the newest (0: none is).

    Every write goes over the older one, so flash faults and power cuts leave the newest as it was.
    """

    def __init__(self, path: str):
        self._paths = (path + "a", path + "b")
        counters = [_counter(_load(file)) for file in self._paths]
        self.counter = max(counters)
        self._newest = counters.index(self.counter)
        self._older = min(counters)  # its counter; 0: there is nothing to go back to

    def read(self):
        """The newest payload (bytes), None if there is none."""
        return _payload(_load(self._paths[self._newest])) if self.counter else None

    def write(self, payload):
        """Keep `payload` (bytes, at most PAYLOAD_MAX) as the newest, and read it back. Raises OSError if that fails."""
        if len(payload) > PAYLOAD_MAX:
            raise ValueError("a record has at most %d bytes" % PAYLOAD_MAX)
        self._put(1 - self._newest if self.counter else 0, payload)

    def revert(self):
        """Make the payload before the newest one the newest, under a new counter; without one: b"". Returns it.

        Raises OSError as `write` does.
        """
        before = _payload(_load(self._paths[1 - self._newest])) if self._older else b""
        if self.counter:
            self._put(self._newest if self._older else 1 - self._newest, before)
        return before

    def _put(self, place: int, payload):
        counter = self.counter + 1
        content = bytearray(_HEAD_BYTES + len(payload))
        struct.pack_into(_HEAD, content, 0, 0, counter)
        content[_HEAD_BYTES:] = payload
        struct.pack_into("<I", content, 0, _check(content))
        store(self._paths[place], content)
        if _load(self._paths[place]) != content:
            raise OSError("flash: %s does not read back as written" % self._paths[place])
        self._older = self.counter if place != self._newest else self._older
        self._newest, self.counter = place, counter


def store(path: str, content, mode: str = "wb", at: int = 0):
    """Write `content` to a file at `at`; it is on the disk when this returns. Raises OSError."""
    with open(path, mode) as file:
        file.seek(at)
        if file.write(content) != len(content):
            raise OSError("flash: no room for %s" % path)
        file.flush()
        if hasattr(os, "fsync"):  # an operating system may keep it back for a while
            os.fsync(file.fileno())


def _load(path: str):
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD_BYTES + PAYLOAD_MAX + 1)
    except OSError:
        return b""


def _check(content) -> int:
    return crc32(memoryview(content)[4:]) & 0xFFFFFFFF


def _counter(content) -> int:
    """Of a whole record; 0 for anything else."""
    if not _HEAD_BYTES <= len(content) <= _HEAD_BYTES + PAYLOAD_MAX:
        return 0
    check, counter = struct.unpack_from(_HEAD, content, 0)
    return counter if check == _check(content) else 0


def _payload(content):
    return bytes(memoryview(content)[_HEAD_BYTES:]) if _counter(content) else b""
