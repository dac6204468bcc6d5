"""UF2 files for the RP2040: read and check one, write one.

Layout of a block: microsoft/uf2, README.md, "File format"; family of the RP2040: its utils/uf2families.json.
"""

import struct
from collections.abc import Iterator

BLOCK = 512
PAYLOAD = 256  # the RP2040's boot ROM takes pages of flash (RP2040 datasheet, 2.8.4.2)
RP2040 = 0xE48BFF56
FLASH = 0x10000000  # where the RP2040 sees its flash
_HEAD = struct.Struct("<8I")
_MAGICS = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_HAS_FAMILY = 0x2000


class Uf2Error(RuntimeError):
    """Not a whole UF2 file for the RP2040; the text says what is wrong."""


def unpack(content: bytes) -> bytes:
    """What the file puts into flash, from offset 0 to its last byte; gaps are erased (0xFF). Raises Uf2Error."""
    if not content or len(content) % BLOCK:
        raise Uf2Error(f"{len(content)} bytes are not whole blocks of {BLOCK}: the file is cut short")
    flash = bytearray()
    for offset, payload in _blocks(content):
        end = offset + len(payload)
        flash.extend(b"\xff" * (end - len(flash)))
        flash[offset:end] = payload
    return bytes(flash)


def _blocks(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset in flash, payload) of each block."""
    count = len(content) // BLOCK
    for number in range(count):
        block = content[number * BLOCK : (number + 1) * BLOCK]
        magic_0, magic_1, flags, address, size, index, total, family = _HEAD.unpack_from(block)
        if (magic_0, magic_1) != _MAGICS or block[-4:] != _END.to_bytes(4, "little"):
            raise Uf2Error(f"block {number} does not bear UF2's marks: the file is damaged or is not UF2")
        if (index, total) != (number, count):
            raise Uf2Error(f"block {number} says that it is {index} of {total}, the file has {count}: it is cut short")
        if not flags & _HAS_FAMILY or family != RP2040:
            raise Uf2Error(f"block {number} is for another chip (family 0x{family:08x}, not RP2040's 0x{RP2040:08x})")
        if size != PAYLOAD or address % PAYLOAD or not FLASH <= address < FLASH + (16 << 20):
            raise Uf2Error(f"block {number} is no page of the RP2040's flash (address 0x{address:08x}, {size} bytes)")
        yield address - FLASH, block[_HEAD.size : _HEAD.size + PAYLOAD]


def pack(parts: list[tuple[int, bytes]]) -> bytes:
    """A UF2 file that puts each part at its offset in flash, the last page filled up as erased flash is."""
    pages = [
        (offset + at, content[at : at + PAYLOAD].ljust(PAYLOAD, b"\xff"))
        for offset, content in parts
        for at in range(0, len(content), PAYLOAD)
    ]
    blocks = []
    for number, (offset, page) in enumerate(pages):
        head = _HEAD.pack(*_MAGICS, _HAS_FAMILY, FLASH + offset, PAYLOAD, number, len(pages), RP2040)
        blocks.append((head + page).ljust(BLOCK - 4, b"\0") + _END.to_bytes(4, "little"))
    return b"".join(blocks)
