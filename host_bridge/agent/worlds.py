"""The worlds that run in the bridge: installed, swapped and removed at run time, ticked by one task."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host_bridge.agent import life
from host_bridge.agent.assembling import Assembly, entry_of, same_binding
from host_bridge.agent.binding import Binding
from host_bridge.agent.installed import Entry
from host_bridge.agent.keeping import Keeping
from host_bridge.agent.preparing import Prepared, WorldError
from host_bridge.agent.running import Running
from host_bridge.agent.swapping import Newcomer
from host_bridge.agent.views import WorldView, view_of
from host_bridge.agent.world import HandOverError, Mapped, check_mapping
from host_bridge.events import EventLog
from host_bridge.microworld.bundle import Bundle, BundleError
from host_bridge.microworld.tick_log import Tick

if TYPE_CHECKING:
    from host_bridge.dispatch import Dispatch
    from host_bridge.fleet import Fleet

MOST_WORLDS = 100
MOST_TICKS = 86_400  # of a shadow run or a probation
NAME_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
SHADOW_TICKS, PROBATION_TICKS = 10, 60


class WorldHost:
    """`folder` holds files, keys, ticks and what is installed; `trusted` are public keys besides this machine's own.

    `clock_ms` never jumps and says when a tick is due; `wall_ms` is Unix time. `reserved` are contactors (node,
    contactor) that no world may switch. What is installed runs while `run` does.
    """

    def __init__(
        self,
        folder: Path,
        fleet: "Fleet",
        dispatch: "Dispatch",
        events: EventLog,
        trusted: Sequence[str] = (),
        zone: tzinfo = UTC,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        reserved: Collection[tuple[str, str]] = (),
    ) -> None:
        self._folder, self._fleet, self._events = folder, fleet, events
        self._clock_ms, self._wall_ms = clock_ms, wall_ms
        self._kept = Keeping(folder, events)
        self._assembly = Assembly(
            *(folder, self._kept, dispatch.request, self._spawn, events, trusted, zone, clock_ms, self._note_change),
            reserved=reserved,
        )
        self._worlds: dict[str, Running] = {}
        self._due_ms: dict[str, int] = {}
        self._lame: list[Entry] = []  # could not be started again: they stay installed
        self._changing = asyncio.Lock()  # one install, swap or removal at a time
        self._unsaved = False
        self._woken = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None

    # What people and programs ask for.

    async def install(self, content: bytes, binding: Any, asked_by: str, name: str = "") -> WorldView:
        """Run the world in `content`, a `.world` file, as `name` (its own unless given). Raises WorldError."""
        async with self._changing:
            made = await self._assembly.prepare(content)
            name = _checked_name(name or made.program.name)
            if name in self._worlds:
                raise WorldError(f"{name} is installed already: swap it, or remove it first")
            if len(self._worlds) >= MOST_WORLDS:
                raise WorldError(f"{MOST_WORLDS} worlds are installed: remove one first")
            bound = self._assembly.bind(binding, made, self._worlds.values(), self._fleet.views)
            await self._put(content)
            running = self._assembly.running(name, self._assembly.world(made, life.RUNNING), bound)
            self._lame = [entry for entry in self._lame if entry.name != name]
            self._add(running)
            await self._save()
        text = f"{name}: {running.world.short} ({made.program.name}) is installed, asked by {asked_by}"
        self._events.add("info", "world installed", text)
        return view_of(running)

    async def swap(
        self,
        name: str,
        content: bytes,
        mapping: Mapped | None = None,
        shadow_ticks: int = SHADOW_TICKS,
        probation_ticks: int = PROBATION_TICKS,
        asked_by: str = "",
        binding: Any = None,
    ) -> WorldView:
        """Let the world in `content` run beside `name` and take over after `shadow_ticks`.

        `mapping`: {state of the newcomer: state of the old one, or a number}; those not named are handed over by name
        and unit, else begin at their start. `binding`: as it is now unless given. Raises WorldError.
        """
        for ticks in (shadow_ticks, probation_ticks):
            if not 0 < ticks <= MOST_TICKS:
                raise WorldError(f"shadow run and probation have 1 to {MOST_TICKS} ticks, not {ticks}")
        async with self._changing:
            self._can_swap(name)
            made = await self._assembly.prepare(content)
            running = self._can_swap(name)  # it may have failed meanwhile
            if made.program.tick_s != running.world.program.tick_s:
                raise WorldError(f"{name} ticks every {running.world.program.tick_s} s: the newcomer has to do so, too")
            others = [other for other in self._worlds.values() if other is not running]
            written = binding or same_binding(running, made)
            bound = self._assembly.bind(written, made, others, self._fleet.views)
            await self._put(content)
            running = self._can_swap(name)
            self._introduce(running, made, bound, mapping or {}, shadow_ticks, probation_ticks, asked_by)
        return view_of(running)

    async def cancel(self, name: str, asked_by: str) -> WorldView:
        """Send away the newcomer that is in its shadow run. Raises WorldError."""
        running = self._known(name)
        if running.newcomer is None:
            raise WorldError(f"no swap of {name} is under way")
        running.cancel(asked_by)
        return view_of(running)

    async def remove(self, name: str, asked_by: str) -> None:
        """Stop `name` and forget it; what it holds is given back. Raises WorldError."""
        async with self._changing:
            if any(entry.name == name for entry in self._lame):
                self._lame = [entry for entry in self._lame if entry.name != name]
                await self._save()
                return
            running = self._known(name)
            del self._worlds[name], self._due_ms[name]
            await self._save()
            self._events.add("info", "world removed", f"{name}: {running.world.short} is removed, asked by {asked_by}")
            await running.leases.release(f"world {name} {running.world.short}")
            await self._kept.log(running)

    def views(self) -> list[WorldView]:
        """All that is installed, by name."""
        return [view_of(self._worlds[name]) for name in sorted(self._worlds)]

    def view(self, name: str) -> WorldView:
        """Raises WorldError: there is none."""
        return view_of(self._known(name))

    def ticks(self, name: str, last: int = 100) -> list[Tick]:
        """The newest ticks since the bridge started, oldest first. Raises WorldError."""
        return self._known(name).log.last(last)

    def bundle(self, name: str) -> Bundle:
        """What is in charge, with its spec and its assurance case. Raises WorldError."""
        return self._known(name).world.bundle

    def trusted(self) -> list[str]:
        """The public keys whose worlds are taken here. Raises SigningError: this machine's own cannot be read."""
        return self._assembly.trusted()

    # The one task.

    async def run(self) -> None:
        """Start what is installed, and tick it until cancelled."""
        await self._restore()
        try:
            async with asyncio.TaskGroup() as self._group:
                while True:
                    due_ms = self.advance()
                    self._keep()
                    self._woken.clear()
                    wait_s = max(0.0, (due_ms - self._clock_ms()) / 1000)
                    await _set_within(self._woken, min(wait_s, 60.0))
        finally:
            self._group = None
            if self._unsaved:
                await self._save()
            for running in self._worlds.values():
                await self._kept.log(running)

    def advance(self) -> int:
        """Run every tick that is due; returns when the next is. One that is a whole tick late is missed, not made up
        for: its inputs are gone."""
        for name, running in list(self._worlds.items()):
            now_ms, tick_ms = self._clock_ms(), running.world.program.tick_s * 1000
            if now_ms < self._due_ms[name]:
                continue
            missed = (now_ms - self._due_ms[name]) // tick_ms
            running.missed += missed
            self._due_ms[name] += (missed + 1) * tick_ms
            running.tick(self._fleet.views, self._wall_ms())
        return min(self._due_ms.values(), default=self._clock_ms() + 60_000)

    def _keep(self) -> None:
        """Have written what there is to write, beside the ticks."""
        wall_ms = self._wall_ms()
        for running in self._worlds.values():
            if running.log.is_due(wall_ms):
                self._spawn(self._kept.log(running))
        if self._unsaved:
            self._unsaved = False
            self._spawn(self._save_later())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            work.close()
        else:
            self._group.create_task(work)

    # Parts of the above.

    async def _put(self, content: bytes) -> None:
        try:
            await self._kept.put(content)
        except OSError as error:
            raise WorldError(f"the world cannot be kept in {self._folder}: {error.strerror}") from None

    def _add(self, running: Running) -> None:
        self._worlds[running.name] = running
        self._due_ms[running.name] = self._clock_ms() + 1000 * running.world.program.tick_s
        self._woken.set()

    def _introduce(
        self,
        running: Running,
        made: Prepared,
        binding: Binding,
        mapping: Mapped,
        shadow_ticks: int,
        probation_ticks: int,
        asked_by: str,
    ) -> None:
        world = self._assembly.world(made, life.SHADOW)
        try:
            check_mapping(running.world.program, made.program, mapping)
            running.introduce(Newcomer(world, binding, mapping, shadow_ticks, probation_ticks, asked_by))
        except HandOverError as error:
            raise WorldError(f"the state cannot be handed over: {error}") from None

    def _known(self, name: str) -> Running:
        if name not in self._worlds:
            raise WorldError(f"no world is called {name}; installed: {', '.join(sorted(self._worlds)) or 'none'}")
        return self._worlds[name]

    def _can_swap(self, name: str) -> Running:
        running = self._known(name)
        if running.newcomer is not None:
            raise WorldError(f"a swap of {name} is under way: wait for its end, or call it off")
        if running.world.phase == life.PROBATION:
            raise WorldError(f"{name} is in its probation for {running.probation_left} ticks more: wait for its end")
        if running.world.phase != life.RUNNING:
            raise WorldError(f"{name} is {running.world.phase}: remove it, and install the other")
        return running

    # On disk.

    def _note_change(self) -> None:
        self._unsaved = True

    async def _save_later(self) -> None:
        async with self._changing:  # a file that was just put is not one that nobody needs
            await self._save()

    async def _save(self) -> None:
        self._unsaved = False
        entries = [*(entry_of(running) for running in self._worlds.values()), *self._lame]
        newcomers = [run.newcomer.world.bundle.file for run in self._worlds.values() if run.newcomer]
        await self._kept.save(entries, newcomers)

    async def _restore(self) -> None:
        """Start again what was installed. One that cannot be started keeps no other from it."""
        for entry in await self._kept.load():
            try:
                self._add(await self._assembly.again(entry, list(self._worlds.values())))
            except (WorldError, BundleError) as error:
                self._lame.append(entry)
                self._events.add("error", "world fault", f"{entry.name} is not started: {error}")


def _checked_name(name: str) -> str:
    if not 0 < len(name) <= 40 or not set(name) <= NAME_LETTERS:
        raise WorldError(f"{name[:60]!r}: a world's name has 1 to 40 letters, digits, - and _")
    return name


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
