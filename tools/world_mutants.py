"""The mutation check of the verifier: python -m tools.world_mutants [--most N] [--json]

Single-token mutants of the catalogue's rules and bounds (another operator, a constant one off, another name of the same
unit, a guard turned round, a bound moved, a clamp dropped) are compiled and verified, the claims staying as they are.
Beside that, and knowing nothing of the verifier, long seeded walks look for a tick in which the reference's Monitor
sees a claim broken. A mutant that a walk breaks and the verifier accepts is a hole in the verifier.
"""

import argparse
import json
import multiprocessing
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from host_bridge.microworld import catalogue, spec, wasm
from host_bridge.microworld.monitor import Monitor, Stepper
from host_bridge.microworld.program import Claim, Const, Expr, Name, Op, Program, Quantity, walk
from host_bridge.microworld.ranges import RangeError, check
from host_bridge.microworld.reference import in_ranges
from host_bridge.microworld.verify import verify

OTHER = {
    "add": ("sub",),
    "sub": ("add",),
    "lt": ("le", "ge"),
    "le": ("lt", "gt"),
    "gt": ("ge", "le"),
    "ge": ("gt", "lt"),
}
OTHER |= {"eq": ("ne",), "ne": ("eq",), "and": ("or",), "or": ("and",), "min": ("max",), "max": ("min",)}
OTHER |= {"mul": ("add",), "div": ("mul",), "mod": ("div",)}
WALKS = ((12, 60), (150, 12), (2000, 1))  # (ticks, walks) of the search
BUDGET_S = 3.0

OUTCOMES = ("does not compile", "refuted", "not proved", "accepted, equivalent", "accepted, breaks nothing", "MISSED")


@dataclass(frozen=True)
class Mutant:
    """A changed program and what was done to it. `original`: what it was made from."""

    what: str
    program: Program
    original: Program


@dataclass(frozen=True)
class Judged:
    """What became of a mutant. `broken`: the claims that a walk broke."""

    what: str
    outcome: str
    broken: tuple[str, ...]


def mutants(program: Program) -> Iterator[Mutant]:
    """All mutants of one program. Claims mean what they meant: their lets are written out first."""
    fixed = replace(program, claims=tuple(_written_out(claim, dict(program.lets)) for claim in program.claims))
    units = {q.name: q.unit for q in fixed.quantities()}

    outputs = {q.name for q in fixed.outputs}
    rules = [expr for _, expr in fixed.lets] + [*fixed.output, *fixed.next_state]
    called = [*(name for name, _ in fixed.lets), *(q.name for q in fixed.outputs)]
    called += [f"next({q.name})" for q in fixed.state]
    for at, (name, rule) in enumerate(zip(called, rules, strict=True)):
        for expr, what in _expressions(rule, units, outputs):
            changed = _with_rules(fixed, [*rules[:at], expr, *rules[at + 1 :]])
            yield Mutant(f"{program.name}: {name}: {what}", changed, fixed)
    for moved, what in _bounds(fixed):
        yield Mutant(f"{program.name}: {what}", moved, fixed)


def _with_rules(program: Program, rules: Sequence[Expr]) -> Program:
    lets, outputs = len(program.lets), len(program.lets) + len(program.outputs)
    named = tuple((name, rule) for (name, _), rule in zip(program.lets, rules[:lets], strict=True))
    return replace(program, lets=named, output=tuple(rules[lets:outputs]), next_state=tuple(rules[outputs:]))


def _written_out(claim: Claim, lets: dict[str, Expr]) -> Claim:
    def out(expr: Expr) -> Expr:
        if isinstance(expr, Name):
            return out(lets[expr.name]) if expr.name in lets else expr
        return expr if isinstance(expr, Const) else Op(expr.op, tuple(out(arg) for arg in expr.args))

    return replace(claim, holds=out(claim.holds), when=None if claim.when is None else out(claim.when))


