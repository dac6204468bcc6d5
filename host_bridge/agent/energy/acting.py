"""What is wanted of each home's contactors now: decided, written down with its reason, and only then asked for.

A decision is made for every home at the beginning of an interval, and again when what is to be done changes within it;
at most MOST_CHANGES times, so that no contactor chatters. Homes on the lowest rung are asked nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from host_bridge.agent.energy import deciding, steering
from host_bridge.agent.energy.appliances import Appliance
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.deciding import CHARGE, DISCHARGE, HOLD, SELF, Choice
from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.ladder import LAST_PLAN
from host_bridge.agent.energy.leasing import Leasing, Order
from host_bridge.agent.energy.situation import Situation
from host_bridge.agent.energy.steering import Target
from host_bridge.agent.plan.plan import Plan
from host_bridge.store.book_rows import DecisionRow

MOST_CHANGES = 6  # of a battery within an interval
CLOSED = {CHARGE: ("charge", "hold"), DISCHARGE: ("discharge",), HOLD: ("hold",), SELF: ()}
CONTACTORS = ("charge", "discharge", "hold")


@dataclass(slots=True)
class Doing:
    """What a home's battery, or one of its loads, does under the newest decision."""

    action: str
    decision: int
    reason: str
    start_s: int  # of the interval
    changes: int = 0


@dataclass
class Acting:
    """`asked`: what is asked of the batteries and loads now, by (home, "battery" or load)."""

    keeper: Bookkeeper
    leasing: Leasing
    step_s: int
    tell: Callable[[str, str, str, str], None]
    asked: dict[tuple[str, str], Doing] = field(default_factory=dict)

    def rest(self, house: House, appliances: Sequence[Appliance]) -> None:
        """Nothing is asked of this home: what is held ends by itself."""
        for key in CONTACTORS if house.config.capacity_wh else ():
            self.leasing.want(house.node, getattr(house.config, key), None)
        self.asked.pop((house.name, "battery"), None)
        for each in appliances:
            self.leasing.want(house.node, each.config.contactor, None)
            self.asked.pop((house.name, each.name), None)

    async def act(self, houses: Sequence[House], appliances: Sequence[Appliance], its: Situation) -> None:
        """Decide for `houses`, those that may be asked; keep the decisions; then ask. Raises StoreError: nothing new is
        asked then."""
        targets = _targets(houses, its)
        made: list[tuple[DecisionRow, Callable[[int], None]]] = []
        for house in houses:
            if house.name in targets:
                made += self._battery(house, targets[house.name], its)
            made += self._loads(house, [each for each in appliances if each.home == house.name], its)
        if made:
            await self.keeper.add([row for row, _ in made])
        for row, begin in made:
            begin(row.number)

    def _battery(
        self, house: House, target: Target, its: Situation
    ) -> list[tuple[DecisionRow, Callable[[int], None]]]:  # fmt: skip
        now = self.asked.get((house.name, "battery"))
        left_s = its.end_s - its.now_s
        wanted = target.charge_w * left_s / 3600
        limits = limits_of(house)
        net = its.net_w[house.name]
        choice = deciding.choose(wanted, net, limits, left_s, self.step_s, now.action if now else SELF)
        fresh = now is None or now.start_s != its.start_s
        if now is not None and not fresh and (choice.action == now.action or now.changes >= MOST_CHANGES):
            return []
        reason = f"{target.why}; {choice.why}"
        changes = 0 if now is None or fresh else now.changes + 1
        basis = _basis(house, target, choice, net, its)

        def begin(number: int) -> None:
            self.asked[house.name, "battery"] = Doing(choice.action, number, reason, its.start_s, changes)
            self._want(house, choice.action, number, reason, its)

        amount = round(choice.energy_wh * 1000)
        row = DecisionRow(self.keeper.number(DecisionRow), house.name, its.now_s, its.start_s, choice.action, "battery",
                          amount, left_s, reason, basis)  # fmt: skip
        return [(row, begin)]

    def _want(self, house: House, action: str, number: int, reason: str, its: Situation) -> None:
        text = f"{action}: {reason}"
        for key in CONTACTORS:
            order = Order(key in CLOSED[action], number, text, its.until_ms)
            self.leasing.want(house.node, getattr(house.config, key), order)

    def _loads(
        self, house: House, appliances: Sequence[Appliance], its: Situation
    ) -> list[tuple[DecisionRow, Callable[[int], None]]]:  # fmt: skip
        made: list[tuple[DecisionRow, Callable[[int], None]]] = []
        for each in appliances:
            closed, reason = _load(its, house.name, each)
            now = self.asked.get((house.name, each.name))
            action = "load on" if closed else "load off"
            if now is not None and now.action == action and now.start_s == its.start_s:
                continue
            if now is None and not closed:
                continue  # it is off, and nobody has asked for anything else
            made.append(self._switch(house, each, closed, action, reason, its))
        return made

    def _switch(
        self, house: House, each: Appliance, closed: bool, action: str, reason: str, its: Situation
    ) -> tuple[DecisionRow, Callable[[int], None]]:  # fmt: skip
        def begin(number: int) -> None:
            self.asked[house.name, each.name] = Doing(action, number, reason, its.start_s)
            order = Order(closed, number, f"{each.name} {action[5:]}: {reason}", its.until_ms)
            self.leasing.want(house.node, each.config.contactor, order)

        left_s = its.end_s - its.now_s
        amount = each.config.power_w * left_s * 1000 // 3600 if closed else 0
        row = DecisionRow(self.keeper.number(DecisionRow), house.name, its.now_s, its.start_s, action,
                          each.config.contactor, amount, left_s, reason, json.dumps({"power_w": each.config.power_w}),
                          )  # fmt: skip
        return row, begin


