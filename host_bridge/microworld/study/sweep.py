"""A thousand variations of a world over recorded homes: chosen by some of the homes, told by the others.

One module serves all variations of a profile: what varies is a state that keeps its value. Threads run them side by
side, as wasm runs outside of Python's lock. Each chunk of results is a file of its own in the folder, written whole,
so that a sweep that was killed goes on where it was.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from host_bridge.microworld import wasm
from host_bridge.microworld.on_disk import write_whole
from host_bridge.microworld.program import Program
from host_bridge.microworld.runtime import Batch, Module, Shape
from host_bridge.microworld.study.feeds import Lanes
from host_bridge.microworld.study.settle import cost_micro, permille, priced_micro
from host_bridge.microworld.study.trial import charge_place, is_shared
from host_bridge.microworld.study.variations import Plan, SweepError, Variation

CHUNK = 25  # variations of one profile that are done, or lost, together
_PLAN = "sweep.json"


@dataclass(frozen=True)
class Row:
    """A variation's year: thousandths of what the same homes pay without batteries, each metered alone."""

    variation: Variation
    chosen_by_micro: int
    chosen_by_permille: int
    held_out_micro: int
    held_out_permille: int

    def flat(self) -> dict[str, int | str]:
        """One row of the table."""
        its = self.variation
        told = {name: value for name, value in asdict(self).items() if name != "variation"}
        return {"world": its.number, **its.profile, **its.parameters, **told}


def sweep(
    plan: Plan, folder: Path, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Row]:
    """All variations of `plan`, the best by the homes that choose first; on `workers` cores (all there are).

    `folder` keeps what is done; the same plan in the same folder goes on with it. `progress` hears how many of how
    many are done. Raises SweepError, feeds.FeedError, spec.SpecError, runtime.WorldFault, OSError.
    """
    plan = plan.settled()
    chunks = _chunks(plan)
    done = _begun(plan, folder, chunks)
    tell = progress or (lambda rows, of: None)
    tell(sum(map(len, done.values())), plan.worlds)
    todo = [number for number in range(len(chunks)) if number not in done]
    if todo:
        workers = min(workers or len(os.sched_getaffinity(0)), len(todo))
        for number, rows in _run_all(plan, chunks, todo, workers):
            write_whole(_chunk(folder, number), json.dumps([asdict(row) for row in rows]).encode(), 0o644)
            done[number] = rows
            tell(sum(map(len, done.values())), plan.worlds)
    return ranked(row for rows in done.values() for row in rows)


def ranked(rows: Iterable[Row]) -> list[Row]:
    """The cheapest for the homes that choose first; among equal ones the first variation."""
    return sorted(rows, key=lambda row: (row.chosen_by_micro, row.variation.number))


def standings(rows: Sequence[Row]) -> list[Row]:
    """Each strategy profile with the parameters that are best for the homes that choose, ranked by those held out."""
    best: dict[tuple[str, ...], Row] = {}
    for row in ranked(rows):
        best.setdefault(tuple(row.variation.profile.values()), row)
    return sorted(best.values(), key=lambda row: (row.held_out_permille, row.variation.number))


def _chunks(plan: Plan) -> list[list[Variation]]:
    """Variations of one profile each, so that a chunk needs one module."""
    by_profile: dict[tuple[str, ...], list[Variation]] = {}
    for variation in plan.variations():
        by_profile.setdefault(tuple(variation.profile.values()), []).append(variation)
    return [its[at : at + CHUNK] for its in by_profile.values() for at in range(0, len(its), CHUNK)]


