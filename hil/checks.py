"""What a node has to prove, each as a function that fails with an AssertionError: for the tests, and for the mutants.

Each takes `make`, which gives a bench without power (see Maker), and `notes`, which keeps what was measured.
"""

import random
import re
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from gridnode import VERSION
from gridnode.wire import schema

from hil.bench import BOOT_LINE, MS, S, Bench, Edge, Edit, Load, replace_once
from hil.figures import Notebook
from hil.host import Answer, Heard, Host
from hil.rigs import Rig

HOLD_S = 4  # of the leases that are left to run out
EARLY_MS = 20  # a lease may seem to end early by: what the request took to reach the node counts for it
INSTANT_S = 2  # after a start: long enough for whatever a start does to a pin
FAR_OUT_S = 20  # an outage in which the node gives the host up
NO_DWELL = {
    "board.py": lambda source: re.sub(r'("min_(?:on|off)_s"): *\d+', r"\1: 0", source),
}
ROUNDED_MWH = 20  # an interval's duration is told in whole ms, and a small load scaled up is tens of kW
CUT_OPERATIONS = 3  # a start writes at least so many pages: it counts the boot
HANG_AFTER_MS = 6000
HANGING = {
    "main.py": replace_once(
        "        feed()\n", f"        feed()\n        while now_ms > {HANG_AFTER_MS}:\n            pass\n"
    )
}


class Maker(Protocol):
    """Makes a bench of the rig for one check, without power, and closes it in the end."""

    rig: Rig
    long: bool

    def __call__(
        self, unit: Mapping[str, Any] = ..., load: Load = ..., edits: Mapping[str, Edit] = ...
    ) -> "contextmanager[Bench]": ...


@contextmanager
def running(make: Maker, **wanted: Any) -> Iterator[tuple[Bench, Host]]:
    """A bench with power and a host that the node has greeted, past the dwell that begins with the boot."""
    with make(**wanted) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        settle(host)
        yield bench, host


def settle(host: Host) -> None:
    """Wait until every contactor may close: a boot counts as an opening."""
    names = host.told("hello")[-1].fields["contactors"]
    for index in range(len(names)):
        host.run(host.wait("contactor", contactor=index).fields["dwell_remaining_ms"])


def dwell_s(bench: Bench) -> int:
    """The longest dwell of the board's contactors."""
    return max(max(spec["min_on_s"], spec["min_off_s"]) for spec in bench.board["CONTACTORS"])


def has(bench: Bench, feature: str) -> bool:
    return feature not in bench.rig.lacks


def moments(bench: Bench, host: Host, contactor: int) -> list[Edge]:
    """When that contactor changed: by its pin where the rig has one, else by what the node told."""
    if has(bench, "pins"):
        return bench.edges(contactor)
    changes: list[Edge] = []
    for heard in host.told("contactor", contactor=contactor):
        closed = schema.STATES[heard.fields["state"]] == "closed"
        if closed != (changes[-1].closed if changes else False):
            changes.append(Edge(heard.at_ns, closed))
    return changes


def applied(answer: Answer) -> Answer:
    assert answer.applied, f"refused: {answer.reason}, {answer.fields}"
    return answer


def host_killed(make: Maker, notes: Notebook) -> None:
    """Nobody renews the lease: the contactor opens when it runs out, not before, and hardly later."""
    with running(make) as (bench, host):
        applied(host.command(0, "closed", HOLD_S))
        host.run(1700)
        renewed = applied(host.command(0, "closed", HOLD_S))
        host.run(300)
        assert [edge.closed for edge in moments(bench, host, 0)] == [True], "the contactor is not closed"
        host.kill()
        host.run((HOLD_S + 1) * 1000)
        changes = moments(bench, host, 0)
        assert [edge.closed for edge in changes] == [True, False], "nobody holds the contactor, and it stays closed"
        late_ms = (changes[1].at_ns - renewed.sent_ns) / MS - HOLD_S * 1000
        assert late_ms > -EARLY_MS, f"the lease ended {-late_ms:.0f} ms early"
        how = "by the pin" if has(bench, "pins") else "by the node's own message"
        notes.hold("fail_safe_ms", late_ms, f"behind a lease of {HOLD_S} s, {how}")


