"""Over the air: how soon a session stands, that records come through loss, how soon a command is at the contact."""

import statistics

from gridnode.link import mesh
from gridnode.wire.channel import address_of
from hil.bench import UNIT, S
from hil.checks import NO_DWELL, Maker
from hil.checks.endurance import HEAP_LINE
from hil.checks.start import quiet_pins
from hil.figures import Notebook
from hil.lora_bench import LoraBench
from hil.radio_host import RadioHost, Stranger

SESSION_MS = 90_000  # an OFFER within 10 s; WELCOME and HELLO wait for airtime, which nobody has at a boot
BATCH_MS = 90_000
LOSS = 0.05
RECORDS = 60
COMMANDS = 8
APART_MS = 5000
HOLD_S = 600
FORGETS_S = 41  # so long a link knows what it has had


def through_the_air(make: Maker, notes: Notebook) -> None:
    """A session, records through a lossy air, commands to the pin, strangers and a reset that move nothing."""
    with make(unit={"interval_s": 2, "report_heap_s": 10}, edits=NO_DWELL) as bench:
        assert isinstance(bench, LoraBench)
        host = RadioHost(bench)
        other = Stranger(bench, host.plan)
        bench.power_on()
        try:
            host.wait("session", lambda: host.open, SESSION_MS)
            notes.hold("air_session_s", bench.now_ns / S, "OFFER, WELCOME, HELLO, within the lawful airtime")
            quiet_pins(bench, 0, notes, "power-on")
            _records(bench, host, notes)
            _commands(bench, host, notes)
            _strangers(bench, host, other, notes)
            _reset(bench, host, notes)
            _sizes(bench, notes)
        finally:
            host.close()


def _records(bench: LoraBench, host: RadioHost, notes: Notebook) -> None:
    """What a lossy air has swallowed is sent again: soon there is no hole."""
    bench.channel.loss = LOSS
    host.wait("records", lambda: len(host.sequences()) >= RECORDS, BATCH_MS)
    known = host.sequences()[-1]
    host.wait("what is missing", lambda: host.sequences()[: known + 1] == list(range(known + 1)), BATCH_MS)
    bench.channel.loss = 0.0
    lost = known + 1 - len([sequence for sequence in host.sequences() if sequence <= known])
    notes.hold("records_lost", lost + host.repeats, f"of {known + 1}, {LOSS:.0%} of the packets in the air were lost")
    assert host.chip.ignored == [] and host.radio.fault == "" and host.told == []


def _commands(bench: LoraBench, host: RadioHost, notes: Notebook) -> None:
    took_s = []
    for number in range(COMMANDS):
        target = "open" if number % 2 else "closed"
        host.run(APART_MS)
        before = len(bench.edges(0))
        answer = host.command(target, HOLD_S)
        assert answer.outcome is not None and answer.outcome.applied, f"{target}: {answer.outcome}"
        (edge,) = bench.edges(0)[before:]
        assert edge.closed == (target == "closed")
        took_s.append((edge.at_ns - answer.asked_ns) / S)
    note = f"{COMMANDS} commands, asked of the bridge to the pin's edge"
    notes.hold("air_command_s", statistics.median(took_s), note)
    notes.hold("air_command_worst_s", max(took_s), note)


def _strangers(bench: LoraBench, host: RadioHost, other: Stranger, notes: Notebook) -> None:
    """Who has no key reads nothing in the air, and what it sends, recorded, forged or made up, moves nothing."""
    assert not bench.is_closed(0), "the last command was to open"
    named = [*bench.board["CHANNELS"], *bench.board["CONTACTORS"]]
    names = [UNIT, bench.board["NAME"], *[spec["name"] for spec in named]]
    for _, data, _ in other.heard:
        assert not any(name.encode() in data for name in names), f"it can be read in the air: {data.hex()}"
    down = [(at_ns, data, sf) for at_ns, data, sf in other.heard if mesh.header(data)[0] and data in bench.had]
    old = [(data, sf) for at_ns, data, sf in down if bench.now_ns - at_ns > FORGETS_S * S]
    assert len(old) >= 3, "nothing was recorded that the node's link has forgotten"
    recorded = old[-3:] + [(data, sf) for _, data, sf in down[-2:]]
    forged = [(data[:-9] + bytes((data[-9] ^ 1,)) + data[-8:], sf) for data, sf in recorded]
    address = address_of(UNIT).to_bytes(2, "big")
    made_up = bytes((0x80 | 5 << 3,)) + address + address[1:] + bytes(range(40))
    strange = [*recorded, *forged, (made_up, 7), (b"\xff" * 30, 8)]
    edges, outcomes = len(bench.edges(0)), host.heard.count("outcome")
    for data, sf in strange:
        other.send(data, sf)
        host.run(1500)
    taken = len(bench.edges(0)) - edges + host.heard.count("outcome") - outcomes
    notes.add("strange_packets", len(strange), "recorded, with a bit turned over, and made up")
    notes.hold("strange_taken", taken, "switched by one, or answered")
    answer = host.command("closed", HOLD_S)
    assert answer.outcome is not None and answer.outcome.applied and bench.is_closed(0)


def _reset(bench: LoraBench, host: RadioHost, notes: Notebook) -> None:
    began = bench.now_ns + 1
    bench.reset()
    host.run(2000)
    quiet_pins(bench, began, notes, "reset")
    notes.note("starts_watched", 2)


def _sizes(bench: LoraBench, notes: Notebook) -> None:
    free = [int(found[0]) / 1000 for found in HEAP_LINE.findall(bench.console())]
    notes.hold("heap_free_kb", min(free[1:]), "after a collection, told by the node")
    for what, size in bench.sizes().items():
        notes.note(f"{what}_kb", size / 1000)
