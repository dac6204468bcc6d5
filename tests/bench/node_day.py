"""Runs under MicroPython: the node program of boards/unix for a simulated day, flat out; prints what it counted.

micropython node_day.py FOLDER HOURS     (FOLDER has unit.json, as for main.py; nobody reads the node's line)

A line of JSON for each hour: its number; the last one: see `_counted`. Each hour a person has the water heater on for
as long as a lease may be, so that loads vary and records of it come between the intervals.
"""

import json
import sys

import board

from gridnode.assemble import add_rest, make_journal, make_node
from gridnode.coils import make_coils
from gridnode.meters import make_meter

STEP_MS = 50  # a real node steps each 7 ms: the same samples in smaller pieces
HOUR_MS = 3_600_000
HOLD_MS = 900_000


class Clock:
    """Node time, which stands still until it is set."""

    now_ms = 0

    def now(self) -> int:
        return self.now_ms


def make(folder: str, clock: Clock) -> tuple:
    """(node, channels, journal), as gridnode.start makes them."""
    with open(folder + "/unit.json") as file:
        unit = json.load(file)
    coils = make_coils(board)
    meter, channels = make_meter(board, unit, coils, clock.now)
    journal = make_journal(board, unit, folder, channels)
    node, _ = make_node(board, unit, folder, coils, meter, channels, journal, "power on", int, clock.now)
    add_rest(board, folder, node, meter, channels, clock.now())
    return node, channels, journal


def run(folder: str, hours: int):
    clock = Clock()
    node, channels, journal = make(folder, clock)
    end_ms = hours * HOUR_MS + 1000  # behind the last window of the last interval
    for now_ms in range(0, end_ms, STEP_MS):
        clock.now_ms = now_ms
        node.step(now_ms)
        if now_ms % HOUR_MS == HOUR_MS // 2:
            node.contactors[0].request("closed", HOLD_MS, now_ms)
        elif now_ms % HOUR_MS == 0 and now_ms:
            print(json.dumps({"hour": now_ms // HOUR_MS}))
    print(json.dumps(_counted(channels, journal)))


def _counted(channels, journal) -> dict:
    grid, heater = channels
    return {
        "end_ms": grid.end_us // 1000,
        "energy_import_mwh": grid.energy.import_mwh,
        "energy_export_mwh": grid.energy.export_mwh,
        "heater_mwh": heater.energy.import_mwh,
        "saves": journal.saves,
        "records": journal.next,
    }


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
