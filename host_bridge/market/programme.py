"""The linear programme of a market with limits: which energies are worth most, and what each limit adds to prices.

    most of   sum over bids of limit * energy  -  sum over offers of limit * energy
    such that bought = sold,  0 <= energy <= what was asked,  low <= what the feeder's rows move by <= high

Of a feeder's hundreds of limits few bind. So it is solved with those that have been seen broken, and those that its
answer breaks are added, until it breaks none: the answer is the whole programme's, as more limits could not better it.
"""

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from host_bridge.market.network import PERMILLE_PPM, Floats

Indices = NDArray[np.int64]

BEYOND_PPM = 0.5  # by so much may an answer be beyond a limit
_WH = 1000.0  # mWh; the solver counts in Wh, permille and ct/kWh, which keeps its numbers near 1
_CT = 1000.0  # mct
_BINDS = 1e-9  # a lower price of a limit is none
_FAINT = 1e-6  # of a row's strongest effect: what is weaker is none, as the solver's prices would not bear it


class _Quiet(highspy.Highs):
    """Without the banner on standard output, which the usual one prints when it sets up callbacks: none are used."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        self.setOptionValue("output_flag", False)
        self.setOptionValue("threads", 1)  # the same answer every time


class Unsolved(Exception):
    """The solver gave no answer, in words."""


@dataclass(frozen=True)
class Room:
    """What a feeder bears beyond its baseline: `effect` [rows, places] is what a row moves by, in ppm, for a mWh drawn
    more at a place; it may move from `low` <= 0 to `high` >= 0 [rows]."""

    effect: Floats
    low: Floats
    high: Floats

    @staticmethod
    def of(effect: Floats, low: Floats, high: Floats) -> "Room":
        """Without what is too faint to reckon with."""
        strongest = np.abs(effect).max(axis=1, keepdims=True)
        return Room(np.where(np.abs(effect) < strongest * _FAINT, 0.0, effect), low, high)

    def broken(self, drawn_mwh: Floats) -> Indices:
        """The rows whose limits `drawn_mwh` [places] breaks."""
        moved = self.effect @ drawn_mwh
        return np.flatnonzero((moved < self.low - BEYOND_PPM) | (moved > self.high + BEYOND_PPM))


@dataclass(frozen=True)
class Programme:
    """Columns: `limit_mct`, `most_mwh`, `sign` (+1 buys, -1 sells) and `place`, -1 where energy moves nothing."""

    limit_mct: Floats
    most_mwh: Floats
    sign: Floats
    place: Indices
    room: Room

    def drawn(self, energy_mwh: Floats) -> Floats:
        """[places] mWh of `energy_mwh` [columns]."""
        moving = self.place >= 0
        places = self.room.effect.shape[1]
        return np.bincount(self.place[moving], (self.sign * energy_mwh)[moving], places).astype(np.float64)

    def permille(self, rows: Indices) -> Floats:
        """[rows, columns] what `rows` move by for a Wh of each column."""
        own = np.where(self.place >= 0, self.sign, 0.0)
        taken: Floats = self.room.effect[rows][:, self.place] * (own * (_WH / PERMILLE_PPM))
        return taken


@dataclass(frozen=True)
class Solution:
    """`energy_mwh` [columns]; `added_mct` [places] is what the limits add to the price at each; `rows` bind."""

    energy_mwh: Floats
    added_mct: Floats
    rows: Indices


def solve(programme: Programme, broken: Indices) -> Solution:
    """The best energies, beginning with the limits of the rows `broken`, one at least. Raises Unsolved."""
    solver, rows, energy = begun(programme), broken[:0], programme.most_mwh
    while len(broken):
        limit(solver, programme, broken)
        rows = np.append(rows, broken)
        run(solver)
        energy = np.clip(np.array(solver.getSolution().col_value) * _WH, 0.0, programme.most_mwh)
        broken = np.setdiff1d(programme.room.broken(programme.drawn(energy)), rows)
    dual = np.array(solver.getSolution().row_dual)[1:]
    added = -dual @ programme.room.effect[rows] * (_WH / PERMILLE_PPM * _CT)
    return Solution(energy, added, np.sort(rows[np.abs(dual) > _BINDS]))


def begun(programme: Programme) -> highspy.Highs:
    """A solver with the columns and their balance, but no limits."""
    solver = _Quiet()
    columns = len(programme.sign)
    solver.addVars(columns, np.zeros(columns), programme.most_mwh / _WH)
    solver.changeColsCost(columns, np.arange(columns, dtype=np.int32), -programme.sign * programme.limit_mct / _CT)
    _add(solver, programme.sign[None, :], np.zeros(1), np.zeros(1))
    return solver


def limit(solver: highspy.Highs, programme: Programme, rows: Indices) -> None:
    """Gives the solver the limits of `rows` too; it goes on from where it was."""
    low, high = programme.room.low[rows] / PERMILLE_PPM, programme.room.high[rows] / PERMILLE_PPM
    _add(solver, programme.permille(rows), low, high)


def run(solver: highspy.Highs) -> None:
    """One solve, and another by other means where it fails. Raises Unsolved."""
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        solver.clearSolver()
        solver.setOptionValue("solver", "ipm")
        solver.run()
    outcome = solver.getModelStatus()
    if outcome != highspy.HighsModelStatus.kOptimal:
        raise Unsolved(f"the solver found no best trade: {solver.modelStatusToString(outcome)}")


def _add(solver: highspy.Highs, rows: Floats, low: Floats, high: Floats) -> None:
    at, column = np.nonzero(rows)
    starts = np.searchsorted(at, np.arange(len(rows))).astype(np.int32)
    solver.addRows(len(rows), low, high, len(at), starts, column.astype(np.int32), rows[at, column])
