"""The forecasts of some homes: observations in, what is to be expected out, and what was not believed.

History lives in memory alone; after a restart the store's rows are told again with `observe_many`, quicker than they
are read, and `resume` brings the skill. `fit` takes a second or so, once a day: its `lesson` can run in a thread.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_bridge.agent.forecast import checks, linear
from host_bridge.agent.forecast.fitted import Fitted, fit, summed
from host_bridge.agent.forecast.history import History
from host_bridge.agent.forecast.issue import Issue, issue
from host_bridge.agent.forecast.model import (
    FORETOLD,
    LEVELS,
    MEASURED,
    METHODS,
    POOLED,
    Flagged,
    Forecast,
    ForecastError,
    Skill,
    day_of,
)
from host_bridge.agent.forecast.shape import DAYS, Rows, Whole, shape
from host_bridge.agent.forecast.skill import Scores

KEEP_DAYS = linear.WINDOW_DAYS + DAYS + 7
_FLAGGED = 100  # of the newest, kept to be shown
_VERSION = 1


class Forecaster:
    """homes: their names, no two alike. step_s parts an hour evenly. bounds_w: what (home, what) can be at most."""

    def __init__(
        self,
        homes: Sequence[str],
        step_s: int = 900,
        horizon_s: int = 36 * 3600,
        bounds_w: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        self._day = day_of(step_s)
        if not homes or len(set(homes)) < len(homes) or POOLED in homes:
            raise ForecastError(f"homes {list(homes)}: give each a name of its own, which is not {POOLED!r}")
        if horizon_s < step_s or horizon_s % step_s:
            raise ForecastError(f"a horizon of {horizon_s} s: make it a multiple of the step, {step_s} s")
        self.homes, self.step_s, self.steps = tuple(homes), step_s, horizon_s // step_s
        bounds = bounds_w or {}
        self._rows = [(home, what) for what in MEASURED for home in self.homes]
        limits = [(what, bounds.get((home, what), checks.MOST_W)) for home, what in self._rows]
        self._history = History(limits, self._day, KEEP_DAYS)
        self._scores = Scores(len(FORETOLD) * (len(homes) + 1), self._day, self.steps)
        self._fitted = Fitted(why=dict.fromkeys(MEASURED, "nothing was learnt yet"))
        self._counts = {row: dict.fromkeys(checks.WORDS, 0) for row in self._rows}
        self.flagged: deque[Flagged] = deque(maxlen=_FLAGGED)
        self._counted_s = self._until_s = 0  # counted before a restart; until when there are observations
        self._told: tuple[int, Issue] | None = None

    def observe(self, home: str, what: str, start_s: int, watts: float | None) -> Flagged | None:
        """Mean W of the step that began at `start_s`; None if there is none. What was flagged, if it was."""
        last = self.flagged[-1] if self.flagged else None
        self.observe_many(home, what, [start_s], [np.nan if watts is None else watts])
        newest = self.flagged[-1] if self.flagged else None
        return None if newest is last else newest

    def observe_many(
        self, home: str, what: str, starts_s: Sequence[int] | Whole, watts: Sequence[float] | Rows
    ) -> None:
        """Many steps of one home at once, in any order; nan is missing. Raises ForecastError if they do not match."""
        row = self._row(home, what)
        starts, values = np.asarray(starts_s, np.int64), np.asarray(watts, np.float64)
        if starts.shape != values.shape or starts.ndim != 1:
            raise ForecastError(f"{starts.shape} times and {values.shape} values: give one of each")
        self._until_s = max(self._until_s, int(starts.max(initial=0)) + 1)
        off = starts % self.step_s != 0
        if off.any():
            self._flag(row, np.full(int(off.sum()), checks.OFF_GRID), starts[off], values[off])
        slots, order = np.unique(starts[~off] // self.step_s, return_index=True)
        told = values[~off][order]
        refused, codes = self._history.put(row, slots, told)
        at = np.searchsorted(slots, refused)
        given = np.where(np.isin(refused, slots), told[np.minimum(at, len(told) - 1)] if len(told) else np.nan, np.nan)
        self._flag(row, codes, refused * self.step_s, given)
        self._told = None

    def fit(self, now_s: int) -> list[str]:
        """Learn from what is believed of the steps before `now_s`; what there is to say, in words."""
        return self.take(self.lesson(now_s)())

    def lesson(self, now_s: int) -> Callable[[], Fitted]:
        """What `fit` does, for a thread: the history is copied now, and what is returned may run beside all else."""
        end = now_s // self.step_s
        values = self._history.window(end, (linear.WINDOW_DAYS + DAYS) * self._day)

        def learn() -> Fitted:
            forms = {what: shape(part, what, self._day, DAYS * self._day) for what, part in self._parts(values)}
            return fit(forms, end - linear.WINDOW_DAYS * self._day, self.steps, METHODS)

        return learn

    def take(self, fitted: Fitted) -> list[str]:
        """Go on with what a lesson taught; why there is no model of load or solar, if so."""
        self._fitted, self._told = fitted, None
        return [f"{what}: no linear model: {why}" for what, why in fitted.why.items()]

    def forecast(self, home: str, what: str, now_s: int) -> Forecast:
        """From the step that `now_s` is in, on; knowing the steps before it alone. home: one, or POOLED."""
        return self.forecasts(now_s)[self._known(home, what)]

    def forecasts(self, now_s: int) -> dict[tuple[str, str], Forecast]:
        """Of every home and of POOLED, of load, solar and net. They are kept until they can be scored."""
        slot = now_s // self.step_s
        if self._told is None or self._told[0] != slot:
            values = self._history.window(slot, (DAYS + 2) * self._day)
            self._score(values, slot)
            bounds = np.array([self._history.bound(row, slot) for row in range(len(self._rows))])
            worse = {what: [self._scores.worse(self._place(home, what)) for home in self.homes] for what in MEASURED}
            parts, most = dict(self._parts(values)), dict(self._parts(bounds))
            made = issue(parts, most, self._fitted, worse, slot, self.steps, self._day)
            self._scores.expect(slot, made.rungs, made.mean)
            self._told = slot, made
        return self._worded(*self._told)

    def skill(self, home: str, what: str) -> Skill:
        """Of what was told since the start, old ones fading."""
        return self._scores.skill(self._place(*self._known(home, what)))

    def flags(self) -> dict[tuple[str, str], dict[str, int]]:
        """How many steps of each (home, what) were not believed, by reason; checks.WORDS has them in words."""
        return {
            row: {reason: count for reason, count in counts.items() if count} for row, counts in self._counts.items()
        }

    def document(self) -> dict[str, Any]:
        """What lasts over a restart beside the history in the store: skill and counts. JSON-able, about 100 numbers a
        home.
        """
        counts = [[home, what, self._counts[home, what]] for home, what in self._rows]
        mine = {"version": _VERSION, "homes": list(self.homes), "step_s": self.step_s}
        return mine | {"counts": counts, "until_s": self._until_s, "skill": self._scores.document()}

    def resume(self, document: Mapping[str, Any]) -> None:
        """Go on from `document`, before or after the history is told again. Raises ForecastError, and begins anew, if
        it is not one of these homes.
        """
        try:
            mine = {"version": _VERSION, "homes": list(self.homes), "step_s": self.step_s}
            if any(document[key] != value for key, value in mine.items()):
                raise ValueError("it is of other homes, or of another version")
            counts = {(home, what): _counts(kept) for home, what, kept in document["counts"]}
            if set(counts) != set(self._rows):
                raise ValueError("it counts other homes")
            until_s = int(document["until_s"])
            self._scores.resume(document["skill"])
            self._counts, self._counted_s = counts, until_s
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ForecastError(f"the kept skill of forecasts is not usable: {error}; it begins anew") from error

    def _row(self, home: str, what: str) -> int:
        try:
            return self._rows.index((home, what))
        except ValueError:
            raise ForecastError(
                f"{home!r} {what!r} is not observed here: homes {list(self.homes)}, {MEASURED}"
            ) from None

    def _known(self, home: str, what: str) -> tuple[str, str]:
        if (home != POOLED and home not in self.homes) or what not in FORETOLD:
            raise ForecastError(f"{home!r} {what!r} is not told here: homes {[*self.homes, POOLED]}, {FORETOLD}")
        return home, what

    def _place(self, home: str, what: str) -> int:
        """The row among all that is told: load, solar, net, each with POOLED last."""
        return FORETOLD.index(what) * (len(self.homes) + 1) + [*self.homes, POOLED].index(home)

    def _parts(self, rows: Rows) -> list[tuple[str, Rows]]:
        """Rows of the history, by what they are."""
        count = len(self.homes)
        return [(what, rows[place * count : (place + 1) * count]) for place, what in enumerate(MEASURED)]

    def _flag(self, row: int, codes: NDArray[Any], starts: Whole, watts: Rows) -> None:
        home, what = self._rows[row]
        for start, code, value in zip(starts.tolist(), codes.tolist(), watts.tolist(), strict=True):
            reason = checks.REASONS[code]
            self._counts[home, what][reason] += start >= self._counted_s
            told = None if np.isnan(value) else value
            self.flagged.append(Flagged(home, what, start, told, reason, checks.WORDS[reason]))

    def _score(self, values: Rows, slot: int) -> None:
        load, solar = (part[:, -2 * self._day :] for _, part in self._parts(values))
        came = summed(load, solar)
        self._scores.score(np.concatenate([came[what] for what in FORETOLD]), slot)

    def _worded(self, slot: int, made: Issue) -> dict[tuple[str, str], Forecast]:
        found = {}
        for home in (*self.homes, POOLED):
            for what in FORETOLD:
                row = self._place(home, what)
                found[home, what] = Forecast(
                    home,
                    what,
                    slot * self.step_s,
                    self.step_s,
                    LEVELS,
                    made.watts[row],
                    made.mean[row],
                    made.methods[row],
                    made.whys[row],
                )
        return found


def _counts(kept: Mapping[str, int]) -> dict[str, int]:
    if any(reason not in checks.WORDS or type(count) is not int or count < 0 for reason, count in kept.items()):
        raise ValueError("a count is not one")
    return dict.fromkeys(checks.WORDS, 0) | dict(kept)
