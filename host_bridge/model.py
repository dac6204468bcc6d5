"""What the parts of the bridge say to each other: readings, live values, commands, outcomes, events.

Integers in the wire's units (mW, mWh, mV, mA, mHz, ms). `time_ms` is Unix time on the Pi's clock;
`node_*_ms` is the node's own time: it goes on from boot to boot and stands still while the node is off. None is a
quantity that this meter cannot tell.
Named tuples: a reading is made 80,000 times a second and goes to SQLite as it is.
"""

import struct
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

LIVE_TRAIL = 900  # (time_ms, active_power_mw) kept per node for the live chart: 15 minutes at 1 Hz
WORLD_TICKS = 900  # the same of a world's ticks


class Reading(NamedTuple):
    """One interval record of one channel. Identified by (node, journal_epoch, sequence)."""

    node: str
    journal_epoch: int
    sequence: int
    channel: int
    time_ms: int  # Unix time of the interval's end
    node_end_ms: int
    duration_ms: int  # 0: a baseline, the registers when the journal began
    energy_import_mwh: int  # registers at the end; they never go down within an epoch
    energy_export_mwh: int
    active_power_mw: int | None  # means over the interval; + is import
    reactive_power_mvar: int | None
    apparent_power_mva: int | None
    voltage_rms_mv: int | None
    current_rms_ma: int | None
    frequency_mhz: int | None
    quality: int  # bits of schema (NO_VOLTAGE and so on), 0 is good
    clock_error_ms: int | None = None  # time_ms is right to +- this; None: nobody knows


class Event(NamedTuple):
    """Something people should know of. `kind` is for programs, `text` for people."""

    time_ms: int
    level: str  # "info", "warning", "error"
    kind: str
    node: str  # "" when it concerns the bridge
    text: str


class Switching(NamedTuple):
    """One change of a contactor, as the node recorded it. Shares the sequence with Reading."""

    node: str
    journal_epoch: int
    sequence: int
    contactor: int
    time_ms: int
    node_time_ms: int
    state: str  # schema.STATES
    cause: str  # schema.CAUSES
    hold_remaining_ms: int
    quality: int = 0  # schema.TIME_UNSURE or 0
    told: Event | None = None  # what people are to read of it, once; not a column


class NodeEvent(NamedTuple):
    """Something that the node has noticed and recorded. Shares the sequence with Reading."""

    node: str
    journal_epoch: int
    sequence: int
    event: str  # schema.EVENTS
    subject: int  # a channel, a contactor ... : what schema.EVENTS says
    time_ms: int
    node_time_ms: int
    value: int | None  # in the unit that schema.EVENTS says
    duration_ms: int
    quality: int = 0
    told: Event | None = None


class ClockRecord(NamedTuple):
    """What time it was at a moment of a node's boot: holds for that whole boot. Shares the sequence with Reading."""

    node: str
    journal_epoch: int
    sequence: int
    node_time_ms: int
    unix_ms: int
    error_ms: int = 0  # unix_ms is right to +- this


class Skipped(NamedTuple):
    """A sequence that no record has, and none will have."""

    node: str
    journal_epoch: int
    sequence: int


Record = Reading | Switching | NodeEvent | ClockRecord | Skipped


class Live(NamedTuple):
    """The newest values of a channel; best effort, not kept."""

    channel: int
    time_ms: int
    energy_import_mwh: int
    energy_export_mwh: int
    active_power_mw: int | None
    reactive_power_mvar: int | None
    apparent_power_mva: int | None
    voltage_rms_mv: int | None
    current_rms_ma: int | None
    frequency_mhz: int | None
    quality: int
    clock_error_ms: int | None = None  # as of Reading


class ContactorReport(NamedTuple):
    """What the node says of a contactor; the only state that people are shown as real."""

    contactor: int
    time_ms: int
    state: str
    cause: str
    hold_remaining_ms: int  # at time_ms; 0 in the safe state
    dwell_remaining_ms: int  # until the next change is allowed

    def hold_left_ms(self, now_ms: int) -> int:
        """The hold counted down from the report to `now_ms`."""
        return max(0, self.hold_remaining_ms - max(0, now_ms - self.time_ms))

    def dwell_left_ms(self, now_ms: int) -> int:
        """The dwell counted down from the report to `now_ms`."""
        return max(0, self.dwell_remaining_ms - max(0, now_ms - self.time_ms))


class Vitals(NamedTuple):
    """How the node itself is doing; best effort, not kept."""

    time_ms: int
    heap_free_bytes: int | None
    saves: int  # writes of registers and journal since its boot
    flash_years: int | None  # that its flash lasts at this rate, by the maker's figure; None: not known yet
    journal_days: int  # that its journal reaches back when full; 0: not known yet
    plan_version: int  # 0: none
    plan_until_unix_s: int
    calibration_version: int
    clock_known: bool


