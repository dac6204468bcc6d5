"""The auto-reset circuit of an ESP32 devkit: two transistors that turn DTR and RTS into EN and IO0.

EN (reset) is low while RTS is asserted and DTR is not; IO0 (boot mode) is low while DTR is asserted and RTS is not
(ESP32 DevKitC schematic). A serial port over a network sets the lines one after the other; in between both are
asserted, and then the capacitor at EN, which is generous here, still holds the chip in reset.
"""

from typing import Literal

RISE_S = 0.005  # from the release of EN to the moment the chip looks at IO0
BOTH_ASSERTED_S = 0.3  # how long the capacitor bridges the way from (RTS) over (DTR, RTS) to (DTR)

Start = Literal["run", "download"]


class ResetCircuit:
    """`lines` when they change, then `due` until it tells how the chip starts. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._dtr = self._rts = False
        self._released: float | None = None

    @property
    def held(self) -> bool:
        """Whether the chip is held in reset by the lines."""
        return self._rts and not self._dtr

    def lines(self, dtr: bool, rts: bool, now: float) -> None:
        """The host has set its two lines; True: asserted."""
        was_held = self.held
        self._dtr, self._rts = dtr, rts
        if self.held:
            self._released = None
        elif was_held:
            self._released = now

    @property
    def next_due(self) -> float | None:
        """When `due` is to be asked; None: nothing is coming."""
        if self._released is None:
            return None
        return self._released + (BOTH_ASSERTED_S if self._dtr and self._rts else RISE_S)

    def due(self, now: float) -> Start | None:
        """How the chip comes out of reset at this moment, once; None: it does not yet."""
        at = self.next_due
        if at is None or now < at:
            return None
        self._released = None
        return "download" if self._dtr and not self._rts else "run"
