"""The only door to a contactor: policy, audit, and one request at a time for each contactor.

A lease is never renewed from here unless somebody asks again; the node opens by itself when it ends.
"""

from collections.abc import Awaitable, Callable

from host_bridge.config import DispatchConfig
from host_bridge.events import EventLog
from host_bridge.fleet import Fleet
from host_bridge.model import Command, LinkState, NodeView, Refusal, Verdict
from host_bridge.node import Outcome, wall_ms

TARGETS = ("open", "closed")


class Dispatch:
    """`save` and `update` write the audit row (see Store); a command is audited before it is sent."""

    def __init__(
        self,
        fleet: Fleet,
        config: DispatchConfig,
        events: EventLog,
        save: Callable[[Command], Awaitable[int]],
        update: Callable[[Command], Awaitable[None]],
    ) -> None:
        self.pending: dict[tuple[str, str], Command] = {}
        self.last: dict[tuple[str, str], Command] = {}
        self._fleet = fleet
        self._config = config
        self._events = events
        self._save = save
        self._update = update

    async def request(
        self, node: str, contactor: str, target: str, hold_s: int, *, asked_by: str, reason: str
    ) -> Command:
        """Switch `contactor` of `node` to `target`; closed for `hold_s` s. Returns when it is applied, refused or lost."""
        command = Command(0, wall_ms(), node, contactor, target, hold_s, asked_by, reason)
        refusal = self._refusal(command)
        if refusal is not None:
            command.verdict, (command.refusal, command.detail) = Verdict.REFUSED, refusal
            command.finished_ms = wall_ms()
            command.number = await self._save(command)
            self._tell(command)
            return command
        key = (node, contactor)
        self.pending[key] = command
        try:
            command.number = await self._save(command)
            self._finish(command, await self._ask(command))
        finally:
            del self.pending[key]
        await self._update(command)
        self._tell(command)
        return command

    def _refusal(self, command: Command) -> tuple[Refusal, str] | None:
        view = self._fleet.views.get(command.node)
        if view is None:
            return Refusal.UNKNOWN_NODE, f"no node is called {command.node}"
        if view.link_state == LinkState.INCOMPATIBLE:
            return Refusal.INCOMPATIBLE, f"{view.name} runs firmware {view.firmware}, whose schema is not known here"
        if command.contactor not in view.contactors:
            known = ", ".join(view.contactors) or "none"
            return Refusal.UNKNOWN_CONTACTOR, f"{view.name} has no contactor {command.contactor}; it has: {known}"
        if command.target not in TARGETS:
            return Refusal.BAD_TARGET, f"the target must be one of {', '.join(TARGETS)}"
        limit = self._hold_limit(view)
        if command.target == "closed" and not 0 < command.hold_s <= limit:
            return Refusal.BAD_HOLD, f"the hold must be from 1 to {limit} s"
        if view.link_state != LinkState.ONLINE:
            return Refusal.OFFLINE, f"{view.name} is {view.link_state}"
        if (command.node, command.contactor) in self.pending:
            return Refusal.PENDING, "wait for the outcome of the request before"
        return None

    def _hold_limit(self, view: NodeView) -> int:
        return min(self._config.max_hold_s, view.max_hold_s)

    async def _ask(self, command: Command) -> Outcome | None:
        remote = self._fleet.remote(command.node)
        if remote is None:
            return None
        index = remote.view.contactors.index(command.contactor)
        target = TARGETS.index(command.target)
        hold_s = command.hold_s if command.target == "closed" else 0
        return await remote.command(index, target, hold_s, self._config.answer_within_ms)

    def _finish(self, command: Command, outcome: Outcome | None) -> None:
        command.finished_ms = wall_ms()
        if outcome is None:
            command.verdict = Verdict.UNKNOWN
            command.detail = "no outcome came in time: not known whether it was applied; the reported state is the truth"
        elif outcome.applied:
            command.verdict = Verdict.APPLIED
        else:
            command.verdict, command.refusal = Verdict.REFUSED, Refusal.NODE
            command.detail, command.wait_ms = outcome.reason, outcome.wait_ms

    def _tell(self, command: Command) -> None:
        self.last[(command.node, command.contactor)] = command
        hold = f" for {command.hold_s} s" if command.target == "closed" else ""
        text = f"{command.contactor} {command.target}{hold}, asked by {command.asked_by}: {command.verdict}"
        why = f" ({command.detail})" if command.detail else ""
        level = "info" if command.verdict == Verdict.APPLIED else "warning"
        self._events.add(level, "command", text + why, command.node)
