"""Runs under MicroPython: fills a journal with a noisy home's minutes until it drops, on littlefs; prints JSON.

    MICROPYPATH=firmware_mpy:.frozen micropython -X heapsize=32m tools/flash_reach.py SECTORS PROGRAM_BYTES SEED

The home: standby, a refrigerator, a kettle, sun behind clouds that change every minute, a water heater on the second
channel. All of it has noise, and intervals end with a window of a mains whose frequency wanders. `days`: how far back
the journal reaches right after it has dropped its oldest file; `blocks`: of the file system that it takes then.
"""
# mypy: ignore-errors
# ruff: noqa: S311

import json
import os
import random
import sys

import vfs

from gridnode.node.journal import Journal
from gridnode.wire import schema

SECTOR = 4096
MINUTE = 60_000
SAVE_EVERY = 8  # minutes: what is in the journal is the same, and the test is shorter
LOADS_W = {"standby": 150, "refrigerator": 90, "kettle": 2000, "heater": 2000}


class Disk:
    """A flash of so many sectors."""

    def __init__(self, sectors):
        self._image = bytearray(b"\xff" * SECTOR * sectors)

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


def noise(width):
    """Nearly normal, with that standard deviation, around 0: four uniforms."""
    return sum([random.random() for _ in range(4)]) * width * 1.732 - width * 3.464


class Home:
    """`minute()` -> (end_ms, (import, export) mWh of the grid's register, import of the heater's)."""

    def __init__(self):
        self._on = {"standby": True, "refrigerator": False, "kettle": False, "heater": False}
        self._minute = 0
        self._off_mhz = 0.0
        self._end_us = 0
        self.grid = [0, 0]
        self.heater = 0

    def minute(self):
        self._minute += 1
        hour = self._minute / 60 % 24
        self._toggle("refrigerator", 25)
        self._on["kettle"] = random.random() < 1 / 60
        self._toggle("heater", 20)
        self._on["heater"] = self._on["heater"] and 6 < hour < 22
        sun = max(0, 3000 * (1 - ((hour - 13) / 6) ** 2)) * (0.4 + 0.6 * random.random())
        drawn = sum([LOADS_W[name] * self._on[name] for name in LOADS_W]) * (1 + noise(0.03))
        net_mwh = round((drawn - sun) * 1000 / 60)
        self.grid[net_mwh < 0] += abs(net_mwh)
        self.heater += round(2000 * self._on["heater"] * (1 + noise(0.03)) * 1000 / 60)
        return self._window_end()

    def _toggle(self, name, minutes):
        if random.random() < 1 / minutes:
            self._on[name] = not self._on[name]

    def _window_end(self):
        """Of the first window of ten cycles that ends when the minute is over."""
        self._off_mhz = 0.98 * self._off_mhz + noise(5)
        window_us = int(200_000 * 50_000 / (50_000 + self._off_mhz))
        due_us = self._minute * MINUTE * 1000
        self._end_us += -(-(due_us - self._end_us) // window_us) * window_us
        return self._end_us // 1000


def run(sectors, program_bytes):
    disk = Disk(sectors)
    arguments = {"progsize": program_bytes, "readsize": 32, "lookahead": 32}
    vfs.VfsLfs2.mkfs(disk, **arguments)
    vfs.mount(vfs.VfsLfs2(disk, **arguments), "/flash")
    free = os.statvfs("/flash")[3]
    journal = Journal("/flash/journal", 2, 77, MINUTE)
    home = Home()
    began_ms = 0
    minutes = 0
    while journal.oldest == 0:
        end_ms = home.minute()
        figures = [1000, 5, 6, 230_000, 8, 50_000, 0]
        lasted = end_ms - began_ms
        journal.append([schema.INTERVAL, 0, 0, end_ms, lasted] + home.grid + figures)
        journal.append([schema.INTERVAL, 0, 1, end_ms, lasted, home.heater, 0] + figures)
        began_ms = end_ms
        minutes += 1
        if minutes % SAVE_EVERY == 0:
            registers = [tuple(home.grid) + (0, 0), (home.heater, 0, 0, 0)]
            journal.save(end_ms, registers)
    days = (journal.next - journal.oldest) / 2 / 1440
    print(json.dumps({"days": days, "blocks": free - os.statvfs("/flash")[3], "dropped": journal.dropped}))


if __name__ == "__main__":
    random.seed(int(sys.argv[3]))
    run(int(sys.argv[1]), int(sys.argv[2]))
