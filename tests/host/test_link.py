"""One link's reconnect loop: each failure told once, patience that grows, garbage, and the end of both."""

import asyncio
from contextlib import suppress

import pytest

from host_bridge import link as link_module
from host_bridge.channels import Channels
from host_bridge.events import EventLog
from host_bridge.link import Link, framed
from host_bridge.model import LinkState, NodeView
from host_bridge.node import RemoteNode
from host_bridge.transport import LinkError
from tests.host.wire_peer import Keys, Peer


class Port:
    """A transport whose lives are scripted: each is (opens, why it fails); the last one is repeated."""

    url = "port"

    def __init__(self, *lives):
        self.lives = list(lives)
        self.runs = 0
        self.sent = b""
        self.received = lambda data: None
        self.let_fail = asyncio.Event()

    async def run(self, opened, received):
        opens, why = self.lives[min(self.runs, len(self.lives) - 1)]
        self.runs += 1
        if opens:
            self.received = received
            opened()
            await self.let_fail.wait()
            self.let_fail.clear()
        raise LinkError(why)

    def send(self, data):
        self.sent += data


class Clock:
    """Stands in for both clocks of link.py; `slept` are the waits between attempts."""

    def __init__(self, monkeypatch):
        self.now_ms = 1_000_000
        self.slept = []
        monkeypatch.setattr(link_module, "monotonic_ms", lambda: self.now_ms)
        monkeypatch.setattr(link_module.asyncio, "sleep", self._sleep)
        self._real_sleep = asyncio.tasks.sleep

    async def _sleep(self, seconds):
        self.slept.append(seconds)
        await self._real_sleep(0)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def linked(port):
    events = EventLog()
    view = NodeView("port", "port")
    channels = Channels("port", Keys(Peer()), lambda *_: None)
    remote = RemoteNode(
        view, 7, lambda record: None, lambda *_: True, lambda remote: None, lambda *_: None, channels, lambda *_: None
    )
    return Link(port, remote, events), events


def told(events):
    return [(event.kind, event.text) for event in events.recent]


def go(course):
    """Run course(start): `start(*lives)` makes a Link that runs, and gives (link, port, events, turn)."""

    async def both():
        running = []

        async def turn(times=20):
            for _ in range(times):
                await asyncio.tasks.sleep(0)

        def start(*lives):
            port = Port(*lives)
            link, events = linked(port)
            running.append(asyncio.create_task(link.run()))
            return link, port, events, turn

        try:
            await course(start)
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    asyncio.run(both())


def test_a_failure_that_lasts_is_told_once_and_tried_ever_more_patiently(clock):
    async def course(start):
        _, port, events, turn = start((False, "no such port"))
        await turn(60)
        assert port.runs > 8
        assert told(events) == [("link failed", "port: no such port")]
        assert clock.slept[:6] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]

    go(course)


def test_each_distinct_failure_is_told_once(clock):
    async def course(start):
        lives = [(False, "no such port"), (False, "no permission")] * 4
        _, _, events, turn = start(*lives)
        await turn()
        assert told(events) == [("link failed", "port: no such port"), ("link failed", "port: no permission")]

    go(course)


def test_open_again_is_told_when_it_lasts(clock):
    async def course(start):
        link, port, events, turn = start((False, "no such port"), (True, "gone"))
        await turn()
        assert link.is_open
        link.watch(clock.now_ms + link_module.STEADY_MS - 1)
        assert told(events)[1:] == []
        clock.now_ms += link_module.STEADY_MS
        for _ in range(3):
            link.watch(clock.now_ms)
        assert told(events)[1:] == [("link opened", "port is open again")]
        port.let_fail.set()
        await turn(3)
        assert told(events)[2:] == [("link failed", "port: gone")]
        assert clock.slept[-1] == link_module.RETRY_FIRST_S

    go(course)


def test_the_first_opening_is_no_news(clock):
    async def course(start):
        link, _, events, turn = start((True, "gone"))
        await turn()
        clock.now_ms += link_module.STEADY_MS
        link.watch(clock.now_ms)
        assert told(events) == []

    go(course)


