"""What is wired to the board's pins and UARTs, as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.virtual_esp32.chips import CHIPS, ChipName


@dataclass(frozen=True)
class Contact:
    """A relay with its contactor: the coil on one pin, on another (or none) the auxiliary contact."""

    name: str
    pin: int
    closed_level: int
    feedback_pin: int | None
    feedback_closed_level: int
    delay_s: float = 0.015  # a contactor takes 10 to 30 ms

    def feedback(self, coil_level: int) -> int:
        """The level of the feedback pin when the contactor has followed its coil."""
        closed = coil_level == self.closed_level
        return self.feedback_closed_level if closed else 1 - self.feedback_closed_level


@dataclass(frozen=True)
class Wiring:
    """`pulls`: levels of pins that nothing drives. `meter_uart`: where a PZEM-004T is, None: there is none."""

    link_uart: int
    meter_uart: int | None = None
    meter_address: int = 1
    contacts: Sequence[Contact] = ()
    pulls: Mapping[int, int] = field(default_factory=dict)

    @staticmethod
    def standard(chip: ChipName) -> "Wiring":
        """The last UART to the Pi; nothing else."""
        return Wiring(CHIPS[chip].uarts - 1)

    @staticmethod
    def of(board: Mapping[str, Any]) -> "Wiring":
        """As the literals of a board.py say. Each relay's own resistor pulls its pin to the level that opens it."""
        wanted = [spec for spec in board["CONTACTORS"] if spec["driver"] == "relay"]
        contacts = [
            Contact(s["name"], s["pin"], s["closed_level"], s["feedback_pin"], s["feedback_closed_level"])
            for s in wanted
        ]
        pulls = {contact.pin: 1 - contact.closed_level for contact in contacts}
        pulls |= {c.feedback_pin: 1 - c.feedback_closed_level for c in contacts if c.feedback_pin is not None}
        meter = board["METER"]
        if meter["driver"] != "pzem004t":
            return Wiring(board["LINK"]["id"], contacts=contacts, pulls=pulls)
        return Wiring(board["LINK"]["id"], meter["uart"], meter.get("address", 1), contacts, pulls)
