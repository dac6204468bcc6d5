"""The plan that each node follows when it is alone: made of the newest plan, sent when it differs in effect.

A node's flash wears with each one kept, so it is sent rarely: not before `every_s` have passed and something would be
done otherwise, or when the one that the node keeps comes to its end.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridnode.node.plan import Plan as NodePlan
from host_bridge.agent.energy.appliances import Appliance
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.house import House
from host_bridge.agent.energy.leasing import ASKED_BY
from host_bridge.agent.grid_time import GridTime
from host_bridge.agent.plan.alone import Alone, alone
from host_bridge.agent.plan.plan import Plan
from host_bridge.model import Command, LinkState, NodeView
from host_bridge.store.book_rows import DecisionRow, OutcomeRow, StateRow

LEFT_PERMILLE = 300  # of its length: with less than that left it is sent anew
DIFFERS_PERMILLE = 50  # of the moments looked at
MOMENTS = 96
RETRY_S = 60
ACTION = "plan when alone"

Keep = Callable[..., Awaitable[tuple[Command, Any]]]  # Dispatch.store


@dataclass(slots=True)
class Kept:
    """What a node was given. Times are of the Pi's clock, in seconds."""

    body: bytes = b""
    kept_s: int = 0
    tried_s: int = 0
    version: str = ""


class NodePlans:
    """`speed` and time as `grid` has them; `every_s` of the Pi's clock."""

    def __init__(self, keep: Keep, keeper: Bookkeeper, grid: GridTime, every_s: int) -> None:
        self._keep, self._keeper, self._grid, self._every_s = keep, keeper, grid, every_s
        self.kept: dict[str, Kept] = {}

    async def resume(self) -> None:
        """What was sent before a restart. Raises StoreError."""
        for row in await self._keeper.rows(StateRow, "name LIKE 'alone:%'"):
            said = json.loads(row.body)
            body = bytes.fromhex(said["body"])
            self.kept[row.name.partition(":")[2]] = Kept(body, said["kept_s"], 0, said["version"])

    def may_close(self, home: str, contactor: str, view: NodeView, unix_s: int) -> bool:
        """Whether the plan that the node keeps may close `contactor` before it is looked at again."""
        if view.vitals is None or not view.vitals.plan_version:
            return False
        kept = self.kept.get(home)
        plan = _parsed(kept.body, len(view.contactors)) if kept else None
        if plan is None:
            return True  # it keeps one that is not from here
        if contactor not in view.contactors:
            return False
        number, now_min = view.contactors.index(contactor), (unix_s - plan.from_unix_s) // 60
        soon_min = now_min + view.max_hold_s // 60 + 1
        return plan.world is not None or any(
            row[2] == number and row[3] and row[0] <= soon_min and now_min < row[0] + row[1] for row in plan.rows
        )

    async def send(
        self, plan: Plan, houses: Sequence[House], appliances: Sequence[Appliance], views: Mapping[str, NodeView],
        now_s: int, unix_s: int,
    ) -> None:  # fmt: skip
        """To those whose plan differs. Raises StoreError: it could not be noted, and was not sent."""
        for house in houses:
            view = views.get(house.node)
            if view is None or view.link_state is not LinkState.ONLINE or house.name not in plan.names:
                continue
            own = [each for each in appliances if each.home == house.name]
            made = await asyncio.to_thread(self._made, plan, house, own, view, now_s, unix_s)
            why = self._why(house.name, made, len(view.contactors), unix_s)
            if why:
                await self._send(house, made, why, now_s, unix_s)

    def _made(
        self, plan: Plan, house: House, own: Sequence[Appliance], view: NodeView, now_s: int, unix_s: int
    ) -> Alone:  # fmt: skip
        of = house.config
        names = {"charge": of.charge, "discharge": of.discharge, "hold": of.hold} if of.capacity_wh else {}
        names |= {each.name: each.config.contactor for each in own}
        return alone(plan, house.name, view.contactors, names, now_s, unix_s=unix_s, speed=self._grid.speed)

    def _why(self, home: str, made: Alone, contactors: int, unix_s: int) -> str:
        """Why it is to be sent now; empty: it is not."""
        kept = self.kept.setdefault(home, Kept())
        if unix_s < kept.tried_s + RETRY_S and kept.tried_s:
            return ""
        if not made.rows and not kept.body:
            return ""
        new = _parsed(made.document, contactors) if made.rows else None
        old = _parsed(kept.body, contactors)
        if old is None:
            return "it keeps no plan yet" if new else ""
        length = old.until_unix_s - old.from_unix_s
        if new and old.until_unix_s - unix_s < length * LEFT_PERMILLE // 1000:
            return "the one that it keeps ends soon"
        if unix_s < kept.kept_s + self._every_s:
            return ""
        differs = _differs(old, new, contactors, unix_s)
        return f"it would do otherwise in {differs // 10} of 100 moments" if differs > DIFFERS_PERMILLE else ""

    async def _send(self, house: House, made: Alone, why: str, now_s: int, unix_s: int) -> None:
        digest = hashlib.sha256(made.document).hexdigest()[:16]
        reason = f"what it does when it is alone: {why}"
        basis = json.dumps({"toml": made.toml, "digest": digest, "left_out": list(made.left_out)})
        row = DecisionRow(self._keeper.number(DecisionRow), house.name, now_s, now_s, ACTION, "plan", 0, 0, reason,
                          basis)  # fmt: skip
        await self._keeper.add([row])
        kept = self.kept[house.name]
        kept.tried_s = unix_s
        command, stored = await self._keep(house.node, "plan", made.document, asked_by=ASKED_BY, reason=reason)
        outcome = OutcomeRow(row.number, command.number, now_s, command.verdict.value, command.detail)
        if stored is None or not stored.applied:
            await self._keeper.add([outcome])
            return
        kept.body, kept.kept_s, kept.version = made.document, unix_s, command.detail
        body = json.dumps({"body": kept.body.hex(), "kept_s": kept.kept_s, "version": kept.version})
        await self._keeper.add([outcome, StateRow(f"alone:{house.name}", body)])


def _parsed(body: bytes, contactors: int) -> NodePlan | None:
    if not body:
        return None
    try:
        return NodePlan.parse(body, contactors)
    except ValueError:
        return None


def _differs(old: NodePlan, new: NodePlan | None, contactors: int, unix_s: int) -> int:
    """In thousandths of the moments until the older one ends, in which a contactor would be another way."""
    until = min(old.until_unix_s, new.until_unix_s if new else old.until_unix_s)
    apart = max(60, (until - unix_s) // MOMENTS)
    moments = range(unix_s, max(until, unix_s + 1), apart)
    measured = (0, 50_000, 230_000)
    others = sum(
        any(
            (old.wish(k, at * 1000, measured, False) == "closed")
            != (new is not None and new.wish(k, at * 1000, measured, False) == "closed")
            for k in range(contactors)
        )
        for at in moments
    )
    return 1000 * others // len(moments)
