"""The only door to a contactor, and to what nodes keep: policy, audit, and one request at a time for each.

A lease is never renewed from here unless somebody asks again; the node opens by itself when it ends.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import cbor2

from gridnode.wire import schema
from host_bridge.config import DispatchConfig
from host_bridge.events import EventLog
from host_bridge.fleet import Fleet
from host_bridge.keys import KeyRing, fingerprint
from host_bridge.model import Command, LinkState, NodeView, Refusal, StoreError, Verdict
from host_bridge.node import Outcome, wall_ms
from host_bridge.questions import Stored

KEY = "key"  # the one of schema.DOCUMENTS that is made here and shown to nobody
AUDIT_WITHIN_S = 1.0  # how long an opening waits for its row


class Dispatch:
    """`save` and `update` write the audit row (see Store); a command is audited before it is sent."""

    def __init__(
        self,
        fleet: Fleet,
        config: DispatchConfig,
        events: EventLog,
        save: Callable[[Command], Awaitable[int]],
        update: Callable[[Command], Awaitable[None]],
        keys: KeyRing,
    ) -> None:
        self.pending: dict[tuple[str, str], Command] = {}
        self.last: dict[tuple[str, str], Command] = {}
        self._fleet = fleet
        self._config = config
        self._events = events
        self._save = save
        self._update = update
        self._keys = keys

    async def request(
        self, node: str, contactor: str, target: str, hold_s: int, *, asked_by: str, reason: str
    ) -> Command:
        """Switch `contactor` of `node` to `target`; closed for `hold_s` s. Returns when applied, refused or lost.

        `target` reset ends a lock-out and leaves it open. Raises StoreError when a closing or a reset cannot be
        audited: it is not sent then. An opening is sent all the same.
        """
        command = Command(0, wall_ms(), node, contactor, target, hold_s, asked_by, reason)
        key = (node, contactor)
        refusal = self._refusal(command) or self._pending_refusal(key)
        if refusal is not None:
            self._refuse(command, refusal)
            await self._kept(self._number(command))
        else:
            self.pending[key] = command
            try:
                await self._carry_out(command)
            finally:
                del self.pending[key]
            await self._kept(self._update(command))
        self._tell(command)
        return command

    async def store(
        self, node: str, document: str, body: bytes, *, asked_by: str, reason: str
    ) -> tuple[Command, Stored | None]:
        """Have `node` keep `body` as one of schema.DOCUMENTS; an empty one goes back to the document before.

        Returns when it is read back there, refused or lost, with what the node said if it did. Raises StoreError when
        it cannot be audited: it is not sent then.
        """
        command = Command(0, wall_ms(), node, "", document, 0, asked_by, reason)
        stored: list[Stored | None] = [None]

        async def have_stored() -> None:
            stored[0] = await self._have_stored(command, body)

        refusal = self._document_refusal(command, body)
        if document == KEY:
            refusal = Refusal.BAD_DOCUMENT, "keys are made here and nowhere else: gridnexus provision --rotate NODE"
        await self._document(command, refusal, have_stored)
        return command, stored[0]

    async def rotate(self, node: str, *, asked_by: str, reason: str) -> Command:
        """Give `node` a new key; it holds the old one too until it has spoken under the new one.

        What is kept and told of it names the key's slot and fingerprint, never the key. A rotation whose fate is
        unknown may be asked for again: it goes on with the same key. Raises as `store`, and KeysError.
        """
        command = Command(0, wall_ms(), node, "", KEY, 0, asked_by, reason)
        view = self._fleet.views.get(node)
        await self._document(command, _node_refusal(node, view), lambda: self._have_rotated(command))
        return command

    async def _document(
        self, command: Command, refusal: tuple[Refusal, str] | None, have_done: Callable[[], Awaitable[None]]
    ) -> None:
        key = (command.node, "")
        refusal = refusal or self._pending_refusal(key)
        if refusal is not None:
            self._refuse(command, refusal)
            await self._kept(self._number(command))
        else:
            self.pending[key] = command
            try:
                await have_done()
            finally:
                del self.pending[key]
            await self._kept(self._update(command))
        self._tell_document(command)

    async def _have_rotated(self, command: Command) -> None:
        """The key is on this machine's disk before the node hears of it; it goes from there if the node never did."""
        slot, key, made = self._keys.renew(command.node)
        stored = None
        try:
            stored = await self._have_stored(command, cbor2.dumps([slot, key]))
        finally:
            if made and (command.verdict is Verdict.REFUSED or not command.number):
                self._keys.drop(command.node, slot)
        if stored is not None and stored.applied and command.verdict is Verdict.APPLIED:
            command.detail = f"slot {slot}, fingerprint {fingerprint(key)}"
            remote = self._fleet.remote(command.node)
            if remote is not None:
                remote.renew()

    async def _have_stored(self, command: Command, body: bytes) -> Stored | None:
        await self._number(command)
        refusal = self._document_refusal(command, body)  # as with a closing
        remote = self._fleet.remote(command.node)
        if refusal is not None:
            self._refuse(command, refusal)
            return None
        within_ms = self._within_ms(command.node)
        stored = remote and await remote.store(schema.DOCUMENTS.index(command.target), body, within_ms)
        if not stored:
            self._finish(command, None)
            return None
        self._finish(command, Outcome(stored.applied, stored.reason, None, 0, 0))
        if stored.applied:
            command.detail = f"version {stored.version}, digest {stored.digest.hex()}"
            if body and stored.digest != hashlib.sha256(body).digest()[:8]:
                command.verdict, command.detail = Verdict.UNKNOWN, f"the node keeps something else: {command.detail}"
        return stored

    async def _carry_out(self, command: Command) -> None:
        if command.target != "open":
            await self._number(command)
            refusal = self._refusal(command)  # the node may have gone while the row was written
            if refusal is None:
                self._finish(command, await self._ask(command))
            else:
                self._refuse(command, refusal)
            return
        # A database that hangs must not hold up an opening.
        saving = asyncio.ensure_future(self._kept(self._number(command)))
        await asyncio.wait([saving], timeout=AUDIT_WITHIN_S)
        self._finish(command, await self._ask(command))
        await saving

    async def _number(self, command: Command) -> None:
        command.number = await self._save(command)

    async def _kept(self, writing: Awaitable[object]) -> None:
        """Wait for the audit row; if it cannot be written, say so and go on."""
        try:
            await writing
        except StoreError as error:
            self._events.add("error", "audit", f"a command could not be noted: {error}")

    def _document_refusal(self, command: Command, body: bytes) -> tuple[Refusal, str] | None:
        view = self._fleet.views.get(command.node)
        if view is None or view.link_state == LinkState.INCOMPATIBLE:
            return _node_refusal(command.node, view)
        if command.target not in schema.DOCUMENTS:
            return Refusal.BAD_DOCUMENT, f"the document must be one of {', '.join(schema.DOCUMENTS)}"
        if len(body) > schema.BLOB_MAX:
            return Refusal.BAD_DOCUMENT, f"it has {len(body)} bytes; a node keeps {schema.BLOB_MAX} at most"
        return _node_refusal(command.node, view)

    def _refusal(self, command: Command) -> tuple[Refusal, str] | None:
        view = self._fleet.views.get(command.node)
        if view is None or view.link_state == LinkState.INCOMPATIBLE:
            return _node_refusal(command.node, view)
        if command.contactor not in view.contactors:
            known = ", ".join(view.contactors) or "none"
            return Refusal.UNKNOWN_CONTACTOR, f"{view.name} has no contactor {command.contactor}; it has: {known}"
        if command.target not in schema.TARGETS:
            return Refusal.BAD_TARGET, f"the target must be one of {', '.join(schema.TARGETS)}"
        limit = self._hold_limit(view)
        if command.target == "closed" and not 0 < command.hold_s <= limit:
            return Refusal.BAD_HOLD, f"the hold must be from 1 to {limit} s"
        if command.target == "closed" and command.hold_s < view.least_hold_s:
            return Refusal.BAD_HOLD, _too_short(view)
        return _node_refusal(command.node, view)

    def _pending_refusal(self, key: tuple[str, str]) -> tuple[Refusal, str] | None:
        return (Refusal.PENDING, "wait for the outcome of the request before") if key in self.pending else None

    def _refuse(self, command: Command, refusal: tuple[Refusal, str]) -> None:
        command.verdict, (command.refusal, command.detail) = Verdict.REFUSED, refusal
        command.finished_ms = wall_ms()

    def _hold_limit(self, view: NodeView) -> int:
        return min(self._config.max_hold_s, view.max_hold_s)

    async def _ask(self, command: Command) -> Outcome | None:
        remote = self._fleet.remote(command.node)
        if remote is None or command.contactor not in remote.view.contactors:
            return None  # it has gone since
        index = remote.view.contactors.index(command.contactor)
        target = schema.TARGETS.index(command.target)
        hold_s = command.hold_s if command.target == "closed" else 0
        return await remote.command(index, target, hold_s, self._within_ms(command.node))

    def _within_ms(self, node: str) -> int:
        """How long an answer is waited for: longer where the link is slow."""
        view = self._fleet.views.get(node)
        return max(self._config.answer_within_ms, view.answer_within_ms if view else 0)

    def _finish(self, command: Command, outcome: Outcome | None) -> None:
        command.finished_ms = wall_ms()
        if outcome is None:
            command.verdict = Verdict.UNKNOWN
            command.detail = "no outcome came in time, and from now on the node refuses it; see the reported state"
        elif outcome.applied:
            command.verdict = Verdict.APPLIED
        else:
            command.verdict, command.refusal = Verdict.REFUSED, Refusal.NODE
            command.detail, command.wait_ms = outcome.reason, outcome.wait_ms

    def _tell(self, command: Command) -> None:
        if command.refusal not in (Refusal.UNKNOWN_NODE, Refusal.UNKNOWN_CONTACTOR):
            self.last[(command.node, command.contactor)] = command
        hold = f" for {command.hold_s} s" if command.target == "closed" else ""
        text = f"{command.contactor} {command.target}{hold}, asked by {command.asked_by}: {command.verdict}"
        why = f" ({command.detail})" if command.detail else ""
        level = "info" if command.verdict == Verdict.APPLIED else "warning"
        self._events.add(level, "command", text + why, command.node)

    def _tell_document(self, command: Command) -> None:
        level = "info" if command.verdict == Verdict.APPLIED else "warning"
        text = f"{command.target} for {command.node}, asked by {command.asked_by}: {command.verdict} ({command.detail})"
        self._events.add(level, "document", text, command.node)


