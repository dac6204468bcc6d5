"""The JSON of microworlds: what is installed, what is asked for, and what is known of a specification."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from host_bridge.agent.views import WorldView
from host_bridge.microworld.bundle import MOST_BYTES, PARTS
from host_bridge.microworld.tick_log import Tick

MOST_TICKS = 900  # that the bridge keeps at hand
BASE64 = MOST_BYTES * 4 // 3 + 4
Name = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Values = Annotated[dict[Name, int | Annotated[str, StringConstraints(max_length=40)]], Field(max_length=200)]
Profile = Annotated[dict[Name, Name], Field(max_length=200)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class InstallRequest(_Request):
    """A signed world, and where its inputs come from and its outputs go."""

    world: str = Field(max_length=BASE64, description="the .world file in base64")
    binding: dict[str, Any] = Field(
        description='{"inputs": {NAME: "NODE.CHANNEL.QUANTITY" | "NODE.CONTACTOR.closed" | "clock.minute_of_day" | '
        '"clock.hour" | number | {"series": [[unix_s, value], ...]}}, "outputs": {NAME: "NODE.CONTACTOR" | null}}'
    )


class SwapRequest(_Request):
    """A newcomer, which runs beside the world in charge before it takes over."""

    world: str = Field(max_length=BASE64, description="the .world file in base64")
    binding: dict[str, Any] | None = Field(None, description="as for an installation; null: as it is now")
    mapping: dict[Name, Name | int] = Field({}, description="state of the newcomer: state of the old one, or a number")
    shadow_ticks: int = Field(10, strict=True, description="that it runs beside the one in charge")
    probation_ticks: int = Field(60, strict=True, description="in charge, in which the old one is kept to fall back on")


class CheckRequest(_Request):
    """A specification to be checked and proved; nothing is installed."""

    spec: str = Field(max_length=PARTS["spec"], description="TOML")
    profile: Profile = Field({}, description="agent: strategy, where it is not the specification's own")
    parameters: Values = Field({}, description='parameter: a whole number in its unit, or a text such as "90 s"')


class VerdictBody(BaseModel):
    """One claim and what became of it."""

    claim: str
    outcome: Literal["proved", "refuted", "not proved", "refused"]
    how: str
    k: int = 0
    seconds: float
    says: str
    trace: list[dict[str, int]] | None = Field(None, description="of a refuted one: a run that breaks it, tick by tick")
    reachable: bool = Field(False, description="the trace begins in the start state")


class FaultBody(BaseModel):
    """What is wrong at one place of a specification."""

    line: int
    column: int
    says: str


class CheckBody(BaseModel):
    """What is known of a specification. Without errors it was compiled; `accepted`: every claim is proved."""

    model_config = ConfigDict(extra="allow")

    errors: list[FaultBody]
    warnings: list[str]
    accepted: bool
    verdicts: list[VerdictBody]
    digest: str = Field("", description="SHA-256 of the module")
    wasm_bytes: int = 0
    bytecode_bytes: int = Field(0, description="for a node; 0: it does not fit there, see bytecode_says")
    bytecode_says: str = ""
    not_checked: str = Field("", description="why the verifier did not come to an end")
    seconds: float = 0.0


class NewcomerBody(BaseModel):
    """A newcomer in its shadow run; its outputs go nowhere."""

    model_config = ConfigDict(from_attributes=True)

    digest: str
    says: str
    asked_by: str
    shadow_ticks: int
    ran: int
    compared: int
    agreed: int = Field(description="of `compared`: all outputs of one name were the same")
    unable: int = Field(description="ticks that it could not run")
    differences: list[dict[str, Any]]
    mapping: dict[str, str | int]
    state: dict[str, int]
    inputs: dict[str, int]
    outputs: dict[str, int] = Field(description="computed")


class WorldBody(BaseModel):
    """One installed world that the bridge runs as wasm. Ticks are counted since the bridge started."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    world: str = Field(description="the specification's own name")
    kind: str
    says: str
    digest: str = Field(description="SHA-256 of the module")
    phase: str = Field(description="running, probation or stopped")
    tick_s: int
    ticks: int
    idle_ticks: int = Field(description="not run: an input was missing, an assumption broken")
    missed: int = Field(description="not run: the bridge was too late")
    idle: str = Field(description="why the last tick was not run; empty: it was")
    fault: str
    last_ms: int = Field(description="Unix time of the last tick; 0: none yet")
    state: dict[str, int]
    inputs: dict[str, int]
    outputs: dict[str, int] = Field(description="computed")
    units: dict[str, str]
    binding: dict[str, Any]
    profile: dict[str, str]
    parameters: dict[str, int]
    signed_by: str
    probation_left: int
    previous: str = Field(description="digest of the one to fall back on")
    newcomer: NewcomerBody | None
    log_fault: str
    contactors: list[str]

    @classmethod
    def of(cls, view: WorldView) -> "WorldBody":
        return cls.model_validate(view)


class TickBody(BaseModel):
    """One tick: the state before it, what came in, what was computed."""

    digest: str
    number: int
    time_ms: int
    state: list[int]
    inputs: list[int]
    outputs: list[int] = Field(description="computed; none where it ended in a fault")
    fault: str

    @classmethod
    def of(cls, tick: Tick) -> "TickBody":
        return cls.model_validate(tick._asdict())


class TicksBody(BaseModel):
    """The newest ticks, oldest first; values are in the order of the names."""

    name: str
    rows: list[TickBody]


class SpecBody(BaseModel):
    """A specification of the catalogue, or of what is in charge."""

    name: str
    spec: str
    profile: dict[str, str] = {}
    parameters: dict[str, int] = {}
