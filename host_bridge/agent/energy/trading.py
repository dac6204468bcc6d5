"""An interval's market: the homes' wishes, cleared at one price, or by the feeder's limits where one is configured.

What comes out is kept in the books as it is and read from there after a restart: an interval is cleared once.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from host_bridge.agent.energy.orders import Wish
from host_bridge.market.book import Order
from host_bridge.market.clearing import Clearing, clear
from host_bridge.market.network import Floats
from host_bridge.market.sharing import share
from host_bridge.market.tariff import Tariff
from host_bridge.store.book_rows import AwardRow, MarketRow, OrderRow, Row

if TYPE_CHECKING:
    from host_bridge.agent.feeder.drawing import Picture
    from host_bridge.agent.feeder.flow import Feeder
    from host_bridge.energy_config import HomeConfig

NONE, UNIFORM, CONSTRAINED = "none", "uniform", "constrained"


@dataclass(frozen=True)
class Traded:
    """An interval's trade. `body`: what the page shows of it besides."""

    clearing: Clearing
    method: str
    wishes: Mapping[str, Wish]
    body: dict[str, Any]


class FeederGone(Exception):
    """The feeder cannot be reckoned with; the text says why and what to do."""


class Trading:
    """`feeder`: name of a grid, empty: none. `fault`: why it cannot be reckoned with."""

    def __init__(self, feeder: str, homes: "Sequence[HomeConfig]") -> None:
        self._name, self._homes = feeder, list(homes)
        self._feeder: Feeder | None = None
        self.fault = ""
        self.picture: Picture | None = None  # of the feeder in the last interval

    @property
    def has_feeder(self) -> bool:
        """Whether one is configured."""
        return bool(self._name)

    async def open(self) -> None:
        """Read the feeder, in a thread; `fault` says why there is none."""
        if self._name and self._feeder is None:
            self._feeder, self.fault = await asyncio.to_thread(_read, self._name, self._homes)

    async def clear(self, wishes: Mapping[str, Wish], others_w: Mapping[str, float], tariff: Tariff, step_s: int,
                    ) -> Traded:  # fmt: skip
        """`others_w`: net W of the homes that do not trade. Raises FeederGone, market.book.BookError."""
        orders = [order for wish in wishes.values() for order in wish.orders]
        if not self._name:
            return Traded(clear(orders, tariff), UNIFORM, wishes, {})
        if self._feeder is None:
            await self.open()
        if self._feeder is None:
            raise FeederGone(self.fault)
        firm = {(home, number) for home, wish in wishes.items() for number in wish.firm}
        base = {home: wish.baseline_wh * 3600 / step_s for home, wish in wishes.items()}
        baseline = np.array([base.get(home, others_w.get(home, 0.0)) for home in self._feeder.homes])
        self.picture = None
        traded, self.picture = await asyncio.to_thread(
            _constrained, self._feeder, orders, tariff, baseline, step_s, firm, wishes
        )
        return traded


def _read(name: str, homes: "Sequence[HomeConfig]") -> "tuple[Feeder | None, str]":
    try:
        from host_bridge.agent.feeder.flow import FeederError
        from host_bridge.agent.feeder.grids import read
    except ImportError as error:
        return None, f"a feeder needs pandapower ({error}): pip install 'gridnexus[grid]'"
    try:
        return read(name, [home.name for home in homes], {home.name: home.bus for home in homes}), ""
    except FeederError as error:
        return None, str(error)


def _constrained(
    feeder: "Feeder", orders: Sequence[Order], tariff: Tariff, baseline_w: Floats, step_s: int,
    firm: set[tuple[str, int]], wishes: Mapping[str, Wish],
) -> "tuple[Traded, Picture]":  # fmt: skip
    from host_bridge.agent.feeder.checked import clear_checked, moved_w
    from host_bridge.agent.feeder.drawing import picture

    found = clear_checked(feeder, orders, tariff, baseline_w, step_s, firm)
    if found.flow is None:
        raise FeederGone(found.why or "its power flow has no solution")
    loading = found.flow.loading_ppm
    fullest = int(np.argmax(loading))
    body = {
        "name": feeder.name,
        "full": list(found.cleared.full),
        "why": found.why,
        "curtailed_mwh": found.cleared.curtailed_mwh,
        "rounds": found.rounds,
        "loading_permille": round(float(loading[fullest]) / 1000),
        "fullest": feeder.branches[fullest],
        "low_permille": round(float(found.flow.voltage_ppm.min()) / 1000),
        "high_permille": round(float(found.flow.voltage_ppm.max()) / 1000),
    }
    homes_w = (baseline_w + moved_w(feeder, found.cleared, step_s)).tolist()
    traded = Traded(found.cleared.clearing, CONSTRAINED, wishes, {"feeder": body})
    return traded, picture(feeder, found.flow, homes_w)


def rows(start_s: int, traded: Traded, tariff: Tariff) -> list[Row]:
    """Of an interval, to be kept at once."""
    clearing = traded.clearing
    found: list[Row] = [
        OrderRow(start_s, order.home, order.side, order.number, order.limit_mct, order.energy_mwh)
        for wish in traded.wishes.values()
        for order in wish.orders
    ]
    found += [AwardRow(start_s, each.home, each.bought_mwh, each.sold_mwh, each.price_mct) for each in clearing.awards]
    body = json.dumps(traded.body | {"trades": pairs(clearing)})
    found.append(MarketRow(start_s, clearing.price_mct or 0, tariff.buy_mct or 0, tariff.sell_mct or 0,
                           clearing.traded_mwh, traded.method, clearing.why, body))  # fmt: skip
    return found


def no_market(start_s: int, why: str, tariff: Tariff) -> MarketRow:
    """An interval without one."""
    return MarketRow(start_s, 0, tariff.buy_mct or 0, tariff.sell_mct or 0, 0, NONE, why, "{}")


def pairs(clearing: Clearing) -> list[tuple[str, str, int]]:
    """(seller, buyer, mWh): the auction has no pairs, so each seller is shared out among the buyers by their awards;
    rows and columns sum to the awards, to the mWh."""
    sellers = [(each.home, each.sold_mwh) for each in clearing.awards if each.sold_mwh]
    wanted = {each.home: each.bought_mwh for each in clearing.awards if each.bought_mwh}
    found: list[tuple[str, str, int]] = []
    for seller, sold in sellers:
        parts = share(min(sold, sum(wanted.values())), list(wanted.values()))
        for buyer, energy in zip(list(wanted), parts, strict=True):
            wanted[buyer] -= energy
            if energy:
                found.append((seller, buyer, energy))
    return found
