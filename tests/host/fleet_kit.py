"""A real Fleet over loopback links, with what it told and kept, for tests of fleet, link and dispatch."""

import asyncio
from contextlib import asynccontextmanager

from host_bridge import fleet as fleet_module
from host_bridge.events import EventLog
from host_bridge.fleet import Fleet
from tests.host.background import beside
from tests.host.wire_peer import Keys

STALE_S = 0.15


class FleetKit:
    """`stored` answers the fleet's look-ups by (node, epoch).

    `gate`, while it is clear, holds them up; then each also waits for its own event in `gates`.
    """

    def __init__(self, *peers):
        self.events = EventLog()
        self.kept, self.floors, self.looked_up = [], [], []
        self.stored = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.gates = {}
        self.keys = Keys(*peers)
        self.fleet = Fleet(self.events, self.kept.append, self._received, self._floor, STALE_S, self.keys)
        for peer in peers:
            self.fleet.add(peer.transport)

    async def _received(self, node, epoch):
        self.looked_up.append((node, epoch))
        number = len(self.looked_up)
        await self.gate.wait()
        if number in self.gates:
            await self.gates[number].wait()
        return self.stored.get((node, epoch), (0, set()))

    async def _floor(self, *floor):
        self.floors.append(floor)

    @property
    def views(self):
        return self.fleet.views

    def state(self, name):
        return self.views[name].link_state.value if name in self.views else "unknown"

    def kinds(self, *wanted):
        """The kinds of events so far, in order, of those `wanted` if given."""
        return [event.kind for event in self.events.recent if not wanted or event.kind in wanted]

    def texts(self, kind):
        return [event.text for event in self.events.recent if event.kind == kind]

    async def until(self, condition):
        """Wait for what must come about by itself."""
        async with asyncio.timeout(30):  # for a machine with much else to do
            while not condition():  # noqa: ASYNC110 (whatever it asks about)
                await asyncio.sleep(0.002)

    async def online(self, *names):
        await self.until(lambda: all(self.state(name) == "online" for name in names))

    async def ticks(self, count=5):
        """Let the fleet look at everything some times more."""
        for _ in range(count):
            await asyncio.sleep(2 * fleet_module.TICK_S)


@asynccontextmanager
async def running(monkeypatch, *peers):
    """A FleetKit whose fleet runs, looking at its links every few milliseconds."""
    monkeypatch.setattr(fleet_module, "TICK_S", 0.004)
    monkeypatch.setattr(fleet_module, "COUNT_EVERY", 1)
    kit = FleetKit(*peers)
    async with beside(kit.fleet.run()):
        yield kit
