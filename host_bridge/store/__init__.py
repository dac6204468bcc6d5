"""The store: readings, switchings, events and commands, kept in SQLite and given back.

One Store belongs to one event loop. What is added waits in memory for the next commit; SQL runs in two threads,
one that writes and one that reads. When the database cannot be written the newest readings are kept in memory, and
writing goes on by itself once it can.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import tzinfo
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from host_bridge.config import StoreConfig
from host_bridge.events import EventLog
from host_bridge.model import Command, Event, Reading, Record, StoreError
from host_bridge.store import tables
from host_bridge.store.reader import Interval, Reader
from host_bridge.store.retention import Days
from host_bridge.store.writer import Batch, Committed, Writer

__all__ = ["Interval", "Store", "StoreError", "StoreHealth"]

COMMIT_EARLY = 5000  # records waiting that start a commit before its time
MOST_A_COMMIT = 10_000
EVENTS_WAITING = 10_000  # newest kept while the database cannot be written
RETRY_S = 5.0  # at the longest, between two attempts to write
TEND_EVERY = 10  # commit intervals between rollups: fewer pages written to an SD card
TEND_SHARE = 0.25  # of a commit interval spent on rollups, when there is much to catch up
PRUNE_EVERY_S = 600.0

Identities = Sequence[tuple[str, int, int]]  # node, journal epoch, sequence
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How the store is doing; the counts are since the bridge started."""

    writable: bool
    error: str  # in words that say what to do; "" when writable
    waiting: int  # records in memory, not durable yet
    committed: int  # new records made durable
    repeated: int  # records that came again
    forgotten: int  # let go while the database could not be written; their nodes send them again
    file_bytes: int  # the database with its write-ahead log


@dataclass(slots=True)
class _Fault:
    error: str
    since: float
    attempts: int
    retry_at: float
    forgotten: int = 0


