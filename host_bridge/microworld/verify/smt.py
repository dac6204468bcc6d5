"""Terms as z3's formulas over its integers: the SMT backend. Nothing else speaks to z3.

One z3 context for each proof, so that proofs in several threads do not meet and each repeats itself. Work is bounded
by z3's own count of steps (`rlimit`), which a rerun repeats; the wall clock is only the last resort.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import z3  # type: ignore[import-untyped]

from host_bridge.microworld.verify.term import Term

STEPS_PER_S = 1_500_000  # of rlimit: what one core does at least, measured on the catalogue
LAST_RESORT = 10  # a query is stopped by the clock when its steps take so many times as long as they should

Formula = Any  # z3's


class Undecided(Exception):
    """z3 does not know, or has used up its steps."""


class Model:
    """What z3 found: values for the variables that make the facts hold."""

    def __init__(self, found: z3.ModelRef):
        self._found = found

    def integer(self, formula: Formula) -> int:
        """An integer's value."""
        return int(self._found.eval(formula, model_completion=True).as_long())

    def holds(self, formula: Formula) -> bool:
        """A bool's value."""
        return bool(z3.is_true(self._found.eval(formula, model_completion=True)))


class Smt:
    """A z3 context and what goes into it, for `budget_s` seconds' worth of steps."""

    def __init__(self, budget_s: float) -> None:
        self.context = z3.Context()
        self.most_steps, self.steps = int(budget_s * STEPS_PER_S), 0

    def check(self, facts: Sequence[Formula], share: float) -> Model | None:
        """A model of `facts`; None: there is none. Undecided: not within `share` of the steps that are left.

        z3's plain search first, which is quickest on what compilers make; then its strategy for the kind of problem.
        """
        for make, part in ((z3.SimpleSolver, share / 4), (z3.Solver, share)):
            allowed = int((self.most_steps - self.steps) * part)
            if allowed <= 0:
                break
            solver = make(ctx=self.context)
            solver.set("random_seed", 0)
            solver.set("rlimit", allowed)
            solver.set("timeout", 1 + int(LAST_RESORT * 1000 * allowed / STEPS_PER_S))
            solver.add(*facts)
            found = solver.check()
            self.steps = max(self.steps, int(solver.statistics().get_key_value("rlimit count")))
            if found == z3.sat:
                return Model(solver.model())
            if found == z3.unsat:
                return None
        raise Undecided

    def integer(self, name: str) -> Formula:
        """A free integer."""
        return z3.Int(name, self.context)

    def number(self, value: int) -> Formula:
        """A literal."""
        return z3.IntVal(value, self.context)

    def either(self, formulas: Sequence[Formula]) -> Formula:
        """Any of them."""
        return z3.Or(*formulas, z3.BoolVal(False, self.context))

    def formula(self, root: Term, variables: Mapping[str, Formula], known: dict[Term, Formula]) -> Formula:
        """`root` in z3's words. `known` keeps what was made for these `variables` before."""
        waiting = [root]
        while waiting:
            term = waiting[-1]
            missing = [arg for arg in term.args if arg not in known]
            if term in known or not missing:
                waiting.pop()
                if term not in known:
                    known[term] = self._made(term, [known[arg] for arg in term.args], variables)
            else:
                waiting += missing
        return known[root]

    def _made(self, term: Term, args: list[Formula], variables: Mapping[str, Formula]) -> Formula:
        match term.op:
            case "const":
                return self.number(term.value)
            case "bool":
                return z3.BoolVal(term.value, self.context)
            case "var":
                return variables[term.value]
            case "sum":
                return self._sum(args, *term.value)
            case "le":
                return args[0] <= self.number(term.value)
            case "eq":
                return args[0] == self.number(term.value)
        return OPERATIONS[term.op](*args)

    def _sum(self, args: list[Formula], factors: Sequence[int], constant: int) -> Formula:
        parts = [arg if factor == 1 else self.number(factor) * arg for arg, factor in zip(args, factors, strict=True)]
        parts += [self.number(constant)] if constant else []
        return parts[0] if len(parts) == 1 else z3.Sum(*parts)


OPERATIONS: dict[str, Callable[..., Formula]] = {
    "mul": operator.mul,
    "fdiv": operator.truediv,  # on z3's integers: downwards, for a positive divisor
    "fmod": operator.mod,
    "ite": z3.If,
    "not": z3.Not,
    "and": z3.And,
    "or": z3.Or,
}