class NodeTick(NamedTuple):
    """One tick of the microworld that a node runs as bytecode, as the node told it; not each one arrives."""

    plan_version: int  # of the plan that carries the world
    number: int  # the first one since the node started the world is 1
    time_ms: int  # Unix
    fault: str  # of schema.FAULTS: why it was not run; "" if it was
    record: bytes  # see schema.TICK

    def words(self) -> tuple[int, ...]:
        """The states before it, the inputs, and, where it was run, the outputs."""
        return struct.unpack(f"<{len(self.record) // 4}i", self.record[: len(self.record) // 4 * 4])


class StoreError(Exception):
    """The database cannot be used; the text says why and what to do."""


class LinkState(StrEnum):
    """How the bridge stands with a node."""

    CONNECTING = "connecting"  # the port is not open, or nobody has answered yet
    ONLINE = "online"
    STALE = "stale"  # nothing heard for longer than stale_after_s
    INCOMPATIBLE = "incompatible"  # speaks a schema this bridge does not know: shown, not commanded


class Verdict(StrEnum):
    """How a command ended."""

    PENDING = "pending"
    APPLIED = "applied"
    REFUSED = "refused"  # by the bridge or by the node; see refusal and detail
    UNKNOWN = "unknown"  # the link failed: not known whether applied, and past its deadline


class Refusal(StrEnum):
    """Why a command was not carried out; NODE means the node itself said no."""

    UNKNOWN_NODE = "unknown node"
    UNKNOWN_CONTACTOR = "unknown contactor"
    BAD_DOCUMENT = "bad document"
    BAD_TARGET = "bad target"
    BAD_HOLD = "hold out of range"
    PENDING = "another command is pending"
    OFFLINE = "node is not online"
    ONE_WAY = "node hears nothing"
    INCOMPATIBLE = "node speaks an unknown schema"
    NODE = "refused by the node"


@dataclass(slots=True)
class Command:
    """A request to switch one contactor, or to keep a document, and what became of it."""

    number: int  # unique in this store
    time_ms: int
    node: str
    contactor: str  # its name; "" where a document is to be kept
    target: str  # schema.TARGETS, or the document: schema.DOCUMENTS
    hold_s: int
    asked_by: str
    reason: str  # why it was asked
    verdict: Verdict = Verdict.PENDING
    refusal: Refusal | None = None
    detail: str = ""  # the refusal in words that say what to do
    wait_ms: int = 0  # how long the refusal's cause will last, 0 if unknown
    finished_ms: int = 0


class AirBand(NamedTuple):
    """The airtime of one gateway in one band of its region."""

    low_khz: int
    high_khz: int
    spent_ppm: int  # of the last hour
    limit_ppm: int  # that the law gives
    next_ms: int  # until an ordinary packet at the slowest rate may be sent; 0: now


@dataclass(slots=True)
class Air:
    """A radio of this bridge."""

    gateway: str  # its URL
    region: str
    is_simulated: bool
    fault: str  # "" or what is wrong with it
    is_jammed: bool
    bands: list[AirBand]
    counts: dict[str, int]  # packets: sent, heard, relayed, refused ...


@dataclass(slots=True)
class Way:
    """How a node is reached by radio. RSSI and margin are of the last hop, as the gateway hears it."""

    gateway: str
    is_simulated: bool
    hops: int  # 1: the gateway hears the node itself
    next_hop: str  # from the gateway towards the node; "": the node itself
    rssi_dbm: int
    margin_db: int  # above what the slowest rate needs
    airtime_ms: float  # of the packet that came last, over all hops
    is_one_way: bool = False  # the node hears nothing: it is heard all the same, and nothing can be asked of it


@dataclass(slots=True)
class NodeView:
    """What is known of one node now: the fleet writes it, everyone else reads it."""

    name: str
    link: str  # the URL it is heard on
    link_state: LinkState = LinkState.CONNECTING
    board: str = ""
    firmware: str = ""
    boot_epoch: int = 0
    reset_cause: str = ""
    interval_s: int = 0
    max_hold_s: int = 0
    channels: tuple[str, ...] = ()
    contactors: tuple[str, ...] = ()
    last_heard_ms: int = 0  # 0: never
    clock_offset_ms: float | None = None  # node clock minus ours since the session began; None: not measured
    round_trip_ms: float | None = None
    clock_error_ms: float | None = None  # how well the node's clock is known; at most
    drift_ppm: float | None = None  # how much too fast it runs
    loss_ppm: int | None = None  # of the node's packets
    way: Way | None = None  # by radio
    stale_after_ms: int = 0  # silent for longer it is stale; 0: as configured
    answer_within_ms: int = 0  # that a command takes here at most; 0: as configured
    least_hold_s: int = 0  # a shorter lease cannot be renewed in time
    live: dict[int, Live] = field(default_factory=dict)  # by channel
    journal_epoch: int = -1  # of the registers in `shown`
    shown: dict[int, tuple[int, int]] = field(default_factory=dict)  # by channel: the highest that people have seen
    contactor_reports: dict[int, ContactorReport] = field(default_factory=dict)
    vitals: Vitals | None = None
    world_ticks: deque[NodeTick] = field(default_factory=lambda: deque(maxlen=WORLD_TICKS))  # newest last
    live_trail: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=LIVE_TRAIL))
    counters: dict[str, int] = field(default_factory=dict)  # frames, readings, dropped frames by cause

    def show(self, live: Live, journal_epoch: int) -> None:
        """Take new values. Their registers never go down within a journal: after a power cut at the node they stand
        still until it has metered again what it had told and not yet saved."""
        if journal_epoch != self.journal_epoch:
            self.journal_epoch = journal_epoch
            self.shown.clear()
        imported, exported = self.shown.get(live.channel, (0, 0))
        registers = max(imported, live.energy_import_mwh), max(exported, live.energy_export_mwh)
        self.shown[live.channel] = registers
        self.live[live.channel] = live._replace(energy_import_mwh=registers[0], energy_export_mwh=registers[1])

    def active_power_mw(self) -> int | None:
        """Sum of the channels' newest active power (+ is import); None where nothing is measured."""
        powers = [live.active_power_mw for live in self.live.values() if live.active_power_mw is not None]
        return sum(powers) if powers else None
