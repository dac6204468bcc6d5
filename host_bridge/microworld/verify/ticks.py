"""A microworld as a system of ticks: what is carried from tick to tick, what is free in each, what must hold.

Beside the state, what claims look back at is carried: the tick before, what an actuator may still be doing, and the
counters of `stays` and `within`. All are terms of one tick; prove.py unrolls them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from host_bridge.microworld.program import Claim, Name, Program, walk
from host_bridge.microworld.verify.shape import Meaning
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms
from host_bridge.microworld.verify.tree import Tree
from host_bridge.microworld.verify.well_formed import NO_TRAP


@dataclass(frozen=True)
class Carried:
    """A variable that one tick leaves to the next. `loose`: before the first tick it may be anything in its range, of
    which `start` is one: what an input was then is not known.
    """

    name: str
    var: Term
    start: Term  # before the first tick, over that tick's inputs
    following: Term  # after this tick
    loose: bool = False


@dataclass(frozen=True)
class Goal:
    """Something to prove of every tick. `base`: what the terms' intervals rest on; without these nothing is proved."""

    name: str
    holds: Term
    base: bool = False
    found: bool = False  # nobody asked for it: a guess that may help


@dataclass
class Ticks:
    """The system. `runs`: what must hold of the free variables for the tick to be run."""

    terms: Terms
    program: Program
    meaning: Meaning
    carried: list[Carried] = field(default_factory=list)
    free: list[Term] = field(default_factory=list)
    runs: Term = None  # type: ignore[assignment] # set once, by `ticks`
    goals: list[Goal] = field(default_factory=list)
    shown: dict[str, Term] = field(default_factory=dict)  # by the name that a trace shows


def ticks(terms: Terms, program: Program, meaning: Meaning) -> Ticks:
    """The system of `meaning`, with `program`'s claims and assumptions. KeyError: a name in them that is not known."""
    system = Ticks(terms, program, meaning)
    tree = Tree(terms, {})
    rules: list[Term] = []
    for quantity, after in zip(program.state, meaning.next_state, strict=True):
        var = terms.var(quantity.name, quantity.least, quantity.greatest)
        _carry(system, quantity.name, var, terms.const(quantity.start), after)
        tree.define(quantity.name, var)
        tree.define("next:" + quantity.name, after)
    for quantity in program.inputs:
        var = terms.var(quantity.name, quantity.least, quantity.greatest)
        system.free.append(var)
        tree.define(quantity.name, var)
    for name, expr in program.lets:
        tree.define(name, tree.value(expr))
    for quantity, now in zip(program.outputs, meaning.outputs, strict=True):
        tree.define(quantity.name, now)
    for name in _prefixed(program, ("before", "true", "acted")):
        rules += _define(system, tree, name)
    system.shown = {q.name: tree.known[q.name] for q in program.quantities()}
    system.shown |= {name: term for name, term in tree.known.items() if ":" in name}
    counters = [claim for claim in program.claims if claim.kind in ("stays", "within")]
    checks = {claim.name: _counted(system, tree, claim) for claim in counters}
    system.runs = terms.and_(*rules, *(tree.holds(expr) for expr in program.assumptions))
    _implicit_goals(system)
    for claim in program.claims:
        system.goals.append(Goal(claim.name, checks.get(claim.name) or tree.holds(claim.holds)))
    return system


def _carry(system: Ticks, name: str, var: Term, start: Term, following: Term) -> None:
    system.carried.append(Carried(name, var, start, following))


def _prefixed(program: Program, prefixes: Sequence[str]) -> list[str]:
    """The names with one of `prefixes` that claims and assumptions name, in their order."""
    exprs = [*program.assumptions, *(e for c in program.claims for e in (c.holds, c.when) if e is not None)]
    found = [part.name for expr in exprs for part in walk(expr) if isinstance(part, Name)]
    return list(dict.fromkeys(name for name in found if name.partition(":")[0] in prefixes and ":" in name))


def _define(system: Ticks, tree: Tree, name: str) -> list[Term]:
    """Defines a name with a prefix; what must hold of it."""
    terms, program = system.terms, system.program
    prefix, _, plain = name.partition(":")
    quantity = next(q for q in program.quantities() if q.name == plain)
    now = tree.known[plain]
    if prefix == "before":
        var = terms.var(name, quantity.least, quantity.greatest)
        is_input = quantity in program.inputs
        start = now if is_input else terms.const(quantity.start)
        system.carried.append(Carried(name, var, start, now, loose=is_input))
        tree.define(name, var)
        return []
    if prefix == "true":
        var = terms.var(name, quantity.least - quantity.error, quantity.greatest + quantity.error)
        off, most = terms.sub(var, now), terms.const(quantity.error)
        tree.define(name, var if quantity.error else now)
        if not quantity.error:
            return []
        system.free.append(var)
        return [terms.le(off, most), terms.le(terms.neg(most), off)]
    tree.define(name, _acted(system, name, quantity.start, quantity.delay_ticks, now))
    return []


def _acted(system: Ticks, name: str, start: int, delay: int, now: Term) -> Term:
    """What the actuator does: one of the last `delay` + 1 outputs, any at each tick."""
    terms, plain = system.terms, name.partition(":")[2]
    quantity = next(q for q in system.program.outputs if q.name == plain)
    if not delay:
        return now
    choice, acted, last = terms.var("choice:" + plain, 0, delay), now, now
    system.free.append(choice)
    for i in range(1, delay + 1):
        older = terms.var(f"acted:{i}:{plain}", quantity.least, quantity.greatest)
        _carry(system, f"acted:{i}:{plain}", older, terms.const(start), last)
        acted, last = terms.ite(terms.eq(choice, terms.const(i)), older, acted), older
    return acted


def _counted(system: Ticks, tree: Tree, claim: Claim) -> Term:
    """Defines the counter of a claim over time; what must hold of it at each tick."""
    terms = system.terms
    when = terms.true if claim.when is None else tree.holds(claim.when)
    holds = tree.holds(claim.holds)
    prefix = "left" if claim.kind == "stays" else "waited"
    name = f"{prefix}:{claim.name}"
    last = terms.var("last " + name, 0, claim.ticks)
    zero, most = terms.const(0), terms.const(claim.ticks)
    if claim.kind == "stays":
        now = terms.ite(when, most, terms.maximum(terms.sub(last, terms.const(1)), zero))
        check = terms.or_(terms.eq(now, zero), holds)
    else:
        longer = terms.minimum(terms.add(last, terms.const(1)), most)
        now = terms.ite(terms.and_(when, terms.not_(holds)), longer, zero)
        check = terms.lt(now, most)
    _carry(system, "last " + name, last, zero, now)
    tree.define(name, now)
    system.shown[name] = now
    return check


def _implicit_goals(system: Ticks) -> None:
    terms, program, meaning = system.terms, system.program, system.meaning
    system.goals.append(Goal(NO_TRAP, terms.not_(meaning.trap), base=True))
    looked_at = {carried.name.rpartition(":")[2] for carried in system.carried if ":" in carried.name}
    for quantities, values in ((program.outputs, meaning.outputs), (program.state, meaning.next_state)):
        for quantity, value in zip(quantities, values, strict=True):
            low, high = terms.const(quantity.least), terms.const(quantity.greatest)
            within = terms.and_(terms.le(low, value), terms.le(value, high))
            base = quantities is program.state or quantity.name in looked_at
            system.goals.append(Goal("range of " + quantity.name, within, base=base))
