"""The bridge's end in a simulated channel: host_bridge's own hub, nodes' sessions and gateway link; records in memory.

A record is acknowledged as kept as soon as it is here. What a store does is tried elsewhere.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from gridnode.link.lora import LoraLink
from gridnode.link.regions import Plan
from gridnode.wire import schema
from gridnode.wire.host_radio import HostRadio
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.model import LinkState, NodeView, Record
from host_bridge.node import Outcome, RemoteNode
from host_bridge.radio import Gateway, RadioHub
from tools.air.world import Stepped, World

UNIX_MS = 1_790_000_000_000  # true time of day when a world begins
CADENCE_MS = 2000


class SimBridge:
    """A gateway in `world`, keys and hub in `folder`. `records`: by node, then by (journal epoch, sequence).

    `told`: events in words. `arrived_ms`: when each record came, as `records`.
    """

    def __init__(
        self,
        world: World,
        folder: Path,
        plan: Plan,
        position: tuple[float, float] = (0, 0),
        height_m: float = 10,
        ppm: float = 0.0,
    ) -> None:
        self.world = world
        self.plan = plan
        self.antenna = world.channel.antenna("gateway", *position, height_m)
        self.radio = world.radio(self.antenna, plan.turn_ms or 1)
        self.ring = KeyRing(folder)
        self.records: dict[str, dict[tuple[int, int], Record]] = defaultdict(dict)
        self.arrived_ms: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        self.told: list[str] = []
        self.link: Any = None
        self.hub: Any = None
        self._chance = random.Random(f"bridge {world.seed}")  # noqa: S311 (repeatable)
        self._loop = asyncio.new_event_loop()
        self._work: set[asyncio.Task[None]] = set()
        self._remotes: dict[str, RemoteNode] = {}
        self._came: list[tuple[RemoteNode, int]] = []
        self._greeted_now: list[RemoteNode] = []
        self._channels = Channels("air", self.ring, self._tell)
        self.stepped = world.add(self.radio, self._make, ppm, cadence_ms=CADENCE_MS)

    def _make(self, stepped: Stepped) -> "SimBridge":
        address = 0  # a gateway is short id 0
        self.link = LoraLink(self.radio, self.plan, address, self._chance.getrandbits, gateway=True)
        gateway = Gateway("air", self.link, self.plan, "EU868", is_simulated=True)
        self.hub = RadioHub([gateway], self.ring, self._channels, self._connect)
        return self

    def introduce(self, name: str, keys: list[tuple[int, bytes]]) -> None:
        """As provisioning does."""
        self.ring.save(NodeKeys(name, keys))

    def _connect(self, name: str) -> RemoteNode:
        session = self._chance.randrange(1, 1 << 30)
        calls = self._keep, self._introduced, self._greeted_now.append, self._gap
        clocks = lambda: self.stepped.now_ms, lambda: UNIX_MS + self.world.events.now_us // 1000
        view = NodeView(name, "air")
        remote = RemoteNode(view, session, *calls, self._channels, self._tell, HostRadio, clocks=clocks)
        self._remotes[name] = remote
        return remote

    def remote(self, name: str) -> RemoteNode | None:
        """The node, once its address was heard."""
        return self._remotes.get(name)

    def _tell(self, kind: str, text: str, node: str) -> None:
        self.told.append(f"{kind}: {text}")

    def _introduced(self, remote: RemoteNode, name: str) -> bool:
        return remote.view.name == name

    def _gap(self, node: str, epoch: int, oldest: int) -> None:
        self.told.append(f"gap: {node} has nothing below {oldest}")

    def _keep(self, record: Record) -> None:
        key = (record.journal_epoch, record.sequence)
        self.arrived_ms[record.node].setdefault(key, self.stepped.now_ms)
        self.records[record.node].setdefault(key, record)
        self._came.append((self._remotes[record.node], record.sequence))

    def _welcome(self, remote: RemoteNode) -> None:
        epoch = remote.epoch
        kept = {sequence for of, sequence in self.records[remote.view.name] if of == epoch}
        next_sequence = 0
        while next_sequence in kept:
            next_sequence += 1
        if remote.view.link_state != LinkState.INCOMPATIBLE and remote.session.receiver is None:
            remote.welcome(next_sequence, {sequence for sequence in kept if sequence > next_sequence})

    def command(
        self, name: str, target: str, hold_s: int, within_ms: int, done: Callable[[Outcome | None, int], object]
    ) -> None:
        """Ask the node to switch its first contactor; `done(outcome, ms that it took)`, None: not known."""
        remote, began_ms = self.remote(name), self.stepped.now_ms
        if remote is None:
            done(None, 0)
            return

        async def ask() -> None:
            outcome = await remote.command(0, schema.TARGETS.index(target), hold_s, within_ms)
            done(outcome, self.stepped.now_ms - began_ms)

        self._spawn(ask())
        self.stepped.step_soon()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        self._spin()

    def _spin(self) -> None:
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        for task in [task for task in self._work if task.done()]:
            task.result()

    @property
    def wake_ms(self) -> int | None:
        """See world.Stepper."""
        return int(self.link.wake_ms)

    def glance(self, now_ms: int) -> bool:
        """See world.Stepper."""
        self.link.flush(now_ms)
        return bool(self.link._in)

    def step(self, now_ms: int) -> None:
        """See world.Stepper."""
        self.hub.step(now_ms)
        while self._greeted_now:
            self._welcome(self._greeted_now.pop())
        for remote, sequence in self._came:
            if remote.session.receiver is not None:
                remote.kept(sequence)
        self._came.clear()
        if self._work:
            self._spin()

    def close(self) -> None:
        """Nothing is asked any more."""
        for task in list(self._work):
            task.cancel()
        if self._work:
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        self._loop.close()