def limits_of(house: House) -> deciding.Limits:
    """Of the battery, as its content is estimated now; of no battery, nothing."""
    of, content = house.config, house.content
    if content is None:
        return deciding.Limits(0.0, 0.0, 0.0, 0.0)
    efficiency = of.efficiency_permille / 1000
    room = max(0.0, of.capacity_wh - content.wh) / efficiency
    return deciding.Limits(of.charge_w, of.discharge_w, room, max(0.0, content.wh - of.least_wh) * efficiency)


def _targets(houses: Sequence[House], its: Situation) -> dict[str, Target]:
    step = its.plan.step_of(its.now_s)
    if step is None:
        return {}
    hours = (its.end_s - its.now_s) / 3600
    free = [house for house in houses if house.content is not None and not _barred(its.plan, house.name)]
    seen = [steering.Standing(house, its.net_w[house.name] - its.bought_w.get(house.name, 0.0)) for house in free]
    if not its.pooled:
        return steering.alone(its.plan, step, seen, its.price, hours)
    together = [each for each in seen if each.house.standing.may(LAST_PLAN)]
    names = {each.house.name for each in together}
    others = its.others_w + sum(net for home, net in its.net_w.items() if home not in names)
    return steering.pooled(its.plan, step, together, others, its.price, hours)


def _barred(plan: Plan, home: str) -> bool:
    """Whether somebody has said that the battery is never to be switched."""
    return home in plan.names and "battery" in plan.homes[plan.names.index(home)].never


def _load(its: Situation, home: str, each: Appliance) -> tuple[bool, str]:
    """Whether it is to be on now, and why: the plan's part of the step, from its beginning on."""
    run, step = its.plan.runs.get((home, each.name)), its.plan.step_of(its.now_s)
    if run is None or step is None:
        return False, "the plan has nothing to do for it"
    part = min(1.0, float(run.power_w[step]) / max(1.0, each.config.power_w))
    into = (its.now_s - its.plan.ahead.from_s) % its.plan.step_s
    closed = part > 0.02 and into < part * its.plan.step_s
    return closed, f"the plan runs it for {part * its.plan.step_s / 60:.0f} min of this step"


def _basis(house: House, target: Target, choice: Choice, net_w: float, its: Situation) -> str:
    content = house.content
    figures: dict[str, Any] = {
        "net_w": round(net_w),
        "charge_w": round(target.charge_w),
        "wanted_wh": round(choice.energy_wh),
        "worth_mct": round(target.worth_mct),
        "buy_mct": its.price.buy_mct,
        "sell_mct": its.price.sell_mct,
        "content_estimated_wh": round(content.wh) if content else 0,
        "content_uncertain_wh": round(content.uncertain_wh) if content else 0,
        "bought_w": round(its.bought_w.get(house.name, 0.0)),
        "plan_made_s": its.plan.made_s,
    }
    return json.dumps(figures)
