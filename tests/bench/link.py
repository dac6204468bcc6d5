"""The link's figures: what sealing costs a node and the bridge, and how well clocks are known.

sealing, opening    64 bytes on the emulated RP2040, by the node's own modules compiled as for a Pico
frames opened       37-byte frames to readings by what a Link calls, against CRC, HMAC, AES and cbor2 alone over the
                    same packets, already free of COBS: one core
ingest              those frames to committed readings, against their bare parts (see ingest.py)
clock error         see clocks.py: the bridge's own estimator over simulated latencies
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import bare, clocks, ingest, seal_costs
from tests.bench.figures import Figure

ROUNDS = 5
KIND = "37-byte"
COST_MS, COST_BYTES, OPENED_SHARE = 1.5, 400, 0.5  # to reach
CLOCK_MS = {"clock error, serial, after 2 minutes": 2.0, "clock error, LoRa, after 16 round trips": 500.0}
_NAMES = {"seal": "sealing 64 bytes, emulated RP2040", "open": "opening 64 bytes, emulated RP2040"}


def open_all(best: dict[str, float]) -> None:
    """One more turn: the best so far of `ours` and of the bare loop, in seconds of processor time of one core."""
    readings: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        sessions = ingest.Sessions(ingest.KINDS[KIND], Path(folder), readings.append)
        homes = list(sessions.homes.values())
        pairs = [pair for portions in sessions.portions for pair in zip(homes, portions, strict=True)]
        unstuffed = [(home.key, bare.unstuffed(portion)) for home, portion in pairs]
        seconds = {"ours": 0.0, "bare": 0.0}
        for (home, portion), (key, packets) in zip(pairs, unstuffed, strict=True):
            readings.clear()
            begin = time.process_time()
            home.feed(portion)
            seconds["ours"] += time.process_time() - begin
            assert len(readings) == len(packets)
            for reading in readings:
                home.remote.kept(reading.sequence)  # else its window would be full
            messages: list[Any] = []
            begin = time.process_time()
            bare.opened(key, packets, messages)
            seconds["bare"] += time.process_time() - begin
            assert len(messages) == len(packets)
    for name, spent in seconds.items():
        best[name] = min(best.get(name, spent), spent)


def costs() -> list[Figure]:
    """Of the emulated RP2040."""
    found = seal_costs.costs()
    return [
        figure
        for key, name in _NAMES.items()
        for figure in (
            Figure(name, found[key].ms, "ms", COST_MS, at_least=False),
            Figure(f"{name}, allocated", found[key].allocated_bytes, "B", COST_BYTES, at_least=False),
        )
    ]


def run(say: Callable[[str], None]) -> list[Figure]:
    """All figures: the best of ROUNDS of what runs here."""
    figures = costs()
    opened: dict[str, float] = {}
    stored: dict[str, float] = {}
    for turn in range(ROUNDS):
        open_all(opened)
        ingest.measure(stored, KIND)
        say(f"round {turn + 1} of {ROUNDS}")
    ratio = opened["bare"] / opened["ours"]
    figures.append(Figure("frames opened of a bare loop of CRC, HMAC, AES and cbor2", ratio, "ratio", OPENED_SHARE))
    figures.append(Figure("frames opened", ingest.READINGS / opened["ours"], "1/s of one core"))
    figures += ingest.figures_of(stored, KIND)
    found = clocks.figures()
    figures += [Figure(name, found[name], "ms", reach, at_least=False) for name, reach in CLOCK_MS.items()]
    return figures
