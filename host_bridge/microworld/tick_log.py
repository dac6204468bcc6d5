"""Every tick of a running world, kept so that the run can be had again bit for bit.

Files of blocks; a block is one write: MAGIC, length and CRC-32 (little-endian), then zlib-packed: the module's digest,
words of state, inputs and outputs a tick, how many ticks, and for each its number, time, fault and words. A power cut
takes what was not flushed (FLUSH_MS, or FLUSH_TICKS if they come sooner) and may tear the last block, which is skipped.
Few writes, so that an SD card lives: one a minute and world, about 300 bytes at one tick a second.
"""

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from host_bridge.microworld.on_disk import flush_folder, make_folder
from host_bridge.microworld.runtime import Instance, Sandbox, Shape, WorldFault

MAGIC = b"GXTL"
HEAD = struct.Struct("<4sII")  # MAGIC, bytes that follow, their CRC-32
START = struct.Struct("<32sBBBH")
ROW = struct.Struct("<QqB")
FAULTS = ("", "trap", "fuel", "deadline", "memory", "stack")
FLUSH_MS, FLUSH_TICKS = 60_000, 512
FILE_BYTES = 1 << 20
MOST_FILES = 64  # each start of the bridge begins another: what was torn is never written behind
SHOWN = 900  # ticks kept in memory for people
_UNPACKED = 4 << 20  # more than a block of 512 ticks of 255 words each of state, inputs and outputs


class Tick(NamedTuple):
    """One tick. `number` counts from 0, where the state was handed in: a start, a hand-over, a roll-back."""

    digest: str  # of the module, 64 hex digits
    number: int
    time_ms: int  # Unix
    state: tuple[int, ...]  # before it
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]  # none where it ended in a fault
    fault: str = ""  # of FAULTS


class Difference(NamedTuple):
    """The first tick that does not come out again as it was logged."""

    tick: Tick
    says: str


class TickLog:
    """Ticks of one world, newest last, in `folder`; the oldest files go when there are more than `most_bytes`."""

    def __init__(self, folder: Path, most_bytes: int = 16 << 20) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._waiting: list[Tick] = []
        self._recent: deque[Tick] = deque(maxlen=SHOWN)
        self._file: Path | None = None  # none yet since this bridge started
        self.fault = ""  # why the last block could not be written

    def add(self, tick: Tick) -> None:
        """Note it; on disk after `flush`."""
        self._recent.append(tick)
        self._waiting.append(tick)

    def last(self, count: int) -> list[Tick]:
        """The newest since this bridge started, oldest first."""
        return list(self._recent)[-count:] if count > 0 else []

    def is_due(self, now_ms: int) -> bool:
        """Whether enough is waiting to be written; `now_ms` is Unix time."""
        waiting = self._waiting
        return bool(waiting) and (len(waiting) >= FLUSH_TICKS or abs(now_ms - waiting[0].time_ms) >= FLUSH_MS)

    def flush(self) -> None:
        """Write what waits. A disk that is full loses these ticks and not the world: see `fault`."""
        ticks, self._waiting = self._waiting, []
        self.write(ticks)

    def take(self) -> list[Tick]:
        """What waits, for `write` in another thread."""
        ticks, self._waiting = self._waiting, []
        return ticks

    def write(self, ticks: list[Tick]) -> None:
        """Append `ticks` and have them on disk; see `flush`."""
        content = b"".join(_block(run) for run in _runs(ticks))
        if not content:
            return
        try:
            path = self._open_end()
            with open(path, "ab") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self.fault = ""
        except OSError as error:
            self._file, self.fault = None, f"{self._folder}: ticks are not kept: {error.strerror}"

    def _open_end(self) -> Path:
        if self._file is None or self._file.stat().st_size >= FILE_BYTES:
            make_folder(self._folder)
            files = _files(self._folder)
            number = int(files[-1].stem) + 1 if files else 0
            self._file = self._folder / f"{number:08}.ticks"
            self._file.touch(mode=0o600)
            flush_folder(self._folder)
            self._drop_oldest([*files, self._file])
        return self._file

    def _drop_oldest(self, files: list[Path]) -> None:
        left = sum(file.stat().st_size for file in files) + FILE_BYTES
        for count, file in enumerate(files[:-1]):
            if left <= self._most_bytes and len(files) - count <= MOST_FILES:
                return
            left -= file.stat().st_size
            file.unlink()


