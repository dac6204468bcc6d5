"""What a person finds at the node, a button and a lamp; and the pin that tells of the supply."""

from machine import Pin


class Button:
    """`pressed` while it is held down; the chip's own resistor pulls to the other level."""

    def __init__(self, pin: int, pressed_level: int):
        self._pin = Pin(pin, Pin.IN, Pin.PULL_DOWN if pressed_level else Pin.PULL_UP)
        self._pressed_level = pressed_level

    @property
    def pressed(self) -> bool:
        return self._pin.value() == self._pressed_level


class Lamp:
    """Call it with True to light it."""

    def __init__(self, pin: int, lit_level: int):
        self._pin = Pin(pin, Pin.OUT, value=1 - lit_level)
        self._lit_level = lit_level

    def __call__(self, lit: bool):
        self._pin.value(self._lit_level if lit else 1 - self._lit_level)


class Supply:
    """A pin that has `failing_level` while the supply is going."""

    def __init__(self, pin: int, failing_level: int):
        self._pin = Pin(pin, Pin.IN)
        self._failing_level = failing_level

    def failing(self) -> bool:
        return self._pin.value() == self._failing_level
