"""Runs under MicroPython: the node program of boards/unix for ten simulated minutes, flat out; prints its heap.

micropython node_memory.py FOLDER     (FOLDER has unit.json, as for main.py)
"""

import gc
import json
import sys

import board

from gridnode.coils import make_coils
from gridnode.hardware import make_meter
from gridnode.node.node import Identity
from main import make_contactors, make_node

MINUTES = 10
STEP_MS = 10


class NoLine:
    """A serial line on which nobody listens: the worst case, as every record waits in the ring."""

    def readinto(self, buffer):
        return None

    def write(self, data):
        return len(data)


def live_bytes():
    gc.collect()
    return gc.mem_alloc()


def run(folder):
    with open(folder + "/unit.json") as file:
        unit = json.load(file)
    coils = make_coils(board)
    contactors = make_contactors(board.CONTACTORS, coils, 0)
    meter, channels = make_meter(board, unit, coils, int)
    node = make_node(unit, Identity(unit["name"], board.NAME, 1, "power on"), NoLine(), meter, channels, contactors)
    after = []
    for now_ms in range(0, (MINUTES + 1) * 60_000, STEP_MS):
        node.step(now_ms)
        if now_ms % 60_000 == 0:
            after.append(live_bytes())
    print(json.dumps({"live_bytes": after, "bytes_per_sample": per_sample(node)}))


def per_sample(node):
    """Heap taken by the metering of samples that end no window: windows report, samples only count."""
    channel = node._channels[0]
    meter = node._meter
    voltage, current = meter._voltage, meter._current
    taken = fed = 0
    gc.collect()
    gc.disable()
    for _ in range(400):
        before = gc.mem_alloc()
        meter._wave(64, 1 << 20, 1 << 18, 1 << 16, 524288)
        if not channel.window.feed(voltage, current, 64):
            taken += gc.mem_alloc() - before
            fed += 64
    gc.enable()
    return taken / fed


run(sys.argv[1])
