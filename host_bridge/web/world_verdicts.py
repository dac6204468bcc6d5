"""What is known of a specification: errors by line and column, warnings, each claim's verdict, counterexamples."""

from typing import Any

from nicegui.element import Element

from host_bridge.microworld.making import condensed
from host_bridge.web.elements import Text, box, choose, mark
from host_bridge.web.world_chart import StepChart, of_trace
from host_bridge.web.world_words import quantity, verdict_line

Answer = dict[str, Any]
COLUMNS = ("Claim", "Verdict", "How", "Time")
MOST_CHARTS = 4


class Verdicts:
    """Shown anew with each answer of the check; what is the same as before is left alone."""

    def __init__(self) -> None:
        with box("section", "verdicts", aria_label="What is known of this specification"):
            self._summary = Text("p", "", "summary").props("aria-live=polite")
            self._errors = box("ul", "faults", aria_label="Errors and warnings")
            self._charts = box("div", "counterexamples")
            self._table = box("div")
        self._shown: Answer = {}

    def show(self, answer: Answer, under_way: bool) -> None:
        """`answer` as agent.maker has it; `under_way`: more will come."""
        told = {key: answer.get(key) for key in ("errors", "warnings", "verdicts")}
        choose(self._summary, "is", _kind(answer, under_way))
        self._summary.show(summary(answer, under_way))
        if told == self._shown:
            return
        self._shown = told
        for part in (self._errors, self._table, self._charts):
            part.clear()
        with self._errors:
            for fault in answer["errors"]:
                with box("li", "fault"):
                    Text("span", f"{fault['line']}:{fault['column']}", "place")
                    Text("span", fault["says"])
            for warning in answer["warnings"]:
                with box("li", "warning"):
                    Text("span", "warning", "place")
                    Text("span", warning)
        if answer["verdicts"]:
            with self._table:
                _table(answer["verdicts"])
            with self._charts:
                self._build_charts(answer)

    def _build_charts(self, answer: Answer) -> None:
        units = {each["name"]: each["unit"] for key in ("inputs", "state", "outputs") for each in answer.get(key, ())}
        refuted = [verdict for verdict in answer["verdicts"] if verdict["trace"]]
        for verdict in refuted[:MOST_CHARTS]:
            Text("h3", f"How \u201c{verdict['claim']}\u201d is broken")
            Text("p", counterexample_words(verdict), "note")
            StepChart(f"Counterexample to {verdict['claim']}").show(*of_trace(verdict["trace"]), units)
            Text("p", last_words(verdict["trace"][-1], units), "note")


def summary(answer: Answer, under_way: bool) -> str:
    """In a sentence."""
    if answer["errors"]:
        count = len(answer["errors"])
        return f"{count} error{'s' if count > 1 else ''}: nothing is compiled."
    sizes = f"{answer.get('wasm_bytes', 0)} B of wasm"
    sizes += (
        f", {answer['bytecode_bytes']} B of bytecode" if answer.get("bytecode_bytes") else ", no bytecode for nodes"
    )
    if under_way:
        progress = answer.get("progress", "")
        return f"Compiled ({sizes}); proving {progress}".strip() if "wasm_bytes" in answer else "Reading"
    if answer.get("not_checked"):
        return f"Not proved: {answer['not_checked']}"
    if not answer["verdicts"]:
        return ""
    verdict = "Proved" if answer["accepted"] else "Not accepted"
    return f"{verdict}: {verdict_line(answer['verdicts'])}, in {answer.get('seconds', 0):.1f} s; {sizes}."


def counterexample_words(verdict: Answer) -> str:
    """What the chart shows."""
    begin = "from the start" if verdict["reachable"] else "from a state that the claims allow"
    says = f"{verdict['says']} " if verdict["says"] else ""
    return f"{says}The run {begin} breaks it at tick {len(verdict['trace']) - 1}. All figures are computed."


def last_words(tick: dict[str, int], units: dict[str, str]) -> str:
    """All figures of the tick that breaks the claim."""
    told = (f"{name.replace(':', ' ')} {quantity(value, units.get(name.rpartition(':')[2], ''))}"
            for name, value in tick.items())  # fmt: skip
    return f"At that tick: {', '.join(told)}."


def _kind(answer: Answer, under_way: bool) -> str:
    if under_way and not answer["errors"]:
        return "pending"
    return "good" if answer["accepted"] else "bad"


def _table(verdicts: list[Answer]) -> Element:
    with box("table", "nodes") as table:
        Text("caption", "Claims and their verdicts", "visually-hidden")
        with box("thead"), box("tr"):
            for column in COLUMNS:
                Text("th", column).props("scope=col")
        with box("tbody"):
            for verdict in condensed(verdicts):
                _row(verdict)
    return table


def _row(verdict: Answer) -> None:
    with box("tr", f"verdict-{verdict['outcome'].replace(' ', '-')}") as row:
        Text("th", verdict["claim"]).props("scope=row")
        cells = (verdict["outcome"], verdict["how"] or verdict["says"], f"{verdict['seconds']:.2f} s")
        for column, cell in zip(COLUMNS[1:], cells, strict=True):
            Text("td", cell).props["data-label"] = column
    mark(row, refuted=verdict["outcome"] in ("refuted", "refused"))
