"""The part of a world's datasheet that its specification and its assurance case tell: interface, strategies, proofs."""

import re
from collections.abc import Sequence

from host_bridge.microworld.program import Quantity
from host_bridge.microworld.spec import Spec
from host_bridge.microworld.verify import Case
from tools.worlds_tables import table

WORDS = "---"  # a table's columns of words, not of numbers


def filled(text: str, sheets: dict[str, str]) -> str:
    """`text` with each block `<!-- sheet NAME: ... -->` ... `<!-- end -->` that it has filled from `sheets`."""

    def of(found: re.Match[str]) -> str:
        return f"{found[1]}{sheets[found[2]]}\n{found[3]}"

    return re.sub(r"(<!-- sheet (\w+): [^\n]*-->\n).*?(<!-- end -->)", of, text, flags=re.DOTALL)


def sheet(spec: Spec, case: Case, wasm: bytes, code: bytes) -> str:
    """The datasheet of one specification, as Markdown."""
    program = spec.program()
    size = f"Module {len(wasm)} B (`sha256:{case.digest[:12]}`), bytecode {len(code)} B"
    parts = [f"{spec.says} A tick is {spec.tick_s} s. {size}; a step takes at most {case.fuel_bound} units of fuel."]
    if spec.parameters:
        its = spec.parameters.items()
        values = [(f"`{n}`", f"{p.value} {p.unit}", f"{p.least} … {p.greatest}", p.says) for n, p in its]
        parts.append(table(("parameter", "value", "range", ""), values, WORDS))
    for kind, quantities in (("input", program.inputs), ("state", program.state), ("output", program.outputs)):
        if quantities:
            parts.append(_quantities(kind, quantities))
    for agent, strategies in spec.agents.items():
        rows = [(f"`{strategy}`", says) for strategy, says in strategies.items()]
        parts.append(table((f"strategies of `{agent}`", f"(the profile has `{spec.profile[agent]}`)"), rows, WORDS))
    parts.append(_proved(spec, case))
    return "\n\n".join(parts)


def _quantities(kind: str, quantities: Sequence[Quantity]) -> str:
    rows = [
        (f"`{its.name}`", its.unit or "1", "" if its.is_bool else f"{its.least} … {its.greatest}", _remarks(kind, its))
        for its in quantities
    ]
    return table((kind, "unit", "range", ""), rows, WORDS)


def _remarks(kind: str, its: Quantity) -> str:
    said = [its.says] if its.says else []
    if its.private:
        said.append("private")
    if its.error:
        said.append(f"right within {its.error}")
    if its.delay_ticks:
        said.append(f"acts within {its.delay_ticks} ticks")
    if kind != "input":
        value = ("off", "on")[its.start] if its.is_bool else str(its.start)
        said.append(f"{'starts at' if kind == 'state' else 'safe:'} {value}")
    return "; ".join(said)


def _proved(spec: Spec, case: Case) -> str:
    claims = {written.claim.name for written in spec.claims}
    rows = [(verdict.claim, verdict.outcome, verdict.how) for verdict in case.verdicts if verdict.claim in claims]
    others = [verdict for verdict in case.verdicts if verdict.claim not in claims]
    proved = sum(verdict.outcome == "proved" for verdict in others)
    told = f"And {proved} of {len(others)} others: no trap, ranges, equal to the reference, as bytecode too, privacy."
    assumed = "".join(f"\n- {text}" for text in case.assumptions)
    made = f"{table(('claim', 'outcome', 'by'), rows, WORDS)}\n\n{told}"
    return f"{made}\n\nUnder these assumptions:\n{assumed}" if assumed else made
