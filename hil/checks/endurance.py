"""An outage of the host, and work without a pause."""

import random
import re
import statistics
from itertools import pairwise

from hil.bench import Bench, S
from hil.checks import NO_DWELL, Maker, flash, has, running
from hil.figures import Notebook
from hil.host import Host

FAR_OUT_S = 20  # an outage in which the node gives the host up


def outage(make: Maker, notes: Notebook) -> None:
    """A host that is away, and a line full of garbage: every record comes, once, and their times abut."""
    chance = random.Random(3)  # noqa: S311 (repeatable)
    with make(unit={"interval_s": 1}) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        host.run(2000)
        host.kill()
        for _ in range(10):
            host.run(FAR_OUT_S * 100)
            bench.write(chance.randbytes(40))
        seen = len(host.heard)
        host.restart()
        host.hello()
        host.run(3000)
        records = host.sequences()
        assert records == list(range(len(records))), f"records are missing: {records}"
        assert host.repeats == 0
        fields = [heard.fields for heard in host.told("interval", channel=0)]
        spans = sorted({(each["end_ms"] - each["duration_ms"], each["end_ms"]) for each in fields})
        for (_, end_ms), (start_ms, _) in pairwise(spans):
            assert start_ms == end_ms, f"nothing tells of the time from {end_ms} to {start_ms} ms"
        assert spans[-1][1] - spans[0][0] > FAR_OUT_S * 1000, spans
        back = host.told("interval", seen, channel=0)
        assert len(back) >= FAR_OUT_S - 2, f"only {len(back)} intervals came after the outage"
        notes.note("outage_s", FAR_OUT_S, "host away, garbage on the line; nothing lost, nothing twice")


HEAP_LINE = re.compile(r"^heap free (\d+) used (\d+) busy (\d+)\s*$", re.MULTILINE)


def load(make: Maker, notes: Notebook) -> None:
    """Commands twice a second, a record each second: the heap does not shrink, nothing is lost."""
    minutes = 10 if make.long else 1
    unit = {"interval_s": 1, "report_heap_s": 2 * minutes}
    with running(make, unit=unit, edits=NO_DWELL if "dwell" not in make.rig.lacks else {}) as (bench, host):
        began, busy, seen = bench.now_ns, bench.busy_ns() if has(bench, "cpu") else 0, len(host.heard)
        while bench.now_ns - began < minutes * 60 * S:
            host.command(0, "closed", 30)
            host.run(480)
        passed = bench.now_ns - began
        records = host.sequences()
        assert records == list(range(len(records))), f"records are missing of {len(records)}"
        assert host.dropped == 0 and host.noise == 0, f"{host.dropped} damaged frames, {host.noise} strange packets"
        assert len(host.told("hello", seen)) == 0, "the node started over"
        _note_readings(bench, host, seen, notes)
        flash.saves(make, host, notes)
        notes.note("load_minutes", passed / S / 60)
        if has(bench, "cpu"):
            notes.note("cpu_percent", (bench.busy_ns() - busy) / passed * 100, bench.rig.processor)
        if has(bench, "heap"):
            _note_heap(bench, notes)


def _note_readings(bench: Bench, host: Host, seen: int, notes: Notebook) -> None:
    readings = host.told("interval", seen)
    spans = [heard.fields["duration_ms"] for heard in readings if heard.fields["channel"] == 0][
        1:
    ]  # one is the start's
    assert max(spans) <= 1500 and min(spans) >= 500, f"intervals of 1 s took {min(spans)} to {max(spans)} ms"
    notes.note("reading_bytes", statistics.mean(heard.bytes for heard in readings), "an INTERVAL frame")
    rate = bench.board.get("SAMPLE_RATE_HZ")
    if rate is not None:
        notes.note("samples_per_s", rate * (len(bench.board["CHANNELS"]) + 1), "board.py's rate, no window short")
        assert not any(heard.fields["quality"] & 4 for heard in readings[4:]), "short windows: samples were lost"


def _note_heap(bench: Bench, notes: Notebook) -> None:
    lines = [tuple(map(int, found)) for found in HEAP_LINE.findall(bench.console())]
    assert len(lines) >= 9, f"the node told of its heap {len(lines)} times"
    free_kb = [free / 1000 for free, _, _ in lines[1:]]  # the first is from before the load
    third = len(free_kb) // 3
    notes.plot("heap_free_kb", free_kb)
    notes.hold("heap_free_kb", min(free_kb), "after a collection, told by the node")
    notes.note("loop_busy_percent", statistics.mean(busy / 10 for _, _, busy in lines[1:]), "told by the node")
    lost_kb = statistics.median(free_kb[:third]) - statistics.median(free_kb[-third:])
    notes.note("heap_trend_kb", lost_kb)
    assert lost_kb < 2, f"the heap shrinks: {free_kb}"
