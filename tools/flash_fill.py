"""Runs under MicroPython: fills the journal of a node's file system so far that its next block begins another file.

    MICROPYPATH=firmware_mpy:.frozen micropython -X heapsize=32m tools/flash_fill.py IMAGE

IMAGE: a file that holds the file system, of blocks of 4096 and pages of 256 bytes; it is written into. Prints JSON:
the journal's `epoch`, its `next` sequence, and the `registers` (import, mWh) of both channels.
"""
# mypy: ignore-errors

import json
import sys

import vfs

from gridnode.node.block import SIZE
from gridnode.node.journal import Journal
from gridnode.wire import schema

SECTOR = 4096
EPOCH = 77
MINUTE = 60_000
ROOM = 60  # bytes left in the last block


class Disk:
    def __init__(self, image):
        self._image = image

    def readblocks(self, block, buffer, offset=0):
        at = block * SECTOR + offset
        buffer[:] = memoryview(self._image)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * SECTOR + offset
        self._image[at : at + len(buffer)] = buffer

    def ioctl(self, request, argument):
        if request == 6:
            self._image[argument * SECTOR : (argument + 1) * SECTOR] = b"\xff" * SECTOR
        return {4: len(self._image) // SECTOR, 5: SECTOR}.get(request, 0)


def fill(journal):
    """The registers, when the newest file is full and the block that is being filled nearly so."""
    registers = [0, 0]
    now_ms = 0
    while True:
        now_ms += MINUTE
        for index in range(2):
            registers[index] += 10_000 + now_ms // MINUTE * (7 + index) % 1000
            told = [schema.INTERVAL, 0, index, now_ms, MINUTE, registers[index], 0]
            journal.append(told + [600_000, 5, 6, 230_000, 8, 50_000, 0])
        if journal.must_save:
            journal.save(now_ms, [(register, 0, 0, 0) for register in registers])
            files = journal._segments
            if files.firsts and files.blocks(0) == 42 and journal._block.used > SIZE - 4 - ROOM:
                return registers


def run(path):
    with open(path, "rb") as file:
        image = bytearray(file.read())
    vfs.mount(vfs.VfsLfs2(Disk(image), progsize=256, readsize=256, lookahead=32), "/node")
    journal = Journal("/node/journal", 2, EPOCH, MINUTE)
    registers = fill(journal)
    vfs.umount("/node")
    with open(path, "wb") as file:
        file.write(image)
    print(json.dumps({"epoch": journal.epoch, "next": journal.next, "registers": registers}))


if __name__ == "__main__":
    run(sys.argv[1])
