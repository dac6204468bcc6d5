"""One block of the journal: as many records as fit, readable without any other block.

Head: magic, channels, records (16 bits), first sequence (32), then in groups of 7 bits the node time (in 4 ms) and the
registers that its records count from. Then entries (see wire.bits), zeros, and a CRC-32 over all. Little-endian.
"""

import struct
from binascii import crc32

from gridnode.wire.block import CHANNELS_MAX, Block, put_varint, varint

SIZE = 384  # with what a Journal of three channels saves beside it: 512 bytes (see node.pair)
_MAGIC = 0xB7
_HEAD_BYTES = 8
_ROOM = SIZE - 4  # for all but the CRC
_TICK_MS = 4


def make_block():
    """An empty wire.block.Block of this layout."""
    return Block(_ROOM, _TICK_MS, _put_head, _get_head, 4)


def _put_head(block) -> int:
    struct.pack_into("<BBHI", block.content, 0, _MAGIC, block.channels, 0, block.first & 0xFFFFFFFF)
    at = put_varint(block.content, _HEAD_BYTES, block.time_ms // _TICK_MS)
    for register in block.registers_before:
        at = put_varint(block.content, at, register)
    return at


def _get_head(block) -> int:
    magic, channels, count, first = struct.unpack_from("<BBHI", block.content, 0)
    if magic != _MAGIC or not 0 < channels <= CHANNELS_MAX:
        return 0
    block.channels, block.count, block.first = channels, count, first
    time, at = varint(block.content, _HEAD_BYTES)
    block.time_ms = time * _TICK_MS
    block.registers_before = []
    for _ in range(2 * channels):
        register, at = varint(block.content, at)
        block.registers_before.append(register)
    return at


def note_count(block):
    """Bring its head up to date: `content` can be kept as it is."""
    struct.pack_into("<H", block.content, 2, block.count)


def seal(block):
    """Bring head and CRC up to date: `content[:SIZE]` is ready for flash."""
    note_count(block)
    struct.pack_into("<I", block.content, _ROOM, crc32(memoryview(block.content)[:_ROOM]) & 0xFFFFFFFF)


def is_whole(block) -> bool:
    """Whether `content` has the CRC of a block."""
    (check,) = struct.unpack_from("<I", block.content, _ROOM)
    return check == crc32(memoryview(block.content)[:_ROOM]) & 0xFFFFFFFF
