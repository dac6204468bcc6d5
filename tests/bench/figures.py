"""What a benchmark prints: figures with a reach each, as a table for people or JSON for programs."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value. `reach` is the bound it is held to, None where it is only told; `at_least` is its sense."""

    name: str
    value: float
    unit: str
    reach: float | None = None
    at_least: bool = True

    @property
    def met(self) -> bool:
        if self.reach is None:
            return True
        return self.value >= self.reach if self.at_least else self.value <= self.reach


def as_json(figures: list[Figure]) -> str:
    """{"figures": [{"name", "value", "unit", "reach", "at_least", "met"}]}"""
    rows = [asdict(figure) | {"value": round(figure.value, 4), "met": figure.met} for figure in figures]
    return json.dumps({"figures": rows}, indent=2)


def from_json(text: str) -> list[Figure]:
    """The figures of `as_json`."""
    rows = json.loads(text)["figures"]
    return [Figure(row["name"], row["value"], row["unit"], row["reach"], row["at_least"]) for row in rows]


def as_text(figures: list[Figure]) -> str:
    """A line for each figure."""
    width = max(len(figure.name) for figure in figures)
    lines = []
    for figure in figures:
        sense = "at least" if figure.at_least else "at most"
        reach = "" if figure.reach is None else f"   {sense} {figure.reach:g}: {'met' if figure.met else 'NOT MET'}"
        lines.append(f"{figure.name:{width}}  {figure.value:14,.4g} {figure.unit}{reach}")
    return "\n".join(lines)


def as_markdown(figures: list[Figure]) -> str:
    """A table for README.md."""
    rows = ["| figure | value | to reach |", "|---|---|---|"]
    for figure in figures:
        reach = "" if figure.reach is None else f"{'≥' if figure.at_least else '≤'} {figure.reach:g}"
        value = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.3g}"
        rows.append(f"| {figure.name} | {value} {figure.unit} | {reach}{'' if figure.met else ' **not met**'} |")
    return "\n".join(rows)
