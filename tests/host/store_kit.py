"""What the store's tests share: a store on a database of its own, and readings for it."""

import asyncio
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from host_bridge.config import StoreConfig
from host_bridge.events import EventLog
from host_bridge.model import Reading
from host_bridge.store import Store
from tests.host.background import beside

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400_000
START = 1_780_264_800_000  # 2026-06-01 00:00 in Berlin


def reading(sequence, node="home-01", epoch=1, channel=0, **changes):
    """One of a channel that imports 60 mWh a minute (3.6 W), one reading a minute; sequence 0 is the baseline."""
    plain = Reading(
        node, epoch, sequence, channel,
        time_ms=START + sequence * 60_000, node_end_ms=sequence * 60_000, duration_ms=60_000 if sequence else 0,
        energy_import_mwh=1000 + sequence * 60, energy_export_mwh=0,
        active_power_mw=3600 if sequence else None, reactive_power_mvar=0, apparent_power_mva=3600,
        voltage_rms_mv=230_000, current_rms_ma=16, frequency_mhz=50_000, quality=0,
    )  # fmt: skip
    return plain._replace(**changes)


class Kit:
    """A store that runs, with what it reported."""

    def __init__(self, path, config):
        self.committed, self.forgotten = [], []
        self.log = EventLog(keep=self._keep)
        self.store = Store(path, config, self.log, BERLIN, self.committed.extend, self.forgotten.extend)

    def _keep(self, event):
        self.store.add_event(event)

    def kinds(self):
        """The kinds of events so far, in order."""
        return [event.kind for event in self.log.recent]

    def texts(self, kind):
        return [event.text for event in self.log.recent if event.kind == kind]

    async def until(self, condition):
        """Wait for what must come about by itself."""

        async def holds():
            return condition()

        await self.until_true(holds)

    async def stored(self, count):
        await self.until(lambda: self.store.health().committed >= count)

    async def rolled_up(self, energy_mwh, node="home-01", channel=0):
        async def reached():
            return (await self.store.energy_since(0)).get((node, channel), (0, 0))[0] >= energy_mwh

        await self.until_true(reached)

    async def until_true(self, condition):
        """As `until`, for a condition that must be awaited."""
        async with asyncio.timeout(20):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(path, **config):
    """A Kit whose store is open and commits every 10 ms, closed at the end."""
    kit = Kit(path, StoreConfig(**{"commit_interval_ms": 10, "raw_days": 36_500, "minute_days": 36_500, **config}))
    await kit.store.open()
    try:
        async with beside(kit.store.run()):
            yield kit
    finally:
        await kit.store.close()
