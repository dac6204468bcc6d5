"""Two nodes on real ports in one fleet: what one port suffers is one event and disturbs the other node not at all."""

import asyncio
import os
import threading
from contextlib import suppress

import pytest

from host_bridge import link as link_module
from host_bridge.link import framed
from host_bridge.transport.serial import SerialTransport
from tests.host.background import beside
from tests.host.fleet_kit import running
from tests.host.port_kit import Line
from tests.host.wire_peer import Peer

# A thread of ours that ends with an exception nobody caught fails its test, and so does one that stays.
pytestmark = [
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.usefixtures("no_thread_stays"),
]


class Device(Peer):
    """A node on a Line: hears and speaks over its pseudo-terminal whenever `turn` is called."""

    def __init__(self, line, **hello):
        super().__init__(**hello)
        self.transport = SerialTransport(line.path)
        self.line = line

    def send(self, packet):
        with suppress(OSError):
            os.write(self.line.ours, framed(packet))

    def turn(self):
        with suppress(OSError):
            self.hear(self.line.read())
        self.say(self.live(0, 5))


def fleet_of_two(monkeypatch, stack, course):
    """Run course(kit, bad) beside two nodes on ports; home-02 must stay online whatever `bad`, home-01's, suffers."""
    monkeypatch.setattr(link_module, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.05)
    lines = [Line(stack), Line(stack)]
    devices = [Device(line, name=f"home-0{number}") for number, line in enumerate(lines, 1)]

    async def talk():
        while True:
            for device in devices:
                device.turn()
            await asyncio.sleep(0.01)

    async def both():
        async with running(monkeypatch, *devices) as kit:
            kit.fleet._stale_after_ms = 2000
            async with beside(talk()):
                await kit.online("home-01", "home-02")
                await course(kit, lines[0])
            assert kit.state("home-02") == "online"
            assert [event.kind for event in kit.events.recent if event.node == "home-02"] == ["node online"]

    asyncio.run(both())


def failures(kit):
    return kit.texts("link failed")


def test_an_unplugged_port_is_one_event_and_disturbs_no_other(monkeypatch, stack):
    async def course(kit, line):
        line.unplug()
        await kit.until(lambda: kit.state("home-01") == "stale")
        await kit.ticks(30)
        assert len(failures(kit)) == 1 and "plugged in" in failures(kit)[0]

    fleet_of_two(monkeypatch, stack, course)


def test_garbage_is_one_event_and_disturbs_no_other(monkeypatch, stack):
    monkeypatch.setattr(link_module, "GARBAGE_MS", 100)

    async def course(kit, line):
        for _ in range(60):
            os.write(line.ours, os.urandom(200))
            await asyncio.sleep(0.01)
        assert kit.kinds("garbage", "garbage over", "link failed") == ["garbage"]
        await kit.until(lambda: kit.kinds("garbage over"))
        assert kit.state("home-01") == "online"

    fleet_of_two(monkeypatch, stack, course)


class Thief(threading.Thread):
    """Another program on the port. It waits in the system's read, so it is as fast as the bridge on any machine."""

    def __init__(self, path):
        super().__init__()
        self._port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._had_enough = threading.Event()

    def run(self):
        while not self._had_enough.is_set():
            os.read(self._port, 7)
        os.close(self._port)

    async def ends(self):
        self._had_enough.set()
        await asyncio.to_thread(self.join)  # with what the node says next


def test_a_second_reader_on_the_port_is_told_and_disturbs_no_other(monkeypatch, stack):
    monkeypatch.setattr(link_module, "GARBAGE_MS", 100)

    async def course(kit, line):
        thief = Thief(line.path)
        thief.start()
        try:
            await kit.until(lambda: "another program" in "".join(failures(kit) + kit.texts("garbage")))
            await asyncio.sleep(0.4)
        finally:
            await thief.ends()
        assert len(failures(kit)) <= 1 and len(kit.texts("garbage")) <= 1

    fleet_of_two(monkeypatch, stack, course)
