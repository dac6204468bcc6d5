"""From a specification's text to verified bytes: what `gridnexus world build`, the page and the API have in common."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from host_bridge.microworld import bytecode, spec, wasm
from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.program import Program
from host_bridge.microworld.spec import Spec

if TYPE_CHECKING:
    from host_bridge.microworld.verify import Case

Tell = Callable[[str], None]
Answer = dict[str, Any]
BUDGET_S = 10.0
IMPLICIT = {  # beginnings of the claims that nobody writes
    "equals the reference": "the wasm equals the specification",
    "bytecode equals wasm": "the bytecode equals the wasm",
    "keeps private": "what is private does not show",
    "all ranges": "all states and outputs keep their ranges",
}


class Compiled(NamedTuple):
    """A specification with its profile and parameters chosen, and its bytes. `bytecode_says`: why there is none."""

    spec: Spec
    program: Program
    wasm: bytes
    bytecode: bytes
    bytecode_says: str


def compiled(
    text: str, profile: Mapping[str, str], parameters: Mapping[str, int | str], name: str = "spec.toml"
) -> Compiled:
    """The bytes that `text` says. Raises SpecError."""
    its = spec.read(text, name)
    program = its.program(profile, parameters)
    try:
        return Compiled(its, program, wasm.compile(program), bytecode.compile(program), "")
    except bytecode.BytecodeError as error:
        return Compiled(its, program, wasm.compile(program), b"", str(error))


def verified(made: Compiled, budget_s: float = BUDGET_S, progress: Tell | None = None) -> "Case":
    """The assurance case of the bytes; accepted or not."""
    from host_bridge.microworld import verify

    return verify.verify(made.wasm, made.program, bytecode=made.bytecode or None, budget_s=budget_s, progress=progress)


def lint(made: Compiled) -> list[str]:
    """What nothing can break, what is never reached, what contradicts itself; in words."""
    from host_bridge.microworld import verify

    return list(verify.lint(made.program, made.spec.guards(made.program.profile, made.program.parameters)))


def errors(error: SpecError) -> list[Answer]:
    """All that is wrong, in the order of the text."""
    found = sorted(error.errors, key=lambda each: (each.line, each.column))
    return [{"line": each.line, "column": each.column, "says": each.says} for each in found]


def described(made: Compiled) -> Answer:
    """What is known before anything is proved."""
    program = made.program
    return {
        "name": program.name,
        "kind": program.kind,
        "says": program.says,
        "tick_s": program.tick_s,
        "profile": dict(program.profile),
        "parameters": dict(program.parameters),
        "strategies": {agent: list(its) for agent, its in made.spec.agents.items()},
        "inputs": [_quantity(quantity) for quantity in program.inputs],
        "outputs": [_quantity(quantity) for quantity in program.outputs],
        "state": [_quantity(quantity) for quantity in program.state],
        "warnings": list(made.spec.warnings),
        "wasm_bytes": len(made.wasm),
        "bytecode_bytes": len(made.bytecode),
        "bytecode_says": made.bytecode_says,
    }


def judged(case: "Case") -> Answer:
    """What the verifier says, in plain dicts."""
    return {
        "digest": case.digest,
        "accepted": case.accepted,
        "verdicts": [asdict(verdict) for verdict in case.verdicts],
        "assumptions": list(case.assumptions),
        "not_proved": list(case.not_proved),
        "fuel_bound": case.fuel_bound,
        "tools": dict(case.tools),
    }


def condensed(verdicts: list[Answer]) -> list[Answer]:
    """For people: what is implicit in each claim's kind and was proved as one row for each kind, the rest as it is."""
    rows: list[Answer] = []
    of_kind: dict[str, Answer] = {}
    for verdict in verdicts:
        kind = verdict["claim"].partition(":")[0] if ":" in verdict["claim"] else ""
        kind = "all ranges" if verdict["claim"].startswith("range of ") else kind if kind in IMPLICIT else ""
        if not kind or verdict["outcome"] != "proved":
            rows.append(verdict)
            continue
        if kind not in of_kind:
            of_kind[kind] = {**verdict, "claim": IMPLICIT[kind], "seconds": 0.0, "how": ""}
            rows.append(of_kind[kind])
        row = of_kind[kind]
        row["seconds"] += verdict["seconds"]
        if verdict["how"] not in row["how"].split(", "):
            row["how"] = ", ".join(part for part in (row["how"], verdict["how"]) if part)
    return rows


def check(
    text: str,
    profile: Mapping[str, str],
    parameters: Mapping[str, int | str],
    tell: Callable[[str, Answer], None],
    budget_s: float = BUDGET_S,
) -> None:
    """Tell of `text` part by part: "read", then while it is proved "progress", "warnings", and "case".

    "read" has `errors`; where there are any, it is the last.
    """
    begun = time.monotonic()
    try:
        made = compiled(text, profile, parameters)
    except SpecError as error:
        tell("read", {"errors": errors(error)})
        return
    tell("read", {"errors": [], **described(made)})
    case = verified(made, budget_s, lambda what: tell("progress", {"says": what}))
    seconds = round(time.monotonic() - begun, 2)
    bytes_of = {"wasm": made.wasm.hex(), "bytecode": made.bytecode.hex(), "case": case.json()}
    tell("case", {**judged(case), "seconds": seconds, "bytes": bytes_of})
    tell("warnings", {"warnings": [*made.spec.warnings, *lint(made)]})


def _quantity(quantity: Any) -> Answer:
    names = ("name", "unit", "least", "greatest", "says")
    return {name: getattr(quantity, name) for name in names}
