"""The bridge's own RemoteNode at the end of the hostile line: 100,000 readings, commands all the way."""

import asyncio

import hostile
import pytest
import test_hostile

from gridnode.wire.frame import FrameDecoder
from host_bridge import node as bridge
from host_bridge.channels import Channels
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.model import NodeView, Reading

WALL_MS = 1_767_225_600_000


def _nobody(kind, text, node):
    """Hears what people are told."""


class BridgePeer:
    """What hostile.HostPeer is, around RemoteNode as the fleet uses it."""

    def __init__(self, total, folder):
        self.keys = KeyRing(folder)
        self.keys.save(NodeKeys(hostile.NAME, [(1, hostile.KEY)]))
        self.disk = hostile.Disk(total)
        self.verdicts = {}
        self.gaps = 0
        self._lives = 0
        self._asked = set()
        self.restart()

    def restart(self):
        self._lives += 1
        self._taken = []
        for task in self._asked:
            task.cancel()
        self._asked = set()
        view = NodeView("link", "link")
        self._decoder = FrameDecoder()
        channels = Channels("link", self.keys, _nobody)
        self._remote = bridge.RemoteNode(
            view, self._lives, self._taken.append, self._introduced, self._greeted, self._gap, channels, _nobody
        )

    def _introduced(self, remote, name):
        remote.view.name = name
        return True

    def _greeted(self, remote):
        remote.welcome(*self.disk.progress())

    def _gap(self, node, epoch, oldest):
        self.gaps += oldest > self.disk.progress()[0]

    def closed(self):
        self._remote.closed()
        self._decoder.reset()

    @property
    def open(self):
        return self._remote.session.receiver is not None

    def tick(self, portions, now_ms, send):
        for portion in portions:
            for packet in self._decoder.feed(portion):
                self._remote.receive(packet, now_ms)
        if now_ms % hostile.COMMIT_EVERY_MS == 0 and self.open:
            self._commit()
        for packet in self._remote.packets(now_ms):
            send(hostile.framed([packet]))

    def _commit(self):
        for record in self._taken:
            assert isinstance(record, Reading) and record.journal_epoch == hostile.EPOCH
            self.disk.keep(record.sequence, [*record[5:-1]])  # without the clock's error
            self._remote.kept(record.sequence)
        self._taken.clear()

    def request(self, request, now_ms):
        self.verdicts[request] = None
        task = asyncio.get_running_loop().create_task(self._command(request))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _command(self, request):
        if hostile.is_store(request):
            outcome = await self._remote.store(0, hostile.body(request), hostile.WITHIN_MS)
        else:
            outcome = await self._remote.command(0, request & 1, request, hostile.WITHIN_MS)
        if outcome is not None:
            self.verdicts[request] = "applied" if outcome.applied else "refused"

    @property
    def waiting(self):
        return bool(self._asked)


async def _run(monkeypatch, folder, seed, total, weather=hostile.MILD):
    world = hostile.World(seed, total, BridgePeer(total, folder / "keys"), weather)
    monkeypatch.setattr(bridge, "monotonic_ms", lambda: world.now_ms)
    monkeypatch.setattr(bridge, "wall_ms", lambda: WALL_MS + world.now_ms)
    while not world.done:
        world.step()
        if world.host.waiting:
            await asyncio.sleep(0)
        assert world.now_ms < max(total, 2000) * 1000, f"not all acknowledged: {world.node.ring.oldest} of {total}"
    return world


@pytest.mark.parametrize("total", [5000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_every_reading_once_every_command_at_most_once(monkeypatch, tmp_path, total):
    world = asyncio.run(_run(monkeypatch, tmp_path, 7, total))
    counts = world.check()
    assert world.host_restarts and world.node_restarts and world.outages
    assert counts["applied"] and counts["refused"] and sum(counts.values()) == world.requests > total / 100
    print(hostile.figures(world))


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 20))])
def test_short_journals_with_a_restart_every_second(monkeypatch, tmp_path, seed):
    asyncio.run(_run(monkeypatch, tmp_path, seed, 200, hostile.WILD)).check()


@pytest.mark.slow
def test_sixty_short_journals_with_a_restart_every_second():
    test_hostile.short_journals(range(60))
