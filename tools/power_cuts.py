"""Power cuts of the real node on the emulated RP2040: one run is cut at its flash operations, each cut is booted.

    python -m tools.power_cuts [--sample N] [--seed N] [--json]

The run: a node whose journal is about to begin another file meters a load, saves registers and records, switches a
contactor, is given a plan and two calibrations, and goes back to the first. The emulator tells every operation of its
flash, so that the flash can be made as it was before, half-way through (each bit that was to change has changed, or
not: by chance) and after each of them. From each such flash a board boots and is asked for all that it knows: see
_Look. The node is the product's, with an interval of 3 s in place of a minute: each ends with a save.
"""

import argparse
import contextlib
import copy
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gridnode.wire import cbor, schema
from hil import rigs
from hil.bench import Load, Setup
from hil.emulated_bench import EmulatedBench
from hil.host import Heard, Host
from tools.emulated_rp2040 import EmulatedRP2040
from tools.node_files import FIRMWARE
from tools.nodes import find_micropython

RIG = "rp2040_emulated"
INTERVAL_S = 3
LOAD = Load(600_000)
LEAST_MWH = 1000  # that may be lost, or the interval in progress, which here is less
CHANNELS = 2
STATES = ("before", "half-way", "after")
SAVES = 8  # of the run
SECTOR = 4096
STEP_MS = 50
_PLAN, _CALIBRATION = range(2)  # of schema.DOCUMENTS
_DOCUMENTS = (
    (_PLAN, [1, 1000, 200_000, [0, 5], [0, 10, 0, 1]]),
    (_CALIBRATION, [1, 0, [1000, 0, 0, 0, 0], [0, 0, 0, 0, 0]]),
    (_CALIBRATION, [1, 0, [1000, 0, 0, 0, 0], [2000, 0, 0, 0, 0]]),
    (_PLAN, [1, 1000, 300_000, [0, 6], [5, 10, 1, 1]]),
    (_CALIBRATION, None),  # back to the one before
)


@dataclass
class Cuts:
    """What the cuts found. `wrong`: (which cut, what it left that it may not)."""

    operations: int = 0  # of the flash in the run
    made: int = 0
    unsafe_edges: int = 0  # a contactor closed that nobody asked for
    worst_lost_mwh: int = 0  # counted before the cut and gone after it
    wrong: list[tuple[str, str]] = field(default_factory=list)


class _Facts(NamedTuple):
    """What is known at one moment of the run."""

    operations: int
    heard: int  # messages
    bodies: tuple[frozenset[bytes], frozenset[bytes]]  # of the plan and of the calibration: either is right


@dataclass
class _Run:
    """`bench`: as it is now. `known`: sequences that were in the journal before it began."""

    bench: "_Bench"
    epoch: int
    known: int
    registers: list[int]
    first: bytes  # the flash at its first operation
    pages: list[tuple[int, bytes | None]]  # where each operation begins; the page, None: a sector was erased
    facts: list[_Facts]
    heard: list[Heard]

    def around(self, operation: int) -> tuple[_Facts, _Facts]:
        """What was known for sure before that operation (counted from 0), and soon after it."""
        before = [facts for facts in self.facts if facts.operations <= operation]
        after = next(facts for facts in self.facts if facts.operations > operation)
        return before[-1], after


