"""Metering allocates nothing per sample. Under CPython there is nothing to ask; MicroPython counts its heap."""

import gc
import math
import sys
from array import array

from gridnode.metering.channel import Channel
from gridnode.metering.window import WindowMeter

UV, UA = 12_207_031, 1_953_125
PER_WINDOW = 1536  # bytes a window's figures may take for a moment


def allocated():
    return gc.mem_alloc() if sys.implementation.name == "micropython" else 0


def test_feeding_allocates_only_where_a_window_ends():
    meter = WindowMeter(1600, 50, UV, UA)
    voltage = array("h", [round(26600 * math.sin(2 * math.pi * k / 32)) for k in range(64)])
    current = array("h", [round(9000 * math.sin(2 * math.pi * k / 32 - 0.4)) for k in range(64)])
    windows = fed = ended_bytes = 0
    gc.collect()
    gc.disable()
    try:
        for _ in range(150):
            before = allocated()
            ended = meter.feed(voltage, current, 64)
            taken = allocated() - before
            if ended:
                windows += 1
                ended_bytes = max(ended_bytes, taken)
            else:
                fed += 64
                assert taken == 0, taken
    finally:
        gc.enable()
    assert windows >= 29 and fed >= 7000
    assert ended_bytes <= PER_WINDOW, ended_bytes


def test_a_channel_keeps_no_more_memory_however_long_it_runs():
    channel = Channel("grid", WindowMeter(1600, 50, UV, UA))
    voltage = array("h", [round(26600 * math.sin(2 * math.pi * k / 32)) for k in range(64)])
    kept = []
    for _ in range(3):
        for _ in range(250):
            channel.feed(voltage, voltage, 64)
        channel.take_interval()
        gc.collect()
        kept.append(allocated())
    assert kept[2] - kept[1] <= 64, kept
