"""The chip's pads: what its pins put out, as a list of edges, and what is put on them, in a file that the chip reads.

The file, little endian: a byte per pin (bit 0: level, bit 1: driven from outside), from ADC_AT two bytes per pin
(counts of 16 bits), at FED_AT four bytes: when the watchdog was last fed (milliseconds of the monotonic clock, modulo
FED_WRAP). The chip's side of it is on_board/machine.py.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PINS = 64
ADC_AT = PINS
FED_AT = ADC_AT + 2 * PINS
SIZE = FED_AT + 4
FED_WRAP = 1 << 30


class Edge(NamedTuple):
    """A pin has changed, seen from outside. `at_ns`: time.time_ns(); not `driven`: the level is that of its pull."""

    at_ns: int
    pin: int
    level: int
    driven: bool


class Pads:
    """The pins of one board. `pulls`: levels of pins that nobody drives; 0 where none is given."""

    def __init__(self, path: Path, pulls: Mapping[int, int]) -> None:
        self.path, self._pulls = path, dict(pulls)
        self.edges: list[Edge] = []
        self._driven: dict[int, int] = {}  # by the chip
        path.write_bytes(bytes(SIZE))
        self._file = os.open(path, os.O_RDWR)
        for pin, level in self._pulls.items():
            self._put(pin, bytes((level,)))

    def level(self, pin: int) -> int:
        """What a probe at the pin shows."""
        return self._driven.get(pin, self._pulls.get(pin, 0))

    def put_out(self, at_ns: int, pin: int, level: int | None) -> Edge | None:
        """The chip drives the pin, or (None) leaves it. The edge, unless nothing changes."""
        before = self._driven.get(pin)
        if level is None:
            self._driven.pop(pin, None)
        else:
            self._driven[pin] = level
        if level == before:
            return None
        edge = Edge(at_ns, pin, self.level(pin), level is not None)
        self.edges.append(edge)
        return edge

    def release(self, at_ns: int) -> list[Edge]:
        """The chip is in reset: all its pins are high-impedance."""
        return [edge for pin in list(self._driven) if (edge := self.put_out(at_ns, pin, None))]

    def drive(self, pin: int, level: int | None) -> None:
        """From outside; None: nobody drives it any more, its pull decides."""
        self._put(pin, bytes((self._pulls.get(pin, 0) if level is None else 2 | level,)))

    def adc(self, pin: int, counts: int) -> None:
        """What the converter gives at this pin: 0 to 65535, as read_u16."""
        self._put(ADC_AT + 2 * pin, counts.to_bytes(2, "little"))

    def fed_ms(self) -> int:
        """When the program last fed the watchdog, modulo FED_WRAP."""
        return int.from_bytes(os.pread(self._file, 4, FED_AT), "little") % FED_WRAP

    def close(self) -> None:
        """Take the file away."""
        os.close(self._file)
        self.path.unlink(missing_ok=True)

    def _put(self, at: int, content: bytes) -> None:
        os.pwrite(self._file, content, at)
