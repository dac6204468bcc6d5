"""One issue of forecasts: each home's load and solar from the best rung that stands, then net and all together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from host_bridge.agent.forecast.fitted import Fitted, summed, tell
from host_bridge.agent.forecast.ladder import LATE_HOURS, Footing, choose
from host_bridge.agent.forecast.model import FORETOLD, LINEAR, MEASURED, METHODS, Watts
from host_bridge.agent.forecast.shape import DAYS, Rows, Shape, Whole, shape
from host_bridge.agent.forecast.spread import observed

_HOURS = 24
_SEEN_DAYS = 7  # whose values make the quantiles when no error is known yet
Choice = tuple[str, str]  # rung, why


@dataclass(frozen=True)
class Issue:
    """Rows are load, solar and net, each of every home and then of all together. rungs: [METHODS, rows, steps] W;
    mean: [rows, steps]; watts: [rows, levels, steps].
    """

    rungs: Watts
    mean: Watts
    watts: Watts
    methods: list[str]
    whys: list[str]


def issue(
    values: Mapping[str, Rows],
    bounds: Mapping[str, Rows],
    fitted: Fitted,
    worse: Mapping[str, Sequence[frozenset[str]]],
    slot: int,
    steps: int,
    day: int,
) -> Issue:
    """Issued at `slot`, from `values` of load and solar [homes, columns], of the steps before it: three weeks and two
    days. bounds: [homes] W; worse: the rungs of each home that did worse than persistence.
    """
    rungs: dict[str, Rows] = {}
    chosen: dict[str, list[Choice]] = {}
    for what in MEASURED:
        raw, late = _rungs(values[what], what, fitted, slot, steps, day)
        days = np.isfinite(values[what][:, -DAYS * day :]).sum(axis=1) / day
        unsound = _unsound(raw, bounds[what])
        chosen[what] = [
            choose(
                Footing(days[row], late[row] * _HOURS / day, fitted.why.get(what, ""), worse[what][row], unsound[row])
            )
            for row in range(len(days))
        ]
        rungs[what] = np.clip(np.nan_to_num(raw), 0, bounds[what][:, None])
    best = [_best(rungs[what], chosen[what]) for what in MEASURED]
    mean = _stacked(*best)
    every = np.stack([_stacked(rungs["load"][place], rungs["solar"][place]) for place in range(len(METHODS))])
    choices = _all_choices(chosen["load"], chosen["solar"])
    watts = mean[:, None, :] + _offsets(values, fitted, choices, slot, steps, day)
    watts[: -(len(mean) // 3)] = np.maximum(watts[: -(len(mean) // 3)], 0)  # but net
    return Issue(every, mean, watts, [rung for rung, _ in choices], [why for _, why in choices])


def _rungs(values: Rows, what: str, fitted: Fitted, slot: int, steps: int, day: int) -> tuple[Rows, Whole]:
    """([METHODS, homes, steps] W, [homes] steps since the last that is believed)."""
    form = shape(values, what, day, values.shape[1] - 2 * day)
    known = np.isfinite(values)
    late = np.where(known.any(axis=1), np.argmax(known[:, ::-1], axis=1), values.shape[1])
    short = np.where(late <= LATE_HOURS * day // _HOURS, late, 0)
    if what == "solar":
        form, short = _as_neighbours(form, short)
    at, first, model = np.array([2 * day]), slot - 2 * day, fitted.models.get(what)
    raw = [tell(form, rung, model, at, first, steps)[:, 0] for rung in METHODS]
    for steps_late in np.unique(short[short > 0]).tolist():
        told = tell(form, LINEAR, model, at, first, steps, steps_late)[:, 0]
        raw[0] = np.where((short == steps_late)[:, None], told, raw[0])
    return np.stack(raw), late


def _as_neighbours(form: Shape, late: Whole) -> tuple[Shape, Whole]:
    """With the steps that a late home has not told as its neighbours' mean; what is late then still."""
    residual = form.residual.copy()
    known = np.isfinite(residual).sum(axis=0)
    together = np.nansum(residual, axis=0) / np.maximum(known, 1)
    for row in np.flatnonzero(late):
        if known[-late[row] :].all():
            residual[row, -late[row] :] = together[-late[row] :]
            late = np.where(np.arange(len(late)) == row, 0, late)
    return replace(form, residual=residual), late


def _unsound(raw: Rows, bounds: Rows) -> list[dict[str, str]]:
    """Of each home, the rungs that tell what cannot be."""
    found: list[dict[str, str]] = [{} for _ in bounds]
    for place, rung in enumerate(METHODS):
        finite = np.isfinite(raw[place]).all(axis=1)
        inside = (np.abs(np.nan_to_num(raw[place])) <= bounds[:, None]).all(axis=1)
        for row in np.flatnonzero(~finite | ~inside).tolist():
            found[row][rung] = (
                f"it tells more than {bounds[row]:.0f} W" if finite[row] else "what it tells is not a number"
            )
    return found


def _best(rungs: Rows, chosen: Sequence[Choice]) -> Rows:
    place = np.array([METHODS.index(rung) for rung, _ in chosen])
    best: Rows = rungs[place, np.arange(len(place))]
    return best


def _stacked(load: Rows, solar: Rows) -> Rows:
    parts = summed(load, solar)
    return np.concatenate([parts[what] for what in FORETOLD])


def _all_choices(load: list[Choice], solar: list[Choice]) -> list[Choice]:
    net = [_lower(*both) for both in zip(load, solar, strict=True)]
    return [choice for part in (load, solar, net) for choice in (*part, _of_most(part))]


def _lower(load: Choice, solar: Choice) -> Choice:
    whys = [f"{what} {why}" for what, (_, why) in (("load:", load), ("solar:", solar)) if why]
    return max(load[0], solar[0], key=METHODS.index), "; ".join(whys)


def _of_most(part: Sequence[Choice]) -> Choice:
    """The rung of most homes, and how many are on another."""
    rung = Counter(rung for rung, _ in part).most_common(1)[0][0]
    whys = Counter(why for _, why in part if why)
    return rung, "; ".join(f"{count} of {len(part)} homes: {why}" for why, count in whys.most_common(3))


def _offsets(
    values: Mapping[str, Rows], fitted: Fitted, choices: Sequence[Choice], slot: int, steps: int, day: int
) -> Watts:
    """[rows, levels, steps] W to add to the mean."""
    homes = len(values["load"]) + 1
    if not fitted.spreads:
        recent = [values[what][:, -_SEEN_DAYS * day :] for what in MEASURED]
        return np.repeat(observed(_stacked(*recent))[:, :, None], steps, axis=2).astype(np.float64)
    found = []
    for place, what in enumerate(FORETOLD):
        tables = {rung: fitted.spreads[rung][what].of(np.array([slot]), steps)[:, 0] for rung in METHODS}
        rungs = [rung for rung, _ in choices[place * homes : (place + 1) * homes]]
        found.append(np.stack([tables[rung][row].T for row, rung in enumerate(rungs)]))
    return np.concatenate(found).astype(np.float64)
