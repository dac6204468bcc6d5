"""A relay's coil on a pin of the microcontroller, open from the moment it is made, and the contactor's own contact."""

from machine import Pin


class Relay:
    """Call it with True to close, False to open. `closed_level`: the pin's level that closes it.

    feedback_pin: of an auxiliary contact, which gives `feedback_closed_level` while the contactor is closed; None:
    there is none.
    """

    def __init__(self, pin: int, closed_level: int, feedback_pin=None, feedback_closed_level: int = 0):
        self._closed_level = closed_level
        # The level is set before the pin becomes an output: no edge to the wrong side.
        self._pin = Pin(pin, Pin.OUT, value=1 - closed_level)
        self._feedback = None
        self._feedback_closed_level = feedback_closed_level
        if feedback_pin is not None:  # a broken wire says open
            pull = Pin.PULL_DOWN if feedback_closed_level else Pin.PULL_UP
            self._feedback = Pin(feedback_pin, Pin.IN, pull)

    def __call__(self, closed: bool):
        self._pin.value(self._closed_level if closed else 1 - self._closed_level)

    @property
    def closed(self) -> bool:
        """What the pin says, not what was asked for."""
        return self._pin.value() == self._closed_level

    def feedback(self):
        """Whether the auxiliary contact says closed; None without one."""
        if self._feedback is None:
            return None
        return self._feedback.value() == self._feedback_closed_level