def quiet_pins(bench: Bench, since_ns: int, notes: Notebook, why: str) -> None:
    """No contactor's pin has been at the unsafe level since then, except to leave it."""
    for index, spec in enumerate(bench.board["CONTACTORS"]):
        closing = [edge for edge in bench.edges(index) if edge.at_ns >= since_ns and edge.closed]
        notes.note("unsafe_edges", len(closing), "of any contactor's pin, at each start and reset")
        assert not closing, f"{why}: {spec['name']}: {len(closing)} edges to the unsafe level"
        assert not bench.is_closed(index), f"{why}: {spec['name']} is closed"


def pins_at_start(make: Maker, notes: Notebook) -> int:
    """Power-up, and every way to start again with a contactor closed: it opens, and none closes. Returns the starts."""
    with running(make) as (bench, host):
        began = bench.now_ns
        quiet_pins(bench, 0, notes, "power-on")
        starts = 1
        again = {"power cycle": (bench.power_off, bench.power_on)}
        if has(bench, "reset"):
            again["reset"] = (bench.reset,)
        if has(bench, "brown-out"):
            again["brown-out"] = (bench.brown_out,)
        for why, steps in again.items():
            applied(host.command(0, "closed", 60))
            assert bench.is_closed(0), "the relay's pin does not follow the contactor"
            began = bench.now_ns + 1
            for step in steps:
                step()
                assert not bench.is_closed(0), f"{why}: the relay is still driven"
                bench.run(50 * MS)
            host.hello()
            host.run(1000 * max(INSTANT_S, dwell_s(bench)))
            quiet_pins(bench, began, notes, why)
            starts += 1
        return starts


def watchdog(make: Maker, notes: Notebook) -> None:
    """A node that hangs with a contactor closed is restarted, says so, and its contactors are open."""
    with make(edits=HANGING) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        settle(host)
        applied(host.command(0, "closed", 60))
        hangs_at = bench.now_ns + round((HANG_AFTER_MS - host.node_ms()) * MS)
        bite_ms = bench.board["WATCHDOG_MS"]
        hello = host.hello(HANG_AFTER_MS + bite_ms + 3000)
        assert hello.fields["reset_cause"] == "watchdog", hello.fields
        if has(bench, "pins"):
            opened = [edge for edge in bench.edges(0) if not edge.closed][-1]
            late_ms = (opened.at_ns - hangs_at) / MS - bite_ms
            assert late_ms < 100, f"the watchdog bit {late_ms:.0f} ms late"
            host.run(500)
            quiet_pins(bench, opened.at_ns + 1, notes, "watchdog")


def greeting(make: Maker, notes: Notebook) -> None:
    """HELLO says what board.py and unit.json say; and how soon after power-on it and the first reading come."""
    with make(unit={"interval_s": 1}) as bench:
        host = Host(bench)
        began = bench.now_ns
        bench.power_on()
        hello = host.hello()
        first = host.wait("registers", since=0)
        board, fields = bench.board, hello.fields
        expected = {
            "wire_version": schema.WIRE_VERSION,
            "schema_digest": schema.digest(),
            "node": "hil",
            "board": board["NAME"],
            "firmware": VERSION,
            "reset_cause": "power on",
            "interval_s": 1,
            "max_hold_s": max(spec["max_hold_s"] for spec in board["CONTACTORS"]),
            "channels": [spec["name"] for spec in board["CHANNELS"]],
            "contactors": [spec["name"] for spec in board["CONTACTORS"]],
        }
        assert {key: fields[key] for key in expected} == expected
        host.wait("live", since=0)
        notes.note("boot_hello_ms", (hello.at_ns - began) / MS, "its last byte on the wire")
        notes.hold("boot_reading_ms", (first.at_ns - began) / MS, "the energy register of the first channel")
        for what, size in bench.sizes().items():
            notes.note(f"{what}_kb", size / 1000)