def _begun(plan: Plan, folder: Path, chunks: Sequence[Sequence[Variation]]) -> dict[int, list[Row]]:
    """What `folder` has of this plan; the folder is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps(plan.identity(), sort_keys=True, indent=1)
    written = folder / _PLAN
    if not written.exists():
        if any(folder.glob("chunk-*.json")):
            raise SweepError(f"{folder} has chunks of no known sweep: choose another folder")
        write_whole(written, wanted.encode(), 0o644)
    elif written.read_text(encoding="utf-8") != wanted:
        raise SweepError(f"{folder} is of another sweep ({_PLAN} tells which): choose another folder, or delete it")
    found = {number: _read(_chunk(folder, number), chunk) for number, chunk in enumerate(chunks)}
    return {number: rows for number, rows in found.items() if rows is not None}


def _chunk(folder: Path, number: int) -> Path:
    return folder / f"chunk-{number:05}.json"


def _read(path: Path, chunk: Sequence[Variation]) -> list[Row] | None:
    """The rows of a chunk that was done; None where it was not, or its file is not what it must be."""
    try:
        rows = [Row(Variation(**each.pop("variation")), **each) for each in json.loads(path.read_bytes())]
    except (FileNotFoundError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return rows if [row.variation for row in rows] == list(chunk) else None


def _run_all(
    plan: Plan, chunks: Sequence[Sequence[Variation]], todo: Sequence[int], workers: int
) -> Iterator[tuple[int, list[Row]]]:
    """(number, rows) of each chunk of `todo`, as they are done."""
    course, own = Course(plan), threading.local()

    def run(number: int) -> tuple[int, list[Row]]:
        if not hasattr(own, "runner"):
            own.runner = Runner(plan, course)
        return number, own.runner.run(chunks[number])

    with ThreadPoolExecutor(workers, "sweep") as pool:
        try:
            waiting = {pool.submit(run, number) for number in todo}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


class Course:
    """The homes as lanes, fed once for all threads, and what they pay without batteries."""

    def __init__(self, plan: Plan) -> None:
        program = plan.spec.program(varied=plan.varied)
        self.lanes, self.chosen_by, self.held_out = _lanes(plan, program)
        self.inputs = self.lanes.inputs(program)
        self.price = plan.homes.price
        net = plan.homes.net_wh
        groups = (list(plan.chosen_by), list(plan.held_out))
        self.base = [int(cost_micro(net[group], self.price).sum()) for group in groups]
        if min(self.base) < 1:
            raise SweepError("without batteries these homes pay nothing: there is nothing to compare with")


class Runner:
    """Runs variations; one thread's."""

    def __init__(self, plan: Plan, course: Course) -> None:
        self._plan, self._course = plan, course
        self._ready: tuple[dict[str, str], Program, Module] | None = None
        self._batch: Batch | None = None
        self._grid = np.empty(course.inputs.shape[:2], np.int32)  # one for all: making arrays takes longer than sums

    def run(self, variations: Sequence[Variation]) -> list[Row]:
        """A row for each."""
        return [self._row(variation) for variation in variations]

    def _row(self, variation: Variation) -> Row:
        course, (batch, program, module) = self._course, self._of(variation.profile)
        batch.state[:] = [variation.parameters.get(each.name, each.start) for each in program.state]
        charge = batch.run(module)[:, :, charge_place(program)]
        grid = course.lanes.grid_wh(charge, self._grid)
        costs = priced_micro(np.maximum(grid, 0, out=grid), course.price)
        by, out = int(costs[course.chosen_by].sum()), int(costs[course.held_out].sum())
        return Row(variation, by, permille(by, course.base[0]), out, permille(out, course.base[1]))

    def _of(self, profile: dict[str, str]) -> tuple[Batch, Program, Module]:
        """The batch and its module for `profile`, compiled when the profile changes."""
        if self._batch is None or self._ready is None or self._ready[0] != profile:
            program = self._plan.spec.program(profile, varied=self._plan.varied)
            if self._batch is None:
                lanes, hours, _ = self._course.inputs.shape
                self._batch = Batch(lanes, hours, Shape.of(program))
                self._batch.inputs[:] = self._course.inputs
            self._ready = profile, program, self._batch.load(wasm.compile(program))
        return self._batch, self._ready[1], self._ready[2]


def _lanes(plan: Plan, program: Program) -> tuple[Lanes, slice, slice]:
    """The lanes, and which of them choose and which are held out: each home, or each half as one coalition."""
    if is_shared(program):
        return Lanes(plan.homes, [plan.chosen_by, plan.held_out]), slice(0, 1), slice(1, 2)
    by, both = len(plan.chosen_by), (*plan.chosen_by, *plan.held_out)
    return Lanes(plan.homes, [(number,) for number in both]), slice(0, by), slice(by, len(both))
