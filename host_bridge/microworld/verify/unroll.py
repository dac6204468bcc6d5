"""Ticks one after another as z3's formulas, from the start state or from any, and traces out of z3's models."""

from host_bridge.microworld.verify.smt import Formula, Model, Smt
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.ticks import Ticks

Trace = tuple[dict[str, int], ...]


class Unrolled:
    """Ticks 0, 1, .. of a system. What holds of tick i is in `facts(i)`."""

    def __init__(self, smt: Smt, system: Ticks, from_start: bool):
        self.smt, self.system, self.from_start = smt, system, from_start
        self._variables: list[dict[str, Formula]] = []
        self._known: list[dict[Term, Formula]] = []
        self._facts: list[list[Formula]] = []

    def formula(self, tick: int, term: Term) -> Formula:
        """`term` at that tick."""
        while len(self._facts) <= tick:
            self._add()
        return self.smt.formula(term, self._variables[tick], self._known[tick])

    def facts(self, tick: int) -> list[Formula]:
        """What every tick keeps to: ranges, assumptions, and what the tick before left."""
        self.formula(tick, self.system.runs)
        return self._facts[tick]

    def _add(self) -> None:
        tick, system, smt = len(self._facts), self.system, self.smt
        names = [var.value for var in system.free] + [carried.var.value for carried in system.carried]
        made = {name: smt.integer(f"{name}@{tick}") for name in names}
        self._variables.append(made)
        self._known.append({})
        facts: list[Formula] = []
        self._facts.append(facts)
        bounded = [*system.free, *(carried.var for carried in system.carried)]
        for var in bounded:
            facts += [smt.number(int(var.low)) <= made[var.value], made[var.value] <= smt.number(int(var.high))]
        for carried in system.carried:
            if tick:
                facts.append(made[carried.var.value] == self.formula(tick - 1, carried.following))
            elif self.from_start and not carried.loose:
                facts.append(made[carried.var.value] == self.formula(0, carried.start))
        facts.append(self.formula(tick, system.runs))

    def trace(self, model: Model, last: int) -> Trace:
        """What the model says of ticks 0 .. last."""
        rows = []
        for tick in range(last + 1):
            row = {}
            for name, term in self.system.shown.items():
                row[name] = model.integer(self.formula(tick, term))
            rows.append(row)
        return tuple(rows)
