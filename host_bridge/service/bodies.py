"""The JSON that the API speaks: one shape for each thing, units in the names, made from model's objects."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from host_bridge.model import Command, ContactorReport, NodeView

Pending = Mapping[tuple[str, str], Command]
Resolution = Literal["raw", "minute", "quarter", "day"]


class CommandRequest(BaseModel):
    """What a program asks for. The dispatch judges the values; here only their types are checked."""

    model_config = ConfigDict(extra="forbid")

    node: str = Field(max_length=200)
    contactor: str = Field(max_length=200, description="its name, as in /api/nodes")
    target: str = Field(max_length=20, description="open, closed or reset")
    hold_s: int = Field(0, strict=True, description="after this the node goes back to open by itself; for closing")
    reason: str = Field("", max_length=200)


class CommandBody(BaseModel):
    """A command and what became of it."""

    number: int
    time_ms: int
    node: str
    contactor: str
    target: str
    hold_s: int
    asked_by: str
    reason: str
    verdict: str
    refusal: str | None
    detail: str
    wait_ms: int
    finished_ms: int

    @classmethod
    def of(cls, command: Command) -> "CommandBody":
        return cls.model_validate(command, from_attributes=True)


class ChannelBody(BaseModel):
    """One metered channel and its newest values; those are null when nothing was measured."""

    channel: str
    time_ms: int | None = None
    energy_import_mwh: int | None = None
    energy_export_mwh: int | None = None
    active_power_mw: int | None = None
    reactive_power_mvar: int | None = None
    apparent_power_mva: int | None = None
    voltage_rms_mv: int | None = None
    current_rms_ma: int | None = None
    frequency_mhz: int | None = None
    quality: int | None = None
    clock_error_ms: int | None = Field(default=None, description="time_ms is right to +- this")


class ContactorBody(BaseModel):
    """What the node reported of a contactor (nulls: nothing yet), and what was asked of it."""

    name: str
    state: str | None
    cause: str | None
    reported_ms: int | None
    hold_remaining_ms: int | None = Field(description="counted down to now")
    dwell_remaining_ms: int | None = Field(description="counted down to now; until the next change is allowed")
    pending: CommandBody | None
    last: CommandBody | None


class VitalsBody(BaseModel):
    """How the node itself is doing, as it last said."""

    time_ms: int
    heap_free_bytes: int | None
    saves: int = Field(description="writes of registers and journal since its boot")
    flash_years: int | None = Field(description="that its flash lasts at this rate; null: not known yet")
    journal_days: int = Field(description="that its journal reaches back when full; 0: not known yet")
    plan_version: int = Field(description="0: none")
    plan_until_unix_s: int
    calibration_version: int
    clock_known: bool = Field(description="whether the node knows the time of day")


class NodeBody(BaseModel):
    """What is known of one node now. Live values of a node that is not online are the last ones heard."""

    name: str
    link: str
    link_state: str
    board: str
    firmware: str
    boot_epoch: int
    reset_cause: str
    interval_s: int
    max_hold_s: int
    last_heard_ms: int = Field(description="Unix time; 0: never")
    clock_offset_ms: float | None
    round_trip_ms: float | None
    active_power_mw: int | None
    channels: list[ChannelBody]
    contactors: list[ContactorBody]
    counters: dict[str, int]
    vitals: VitalsBody | None

    @classmethod
    def of(cls, view: NodeView, pending: Pending, last: Pending, now_ms: int) -> "NodeBody":
        plain = {name: getattr(view, name) for name in _PLAIN}
        return cls(
            **plain,
            active_power_mw=view.active_power_mw(),
            vitals=VitalsBody(**view.vitals._asdict()) if view.vitals else None,
            channels=[_channel(view, number, name) for number, name in enumerate(view.channels)],
            contactors=[
                _contactor(name, view.contactor_reports.get(number), pending.get((view.name, name)),
                           last.get((view.name, name)), now_ms)
                for number, name in enumerate(view.contactors)
            ],
        )  # fmt: skip


class EventBody(BaseModel):
    """Something people should know of. `kind` is for programs, `text` for people."""

    time_ms: int
    level: str
    kind: str
    node: str
    text: str


class BridgeBody(BaseModel):
    """The bridge itself."""

    name: str
    version: str
    time_ms: int
    uptime_s: int
    schema_digest: str
    store: dict[str, Any]


class ReadingsBody(BaseModel):
    """Readings of one channel, oldest first. A full page (`limit` rows) may have a successor."""

    node: str
    channel: str
    resolution: Resolution
    start_ms: int
    end_ms: int
    limit: int
    rows: list[dict[str, int | str | None]]


_MADE = ("active_power_mw", "channels", "contactors", "vitals")
_PLAIN = tuple(name for name in NodeBody.model_fields if name not in _MADE)


def _channel(view: NodeView, number: int, name: str) -> ChannelBody:
    live = view.live.get(number)
    return ChannelBody(**{**live._asdict(), "channel": name}) if live else ChannelBody(channel=name)


def _contactor(
    name: str, report: ContactorReport | None, pending: Command | None, last: Command | None, now_ms: int
) -> ContactorBody:
    return ContactorBody(
        name=name,
        state=report.state if report else None,
        cause=report.cause if report else None,
        reported_ms=report.time_ms if report else None,
        hold_remaining_ms=report.hold_left_ms(now_ms) if report else None,
        dwell_remaining_ms=report.dwell_left_ms(now_ms) if report else None,
        pending=CommandBody.of(pending) if pending else None,
        last=CommandBody.of(last) if last else None,
    )
