"""An assurance case as one HTML page, without scripts: verdicts, counterexamples drawn, what is assumed."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from host_bridge.microworld.verify.case import Case, Verdict
from host_bridge.microworld.verify.chart import chart
from host_bridge.microworld.verify.unroll import Trace

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1b2430; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #d9dfe6; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; }
.proved { color: #17693a; } .refuted, .refused { color: #a3211b; } .not-proved { color: #8a5a00; }
svg { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #dfe6ee; } }
"""
META = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
MOST_ROWS = 60  # of a trace that are shown; the first and the last


def page(case: Case) -> str:
    """The whole page."""
    answer = "accepted: all was proved" if case.accepted else "not accepted"
    parts = [
        f"<h1>{escape(case.name)}</h1>",
        f'<p class="{"proved" if case.accepted else "refuted"}"><strong>{answer}</strong></p>',
        f"<p>{escape(str(case.interface.get('says', '')))}</p>",
        _facts(case),
        "<h2>Verdicts</h2>",
        _verdicts(case.verdicts),
        *(_counterexample(verdict, case) for verdict in case.verdicts if verdict.trace),
        "<h2>Under these assumptions</h2>",
        _list([*case.assumptions, *_errors(case.interface)], "none"),
        "<h2>What was not proved</h2>",
        _list(case.not_proved, "nothing is left out"),
        "<h2>What is claimed</h2>",
        _claims(case.interface),
        "<h2>Rules</h2>",
        _rules(case.interface),
        "<h2>Quantities</h2>",
        _quantities(case.interface),
    ]
    head = f"{META}<title>{escape(case.name)}</title><style>{STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells of `rows` are HTML already."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = ["".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _list(items: Sequence[str], none: str) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else f"<p>{none}</p>"


def _facts(case: Case) -> str:
    fuel = f"{case.fuel_bound}"
    if case.fuel_run:
        call, lane, tick = case.fuel_run
        fuel += f"; run: {call} + lanes * ({lane} + ticks * {tick})"
    rows = [
        ["module", f"<code>sha256:{escape(case.digest)}</code>"],
        ["bytecode", f"<code>sha256:{escape(case.bytecode_digest)}</code>" if case.bytecode_digest else "not given"],
        ["written", "by hand" if case.handwritten else "by the compiler"],
        ["a step takes at most", f"{fuel} units of fuel"],
        ["profile", _pairs(case.interface.get("profile", {}), " = ")],
        ["parameters", _pairs(case.interface.get("parameters", {}), " = ")],
        ["tools", _pairs(case.tools, " ")],
    ]
    return _table(("", ""), rows)


def _pairs(pairs: dict[str, Any], between: str) -> str:
    return escape(", ".join(f"{name}{between}{value}" for name, value in sorted(pairs.items())) or "none")


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    rows = []
    for verdict in verdicts:
        kind = verdict.outcome.replace(" ", "-")
        outcome = f'<span class="{escape(kind)}">{escape(verdict.outcome)}</span>'
        seconds = f'<td class="number">{verdict.seconds:.3f} s</td>'
        rows.append([escape(verdict.claim), outcome, escape(verdict.how), seconds, escape(verdict.says)])
    return _table(("what", "outcome", "how", "time", ""), rows)


def _counterexample(verdict: Verdict, case: Case) -> str:
    trace = verdict.trace or ()
    where = "from the start state" if verdict.reachable else "from a state that may not be reachable"
    says = f"<h3>{escape(verdict.claim)}: how it breaks, {where}</h3>"
    return says + chart(trace, _units(case.interface)) + _trace(trace)


def _trace(trace: Trace) -> str:
    """The ticks as rows; of a long trace the first ones and the last."""
    if not trace:
        return ""
    names = list(trace[0])
    numbered = list(enumerate(trace))
    if len(numbered) > MOST_ROWS:
        numbered = numbered[: MOST_ROWS // 2] + numbered[-MOST_ROWS // 2 :]
    rows = [[_number(i), *(_number(row[name]) for name in names)] for i, row in numbered]
    return _table(("tick", *names), rows)


def _number(value: int) -> str:
    return f'<td class="number">{int(value)}</td>'


def _units(interface: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["unit"] for part in ("state", "inputs", "outputs") for row in interface.get(part, ())}


def _errors(interface: dict[str, Any]) -> list[str]:
    measured = [row for row in interface.get("inputs", ()) if row["error"]]
    found = [f"{row['name']} is measured within {row['error']} {row['unit']}" for row in measured]
    for quantity in interface.get("outputs", ()):
        if quantity["delay_ticks"]:
            found.append(f"{quantity['name']} is carried out within {quantity['delay_ticks']} ticks")
    return found


def _claims(interface: dict[str, Any]) -> str:
    rows = []
    for claim in interface.get("claims", ()):
        when = f"when <code>{escape(claim['when'])}</code>: " if claim["when"] else ""
        lasts = f" ({claim['ticks']} ticks)" if claim["ticks"] else ""
        text = f"{when}<code>{escape(claim['holds'])}</code>{lasts}"
        rows.append([escape(claim["name"]), escape(claim["kind"]), text, escape(claim["says"])])
    return _table(("name", "kind", "holds", ""), rows)


def _rules(interface: dict[str, Any]) -> str:
    rows = [[escape(name), f"<code>{escape(text)}</code>"] for name, text in interface.get("lets", ())]
    rows += [[escape(name), f"<code>{escape(text)}</code>"] for name, text in interface.get("output", {}).items()]
    after = interface.get("next_state", {})
    rows += [[f"next({escape(name)})", f"<code>{escape(text)}</code>"] for name, text in after.items()]
    return _table(("", "is"), rows)


def _quantities(interface: dict[str, Any]) -> str:
    rows = []
    for part in ("state", "inputs", "outputs"):
        for q in interface.get(part, ()):
            marks = [word for word in ("private", "shared") if q[word]]
            ends = _number(q["least"]), _number(q["greatest"])
            rows.append([escape(q["name"]), part, escape(q["unit"]), *ends, ", ".join(marks), escape(q["says"])])
    return _table(("name", "", "unit", "least", "greatest", "", ""), rows)
