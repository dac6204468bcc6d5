"""The report that compares rigs: made once, then written as Markdown, JSON and HTML."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gridnode import VERSION
from hil import benches, rigs, verdict
from hil.figures import CATALOG, Figure, write_json
from hil.rigs import Rig

# What the project has promised: figure, rig that it is held on, bound, words; None: of the whole run.
REACH = (
    ("boot_reading_ms", "rp2040_emulated", 1000, "power-on to first reading on the wire"),
    ("heap_free_kb", "rp2040_emulated", 120, "free heap after 10 minutes of work (--long)"),
    ("heap_trend_kb", "rp2040_emulated", 2, "downward trend of the heap in that time (--long)"),
    ("command_median_ms", "rp2040_emulated", 20, "command's first byte to the relay pin's edge, median"),
    ("command_p99_ms", "rp2040_emulated", 40, "command's first byte to the relay pin's edge, p99"),
    ("fail_safe_ms", "rp2040_emulated", 100, "host killed to contactor open, beyond the hold"),
    ("over_current_ms", "rp2040_emulated", 25, "ten times the current, begun anywhere in a cycle, to the pin's edge"),
    ("unsafe_edges", "rp2040_emulated", 0, "edges to the unsafe level at boot, reset, watchdog, power-up, power cut"),
    (
        "power_cuts_wrong",
        "rp2040_emulated",
        0,
        "cuts at every flash operation of a run that went wrong (--long)",
    ),
    ("cut_lost_mwh", "rp2040_emulated", 1000, "most energy that one of these cuts took (--long)"),
    ("journal_days", "rp2040_emulated", 60, "two channels' journal of a noisy home reaches back, in 512 kB"),
    ("saves_a_day", "rp2040_emulated", 1440, "saves to flash a day"),
    ("flash_years", "rp2040_emulated", 10, "flash lasts at that rate, by its maker's figure"),
    ("session_ms", "rp2040_emulated", 1000, "power-on to a sealed session"),
    ("strange_taken", "rp2040_emulated", 0, "replayed, forged and foreign packets that did anything"),
    ("records_lost", "rp2040_emulated", 0, "records lost or taken twice, 5 % of the frames lost both ways"),
    ("clock_error_ms", "rp2040_emulated", 2, "host's error of a node's clock after 2 minutes, serial line (--long)"),
    ("seal_ms", "rp2040_emulated", 1.5, "sealing 64 bytes"),
    ("open_ms", "rp2040_emulated", 1.5, "opening 64 bytes"),
    ("seal_alloc_bytes", "rp2040_emulated", 400, "heap that either takes"),
    ("air_command_s", "rp2040_lora_emulated", 5, "command to the relay pin's edge over simulated LoRa, median"),
    ("strange_taken", "rp2040_lora_emulated", 0, "recorded, forged and made-up packets in the air that did anything"),
    ("records_lost", "rp2040_lora_emulated", 0, "records lost or taken twice, 5 % of the packets lost"),
    ("unsafe_edges", "rp2040_lora_emulated", 0, "edges to the unsafe level at boot and reset"),
    ("flash_s", "esp32_virtual", 10, "3.8 MB by real esptool onto the virtual ESP32, verified"),
)
RUN_LIMIT_S = 420
LONG_ONLY = ("heap_free_kb", "heap_trend_kb", "power_cuts_wrong", "cut_lost_mwh", "clock_error_ms")
# Why a figure is not there, when the rig says that it lacks one of these.
_NEEDS = {
    "unsafe_edges": ("pins",),
    "starts_watched": ("pins",),
    "heap_free_kb": ("heap",),
    "heap_trend_kb": ("heap",),
    "loop_busy_percent": ("heap",),
    "cpu_percent": ("cpu",),
    "flash_s": ("flashing",),
    "flash_mb": ("flashing",),
    "power_cuts": ("power cuts",),
    "power_cuts_wrong": ("power cuts", "replacing"),
    "cut_lost_mwh": ("power cuts", "replacing"),
    "journal_days": ("flash",),
    "flash_years": ("flash",),
    "over_current_ms": ("pins", "converter", "replacing"),
    "over_current_erase_ms": ("pins", "converter", "replacing"),
    "command_median_ms": ("dwell",),
    "command_p99_ms": ("dwell",),
    "voltage_error_percent": ("injection",),
    "current_error_percent": ("injection",),
    "power_error_percent": ("injection",),
    "energy_error_percent": ("injection",),
    "frequency_error_mhz": ("injection",),
    "clock_error_ms": ("exact time",),
    "seal_ms": ("exact time",),
    "open_ms": ("exact time",),
    "seal_alloc_bytes": ("exact time",),
    "world_ticks": ("line", "dwell"),
    "world_mutants": ("line", "dwell"),
    "world_heap_free_kb": ("line", "dwell", "heap"),
    "policy_ticks": ("line", "dwell", "converter"),
    "policy_node_ms": ("exact time",),
    "policy_node_uj": ("exact time",),
    "policy_host_ms": ("exact time",),
    "policy_host_uj": ("exact time",),
    "air_session_s": ("air",),
    "air_command_s": ("air",),
    "air_command_worst_s": ("air",),
}
_WHY = {
    "image_kb": "the interpreter is this machine's",
    "parts_eur": "nothing of it could be bought",
    "computer_eur": "nothing of it could be bought",
    "samples_per_s": "a meter chip samples by itself",
    "power_cuts_wrong": "only with --long",
    "cut_lost_mwh": "only with --long",
}


@dataclass(frozen=True)
class Promise:
    """One line of the table of numbers. `met` None: not measured, `words` say why."""

    title: str
    rig: str
    reach: str
    value: str
    met: bool | None
    words: str = ""


@dataclass(frozen=True)
class Column:
    """One rig's part of the report."""

    rig: Rig
    figures: dict[str, Figure]
    series: dict[str, list[float]]
    tests: list[dict[str, Any]]
    wall_s: float

    @property
    def passed(self) -> set[str]:
        return {test["name"] for test in self.tests if test["outcome"] == "passed"}

    def count(self, outcome: str) -> int:
        return sum(test["outcome"] == outcome for test in self.tests)


