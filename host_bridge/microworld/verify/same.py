"""Whether two meanings of one tick are the same on the declared ranges: bytes and specification, wasm and bytecode."""

import time

from host_bridge.microworld.verify.prove import Proof
from host_bridge.microworld.verify.smt import Formula, Model, Smt, Undecided
from host_bridge.microworld.verify.term import Term, cone
from host_bridge.microworld.verify.terms import Terms

UNDECIDED = "z3 could not decide it within the time allowed"


class OneTick:
    """Formulas over the variables of one tick, within their intervals and `given`."""

    def __init__(self, smt: Smt, terms: Terms, given: Term):
        self.smt, self.given, self.false = smt, given, terms.false
        self._variables: dict[str, Formula] = {}
        self._known: dict[Term, Formula] = {}
        self._bounds: list[Formula] = []

    def formula(self, term: Term) -> Formula:
        """`term` in z3's words."""
        for part in cone(term):
            if part.op == "var" and part.value not in self._variables:
                made = self._variables[part.value] = self.smt.integer(part.value)
                self._bounds += [self.smt.number(int(part.low)) <= made, made <= self.smt.number(int(part.high))]
        return self.smt.formula(term, self._variables, self._known)

    def breaks(self, claim: Term, share: float = 0.1) -> Model | None:
        """A tick in which `claim` does not hold; None: there is none. Raises Undecided."""
        wanted = [self.formula(self.given), self.formula(claim) == self.formula(self.false)]
        return self.smt.check([*self._bounds, *wanted], share)

    def values(self, model: Model, shown: dict[str, Term]) -> dict[str, int]:
        """What the model says of the integers `shown`."""
        return {name: model.integer(self.formula(term)) for name, term in shown.items()}


def same(tick: OneTick, terms: Terms, a: Term, b: Term, shown: dict[str, Term]) -> Proof:
    """Whether the integers or bools `a` and `b` are the same wherever `tick` holds; a trace shows `shown`."""
    if a is b:
        return Proof("proved", "the same term")
    started = time.perf_counter()
    try:
        model = tick.breaks(terms.eq(a, b) if a.op not in BOOLS else terms.choose(a, b, terms.not_(b)))
    except Undecided:
        return Proof("not proved", "z3", 0, time.perf_counter() - started, says=UNDECIDED)
    seconds = time.perf_counter() - started
    if model is None:
        return Proof("proved", "z3", 0, seconds)
    says = "from any state within the ranges, also one that may not be reachable"
    return Proof("refuted", "z3", 1, seconds, (tick.values(model, shown),), False, says)


BOOLS = frozenset({"bool", "le", "eq", "not", "and", "or"})
