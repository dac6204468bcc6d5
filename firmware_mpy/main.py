"""The node's program: wires the objects of one node from its board and unit, and runs them.

    micropython main.py [FOLDER]        on a microcontroller MicroPython runs it by itself

FOLDER (default: where main.py is) holds `unit.json`: name, and what differs from unit to unit.
`board.py` says what the hardware is. Safe state first: contactors are driven open before
anything else is imported. Only the drivers that the board names are loaded.
"""

import board


def make_coils(wanted: list) -> dict:
    """The board's coils by name, each open from the moment it is made."""
    coils = {}
    for spec in wanted:
        if spec["safe"] != "open":
            raise ValueError("board %s: contactor %s: the safe state must be open" % (board.NAME, spec["name"]))
        coils[spec["name"]] = _coil(spec)
    return coils


def _coil(spec: dict):
    driver = spec["driver"]
    if driver == "relay":
        from gridnode.drivers.relay import Relay

        return Relay(spec["pin"], spec["closed_level"])
    if driver == "gpiod":
        from gridnode.drivers.gpiod_relay import open_relay

        return open_relay(spec["chip"], spec["pin"], spec["closed_level"])
    if driver == "simulated":
        from gridnode.drivers.simulated_coil import SimulatedCoil

        return SimulatedCoil()
    raise ValueError("board %s: no coil driver called %s" % (board.NAME, driver))


if __name__ == "__main__":
    COILS = make_coils(board.CONTACTORS)

import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import select  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

from gridnode import VERSION  # noqa: E402
from gridnode.link.serial import SerialLink  # noqa: E402
from gridnode.metering.channel import Channel  # noqa: E402
from gridnode.node.node import Identity, Node  # noqa: E402
from gridnode.node.panel import Panel  # noqa: E402
from gridnode.switching.contactor import Contactor  # noqa: E402
from gridnode.switching.interlock import InterlockGroup  # noqa: E402

STEP_MS = 10  # the longest wait between two steps


class Clock:
    """Milliseconds that do not wrap, since the chip started (or, on an operating system, since the program did).

    `now()` must be called at least every few days.
    """

    def __init__(self, since_start: bool):
        self._ticks = time.ticks_ms()
        self._ms = self._ticks if since_start else 0

    def now(self) -> int:
        ticks = time.ticks_ms()
        self._ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._ms


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


def make_channels(wanted: list, steps: int = 1, gains: "list | None" = None) -> list:
    """The board's channels metered from samples, which come in 1 / `steps` of a count; `gains`: of their voltages."""
    from gridnode.metering.window import WindowMeter

    channels = []
    for spec, gain in zip(wanted, gains or [1] * len(wanted)):
        window = WindowMeter(
            board.SAMPLE_RATE_HZ,
            board.NOMINAL_FREQUENCY_HZ,
            int(spec["voltage_nv_per_count"] / gain) // steps,
            spec["current_na_per_count"] // steps,
            spec["clip_counts"] * steps,
        )
        channels.append(Channel(spec["name"], window))
    return channels


def make_meter(unit: dict, coils: dict, now_us: int) -> tuple:
    """(the driver that measures, the channels it feeds)."""
    spec = board.METER
    if spec["driver"] == "replay":
        return _replay(spec, unit, coils)
    if spec["driver"] == "rp2040_adc":
        from gridnode.drivers.rp2040_adc import Rp2040Adc, steps, voltage_gain

        rate_hz, currents = board.SAMPLE_RATE_HZ, len(board.CHANNELS)
        gains = [voltage_gain(slot, currents, rate_hz, board.NOMINAL_FREQUENCY_HZ) for slot in range(1, currents + 1)]
        channels = make_channels(board.CHANNELS, steps(currents), gains)
        pins = [wanted["pin"] for wanted in board.CHANNELS]
        return Rp2040Adc(channels, pins, spec["voltage_pin"], rate_hz, now_us), channels
    raise ValueError("board %s: no meter driver called %s" % (board.NAME, spec["driver"]))


def _replay(spec: dict, unit: dict, coils: dict) -> tuple:
    from gridnode.drivers.replay_meter import ReplayMeter

    channels = make_channels(board.CHANNELS)
    coil = coils[spec["heater_contactor"]]
    meter = ReplayMeter(
        unit["profile"],
        channels[0],
        channels[1],
        lambda: coil.closed,
        board.NOMINAL_VOLTAGE_MV,
        spec["heater_power_mw"],
        unit.get("speed", 1),
        unit.get("start_hour", 0),
    )
    return meter, channels