@dataclass(frozen=True)
class Report:
    """Everything that is written."""

    columns: list[Column]
    missing: dict[str, str]
    promises: list[Promise]
    findings: list[verdict.Finding]
    wall_s: float
    prepared_s: float
    long: bool
    machine: str


def make(
    runs: Sequence[Mapping[str, Any]], missing: Mapping[str, str], wall_s: float, prepared_s: float, long: bool
) -> Report:
    """The report of finished runs, each as hil.conftest notes it; `missing`: rigs that could not run, and why."""
    columns = [_column(run) for run in runs]
    figures = {column.rig.name: column.figures for column in columns}
    passed = {column.rig.name: column.passed for column in columns}
    promises = [_promise(*line, columns, long) for line in REACH] + [_run_promise(columns, wall_s, long)]
    machine = (
        f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, gridnexus {VERSION}"
    )
    return Report(columns, dict(missing), promises, verdict.verdict(figures, passed), wall_s, prepared_s, long, machine)


def _column(run: Mapping[str, Any]) -> Column:
    rig = rigs.load(run["rig"])
    figures = {figure["name"]: Figure(**figure) for figure in run["figures"]}
    bought = benches.parts(rig)
    if bought is not None:
        note = f"boards/{rig.parts}, which meters by {bought.meter}, without what an electrician puts up"
        figures["parts_eur"] = Figure("parts_eur", bought.all_eur, None, note)
        figures["computer_eur"] = Figure("computer_eur", bought.computer_eur, None, f"boards/{rig.parts}")
    return Column(rig, figures, dict(run["series"]), list(run["tests"]), run["wall_s"])


def _promise(name: str, rig: str, bound: float, title: str, columns: Sequence[Column], long: bool) -> Promise:
    kind = CATALOG[name]
    reach = f"{'≤' if kind.at_most else '≥'} {bound:g} {kind.unit}".strip()
    column = next((column for column in columns if column.rig.name == rig), None)
    if column is None:
        return Promise(title, rig, reach, "not measured", None, f"{rig} was not run")
    figure = column.figures.get(name)
    if figure is None:
        return Promise(title, rig, reach, "not measured", None, reason(column, name))
    value = shown(figure)
    if name in LONG_ONLY and not long:
        return Promise(title, rig, reach, value, None, f"{_minutes(column)} min of load only: run with --long")
    met = figure.value <= bound if kind.at_most else figure.value >= bound
    return Promise(title, rig, reach, value, met, figure.note)


def _minutes(column: Column) -> str:
    figure = column.figures.get("load_minutes")
    return f"{figure.value:.0f}" if figure else "0"


def _run_promise(columns: Sequence[Column], wall_s: float, long: bool) -> Promise:
    title, value = "whole HIL run, all rigs, without --long", f"{wall_s:.0f} s"
    ran = {column.rig.name for column in columns}
    reach = f"≤ {RUN_LIMIT_S} s wall"
    if long:
        return Promise(title, "all", reach, "not measured", None, f"this run was --long and took {value}")
    absent = set(rigs.names()) - ran - {"serial"}
    if absent:
        return Promise(title, "all", reach, value, None, f"not run: {', '.join(sorted(absent))}")
    if any(column.count("failed") for column in columns):
        return Promise(title, "all", reach, value, None, "tests failed, which may have cut it short")
    return Promise(title, "all", reach, value, wall_s <= RUN_LIMIT_S, f"{os.cpu_count()} processors")


def reason(column: Column, name: str) -> str:
    """Why a rig has no such figure."""
    lacks = column.rig.lacks
    feature = next((needed for needed in (*_NEEDS.get(name, ()), "line") if needed in lacks), None)
    if feature is not None:
        return lacks[feature]
    failed = [test["name"] for test in column.tests if test["outcome"] == "failed"]
    if failed:
        more = f" and {len(failed) - 2} more" if len(failed) > 2 else ""
        return f"failed: {', '.join(failed[:2])}{more}"
    return _WHY.get(name, "its test did not run")


