"""From bytes and a Program to the assurance case: every check in its order, whatever the bytes are."""

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

from host_bridge.microworld.language.expression import show
from host_bridge.microworld.program import Program
from host_bridge.microworld.ranges import RangeError, check
from host_bridge.microworld.runtime import WorldFault
from host_bridge.microworld.verify.bytecode import code_meaning
from host_bridge.microworld.verify.case import Case, Verdict, interface, program_of
from host_bridge.microworld.verify.decode import decode
from host_bridge.microworld.verify.privacy import privacy
from host_bridge.microworld.verify.prove import Proof, Prover, guesses
from host_bridge.microworld.verify.reader import Refused
from host_bridge.microworld.verify.replay import replay
from host_bridge.microworld.verify.same import UNDECIDED, OneTick, same
from host_bridge.microworld.verify.search import search
from host_bridge.microworld.verify.shape import Meaning, meaning
from host_bridge.microworld.verify.smt import Smt, Undecided
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms, TooLarge
from host_bridge.microworld.verify.ticks import ticks
from host_bridge.microworld.verify.tree import assumed, one_tick
from host_bridge.microworld.verify.well_formed import FOLLOWED, RUN, faults

VERIFIER = "1"  # of these rules: goes up when what is accepted changes
ALWAYS_UNPROVED = (
    "ticks that are not run (an input outside its range, an assumption broken): the output is then the node's business",
    "that sensors and actuators are as assumed: errors and delays no greater than declared",
    "that wasmtime, the node's machine, z3 and CPython do what their documents say",
    "timing, and what shows by whether a tick is run at all",
)

Progress = Callable[[str], None]


def verify(
    wasm: bytes,
    program: Program,
    *,
    bytecode: bytes | None = None,
    handwritten: bool = False,
    budget_s: float = 10.0,
    progress: Progress | None = None,
) -> Case:
    """What holds of `wasm`, which claims to be `program`; with `bytecode`, that the node's bytes do the same.

    `handwritten`: `run` may be missing and `step` may be any loop-free code. Never raises for what the bytes are. The
    same bytes and budget give the same case but for the seconds.
    """
    checks = _Check(wasm, program, bytecode, handwritten, budget_s, progress or (lambda says: None))
    try:
        verdicts, found = checks.all()
    except Refused as refused:
        verdicts, found = [Verdict(FOLLOWED, "refused", "decoded", says=str(refused))], None
    except (RecursionError, TooLarge):
        says = "its meaning is too large or too deeply nested to be followed"
        verdicts, found = [Verdict(FOLLOWED, "refused", "decoded", says=says)], None
    unproved = [
        v.claim + (f" ({v.outcome})" if v.outcome != "not proved" else "") for v in verdicts if v.outcome != "proved"
    ]
    return Case(
        name=program.name,
        digest=hashlib.sha256(wasm).hexdigest(),
        bytecode_digest=None if bytecode is None else hashlib.sha256(bytecode).hexdigest(),
        handwritten=handwritten,
        verdicts=tuple(verdicts),
        assumptions=tuple(show(expr) for expr in program.assumptions),
        not_proved=(*unproved, *ALWAYS_UNPROVED),
        fuel_bound=found.fuel if found else 0,
        fuel_run=found.fuel_run if found else None,
        interface=interface(program),
        tools=tools(),
    )


def reverify(
    wasm: bytes,
    case_json: str,
    bytecode: bytes | None = None,
    *,
    budget_s: float = 10.0,
    progress: Progress | None = None,
) -> Case:
    """The case made anew from the bytes and the texts in `case_json`. ValueError: not a case, or of other bytes."""
    said = Case.read(case_json)
    for what, content, digest in (("module", wasm, said.digest), ("bytecode", bytecode, said.bytecode_digest)):
        if content is not None and hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"the case is about another {what}: its digest is {digest}")
    program = program_of(said)
    return verify(wasm, program, bytecode=bytecode, handwritten=said.handwritten, budget_s=budget_s, progress=progress)


def tools() -> dict[str, str]:
    """What the verdicts rest on, with versions."""
    return {
        "verifier": VERIFIER,
        "z3": version("z3-solver"),
        "wasmtime": version("wasmtime"),
        "python": platform.python_version(),
    }


