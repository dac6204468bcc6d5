"""What each home's power does to a feeder, as plain arrays: the market's whole knowledge of the grid.

Every quantity that has a limit is a row: the voltage of a bus, in millionths of the nominal one, or the current of a
line or transformer along its voltage, in millionths of its rating, with a sign (+ is away from the substation). Between
two states of the feeder a row moves by `per_w` times the change of each home's power. Power is W, + is import.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PPM = 1_000_000
PERMILLE_PPM = 1_000


@dataclass(frozen=True)
class Limits:
    """What a feeder may bear. The voltages are EN 50160's +- 10 % of the nominal."""

    voltage_least_permille: int = 900
    voltage_most_permille: int = 1100
    line_permille: int = 1000
    transformer_permille: int = 1000


@dataclass(frozen=True)
class Sensitivities:
    """The feeder near one state of it: `value` [rows] with the homes at `at_w` [homes], `per_w` [rows, homes], and the
    limits `least` and `most` [rows]. The first `voltages` rows are voltages, the others loadings. `rows` names them."""

    homes: tuple[str, ...]
    rows: tuple[str, ...]
    voltages: int
    at_w: Floats
    value: Floats
    per_w: Floats
    least: Floats
    most: Floats

    def values(self, homes_w: Floats) -> Floats:
        """[rows] with the homes at `homes_w` [homes], by the linear model."""
        change: Floats = self.value + self.per_w @ (homes_w - self.at_w)
        return change

    def lowest_ppm(self, homes_w: Floats) -> int:
        """The lowest voltage, of the nominal."""
        return round(float(self.values(homes_w)[: self.voltages].min()))

    def highest_ppm(self, homes_w: Floats) -> int:
        """The highest voltage, of the nominal."""
        return round(float(self.values(homes_w)[: self.voltages].max()))

    def loading_ppm(self, homes_w: Floats) -> int:
        """Of the fullest line or transformer, of its rating."""
        return round(float(np.abs(self.values(homes_w)[self.voltages :]).max()))

    def bearing(self, value: Floats) -> "Sensitivities":
        """The same with limits that `value` [rows] does not break: what is beyond a limit already may stay so, and
        not get worse."""
        return replace(self, least=np.minimum(self.least, value), most=np.maximum(self.most, value))