def shown(figure: Figure) -> str:
    kind = CATALOG[figure.name]
    value = round(figure.value, kind.decimals) + 0.0  # no -0.0
    return f"{value:,.{kind.decimals}f} {kind.unit}".strip()


def rows(made: Report) -> list[str]:
    """The figures that any rig has, in the catalogue's order."""
    return [name for name in CATALOG if any(name in column.figures for column in made.columns)]


def as_dict(made: Report) -> dict[str, Any]:
    """For programs."""
    return {
        "machine": made.machine,
        "long": made.long,
        "wall_s": round(made.wall_s, 1),
        "prepared_s": round(made.prepared_s, 1),
        "promises": [asdict(promise) for promise in made.promises],
        "findings": [asdict(finding) for finding in made.findings],
        "missing": made.missing,
        "rigs": [_rig_dict(column, rows(made)) for column in made.columns],
    }


def _rig_dict(column: Column, names: Sequence[str]) -> dict[str, Any]:
    figures = {}
    for name in names:
        figure = column.figures.get(name)
        if figure is None:
            figures[name] = {"not_measured": reason(column, name)}
        else:
            figures[name] = asdict(figure) | {"unit": CATALOG[name].unit, "met": figure.met}
    rig = column.rig
    told = {"name": rig.name, "title": rig.title, "what": rig.what, "processor": rig.processor, "clock": rig.clock}
    return told | {"figures": figures, "series": column.series, "tests": column.tests, "wall_s": column.wall_s}


def as_json(made: Report) -> str:
    return json.dumps(as_dict(made), indent=1, ensure_ascii=False)


def as_text(made: Report) -> str:
    """What a terminal shows at the end."""
    lines = [""]
    for column in made.columns:
        counts = (
            f"{column.count('passed')} passed, {column.count('failed')} failed, {column.count('skipped')} not for it"
        )
        lines.append(f"{column.rig.name:18} {counts:44} {column.wall_s:6.0f} s")
    lines += [f"{name:18} could not run: {why}" for name, why in made.missing.items()]
    lines.append("")
    for promise in made.promises:
        met = {True: "met", False: "NOT MET", None: promise.words}[promise.met]
        lines.append(f"{promise.title:58} {promise.reach:>12}  {promise.value:>14}  {met}")
    lines += ["", made.findings[-1].words]
    return "\n".join(lines)


def as_markdown(made: Report) -> str:
    """For a repository."""
    out = ["# HIL bench", "", made.findings[-1].words, ""]
    out += [f"- {finding.words}" for finding in made.findings[:-1]]
    out += ["", "## Numbers to reach", "", *_promises(made)]
    out += ["", "## Side by side", "", "| | " + " | ".join(column.rig.title for column in made.columns) + " |"]
    out.append("|---|" + "---|" * len(made.columns))
    for title, of in (("what is emulated", "what"), ("processor", "processor"), ("clock", "clock")):
        out.append(f"| {title} | " + " | ".join(str(getattr(column.rig, of)) for column in made.columns) + " |")
    for name in rows(made):
        out.append(f"| {CATALOG[name].label} | " + " | ".join(_cell(column, name) for column in made.columns) + " |")
    out += ["", "## Tests", ""]
    for column in made.columns:
        out.append(f"- **{column.rig.name}**: {column.count('passed')} passed, {column.count('failed')} failed")
        out += [f"  - {test['name']}: {test['words'].splitlines()[0]}" for test in column.tests if test["words"]]
    out += [f"- **{name}** could not run: {why}" for name, why in made.missing.items()]
    return "\n".join([*out, "", f"Made on {made.machine}; {made.wall_s:.0f} s.", ""])


def _promises(made: Report) -> list[str]:
    met = {True: "met", False: "**not met**"}
    out = ["| figure | rig | to reach | measured | |", "|---|---|---|---|---|"]
    for promise in made.promises:
        words = promise.words if promise.met is None else met[promise.met]
        out.append(f"| {promise.title} | {promise.rig} | {promise.reach} | {promise.value} | {words} |")
    return out


def as_summary(made: Report) -> str:
    """The answer and the numbers to reach, for README.md."""
    return "\n".join([made.findings[-1].words, "", *_promises(made)])


def _cell(column: Column, name: str) -> str:
    figure = column.figures.get(name)
    if figure is None:
        return f"not measured: {reason(column, name)}"
    return shown(figure) + ("" if figure.met else f" **over its limit of {figure.limit:g}**")


def write(made: Report, folder: Path) -> None:
    """report.md, report.json and report.html into `folder`."""
    from hil.page import as_html

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", as_dict(made))
    (folder / "report.md").write_text(as_markdown(made), encoding="utf-8")
    (folder / "report.html").write_text(as_html(made), encoding="utf-8")