def make_stream(unit: dict):
    """The board's line to the Pi, as link.SerialLink wants it."""
    spec = board.LINK
    if spec["driver"] == "fd":
        return open(unit["link_fd"], "r+b", buffering=0)
    if spec["driver"] == "uart":
        from gridnode.drivers.uart import UartStream

        return UartStream(spec["id"], spec["baud"], spec["tx"], spec["rx"])
    raise ValueError("board %s: no link driver called %s" % (board.NAME, spec["driver"]))


def make_node(folder: str, unit: dict, stream, coils: dict, contactors: list, cause: str, now_ms: int) -> Node:
    """Everything of one node, wired; `stream` as link.SerialLink wants it."""
    meter, channels = make_meter(unit, coils, now_ms * 1000)
    return Node(
        Identity(unit["name"], board.NAME, count_boot(folder), cause),
        meter,
        channels,
        contactors,
        SerialLink(stream),
        lambda: random.getrandbits(30),
        unit.get("interval_s", 60),
        unit.get("records", 256),
        max([spec["max_hold_s"] for spec in board.CONTACTORS]),
    )


def make_panel(contactors: list) -> Panel:
    """The board's button and lamp, where it has them."""
    button = lamp = None
    if board.BUTTON or board.LED:
        from gridnode.drivers.panel import Button, Lamp

        button = Button(board.BUTTON["pin"], board.BUTTON["pressed_level"]) if board.BUTTON else None
        lamp = Lamp(board.LED["pin"], board.LED["lit_level"]) if board.LED else None
    return Panel(contactors, button, lamp)


class Vitals:
    """Tells on the console, every so many seconds, what memory is free and how busy the program is."""

    def __init__(self, every_s: int):
        self._every_us = every_s * 1_000_000
        self._begin = self._last = time.ticks_us()
        self._busy_us = self._passed_us = 0

    def stepped(self, began_us: int):
        """A step that began at `began_us` (time.ticks_us) has ended."""
        now = time.ticks_us()
        self._busy_us += time.ticks_diff(now, began_us)
        self._passed_us += time.ticks_diff(now, self._last)
        self._last = now
        if self._passed_us >= self._every_us:
            gc.collect()
            busy = 1000 * self._busy_us // self._passed_us
            print("heap free %d used %d busy %d" % (gc.mem_free(), gc.mem_alloc(), busy))
            self._busy_us = self._passed_us = 0


def run(folder: str, coils: dict, on_chip: bool, cause: str, feed):
    """The node, for ever; `feed` is called after each step."""
    clock = Clock(on_chip)
    with open(folder + "/unit.json") as file:
        unit = json.load(file)
    random.seed(int.from_bytes(os.urandom(8), "big"))
    stream = make_stream(unit)
    contactors = make_contactors(board.CONTACTORS, coils, clock.now())
    node = make_node(folder, unit, stream, coils, contactors, cause, clock.now())
    panel = make_panel(contactors)
    print("gridnexus %s node %s on %s, reset cause %s, contactors open" % (VERSION, unit["name"], board.NAME, cause))
    vitals = Vitals(unit["report_heap_s"]) if "report_heap_s" in unit else None
    poller = select.poll()
    poller.register(getattr(stream, "pollable", stream), select.POLLIN)
    gc.collect()
    while True:
        began_us = time.ticks_us()
        now_ms = clock.now()
        node.step(now_ms)
        panel.step(now_ms)
        feed()
        if vitals:
            vitals.stepped(began_us)
        poller.poll(STEP_MS)


def main(coils: dict):
    """Run the node. However it ends, the contactors are open."""
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    watchdog = None
    cause = "power on"
    on_chip = board.WATCHDOG_MS is not None
    if on_chip:
        from gridnode.drivers.chip import Watchdog, reset_cause

        cause = reset_cause(board.MCU)
        watchdog = Watchdog(board.MCU, board.WATCHDOG_MS)
    try:
        run(folder, coils, on_chip, cause, watchdog.feed if watchdog else int)
    except KeyboardInterrupt:  # someone is working on the node
        if watchdog:
            watchdog.release()
        print("gridnexus node stopped, contactors open")
    finally:
        for coil in coils.values():
            coil(False)


if __name__ == "__main__":
    main(COILS)
