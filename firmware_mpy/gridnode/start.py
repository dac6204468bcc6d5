"""main.py's program: wires the objects of one node from its board and unit, runs them, and owns the watchdog.

A module of its own because a microcontroller compiles main.py at each start, and loads this one compiled.
"""

import gc
import json
import select
import sys

try:
    from time import ticks_diff, ticks_ms, ticks_us
except ImportError:  # CPython
    from gridnode.drivers.cpython_time import ticks_diff, ticks_ms, ticks_us

from gridnode import VERSION

SMALL_HEAP = 170_000  # bytes free before all is loaded: an ESP32 without PSRAM has less, an RP2040 more
LOADED_BYTES = 16_000
REST_AFTER_MS = 2000  # without a host that has had its first reading
STEP_MS = 7  # the longest wait between two steps


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

    def go_on(self, from_ms: int):
        """Add the time of former boots."""
        self._ms += from_ms


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


def run(folder: str, coils: dict, on_chip: bool, cause: str, feed):
    """The node, for ever; `feed` is called after each step."""
    import board

    clock = Clock(on_chip)
    with open(folder + "/unit.json") as file:
        unit = json.load(file)
    if board.METER is None:
        from gridnode.gateway import run as run_gateway

        run_gateway(board, unit, clock.now, feed)
    from gridnode.meters import make_meter

    meter, channels = make_meter(board, unit, coils, clock.now)
    try:
        # From here on the converter samples, while the rest is loaded.
        from gridnode.assemble import add_rest, make_journal, make_node

        journal = make_journal(board, unit, folder, channels)
        clock.go_on(journal.boot_time_ms)

        def pump():
            meter.pump((clock.now() - journal.boot_time_ms) * 1000)

        pump()
        node, stream = make_node(board, unit, folder, coils, meter, channels, journal, cause, pump, clock.now)
        print(
            "gridnexus %s node %s on %s, reset cause %s, contactors open" % (VERSION, unit["name"], board.NAME, cause)
        )
        del make_meter, make_journal, make_node, pump
        vitals = Vitals(unit["report_heap_s"]) if "report_heap_s" in unit else None
        rest_ms = clock.now() + REST_AFTER_MS
        _loop(clock, node, None, meter, stream, feed, None, lambda now_ms: node.settled or now_ms >= rest_ms)
        panel = add_rest(board, folder, node, meter, channels, clock.now())
        del add_rest, board, unit
        _forget("assemble", "hardware", "meters", "coils", "node.keys", "radios")
        _loop(clock, node, panel, meter, stream, feed, vitals, _never)
    finally:
        meter.close()


def _forget(*names):
    """What was needed to make the node gives its memory back."""
    sys.modules.pop("board")
    for name in names:
        package, _, module = ("gridnode." + name).rpartition(".")
        sys.modules.pop("gridnode." + name, None)
        if hasattr(sys.modules[package], module):
            delattr(sys.modules[package], module)


def _never(now_ms) -> bool:
    return False


def _loop(clock, node, panel, meter, stream, feed, vitals, until):
    rest = getattr(stream, "rest", None)  # of a radio that has something to do meanwhile
    if not rest:
        poller = select.poll()
        rest = poller.poll
        if stream:
            poller.register(getattr(stream, "pollable", stream), select.POLLIN)
    said = ""  # of the meter's fault
    gc.collect()
    if hasattr(gc, "threshold"):
        gc.threshold(-1)  # from now on when it is full: each time takes some 10 ms
    now_ms = clock.now()
    while not until(now_ms):
        began_us = ticks_us()
        now_ms = clock.now()
        node.step(now_ms)
        if panel:
            panel.step(now_ms)
        feed()
        if meter.fault != said:
            said = meter.fault
            print("gridnexus meter: %s" % (said or "works again"))
        if vitals:
            vitals.stepped(began_us)
        rest(STEP_MS)


def _watch() -> tuple:
    """(the watchdog, None where the board has none; why the chip has started)."""
    import board

    if board.MCU == "linux":  # a service that is stopped leaves as someone does who breaks in
        import signal

        signal.signal(signal.SIGTERM, signal.default_int_handler)
    if board.WATCHDOG_MS is None:
        return None, "power on"
    from gridnode.drivers.chip import Watchdog, reset_cause

    cause = reset_cause(board.MCU)
    return Watchdog(board.MCU, board.WATCHDOG_MS), cause


def main(coils: dict):
    """Run the node. However it ends, the contactors are open."""
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    watchdog, cause = _watch()
    if hasattr(gc, "threshold") and gc.mem_free() < SMALL_HEAP:
        gc.threshold(LOADED_BYTES)  # what loading leaves lies low: room in one piece for a world that comes later
    try:
        run(folder, coils, watchdog is not None, cause, watchdog.feed if watchdog else int)
    except KeyboardInterrupt:  # someone is working on the node
        if watchdog:
            watchdog.release()
        print("gridnexus node stopped, contactors open")
    finally:
        for coil in coils.values():
            coil(False)
