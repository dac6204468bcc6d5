"""What opens a contactor against everybody's wish: over-current, and a contact that does not follow its coil."""

import random
import re
from collections.abc import Callable

from gridnode.wire import schema
from hil.bench import MS, Bench, Load
from hil.checks import NO_DWELL, Maker, applied, has, running
from hil.figures import Notebook
from hil.host import Host

SETTING_MA = 3000  # small enough that ten times as much is within the converter's range
TIMES = 10
TRIPS = 20
TRIPS_IN_ERASES = 8
ERASE_STEP_MS = 2
REST = Load(active_mw=100_000)
OTHER = 1  # the contactor that is protected by the first channel, which `set_load` loads
TIGHT = {
    "board.py": lambda source: re.sub(
        r'"instant_ma": *[\w]+',
        f'"instant_ma": {5 * SETTING_MA}',
        re.sub(
            r'"over_current_ma": *[\d_]+',
            f'"over_current_ma": {SETTING_MA}',
            re.sub(
                r'"retries": *\d+',
                '"retries": 100',
                re.sub(r'"retry_after_s": *\d+', '"retry_after_s": 1', NO_DWELL["board.py"](source)),
            ),
        ),
    )
}


def over_current(make: Maker, notes: Notebook) -> None:
    """Ten times the setting, begun anywhere in a cycle: the pin has opened within a few hundredths of a second."""
    chance = random.Random(11)  # noqa: S311 (repeatable)
    with running(make, load=REST, edits=TIGHT) as (bench, host):
        took_ms = [_trip(bench, host, lambda: host.run(chance.uniform(50, 90))) for _ in range(TRIPS)]
        notes.plot("over_current_ms", took_ms)
        notes.hold("over_current_ms", max(took_ms), f"slowest of {TRIPS}, begun anywhere in the cycle, by the pin")


def over_current_in_an_erase(make: Maker, notes: Notebook) -> None:
    """The same, begun while a sector of the flash is being erased, in which the chip runs nothing at all."""
    with running(make, load=REST, edits=TIGHT, unit={"interval_s": 1}) as (bench, host):
        times = TRIPS_IN_ERASES if make.long else 2
        took_ms = [_trip(bench, host, lambda: _erase(bench, host)) for _ in range(times)]
        notes.plot("over_current_erase_ms", took_ms)
        notes.hold("over_current_erase_ms", max(took_ms), f"slowest of {times}, begun as a save erases a sector")


def _erase(bench: Bench, host: Host) -> None:
    """Let time pass until the flash has just begun to erase a sector: within `ERASE_STEP_MS`."""
    seen = bench.chip.flash_operations
    for _ in range(60_000 // ERASE_STEP_MS):
        host.run(ERASE_STEP_MS)
        if bench.chip.flash_operations != seen:
            seen = bench.chip.flash_operations
            if bench.chip.operations[-1][0] == "erase":
                return
    raise AssertionError("a minute of saves every second has erased nothing")


def _trip(bench: Bench, host: Host, wait: Callable[[], None]) -> float:
    """Close, `wait`, ten times the setting flows: ms until the pin opens."""
    applied(host.command(OTHER, "closed", 60))
    wait()
    before = len(bench.edges(OTHER))
    began = bench.now_ns
    bench.set_load(Load(active_mw=230 * SETTING_MA * TIMES))
    host.run(210)
    opened = bench.edges(OTHER)[before:]
    assert [edge.closed for edge in opened] == [False], f"{SETTING_MA * TIMES} mA, and it stays closed"
    bench.set_load(REST)
    _explained(host, schema.CAUSES.index("over-current"))
    host.command(OTHER, "open")
    host.run(2600)  # half of the heat has gone
    return (opened[0].at_ns - began) / MS


def _explained(host: Host, cause: int) -> None:
    """The change has a record with its cause, and an event with what was measured."""
    at = len(host.heard) - 1
    host.run(100)
    record = [heard for heard in host.told("switched", contactor=OTHER) if heard.fields["cause"] == cause]
    assert record, f"no record tells of the trip ({at} messages)"
    trips = host.told("event", event=schema.EVENTS.index("trip"), index=OTHER)
    assert trips and trips[-1].fields["value"] > SETTING_MA, f"what was measured is not told: {trips}"


def feedback(make: Maker, notes: Notebook) -> None:
    """A contactor that is welded, and one that does not close: seen, locked out, told, and nobody may close it."""
    for stuck, cause, first, second in (
        ("closed", "welded", "closed", "open"),
        ("open", "failed to close", None, "closed"),
    ):
        with running(make, edits=NO_DWELL) as (bench, host):
            _stick(bench, None)
            if first:
                applied(host.command(0, first, 60))
                host.run(100)
            _stick(bench, stuck)
            host.command(0, second, 60)
            locked = host.wait("contactor", contactor=0, state=schema.STATES.index("locked out"))
            assert locked.fields["cause"] == schema.CAUSES.index(cause), locked
            assert not bench.is_closed(0), "the coil is still driven"
            refused = host.command(0, "closed", 60)
            assert (refused.applied, refused.reason) == (False, "locked out"), refused
            if stuck == "closed" and has(bench, "interlock"):
                refused = host.command(1, "closed", 60)
                assert (refused.applied, refused.reason) == (False, "interlock"), "a welded contactor does not count"
            _stick(bench, None)
            host.run(300)
            applied(host.command(0, "reset"))
            applied(host.command(0, "closed", 60))


def _stick(bench: Bench, stuck: str | None) -> None:
    bench.stick(0, stuck)
