"""The line between the board and its energy meter: what the chip sends at the right speed gets an answer."""

import contextlib
import socket
import time

from tools.virtual_esp32.interpreter import read_all
from tools.virtual_esp32.pzem004t import BAUD, Pzem004t

PAUSE_S = 0.004  # 3.5 bytes at 9600 baud, which end a Modbus request


class MeterLine:
    """`chip_end` is the descriptor for the chip's UART, `meter_end` the one to watch and call `asked` for."""

    def __init__(self, meter: Pzem004t) -> None:
        self.meter = meter
        self.baud = 0  # of the chip's UART; at another one than its own the meter hears nothing
        self._chip, self._meter = socket.socketpair()
        self._chip.setblocking(False)
        self._meter.setblocking(False)
        self._heard = 0.0

    @property
    def chip_end(self) -> int:
        return self._chip.fileno()

    @property
    def meter_end(self) -> int:
        return self._meter.fileno()

    def asked(self) -> None:
        """Something came from the chip."""
        now = time.monotonic()
        if now - self._heard > PAUSE_S:
            self.meter.pause()
        self._heard = now
        request = read_all(self.meter_end)
        if self.baud == BAUD:
            with contextlib.suppress(BlockingIOError):
                self._meter.send(self.meter.feed(request, time.time_ns()))

    def clear(self) -> None:
        """What was on its way to the chip is lost: the chip restarts."""
        read_all(self.chip_end)

    def close(self) -> None:
        self._chip.close()
        self._meter.close()