def read(folder: Path) -> Iterator[Tick]:
    """All that is kept, oldest first; what is torn or damaged is passed over."""
    for path in _files(folder):
        content = path.read_bytes()
        at = content.find(MAGIC)
        while at >= 0:
            size = _size(content, at)
            if size:
                yield from _ticks(content[at + HEAD.size : at + size])
            at = content.find(MAGIC, at + max(size, 1))


def replay(ticks: Iterable[Tick], modules: Mapping[str, bytes]) -> tuple[int, Difference | None]:
    """Run each tick again by its module: (how many came out the same, the first that did not).

    `modules`: the bytes by digest. KeyError: one is missing. A deadline is a matter of the machine's speed: a tick that
    ended so is not run again.
    """
    again, same = _Again(modules), 0
    before: Tick | None = None
    for tick in ticks:
        follows = before is not None and (tick.digest, tick.number) == (before.digest, before.number + 1)
        if follows and tick.state != again.state:
            return same, Difference(tick, f"its state is {tick.state}; the tick before leaves {again.state}")
        says = again.run(tick)
        if says:
            return same, Difference(tick, says)
        before, same = tick, same + 1
    return same, None


class _Again:
    """Modules as they are run again; `state` is what the last tick left."""

    def __init__(self, modules: Mapping[str, bytes]) -> None:
        self.state: tuple[int, ...] = ()
        self._modules, self._sandbox = modules, Sandbox()
        self._instances: dict[tuple[str, Shape], Instance] = {}

    def run(self, tick: Tick) -> str:
        """What came out otherwise; "" where nothing did."""
        if tick.fault == "deadline":
            return ""
        key = tick.digest, Shape(len(tick.state), len(tick.inputs), len(tick.outputs))
        if key not in self._instances:
            self._instances[key] = self._sandbox.load(self._modules[tick.digest]).instance(key[1])
        try:
            self.state, outputs = self._instances[key].step(tick.state, tick.inputs)
        except WorldFault as fault:
            del self._instances[key]
            return "" if fault.cause == tick.fault else f"it ends in a fault: {fault}"
        if tick.fault:
            return f"it ends without the fault: {tick.fault}"
        return "" if outputs == tick.outputs else f"its outputs are {outputs}, not {tick.outputs}"


def _runs(ticks: list[Tick]) -> Iterator[list[Tick]]:
    """`ticks` in stretches that one block can hold."""
    run: list[Tick] = []
    for tick in ticks:
        if run and (_kind(tick) != _kind(run[0]) or len(run) == FLUSH_TICKS):
            yield run
            run = []
        run.append(tick)
    if run:
        yield run


def _kind(tick: Tick) -> tuple[str, int, int, int]:
    return tick.digest, len(tick.state), len(tick.inputs), len(tick.outputs)


def _block(ticks: list[Tick]) -> bytes:
    digest, *sizes = _kind(ticks[0])
    words = struct.Struct(f"<{sum(sizes)}i")
    rows = [
        ROW.pack(tick.number, tick.time_ms, FAULTS.index(tick.fault))
        + words.pack(*tick.state, *tick.inputs, *tick.outputs)
        for tick in ticks
    ]
    body = zlib.compress(START.pack(bytes.fromhex(digest), *sizes, len(ticks)) + b"".join(rows), 6)
    return HEAD.pack(MAGIC, len(body), zlib.crc32(body)) + body


def _size(content: bytes, at: int) -> int:
    """Of the block at `at`, its head included; 0 where there is no whole one."""
    if at + HEAD.size > len(content):
        return 0
    _, size, check = HEAD.unpack_from(content, at)
    body = content[at + HEAD.size : at + HEAD.size + size]
    return HEAD.size + size if len(body) == size and zlib.crc32(body) == check else 0


def _ticks(body: bytes) -> Iterator[Tick]:
    """Of one block, whose CRC is right: only a file that somebody made can hold anything else than was written."""
    try:
        content = zlib.decompressobj().decompress(body, _UNPACKED)
        digest, state, inputs, outputs, count = START.unpack_from(content)
        words = struct.Struct(f"<{state + inputs + outputs}i")
        for k in range(count):
            at = START.size + k * (ROW.size + words.size)
            number, time_ms, fault = ROW.unpack_from(content, at)
            told = words.unpack_from(content, at + ROW.size)
            held, given, made = told[:state], told[state : state + inputs], told[state + inputs :]
            yield Tick(digest.hex(), number, time_ms, held, given, made, FAULTS[fault])
    except (zlib.error, struct.error, IndexError):
        return


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ticks") if path.stem.isascii() and path.stem.isdigit())
