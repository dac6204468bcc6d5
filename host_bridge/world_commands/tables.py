"""What `gridnexus world` prints: verdicts, counterexamples, what is installed, ticks. Units always shown."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from host_bridge.microworld.making import condensed
from host_bridge.terminal import NONE, printable
from host_bridge.times import in_words, local

Answer = dict[str, Any]
COLOURS = {
    "proved": "green", "refuted": "bold red", "not proved": "yellow", "refused": "bold red",
    "running": "green", "probation": "yellow", "stopped": "bold red", "in force": "green",
}  # fmt: skip
MOST_TRACE = 40  # ticks of a counterexample that are printed


def verdicts(found: Sequence[Answer]) -> Table:
    """Each claim, what became of it, by which method and in which time."""
    table = _table(("claim", "verdict", "how", "time"), right=("time",))
    for each in condensed(list(found)):
        how = each["how"] or each["says"]
        table.add_row(_plain(each["claim"]), _word(each["outcome"]), _plain(how), Text(f"{each['seconds']:.2f} s"))
    return table


def refutations(found: Sequence[Answer], units: Mapping[str, str]) -> Iterator[Table | Text]:
    """Of each refuted claim, the run that breaks it."""
    for each in found:
        if each["outcome"] == "refuted":
            yield Text(printable(f"\n{each['claim']}: {each['says'] or 'is broken'}"), "bold red")
            if each["trace"]:
                yield trace(each["trace"], units)


def trace(ticks: Sequence[Mapping[str, int]], units: Mapping[str, str]) -> Table:
    """A run, a column a tick, as rows of one quantity each; what never changes comes last."""
    shown = ticks[-MOST_TRACE:]
    names = list(dict.fromkeys(name for tick in shown for name in tick))
    names.sort(key=lambda name: len({tick.get(name) for tick in shown}) == 1)
    first = len(ticks) - len(shown)
    columns = [f"tick {number}" for number in range(first, len(ticks))]
    table = _table(("", *columns), right=columns)
    for name in names:
        unit = units.get(name.rpartition(":")[2], "")
        table.add_row(_plain(name), *(Text(value(tick.get(name), unit)) for tick in shown))
    return table


def steps(rows: Sequence[Mapping[str, int | None]], first: int, units: Mapping[str, str]) -> Table:
    """Ticks, a row each, numbered from `first`."""
    names = list(rows[0])
    table = _table(("tick", *names), right=("tick", *names))
    for number, row in enumerate(rows, first):
        table.add_row(Text(str(number)), *(Text(value(row[name], units.get(name, ""))) for name in names))
    return table


def last_ticks(ticks: Sequence[Answer], body: Answer, zone: tzinfo | None) -> Table:
    """The newest ticks of an installed world."""
    names = [(kind, name) for kind in ("inputs", "outputs") for name in body[kind]]
    table = _table(("time", *(name for _, name in names), "fault"), right=[name for _, name in names])
    places = {kind: {name: place for place, name in enumerate(body[kind])} for kind in ("inputs", "outputs")}
    for tick in ticks:
        cells = [
            tick[kind][places[kind][name]] if len(tick[kind]) > places[kind][name] else None for kind, name in names
        ]
        shown = (Text(value(cell, body["units"].get(name, ""))) for cell, (_, name) in zip(cells, names, strict=True))
        table.add_row(Text(local(tick["time_ms"], zone, "%H:%M:%S")), *shown, _plain(tick["fault"]))
    return table


def plain(rows: Sequence[Answer]) -> Table:
    """Rows as they are, their names as heads."""
    heads = list(rows[0]) if rows else []
    table = _table(heads, right=heads[1:])
    for row in rows:
        table.add_row(*(_plain(f"{cell:,}" if isinstance(cell, int) else cell) for cell in row.values()))
    return table


def value(number: int | None, unit: str) -> str:
    """With its unit: "412 W", "on"."""
    if number is None:
        return NONE
    if unit == "on/off":
        return "on" if number else "off"
    return f"{number:,} {unit}".strip()


def installed(worlds: Sequence[Answer], on_nodes: Sequence[Answer]) -> Table:
    """What runs where: on the bridge as wasm, on nodes as bytecode."""
    table = _table(("name", "runs on", "state", "computed", "digest", "ticks", "missed"), right=("ticks", "missed"))
    for body in worlds:
        phase = _word(body["phase"])
        if body["newcomer"]:
            phase.append(f", newcomer {body['newcomer']['ran']} of {body['newcomer']['shadow_ticks']}", "yellow")
        table.add_row(
            _plain(body["name"]), Text("bridge (wasm)"), phase, _plain(computed(body)), Text(body["digest"][:12]),
            Text(f"{body['ticks']:,}"), Text(f"{body['missed']:,}"),
        )  # fmt: skip
    for body in on_nodes:
        where = f"{body['node']} (bytecode{', guard' if body['guard'] else ''})"
        table.add_row(_plain(body["name"]), _plain(where), _word(body["state"]), _plain(body["computed"]),
                      Text(body["digest"][:12]), Text(NONE), Text(NONE))  # fmt: skip
    return table


def computed(body: Answer) -> str:
    """The outputs of the last tick, with units; why there was none."""
    if body["fault"] or body["idle"]:
        return str(body["fault"] or body["idle"])
    return ", ".join(f"{name} {value(number, body['units'].get(name, ''))}" for name, number in body["outputs"].items())


def shown(body: Answer, zone: tzinfo | None) -> Iterator[Table | Text]:
    """One installed world: what it is, what it reads and says, and its swap if there is one."""
    yield Text(printable(f"{body['name']}: {body['says']}"), "bold")
    table = _table(("", ""), header=False)
    told = {
        "module": f"sha256:{body['digest']}",
        "state": body["phase"] + (f", {body['probation_left']} ticks of it left" if body["probation_left"] else ""),
        "runs on": f"the bridge, as wasm, every {body['tick_s']} s",
        "ticks": f"{body['ticks']:,} run, {body['idle_ticks']:,} not run, {body['missed']:,} missed",
        "last tick": local(body["last_ms"], zone) if body["last_ms"] else "none yet",
        "not run because": body["idle"],
        "fault": body["fault"],
        "strategies": ", ".join(f"{agent} plays {its}" for agent, its in body["profile"].items()),
        "signed by": body["signed_by"],
        "falls back on": f"sha256:{body['previous'][:12]}" if body["previous"] else "",
        "ticks are kept": body["log_fault"],
    }
    for name, text in told.items():
        if text:
            table.add_row(Text(name), _plain(text))
    yield table
    yield quantities(body)
    if body["newcomer"]:
        yield from newcomer(body["newcomer"], body["units"])


def quantities(body: Answer) -> Table:
    """Inputs, state and outputs of the last tick, and what they are bound to."""
    table = _table(("", "name", "value", "bound to"), right=("value",))
    for kind, what in (("inputs", "input"), ("state", "state"), ("outputs", "computed")):
        for name, number in body[kind].items():
            bound = body["binding"].get(kind, {}).get(name)
            where = (
                bound
                if isinstance(bound, str)
                else ""
                if bound is None
                else "a series"
                if "series" in str(bound)
                else str(bound)
            )
            table.add_row(Text(what), _plain(name), Text(value(number, body["units"].get(name, ""))), _plain(where))
    return table


def newcomer(body: Answer, units: Mapping[str, str]) -> Iterator[Table | Text]:
    """A swap under way."""
    yield Text(printable(
        f"newcomer sha256:{body['digest'][:12]}, asked by {body['asked_by']}: {body['ran']} of {body['shadow_ticks']} "
        f"ticks in its shadow run, agreed in {body['agreed']} of {body['compared']}"
    ), "yellow")  # fmt: skip
    for each in body["differences"][-5:]:
        pairs = (f"{name} {value(one, units.get(name, ''))}, the newcomer {value(other, units.get(name, ''))}"
                 for name, (one, other) in each["outputs"].items())  # fmt: skip
        yield Text(printable(f"  {local(each['time_ms'], None)}: {'; '.join(pairs)}"))


def case_words(case: Answer) -> Iterator[Text]:
    """An assurance case in a few sentences."""
    told = case["verdicts"]
    proved = sum(each["outcome"] == "proved" for each in told)
    said = f"assurance case: {proved} of {len(told)} claims proved about these bytes; fuel {case['fuel_bound']} a step"
    yield Text(said, "green" if proved == len(told) else "red")
    for name, lines in (("assumed", case["assumptions"]), ("not proved", case["not_proved"])):
        for line in lines:
            yield Text(printable(f"  {name}: {line}"))


def seconds(count: float) -> str:
    """A span for people."""
    return f"{count:.1f} s" if count < 60 else in_words(int(count * 1000))


def _word(word: str) -> Text:
    return Text(printable(word), COLOURS.get(word, ""))


def _plain(text: object) -> Text:
    return Text(printable(text))


def _table(columns: Sequence[str], right: Sequence[str] = (), header: bool = True) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_header=header)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table
