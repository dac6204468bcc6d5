"""What people and programs are shown of an installed world. Its outputs are computed: never shown as measured."""

from dataclasses import dataclass, field
from typing import Any

from host_bridge.agent.running import Running
from host_bridge.agent.swapping import Newcomer
from host_bridge.agent.world import World


@dataclass(frozen=True, slots=True)
class NewcomerView:
    """A newcomer in its shadow run."""

    digest: str
    says: str
    asked_by: str
    shadow_ticks: int  # how many it is to run beside the one in charge
    ran: int
    compared: int
    agreed: int  # of `compared`: all outputs of one name were the same
    unable: int  # ticks that it could not run
    differences: list[dict[str, Any]]  # [{"time_ms", "outputs": {name: [of the one in charge, of the newcomer]}}]
    mapping: dict[str, str | int]
    state: dict[str, int]
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass(frozen=True, slots=True)
class WorldView:
    """One installed name; `ticks` and `missed` since the bridge started."""

    name: str
    world: str  # the specification's own name
    kind: str  # controller, twin
    says: str
    digest: str
    phase: str  # see life.py
    tick_s: int
    ticks: int
    idle_ticks: int  # not run: an input was missing, an assumption broken
    missed: int  # not run: the bridge was too late
    idle: str  # why the last tick was not run; "" where it was
    fault: str  # why it is stopped
    last_ms: int  # Unix time of the last tick that was run; 0: none yet
    state: dict[str, int]
    inputs: dict[str, int]
    outputs: dict[str, int]  # computed
    units: dict[str, str]  # of state, inputs and outputs
    binding: dict[str, Any]
    profile: dict[str, str]
    parameters: dict[str, int]
    signed_by: str
    probation_left: int
    previous: str  # digest of the one to fall back on, or ""
    newcomer: NewcomerView | None = None
    log_fault: str = ""  # why its ticks are not kept
    contactors: list[str] = field(default_factory=list)  # NODE.CONTACTOR


def view_of(running: Running) -> WorldView:
    """As it is now."""
    world, program = running.world, running.world.program
    state, inputs, outputs = world.named()
    return WorldView(
        name=running.name,
        world=program.name,
        kind=program.kind,
        says=program.says,
        digest=world.digest,
        phase=world.phase,
        tick_s=program.tick_s,
        ticks=running.ticks,
        idle_ticks=running.idle_ticks,
        missed=running.missed,
        idle=running.idle,
        fault=world.fault,
        last_ms=running.last_ms,
        state=state,
        inputs=inputs,
        outputs=outputs,
        units={quantity.name: quantity.unit for quantity in program.quantities()},
        binding=running.binding.written,
        profile=program.profile,
        parameters=program.parameters,
        signed_by=world.bundle.key,
        probation_left=running.probation_left,
        previous=running.former.world.digest if running.former else "",
        newcomer=_newcomer(running.newcomer, running.newcomer.world) if running.newcomer else None,
        log_fault=running.log.fault,
        contactors=[f"{target.node}.{target.contactor}" for target in running.binding.targets.values()],
    )


def _newcomer(newcomer: Newcomer, world: World) -> NewcomerView:
    state, inputs, outputs = world.named()
    return NewcomerView(
        digest=world.digest,
        says=world.program.says,
        asked_by=newcomer.asked_by,
        shadow_ticks=newcomer.shadow_ticks,
        ran=world.ticks,
        compared=newcomer.compared,
        agreed=newcomer.agreed,
        unable=newcomer.unable,
        differences=list(newcomer.differences),
        mapping=dict(newcomer.mapping),
        state=state,
        inputs=inputs,
        outputs=outputs,
    )
