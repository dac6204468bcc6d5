"""All parts of the agent, made of the configuration once the grid's clock is known."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from host_bridge.agent.energy.acting import Acting
from host_bridge.agent.energy.appliances import Appliance
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.content import Content
from host_bridge.agent.energy.foretelling import Foretelling
from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.ladder import Standing
from host_bridge.agent.energy.leasing import Leasing, Outcome, Spawn
from host_bridge.agent.energy.metering import Metering
from host_bridge.agent.energy.node_plans import NodePlans
from host_bridge.agent.energy.paying_out import PayingOut
from host_bridge.agent.energy.planning import Planner
from host_bridge.agent.energy.savings import Sums
from host_bridge.agent.energy.settling import Settling
from host_bridge.agent.energy.tariff import Tariff
from host_bridge.agent.energy.trading import Trading
from host_bridge.agent.energy.watching import Watching
from host_bridge.agent.energy.wishes import Wishes
from host_bridge.agent.grid_time import GridTime
from host_bridge.config import Config
from host_bridge.energy_config import HomeConfig
from host_bridge.market.settlement import ALL, KEPT_PERMILLE, Fees
from host_bridge.store.book_rows import LineRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from host_bridge.agent.energy.view import AheadView, SwitchingView
    from host_bridge.dispatch import Dispatch
    from host_bridge.model import NodeView
    from host_bridge.store import Store

Tell = Callable[[str, str, str, str], None]  # level, kind, text, node


@dataclass
class Parts:
    """What the agent is made of. `counters` are shown to programs; `said`: what people should know, newest last."""

    config: Config
    grid: GridTime
    zone: tzinfo
    views: "Mapping[str, NodeView]"
    keeper: Bookkeeper
    tariff: Tariff
    houses: list[House]
    appliances: list[Appliance]
    foretelling: Foretelling
    watching: Watching
    settling: Settling
    paying_out: PayingOut
    planner: Planner
    trading: Trading
    leasing: Leasing
    acting: Acting
    node_plans: NodePlans
    wishes: Wishes
    sums: dict[str, Sums]  # by home, "" of all
    tell: Tell
    ahead: "dict[str, AheadView]" = field(default_factory=dict)  # by home, as the newest plan has it
    next_switching: "dict[str, SwitchingView]" = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    said: deque[str] = field(default_factory=lambda: deque(maxlen=50))

    @property
    def step_s(self) -> int:
        """Of the grid."""
        return self.config.agent.step_s

    def count(self, name: str, more: int = 1) -> None:
        """One more of `name`."""
        self.counters[name] = self.counters.get(name, 0) + more

    def say(self, level: str, kind: str, text: str, node: str = "") -> None:
        """An event that people should know of."""
        self.said.append(text)
        self.tell(level, kind, text, node)


def assemble(
    config: Config, grid: GridTime, keeper: Bookkeeper, tariff: Tariff, store: "Store", dispatch: "Dispatch",
    views: "Mapping[str, NodeView]", tell: Tell, spawn: Spawn, clock_ms: Callable[[], int],
    told: Callable[[Outcome], Awaitable[None]], changed: Callable[[], None],
    clock_s: Callable[[], int],
) -> Parts:  # fmt: skip
    """`told`: how a request ended; `changed`: a preference was set; `clock_s`: the grid's."""
    agent, step_s, now_s = config.agent, config.agent.step_s, clock_s()
    appliances = [Appliance(load, load.home) for load in config.loads]
    houses = [_house(home, config, now_s) for home in config.homes]
    metering: Any = Metering(store.readings, store.received, grid, step_s)
    offset = _offset_s(config.zone, now_s)
    sums = {house.name: Sums(step_s, 1, offset) for house in houses} | {"": Sums(step_s, len(houses), offset)}

    def summed(lines: Sequence[LineRow]) -> None:
        sums[""].add(lines)
        for line in lines:
            if line.home in sums and line.home:
                sums[line.home].add([line])

    def settled(lines: Sequence[LineRow]) -> None:
        paying_out.add(lines)
        summed(lines)

    watching = Watching(keeper, metering, houses, step_s, lambda start_s: settling.is_settled(start_s))  # noqa: PLW0108 - made below
    fees = Fees(config.market.fee_mct, ALL if agent.mode == "pooled" else KEPT_PERMILLE)
    settling = Settling(keeper, watching.taking_part, tariff, fees, step_s, agent.mode != "alone", settled)
    paying_out = PayingOut(keeper, [house.name for house in houses], tariff, config.zone, step_s, summed)
    node_plans = NodePlans(dispatch.store, keeper, grid, agent.store_every_h * 3600)
    home_of = {house.node: house.name for house in houses}

    def by_itself(node: str, contactor: str, view: "NodeView") -> bool:
        return node_plans.may_close(home_of[node], contactor, view, grid.unix_ms(clock_s()) // 1000)

    leasing = Leasing(dispatch.request, spawn, clock_ms, told, agent.hold_s, by_itself)
    devices = {
        home.name: [*(["battery"] if home.capacity_wh else []), *(a.name for a in appliances if a.home == home.name)]
        for home in config.homes
    }
    return Parts(
        config, grid, config.zone, views, keeper, tariff, houses, appliances,
        Foretelling([house.name for house in houses], step_s),
        watching, settling, paying_out, Planner(agent.mode, agent.solve_s), Trading(agent.feeder, config.homes),
        leasing, Acting(keeper, leasing, step_s, tell),
        node_plans,
        Wishes(keeper, devices, config.zone, changed, clock_s), sums, tell,
    )  # fmt: skip


def _house(home: HomeConfig, config: Config, now_s: int) -> House:
    content = None
    if home.capacity_wh:
        content = Content.unknown(home.capacity_wh, home.efficiency_permille, max(home.charge_w, home.discharge_w))
    return House(home, [load for load in config.loads if load.home == home.name], Standing(now_s), content)


def _offset_s(zone: tzinfo, now_s: int) -> int:
    """Where a day of the zone begins, in the grid's seconds: for the days of the savings' band alone."""
    from datetime import datetime

    shift = datetime.fromtimestamp(now_s, zone).utcoffset()
    return -int(shift.total_seconds()) if shift else 0