class _Bench(EmulatedBench):
    """A bench with the build's flash, the journal in it filled up; `again` makes the same board with another flash."""

    def __init__(self, scratch: Path, rig: str) -> None:
        super().__init__(rigs.load(rig), Setup(scratch, {"interval_s": INTERVAL_S}, LOAD))
        self._scratch = scratch
        self._flash: bytes | None = None
        self.filled = self._fill()

    def again(self, flash: bytes) -> "_Bench":
        """Another board, without power as yet."""
        other = copy.copy(self)
        other._flash, other._chip, other._said = flash, None, ""
        return other

    def _fill(self) -> dict[str, Any]:
        path = self._scratch / "filesystem.img"
        path.write_bytes(self._filesystem)
        script = FIRMWARE.parent / "tools" / "flash_fill.py"
        done = subprocess.run(
            [find_micropython(), "-X", "heapsize=32m", str(script), str(path)],
            env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:.frozen"},
            stdout=subprocess.PIPE,
            check=True,
        )
        self._filesystem = path.read_bytes()
        filled: dict[str, Any] = json.loads(done.stdout)
        return filled

    def power_on(self) -> None:
        if self._flash is None:
            super().power_on()
            return
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            flash = Path(folder) / "flash.bin"
            flash.write_bytes(self._flash)
            pulls = {spec["pin"]: 1 - spec["closed_level"] for spec in self.board["CONTACTORS"]}
            self._chip = EmulatedRP2040(self._image, flash=flash, devices=self._devices(), pulls=pulls)


class _Host(Host):
    """Knows the records of the journal below `known` already."""

    def __init__(self, bench: EmulatedBench, epoch: int, known: int) -> None:
        super().__init__(bench)
        for sequence in range(known):
            self.records[(epoch, sequence)] = Heard(0, 0, "known", {})

    def ask(self, kind: int, answer: str, *fields: Any) -> dict[str, Any]:
        """The answer to STORE or FETCH, which is sent until there is one. Raises AssertionError."""
        if self._session is None or not self.open:
            raise AssertionError("no session to ask in")
        self._commands += 1
        since = len(self.heard)
        for _ in range(5):
            self._session.ask(kind, self._commands, *fields)
            with contextlib.suppress(AssertionError):
                return self.wait(answer, 700, since, command=self._commands).fields
        raise AssertionError(f"no {answer} to {kind} {fields}")

    def store(self, document: int, body: bytes) -> dict[str, Any]:
        return self.ask(schema.STORE, "stored", document, body, round(self.node_ms()) + 60_000)

    def fetch(self, document: int) -> bytes:
        body: bytes = self.ask(schema.FETCH, "document", document)["body"]
        return body


def run(scratch: Path, rig: str = RIG) -> _Run:
    """The run that is to be cut."""
    with contextlib.closing(_Bench(scratch, rig)) as bench:
        filled = bench.filled
        host = _Host(bench, filled["epoch"], filled["next"])
        facts = [_Facts(0, 0, (frozenset((b"",)), frozenset((b"",))))]
        bench.power_on()
        first = bench.chip.flash()
        for bodies in _work(host):
            facts.append(_Facts(bench.chip.flash_operations, len(host.heard), bodies))
        host.run(1500)
        facts.append(_Facts(bench.chip.flash_operations + 1, len(host.heard), facts[-1].bodies))
        operations = bench.chip.operations
        places = [offset for _, offset, _ in operations]
        pages = list(zip(places, bench.chip.pages(), strict=True))
        return _Run(bench, filled["epoch"], filled["next"], filled["registers"], first, pages, facts, host.heard)