def command_to_contact(make: Maker, notes: Notebook) -> None:
    """Time from a request's first byte to the relay pin's edge, while the node meters and reports."""
    times = 100 if make.rig.simulated else 40
    chance = random.Random(7)  # noqa: S311 (repeatable)
    with running(make, edits=NO_DWELL) as (bench, host):
        took_ms = []
        for number in range(times):
            target = "open" if number % 2 else "closed"
            host.run(chance.uniform(1, 40))
            before = len(moments(bench, host, 0)) if has(bench, "pins") else 0
            answer = applied(host.command(0, target, 60))
            if has(bench, "pins"):
                edge = bench.edges(0)[before:]
                assert [change.closed for change in edge] == [target == "closed"], edge
                took_ms.append((edge[0].at_ns - answer.sent_ns) / MS)
            else:
                took_ms.append((answer.heard_ns - answer.sent_ns) / MS)
        to = "the pin's edge" if has(bench, "pins") else "the outcome's last byte; it has no pins"
        note = f"{times} commands at {bench.board['LINK'].get('baud', 'no')} baud, to {to}"
        notes.plot("command_ms", took_ms)
        notes.hold("command_median_ms", statistics.median(took_ms), note)
        notes.hold("command_p99_ms", percentile(took_ms, 99), note)


