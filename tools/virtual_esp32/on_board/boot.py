"""What runs first on the virtual ESP32 board: the flash becomes the filesystem's root, then boot.py and main.py run.

As MicroPython's ports/esp32/modules/_boot.py, inisetup.py and main.c do on the chip. Runs under MicroPython.
"""
# mypy: ignore-errors
# ruff: noqa: B905, S102, SIM115

import gc
import os
import sys
import time

import machine  # the one beside this file: the chip's own is not in the unix port
import vfs

ERASED = b"\xff" * 64
BARE = 1024  # bytes that MicroPython itself has on the heap before it runs anything


class Partition:
    """The filesystem's part of the flash as a block device: NOR memory, so programming only clears bits."""

    BLOCK = 4096

    def __init__(self, path, at, size):
        self._file = open(path, "r+b", buffering=0)
        self._at, self._blocks = at, size // self.BLOCK

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(self._at + block * self.BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        at = self._at + block * self.BLOCK
        if offset is None:
            self.ioctl(6, block)
        else:
            at += offset
        self._file.seek(at)
        before = self._file.read(len(buffer))
        if before.count(b"\xff") != len(before):
            buffer = bytes([old & new for old, new in zip(before, buffer)])
        self._file.seek(at)
        self._file.write(buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self.BLOCK
        if operation == 6:
            self._file.seek(self._at + argument * self.BLOCK)
            for _ in range(self.BLOCK // len(ERASED)):  # the chip takes no memory of the heap for it
                self._file.write(ERASED)
        return 0


def mount(device):
    """The filesystem; made anew when the flash is empty there. One that is damaged is never written over."""
    try:
        return vfs.VfsLfs2(device, readsize=32, progsize=32, lookahead=32)
    except OSError:
        first = bytearray(Partition.BLOCK)
        device.readblocks(0, first)
    while bytes(first).count(b"\xff") != len(first):
        print(
            "The filesystem appears to be corrupted. If you had important data there, you\n"
            "may want to make a flash snapshot to try to recover it. Otherwise, perform\n"
            "factory reprogramming of MicroPython firmware (completely erase flash, followed\n"
            "by firmware programming).\n"
        )
        time.sleep(3)
    print("Performing initial setup")
    vfs.VfsLfs2.mkfs(device, readsize=32, progsize=32, lookahead=32)
    return vfs.VfsLfs2(device, readsize=32, progsize=32, lookahead=32)


def level_heap(wanted, given):
    """Ballast: leaves free what a heap of `wanted` bytes has free on a chip, where `machine` is not on the heap."""
    surplus = gc.mem_free() - ((gc.mem_free() + gc.mem_alloc()) * wanted // given - BARE)
    return bytearray(max(0, surplus))


def run(name):
    """A file of the root, if it is there. Whether MicroPython is to go on."""
    try:
        os.stat(name)
    except OSError:
        return True
    try:
        execfile(name, names)  # noqa: F821 (MicroPython's own: reads the file without keeping its text)
    except SystemExit:
        return False
    except BaseException as error:
        sys.print_exception(error)
    return True


names = {"__name__": "__main__"}
repl = open(machine.BOARD["repl"])  # both are opened now: their paths are gone with the next line
device = Partition(machine.BOARD["flash"], *machine.BOARD["filesystem"])
vfs.umount("/")
vfs.mount(mount(device), "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.argv[:] = []
gc.collect()
ballast = level_heap(*machine.BOARD["heap"])
raw = machine.BOARD["raw"]  # begin with the raw REPL, as after a soft reset from it: main.py does not run then
if run("boot.py") and (raw or run("main.py")):
    exec(repl.read(), {"__name__": "repl", "raw": raw, "names": names})