def _expressions(expr: Expr, units: dict[str, str], outputs: set[str]) -> Iterator[tuple[Expr, str]]:
    """Every way to change one token of `expr`."""
    if isinstance(expr, Const):
        yield Const(expr.value + 1), f"{expr.value} + 1"
        yield Const(expr.value - 1), f"{expr.value} - 1"
    elif isinstance(expr, Name):
        for other in sorted(units):
            if other != expr.name and units.get(expr.name) == units[other] and other not in outputs:
                yield Name(other), f"{other} for {expr.name}"
                break
    else:
        yield from _operators(expr)
        for at, arg in enumerate(expr.args):
            for mutant, what in _expressions(arg, units, outputs):
                yield Op(expr.op, (*expr.args[:at], mutant, *expr.args[at + 1 :])), what


def _operators(expr: Op) -> Iterator[tuple[Expr, str]]:
    for other in OTHER.get(expr.op, ()):
        yield Op(other, expr.args), f"{other} for {expr.op}"
    if expr.op == "if":
        yield Op("if", (Op("not", (expr.args[0],)), *expr.args[1:])), "a guard turned round"
    if expr.op == "not":
        yield expr.args[0], "not dropped"
    if expr.op in ("min", "max"):
        for arg in expr.args:
            if not isinstance(arg, Const):
                yield arg, f"{expr.op} dropped"
    if expr.op in ("add", "sub"):
        yield expr.args[0], f"{expr.op} dropped"


def _bounds(program: Program) -> Iterator[tuple[Program, str]]:
    """Bounds of states and outputs moved inwards, of inputs outwards."""
    for q in (quantity for quantity in program.quantities() if not quantity.is_bool):
        inwards = -1 if q in program.inputs else 1
        for end, value in (("least", q.least + inwards), ("greatest", q.greatest - inwards)):
            moved = replace(q, least=value) if end == "least" else replace(q, greatest=value)
            if q in program.inputs or moved.least <= moved.start <= moved.greatest:
                yield _with(program, q, moved), f"{end} of {q.name}"