class _Check:
    def __init__(
        self,
        wasm: bytes,
        program: Program,
        bytecode: bytes | None,
        handwritten: bool,
        budget_s: float,
        progress: Progress,
    ):
        self.wasm, self.program, self.bytecode = wasm, program, bytecode
        self.handwritten, self.progress = handwritten, progress
        self.terms, self.budget_s = Terms(), budget_s
        self.given = self.terms.true

    def all(self) -> tuple[list[Verdict], Meaning]:
        """Every verdict. Refused: the bytes are not followed."""
        self.progress("reading the bytes")
        started = time.perf_counter()
        if wrong := faults(self.program):
            raise Refused("; ".join(wrong))
        self._check_names_and_ranges()
        self.given = assumed(self.terms, self.program)
        found = meaning(decode(self.wasm), self.program, self.terms, self.handwritten)
        system = ticks(self.terms, self.program, found)
        self.smt = Smt(self.budget_s)  # not before: a context takes longer to make than a refusal
        proofs: dict[str, Proof] = {FOLLOWED: Proof("proved", "decoded", 0, time.perf_counter() - started)}
        proofs[RUN] = self._some_input()
        self.progress("comparing with the specification")
        proofs |= self._reference(found)
        if self.bytecode is not None:
            proofs |= self._bytecode(self.bytecode, found)
        proofs |= privacy(self.smt, self.terms, self.program, found, self.given)
        prover = Prover(system, self.smt, search, self.progress)
        proofs |= self._replayed(prover.prove(guesses(system)))
        return [_verdict(name, proof) for name, proof in proofs.items()], found

    def _check_names_and_ranges(self) -> None:
        try:
            check(self.program)
        except RangeError as error:
            raise Refused(f"the specification is not exact in 32 bits: {error}") from None
        except KeyError as error:
            name = getattr(error.args[0], "name", error.args[0])
            raise Refused(f"{name!r} is named, which the specification does not have") from None

    def _some_input(self) -> Proof:
        """Without an input that the assumptions allow, anything would hold."""
        started = time.perf_counter()
        try:
            model = OneTick(self.smt, self.terms, self.given).breaks(self.terms.false)
        except Undecided:
            return Proof("not proved", "z3", 0, time.perf_counter() - started, says=UNDECIDED)
        seconds = time.perf_counter() - started
        if model is None:
            return Proof("refuted", "z3", 0, seconds, says="the assumptions leave no input: no tick is ever run")
        return Proof("proved", "one was found", 0, seconds)

    def _reference(self, found: Meaning) -> dict[str, Proof]:
        outputs, following = one_tick(self.terms, self.program)
        names = [q.name for q in self.program.outputs] + ["next:" + q.name for q in self.program.state]
        wanted = dict(zip(names, (*outputs, *following), strict=True))
        return self._compared("equals the reference", found, wanted, "reference")

    def _compared(self, claim: str, found: Meaning, wanted: dict[str, Term], whose: str) -> dict[str, Proof]:
        tick = OneTick(self.smt, self.terms, self.terms.and_(self.given, self.terms.not_(found.trap)))
        proofs = {}
        held = [self.terms.var(q.name) for q in (*self.program.state, *self.program.inputs)]
        for (name, term), made in zip(wanted.items(), (*found.outputs, *found.next_state), strict=True):
            shown = {var.value: var for var in held} | {name: made, f"{whose}:{name}": term}
            proofs[f"{claim}: {name}"] = same(tick, self.terms, made, term, shown)
        return proofs

    def _bytecode(self, bytecode: bytes, found: Meaning) -> dict[str, Proof]:
        """That the node's bytes do what the wasm does, whenever the tick is run, and are run when it is."""
        code = code_meaning(bytecode, self.program, self.terms)
        names = [q.name for q in self.program.outputs] + ["next:" + q.name for q in self.program.state]
        wanted = dict(zip(names, (*code.outputs, *code.next_state), strict=True))
        claim = "bytecode equals wasm"
        proofs = self._compared(claim, found, wanted, "bytecode")
        held = {q.name: self.terms.var(q.name) for q in (*self.program.state, *self.program.inputs)}
        shown = {**held, "runs": self.terms.of_bool(self.given), "bytecode:runs": self.terms.of_bool(code.runs)}
        always = OneTick(self.smt, self.terms, self.terms.true)
        proofs[f"{claim}: when it is run"] = same(always, self.terms, self.given, code.runs, shown)
        return proofs

    def _replayed(self, proofs: dict[str, Proof]) -> dict[str, Proof]:
        """The proofs, each counterexample carried out on the bytes before it is told."""
        return {
            name: self._told(name, proof) if proof.outcome == "refuted" else proof for name, proof in proofs.items()
        }

    def _told(self, name: str, proof: Proof) -> Proof:
        try:
            broken = replay(self.wasm, self.program, proof.trace or ())
        except (ValueError, ArithmeticError, WorldFault) as error:
            broken = [str(error)]
        if name in broken:
            return proof
        first = (proof.trace or ({},))[0]
        before = [
            q.name for q in self.program.inputs if first.get("before:" + q.name, first.get(q.name)) != first.get(q.name)
        ]
        if before:  # the Monitor takes an input to have been what it is
            says = f"it breaks if {before[0]} was something else before the first tick: say what then in the claim"
            return replace(proof, outcome="not proved", reachable=False, says=says)
        says = f"a counterexample did not come true when it was replayed: {'; '.join(broken) or 'nothing broke'}"
        return replace(proof, outcome="not proved", reachable=False, says=says)


def _verdict(name: str, proof: Proof) -> Verdict:
    return Verdict(name, proof.outcome, proof.how, proof.k, proof.seconds, proof.trace, proof.reachable, proof.says)