def _too_short(view: NodeView) -> str:
    """Why a lease cannot be renewed in time over radio, and what is promised of a longer one: see RadioHub.show."""
    hops = view.way.hops if view.way else 1
    return (
        f"by radio, over {hops} hop{'s' if hops > 1 else ''}, the hold must be at least {view.least_hold_s} s now: "
        f"a renewal may take {view.answer_within_ms // 1000} s, and its airtime has to be saved up. None is set aside "
        "for it: where many are renewed at once, ask for longer; what is not renewed in time opens by itself"
    )


def _node_refusal(name: str, view: NodeView | None) -> tuple[Refusal, str] | None:
    """Why nothing can be asked of the node now."""
    if view is None:
        return Refusal.UNKNOWN_NODE, f"no node is called {name}"
    if view.link_state == LinkState.INCOMPATIBLE:
        return Refusal.INCOMPATIBLE, f"{view.name} runs firmware {view.firmware}, whose schema is not known here"
    if view.link_state != LinkState.ONLINE:
        return Refusal.OFFLINE, f"{view.name} is {view.link_state}"
    if view.way is not None and view.way.is_one_way:
        return (
            Refusal.ONE_WAY,
            f"{view.name} is heard and hears nothing (one way): nothing can be asked of it",
        )
    return None