def percentile(values: list[float], percent: float) -> float:
    """By the nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-len(ranked) * percent // 100).__trunc__() - 1))]


def metering(make: Maker, notes: Notebook, load: Load, seconds: int = 6) -> None:
    """What the node reports of a steady load, against what is truly injected: each window, and the registers."""
    with make(unit={"interval_s": 1}, load=load) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        host.run(2500)  # the first window begins anywhere, the meter's offset is still unknown
        host.run(seconds * 1000)
        settled = [heard for heard in host.told("interval", channel=0) if heard.fields["end_ms"] > 2000]
        assert len(settled) >= seconds - 1, f"{len(settled)} intervals in {seconds} s"
        for heard in settled:
            _compare(bench, heard, notes)
        _energy(bench, settled, load, notes)
        span_ms = settled[-1].fields["end_ms"] - settled[0].fields["end_ms"]
        lag_ms = host.node_ms() - settled[-1].fields["end_ms"]
        assert lag_ms < 1600, f"the meter is {lag_ms:.0f} ms behind the node's clock after {span_ms} ms"


_ERRORS = (
    ("voltage_error_percent", "voltage_rms_mv"),
    ("current_error_percent", "current_rms_ma"),
    ("power_error_percent", "active_power_mw"),
)


def _compare(bench: Bench, heard: Heard, notes: Notebook) -> None:
    fields = heard.fields
    assert fields["quality"] == 0, f"quality {fields['quality']} of a clean load: {fields}"
    true = bench.truth(fields["end_ms"] - fields["duration_ms"] / 2)
    for name, field in _ERRORS:
        expected = getattr(true, field)
        notes.hold(name, abs(fields[field] / expected - 1) * 100, "worst interval of 1 s, at steady loads")


def _energy(bench: Bench, settled: list[Heard], load: Load, notes: Notebook) -> None:
    first, last = settled[0].fields, settled[-1].fields
    counted_mwh = last["energy_import_mwh"] - first["energy_import_mwh"]
    true_mwh = load.active_mw * (last["end_ms"] - first["end_ms"]) / 3.6e6
    notes.hold("energy_error_percent", abs(counted_mwh / true_mwh - 1) * 100, "registers over steady loads")
    assert last["energy_export_mwh"] == first["energy_export_mwh"], "energy went out of a load"


def registers_exact(make: Maker, notes: Notebook) -> None:
    """With registers beyond 2^24 mWh a small load still counts in full: what no float of 32 bits can do."""
    scale = 100_000  # a current transformer so large that the registers fill within seconds

    def large(source: str) -> str:
        return re.sub(r'("current_na_per_count"): *([\d_]+)', lambda m: f"{m[1]}: {int(m[2]) * scale}", source)

    with make(unit={"interval_s": 1}, load=Load(7_000_000), edits={"board.py": large}) as bench:
        host = Host(bench)
        bench.power_on()
        host.hello()
        host.run(6000)
        bench.set_load(Load(100))
        host.run(1500)
        at = len(host.heard)
        host.run(5000)
        told = [heard.fields for heard in host.told("interval", at, channel=0)]
        assert len(told) >= 4, f"{len(told)} intervals in 5 s"
        assert told[0]["energy_import_mwh"] > 1 << 28, "the registers are too small to tell"
        for before, after in zip(told, told[1:], strict=False):
            counted = _net_mwh(after) - _net_mwh(before)
            flowed = after["active_power_mw"] * after["duration_ms"] / 3.6e6
            assert abs(counted - flowed) <= ROUNDED_MWH, f"counted {counted} mWh where {flowed:.0f} flowed"


def _net_mwh(fields: Mapping[str, int]) -> int:
    return fields["energy_import_mwh"] - fields["energy_export_mwh"]


def dwell(make: Maker, notes: Notebook) -> None:
    """Bad holds, and changes too soon after the last, are refused with the reason and how long it lasts."""
    with running(make) as (bench, host):
        spec = bench.board["CONTACTORS"][0]
        for hold_s in (0, spec["max_hold_s"] + 1):
            answer = host.command(0, "closed", hold_s)
            assert (answer.applied, answer.reason) == (False, "hold out of range"), answer
        answer = host.command(len(bench.board["CONTACTORS"]), "closed", 5)
        assert (answer.applied, answer.reason) == (False, "unknown contactor"), answer
        closed = applied(host.command(0, "closed", 60))
        early = host.command(0, "open")
        _refused(early, "min on time", spec["min_on_s"] * 1000)
        host.run(early.fields["wait_ms"] + 50)
        opened = applied(host.command(0, "open"))
        early = host.command(0, "closed", 60)
        _refused(early, "min off time", spec["min_off_s"] * 1000)
        host.run(early.fields["wait_ms"] + 50)
        applied(host.command(0, "closed", 60))
        assert [edge.closed for edge in moments(bench, host, 0)] == [True, False, True]
        assert opened.sent_ns - closed.sent_ns >= spec["min_on_s"] * S


def _refused(answer: Answer, reason: str, longest_ms: int) -> None:
    assert (answer.applied, answer.reason) == (False, reason), answer
    assert 0 < answer.fields["wait_ms"] <= longest_ms, answer


def interlock(make: Maker, notes: Notebook) -> None:
    """While one contactor of a group is closed the other may not close, nor does its pin move."""
    with running(make) as (bench, host):
        assert len({spec["interlock"] for spec in bench.board["CONTACTORS"][:2]}) == 1, "no interlock on this board"
        applied(host.command(0, "closed", 60))
        refused = host.command(1, "closed", 60)
        assert (refused.applied, refused.reason) == (False, "interlock"), refused
        host.run(1000 * dwell_s(bench))
        applied(host.command(0, "open"))
        applied(host.command(1, "closed", 60))
        refused = host.command(0, "closed", 60)
        assert (refused.applied, refused.reason) == (False, "interlock"), refused
        assert [edge.closed for edge in moments(bench, host, 1)] == [True]


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
        for (_, end_ms), (start_ms, _) in zip(spans, spans[1:], strict=False):
            assert start_ms == end_ms, f"nothing tells of the time from {end_ms} to {start_ms} ms"
        assert spans[-1][1] - spans[0][0] > FAR_OUT_S * 1000, spans
        back = [heard for heard in host.told("interval", seen, channel=0)]
        assert len(back) >= FAR_OUT_S - 2, f"only {len(back)} intervals came after the outage"
        notes.note("outage_s", FAR_OUT_S, "host away, garbage on the line; nothing lost, nothing twice")


_HEAP_LINE = re.compile(r"^heap free (\d+) used (\d+) busy (\d+)\s*$", re.MULTILINE)


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
        notes.note("load_minutes", passed / S / 60)
        if has(bench, "cpu"):
            notes.note("cpu_percent", (bench.busy_ns() - busy) / passed * 100, bench.rig.processor)
        if has(bench, "heap"):
            _note_heap(bench, notes)


def _note_readings(bench: Bench, host: Host, seen: int, notes: Notebook) -> None:
    readings = host.told("interval", seen)
    spans = [heard.fields["duration_ms"] for heard in readings if heard.fields["channel"] == 0]
    assert max(spans) <= 1500 and min(spans) >= 500, f"intervals of 1 s took {min(spans)} to {max(spans)} ms"
    notes.note("reading_bytes", statistics.mean(heard.bytes for heard in readings), "an INTERVAL frame")
    rate = bench.board.get("SAMPLE_RATE_HZ")
    if rate is not None:
        notes.note("samples_per_s", rate * (len(bench.board["CHANNELS"]) + 1), "board.py's rate, no window short")
        assert not any(heard.fields["quality"] & 4 for heard in readings[4:]), "short windows: samples were lost"


def _note_heap(bench: Bench, notes: Notebook) -> None:
    lines = [tuple(map(int, found)) for found in _HEAP_LINE.findall(bench.console())]
    assert len(lines) >= 9, f"the node told of its heap {len(lines)} times"
    free_kb = [free / 1000 for free, _, _ in lines[1:]]  # the first is from before the load
    third = len(free_kb) // 3
    notes.plot("heap_free_kb", free_kb)
    notes.hold("heap_free_kb", min(free_kb), "after a collection, told by the node")
    notes.note("loop_busy_percent", statistics.mean(busy / 10 for _, _, busy in lines[1:]), "told by the node")
    lost_kb = statistics.median(free_kb[:third]) - statistics.median(free_kb[-third:])
    notes.note("heap_trend_kb", lost_kb)
    assert lost_kb < 2, f"the heap shrinks: {free_kb}"


def restarts(make: Maker, notes: Notebook) -> None:
    """Each start has a cause, counts the boot, and begins a new journal; the console says the same."""
    with make() as bench:
        host = Host(bench)
        epochs, causes = [], []
        bench.power_on()
        starts = 2
        for number in range(starts):
            hello = host.hello().fields
            epochs.append((hello["boot_epoch"], hello["journal_epoch"]))
            causes.append(hello["reset_cause"])
            host.run(500)
            if number < starts - 1:
                bench.power_off()
                bench.run(100 * MS)
                bench.power_on()
        if has(bench, "prompt"):
            causes.append(_program_reset(bench, host, epochs))
        assert causes[:2] == ["power on", "power on"] and causes[2:] in ([], ["reset"], ["soft reset"]), causes
        boots = [boot for boot, _ in epochs]
        assert boots == list(range(boots[0], boots[0] + len(boots))), f"boots were counted {boots}"
        assert len({journal for _, journal in epochs}) == len(epochs), "a journal outlived its records"
        said = [cause for _, _, _, cause in re.findall(BOOT_LINE, bench.console())]
        assert said == causes, f"the console told {said}, the wire {causes}"


def _program_reset(bench: Bench, host: Host, epochs: list[tuple[int, int]]) -> str:
    """Break into the program at the prompt and restart the board from there, as mpremote does."""
    bench.type(b"\x03")
    host.run(500)
    assert "gridnexus node stopped, contactors open" in bench.console(), bench.console()
    at = len(host.heard)
    bench.type(b"import machine; machine.reset()\r\n")
    hello = host.wait("hello", since=at).fields
    epochs.append((hello["boot_epoch"], hello["journal_epoch"]))
    host.run(500)
    return str(hello["reset_cause"])


def power_cuts(make: Maker, notes: Notebook) -> None:
    """Power that fails before, in or after each flash operation of a start: the next start is as any other."""
    survived = 0
    with make() as bench:
        bench.power_on()
        host = Host(bench)
        boots = [host.hello().fields["boot_epoch"]]
        for operation in range(1, CUT_OPERATIONS + 1):
            for when in ("before", "during", "after"):
                bench.power_off()
                bench.run(10 * MS)
                bench.cut_power(operation, when)
                bench.power_on()
                host.kill()
                at = len(host.heard)
                host.run(1500)  # long enough for all that a start writes
                assert len(host.heard) == at, f"the power was not cut: a start has fewer than {operation} operations"
                bench.power_off()
                bench.run(10 * MS)
                bench.power_on()
                host.restart()
                boots.append(host.hello().fields["boot_epoch"])
                assert boots[-1] > boots[-2], f"the count of boots did not go on: {boots}, cut {when} {operation}"
                survived += 1
    notes.note(
        "power_cuts",
        survived,
        f"at each of the first {CUT_OPERATIONS} flash operations of a start; before, during, after",
    )
