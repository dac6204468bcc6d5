"""What a node has to prove, each as a function that fails with an AssertionError: for the tests, and for the mutants.

Each takes `make`, which gives a bench without power (see Maker), and `notes`, which keeps what was measured. Here: what
they share.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from gridnode.wire import schema
from hil.bench import Bench, Edge, Edit, Load
from hil.host import Answer, Host
from hil.rigs import Rig

NO_DWELL = {
    "board.py": lambda source: re.sub(r'("min_(?:on|off)_s"): *\d+', r"\1: 0", source),
}


class Maker(Protocol):
    """Makes a bench of the rig for one check, without power, and closes it in the end."""

    rig: Rig
    long: bool

    def __call__(
        self, unit: Mapping[str, Any] = ..., load: Load = ..., edits: Mapping[str, Edit] = ...
    ) -> AbstractContextManager[Bench]: ...


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
    return int(max(max(spec["min_on_s"], spec["min_off_s"]) for spec in bench.board["CONTACTORS"]))


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
