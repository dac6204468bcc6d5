"""What worlds leave on disk, written in a thread beside the loop: one write at a time, and each to its end."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from host_bridge.agent.installed import Entry, Installed
from host_bridge.agent.running import Running
from host_bridge.events import EventLog
from host_bridge.microworld.bundle import BundleStore

T = TypeVar("T")


class Keeping:
    """World files, the list of what is installed, and ticks, in `folder`. A disk that cannot be written to costs none
    of the worlds that run.
    """

    def __init__(self, folder: Path, events: EventLog) -> None:
        self._folder, self._events = folder, events
        self._files, self._installed = BundleStore(folder), Installed(folder)
        self._turn = asyncio.Lock()

    async def put(self, content: bytes) -> None:
        """Keep a world file. Raises OSError."""
        await self._do(self._files.put, content)

    async def get(self, file: str) -> bytes:
        """A world file by its digest. Raises BundleError."""
        return await self._do(self._files.get, file)

    async def load(self) -> list[Entry]:
        """What is installed."""
        entries = await self._do(self._installed.load)
        if self._installed.fault:
            self._events.add("error", "worlds", self._installed.fault)
        return entries

    async def save(self, entries: list[Entry], newcomers: list[str]) -> None:
        """Keep the list; then the files that neither it nor `newcomers` names go."""
        needed = {file for entry in entries for file in (entry.file, entry.former_file)} | set(newcomers)
        try:
            await self._do(self._installed.save, entries)
            await self._do(self._files.keep_only, needed)
        except OSError as error:
            text = f"what is installed could not be written to {self._folder}: {error.strerror}; after a restart it is "
            self._events.add("error", "worlds", text + "as it was before")

    async def log(self, running: Running) -> None:
        """Write the ticks that wait."""
        ticks, had = running.log.take(), running.log.fault
        await self._do(running.log.write, ticks)
        if running.log.fault and not had:
            self._events.add("error", "world ticks", f"{running.name}: {running.log.fault}")

    async def _do(self, work: Callable[..., T], *arguments: Any) -> T:
        """`work` in a thread. Whoever gives up waits for its end all the same: the next must not begin before."""
        async with self._turn:
            doing = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
            try:
                return await asyncio.shield(doing)
            except asyncio.CancelledError:
                await asyncio.wait([doing])
                raise
