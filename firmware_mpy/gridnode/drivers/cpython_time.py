"""MicroPython's ticks for CPython, which does not wrap them. Import it where `time` has no ticks_ms."""

from time import monotonic_ns, sleep


def ticks_ms() -> int:
    """Milliseconds of a clock that only goes forward."""
    return monotonic_ns() // 1_000_000


def ticks_us() -> int:
    """Microseconds of the same clock."""
    return monotonic_ns() // 1000


def ticks_diff(end: int, start: int) -> int:
    """From `start` to `end`."""
    return end - start


def sleep_ms(ms: int):
    """Let so many pass."""
    sleep(ms / 1000)
