"""How good the forecasts are on homes of a year, and the table of README.md that says so.

    python -m host_bridge.agent.forecast.scored "$(python -m tools.citylearn)" [--boosted] [--write]

Homes with odd numbers are the tuning homes, those with even ones the held-out: two neighbourhoods, each of which
learns from its own history alone. The first four weeks are not scored. --boosted tries the rival too (a minute more);
--write puts the table into README.md.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast.boosted import boosted
from host_bridge.agent.forecast.bulk import blocks
from host_bridge.agent.forecast.fitted import summed
from host_bridge.agent.forecast.model import FORETOLD, LEVELS, LINEAR, MEASURED, METHODS, PERSISTENCE
from host_bridge.agent.forecast.shape import Rows
from host_bridge.microworld.study.homes import Homes, HomesError, read

_STEP_S, _AHEAD, _REFIT = 3600, 36, 168
_YOUNG = 28 * 24
_BOOSTED = "boosted"
_BEGIN, _END = "<!-- scored: begin -->\n", "<!-- scored: end -->\n"


@dataclass
class Errors:
    """Of one method, by what is told and whether of all homes together: the mean absolute error in W, and the part that
    came between the least and the greatest level.
    """

    wrong: dict[tuple[str, bool], float] = field(default_factory=dict)
    within: dict[tuple[str, bool], float] = field(default_factory=dict)


def scored(homes: Homes, rival: bool) -> dict[str, Errors]:
    """By method; over all steps ahead alike."""
    load, solar = homes.load_wh.astype(float), homes.solar_wh.astype(float)
    came = summed(load, solar)
    found = {rung: _errors(_by_blocks(load, solar, rung), came) for rung in METHODS}
    if rival:
        found[_BOOSTED] = _errors(_by_boosting(load, solar), came)
    return found


Part = Rows | NDArray[np.float32]
Issued = Iterator[tuple[int, Mapping[str, Part], Mapping[str, Part] | None]]  # first, mean, levels


def _by_blocks(load: Rows, solar: Rows, rung: str) -> Issued:
    for block in blocks(load, solar, _STEP_S, _AHEAD, _REFIT, rung):
        if block.first >= _YOUNG:
            levels = {what: block.quantiles(what) for what in FORETOLD} if rung == LINEAR else None
            yield block.first, block.mean, levels


def _by_boosting(load: Rows, solar: Rows) -> Issued:
    day = 86400 // _STEP_S
    both = (
        boosted(part, what, day, _AHEAD, _YOUNG, 4 * _REFIT) for part, what in zip((load, solar), MEASURED, strict=True)
    )
    for (first, of_load), (_, of_solar) in zip(*both, strict=True):
        yield first, summed(of_load, of_solar), None


def _errors(issued: Issued, came: dict[str, Rows]) -> Errors:
    sums = {(what, together): np.zeros(3) for what in FORETOLD for together in (False, True)}
    for first, mean, levels in issued:
        for what, told in mean.items():
            truth = _truth(came[what], first, told.shape[1])
            inside = np.zeros_like(truth) if levels is None else _inside(levels[what], truth)
            wrong, known = np.nan_to_num(np.abs(told - truth)), np.isfinite(truth)
            for together, rows in ((False, slice(0, -1)), (True, slice(-1, None))):
                sums[what, together] += [part[rows].sum() for part in (wrong, inside, known)]
    found = Errors()
    for key, (off, within, count) in sums.items():
        found.wrong[key], found.within[key] = float(off / count), float(within / count)
    return found


def _truth(came: Rows, first: int, issues: int) -> Rows:
    """[rows, issues, steps]; nan after the end."""
    at = first + np.arange(issues)[:, None] + np.arange(_AHEAD)
    return np.where(at < came.shape[1], came[:, np.minimum(at, came.shape[1] - 1)], np.nan)


def _inside(levels: Part, truth: Rows) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (truth >= levels[..., 0]) & (truth <= levels[..., -1])
    return inside


def table(parts: dict[str, dict[str, Errors]]) -> str:
    """Markdown, of what `scored` found of each part."""
    methods = [
        method for method in (*METHODS, _BOOSTED) if method in next(iter(parts.values())) and method != PERSISTENCE
    ]
    heads = ["homes", "what", "persistence, W", *methods, f"in {LEVELS[0]:.0%} to {LEVELS[-1]:.0%}"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * 2 + "|---:" * (len(heads) - 2) + "|"]
    for name, found in parts.items():
        for what in FORETOLD:
            for together in (False, True):
                base = found[PERSISTENCE].wrong[what, together]
                skills = [f"{1000 - 1000 * found[method].wrong[what, together] / base:+.0f}" for method in methods]
                whose = f"{name}, {'together' if together else 'each'}"
                row = [whose, what, f"{base:.0f}", *skills, f"{found[LINEAR].within[what, together]:.0%}"]
                lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Print the table; write it if asked."""
    parser = argparse.ArgumentParser(prog="python -m host_bridge.agent.forecast.scored", description="Score forecasts.")
    parser.add_argument("folder", type=Path, help="of homes, as `python -m tools.citylearn` writes one")
    parser.add_argument("--boosted", action="store_true", help="try gradient boosting too")
    parser.add_argument("--write", action="store_true", help="put the table into README.md beside this file")
    options = parser.parse_args(argv)
    try:
        homes = read(options.folder)
    except HomesError as error:
        print(f"scored: {error}", file=sys.stderr)
        return 1
    count = len(homes.names)
    parts = {"tuning": range(0, count, 2), "held-out": range(1, count, 2)}
    found = table({name: scored(homes.some(list(part)), options.boosted) for name, part in parts.items() if len(part)})
    print(found, end="")
    if options.write:
        _written(Path(__file__).parent / "README.md", found)
    return 0


def _written(readme: Path, found: str) -> None:
    before, rest = readme.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    readme.write_text(before + _BEGIN + found + _END + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
