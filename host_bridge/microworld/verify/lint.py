"""What is likely wrong with a specification, though it may be proved: warnings that name it.

Assumptions that no input meets, a rule that is never taken, a claim that nothing could break or that says no more
than the assumptions do, a claim over time whose `when` never comes. Reads the specification's tree, not bytes.
"""

from collections.abc import Sequence

from host_bridge.microworld.language.expression import show
from host_bridge.microworld.program import Claim, Expr, Name, Op, Program, names, walk
from host_bridge.microworld.verify.prove import Prover
from host_bridge.microworld.verify.same import OneTick
from host_bridge.microworld.verify.search import search
from host_bridge.microworld.verify.shape import Meaning
from host_bridge.microworld.verify.smt import Smt, Undecided
from host_bridge.microworld.verify.term import Term
from host_bridge.microworld.verify.terms import Terms
from host_bridge.microworld.verify.ticks import Goal, Ticks, ticks
from host_bridge.microworld.verify.tree import assumed, declared, one_tick
from host_bridge.microworld.verify.well_formed import faults

Guard = tuple[str, int, Expr]  # what the rule is called, its line, when it is the one taken


def lint(program: Program, guards: Sequence[Guard] = (), budget_s: float = 4.0) -> list[str]:
    """Warnings about `program`, each naming what it is about; `guards` are Spec.guards(...)."""
    if wrong := faults(program):
        return wrong
    terms, smt = Terms(), Smt(budget_s)
    if contradiction := _no_input(terms, smt, program):
        return [contradiction]
    system = ticks(terms, program, _meaning(terms, program))
    found = _never_taken(terms, smt, program, system, guards)
    for claim in program.claims:
        found += _about(terms, smt, program, claim)
    return found + _never_when(terms, smt, program, system)


def _meaning(terms: Terms, program: Program) -> Meaning:
    outputs, following = one_tick(terms, program)
    return Meaning(outputs, following, terms.false, (), 0, None)


def _holds(smt: Smt, terms: Terms, given: Term, claim: Term) -> bool:
    """Whether z3 is sure that `claim` holds of all ticks within `given`."""
    try:
        return OneTick(smt, terms, given).breaks(claim) is None
    except Undecided:
        return False


def _no_input(terms: Terms, smt: Smt, program: Program) -> str:
    """The assumptions that no input meets, if so."""
    if not program.assumptions or not _holds(smt, terms, assumed(terms, program), terms.false):
        return ""
    tree = declared(terms, program)
    for expr in program.assumptions:
        if _holds(smt, terms, tree.holds(expr), terms.false):
            return f"the assumption `{show(expr)}` holds for no input within the ranges: no tick is ever run"
    together = " and ".join(f"`{show(expr)}`" for expr in program.assumptions)
    return f"the assumptions contradict each other, so that no tick is ever run: {together}"


def _never_taken(terms: Terms, smt: Smt, program: Program, system: Ticks, guards: Sequence[Guard]) -> list[str]:
    """Rules whose turn never comes, from any state within the ranges, or from those that can be reached."""
    tree = declared(terms, program)
    for name, expr in program.lets:
        tree.define(name, tree.value(expr))
    for quantity, output in zip(program.outputs, system.meaning.outputs, strict=True):
        tree.define(quantity.name, output)
    never = {f"{says}/{line}": terms.not_(tree.holds(expr)) for says, line, expr in guards}
    proved = _proved(smt, system, never)
    return [
        f"line {line}: {says} is never taken: what comes before it, or the ranges, leave it nothing"
        for says, line, _ in guards
        if f"{says}/{line}" in proved
    ]


def _proved(smt: Smt, system: Ticks, wanted: dict[str, Term]) -> set[str]:
    """Which of `wanted` hold at every tick."""
    if not wanted:
        return set()
    goals = [*(goal for goal in system.goals if goal.base), *(Goal(name, term) for name, term in wanted.items())]
    narrowed = Ticks(
        system.terms, system.program, system.meaning, system.carried, system.free, system.runs, goals, system.shown
    )
    proofs = Prover(narrowed, smt, search, lambda says: None, most_induction=1).prove()
    return {name for name in wanted if proofs[name].outcome == "proved"}


def _about(terms: Terms, smt: Smt, program: Program, claim: Claim) -> list[str]:
    """Whether `claim` says anything: of outputs and states that are anything within their ranges, under no rules."""
    if claim.kind == "lemma":
        return []
    named = names(claim.holds) | (names(claim.when) if claim.when else set())
    free = Terms()
    tree = declared(free, program)
    lets = dict(program.lets)
    for quantity in program.outputs:
        tree.define(quantity.name, free.var(quantity.name, quantity.least, quantity.greatest))
    for name in sorted(named):
        prefix, _, plain = name.partition(":")
        bounds = next(((q.least, q.greatest) for q in program.quantities() if q.name == plain), None)
        if prefix in ("left", "waited"):
            tree.define(name, free.var(name, 0))
        elif bounds and prefix:
            tree.define(name, free.var(name, *bounds))
    for name in lets:
        tree.define(name, tree.value(lets[name]))
    holds = tree.holds(claim.holds)
    if claim.when is not None and (claim.kind == "within" or claim.ticks == 1):  # else it has to hold later, too
        holds = free.implies(tree.holds(claim.when), holds)
    if not _depends(program, named):
        return [f"`{claim.name}` says nothing of outputs or states: the rules have no part in it"]
    if _holds(smt, free, free.true, holds):
        return [f"nothing can break `{claim.name}`: it holds for any outputs and states within their ranges"]
    if _holds(smt, free, assumed(free, program), holds):
        return [f"`{claim.name}` assumes what it says: it follows from the assumptions alone, whatever the rules are"]
    return []


def _depends(program: Program, named: set[str]) -> bool:
    """Whether any of `named` is, or is made from, a state or an output."""
    lets, waiting, seen = dict(program.lets), sorted(named), set[str]()
    own = {q.name for q in (*program.state, *program.outputs)}
    while waiting:
        name = waiting.pop()
        if name.rpartition(":")[2] in own or name.partition(":")[0] in ("left", "waited"):
            return True
        if name in lets and name not in seen:
            seen.add(name)
            waiting += [part.name for part in walk(lets[name]) if isinstance(part, Name)]
    return False


def _never_when(terms: Terms, smt: Smt, program: Program, system: Ticks) -> list[str]:
    """Claims over time that never begin, and `a implies b` whose a never comes."""
    tree = declared(terms, program)
    for name, term in system.shown.items():
        tree.define(name, term)
    for name, expr in program.lets:
        tree.define(name, tree.value(expr))
    never = {}
    for claim in program.claims:
        trigger = claim.when if claim.kind in ("stays", "within") else _premise(claim.holds)
        if trigger is not None and claim.kind != "lemma":
            never[claim.name] = terms.not_(tree.holds(trigger))
    proved = _proved(smt, system, never)
    return [f"`{name}` is never put to the test: what it begins with never happens" for name in never if name in proved]


def _premise(expr: Expr) -> Expr | None:
    """a, of `a implies b`."""
    if isinstance(expr, Op) and expr.op == "or" and isinstance(expr.args[0], Op) and expr.args[0].op == "not":
        return expr.args[0].args[0]
    return None
