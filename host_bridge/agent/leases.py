"""What a world's outputs ask of contactors: leases, asked for when needed, renewed while the output is on, given back
when it goes off, and left to end by themselves when the world says nothing.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from host_bridge.agent.binding import Target, Views
from host_bridge.model import Command, NodeView, StoreError, Verdict

Request = Callable[..., Awaitable[Command]]  # Dispatch.request
Spawn = Callable[[Coroutine[Any, Any, None]], object]

LAG_MS = 3_000  # what a node reports may be older than an outcome by this much
FIRST_RETRY_MS, LONGEST_RETRY_MS = 5_000, 300_000


@dataclass(slots=True)
class _Lease:
    """One contactor. Times are the caller's `now_ms`, of a clock that never jumps."""

    target: Target
    wanted: bool | None = None  # None: nothing is asked
    asking: bool = False
    asked_ms: int = 0
    until_ms: int = 0  # when what was applied last ends; 0: nothing is held
    hold_ms: int = 0
    retry_ms: int = 0  # not before then
    waits_ms: int = FIRST_RETRY_MS

    def want(self, on: bool | None) -> None:
        if on is not None and on != self.wanted:
            self.retry_ms, self.waits_ms = 0, FIRST_RETRY_MS
        self.wanted = on

    def due(self, now_ms: int, reported: str) -> str:
        """What to ask for now: "closed", "open" or nothing."""
        if 0 < self.until_ms <= now_ms:
            self.until_ms = 0
        if self.asking or now_ms < self.retry_ms:
            return ""
        if self.wanted:
            renews = now_ms >= self.until_ms - self.hold_ms // 2
            was_opened = reported != "closed" and now_ms >= self.asked_ms + LAG_MS
            return "closed" if not self.until_ms or renews or was_opened else ""
        return "open" if self.wanted is False and self.until_ms else ""

    def ended(self, target: str, verdict: Verdict, wait_ms: int, now_ms: int) -> None:
        """How a request ended."""
        if verdict is Verdict.APPLIED:
            self.until_ms = self.asked_ms + self.hold_ms if target == "closed" else 0
            self.retry_ms, self.waits_ms = 0, FIRST_RETRY_MS
            return
        self.retry_ms = now_ms + max(wait_ms, self.waits_ms)
        self.waits_ms = min(2 * self.waits_ms, LONGEST_RETRY_MS)
        if target == "closed" and verdict is Verdict.UNKNOWN:  # it may have been applied: then it is ours to give back
            self.until_ms = self.asked_ms + self.hold_ms


class Leases:
    """The contactors of one installed world, by output."""

    def __init__(self, targets: Mapping[str, Target], request: Request, spawn: Spawn, clock_ms: Callable[[], int]):
        self._leases = {name: _Lease(target) for name, target in targets.items()}
        self._request, self._spawn, self._clock_ms = request, spawn, clock_ms

    def want(self, outputs: Mapping[str, int] | None) -> None:
        """What the outputs say; None: nothing is asked for, and what is held ends by itself."""
        for name, lease in self._leases.items():
            lease.want(bool(outputs[name]) if outputs is not None and name in outputs else None)

    def ask(self, views: Views, asked_by: str, reason: str) -> None:
        """Ask for what is due, beside everything else: the outcome is seen at a later tick."""
        now_ms = self._clock_ms()
        for name, lease in self._leases.items():
            view = views.get(lease.target.node)
            target = lease.due(now_ms, _reported(view, lease.target.contactor))
            if target:
                lease.asking = True
                self._spawn(self._carry_out(lease, target, view, asked_by, f"{name}: {reason}"))

    def rebind(self, targets: Mapping[str, Target]) -> None:
        """Other outputs, or other contactors: what is held and no longer bound ends by itself."""
        held = {lease.target[:2]: lease for lease in self._leases.values()}
        leases = {}
        for name, target in targets.items():
            leases[name] = held.get(target[:2]) or _Lease(target)
            leases[name].target = target
        self._leases = leases

    def targets(self) -> list[Target]:
        """The contactors."""
        return [lease.target for lease in self._leases.values()]

    async def release(self, asked_by: str) -> None:
        """Give back all that is held: somebody removes the world."""
        for lease in self._leases.values():
            lease.want(None)
            if lease.until_ms > self._clock_ms():
                await self._ask(lease, "open", None, asked_by, "the world is removed")

    async def _carry_out(self, lease: _Lease, target: str, view: NodeView | None, asked_by: str, reason: str) -> None:
        try:
            await self._ask(lease, target, view, asked_by, reason)
        finally:
            lease.asking = False

    async def _ask(self, lease: _Lease, target: str, view: NodeView | None, asked_by: str, reason: str) -> None:
        lease.asked_ms = self._clock_ms()
        hold_s = _hold_s(lease.target.hold_s, view) if target == "closed" else 0
        if target == "closed":
            lease.hold_ms = 1000 * hold_s
        node, contactor = lease.target.node, lease.target.contactor
        try:
            command = await self._request(node, contactor, target, hold_s, asked_by=asked_by, reason=reason)
        except StoreError:  # not sent; the store tells why by itself
            lease.ended(target, Verdict.REFUSED, 0, self._clock_ms())
        else:
            lease.ended(target, command.verdict, command.wait_ms, self._clock_ms())


def _hold_s(wanted_s: int, view: NodeView | None) -> int:
    if view is None:
        return wanted_s
    return min(max(wanted_s, view.least_hold_s), view.max_hold_s or wanted_s)


def _reported(view: NodeView | None, contactor: str) -> str:
    if view is None or contactor not in view.contactors:
        return ""
    report = view.contactor_reports.get(view.contactors.index(contactor))
    return report.state if report else ""
