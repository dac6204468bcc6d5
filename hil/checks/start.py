"""What a start may not do to the pins, and what it has to tell."""

import re
from collections.abc import Callable

from gridnode import VERSION
from gridnode.wire import schema
from hil.bench import BOOT_LINE, MS, Bench, replace_once
from hil.checks import Maker, applied, dwell_s, has, running, settle
from hil.figures import Notebook
from hil.host import Heard, Host

INSTANT_S = 2  # after a start: long enough for whatever a start does to a pin
CUT_OPERATIONS = 1  # a start writes at least so many pages: it counts the boot
HANG_AFTER_MS = 6000
HANGING = {
    "gridnode/start.py": replace_once(
        "        feed()\n", f"        feed()\n        while ticks_ms() > {HANG_AFTER_MS}:\n            pass\n"
    )
}


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
        again: dict[str, tuple[Callable[[], None], ...]] = {"power cycle": (bench.power_off, bench.power_on)}
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
        first = _first_measured(host)
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
        notes.note("boot_hello_ms", (hello.at_ns - began) / MS, "its last byte on the wire")
        notes.hold("boot_reading_ms", (first.at_ns - began) / MS, "the first measured power, its last byte on the wire")
        for what, size in bench.sizes().items():
            notes.note(f"{what}_kb", size / 1000)


def _first_measured(host: Host) -> Heard:
    """The first live value that has a power in it: a register that has not counted yet is no reading."""
    live = host.wait("live", since=0, channel=0)
    while live.fields["active_power_mw"] is None:
        live = host.wait("live", since=host.heard.index(live) + 1, channel=0)
    return live


def restarts(make: Maker, notes: Notebook) -> None:
    """Each start has a cause, counts the boot, and goes on with the journal; the console says the same."""
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
        assert len({journal for _, journal in epochs}) == 1, f"the journal did not go on: {epochs}"
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
    notes.add(
        "power_cuts",
        survived,
        f"at each of the first {CUT_OPERATIONS} flash operations of a start; before, during, after",
    )
