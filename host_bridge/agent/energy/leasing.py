"""What the agent asks of contactors: leases through dispatch, renewed while wanted, given back when not, each under the
decision that it is asked for. Nothing is asked for that is not in the books already: `want` takes a decision's number.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from host_bridge.model import Command, NodeView, Refusal, StoreError, Verdict

ASKED_BY = "energy agent"
LAG_MS = 3_000  # what a node reports may be older than an outcome by this much
FIRST_RETRY_MS, LONGEST_RETRY_MS = 1_000, 60_000
SLACK_S = 3  # that a lease outlasts what it is wanted for
REFUSALS = 5  # in a row, by the node itself: it does not do what is asked,
REST_MS = 900_000  # and is tried once more after that

Request = Callable[..., Awaitable[Command]]  # Dispatch.request
Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Order(NamedTuple):
    """What is wanted of a contactor: under which decision, why, until when (ms of the clock that never jumps)."""

    closed: bool
    decision: int
    reason: str
    until_ms: int


class Outcome(NamedTuple):
    """How a request ended, for the books."""

    node: str
    contactor: str
    decision: int
    command: Command | None  # None: it could not be audited, so it was not sent
    why: str


@dataclass(slots=True)
class _Lease:
    wanted: Order | None = None
    asking: bool = False
    asked_ms: int = 0
    until_ms: int = 0  # when what was applied last ends; 0: nothing is held
    kept_open_ms: int = 0  # so long the node's own plan is kept away from it
    hold_ms: int = 0
    retry_ms: int = 0
    waits_ms: int = FIRST_RETRY_MS
    refused: int = 0  # in a row, by the node
    refused_ms: int = 0

    def due(self, now_ms: int, reported: str, by_itself: bool) -> str:
        """What to ask for now: "closed", "open" or nothing."""
        if 0 < self.until_ms <= now_ms:
            self.until_ms = 0
        if self.asking or now_ms < self.retry_ms or self.wanted is None:
            return ""
        lately = now_ms < self.asked_ms + LAG_MS
        if self.wanted.closed:
            renews = now_ms >= self.until_ms - self.hold_ms // 2 and self.until_ms < self.wanted.until_ms
            opened = reported != "closed" and not lately
            return "closed" if not self.until_ms or renews or opened else ""
        shut = reported == "closed" and not lately
        return "open" if self.until_ms or shut or (by_itself and now_ms >= self.kept_open_ms) else ""


class Leasing:
    """By (node, contactor). `told` is called with each outcome, `clock_ms` never jumps; `by_itself` tells whether the
    node's own plan may close a contactor soon, so that one that is to stay open has to be kept so."""

    def __init__(
        self, request: Request, spawn: Spawn, clock_ms: Callable[[], int], told: Callable[[Outcome], Awaitable[None]],
        most_hold_s: int, by_itself: Callable[[str, str, NodeView], bool],
    ) -> None:  # fmt: skip
        self._by_itself = by_itself
        self._request, self._spawn, self._clock_ms, self._told = request, spawn, clock_ms, told
        self._most_hold_s = most_hold_s
        self._leases: dict[tuple[str, str], _Lease] = {}

    def want(self, node: str, contactor: str, order: Order | None) -> None:
        """From now on; None: nothing is asked, what is held ends by itself."""
        lease = self._leases.setdefault((node, contactor), _Lease())
        if order is not None and (lease.wanted is None or lease.wanted.closed != order.closed):
            lease.retry_ms, lease.waits_ms = 0, FIRST_RETRY_MS
        lease.wanted = order

    def refusing(self, node: str) -> str:
        """Which contactor of `node` it refuses again and again; empty: none."""
        since_ms = self._clock_ms() - REST_MS
        return ", ".join(
            name
            for (at, name), lease in self._leases.items()
            if at == node and lease.refused >= REFUSALS and lease.refused_ms > since_ms
        )

    def held(self, node: str, contactor: str) -> bool:
        """Whether a lease of ours runs there, as far as the node has said."""
        lease = self._leases.get((node, contactor))
        return lease is not None and lease.until_ms > self._clock_ms()

    def ask(self, views: Mapping[str, NodeView]) -> None:
        """Ask for what is due, beside everything else. What is to open goes before what is to close at a node: an
        interlock may be between them."""
        now_ms = self._clock_ms()
        due = {key: self._due(key, lease, views.get(key[0]), now_ms) for key, lease in self._leases.items()}
        opening = {node for (node, _), target in due.items() if target == "open"}
        opening |= {node for (node, _), lease in self._leases.items() if lease.asking}
        for key, target in due.items():
            if target == "open" or (target == "closed" and key[0] not in opening):
                self._spawn(self._carry_out(key, self._leases[key], target, views.get(key[0])))

    def _due(self, key: tuple[str, str], lease: _Lease, view: NodeView | None, now_ms: int) -> str:
        if view is None:
            return ""
        return lease.due(now_ms, reported(view, key[1]), self._by_itself(*key, view))

    async def _carry_out(self, key: tuple[str, str], lease: _Lease, target: str, view: NodeView | None) -> None:
        order = lease.wanted
        if order is None or lease.asking:
            return
        lease.asking, lease.asked_ms = True, self._clock_ms()
        hold_s = self._hold_s(order, view) if target == "closed" else 0
        lease.hold_ms = 1000 * hold_s if hold_s else lease.hold_ms
        try:
            command = await self._request(*key, target, hold_s, asked_by=ASKED_BY, reason=order.reason)
            self._ended(lease, target, command, view)
            outcome = Outcome(*key, order.decision, command, "")
        except StoreError as error:  # not sent
            self._refused(lease, 0)
            outcome = Outcome(*key, order.decision, None, str(error))
        finally:
            lease.asking = False
        await self._told(outcome)

    def _hold_s(self, order: Order, view: NodeView | None) -> int:
        left_s = max(1, -(-(order.until_ms - self._clock_ms()) // 1000)) + SLACK_S
        most = min(self._most_hold_s, view.max_hold_s or self._most_hold_s) if view else self._most_hold_s
        return max(min(left_s, most), view.least_hold_s if view else 0)

    def _ended(self, lease: _Lease, target: str, command: Command, view: NodeView | None) -> None:
        if command.verdict is Verdict.APPLIED:
            lease.until_ms = lease.asked_ms + lease.hold_ms if target == "closed" else 0
            keeps_ms = 500 * view.max_hold_s if view else 0
            lease.kept_open_ms = 0 if target == "closed" else lease.asked_ms + keeps_ms
            lease.retry_ms, lease.waits_ms, lease.refused = 0, FIRST_RETRY_MS, 0
            return
        self._refused(lease, command.wait_ms)
        if command.refusal is Refusal.NODE and not command.wait_ms:
            lease.refused, lease.refused_ms = lease.refused + 1, self._clock_ms()
        if target == "closed" and command.verdict is Verdict.UNKNOWN:  # it may have been applied: then it is ours
            lease.until_ms = lease.asked_ms + lease.hold_ms

    def _refused(self, lease: _Lease, wait_ms: int) -> None:
        lease.retry_ms = self._clock_ms() + max(wait_ms, lease.waits_ms)
        lease.waits_ms = min(2 * lease.waits_ms, LONGEST_RETRY_MS)


def reported(view: NodeView, contactor: str) -> str:
    """The state that the node reports of a contactor; empty: none."""
    if contactor not in view.contactors:
        return ""
    report = view.contactor_reports.get(view.contactors.index(contactor))
    return report.state if report else ""
