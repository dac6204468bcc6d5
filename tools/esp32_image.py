"""Checks a merged MicroPython image for the ESP32 family, and finds the place behind its last partition.

Such an image holds the second-stage bootloader, the partition table at 0x8000 and the application, and is written
from the bootloader's place on (0x1000 on an ESP32, 0 on a C3). MicroPython keeps its file system from the end of
the last partition to the end of flash (ports/esp32/modules/flashbdev.py). Table: ESP-IDF, "Partition Tables".
"""

import hashlib
import struct

from esptool.bin_image import LoadFirmwareImage  # type: ignore[import-untyped]
from esptool.util import FatalError  # type: ignore[import-untyped]

BOOTLOADER_AT = {"esp32": 0x1000, "esp32c3": 0x0}
CHIP_ID = {"esp32": 0, "esp32c3": 5}  # ESP-IDF, esp_app_format.h, esp_chip_id_t
TABLE_AT = 0x8000
_ENTRY = struct.Struct("<2sBBII16sI")
_TABLE_BYTES = 0xC00
_APP = 0  # partition type


class Esp32ImageError(RuntimeError):
    """Not a whole image for this chip; the text says what is wrong."""


def check(image: bytes, chip: str) -> int:
    """The offset in flash at which the last partition ends. Raises Esp32ImageError."""
    base = BOOTLOADER_AT[chip]
    _check_program(image, chip, "bootloader")
    end = 0
    for kind, offset, size, name in _partitions(image[TABLE_AT - base : TABLE_AT - base + _TABLE_BYTES]):
        end = max(end, offset + size)
        if kind == _APP:
            _check_program(image[offset - base : offset - base + size], chip, f"partition {name}")
    return end


def _partitions(table: bytes) -> list[tuple[int, int, int, str]]:
    """(type, offset, size, name) of each."""
    found: list[tuple[int, int, int, str]] = []
    for at in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        magic, kind, _, offset, size, name, _ = _ENTRY.unpack_from(table, at)
        if magic == b"\xeb\xeb":
            if hashlib.md5(table[:at], usedforsecurity=False).digest() != table[at + 16 : at + 32]:
                raise Esp32ImageError("its partition table does not match the table's own checksum: it is damaged")
            return found
        if magic != b"\xaa\x50":
            break
        found.append((kind, offset, size, name.rstrip(b"\0").decode(errors="replace")))
    raise Esp32ImageError(f"it has no whole partition table at 0x{TABLE_AT:x}: it is cut short or no merged image")


def _check_program(program: bytes, chip: str, what: str) -> None:
    if len(program) < 24 or program[0] != 0xE9:
        raise Esp32ImageError(f"its {what} does not begin as an ESP32 program does: it is cut short or another file")
    found = int.from_bytes(program[12:14], "little")
    if found != CHIP_ID[chip]:
        raise Esp32ImageError(f"its {what} is for another chip (id {found}; {chip} has {CHIP_ID[chip]})")
    try:
        loaded = LoadFirmwareImage(chip, program)
    except (FatalError, struct.error) as error:
        raise Esp32ImageError(f"its {what} is cut short or damaged: {error}") from None
    if loaded.checksum != loaded.calculate_checksum() or loaded.stored_digest != loaded.calc_digest:
        raise Esp32ImageError(f"its {what} does not match its own checksum: it is damaged")
