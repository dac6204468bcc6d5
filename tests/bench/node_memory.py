"""Runs under MicroPython: the node program of boards/unix for ten simulated minutes, flat out; prints its heap.

micropython node_memory.py FOLDER     (FOLDER has unit.json, as for main.py)

Nobody reads the node's line: the worst case, as every record waits.
"""

import gc
import json
import sys

from node_day import Clock, make

MINUTES = 10
STEP_MS = 10


def live_bytes():
    gc.collect()
    return gc.mem_alloc()


def run(folder):
    clock = Clock()
    node, _, _ = make(folder, clock)
    after = []
    for now_ms in range(0, (MINUTES + 1) * 60_000, STEP_MS):
        clock.now_ms = now_ms
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
