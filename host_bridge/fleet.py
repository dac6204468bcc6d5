"""The known nodes: who speaks on which link, who is stale, and where their records go.

`views` is what the rest of the bridge reads. Times as in node.py.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from gridnode.wire.host_radio import HostRadio
from gridnode.wire.host_session import HostSession
from host_bridge.channels import Channels
from host_bridge.config import RadioConfig
from host_bridge.events import EventLog
from host_bridge.keys import KeyRing
from host_bridge.link import Link
from host_bridge.model import Air, LinkState, NodeView, Record
from host_bridge.node import MakeSession, RemoteNode, monotonic_ms
from host_bridge.radio import RadioHub
from host_bridge.radio_loop import OpenRadio, RadioLoop
from host_bridge.transport import Transport

TICK_S = 0.05
COUNT_EVERY = 10  # ticks between looks at counters and staleness

Received = Callable[[str, int], Awaitable[tuple[int, set[int]]]]
Floor = Callable[[str, int, int], Coroutine[None, None, None]]


class Fleet:
    """Nodes by name. `keep` takes each record, `received` and `floor` are the store's (see Store);
    `keys` are the nodes'."""

    def __init__(
        self,
        events: EventLog,
        keep: Callable[[Record], None],
        received: Received,
        floor: Floor,
        stale_after_s: float,
        keys: KeyRing,
    ) -> None:
        self.views: dict[str, NodeView] = {}
        self.links: list[Link] = []
        self._events = events
        self._keep = keep
        self._received = received
        self._floor = floor
        self._keys = keys
        self._stale_after_ms = stale_after_s * 1000
        self._host_session = random.SystemRandom().randrange(1, 1 << 30)
        self._remotes: dict[str, RemoteNode] = {}  # by the name under which each is listened to
        self._boots: dict[str, int] = {}  # node -> the boot that was told of
        self._refused: set[tuple[str, str]] = set()  # (link, name) that was told of
        self._group: asyncio.TaskGroup | None = None
        self.hub: RadioHub | None = None  # where there are radios
        self._radios: RadioLoop | None = None

    def add(self, transport: Transport) -> Link:
        """A link to serve; its node is known by the link's URL until it has said its name."""
        view = self.views[transport.url] = NodeView(transport.url, transport.url)
        channels = Channels(transport.url, self._keys, self._tell)
        remote = self._new_remote(view, channels)
        link = Link(transport, remote, self._events)
        self.links.append(link)
        return link

    def serve_radios(self, configs: list[RadioConfig], open_radio: OpenRadio) -> None:
        """Gateways to serve, with all the nodes behind them whose keys are kept here."""
        channels = Channels("radio", self._keys, self._tell)
        self.hub = RadioHub([], self._keys, channels, self._heard_by_radio)
        self._radios = RadioLoop(self.hub, configs, self._events, open_radio)

    def _heard_by_radio(self, name: str) -> RemoteNode:
        url = f"radio {name}"
        return self._new_remote(NodeView(url, url), Channels(url, self._keys, self._tell), HostRadio)

    def airs(self) -> list[Air]:
        """The radios, for people."""
        return self.hub.airs(monotonic_ms()) if self.hub else []

    @property
    def strangers(self) -> int:
        """Packets on the air of nodes that have no key here."""
        return self.hub.counts["unknown"] if self.hub else 0

    def _new_remote(self, view: NodeView, channels: Channels, make: MakeSession = HostSession) -> RemoteNode:
        calls = self._keep, self._introduced, self._greeted, self._gap
        return RemoteNode(view, self._host_session, *calls, channels, self._tell, make)

    def _tell(self, kind: str, text: str, node: str) -> None:
        self._events.add("warning", kind, text, node)

    def remote(self, name: str) -> RemoteNode | None:
        """The node called `name`, if it has been heard since the bridge started."""
        return self._remotes.get(name)

    async def run(self) -> None:
        """Serve all links and keep their clocks, until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            group = self._group
            for link in self.links:
                group.create_task(link.run())
            if self._radios is not None:
                group.create_task(self._radios.run())
            group.create_task(self._tick())

    async def _tick(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(TICK_S)
            turn += 1
            now_ms = monotonic_ms()
            for link in self.links:
                link.flush(now_ms)
            if turn % COUNT_EVERY == 0:
                for link in self.links:
                    link.count()
                    link.watch(now_ms)
                    self._age(link.remote, link.is_open, now_ms)
                if self.hub is not None:
                    self.hub.show(now_ms)
                for remote in self.hub.remotes() if self.hub else ():
                    remote.count()
                    self._age(remote, self.hub is not None and self.hub.is_open, now_ms)

    def _age(self, remote: RemoteNode, is_open: bool, now_ms: int) -> None:
        view = remote.view
        silent_ms = now_ms - remote.heard_ms
        is_heard = is_open and silent_ms <= max(self._stale_after_ms, view.stale_after_ms)
        if view.link_state == LinkState.ONLINE and not is_heard:
            view.link_state = LinkState.STALE
            text = f"{view.name} is silent: its values are no longer current"
            self._events.add("warning", "node stale", text, view.name)
        elif view.link_state == LinkState.STALE and is_heard and remote.session.receiver is not None:
            view.link_state = LinkState.ONLINE
            self._events.add("info", "node online", f"{view.name} is heard again", view.name)

    def _introduced(self, remote: RemoteNode, name: str) -> bool:
        holder = self._remotes.get(name)
        if holder is remote:
            return True
        url = remote.view.link
        if self._is_taken(name, holder):
            self._leave(remote)
            if (url, name) not in self._refused:
                self._refused.add((url, name))
                text = f"the name {name!r} is taken: the node on {url} is not listened to until it has another name"
                self._events.add("error", "name taken", text, name)
            return False
        if holder is not None:  # the node has moved here; its former link starts over
            holder.closed()
            self._leave(holder)
        if remote.view.name != url:
            self._events.add("warning", "node replaced", f"{url}: {name} speaks where {remote.view.name} did", name)
            self._leave(remote)
        self.views.pop(url, None)  # nodes behind a radio are not shown before they have said who they are
        remote.view = self.views.setdefault(name, NodeView(name, url))
        remote.view.link = url
        self._remotes[name] = remote
        self._refused = {told for told in self._refused if url not in told and name not in told}
        return True

    def _is_taken(self, name: str, holder: RemoteNode | None) -> bool:
        """Whether another node bears this name now, or a link does."""
        if holder is not None and holder.view.link_state == LinkState.ONLINE:
            return True
        return not name or any(name == link.transport.url for link in self.links)

    def _leave(self, remote: RemoteNode) -> None:
        """The node that spoke on this link does so no longer: the link goes by its URL again."""
        view = remote.view
        if self._remotes.get(view.name) is remote:
            del self._remotes[view.name]
            view.link_state = LinkState.STALE
            remote.view = NodeView(view.link, view.link)
            if any(link.remote is remote for link in self.links):
                self.views[view.link] = remote.view

    def _greeted(self, remote: RemoteNode) -> None:
        view = remote.view
        if view.link_state == LinkState.INCOMPATIBLE:
            text = f"{view.name} runs firmware {view.firmware}, whose schema is not known here: shown, not commanded; "
            self._events.add("error", "node incompatible", text + "update the older of the two", view.name)
        elif remote.session.hello is not None:
            self._spawn(self._welcome(remote, remote.session.hello))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._group is None:
            raise RuntimeError("nodes are heard while `run` runs")
        self._group.create_task(work)

    async def _welcome(self, remote: RemoteNode, hello: list[Any]) -> None:
        view, before = remote.view, remote.view.link_state
        next_sequence, kept = await self._received(view.name, remote.epoch)
        if not remote.awaits_welcome(hello) or remote.view is not view:
            return  # meanwhile it has begun another session, was welcomed, or has gone
        remote.welcome(next_sequence, kept)
        if before != LinkState.ONLINE or self._boots.get(view.name) != view.boot_epoch:
            text = f"{view.name} is online, started by {view.reset_cause}, boot {view.boot_epoch}"
            self._events.add("info", "node online", text, view.name)
        self._boots[view.name] = view.boot_epoch

    def _gap(self, node: str, epoch: int, oldest: int) -> None:
        self._spawn(self._floor(node, epoch, oldest))

    def committed(self, keys: Sequence[tuple[str, int, int]]) -> None:
        """These (node, epoch, sequence) are safely stored: acknowledge them."""
        for node, epoch, sequence in keys:
            remote = self._remotes.get(node)
            if remote is not None and remote.session.receiver is not None and remote.epoch == epoch:
                remote.kept(sequence)

    def forgotten(self, keys: Sequence[tuple[str, int, int]]) -> None:
        """These could not be stored and were let go: the nodes are to send them again."""
        for node, epoch, sequence in keys:
            remote = self._remotes.get(node)
            if remote is not None and remote.session.receiver is not None and remote.epoch == epoch:
                remote.forgotten(sequence)
