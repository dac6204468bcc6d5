"""An ESP32 image (bootloader or app) in flash: its segments, and whether it is whole.

Source: esptool's documentation, "Firmware Image Format"; the text of faults is that of ESP-IDF's esp_image.
"""

import hashlib
import re
import struct
from dataclasses import dataclass

from tools.virtual_esp32.flash import Flash, FlashError

_MAGIC, _HEADER, _CHECKSUM_SEED = 0xE9, 24, 0xEF
_MICROPYTHON = re.compile(rb"MicroPython (v[^\s\0]{1,40}) on ")  # its banner, among an app's constants


class ImageFault(ValueError):
    """The image is not whole; the text is what the bootloader says."""


@dataclass(frozen=True)
class Image:
    """Where its segments are loaded to, its entry point, the chip it is for, and MicroPython's version if it is one."""

    segments: tuple[tuple[int, int], ...]  # (address, bytes)
    entry: int
    chip_id: int
    micropython: str


def xor(content: bytes) -> int:
    """All bytes in exclusive or; folded in halves, for a loop over a megabyte takes a second."""
    while len(content) > 1:
        half = -(-len(content) // 2)
        folded = int.from_bytes(content[:half], "little") ^ int.from_bytes(content[half:], "little")
        content = folded.to_bytes(half, "little")
    return content[0] if content else 0


def read(flash: Flash, at: int, end: int) -> Image:
    """The image at `at`, which may reach to `end`. Raises ImageFault."""
    try:
        return _read(flash, at, min(end, flash.size))
    except (FlashError, struct.error):
        raise ImageFault(f"esp_image: image at 0x{at:x} is cut short") from None


def _read(flash: Flash, at: int, end: int) -> Image:
    header = flash.read(at, _HEADER)
    magic, count, _mode, _size, entry, _pins, chip_id = struct.unpack_from("<BBBBI4sH", header)
    if magic != _MAGIC:
        raise ImageFault(f"esp_image: image at 0x{at:x} has invalid magic byte (nothing flashed here?)")
    position, check, segments, version = at + _HEADER, _CHECKSUM_SEED, [], ""
    for _ in range(count):
        address, size = struct.unpack("<II", flash.read(position, 8))
        if position + 8 + size > end:
            raise ImageFault(f"esp_image: segment at 0x{position:x} of 0x{size:x} bytes leaves the partition")
        content = flash.read(position + 8, size)
        named = _MICROPYTHON.search(content)
        version = version or (named[1].decode("latin-1") if named else "")
        check ^= xor(content)
        segments.append((address, size))
        position += 8 + size
    position = position // 16 * 16 + 15  # the checksum is the last byte of a block of 16
    _check(flash, at, position, check, bool(header[23]))
    return Image(tuple(segments), entry, chip_id, version)


def _check(flash: Flash, at: int, position: int, check: int, hashed: bool) -> None:
    stored = flash.read(position, 1)[0]
    if stored != check:
        raise ImageFault(f"esp_image: Checksum failed. Calculated 0x{check:x} read 0x{stored:x}")
    if hashed:
        counted = hashlib.sha256(flash.read(at, position + 1 - at)).digest()
        if counted != flash.read(position + 1, 32):
            raise ImageFault("esp_image: Image hash failed - image is corrupt")
