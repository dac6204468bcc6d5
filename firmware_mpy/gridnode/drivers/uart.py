"""A UART of the microcontroller as a stream that never waits.

MicroPython's own `readinto` waits a millisecond or more for what may still come, even with a timeout of 0.
"""

from machine import UART, Pin


class UartStream:
    """`readinto(buffer)` and `write(data)` as link.SerialLink wants them; `pollable` is for select.poll."""

    def __init__(self, number: int, baud: int, tx: int, rx: int):
        self.pollable = UART(number, baud, tx=Pin(tx), rx=Pin(rx), rxbuf=1024, txbuf=512, timeout=0)
        self.write = self.pollable.write

    def readinto(self, buffer) -> int:
        """What has come in, at most a buffer full; 0 if nothing."""
        waiting = self.pollable.any()
        if not waiting:
            return 0
        return self.pollable.readinto(buffer, min(waiting, len(buffer)))
