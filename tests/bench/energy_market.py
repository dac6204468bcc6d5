"""Ours with the market: each home by its own plan, what they have over or lack traded hour by hour among them.

The year of market_year.py (its bids, homes offline, late settlement and fee), on meters that saw ours alone. A bill is
what the home pays for trades, grid, imbalance and fee, less its part of the pool. `without` is its bill at the grid's
prices alone, for the same meter. None of the batteries is run for a neighbour here: `ours pooled` is.
"""

import numpy as np

from host_bridge.market.sharing import dividend
from host_bridge.microworld.study.homes import Homes
from host_bridge.microworld.study.settle import cost_micro
from tests.bench.energy_year import Say, alone
from tests.bench.figures import Figure
from tests.bench.market_year import Year, settled_year


def figures(homes: Homes, say: Say) -> list[Figure]:
    """Of a year; a home is worse off if its bill before the pool is paid out is above the one without a market."""
    say("a year of ours alone, then its market")
    grid_wh = np.rint(alone(homes).grid_wh).astype(np.int32)
    year = settled_year(homes, grid_wh, say)
    none = float(cost_micro(homes.net_wh, homes.price).sum())
    without = dict(zip(homes.names, cost_micro(grid_wh, homes.price).tolist(), strict=True))
    paid = bills(year)
    saved = [100 * (1 - paid[home] / without[home]) for home in homes.names if without[home] > 0]
    worse = sum(-year.received[home] > without[home] for home in homes.names)
    return [
        Figure("ours with market: all bills", sum(paid.values()) / none, "of no battery"),
        Figure("ours with market: of it the operator's fee", year.operator / none, "of no battery"),
        Figure(f"ours with market: of {len(homes.names)} homes, worse off", worse, "", 0, at_least=False),
        Figure("ours with market: what the home saves that saves least", min(saved), "%"),
        Figure("ours with market: what the home saves that saves most", max(saved), "%"),
        Figure("ours with market: conservation error", year.conservation_error, "micro-units", 0, at_least=False),
    ]


def bills(year: Year) -> dict[str, int]:
    """Micro-units that each home pays, the pool paid out by what was traded."""
    share = dividend(year.pool, year.traded)
    return {home: -received - share[home] for home, received in year.received.items()}
