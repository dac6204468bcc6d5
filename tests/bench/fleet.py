"""A thousand nodes at one reading a second, over loopback transports, into the real store, for a minute of real time.

The nodes are gridnode's own session and ring under CPython; their processor time is measured apart.
"""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gridnode.node.ring import Ring
from gridnode.wire import schema
from gridnode.wire.channel import NodeChannel, address_of
from gridnode.wire.frame import FrameDecoder
from gridnode.wire.node_session import NodeSession
from host_bridge.app import Bridge
from host_bridge.config import BridgeConfig, Config
from host_bridge.keys import new_key, write_private
from host_bridge.link import framed
from host_bridge.node import monotonic_ms
from host_bridge.transport.loopback import Loopback
from tests.bench.figures import Figure

NODES, SECONDS, SETTLE_S = 1000, 60, 5
EPOCH = 7


class LoopNode:
    """A node without a meter: one reading a second, stamped when its bytes leave."""

    spent_s = 0.0  # processor time of all nodes

    def __init__(self, name: str, number: int) -> None:
        self.name, self.key = name, new_key()
        self.ring = Ring(128, 96, EPOCH)
        self.channel = NodeChannel(name, [(1, self.key)], 1, random.getrandbits)
        self.session = NodeSession(self.channel, self.ring, self._hello, lambda *_: ("none", 0, 0, 0))
        self.transport = Loopback(f"loop-{number}", self._received)
        self.left: dict[int, float] = {}  # sequence -> when its bytes first left
        self._decoder = FrameDecoder()

    def _hello(self, node_session: int, now_ms: int) -> list[object]:
        head = [schema.WIRE_VERSION, schema.digest(), self.name, "loopback", "bench", 1, "power on", now_ms, 0]
        return [*head, node_session, 320, EPOCH, self.ring.oldest, self.ring.next, 1, 900, ["grid"], [], 0]

    def _received(self, data: bytes) -> None:
        begin = time.thread_time()
        now_ms = monotonic_ms()
        for packet in self._decoder.feed(data):
            self.session.receive(packet, now_ms)
        LoopNode.spent_s += time.thread_time() - begin

    def measure(self) -> None:
        """One more reading."""
        n = self.ring.next
        quantities = [1_200_000 + n, 210_000, 1_218_000, 229_800, 5_300, 50_012, 0]
        self.ring.append([schema.INTERVAL, 0, 0, n * 1000, 1000, n * 333, 0, *quantities])

    def send(self) -> None:
        """Let go what is due."""
        while True:
            begin = time.thread_time()
            before = self.session._sender._unsent
            length = self.session.next_packet(monotonic_ms())
            frame = framed(bytes(self.channel.packet[:length])) if length else b""
            LoopNode.spent_s += time.thread_time() - begin
            if not length:
                return
            for sequence in range(before, self.session._sender._unsent):
                self.left[sequence] = time.monotonic()
            self.transport.peer_send(frame)


async def _drive(nodes: list[LoopNode], until: float, measuring: Callable[[], bool]) -> None:
    """Each node has its own moment within the second."""
    turn, due = 0, time.monotonic()
    while due < until:
        for node in nodes[turn % 20 :: 20]:
            if measuring():
                node.measure()
            node.send()
        turn += 1
        due += 0.05
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _fleet(folder: Path) -> list[LoopNode]:
    """Nodes of which no two have one address, and their keys in `folder`."""
    names: dict[int, str] = {}
    number = 0
    while len(names) < NODES:
        names.setdefault(address_of(f"node-{number:04}"), f"node-{number:04}")
        number += 1
    nodes = [LoopNode(name, number) for number, name in enumerate(names.values())]
    folder.mkdir(mode=0o700)
    for node in nodes:
        kept = {"name": node.name, "keys": [[1, node.key.hex()]], "lone": {"nonce": "", "counter": -1}}
        write_private(folder / f"{node.name}.json", json.dumps(kept).encode())
    return nodes


async def _measure(folder: Path) -> list[Figure]:
    nodes = _fleet(folder / "keys")
    bridge = Bridge(Config(BridgeConfig(state_dir=folder)), [node.transport for node in nodes])
    delays: list[float] = []
    by_name = {node.name: node for node in nodes}
    told = bridge.fleet.committed

    def committed(keys: list[tuple[str, int, int]]) -> None:
        now = time.monotonic()
        delays.extend(now - by_name[name].left[sequence] for name, _, sequence in keys)
        told(keys)

    bridge.fleet.committed = committed  # type: ignore[method-assign, assignment]
    await bridge.store.open()
    tasks = [asyncio.ensure_future(bridge.store.run()), asyncio.ensure_future(bridge.fleet.run())]
    await _drive(nodes, time.monotonic() + SETTLE_S, lambda: False)  # everybody says HELLO
    start, used, spent = time.monotonic(), time.process_time(), LoopNode.spent_s
    await _drive(nodes, start + SECONDS, lambda: True)
    share = (time.process_time() - used - (LoopNode.spent_s - spent)) / (time.monotonic() - start)
    await _drive(nodes, time.monotonic() + SETTLE_S, lambda: False)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await bridge.store.close()
    lost = sum(node.ring.next for node in nodes) - bridge.store.health().committed
    delays.sort()
    interval_s = bridge.config.store.commit_interval_ms / 1000
    return [
        Figure("readings of 1,000 nodes at 1 Hz", len(delays), "readings"),
        Figure("of them lost", lost, "readings", 0, at_least=False),
        Figure("p50 from bytes to committed", delays[len(delays) // 2] / interval_s, "commit intervals"),
        Figure(
            "p99 from bytes to committed", delays[len(delays) * 99 // 100] / interval_s, "commit intervals", 2, False
        ),
        Figure("processor share of the bridge", share, "of one core"),
    ]


def run(say: Callable[[str], None]) -> list[Figure]:
    """The fleet for a minute."""
    say(f"{NODES} nodes for {SECONDS} s")
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))