def test_an_open_port_that_nobody_answers_on_is_told_once(clock):
    async def course(start):
        link, _, events, turn = start((True, "gone"))
        await turn()
        link.watch(clock.now_ms + link_module.SILENT_MS - 1)
        assert told(events) == []
        for _ in range(3):
            link.watch(clock.now_ms + link_module.SILENT_MS)
        assert [kind for kind, _ in told(events)] == ["link silent"]

    go(course)


def test_an_open_port_whose_node_was_heard_is_not_silent(clock):
    async def course(start):
        link, _, events, turn = start((True, "gone"))
        await turn()
        link.remote.view.link_state = LinkState.ONLINE
        link.watch(clock.now_ms + link_module.SILENT_MS)
        assert told(events) == []

    go(course)


def test_a_port_that_comes_and_goes_is_told_of_once_and_tried_less_and_less(clock):
    async def course(start):
        link, port, events, turn = start((True, "gone"))
        for _ in range(6):
            await turn(3)
            link.watch(clock.now_ms)
            port.let_fail.set()
            await turn(3)
        assert port.runs >= 6
        assert told(events) == [("link failed", "port: gone")]
        assert clock.slept[:4] == [1.0, 2.0, 4.0, 8.0]

    go(course)


def test_an_open_link_calls_its_node_and_answers_what_comes(clock):
    async def course(start):
        link, port, _, turn = start((True, "gone"))
        await turn()
        peer = Peer()
        peer.mute = True
        peer.hear(port.sent)
        assert peer.calls == 1
        agree(peer, port)
        port.received(peer.frame(peer.greeting()))
        before = len(port.sent)
        link.remote.welcome(0, ())
        link.flush(clock.now_ms)
        assert len(port.sent) > before and link.remote.heard_ms == clock.now_ms

    go(course)


def test_a_closed_link_sends_nothing_and_forgets_the_session(clock):
    async def course(start):
        link, port, _, turn = start((True, "gone"), (False, "no such port"))
        await turn()
        peer = Peer()
        peer.mute = True
        agree(peer, port)
        port.received(peer.frame(peer.greeting()) + peer.frame(peer.greeting())[:20])
        link.remote.welcome(0, ())
        port.let_fail.set()
        await turn()
        before = port.sent
        clock.now_ms += 60_000
        link.flush(clock.now_ms)
        assert port.sent == before
        assert link.remote.session.receiver is None and not link.is_open

    go(course)


def agree(peer, port):
    """Keys, of the peer and the bridge behind the port."""
    before = len(port.sent)
    port.received(framed(peer.offer()))
    peer.hear(port.sent[before:])
    assert peer.channel.sealed


def garbage_course(clock, garbage, good_too):
    """What is told of a line on which `garbage` comes for 25 s, and which is clean for 25 s then."""
    told_of = []

    async def course(start):
        link, port, events, turn = start((True, "gone"))
        await turn()
        peer = Peer()
        for second in range(50):
            clock.now_ms += 1000
            if second < 25:
                port.received(garbage)
            if second >= 25 or good_too:
                port.received(b"\x00" + framed(peer.offer()))
            link.watch(clock.now_ms)
        told_of.extend(events.recent)

    go(course)
    return told_of


@pytest.mark.parametrize("good_too", [False, True])
def test_garbage_is_told_once_and_so_is_its_end(clock, good_too):
    begin, end = garbage_course(clock, b"\x05ab\x00" * 10, good_too)
    assert (begin.level, begin.kind, end.kind) == ("warning", "garbage", "garbage over")
    assert "port: " in begin.text and "baud" in begin.text


def test_a_device_that_says_something_else_without_ever_a_zero_is_garbage_too(clock):
    sentence = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
    begin, end = garbage_course(clock, sentence, False)
    assert (begin.kind, end.kind) == ("garbage", "garbage over")


def test_a_rare_bad_frame_is_not_worth_an_event(clock):
    async def course(start):
        link, port, events, turn = start((True, "gone"))
        await turn()
        peer = Peer()
        for second in range(60):
            clock.now_ms += 1000
            port.received(framed(peer.offer()) * 5)
            if second % 4 == 0:
                port.received(b"\x05ab\x00")
            link.watch(clock.now_ms)
        assert told(events) == []

    go(course)
