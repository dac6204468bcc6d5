"""From a solved programme to whole energies and whole prices: rules 2 and 3 of `constrained`."""

import numpy as np
from numpy.typing import NDArray

from host_bridge.market.network import Floats
from host_bridge.market.programme import Programme, Solution

Whole = NDArray[np.int64]

_NOISE_MWH = 1e-3  # of the solver's energies
_DIGITS = 3  # of its prices, mct/kWh, which are good to some 1e-4


def is_trade(found: Solution) -> bool:
    """Whether as much as a mWh is worth trading."""
    return bool((found.energy_mwh >= 1).any())


def marginal_mct(programme: Programme, found: Solution) -> tuple[Floats, int]:
    """[columns] price of each, where something is traded: the middle of those that no served limit speaks against; and
    that middle without what the limits add, rounded down."""
    added = np.where(programme.place >= 0, found.added_mct[programme.place], 0.0)
    bare = programme.limit_mct - added
    served, buys = found.energy_mwh > _NOISE_MWH, programme.sign > 0
    middle = (bare[served & buys].min() + bare[served & ~buys].max()) / 2
    return np.round(middle + added, _DIGITS), int(np.floor(np.round(middle, _DIGITS)))


def whole_energies(programme: Programme, found: Solution, marginal: Floats) -> Whole:
    """[columns] mWh, bought = sold: rounded down, and what one side has more is taken from where it gains least."""
    got = np.floor(found.energy_mwh + _NOISE_MWH).astype(np.int64)
    beyond = int((programme.sign * got).sum())
    side = np.flatnonzero((programme.sign > 0) == (beyond > 0))
    gain = (programme.sign * (programme.limit_mct - marginal))[side]
    side = side[np.argsort(gain, kind="stable")]
    before = np.cumsum(got[side]) - got[side]
    got[side] -= np.clip(abs(beyond) - before, 0, got[side])
    return got


def whole_prices(programme: Programme, got: Whole, marginal: Floats) -> Whole:
    """[columns] mct/kWh: one for those of one marginal price, rounded up where they buy more than they sell, else down;
    never beyond the limit of one that is served."""
    shared, own = np.unique(marginal, return_inverse=True)
    net = np.bincount(own, programme.sign * got)
    price = np.where(net > 0, np.ceil(shared), np.floor(shared))
    buys = programme.sign > 0
    least, most = np.full(len(shared), -np.inf), np.full(len(shared), np.inf)
    served = got > 0
    np.maximum.at(least, own[served & ~buys], programme.limit_mct[served & ~buys])
    np.minimum.at(most, own[served & buys], programme.limit_mct[served & buys])
    return np.clip(price, least, most)[own].astype(np.int64)