class Store:
    """Keeps what the nodes tell. Call `open`, let `run` run, `close` at the end; the rest in between.

    `on_committed` is called on the loop with the records that are durable from then on, and `on_forgotten` with those
    let go from memory. Reads raise StoreError when the database cannot be read.
    """

    def __init__(
        self,
        path: Path,
        config: StoreConfig,
        events: EventLog,
        timezone: tzinfo,
        on_committed: Callable[[Identities], None],
        on_forgotten: Callable[[Identities], None] = lambda identities: None,
    ) -> None:
        self._path, self._config, self._log = path, config, events
        self._on_committed, self._on_forgotten = on_committed, on_forgotten
        self._writer, self._write_thread = Writer(path, timezone), ThreadPoolExecutor(1, "store-writer")
        self._reader, self._read_thread = Reader(path, timezone), ThreadPoolExecutor(1, "store-reader")
        self._records: deque[Record] = deque()
        self._events: deque[Event] = deque(maxlen=EVENTS_WAITING)
        self._commands: dict[int, tuple[Any, ...]] = {}
        self._floors: dict[tuple[str, int], int] = {}
        self._last_command: int | None = None
        self._wake, self._turn = asyncio.Event(), asyncio.Lock()
        self._fault: _Fault | None = None
        self._attempting: asyncio.Future[None] | None = None
        self._in_flight = self._committed = self._repeated = self._forgotten = 0
        self._interval_s = config.commit_interval_ms / 1000
        self._tend_at = self._prune_at = 0.0
        self._tend_failures = 0

    # Life

    async def open(self) -> None:
        """Open or make the database. Raises StoreError when it is newer than this program or not ours.

        One that cannot be reached now is tried again later; a damaged one is moved aside.
        """
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._last_command = await self._write(self._writer.begin_commands)
        except Exception as error:
            if isinstance(error, StoreError) or not tables.is_fault(error):
                raise
            self._fail(error)

    async def run(self) -> None:
        """Commit, roll up and forget, until cancelled."""
        while True:
            if len(self._records) < COMMIT_EARLY:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._interval_s)
            self._wake.clear()
            await self._commit()
            if self._fault is None:
                await self._tend()

    async def close(self) -> None:
        """Write what waits, bring the rollups up to date as far as that is quick, and close the database."""
        if self._attempting is not None:
            await asyncio.wait([self._attempting])
        if self._fault is not None:
            self._fault.retry_at = 0.0
        while await self._commit() and self._records:
            pass
        with suppress(Exception):
            for _ in range(20):
                if self._fault is not None or not await self._write(self._writer.roll_up):
                    break
        await self._read(self._reader.close)
        await self._write(self._writer.close)
        self._read_thread.shutdown()
        self._write_thread.shutdown()

    # What is kept

    def add(self, record: Record) -> None:
        """Take one record for the next commit. The same (node, epoch, sequence) again is harmless."""
        self._records.append(record)
        waiting = len(self._records)
        if waiting == COMMIT_EARLY:
            self._wake.set()
        if self._fault is not None and waiting > self._config.memory_readings:
            self._trim()

    def add_event(self, event: Event) -> None:
        """Take one event for the next commit."""
        self._events.append(event)

    async def received(self, node: str, journal_epoch: int) -> tuple[int, set[int]]:
        """(next_sequence, stored above it) of a journal: all below next_sequence is stored or known lost.

        Less than the truth while the database cannot be read; records sent twice are harmless.
        """
        return await self._write(self._writer.received, node, journal_epoch)

    async def floor(self, node: str, journal_epoch: int, oldest: int) -> None:
        """The node holds nothing below `oldest` any more: what is missing there is noted as lost."""
        key = (node, journal_epoch)
        self._floors[key] = max(oldest, self._floors.get(key, 0))
        while key in self._floors and await self._commit():
            pass

    async def save_command(self, command: Command) -> int:
        """Number a command and make it durable; the number is written into it and returned.

        While the database cannot be written it is kept in memory until it can: a full disk must not keep anyone from
        opening a contactor.
        """
        if self._last_command is None:
            self._last_command = await self._find_last_command()
        self._last_command += 1
        command.number = self._last_command
        await self.update_command(command)
        return command.number

    async def _find_last_command(self) -> int:
        try:
            found = await self._write(self._writer.last_command)
        except Exception as error:
            if not tables.is_fault(error):
                raise
            found = int(time.time())  # above all that the database can hold
        return max(found, self._last_command or 0)  # another command may have asked meanwhile

    async def update_command(self, command: Command) -> None:
        """Keep what became of a command, in place of what was known of it."""
        refusal = command.refusal.value if command.refusal else None
        row = astuple(command)
        self._commands[command.number] = (*row[:8], command.verdict.value, refusal, *row[10:])
        await self._commit()

    # What is given back

    async def readings(
        self, node: str, channel: int, start_ms: int, end_ms: int, resolution: str, limit: int
    ) -> list[Reading] | list[Interval]:
        """A channel's history in [start_ms, end_ms), oldest first, at most `limit` rows.

        `resolution` "raw" gives Reading by the end of its interval; "minute", "quarter" (15 min) and "day" (local)
        give Interval by its start, which lag by some commit intervals. An unknown node has no rows.
        """
        if resolution == "raw":
            return await self._read(self._reader.raw, node, channel, start_ms, end_ms, limit)
        if resolution not in tables.RESOLUTIONS:
            raise ValueError(f"unknown resolution {resolution!r}: raw, {', '.join(tables.RESOLUTIONS)}")
        return await self._read(self._reader.intervals, node, channel, start_ms, end_ms, resolution, limit)

    async def energy_since(self, start_ms: int) -> dict[tuple[str, int], tuple[int, int]]:
        """(import_mwh, export_mwh) of each (node, channel) since `start_ms`, e.g. a local midnight."""
        return await self._read(self._reader.energy_since, start_ms)

    async def commands(self, limit: int) -> list[Command]:
        """The newest commands, newest first."""
        return await self._read(self._reader.commands, limit)

    async def events(self, limit: int, node: str = "", since_ms: int = 0) -> list[Event]:
        """The events stored last, the last first: all, or of one node, or of `since_ms` and later."""
        return await self._read(self._reader.events, limit, node, since_ms)

    async def nodes(self) -> list[str]:
        """The names of all nodes that ever sent something, in order."""
        return await self._read(self._reader.nodes)

    def health(self) -> StoreHealth:
        """How the store is doing now."""
        error = self._fault.error if self._fault else ""
        waiting = len(self._records) + self._in_flight
        size = sum(_size(self._path.with_name(self._path.name + suffix)) for suffix in ("", "-wal"))
        counts = (self._committed, self._repeated, self._forgotten)
        return StoreHealth(self._fault is None, error, waiting, *counts, size)

    # Commits

    async def _commit(self) -> bool:
        """Make what waits durable. False when the database cannot be written now."""
        async with self._turn:
            if self._fault is not None and asyncio.get_running_loop().time() < self._fault.retry_at:
                return False
            waits = self._records or self._events or self._commands or self._floors
            if waits or self._fault is not None or self._writer.suspect:
                # Shielded: when `run` is cancelled, what the writer has begun is still accounted for.
                self._attempting = asyncio.ensure_future(self._attempt())
                await asyncio.shield(self._attempting)
            return self._fault is None

    async def _attempt(self) -> None:
        batch = self._take()
        self._in_flight = len(batch.records)
        try:
            committed = await self._write(self._writer.commit, batch)
        except Exception as error:
            self._put_back(batch)
            if not tables.is_fault(error):
                raise
            self._fail(error)
        else:
            self._succeed(committed)
        finally:
            self._in_flight = 0

    def _take(self) -> Batch:
        records = [self._records.popleft() for _ in range(min(len(self._records), MOST_A_COMMIT))]
        batch = Batch(records, list(self._events), self._commands, {} if self._records else self._floors)
        self._events.clear()
        self._commands = {}
        if not self._records:  # a floor counts as lost only what is not about to be stored
            self._floors = {}
        return batch

    def _put_back(self, batch: Batch) -> None:
        self._records.extendleft(reversed(batch.records))
        self._events = deque(chain(batch.events, self._events), maxlen=EVENTS_WAITING)
        self._commands = batch.commands | self._commands
        for key, oldest in batch.floors.items():
            self._floors[key] = max(oldest, self._floors.get(key, 0))

    def _succeed(self, committed: Committed) -> None:
        self._committed += committed.new
        self._repeated += len(committed.identities) - committed.new
        if self._fault is not None:
            seconds = asyncio.get_running_loop().time() - self._fault.since
            text = f"the database is written again after {seconds:.0f} s"
            if self._fault.forgotten:
                text += f"; {self._fault.forgotten} readings were let go meanwhile and are asked for again"
            self._fault = None
            self._log.add("info", "store recovered", text)
        for event in committed.told:
            self._log.show(event)
        if committed.identities:
            self._on_committed(committed.identities)

    def _fail(self, error: Exception) -> None:
        words, now = tables.in_words(error, self._path), asyncio.get_running_loop().time()
        if self._fault is None:
            self._fault = _Fault(words, now, 0, now)
            self._log.add("error", "store fault", f"{words}. Until then the newest readings are kept in memory")
        fault = self._fault
        fault.error = words
        fault.retry_at = now + min(self._interval_s * 2**fault.attempts, RETRY_S)
        fault.attempts = min(fault.attempts + 1, 20)
        self._trim()

    def _trim(self) -> None:
        """Let the oldest records go that are too many for memory; their nodes still hold them."""
        excess = len(self._records) - self._config.memory_readings
        if self._fault is None or excess <= 0:
            return
        forgotten = [self._records.popleft()[:3] for _ in range(excess)]
        if not self._fault.forgotten:
            self._log.add("warning", "readings let go", f"more than {self._config.memory_readings} readings wait for "
                          "the database: the oldest are let go, and their nodes send them again")  # fmt: skip
        self._fault.forgotten += excess
        self._forgotten += excess
        self._on_forgotten(forgotten)

    # Rollups and retention

    async def _tend(self) -> None:
        """Roll up, and now and then forget what is old, for a bounded share of the time."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._tend_at:
            return
        until = loop.time() + self._interval_s * TEND_SHARE
        try:
            more = True
            while more and len(self._records) < COMMIT_EARLY:
                more = await self._write(self._writer.roll_up) or await self._prune(loop.time())
                if loop.time() >= until:
                    break
            self._tend_succeeded()
        except Exception as error:
            if not tables.is_fault(error):
                raise
            more = False
            self._tend_failed(tables.in_words(error, self._path))
        if not more:
            self._tend_at = loop.time() + self._interval_s * TEND_EVERY

    async def _prune(self, now: float) -> bool:
        if now < self._prune_at:
            return False
        days = Days(self._config.raw_days, self._config.minute_days, self._config.quarter_days)
        more = await self._write(self._writer.prune, int(time.time() * 1000), days)
        if not more:
            self._prune_at = now + PRUNE_EVERY_S
        return more

    def _tend_failed(self, words: str) -> None:
        """Say so at the second time: when commits fail too, theirs is the one event."""
        self._tend_failures += 1
        if self._tend_failures == 2:
            self._log.add("error", "rollups behind", f"{words}. Readings are kept; their sums come later")

    def _tend_succeeded(self) -> None:
        if self._tend_failures >= 2:
            self._log.add("info", "rollups resumed", "the sums of readings are written again")
        self._tend_failures = 0

    # Threads

    async def _write(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._write_thread, work, *arguments)
        finally:
            notes, self._writer.notes = self._writer.notes, []
            for note in notes:
                self._log.add(*note)

    async def _read(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._read_thread, work, *arguments)
        finally:
            if self._reader.saw_damage:
                self._reader.saw_damage, self._writer.suspect = False, True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
