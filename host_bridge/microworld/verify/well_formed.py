"""What a Program must be for its proofs to mean something; one out of a stranger's case may be otherwise."""

from collections import Counter
from collections.abc import Iterator

from host_bridge.microworld.program import INT_MAX, INT_MIN, Claim, Program, Quantity

FOLLOWED = "the bytes can be followed"
RUN = "some input is taken"
NO_TRAP = "no trap"
OWN = (FOLLOWED, RUN, NO_TRAP, "range of ", "equals the reference: ", "bytecode equals wasm: ", "keeps private: ")
KINDS = ("always", "lemma", "stays", "within")
MOST_DELAY, MOST_TICKS = 600, 1 << 20


def faults(program: Program) -> list[str]:
    """Why nothing is proved of `program`; empty where it is well formed."""
    names = [q.name for q in program.quantities()] + [name for name, _ in program.lets]
    found = [f"{name!r} is no name" for name in names if not name.isidentifier()]
    found += [f"{name} is named twice" for name, many in Counter(names).items() if many > 1]
    claims = Counter(claim.name for claim in program.claims)
    found += [f"two claims are named {name!r}" for name, many in claims.items() if many > 1]
    for quantity in program.quantities():
        found += _of_quantity(quantity, starts=quantity not in program.inputs)
    for claim in program.claims:
        found += _of_claim(claim)
    if not whole(program.tick_s):
        found.append("the tick is no whole number of seconds")
    return found


def whole(*values: object) -> bool:
    """Whether all are integers, and none a bool."""
    return all(type(value) is int for value in values)


def _of_quantity(q: Quantity, starts: bool) -> Iterator[str]:
    if not whole(q.least, q.greatest, q.start, q.error, q.delay_ticks):
        yield f"{q.name} is not in whole numbers"
    elif not INT_MIN <= q.least <= q.greatest <= INT_MAX:
        yield f"the range of {q.name} is empty or not within 32 bits"
    elif starts and not q.least <= q.start <= q.greatest:
        yield f"{q.name} starts at {q.start}, outside its range"
    elif not 0 <= q.error <= INT_MAX or not 0 <= q.delay_ticks <= MOST_DELAY:
        yield f"the error of {q.name} is below 0, or its delay is not within 0 .. {MOST_DELAY} ticks"


def _of_claim(claim: Claim) -> Iterator[str]:
    if claim.name.startswith(OWN):
        yield f"a claim is named {claim.name!r}, as the verifier's own are"
    if claim.kind not in KINDS:
        yield f"the claim {claim.name} is of the unknown kind {claim.kind}"
    lasts = claim.kind in ("stays", "within")
    if not whole(claim.ticks) or (lasts and (claim.when is None or not 1 <= claim.ticks <= MOST_TICKS)):
        yield f"the claim {claim.name} has no `when`, or does not last a whole number of ticks"
