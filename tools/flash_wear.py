"""Runs under MicroPython: what a day of saves costs a flash, counted on littlefs over a flash in memory; prints JSON.

    MICROPYPATH=firmware_mpy:.frozen micropython tools/flash_wear.py SECTORS PROGRAM_BYTES

As a node does it: two channels, an interval each minute, a save each minute. With the journal full, so that a file is
removed for each that is begun.
"""
# mypy: ignore-errors
# ruff: noqa: S311

import json
import random
import sys

import vfs

from gridnode.node.journal import Journal
from gridnode.wire import schema

SECTOR = 4096
DAY = 1440  # minutes
FULL = 2  # files, of as many blocks as a real one's: old enough for the oldest to go


class CountingDisk:
    """A flash of `sectors`; counts `erases` of each of them and the bytes `programmed`."""

    def __init__(self, sectors: int):
        self._image = bytearray(b"\xff" * SECTOR * sectors)
        self.erases = [0] * sectors
        self.programs = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * SECTOR + offset
        buffer[:] = memoryview(self._image)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * SECTOR + offset
        self._image[at : at + len(buffer)] = buffer
        self.programs += 1

    def ioctl(self, request, argument):
        if request == 4:
            return len(self._image) // SECTOR
        if request == 5:
            return SECTOR
        if request == 6:
            at = argument * SECTOR
            self._image[at : at + SECTOR] = b"\xff" * SECTOR
            self.erases[argument] += 1
        return 0


def minute(journal, now_ms, registers):
    for index in range(2):
        registers[index] += random.choice((3_000, 33_000)) + random.getrandbits(9)
        figures = [60_000, 5, 6, 230_000, 8, 50_000, 0]
        journal.append([schema.INTERVAL, 0, index, now_ms, 60_000, registers[index], 0] + figures)
    journal.save(now_ms, [(register, 0, random.getrandbits(30), 0) for register in registers])


def run(sectors: int, program_bytes: int):
    random.seed(7)
    disk = CountingDisk(sectors)
    arguments = {"progsize": program_bytes, "readsize": 32, "lookahead": 32}
    vfs.VfsLfs2.mkfs(disk, **arguments)
    vfs.mount(vfs.VfsLfs2(disk, **arguments), "/flash")
    journal = Journal("/flash/journal", 2, 77, 60_000, most=FULL)
    registers = [0, 0]
    now_ms = 0
    while journal.oldest == 0:
        now_ms += 60_000
        minute(journal, now_ms, registers)
    erased, programmed = sum(disk.erases), disk.programs
    for _ in range(DAY):
        now_ms += 60_000
        minute(journal, now_ms, registers)
    print(
        json.dumps(
            {
                "saves": DAY,
                "erases": sum(disk.erases) - erased,
                "programs": disk.programs - programmed,
                "most_erased": max(disk.erases),
                "erased_sectors": sum([count > 0 for count in disk.erases]),
            }
        )
    )


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
