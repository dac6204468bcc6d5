"""Edges of a pin of the microcontroller with their times, caught by interrupt: 32 wait for whoever takes them."""

from array import array
from time import ticks_diff, ticks_us

from machine import Pin

_PLACES = 32


class PinEdges:
    """A line for drivers.s0_pulse. The chip's own resistor pulls the pin away from `active_level`."""

    def __init__(self, pin: int, active_level: int):
        self._active_level = active_level
        self._ticks = array("i", [0] * _PLACES)
        self._levels = bytearray(_PLACES)
        self._put = self._got = 0
        self.at_us = 0
        self.active = self.lost = False
        self._pin = Pin(pin, Pin.IN, Pin.PULL_DOWN if active_level else Pin.PULL_UP)
        both = Pin.IRQ_RISING | Pin.IRQ_FALLING
        try:
            self._pin.irq(self._edge, both, hard=True)
        except TypeError:  # a port that knows no hard ones
            self._pin.irq(self._edge, both)

    def _edge(self, pin):
        # No allocation here: this runs as an interrupt.
        place = self._put % _PLACES
        self._ticks[place] = ticks_us()  # type: ignore[call-overload]
        self._levels[place] = pin.value()
        self._put = (self._put + 1) & 0xFFFFFF

    def take(self, now_us: int) -> bool:
        """Put the next edge into `at_us` (node time, of which it is `now_us`) and `active`; False if there is none."""
        waiting = (self._put - self._got) & 0xFFFFFF
        if not waiting:
            return False
        if waiting > _PLACES:
            self.lost = True
            self._got = (self._put - _PLACES) & 0xFFFFFF
        place = self._got % _PLACES
        self.at_us = now_us - max(0, ticks_diff(ticks_us(), self._ticks[place]))
        self.active = self._levels[place] == self._active_level
        self._got = (self._got + 1) & 0xFFFFFF
        return True

    def close(self):
        """No more interrupts."""
        self._pin.irq(None)