def _work(host: _Host) -> Iterator[tuple[frozenset[bytes], frozenset[bytes]]]:
    """Does it; whenever something may have changed: which bodies the documents may have."""
    kept = [[b""], [b""]]  # of each document, the newest last
    host.hello()
    yield _bodies(kept)
    for save in range(SAVES):
        for _ in range(INTERVAL_S * 1000 // STEP_MS):
            host.run(STEP_MS)
            yield _bodies(kept)
        if save == 1:
            host.command(1, "closed", 60)  # no load hangs there
        if save < len(_DOCUMENTS):
            document, content = _DOCUMENTS[save]
            body = _encoded(content) if content else b""
            old = kept[document][-1]
            new = body or kept[document][-2]
            kept[document].append(new)
            yield _bodies(kept, document, old)
            stored = host.store(document, body)
            if schema.REASONS[stored["reason"]] != "none":
                raise AssertionError(f"the node did not take document {document}: {stored}")
            yield _bodies(kept, document, old)  # an operation in this step may be one of the store's
            host.run(STEP_MS)
            yield _bodies(kept)


def _bodies(kept: list[list[bytes]], document: int | None = None, old: bytes = b"") -> Any:
    newest = [frozenset((each[-1],)) for each in kept]
    if document is not None:
        newest[document] |= {old}
    return newest[0], newest[1]


def _encoded(content: list[Any]) -> bytes:
    buffer = bytearray(128)
    return bytes(buffer[: cbor.put(buffer, 0, content)])


def flashes(done: _Run, chosen: set[tuple[int, str]], seed: int) -> Iterator[tuple[int, str, bytes]]:
    """The flash at each of the chosen (operation, state), in order."""
    flash = bytearray(done.first)
    for operation, (at, page) in enumerate(done.pages):
        length = SECTOR if page is None else len(page)
        old = bytes(flash[at : at + length])
        whole = b"\xff" * length if page is None else bytes(a & b for a, b in zip(old, page, strict=True))
        changed = random.Random(seed * 1_000_003 + operation).randbytes(length)  # noqa: S311
        half = bytes(a ^ ((a ^ b) & c) for a, b, c in zip(old, whole, changed, strict=True))
        for state, content in zip(STATES, (old, half, whole), strict=True):
            flash[at : at + length] = content
            if (operation, state) in chosen:
                yield operation, state, bytes(flash)


class _Look:
    """Boots one flash and looks at what the node tells: contactors stay open, the journal goes on under the same
    epoch, no number is given out twice, records are as they were told before the cut, registers are not below what an
    interval told and at most LEAST_MWH below what was counted, documents are the old ones or the new ones, whole.
    """

    def __init__(self, done: _Run, operation: int) -> None:
        self._run = done
        self._before, self._after = done.around(operation)
        self.wrong: list[str] = []
        self.unsafe_edges = self.lost_mwh = 0

    def look(self, flash: bytes) -> None:
        with contextlib.closing(self._run.bench.again(flash)) as bench:
            host = _Host(bench, self._run.epoch, self._run.known)
            bench.power_on()
            try:
                hello = host.hello(4000).fields
                host.wait("registers", 10_000, 0, channel=CHANNELS - 1, sequence=self._boot_registers(hello)[-1])
                self._documents(host)
            except AssertionError as error:
                self.wrong.append(f"does not come up: {error}")
                return
            self._journal(host, hello)
            self._registers(host, hello)
            contactors = range(len(bench.board["CONTACTORS"]))
            self.unsafe_edges = sum(edge.closed for index in contactors for edge in bench.edges(index))

    def _boot_registers(self, hello: dict[str, Any]) -> list[int]:
        """Sequences of this boot's REGISTERS, which follow its EVENT, each with an event of its own if it is new."""
        boot_ends = hello["next_sequence"] - len(hello["contactors"])
        return [boot_ends - CHANNELS + index for index in range(CHANNELS)]

    def _documents(self, host: _Host) -> None:
        for document in (_PLAN, _CALIBRATION):
            name = schema.DOCUMENTS[document]
            right = self._before.bodies[document] | self._after.bodies[document]
            found = host.fetch(document)
            if found not in right:
                self.wrong.append(f"{name} is {found.hex() or 'gone'}")

    def _journal(self, host: _Host, hello: dict[str, Any]) -> None:
        if hello["journal_epoch"] != self._run.epoch:
            self.wrong.append("another journal")
        earlier = {
            heard.fields["sequence"]: heard for heard in self._run.heard[: self._before.heard] if _is_record(heard)
        }
        told = {heard.fields["sequence"]: heard for heard in host.heard if _is_record(heard)}
        for sequence, was in earlier.items():
            now = told.get(sequence)
            if now is None:
                self.wrong.append(f"record {sequence} is not told again")
            elif not _same(was, now):
                self.wrong.append(f"record {sequence} was {was.name} {was.fields}, is {now.name} {now.fields}")

    def _registers(self, host: _Host, hello: dict[str, Any]) -> None:
        heard = self._run.heard
        for channel, sequence in enumerate(self._boot_registers(hello)):
            found = next(
                each.fields["energy_import_mwh"] for each in host.told("registers", channel=channel, sequence=sequence)
            )
            told = [self._run.registers[channel]]
            told += [_import(each) for each in heard[: self._before.heard] if _tells(each, "interval", channel)]
            counted = [_import(each) for each in heard[: self._after.heard] if _tells(each, "live", channel)]
            if found < max(told):
                self.wrong.append(f"register {channel} went down from {max(told)} to {found} mWh")
            self.lost_mwh = max(self.lost_mwh, max([*counted, found]) - found)
        if self.lost_mwh > LEAST_MWH:
            self.wrong.append(f"{self.lost_mwh} mWh are lost")


def _is_record(heard: Heard) -> bool:
    return "sequence" in heard.fields


def _tells(heard: Heard, name: str, channel: int) -> bool:
    return heard.name == name and bool(heard.fields["channel"] == channel)


def _import(heard: Heard) -> int:
    return int(heard.fields["energy_import_mwh"])


def _same(was: Heard, now: Heard) -> bool:
    """An interval may come without what the journal's blocks do not keep; what was not saved may be skipped."""
    if now.name == "skipped":
        return was.name != "interval"  # which is saved before it is told
    if was.name != now.name or was.name != "interval":
        return was.name == now.name and was.fields == now.fields
    exact = ("channel", "energy_import_mwh", "energy_export_mwh", "quality")
    return all(was.fields[name] == now.fields[name] for name in exact) and (
        abs(was.fields["end_ms"] - now.fields["end_ms"]) < 4
    )


def cuts(
    sample: int | None, seed: int, tell: Callable[[str], None], workers: int | None = None, rig: str = RIG
) -> Cuts:
    """Make `sample` cuts of one run, by chance from `seed`, or all (None). Raises EmulatorError, ImageError."""
    found = Cuts()
    with tempfile.TemporaryDirectory(prefix="gridnexus-cuts-") as folder:
        scratch = Path(folder)
        tell("the run that is to be cut")
        done = run(scratch, rig)
        found.operations = len(done.pages)
        everything = [(operation, state) for operation in range(found.operations) for state in STATES]
        chance = random.Random(seed)  # noqa: S311
        chosen = everything if sample is None else chance.sample(everything, min(sample, len(everything)))
        tell(f"{len(chosen)} cuts of {len(everything)} at {found.operations} flash operations")
        workers = workers or os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            waiting: list[tuple[str, _Look, Future[None]]] = []
            for operation, state, flash in flashes(done, set(chosen), seed):
                look = _Look(done, operation)
                waiting.append((f"{state} operation {operation + 1}", look, pool.submit(look.look, flash)))
                if len(waiting) > 2 * workers:
                    _gather(found, *waiting.pop(0))
            for each in waiting:
                _gather(found, *each)
    tell(f"{found.made} cuts made, {len(found.wrong)} wrong, {found.unsafe_edges} unsafe edges")
    return found


def _gather(found: Cuts, where: str, look: _Look, future: "Future[None]") -> None:
    future.result()
    found.made += 1
    found.unsafe_edges += look.unsafe_edges
    found.worst_lost_mwh = max(found.worst_lost_mwh, look.lost_mwh)
    found.wrong += [(where, what) for what in look.wrong]


def main(arguments: Sequence[str]) -> int:
    """Cut, and say what was found; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.power_cuts", description="Cut a node's power at its flash.")
    parser.add_argument("--sample", type=int, help="so many cuts, by chance; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(arguments)
    found = cuts(options.sample, options.seed, lambda words: print(words, file=sys.stderr))
    words = "\n".join(f"{where}: {what}" for where, what in found.wrong) or "nothing was wrong"
    print(json.dumps(asdict(found), indent=1) if options.json else words)
    return 1 if found.wrong or found.unsafe_edges else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
