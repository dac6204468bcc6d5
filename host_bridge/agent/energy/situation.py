"""What is decided on at a look: the interval, the plan, the price, what homes take now and what they have bought."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from host_bridge.agent.energy.house import House, Now
from host_bridge.agent.energy.tariff import Price
from host_bridge.agent.plan.plan import Plan
from host_bridge.store.book_rows import AwardRow, MarketRow

if TYPE_CHECKING:
    from host_bridge.agent.energy.parts import Parts


@dataclass
class Interval:
    """The interval under way: its prices (`price` guessed where absent), its market, the awards."""

    start_s: int
    end_s: int
    price: Price | None = None
    is_guessed: bool = False
    market: MarketRow | None = None
    awards: dict[str, AwardRow] = field(default_factory=dict)
    begun_mwh: dict[str, int] = field(default_factory=dict)  # net grid registers of the homes at its beginning


@dataclass(frozen=True)
class Situation:
    """All that is decided on: the interval, the plan, the price, and how the homes are measured. `others_w`: of homes
    that are not steered; `net_w` by home; `bought_w`: what is still to come of an award, + bought."""

    now_s: int
    start_s: int
    end_s: int
    plan: Plan
    price: Price
    pooled: bool
    net_w: Mapping[str, float]
    bought_w: Mapping[str, float]
    others_w: float
    until_ms: int  # of the clock that never jumps, when the interval ends


def situation(
    parts: "Parts", its: Interval, steered: Sequence[House], nows: Mapping[str, Now], now_s: int, until_ms: int
) -> Situation | None:  # fmt: skip
    """None: there is no plan or no price yet."""
    plan = parts.planner.last
    if plan is None or its.price is None:
        return None
    left_h = max(1, its.end_s - now_s) / 3600
    counted = net_mwh(parts)
    bought: dict[str, float] = {}
    for house in steered:
        if house.name in its.awards:
            came = counted.get(house.name, 0) - its.begun_mwh.get(house.name, counted.get(house.name, 0))
            bought[house.name] = (house.position_mwh - came) / 1000 / left_h
    net = {house.name: nows[house.name].net_w or 0.0 for house in steered}
    others = sum(nows[house.name].grid_w or 0.0 for house in parts.houses if house.name not in net)
    pooled = parts.config.agent.mode == "pooled"
    return Situation(now_s, its.start_s, its.end_s, plan, its.price, pooled, net, bought, others, until_ms)


def net_mwh(parts: "Parts") -> dict[str, int]:
    """{home: import less export of its grid registers now}, in the grid's energy; those that tell."""
    found: dict[str, int] = {}
    for house in parts.houses:
        live = house.live(parts.views.get(house.node), "grid")
        if live is not None:
            found[house.name] = parts.grid.energy_mwh(live.energy_import_mwh - live.energy_export_mwh)
    return found
