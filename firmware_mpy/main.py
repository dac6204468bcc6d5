"""The node's program: wires the objects of one node from its board and unit, and runs them.

    micropython main.py [FOLDER]        on a microcontroller MicroPython runs it by itself; a Pi has python3 main.py

FOLDER (default: where main.py is) holds `unit.json`: name, and what differs from unit to unit. `board.py` says what
the hardware is. Safe state first: contactors are driven open before anything else is imported.
"""

import gc

if hasattr(gc, "threshold"):  # not under CPython
    gc.threshold(gc.mem_free() // 8)  # tidy up often while loading: a heap cut into bits has no room for the ring

import board

from gridnode.coils import make_coils

if __name__ == "__main__":
    COILS = make_coils(board)

import json
import os
import random
import select
import sys

try:
    from time import ticks_diff, ticks_ms, ticks_us
except ImportError:  # CPython
    from gridnode.drivers.cpython_time import ticks_diff, ticks_ms, ticks_us

from gridnode import VERSION
from gridnode.hardware import make_meter, make_panel, make_stream
from gridnode.link.serial import SerialLink
from gridnode.node.node import Identity, Node
from gridnode.switching.contactor import Contactor
from gridnode.switching.interlock import InterlockGroup

STEP_MS = 10  # the longest wait between two steps


class Clock:
    """Milliseconds that do not wrap, since the chip started (or, on an operating system, since the program did).

    `now()` must be called at least every few days.
    """

    def __init__(self, since_start: bool):
        self._ticks = ticks_ms()
        self._ms = self._ticks if since_start else 0

    def now(self) -> int:
        ticks = ticks_ms()
        self._ms += ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._ms


class Vitals:
    """Tells on the console, every so many seconds, what memory is free and how busy the program is."""

    def __init__(self, every_s: int):
        self._every_us = every_s * 1_000_000
        self._last = ticks_us()
        self._busy_us = self._passed_us = 0

    def stepped(self, began_us: int):
        """A step that began at `began_us` has ended."""
        now = ticks_us()
        self._busy_us += ticks_diff(now, began_us)
        self._passed_us += ticks_diff(now, self._last)
        self._last = now
        if self._passed_us >= self._every_us:
            busy = 1000 * self._busy_us // self._passed_us
            self._busy_us = self._passed_us = 0
            gc.collect()
            if hasattr(gc, "mem_free"):  # not under CPython
                print("heap free %d used %d busy %d" % (gc.mem_free(), gc.mem_alloc(), busy))
            else:
                print("busy %d" % busy)


def count_boot(folder: str) -> int:
    """The number of this boot, kept in a file that is replaced whole."""
    path = folder + "/boot_epoch"
    try:
        with open(path) as file:
            epoch = int(file.read()) + 1
    except (OSError, ValueError):
        epoch = 1
    with open(path + ".new", "w") as file:
        file.write(str(epoch))
    os.rename(path + ".new", path)
    return epoch


def make_contactors(wanted: list, coils: dict, now_ms: int) -> list:
    """The board's contactors, each driven to its safe state before the next one is made."""
    groups = {}
    contactors = []
    for spec in wanted:
        group = None
        if spec["interlock"]:
            group = groups.setdefault(spec["interlock"], InterlockGroup())
        contactor = Contactor(
            spec["name"],
            coils[spec["name"]],
            spec["min_on_s"] * 1000,
            spec["min_off_s"] * 1000,
            spec["max_hold_s"] * 1000,
            group.others_closed(spec["name"]) if group else None,
        )
        if group:
            group.join(contactor)
        contactor.boot(now_ms)
        contactors.append(contactor)
    return contactors


def make_node(unit: dict, identity: Identity, stream, meter, channels: list, contactors: list) -> Node:
    """The node of these parts; `stream` as link.SerialLink wants it."""
    return Node(
        identity,
        meter,
        channels,
        contactors,
        SerialLink(stream),
        lambda: random.getrandbits(30),
        unit.get("interval_s", 60),
        unit.get("records", 256),
        max([spec["max_hold_s"] for spec in board.CONTACTORS]),
    )


def run(folder: str, coils: dict, on_chip: bool, cause: str, feed):
    """The node, for ever; `feed` is called after each step."""
    clock = Clock(on_chip)
    with open(folder + "/unit.json") as file:
        unit = json.load(file)
    contactors = make_contactors(board.CONTACTORS, coils, clock.now())
    boots = count_boot(folder)
    # Two boots never share a journal's number, not even where a chip's chance is weak right after power-on.
    random.seed(int.from_bytes(os.urandom(4), "big") ^ boots)
    identity = Identity(unit["name"], board.NAME, boots, cause)
    stream = make_stream(board, unit)
    meter, channels = make_meter(board, unit, coils, clock.now)
    try:
        node = make_node(unit, identity, stream, meter, channels, contactors)
        who = (VERSION, unit["name"], board.NAME, cause)
        print("gridnexus %s node %s on %s, reset cause %s, contactors open" % who)
        vitals = Vitals(unit["report_heap_s"]) if "report_heap_s" in unit else None
        _loop(clock, node, make_panel(board, contactors), meter, stream, feed, vitals)
    finally:
        meter.close()


def _loop(clock, node, panel, meter, stream, feed, vitals):
    poller = select.poll()
    poller.register(getattr(stream, "pollable", stream), select.POLLIN)
    said = ""  # of the meter's fault
    gc.collect()
    if hasattr(gc, "threshold"):
        gc.threshold(-1)  # from now on when it is full: each time takes some 10 ms
    while True:
        began_us = ticks_us()
        now_ms = clock.now()
        node.step(now_ms)
        panel.step(now_ms)
        feed()
        if meter.fault != said:
            said = meter.fault
            print("gridnexus meter: %s" % (said or "works again"))
        if vitals:
            vitals.stepped(began_us)
        poller.poll(STEP_MS)


def main(coils: dict):
    """Run the node. However it ends, the contactors are open."""
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    watchdog = None
    cause = "power on"
    if board.WATCHDOG_MS is not None:
        from gridnode.drivers.chip import Watchdog, reset_cause

        cause = reset_cause(board.MCU)
        watchdog = Watchdog(board.MCU, board.WATCHDOG_MS)
    if board.MCU == "linux":  # a service that is stopped leaves as someone does who breaks in
        import signal

        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(folder, coils, watchdog is not None, cause, watchdog.feed if watchdog else int)
    except KeyboardInterrupt:  # someone is working on the node
        if watchdog:
            watchdog.release()
        print("gridnexus node stopped, contactors open")
    finally:
        for coil in coils.values():
            coil(False)


if __name__ == "__main__":
    main(COILS)
