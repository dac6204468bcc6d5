"""What esptool reads to tell one chip from another, and what each prints while it boots.

Sources: ESP32 and ESP32-C3 Technical Reference Manuals (eFuse controller, boot mode control), ESP-IDF's esp_rom
reset reasons, and esptool's targets/esp32.py and esp32c3.py for the registers that it asks for.
"""

from dataclasses import dataclass
from typing import Literal

ChipName = Literal["esp32", "esp32c3"]
Cause = Literal["power on", "reset", "watchdog", "soft reset"]

CRYSTAL_HZ = 40_000_000


@dataclass(frozen=True)
class Chip:
    """One kind of chip; addresses and values as in its reference manual."""

    name: str
    bootloader_at: int
    image_id: int  # in the header of an image for this chip
    tells_id: bool  # whether its ROM knows GET_SECURITY_INFO
    spi_base: int
    spi_command: int  # offset of the register with the SPI flash command, and of its answer
    spi_answer: int
    uart_clock_divider: int
    pins: tuple[int, ...]
    input_only: tuple[int, ...]
    adc_pins: tuple[int, ...]
    uarts: int
    rom: str  # its first lines after a reset
    download: str
    run: str
    reset_words: dict[Cause, str]

    def registers(self, mac: bytes) -> dict[int, int]:
        """What the read-only registers hold on a chip with this MAC address."""
        high, low = int.from_bytes(mac[:2], "big"), int.from_bytes(mac[2:], "big")
        if self.name == "ESP32":
            return {
                0x40001000: 0x00F01D83,  # the ROM's word by which esptool tells the chip
                0x3FF5A004: low,
                0x3FF5A008: high,
                0x3FF5A00C: 1 << 15 | 1 << 9,  # with the next two: ESP32-D0WD, revision 3
                0x3FF5A014: 1 << 20,
                0x3FF6607C: 1 << 31,
            }
        return {
            0x40001000: 0x1B31506F,
            0x60008844: low,
            0x60008848: high,
            0x60008850: 4 << 18,  # revision 0.4
        }


ESP32 = Chip(
    name="ESP32",
    bootloader_at=0x1000,
    image_id=0,
    tells_id=False,
    spi_base=0x3FF42000,
    spi_command=0x24,
    spi_answer=0x80,
    uart_clock_divider=0x3FF40014,
    pins=(*range(20), 21, 22, 23, 25, 26, 27, *range(32, 40)),
    input_only=(34, 35, 36, 37, 38, 39),
    adc_pins=(0, 2, 4, 12, 13, 14, 15, 25, 26, 27, *range(32, 40)),
    uarts=3,
    rom="ets Jul 29 2019 12:21:46\r\n\r\n",
    download="boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n",
    run="boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
    reset_words={
        "power on": "rst:0x1 (POWERON_RESET)",  # also the EN pin: this chip cannot tell them apart
        "reset": "rst:0xc (SW_CPU_RESET)",
        "watchdog": "rst:0xc (SW_CPU_RESET)",  # the task watchdog panics, and the panic restarts the CPU
    },
)

ESP32_C3 = Chip(
    name="ESP32-C3",
    bootloader_at=0x0,
    image_id=5,
    tells_id=True,
    spi_base=0x60002000,
    spi_command=0x20,
    spi_answer=0x58,
    uart_clock_divider=0x60000014,
    pins=(*range(11), 18, 19, 20, 21),
    input_only=(),
    adc_pins=(0, 1, 2, 3, 4, 5),
    uarts=2,
    rom="ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n",
    download="boot:0x4 (DOWNLOAD(USB/UART0/1))\r\nwaiting for download\r\n",
    run="boot:0xc (SPI_FAST_FLASH_BOOT)\r\n",
    reset_words={
        "power on": "rst:0x1 (POWERON)",
        "reset": "rst:0x3 (RTC_SW_SYS_RST)",
        "watchdog": "rst:0xc (RTC_SW_CPU_RST)",
    },
)

CHIPS: dict[ChipName, Chip] = {"esp32": ESP32, "esp32c3": ESP32_C3}

# machine.reset_cause(): MicroPython's ports/esp32/modmachine.c.
MICROPYTHON_CAUSES: dict[Cause, int] = {"power on": 1, "reset": 2, "watchdog": 3, "soft reset": 5}
