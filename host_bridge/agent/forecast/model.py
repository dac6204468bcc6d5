"""The words of forecasts: what is told ahead, how sure, by which method, and how good such tellings have been."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Watts = NDArray[np.float64]

DAY_S = 86400
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
MEASURED = ("load", "solar")  # what is observed, both never below 0
FORETOLD = ("load", "solar", "net")  # net is load less solar
POOLED = "*"  # the name under which all homes together are asked for

# The ladder, best first.
LINEAR, SEASONAL, PERSISTENCE = "linear", "seasonal", "persistence"
METHODS = (LINEAR, SEASONAL, PERSISTENCE)


class ForecastError(ValueError):
    """An argument that cannot be: which, and what it should be."""


def day_of(step_s: int) -> int:
    """Steps in a day. Raises ForecastError if they do not fill an hour."""
    if step_s <= 0 or 3600 % step_s:
        raise ForecastError(f"a step of {step_s} s: make it part an hour evenly, such as 900")
    return DAY_S // step_s


@dataclass(frozen=True)
class Forecast:
    """What is expected of one home, or of all, from `start_s` on.

    watts: mean power of each step, [levels, steps], rising with the level; mean: [steps]. Load and solar are never
    below 0; net is load less solar, + is import. method: the rung of the ladder. why: why it is not the best one, in
    words; "" where it is.
    """

    home: str
    what: str
    start_s: int
    step_s: int
    levels: tuple[float, ...]
    watts: Watts
    mean: Watts
    method: str
    why: str = ""

    @property
    def steps(self) -> int:
        """How many steps it reaches."""
        return len(self.mean)

    @property
    def wh(self) -> Watts:
        """[steps]: the mean as energy."""
        return self.mean * (self.step_s / 3600)


@dataclass(frozen=True)
class Skill:
    """How forecasts of one home and one thing did against persistence (the same step of the newest day known), on the
    same steps; of the last two weeks or so, old ones fading. mae, mae_persistence: W. permille: 1000 - 1000 mae /
    mae_persistence, above 0 is better than persistence, 0 as long as nothing was scored. steps: how many were scored.
    """

    mae: float
    mae_persistence: float
    permille: int
    steps: int


@dataclass(frozen=True)
class Flagged:
    """An observation that was not believed: when, what was told, and why not, in words."""

    home: str
    what: str
    start_s: int
    watts: float | None
    reason: str  # a key of checks.REASONS
    words: str
