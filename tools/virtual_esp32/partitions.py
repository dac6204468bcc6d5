"""The partition table of an ESP32's flash (ESP-IDF, "Partition Tables": binary format)."""

import hashlib
import struct
from dataclasses import dataclass

TABLE_AT, TABLE_SIZE = 0x8000, 0xC00
_ENTRY, _MAGIC, _MD5_MAGIC = 32, 0x50AA, b"\xeb\xeb" + b"\xff" * 14
APP, BYTES = 0, struct.Struct("<HBBII16sI")


class PartitionError(ValueError):
    """The table is damaged; the text is what ESP-IDF's bootloader says."""


@dataclass(frozen=True)
class Partition:
    """One entry. Offset and size in bytes; kind 0: an app, 1: data."""

    label: str
    kind: int
    subkind: int
    at: int
    size: int

    @property
    def end(self) -> int:
        return self.at + self.size


def parse(table: bytes, flash_size: int) -> list[Partition]:
    """The partitions of a table of TABLE_SIZE bytes. Raises PartitionError."""
    found: list[Partition] = []
    for at in range(0, len(table), _ENTRY):
        entry = table[at : at + _ENTRY]
        if entry == b"\xff" * _ENTRY:
            break
        if entry.startswith(_MD5_MAGIC):
            if hashlib.md5(table[:at], usedforsecurity=False).digest() != entry[16:]:
                raise PartitionError("flash_parts: partition table MD5 mismatch")
            break
        found.append(_entry(len(found), entry, flash_size))
    if not found:
        raise PartitionError("flash_parts: no partitions in the table")
    return found


def _entry(number: int, entry: bytes, flash_size: int) -> Partition:
    magic, kind, subkind, at, size, label, _flags = BYTES.unpack(entry)
    if magic != _MAGIC:
        raise PartitionError(f"flash_parts: partition {number} invalid magic number 0x{magic:x}")
    if at + size > flash_size:
        raise PartitionError(
            f"flash_parts: partition {number} invalid - offset 0x{at:x} size 0x{size:x} "
            f"exceeds flash chip size 0x{flash_size:x}"
        )
    return Partition(label.rstrip(b"\0").decode("latin-1"), kind, subkind, at, size)


def filesystem(partitions: list[Partition], flash_size: int) -> tuple[int, int]:
    """(offset, size) of MicroPython's filesystem: the partition "vfs", else what follows the last one.

    Raises PartitionError when nothing is left.
    """
    for partition in partitions:
        if partition.label == "vfs":
            return partition.at, partition.size
    at = -(-max(partition.end for partition in partitions) // 4096) * 4096
    if at >= flash_size:
        raise PartitionError(f"no room for a filesystem behind the last partition, which ends at 0x{at:x}")
    return at, flash_size - at
