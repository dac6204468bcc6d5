"""MicroPython's `time`, but that its ticks begin with the board's reset, as a chip's do. Runs under MicroPython."""
# mypy: ignore-errors
# ruff: noqa: F403

import utime
from utime import *

_WRAP = (1 << 30) - 1  # ticks_diff of the unix port and of the chip's count modulo this and one
_MS, _US = utime.ticks_ms(), utime.ticks_us()


def ticks_ms():
    """Milliseconds since the reset."""
    return utime.ticks_ms() - _MS & _WRAP


def ticks_us():
    """Microseconds since the reset."""
    return utime.ticks_us() - _US & _WRAP
