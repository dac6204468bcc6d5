"""A WorldHost with a node and a clock of its own, for tests: what it is given, and how its time goes on."""

import asyncio
import functools
from types import SimpleNamespace

import pytest

from host_bridge.agent.worlds import WorldHost
from host_bridge.events import EventLog
from host_bridge.microworld import bundle, spec, wasm
from host_bridge.microworld.signing import Signer
from host_bridge.microworld.verify import verify
from tests.host.agent.world_kit import NOW_MS, SPEC, Door, home, live

STRANGER = Signer(b"\x05" * 32)


@functools.cache
def parts(text=SPEC, limit=1000):
    """Of a world that the verifier has accepted."""
    found = spec.read(text)
    typed = found.program(parameters={"limit": limit})
    module = wasm.compile(typed)
    case = verify(module, typed)
    assert case.accepted
    return text, {}, {"limit": limit}, module, b"", case.json()


def in_a_loop(test):
    """`test`, a coroutine function, in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments, **named):
        asyncio.run(test(*arguments, **named))

    return run


class Hosted:
    """A WorldHost with a node and a clock of its own."""

    def __init__(self, folder, trusted=(), reserved=()):
        self.now_ms = 5_000
        self.view = home()
        self.door = Door(self.view)
        self.fleet = SimpleNamespace(views={"home": self.view})
        self.events = EventLog()
        self.folder, self.trusted, self.reserved = folder, trusted, reserved
        self.signer = Signer.of(folder)
        self.host = self.another()

    def another(self):
        given = self.folder, self.fleet, self.door, self.events, self.trusted
        return WorldHost(*given, clock_ms=self.clock, wall_ms=self.wall, reserved=self.reserved)

    def clock(self):
        return self.now_ms

    def wall(self):
        return NOW_MS + self.now_ms

    def file(self, signer=None, limit=1000, text=SPEC, **changes):
        names = ("said", "profile", "parameters", "wasm", "bytecode", "case")
        now = dict(zip(names, parts(text, limit), strict=True)) | changes
        return bundle.build(*now.values(), signer or self.signer)

    async def seconds(self, count, load_w=500, each_ms=1000):
        for _ in range(count):
            self.now_ms += each_ms
            self.view.live[0] = live(load_w, NOW_MS + self.now_ms)
            self.host.advance()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def kinds(self, *but):
        return [event.kind for event in self.events.recent if event.kind not in but]

    def text(self, kind):
        return [event.text for event in self.events.recent if event.kind == kind]


class running:
    """The host's `run` beside the test, until the end of the block."""

    def __init__(self, hosted):
        self.host = hosted.host

    async def __aenter__(self):
        self.task = asyncio.create_task(self.host.run())
        while not (self.host._group or self.task.done()):  # noqa: ASYNC110 (the host tells nobody)
            await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_):
        await settle(self.host)
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def settle(host):
    """Until what changed is on disk."""
    if host._unsaved:
        await host._save()
