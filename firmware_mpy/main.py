"""The node's program: wires the objects of one node from its board and unit, and runs them.

    micropython main.py [FOLDER]

FOLDER (default: where main.py is) holds `unit.json`: name, and what differs from unit to unit.
`board.py` says what the hardware is. Safe state first: contactors are driven open before
anything else is set up.
"""

import json
import os
import random
import select
import sys
import time

import board

from gridnode.drivers.replay_meter import ReplayMeter
from gridnode.drivers.simulated_coil import SimulatedCoil
from gridnode.link.serial import SerialLink
from gridnode.metering.channel import Channel
from gridnode.metering.window import WindowMeter
from gridnode.node.node import Identity, Node
from gridnode.switching.contactor import Contactor
from gridnode.switching.interlock import InterlockGroup

STEP_MS = 10  # the longest wait between two steps


class Clock:
    """Milliseconds since boot that do not wrap; `now()` must be called at least every few days."""

    def __init__(self):
        self._ticks = time.ticks_ms()
        self._ms = 0

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
        if spec["safe"] != "open":
            raise ValueError("board %s: contactor %s: the safe state must be open" % (board.NAME, spec["name"]))
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


def make_channels(wanted: list) -> list:
    """The board's metered channels."""
    channels = []
    for spec in wanted:
        window = WindowMeter(
            board.SAMPLE_RATE_HZ,
            board.NOMINAL_FREQUENCY_HZ,
            spec["voltage_nv_per_count"],
            spec["current_na_per_count"],
            spec["clip_counts"],
        )
        channels.append(Channel(spec["name"], window))
    return channels


def make_meter(unit: dict, channels: list, coils: dict):
    """The driver that feeds the channels; so far the only one is the replayed home."""
    spec = board.METER
    if spec["driver"] != "replay":
        raise ValueError("board %s: no meter driver called %s" % (board.NAME, spec["driver"]))
    coil = coils[spec["heater_contactor"]]
    return ReplayMeter(
        unit["profile"],
        channels[0],
        channels[1],
        lambda: coil.closed,
        board.NOMINAL_VOLTAGE_MV,
        spec["heater_power_mw"],
        unit.get("speed", 1),
        unit.get("start_hour", 0),
    )


def make_node(folder: str, unit: dict, stream, now_ms: int) -> Node:
    """Everything of one node, wired; `stream` as link.SerialLink wants it."""
    coils = {spec["name"]: SimulatedCoil() for spec in board.CONTACTORS}
    contactors = make_contactors(board.CONTACTORS, coils, now_ms)
    channels = make_channels(board.CHANNELS)
    identity = Identity(unit["name"], board.NAME, count_boot(folder), "power on")
    return Node(
        identity,
        make_meter(unit, channels, coils),
        channels,
        contactors,
        SerialLink(stream),
        lambda: random.getrandbits(30),
        unit.get("interval_s", 60),
        unit.get("records", 256),
        max([spec["max_hold_s"] for spec in board.CONTACTORS]),
    )


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    with open(folder + "/unit.json") as file:
        unit = json.load(file)
    clock = Clock()
    random.seed(int.from_bytes(os.urandom(8), "big"))
    stream = open(unit["link_fd"], "r+b", buffering=0)  # noqa: SIM115 (open for the life of the node)
    node = make_node(folder, unit, stream, clock.now())
    poller = select.poll()
    poller.register(stream, select.POLLIN)
    while True:
        node.step(clock.now())
        poller.poll(STEP_MS)


if __name__ == "__main__":
    main()
