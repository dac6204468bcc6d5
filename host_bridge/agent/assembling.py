"""From a file, or from what is kept of an installed world, to one that can be ticked: all the parts put together."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

from host_bridge.agent import life
from host_bridge.agent.binding import Binding, BindingError, Views
from host_bridge.agent.installed import Entry
from host_bridge.agent.keeping import Keeping
from host_bridge.agent.leases import Leases, Request, Spawn
from host_bridge.agent.preparing import Prepared, WorldError, prepare
from host_bridge.agent.running import Former, Running
from host_bridge.agent.world import World
from host_bridge.events import EventLog
from host_bridge.microworld import signing
from host_bridge.microworld.runtime import Sandbox, WorldFault
from host_bridge.microworld.tick_log import TickLog


class Assembly:
    """`trusted` are public keys besides this machine's own, which is in `folder`; `reserved` (node, contactor) that
    somebody else switches."""

    def __init__(
        self,
        folder: Path,
        kept: Keeping,
        request: Request,
        spawn: Spawn,
        events: EventLog,
        trusted: Sequence[str],
        zone: tzinfo,
        clock_ms: Callable[[], int],
        changed: Callable[[], None],
        reserved: Collection[tuple[str, str]] = (),
    ) -> None:
        self._folder, self._kept, self._request, self._spawn, self._events = folder, kept, request, spawn, events
        self._trusted, self._zone, self._clock_ms, self._changed = trusted, zone, clock_ms, changed
        self._sandbox, self._reserved = Sandbox(), frozenset(reserved)

    def trusted(self) -> list[str]:
        """The public keys whose worlds are taken. Raises SigningError: this machine's own cannot be read."""
        own = signing.Signer.known(self._folder)
        return [*self._trusted, *([own.public] if own else [])]

    async def prepare(self, content: bytes) -> Prepared:
        """As preparing.prepare, in a thread. Raises WorldError."""
        try:
            return await asyncio.to_thread(prepare, content, self.trusted(), self._sandbox)
        except signing.SigningError as error:
            raise WorldError(str(error)) from None

    def bind(self, written: Any, made: Prepared, others: Iterable[Running], views: Views | None) -> Binding:
        """The binding of `made`; `views` are looked at where they are given. Raises WorldError: one of `others`
        switches what it wants to.
        """
        try:
            binding = Binding.of(written, made.program)
            if views is not None:
                binding.check(views)
        except BindingError as error:
            raise WorldError(str(error)) from None
        ours = {target[:2] for target in binding.targets.values()}
        for node, contactor in sorted(ours & self._reserved):
            raise WorldError(f"{contactor} of {node} is the energy agent's: take it from [[home]] or [[load]] first")
        for other in others:
            for target in other.targets():
                if target[:2] in ours:
                    raise WorldError(f"{target.node}.{target.contactor} is switched by world {other.name} already")
        return binding

    def world(self, made: Prepared, phase: str) -> World:
        """Raises WorldError: it does not start."""
        try:
            return World(made.bundle, made.program, made.module, phase, made.fuel)
        except WorldFault as fault:
            raise WorldError(f"it ends in a fault before its first tick: {fault}") from None

    def running(self, name: str, world: World, binding: Binding) -> Running:
        """`world` with its leases and its log."""
        leases = Leases(binding.targets, self._request, self._spawn, self._clock_ms)

        def tell(level: str, kind: str, text: str) -> None:
            self._events.add(level, kind, text)

        log = TickLog(self._folder / "ticks" / name)
        return Running(name, world, binding, leases, log, tell, self._changed, self._zone)

    async def again(self, entry: Entry, others: Sequence[Running]) -> Running:
        """What was installed before this bridge started. Raises WorldError, BundleError: its file is not there."""
        made = await self.prepare(await self._kept.get(entry.file))
        binding = self.bind(entry.binding, made, others, None)  # no node has spoken yet
        former = None
        if entry.former_file:
            before = await self.prepare(await self._kept.get(entry.former_file))
            bound = self.bind(entry.former_binding, before, others, None)
            former = Former(self.world(before, life.RESTING), bound, entry.mapping or {})
        phase = life.PROBATION if entry.probation_left and former else life.RUNNING
        world = self.world(made, life.STOPPED if entry.stopped else phase)
        world.fault = entry.stopped
        running = self.running(entry.name, world, binding)
        running.restore(former, entry.probation_left)
        return running


def same_binding(running: Running, made: Prepared) -> dict[str, Any]:
    """As it is now, without what the newcomer does not have."""
    names = {quantity.name for quantity in made.program.quantities()}
    now = running.binding.written
    return {table: {name: to for name, to in now[table].items() if name in names} for table in now}


def entry_of(running: Running) -> Entry:
    """What is kept of it on disk."""
    former = running.former
    return Entry(
        running.name,
        running.world.bundle.file,
        running.binding.written,
        former.world.bundle.file if former else "",
        former.binding.written if former else None,
        dict(former.mapping) if former else None,
        running.probation_left,
        running.world.fault if running.world.phase == life.STOPPED else "",
    )
