"""The known nodes: who speaks on which link, who is stale, and where their records go.

`views` is what the rest of the bridge reads. Times as in node.py.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from host_bridge.events import EventLog
from host_bridge.link import Link
from host_bridge.model import LinkState, NodeView, Record
from host_bridge.node import RemoteNode, monotonic_ms, wall_ms
from host_bridge.transport import Transport

TICK_S = 0.05
COUNT_EVERY = 10  # ticks between looks at counters and staleness

Received = Callable[[str, int], Awaitable[tuple[int, set[int]]]]
Floor = Callable[[str, int, int], Awaitable[None]]


class Fleet:
    """Nodes by name. `keep` takes each record, `received` and `floor` are the store's (see Store)."""

    def __init__(
        self,
        events: EventLog,
        keep: Callable[[Record], None],
        received: Received,
        floor: Floor,
        stale_after_s: float,
    ) -> None:
        self.views: dict[str, NodeView] = {}
        self.links: list[Link] = []
        self._events = events
        self._keep = keep
        self._received = received
        self._floor = floor
        self._stale_after_ms = stale_after_s * 1000
        self._host_session = random.SystemRandom().randrange(1, 1 << 30)
        self._remotes: dict[str, RemoteNode] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, transport: Transport) -> Link:
        """A link to serve; its node is known by the link's URL until it has said its name."""
        view = self.views[transport.url] = NodeView(transport.url, transport.url)
        remote = RemoteNode(view, self._host_session, self._keep, self._introduced, self._greeted, self._gap)
        link = Link(transport, remote, self._events)
        self.links.append(link)
        return link

    def remote(self, name: str) -> RemoteNode | None:
        """The node called `name`, if it has been heard since the bridge started."""
        return self._remotes.get(name)

    async def run(self) -> None:
        """Serve all links and keep their clocks, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for link in self.links:
                group.create_task(link.run())
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
                    link.remote.count()
                    link.watch_garbage(now_ms)
                    self._age(link)

    def _age(self, link: Link) -> None:
        view = link.remote.view
        silent_ms = wall_ms() - view.last_heard_ms
        if view.link_state == LinkState.ONLINE and (silent_ms > self._stale_after_ms or not link.is_open):
            view.link_state = LinkState.STALE
            self._events.add("warning", "node stale", f"{view.name} is silent: its values are no longer current", view.name)
        elif view.link_state == LinkState.STALE and link.is_open and silent_ms < self._stale_after_ms:
            if link.remote.session.receiver is not None:
                view.link_state = LinkState.ONLINE
                self._events.add("info", "node online", f"{view.name} is heard again", view.name)

    def _introduced(self, remote: RemoteNode, name: str) -> bool:
        url = remote.view.link
        other = self._remotes.get(name)
        if other is not None and other is not remote and other.view.link_state == LinkState.ONLINE:
            text = f"two nodes are called {name}: the one on {url} is not listened to until it has another name"
            self._events.add("error", "name taken", text, name)
            return False
        if remote.view.name != name:
            if remote.view.name != url:
                self._events.add("warning", "node replaced", f"{url}: {name} speaks where {remote.view.name} did", name)
                remote.view.link_state = LinkState.STALE
            self.views.pop(url, None)
            remote.view = self.views.setdefault(name, NodeView(name, url))
            remote.view.link = url
        self._remotes[name] = remote
        return True

    def _greeted(self, remote: RemoteNode) -> None:
        self._spawn(self._welcome(remote, remote.session.hello))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self, remote: RemoteNode, hello: object) -> None:
        name = remote.view.name
        before = remote.view.link_state
        next_sequence, kept = await self._received(name, remote.epoch)
        if remote.session.hello is not hello:
            return  # it has said HELLO again meanwhile
        remote.welcome(next_sequence, kept)
        if before != LinkState.ONLINE:
            text = f"{name} is online, started by {remote.view.reset_cause}, boot {remote.view.boot_epoch}"
            self._events.add("info", "node online", text, name)

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
