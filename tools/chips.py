"""What the pins of each chip can do. Literals, each from the maker's document that is named beside it.

pins: that exist. outputs: that can drive. adc: that the converter reaches. taken: pins that are not ours, and by whom.
strapping: pins that choose how the chip starts, and the one thing here that may hang there. pull: level that the chip
itself pulls a pin to from reset until the program sets it (others float). uart, i2c, spi: for each unit of the
peripheral the pins that it can be routed to; None: any. uart_taken: units that are not ours. selects: pins by the
number of SPI's select, where the system drives them. watchdog_ms: shortest, longest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Routes = Mapping[int, Mapping[str, frozenset[int]] | None]


@dataclass(frozen=True)
class Chip:
    """One chip's pins; see the module's text."""

    title: str
    pins: frozenset[int]
    outputs: frozenset[int]
    adc: frozenset[int] = frozenset()
    taken: Mapping[int, str] = field(default_factory=dict)
    strapping: Mapping[int, str] = field(default_factory=dict)
    pull: Mapping[int, int] = field(default_factory=dict)
    uart: Routes = field(default_factory=dict)
    uart_taken: Mapping[int, str] = field(default_factory=dict)
    i2c: Routes = field(default_factory=dict)
    spi: Routes = field(default_factory=dict)
    selects: tuple[int, ...] = ()
    watchdog_ms: tuple[int, int] | None = None


def _pins(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


# RP2040 datasheet: functions of each pin 1.4.3 "GPIO Functions"; converter 4.9; watchdog 4.7.2 (24 bits, which count
# down twice a microsecond: erratum E1); pins are pulled down at reset: 2.19.6.3 "PADS_BANK0", GPIO0.
_RP2040 = Chip(
    title="RP2040",
    pins=frozenset(range(30)),
    outputs=frozenset(range(30)),
    adc=_pins(26, 27, 28, 29),
    pull=dict.fromkeys(range(30), 0),
    uart={
        0: {"tx": _pins(0, 12, 16, 28), "rx": _pins(1, 13, 17, 29)},
        1: {"tx": _pins(4, 8, 20, 24), "rx": _pins(5, 9, 21, 25)},
    },
    i2c={
        0: {"sda": _pins(0, 4, 8, 12, 16, 20, 24, 28), "scl": _pins(1, 5, 9, 13, 17, 21, 25, 29)},
        1: {"sda": _pins(2, 6, 10, 14, 18, 22, 26), "scl": _pins(3, 7, 11, 15, 19, 23, 27)},
    },
    spi={
        0: {"sck": _pins(2, 6, 18, 22), "mosi": _pins(3, 7, 19, 23), "miso": _pins(0, 4, 16, 20)},
        1: {"sck": _pins(10, 14, 26), "mosi": _pins(11, 15, 27), "miso": _pins(8, 12, 24, 28)},
    },
    watchdog_ms=(1, 8388),
)

# ESP32 Series Datasheet: "Pin Overview", "Strapping Pins" / "Boot Configurations", appendix "IO_MUX" (column "Reset":
# 2 is pulled down, 3 is pulled up); UARTs through the GPIO matrix: "Peripheral Pin Assignment". 6 to 11 are the flash
# of every module. Watchdog: MicroPython's machine.WDT, task watchdog of ESP-IDF in milliseconds, at least a second.
_ESP32_PINS = frozenset([*range(20), 21, 22, 23, 25, 26, 27, *range(32, 40)])
_ESP32 = Chip(
    title="ESP32",
    pins=_ESP32_PINS,
    outputs=_ESP32_PINS - frozenset(range(34, 40)),
    adc=frozenset(range(32, 40)),
    taken={1: "the console (UART0)", 3: "the console (UART0)", **dict.fromkeys(range(6, 12), "the flash")},
    strapping={0: "button", 2: "led", 5: "", 12: "", 15: ""},
    pull={0: 1, 2: 0, 4: 0, 5: 1, 12: 0, 13: 0, 14: 1, 15: 1},
    uart={0: None, 1: None, 2: None},
    uart_taken={0: "the console"},
    i2c={0: None, 1: None},
    spi={1: None, 2: None},
    watchdog_ms=(1000, 120_000),
)

# ESP32-C3 Series Datasheet: "Pin Overview", "Strapping Pins" / "Boot Configurations", "Pin Settings" (after reset);
# "Peripheral Pin Assignment". 12 to 17 are the flash, 18 and 19 USB.
_ESP32C3 = Chip(
    title="ESP32-C3",
    pins=frozenset(range(22)),
    outputs=frozenset(range(22)),
    adc=frozenset(range(5)),
    taken={
        11: "the flash's supply",
        **dict.fromkeys(range(12, 18), "the flash"),
        **dict.fromkeys((18, 19), "USB"),
        **dict.fromkeys((20, 21), "the console (UART0)"),
    },
    strapping={2: "", 8: "led", 9: "button"},
    pull={9: 1},
    uart={0: None, 1: None},
    uart_taken={0: "the console"},
    i2c={0: None},
    spi={1: None},
    watchdog_ms=(1000, 120_000),
)

# BCM2835 ARM Peripherals, 6.2 "Alternative Function Assignments" (column "Pull"), the same on the later chips of the
# 40-pin header; Raspberry Pi documentation, "GPIO and the 40-pin header": 0 and 1 are the identity EEPROM of a HAT.
_PI = Chip(
    title="Raspberry Pi header",
    pins=frozenset(range(28)),
    outputs=frozenset(range(28)),
    taken={
        **dict.fromkeys((0, 1), "the EEPROM of a HAT"),
        **dict.fromkeys((14, 15), "the Pi's own serial port"),
    },
    pull={**dict.fromkeys(range(9), 1), **dict.fromkeys(range(9, 28), 0)},
    i2c={1: {"sda": _pins(2), "scl": _pins(3)}},
    spi={0: {"sck": _pins(11), "mosi": _pins(10), "miso": _pins(9)}},
    selects=(8, 7),
)

_NO_PINS = Chip(title="no chip", pins=frozenset(), outputs=frozenset())

CHIPS: Mapping[str, Chip] = {
    "rp2040": _RP2040,
    "esp32": _ESP32,
    "esp32c3": _ESP32C3,
    "linux": _PI,
    "unix": _NO_PINS,
}
