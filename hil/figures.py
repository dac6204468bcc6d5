"""What the bench measures: the catalogue of figures, and the note that a run makes of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """How a figure is shown. `at_most`: whether less is better; None: it is only told."""

    label: str
    unit: str
    at_most: bool | None
    decimals: int = 0


CATALOG = {
    "boot_hello_ms": Kind("power-on to HELLO", "ms", True),
    "boot_reading_ms": Kind("power-on to first reading", "ms", True),
    "command_median_ms": Kind("command to contact, median", "ms", True, 1),
    "command_p99_ms": Kind("command to contact, p99", "ms", True, 1),
    "fail_safe_ms": Kind("host killed: contactor opens late by", "ms", True, 1),
    "over_current_ms": Kind("ten times the current to contact open, slowest", "ms", True, 1),
    "over_current_erase_ms": Kind("the same, begun while a sector of flash is being erased", "ms", True, 1),
    "unsafe_edges": Kind("edges to the unsafe level at start and reset", "", True),
    "starts_watched": Kind("starts and resets watched for such edges", "", None),
    "voltage_error_percent": Kind("largest voltage error", "%", True, 2),
    "current_error_percent": Kind("largest current error", "%", True, 2),
    "power_error_percent": Kind("largest active power error", "%", True, 2),
    "frequency_error_mhz": Kind("largest frequency error", "mHz", True, 1),
    "energy_error_percent": Kind("largest energy error", "%", True, 3),
    "samples_per_s": Kind("samples a second, all inputs", "1/s", False),
    "heap_free_kb": Kind("free heap under load, least", "kB", False, 1),
    "heap_trend_kb": Kind("free heap lost from the first to the last third", "kB", True, 1),
    "cpu_percent": Kind("processor busy under load", "%", True, 1),
    "loop_busy_percent": Kind("node's loop busy under load", "%", True, 1),
    "reading_bytes": Kind("bytes on the wire for a reading", "B", True, 1),
    "load_minutes": Kind("load ran for", "min", None, 1),
    "outage_s": Kind("outage filled in without loss", "s", None),
    "power_cuts": Kind("power cuts at flash operations, each booted again", "", None),
    "power_cuts_wrong": Kind("of which left anything wrong", "", True),
    "cut_lost_mwh": Kind("most energy that a power cut took", "mWh", True),
    "journal_days": Kind("journal of two channels reaches back", "days", False, 1),
    "saves_a_day": Kind("saves to flash a day, at an interval a minute", "", True),
    "flash_years": Kind("flash lasts at that rate", "years", False),
    "session_ms": Kind("power-on to a sealed session", "ms", True),
    "handshake_ms": Kind("of which the handshake", "ms", True),
    "session_again_ms": Kind("host started anew to the next session", "ms", True),
    "offer_bytes": Kind("said in clear, an OFFER", "B", True),
    "strange_packets": Kind("packets replayed, forged, or under another key", "", None),
    "strange_taken": Kind("of which did anything", "", True),
    "frames_lost": Kind("frames lost on purpose, 5 % both ways", "", None),
    "records_lost": Kind("records lost or taken twice by that", "", True),
    "clock_error_ms": Kind("host's error of the node's clock", "ms", True, 2),
    "seal_ms": Kind("sealing 64 bytes", "ms", True, 2),
    "open_ms": Kind("opening 64 bytes", "ms", True, 2),
    "seal_alloc_bytes": Kind("heap that either takes", "B", True),
    "world_ticks": Kind("microworld: ticks on the node as in wasm", "", None),
    "world_mutants": Kind("microworld: bytecode with a changed byte, found", "", None),
    "world_heap_free_kb": Kind("free heap with a microworld", "kB", False, 1),
    "policy_ticks": Kind("distilled policy: ticks on the node as in wasm", "", None),
    "policy_node_ms": Kind("distilled policy: a decision on the node", "ms", True, 2),
    "policy_node_uj": Kind("of which energy at most, computed from the datasheet", "µJ", True, 1),
    "policy_host_ms": Kind("the same decision as wasm on this machine", "ms", True, 3),
    "policy_host_uj": Kind("of which energy at a Pi 4's 3 W, computed", "µJ", True, 1),
    "air_session_s": Kind("over the air: power-on to a session", "s", True, 1),
    "air_command_s": Kind("over the air: command to contact, median", "s", True, 2),
    "air_command_worst_s": Kind("over the air: command to contact, worst", "s", True, 2),
    "image_kb": Kind("interpreter's image", "kB", True, 1),
    "node_kb": Kind("node's files", "kB", True, 1),
    "parts_eur": Kind("price of parts (orientation)", "EUR", True, 2),
    "computer_eur": Kind("of which the computer, with its supply", "EUR", True, 2),
    "flash_s": Kind("flashed and verified by its real tool", "s", True, 1),
    "flash_mb": Kind("of which bytes", "MB", None, 2),
}


@dataclass(frozen=True)
class Figure:
    """One measured value; `limit` is what the rig is held to, None: only told. `note`: how it was measured."""

    name: str
    value: float
    limit: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        kind = CATALOG[self.name]
        if self.limit is None or kind.at_most is None:
            return True
        return self.value <= self.limit if kind.at_most else self.value >= self.limit

    def __str__(self) -> str:
        kind = CATALOG[self.name]
        return f"{kind.label} {self.value:.{kind.decimals}f} {kind.unit}".strip()


class Notebook:
    """The figures of one run on one rig, and the series behind them for the plots."""

    def __init__(self, limits: dict[str, float]) -> None:
        self.figures: dict[str, Figure] = {}
        self.series: dict[str, list[float]] = {}
        self._limits = limits

    def note(self, name: str, value: float, note: str = "") -> Figure:
        """Keep a figure; of one that is measured more than once the worse value stays."""
        figure = Figure(name, value, self._limits.get(name), note)
        known = self.figures.get(name)
        if known is None or _is_worse(figure, known):
            self.figures[name] = figure
        return figure

    def hold(self, name: str, value: float, note: str = "") -> None:
        """Keep a figure, and fail when it is beyond its limit."""
        figure = self.note(name, value, note)
        assert figure.met, f"{figure}: the limit is {figure.limit:g}"

    def add(self, name: str, count: float, note: str = "") -> Figure:
        """Keep a count that more than one test adds to."""
        known = self.figures.get(name)
        return self.note(name, count + (known.value if known else 0), note or (known.note if known else ""))

    def plot(self, name: str, values: Sequence[float]) -> None:
        """Keep a series for the report."""
        self.series[name] = [round(float(value), 4) for value in values]

    def as_json(self) -> dict[str, object]:
        return {"figures": [asdict(figure) for figure in self.figures.values()], "series": self.series}


def _is_worse(new: Figure, known: Figure) -> bool:
    at_most = CATALOG[new.name].at_most
    return new.value > known.value if at_most or at_most is None else new.value < known.value


def write_json(path: Path, content: object) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
