"""The assurance case: what was proved of which bytes, how, under which assumptions, with which tools; as JSON.

The JSON is the same every time but for the seconds. It carries all that a rerun needs beside the bytes: quantities,
rules, claims and assumptions, as text that people can read and expression.parse reads back.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from host_bridge.microworld.language.expression import parse, show
from host_bridge.microworld.program import Claim, Program, Quantity
from host_bridge.microworld.verify.unroll import Trace
from host_bridge.microworld.verify.well_formed import faults, whole

FORMAT = 1


@dataclass(frozen=True)
class Verdict:
    """One thing that was to be proved. outcome: proved, refuted, not proved, refused. `reachable`: the trace begins at
    the start state; else it may begin where the world never comes.
    """

    claim: str
    outcome: str
    how: str = ""
    k: int = 0
    seconds: float = 0.0
    trace: Trace | None = None
    reachable: bool = True
    says: str = ""


@dataclass(frozen=True)
class Case:
    """An assurance case. `digest`: SHA-256 of the wasm, hex. `fuel_run`: run(lanes, ticks) takes at most
    [0] + lanes * ([1] + ticks * [2]); None where there is no `run`.
    """

    name: str
    digest: str
    bytecode_digest: str | None
    handwritten: bool
    verdicts: tuple[Verdict, ...]
    assumptions: tuple[str, ...]
    not_proved: tuple[str, ...]
    fuel_bound: int
    fuel_run: tuple[int, int, int] | None
    interface: dict[str, Any]
    tools: dict[str, str]

    @property
    def accepted(self) -> bool:
        """Whether all was proved."""
        return bool(self.verdicts) and all(verdict.outcome == "proved" for verdict in self.verdicts)

    def json(self) -> str:
        """For a file, a bundle, another machine."""
        body = {"format": FORMAT, "accepted": self.accepted} | asdict(self)
        for verdict in body["verdicts"]:
            verdict["seconds"] = round(verdict["seconds"], 4)
        return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, text: str) -> "Case":
        """The case in `text`. ValueError: it is none."""
        try:
            body = json.loads(text)
            if body.get("format") != FORMAT:
                raise ValueError(f"an assurance case of format {body.get('format')}; {FORMAT} is read here")
            verdicts = tuple(_verdict(row) for row in body["verdicts"])
            own = {name: body[name] for name in (field.name for field in fields(cls))}
            lists = {name: tuple(body[name]) for name in ("assumptions", "not_proved")}
            run = body["fuel_run"] and tuple(body["fuel_run"])
            if not whole(own["fuel_bound"], *(run or ())):
                raise ValueError("an assurance case whose fuel is no whole number")
            case = cls(**{**own, **lists, "verdicts": verdicts, "fuel_run": run})
            if wrong := faults(program_of(case)):
                raise ValueError(f"an assurance case of no program: {'; '.join(wrong)}")
            return case
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not an assurance case: {error!r}") from None

    def page(self) -> str:
        """For people: one HTML page without scripts."""
        from host_bridge.microworld.verify.page import page  # it reads cases, so it cannot come first

        return page(self)


def _verdict(row: dict[str, Any]) -> Verdict:
    """What a page shows of it must be of the types that it shows."""
    trace = None if row["trace"] is None else tuple(dict(tick) for tick in row["trace"])
    numbers = [value for tick in trace or () for value in tick.values()]
    if not whole(row["k"], *numbers) or type(row["seconds"]) not in (int, float):
        raise ValueError("an assurance case whose verdicts are not in numbers")
    return Verdict(**{**row, "trace": trace})


def interface(program: Program) -> dict[str, Any]:
    """`program` in JSON's words, expressions as text."""
    rules = {q.name: show(expr) for q, expr in zip(program.outputs, program.output, strict=True)}
    following = {q.name: show(expr) for q, expr in zip(program.state, program.next_state, strict=True)}
    return {
        "name": program.name,
        "kind": program.kind,
        "says": program.says,
        "tick_s": program.tick_s,
        "state": [_quantity(q) for q in program.state],
        "inputs": [_quantity(q) for q in program.inputs],
        "outputs": [_quantity(q) for q in program.outputs],
        "lets": [[name, show(expr)] for name, expr in program.lets],
        "output": rules,
        "next_state": following,
        "claims": [_claim(claim) for claim in program.claims],
        "profile": dict(program.profile),
        "parameters": dict(program.parameters),
    }


def _quantity(quantity: Quantity) -> dict[str, Any]:
    return {**asdict(quantity), "reveals": list(quantity.reveals)}


def _claim(claim: Claim) -> dict[str, Any]:
    row = {**asdict(claim), "holds": show(claim.holds)}
    return {**row, "when": None if claim.when is None else show(claim.when)}


def program_of(case: Case) -> Program:
    """The program that `case` is about, from its texts. ValueError: it says none."""
    body = case.interface
    try:
        state, inputs, outputs = (_read_quantities(body[part]) for part in ("state", "inputs", "outputs"))
        return Program(
            name=body["name"],
            kind=body["kind"],
            tick_s=body["tick_s"],
            state=tuple(state),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            lets=tuple((name, parse(text, f"let {name}")) for name, text in body["lets"]),
            output=tuple(parse(body["output"][q.name], q.name) for q in outputs),
            next_state=tuple(parse(body["next_state"][q.name], f"next {q.name}") for q in state),
            claims=tuple(_read_claim(row) for row in body["claims"]),
            assumptions=tuple(parse(text, "an assumption") for text in case.assumptions),
            says=body["says"],
            profile=dict(body["profile"]),
            parameters=dict(body["parameters"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the case does not say its interface: {error!r}") from None


def _read_quantities(rows: list[dict[str, Any]]) -> list[Quantity]:
    return [Quantity(**{**row, "reveals": tuple(row["reveals"])}) for row in rows]


def _read_claim(row: dict[str, Any]) -> Claim:
    when = row["when"] and parse(row["when"], f"claim {row['name']}")
    return Claim(**{**row, "holds": parse(row["holds"], f"claim {row['name']}"), "when": when})
