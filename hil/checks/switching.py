"""Commands and leases: how soon they reach the contact, what is refused, and what happens when nobody commands."""

import random
import statistics

from hil.bench import MS, S
from hil.checks import NO_DWELL, Maker, applied, dwell_s, has, moments, running
from hil.figures import Notebook
from hil.host import Answer

HOLD_S = 4  # of the leases that are left to run out
EARLY_MS = 20  # a lease may seem to end early by: what the request took to reach the node counts for it


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


def command_to_contact(make: Maker, notes: Notebook) -> None:
    """Time from a request's first byte to the relay pin's edge, while the node meters and reports."""
    times = 100 if make.rig.simulated else 40
    chance = random.Random(7)  # noqa: S311 (repeatable)
    with running(make, edits=NO_DWELL, unit={"interval_s": 60}) as (bench, host):  # a save a minute, as a node has it
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
