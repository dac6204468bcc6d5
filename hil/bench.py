"""What every rig's bench can do: hold one node, its power, its line, its contactors and its load. Times are in ns.

A bench is made without power. What its rig lacks raises BenchError; hil.rigs says what that is, so that tests can ask.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hil.rigs import Rig
from host_bridge.keys import SLOTS

MS = 1_000_000  # ns
S = 1_000_000_000  # ns
BOOT_LINE = r"gridnexus (\S+) node (.+?) on (.+?), reset cause (.+?), contactors open"

UNIT = "hil"  # the node's name
# Of a node that a bench makes. No secret, and the same in each run: simulated runs repeat to the microsecond.
KEYS = [(SLOTS[0], hashlib.sha256(b"a node on the bench").digest())]

Edit = Callable[[str], str]


class BenchError(RuntimeError):
    """The rig cannot be set up or cannot do this; the text says what to do."""


class Edge(NamedTuple):
    """A relay's pin, or the coil without a pin, changed as an outside circuit sees it."""

    at_ns: int
    closed: bool


class Quantities(NamedTuple):
    """What truly flows through a channel, as the wire names it."""

    voltage_rms_mv: float
    current_rms_ma: float
    active_power_mw: float
    frequency_mhz: float


@dataclass(frozen=True)
class Load:
    """A steady load on the first channel."""

    active_mw: int = 1_000_000
    voltage_mv: int = 230_000
    frequency_mhz: int = 50_000


@dataclass(frozen=True)
class Setup:
    """How a test wants its node: keys of unit.json, a steady load, sources edited before they are put on the node.

    `edits`: path below firmware_mpy, or board.py -> a function from the source to the source that goes on.
    """

    scratch: Path
    unit: Mapping[str, Any] = field(default_factory=dict)
    load: Load = field(default_factory=Load)
    edits: Mapping[str, Edit] = field(default_factory=dict)
    port: str | None = None  # of a real board: its link
    console: str | None = None  # and its console
    keys: list[tuple[int, bytes]] = field(default_factory=KEYS.copy)  # (slot, 32 bytes), the newest last


class Bench(Protocol):
    """One node under test, at first without power."""

    rig: Rig
    board: Mapping[str, Any]  # board.py's literals
    keys: list[tuple[int, bytes]]  # of the node, whose name is UNIT: for the host at its line

    @property
    def now_ns(self) -> int:
        """The rig's time; it never goes back, and has nothing to do with the node's."""

    def run(self, duration_ns: int) -> None:
        """Let the rig's time pass."""

    def power_on(self) -> None: ...

    def power_off(self) -> None: ...

    def reset(self) -> None:
        """Pull the reset pin."""

    def brown_out(self) -> None:
        """Let the supply sag so far that the chip starts anew."""

    def cut_power(self, operation: int, when: str) -> None:
        """Lose power at the operation-th flash operation from now: `when` is before, during or after."""

    def type(self, text: bytes) -> None:
        """At the console's prompt; b"\\x03" (Ctrl-C) breaks into the node's program."""

    def read(self) -> list[tuple[int, bytes]]:
        """What the node has sent since the last call: (time of the last byte's arrival, bytes)."""

    def write(self, data: bytes) -> int:
        """Send to the node; returns when the first byte begins."""

    def console(self) -> str:
        """All that the console has shown since the bench was made."""

    def edges(self, contactor: int) -> list[Edge]:
        """Of that contactor's relay pin since the bench was made."""

    def is_closed(self, contactor: int) -> bool:
        """Whether the pin closes the relay now; without power the relay's own resistor keeps it open."""

    def set_load(self, load: Load) -> None:
        """Another steady load, from now on."""

    def stick(self, contactor: int, stuck: str | None) -> None:
        """Weld the contactor's contacts ("closed"), break its coil ("open"), or mend it (None)."""

    def truth(self, node_ms: float) -> Quantities:
        """What the load of channel 0 truly is at that node time."""

    def busy_ns(self) -> int:
        """How long the node's processor has been busy since the bench was made."""

    def sizes(self) -> dict[str, int]:
        """Bytes by what they are: "image" (interpreter), "node" (our files)."""

    def log(self) -> str:
        """For a person who looks for what went wrong."""

    def close(self) -> None: ...


def relay_pin(board: Mapping[str, Any], contactor: int) -> tuple[int, int]:
    """(pin, level that closes) of a contactor of that board. Raises BenchError where it has none."""
    spec = board["CONTACTORS"][contactor]
    if spec.get("pin") is None:
        raise BenchError(f"{board['NAME']}: contactor {spec['name']} has no pin")
    return spec["pin"], spec["closed_level"]


def apply_edits(edits: Mapping[str, Edit], source_of: Callable[[str], str]) -> dict[str, bytes]:
    """Path -> edited source, for every edit."""
    return {path: edit(source_of(path)).encode() for path, edit in edits.items()}


def replace_once(old: str, new: str) -> Edit:
    """An edit of one place. Raises BenchError unless `old` is there exactly once, so that none goes stale unseen."""

    def edit(source: str) -> str:
        if source.count(old) != 1:
            raise BenchError(f"an edit must match exactly once, not {source.count(old)} times: {old!r}")
        return source.replace(old, new)

    return edit
