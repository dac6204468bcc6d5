"""How long a LoRa packet is on the air, in floats: the reference that gridnode.link.airtime is checked against.

Semtech AN1200.13, "LoRa Modem Designer's Guide", section 4.1. It shares no code with the node's integer one.
"""

import math

# ms at 125 kHz, coding rate 4/5, 8 preamble symbols, by physical payload bytes and spreading factor; AN1200.13's
# formula as published calculators print it, whole milliseconds.
TABLE = {
    24: {7: 62, 8: 113, 9: 206, 10: 371, 11: 823, 12: 1483},
    51: {7: 103, 8: 185, 9: 329, 10: 616, 11: 1315, 12: 2466},
    222: {7: 348, 8: 615, 9: 1107, 10: 2009, 11: 4428, 12: 8036},
}
LOW_RATE_MS = 16.0  # symbols longer than this need the low data rate optimisation
SYNC_SYMBOLS = 4.25  # sync word and start of frame delimiter, behind the preamble that is programmed


def symbol_ms(spreading_factor: int, bandwidth_khz: float = 125) -> float:
    """One chirp."""
    return float(2**spreading_factor / bandwidth_khz)


def preamble_ms(spreading_factor: int, bandwidth_khz: float = 125, preamble: int = 8) -> float:
    """The preamble's `preamble` programmed symbols with the sync word."""
    return (preamble + SYNC_SYMBOLS) * symbol_ms(spreading_factor, bandwidth_khz)


def airtime_ms(
    length: int,
    spreading_factor: int,
    bandwidth_khz: float = 125,
    preamble: int = 8,
    cr: int = 1,
    crc: bool = True,
    explicit: bool = True,
    low_rate: bool | None = None,
) -> float:
    """A packet of `length` bytes at coding rate 4/(4 + cr). low_rate None: on where symbols last more than 16 ms."""
    symbol = symbol_ms(spreading_factor, bandwidth_khz)
    if low_rate is None:
        low_rate = symbol > LOW_RATE_MS
    bits = 8 * length - 4 * spreading_factor + 28 + 16 * crc - 20 * (not explicit)
    blocks = math.ceil(bits / (4 * (spreading_factor - 2 * low_rate)))
    return preamble_ms(spreading_factor, bandwidth_khz, preamble) + (8 + max(blocks * (cr + 4), 0)) * symbol
