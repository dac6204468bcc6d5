"""Whether what is shared shows what is private: two runs that differ in private quantities alone share the same.

What leaves the home are the outputs marked `shared`. They, and every public state that they may come to depend on,
must not change when private inputs and states do, but for those that an output says it reveals. Whether a tick is run
at all (assumptions) and when is not looked at.
"""

import time

from host_bridge.microworld.program import Program, Quantity
from host_bridge.microworld.verify.prove import Proof
from host_bridge.microworld.verify.same import UNDECIDED, OneTick
from host_bridge.microworld.verify.shape import Meaning
from host_bridge.microworld.verify.smt import Smt, Undecided
from host_bridge.microworld.verify.term import Term, cone, variables
from host_bridge.microworld.verify.terms import Terms, renamed


def privacy(smt: Smt, terms: Terms, program: Program, meaning: Meaning, runs: Term) -> dict[str, Proof]:
    """By "keeps private: NAME", for each shared output and each public state below one."""
    shared = [(q, term) for q, term in zip(program.outputs, meaning.outputs, strict=True) if q.shared]
    hidden = {q.name for q in (*program.state, *program.inputs) if q.private}
    if not shared or not hidden:
        return {}
    following = {q.name: term for q, term in zip(program.state, meaning.next_state, strict=True)}
    public = _below([term for _, term in shared], following)
    kept = [(q, following[q.name]) for q in program.state if q.name in public and not q.private]
    found = {}
    for quantity, term in [*shared, *kept]:
        secrets = hidden - set(quantity.reveals)
        found[f"keeps private: {quantity.name}"] = _kept(smt, terms, quantity, term, secrets, runs)
    return found


def _below(outputs: list[Term], following: dict[str, Term]) -> set[str]:
    """The states that decide about `outputs`, now or in later ticks."""
    found: set[str] = set()
    waiting = sorted(variables(*outputs) & set(following))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += sorted(variables(following[name]) & set(following))
    return found


def _kept(smt: Smt, terms: Terms, quantity: Quantity, term: Term, secrets: set[str], runs: Term) -> Proof:
    read = sorted(variables(term) & secrets)
    if not read:
        return Proof("proved", "it does not read what is private")
    started = time.perf_counter()
    other = renamed(terms, term, secrets)
    tick = OneTick(smt, terms, terms.and_(runs, renamed(terms, runs, secrets)))
    try:
        model = tick.breaks(terms.eq(term, other))
    except Undecided:
        return Proof("not proved", "two runs compared", 0, time.perf_counter() - started, says=UNDECIDED)
    seconds = time.perf_counter() - started
    if model is None:
        return Proof("proved", "two runs compared", 0, seconds)
    names = {var.value: var for var in cone(term) if var.op == "var"}
    rows = []
    for result, rename in ((term, False), (other, True)):
        shown = {name: renamed(terms, var, secrets) if rename else var for name, var in sorted(names.items())}
        rows.append(tick.values(model, {**shown, quantity.name: result}))
    says = f"two ticks that differ in what is private alone ({', '.join(read)}) show it in {quantity.name}"
    return Proof("refuted", "two runs compared", 1, seconds, tuple(rows), False, says)