def _with(program: Program, old: Quantity, new: Quantity) -> Program:
    def each(quantities: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
        return tuple(new if quantity is old else quantity for quantity in quantities)

    return replace(program, state=each(program.state), inputs=each(program.inputs), outputs=each(program.outputs))


def judge(mutant: Mutant) -> Judged:
    """What the verifier says of it, beside what a search that does not know the verifier says."""
    program = mutant.program
    try:
        check(program)
        module = wasm.compile(program)
    except (RangeError, ValueError):
        return Judged(mutant.what, "does not compile", ())
    case = verify(module, program, budget_s=BUDGET_S)
    broken = tuple(sorted(search(program)))
    if case.accepted:
        outcome = "MISSED" if broken else _accepted(module, mutant)
    else:
        outcome = "refuted" if any(each.outcome == "refuted" for each in case.verdicts) else "not proved"
    return Judged(mutant.what, outcome, broken)


def _accepted(module: bytes, mutant: Mutant) -> str:
    same = verify(module, replace(mutant.original, claims=()), budget_s=BUDGET_S)
    equal = all(v.outcome == "proved" for v in same.verdicts if v.claim.startswith("equals the reference"))
    bounds = [(q.least, q.greatest) for q in mutant.program.quantities()]
    moved = bounds != [(q.least, q.greatest) for q in mutant.original.quantities()]
    return "accepted, equivalent" if equal and not moved else "accepted, breaks nothing"


def search(program: Program) -> set[str]:
    """The claims, ranges among them, that seeded walks from the start state break."""
    chance, stepper = random.Random(program.name), Stepper(program)  # noqa: S311 - a search, no secret
    corners = [_corners(program, quantity) for quantity in program.inputs]
    broken: set[str] = set()
    for ticks, walks in WALKS:
        for _ in range(walks):
            draw = _Draw(program, corners, chance, chance.choice((0.0, 0.5, 0.9, 0.98)), chance.choice((0.3, 0.9)))
            broken.update(_walk(program, stepper, draw, ticks))
    return broken


@dataclass
class _Draw:
    """Inputs of one walk: each is kept with the probability `keep`, else at a corner with `bold`, else anywhere."""

    program: Program
    corners: Sequence[Sequence[int]]
    chance: random.Random
    keep: float
    bold: float

    def after(self, last: list[int]) -> list[int] | None:
        """Inputs that the assumptions allow; None: none were found."""
        for _ in range(20):
            inputs = [last[at] if last and self.chance.random() < self.keep else self._one(at) for at in self._all()]
            if in_ranges(self.program, inputs) is None:
                return inputs
        return None

    def _all(self) -> range:
        return range(len(self.program.inputs))

    def _one(self, at: int) -> int:
        if self.chance.random() < self.bold:
            return self.chance.choice(self.corners[at])
        return self.chance.randint(self.program.inputs[at].least, self.program.inputs[at].greatest)

    def true(self, inputs: list[int]) -> dict[str, int]:
        """What the inputs may be in the world."""
        named = zip(self.program.inputs, inputs, strict=True)
        return {q.name: value + self.chance.choice((-q.error, 0, q.error)) for q, value in named}


def _walk(program: Program, stepper: Stepper, draw: _Draw, ticks: int) -> list[str]:
    """What the first tick that breaks anything breaks."""
    monitor, state, inputs = Monitor(program), tuple(quantity.start for quantity in program.state), list[int]()
    for _ in range(ticks):
        drawn = draw.after(inputs)
        if drawn is None:
            return []
        inputs = drawn
        after, outputs = stepper.step(state, inputs)
        if found := monitor.tick(state, inputs, outputs, after, draw.true(inputs)):
            return found
        state = after
    return []


def _corners(program: Program, quantity: Quantity) -> list[int]:
    """The ends, and the constants of the rules, each give or take one."""
    exprs = [*(expr for _, expr in program.lets), *program.output, *program.next_state]
    constants = {part.value for expr in exprs for part in walk(expr) if isinstance(part, Const)}
    near = {value + off for value in (0, *constants, quantity.least, quantity.greatest) for off in (-1, 0, 1)}
    return sorted(value for value in near if quantity.least <= value <= quantity.greatest)


def chosen(most: int) -> list[Mutant]:
    """About `most` mutants, from all worlds alike; the same every time."""
    found: list[Mutant] = []
    names = catalogue.names()
    for at, name in enumerate(names):
        program = spec.read(catalogue.spec_path(name).read_text(encoding="utf-8"), name).program()
        of_one = list(mutants(program))
        room = (most - len(found)) // (len(names) - at)
        found += of_one if len(of_one) <= room else random.Random(name).sample(of_one, room)  # noqa: S311
    return found


def run(most: int, workers: int = 2) -> list[Judged]:
    """All of them judged, in `workers` processes."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        return pool.map(judge, chosen(most), chunksize=4)


def main(argv: Sequence[str] | None = None) -> int:
    """0 unless one was missed."""
    parser = argparse.ArgumentParser(description="Mutants of the catalogue's rules and bounds against the verifier.")
    parser.add_argument("--most", type=int, default=400, help="how many mutants (400)")
    parser.add_argument("--json", action="store_true", help="the counts as JSON")
    options = parser.parse_args(argv)
    judged = run(options.most)
    counts = Counter(each.outcome for each in judged)
    broken = sum(bool(each.broken) for each in judged)
    missed = [each for each in judged if each.outcome == "MISSED"]
    if options.json:
        rows = {outcome: counts[outcome] for outcome in OUTCOMES}
        print(json.dumps({"mutants": len(judged), "broken by a walk": broken, **rows}, indent=2))
    else:
        print(f"{len(judged)} mutants, {broken} of them broken by a walk")
        for outcome in OUTCOMES:
            print(f"{counts[outcome]:6d}  {outcome}")
        for each in missed:
            print(f"MISSED {each.what}: {', '.join(each.broken)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
