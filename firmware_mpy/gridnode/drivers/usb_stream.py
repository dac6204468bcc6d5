"""The board's own USB port as a stream that never waits, for programs that print nothing.

Whoever writes frames here must not be stopped by a byte of theirs: Ctrl-C is given back by `give_back`.
"""

import select
import sys

import micropython

_PORTION = 16  # bytes, for which there is room when there is any


class UsbStream:
    """`readinto(buffer)` and `write(data)` as link.SerialLink wants them; `pollable` is for select.poll."""

    def __init__(self):
        self.pollable = sys.stdin
        self._in, self._out = sys.stdin.buffer, sys.stdout.buffer
        self._came, self._room = select.poll(), select.poll()
        self._came.register(sys.stdin, select.POLLIN)
        self._room.register(sys.stdout, select.POLLOUT)

    def readinto(self, buffer) -> int:
        """What has come in, at most a buffer full; 0 if nothing."""
        count = 0
        while count < len(buffer) and self._came.poll(0):
            buffer[count] = self._in.read(1)[0]
            count += 1
        return count

    def write(self, data) -> int:
        """How many bytes of `data` the port has taken."""
        at = 0
        while at < len(data) and self._room.poll(0):
            at += self._out.write(data[at : at + _PORTION]) or 0
        return at

    def take(self):
        """Ctrl-C is a byte like any other."""
        micropython.kbd_intr(-1)

    def give_back(self):
        """Ctrl-C stops the program, for whoever wants to work on the board."""
        micropython.kbd_intr(3)
