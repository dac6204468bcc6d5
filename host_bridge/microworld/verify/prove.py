"""Induction: what holds of every tick, or how it is broken.

A goal is refuted by ticks from the start state that end in breaking it. It is proved by k-induction: it holds in the
first k ticks, and in any tick that follows k ticks in which all goals of the set held. The set is the largest that
proves itself so: what z3's models break is taken out until nothing breaks (Houdini), so one wrong goal does not spoil
the others. What the terms' intervals rest on (the ranges of the state, no trap) is part of every set, or nothing is
proved. What is proved for one k may be used for all that follows.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from host_bridge.microworld.verify.smt import Formula, Model, Smt, Undecided
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms
from host_bridge.microworld.verify.ticks import Goal, Ticks
from host_bridge.microworld.verify.unroll import Trace, Unrolled
from host_bridge.microworld.verify.well_formed import NO_TRAP

MOST_INDUCTION = 8
SEARCHED_AT = 3  # shorter counterexamples are found by unrolling
DEEPEST = 24  # ticks from the start that are looked through for a counterexample


@dataclass(frozen=True)
class Proof:
    """What became of a goal. `reachable`: the trace begins at the start state."""

    outcome: str  # proved, refuted, not proved
    how: str
    k: int = 0
    seconds: float = 0.0
    trace: Trace | None = None
    reachable: bool = True
    says: str = ""


Search = Callable[[Ticks, Sequence[Goal]], dict[str, Trace]]  # a quick look for goals that are broken


class Prover:
    """Proofs of one system's goals."""

    def __init__(
        self,
        system: Ticks,
        smt: Smt,
        search: Search,
        progress: Callable[[str], None],
        most_induction: int = MOST_INDUCTION,
        deepest: int = DEEPEST,
    ):
        self.system, self.smt, self.search, self.progress = system, smt, search, progress
        self.most_induction, self.deepest = most_induction, deepest
        self.proofs: dict[str, Proof] = {}
        self.open: list[Goal] = []
        self.proved: list[Goal] = []
        self.broken: dict[str, Trace] = {}  # the last trace that broke an induction step
        self._from_start = Unrolled(smt, system, from_start=True)
        self._anywhere = Unrolled(smt, system, from_start=False)
        self._walked: dict[str, Trace] = {}  # what the search broke
        self._hard: set[str] = set()  # what z3 did not know whether an induction proves
        self._unsure: set[str] = set()  # what z3 did not know whether some first tick breaks
        self._no_trap = system.terms.not_(system.meaning.trap)

    def prove(self, guesses: Sequence[Goal] = ()) -> dict[str, Proof]:
        """By the name of each goal, what became of it. `guesses` may help; what becomes of them is not told."""
        self.open = list(self.system.goals)
        for k in range(self.most_induction + 1):
            self._look_from_start(k)
            self._induction(k)
            if k == 1 and self._asked() and guesses:
                self.open += [goal for goal in guesses if self._begins(goal, k + 1)]
                self._induction(1)
            if k == min(SEARCHED_AT, self.most_induction) and self._asked():
                self._walked = self.search(self.system, self._asked())
            if not self._asked():
                break
        self._searched()
        for depth in range(self.most_induction + 1, self.deepest + 1):
            if not self._base_holds(self.open) or all(goal.name in self._unsure for goal in self._asked()):
                break
            self._look_from_start(depth)
        for goal in self._asked():
            self._give_up(goal)
        return {goal.name: self.proofs[goal.name] for goal in self.system.goals}

    def _asked(self) -> list[Goal]:
        return [goal for goal in self.open if not goal.found]

    def _window(self, unrolled: Unrolled, last: int) -> list[Formula]:
        """Ticks 0 .. last that are run, none but the last of which traps, and what is already proved of them."""
        facts = [fact for tick in range(last + 1) for fact in unrolled.facts(tick)]
        facts += [unrolled.formula(tick, self._no_trap) for tick in range(last)]
        return facts + [unrolled.formula(tick, goal.holds) for goal in self.proved for tick in range(last + 1)]

    def _breaks(self, unrolled: Unrolled, tick: int, goal: Goal) -> Formula:
        """The goal is broken in a tick that is carried out; the one that it does not trap, in any."""
        terms = self.system.terms
        broken = terms.not_(goal.holds)
        return unrolled.formula(tick, broken if goal.name == NO_TRAP else terms.and_(broken, self._no_trap))

    def _look_from_start(self, depth: int) -> None:
        """Refutes what tick `depth` can break; notes the goals for which z3 does not know."""
        self.progress(f"looking for a counterexample of {depth + 1} ticks")
        while looked_at := [goal for goal in self.open if goal.name not in self._unsure]:
            try:
                if not self._refuted(looked_at, depth, share=0.1):
                    return
            except Undecided:
                for goal in looked_at:
                    self._look_alone(goal, depth)
                return

    def _look_alone(self, goal: Goal, depth: int) -> None:
        try:
            self._refuted([goal], depth, share=0.03)
        except Undecided:
            self._unsure.add(goal.name)

    def _refuted(self, goals: list[Goal], depth: int, share: float) -> bool:
        """Whether tick `depth` can break any of `goals`, which are then refuted. Raises Undecided."""
        unrolled, started = self._from_start, time.perf_counter()
        ways = [self._breaks(unrolled, depth, goal) for goal in goals]
        model = self.smt.check([*self._window(unrolled, depth), self.smt.either(ways)], share)
        if model is None:
            return False
        trace = unrolled.trace(model, depth)
        for goal in [goal for goal, way in zip(goals, ways, strict=True) if model.holds(way)]:
            seconds = time.perf_counter() - started
            self._settle(goal, Proof("refuted", f"unrolled {depth + 1} ticks", depth + 1, seconds, trace))
        return True

    def _settle(self, goal: Goal, proof: Proof) -> None:
        self.proofs[goal.name] = proof
        self.open.remove(goal)
        if proof.outcome == "proved":
            self.proved.append(goal)

    def _searched(self) -> None:
        """Refutes what the search broke, where unrolling found nothing shorter."""
        for goal in [goal for goal in self.open if goal.name in self._walked]:
            trace = self._walked[goal.name]
            self._settle(goal, Proof("refuted", f"searched, {len(trace)} ticks", len(trace), 0.0, trace))

    def _begins(self, goal: Goal, ticks: int) -> bool:
        """Whether nothing breaks a guess in the first `ticks` ticks."""
        ways = [self._breaks(self._from_start, tick, goal) for tick in range(ticks)]
        return self._never([*self._window(self._from_start, ticks - 1), self.smt.either(ways)], share=0.02)

    def _never(self, facts: list[Formula], share: float) -> bool:
        try:
            return self.smt.check(facts, share) is None
        except Undecided:
            return False

    def _induction(self, k: int) -> None:
        """Proves what k ticks prove of the next, if the first k ticks were looked through."""
        if not self.open or not self._base_holds(self.open):
            return
        self.progress(f"proving by {k}-induction")
        started = time.perf_counter()
        hopeless = {*self._walked, *self._hard, *(self._unsure if k else ())}  # k ticks must have been looked through
        kept = self._houdini(k, [goal for goal in self.open if goal.name not in hopeless])
        if not self._base_holds(kept):
            return
        asked = [goal for goal in kept if not goal.found]
        helped = [goal.name for goal in kept if goal.found]
        share = (time.perf_counter() - started) / max(1, len(asked))
        how = "one tick" if k == 0 else f"{k}-induction"
        how += f" with {len(helped)} found lemmas" if helped else ""
        for goal in kept:
            by_interval = goal.holds is self.system.terms.true
            self._settle(goal, Proof("proved", "its interval" if by_interval else how, 0 if by_interval else k, share))

    def _base_holds(self, kept: Sequence[Goal]) -> bool:
        """Whether all that the terms' intervals rest on is proved, or is in `kept`."""
        held = {goal.name for goal in (*self.proved, *kept)}
        return all(goal.name in held for goal in self.system.goals if goal.base)

    def _houdini(self, k: int, kept: list[Goal]) -> list[Goal]:
        """The largest part of `kept` that k ticks of it prove of the next, as far as z3 can tell."""
        unrolled = self._anywhere
        while kept:
            facts = self._window(unrolled, k)
            facts += [unrolled.formula(tick, goal.holds) for goal in kept for tick in range(k)]
            ways = [self._breaks(unrolled, k, goal) for goal in kept]
            try:
                model = self.smt.check([*facts, self.smt.either(ways)], share=0.1)
            except Undecided:
                before = kept
                kept = [goal for goal, way in zip(before, ways, strict=True) if self._never([*facts, way], share=0.05)]
                self._hard |= {goal.name for goal in before if goal not in kept and not goal.base}
                if kept == before:  # each alone could be decided
                    return kept
                continue
            if model is None:
                return kept
            kept = self._without_broken(unrolled, k, kept, ways, model)
            if not self._base_holds(kept):
                return []
        return kept

    def _without_broken(
        self, unrolled: Unrolled, k: int, kept: list[Goal], ways: list[Formula], model: Model
    ) -> list[Goal]:
        holds = [not model.holds(way) for way in ways]
        trace = unrolled.trace(model, k)
        self.broken |= {goal.name: trace for goal, good in zip(kept, holds, strict=True) if not good}
        return [goal for goal, good in zip(kept, holds, strict=True) if good]

    def _give_up(self, goal: Goal) -> None:
        trace = self.broken.get(goal.name)
        if goal.name in self._unsure | self._hard:
            says = "z3 could not decide it in the time allowed"
        elif trace:
            says = "the ticks shown break it, but they begin in a state that may not be reachable: a lemma may help"
        elif self._base_holds(()):
            says = "z3 could not decide it in the time allowed"
        else:
            says = "it rests on what is not proved: a range, or that nothing traps"
        how = f"up to {self.most_induction}-induction"
        self._settle(goal, Proof("not proved", how, self.most_induction, 0.0, trace, False, says))


def guesses(system: Ticks) -> list[Goal]:
    """Lemmas that an induction often lacks: the counter of a claim runs with or against a clock of the state."""
    found: list[Goal] = []
    for claim in system.program.claims:
        counter = system.shown.get(("left:" if claim.kind == "stays" else "waited:") + claim.name)
        if counter is None or claim.kind not in ("stays", "within"):
            continue
        for quantity, after in zip(system.program.state, system.meaning.next_state, strict=True):
            if quantity.greatest - quantity.least >= 2:
                found += _runs_against(system.terms, f"{claim.name}/{quantity.name}", counter, after, claim.ticks)
    return found


def _runs_against(terms: Terms, name: str, counter: Term, clock: Term, ticks: int) -> list[Goal]:
    """Where the counter is not 0: counter + clock <= ticks, and counter <= clock, each give or take one."""
    idle, found = terms.eq(counter, terms.const(0)), []
    for off in (-1, 0, 1):
        up = terms.le(terms.add(counter, clock), terms.const(ticks + off))
        down = terms.le(counter, terms.add(clock, terms.const(off)))
        found += [Goal(f"{name} up {off}", terms.or_(idle, up), found=True)]
        found += [Goal(f"{name} down {off}", terms.or_(idle, down), found=True)]
    return found
