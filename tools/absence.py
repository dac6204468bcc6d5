"""What a node did while it was cut off, from its own flash: the plan that it held, its switchings, whether they agree.

The plan's rows are read by a reader of their own here (gridnode.node.plan has the format), so that the node's is tried.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cbor2

from gridnode.node.journal import Journal
from gridnode.node.pair import Pair
from gridnode.wire import schema
from host_bridge.decode import decode

SETTLE_MS = 7_000  # the plan's own lease is 5 s, it looks each second, and a contactor rests 1 s
LOOK_MS = 500


class Switching(NamedTuple):
    """A record of the node: `at_ms` Unix."""

    at_ms: int
    contactor: int
    state: str
    cause: str
    node_ms: int


@dataclass(frozen=True)
class Absence:
    """From when its cable was out until just before it was in again (Unix ms). `held_ms`: so long a host's last word
    holds at most. `plan`: as it kept it, b"": none."""

    node: str
    from_ms: int
    until_ms: int
    held_ms: int
    plan: bytes
    switchings: tuple[Switching, ...]  # all that its journal holds, in order


def witness(node: str, folder: Path, channels: int, held_ms: int, from_ms: int, until_ms: int) -> Absence:
    """What the folder of a node tells that is cut off since `from_ms`; it may run. Its `channels`: how many."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(folder / "journal", Path(scratch) / "journal"))  # to be opened is to be written to
        records = list(_records(Journal(str(copy), channels, 0, 0)))
    clocks = [record for kind, *record in records if kind == schema.CLOCK]
    offset_ms = clocks[-1][2] - clocks[-1][1] if clocks else 0
    moved = tuple(
        Switching(at + offset_ms, contactor, schema.STATES[state], schema.CAUSES[cause], at)
        for kind, _, contactor, at, state, cause, *_ in (record for record in records if record[0] == schema.SWITCHED)
    )
    payload = Pair(str(folder / "plan.")).read() or b""
    return Absence(node, from_ms, until_ms, held_ms, bytes(payload[2:]), moved)  # a version comes first


def _records(journal: Journal) -> Iterator[list[Any]]:
    for sequence in range(journal.oldest, journal.saved_next):
        buffer, start, length = journal.record(sequence)
        yield decode(bytes(buffer[start : start + length]))


def figures(absence: Absence) -> dict[str, Any]:
    """How the node kept to its plan while alone: what it looked like at each half second, against the plan's rows.

    `agreed_permille`: of the time in which nothing but the plan could hold a contactor, with what it says settled.
    `by_plan`: switchings that the plan caused. `by_others`: those that neither plan nor a lease's end nor an interlock
    explains; there must be none.
    """
    alone = [each for each in absence.switchings if absence.from_ms <= each.at_ms <= absence.until_ms]
    agreed = looked = 0
    for contactor in {each.contactor for each in absence.switchings}:  # a boot is one of each
        for at_ms in range(absence.from_ms + absence.held_ms + SETTLE_MS, absence.until_ms - SETTLE_MS, LOOK_MS):
            wanted = {wish(absence.plan, contactor, at_ms - back) for back in range(0, SETTLE_MS + 1, LOOK_MS)}
            if len(wanted) == 1 and (is_closed := wanted.pop()) is not None:
                looked += 1
                agreed += is_closed == _closed(absence, contactor, at_ms)
    return {
        "alone_s": round((absence.until_ms - absence.from_ms) / 1000),
        "plan_bytes": len(absence.plan),
        "by_plan": sum(each.cause == "plan" for each in alone),
        "by_others": [tuple(each) for each in alone if each.cause not in ("plan", "expiry", "interlock")],
        "looked": looked,
        "agreed_permille": agreed * 1000 // looked if looked else None,
    }


def _closed(absence: Absence, contactor: int, at_ms: int) -> bool:
    before = [each for each in absence.switchings if each.contactor == contactor and each.at_ms <= at_ms]
    return bool(before) and before[-1].state == "closed"


def wish(plan: bytes, contactor: int, unix_ms: int) -> bool | None:
    """Whether the plan has the contactor closed; it says nothing: no (the safe state). None: that hangs on what the
    node measures, which only it knows, or on a microworld."""
    if not plan:
        return False
    version, begin_s, end_s, prices, *rows = cbor2.loads(plan)
    if version != 1:
        return None
    if unix_ms // 1000 >= end_s:
        return False
    minute = (unix_ms // 1000 - begin_s) // 60
    for start, duration, index, target, *condition in rows:
        if index == contactor and 0 <= minute - start < duration:
            if condition and condition[0] > 2:
                return None
            if not condition or not condition[0] or _holds(prices, minute, *condition):
                return bool(target)
    return False


def _holds(prices: list[int], minute: int, condition: int, threshold: int, closed_threshold: int | None = None) -> bool:
    known = [price for start, price in zip(prices[::2], prices[1::2], strict=True) if start <= minute]
    if not known or closed_threshold not in (None, threshold):
        return False
    price: int = known[-1]
    return price <= threshold if condition == 1 else price >= threshold
