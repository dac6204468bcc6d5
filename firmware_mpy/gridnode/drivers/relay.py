"""A relay's coil on a pin of the microcontroller; open from the moment it is made."""

from machine import Pin


class Relay:
    """Call it with True to close, False to open. `closed_level`: the pin's level that closes it."""

    def __init__(self, pin: int, closed_level: int):
        self._closed_level = closed_level
        # The level is set before the pin becomes an output: no edge to the wrong side.
        self._pin = Pin(pin, Pin.OUT, value=1 - closed_level)

    def __call__(self, closed: bool):
        self._pin.value(self._closed_level if closed else 1 - self._closed_level)

    @property
    def closed(self) -> bool:
        """What the pin says, not what was asked for."""
        return self._pin.value() == self._closed_level
