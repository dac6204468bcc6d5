"""Firmware images made here: whole ones that no board runs, and broken ones."""

import hashlib
import struct
from pathlib import Path

from tools import uf2
from tools.images import Image


def uf2_image(program: bytes = bytes(range(256)) * 64) -> bytes:
    """UF2 for an RP2040, of `program` at flash's first byte."""
    return uf2.pack([(0, program)])


def esp32_image(chip_id: int = 0, base: int = 0x1000, app_bytes: int = 0x1F0000) -> bytes:
    """A merged image as MicroPython's: bootloader, partition table, application, each with its checksum."""
    flash = bytearray(b"\xff" * 0x12000)
    program = _program(chip_id)
    flash[base : base + len(program)] = program
    table = _partition(0, 0, 0x10000, app_bytes, b"factory")
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    flash[0x8000 : 0x8000 + len(table)] = table
    flash[0x10000 : 0x10000 + len(program)] = program
    return bytes(flash[base:])


def _partition(kind: int, subtype: int, offset: int, size: int, name: bytes) -> bytes:
    return struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, name, 0)


def _program(chip_id: int) -> bytes:
    """One segment; ESP-IDF, "App Image Format"."""
    body = b"no program at all".ljust(256, b".")
    head = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080000)
    head += bytes([0xEE, 0, 0, 0]) + struct.pack("<H", chip_id) + bytes(9) + b"\x01"
    program = head + struct.pack("<II", 0x40080000, len(body)) + body
    checksum = 0xEF
    for octet in body:
        checksum ^= octet
    program += bytes(15 - len(program) % 16) + bytes([checksum])
    return program + hashlib.sha256(program).digest()


def kept(folder: Path, name: str, content: bytes) -> Image:
    """`content` as tools.images gives it."""
    path = folder / f"{name}.image"
    path.write_bytes(content)
    kind = "uf2" if name.startswith("RPI") else "bin"
    return Image(name, "1.2.3", path, hashlib.sha256(content).hexdigest(), "made in a test", kind)
