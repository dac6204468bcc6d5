"""The known nodes: who speaks where, who is stale, which names are taken, what the store is asked and told."""

import asyncio

import pytest

from gridnode.wire import schema
from host_bridge import link as link_module
from tests.host.fleet_kit import running
from tests.host.wire_peer import FOREIGN, Peer


def go(monkeypatch, course, *peers):
    """Run `course(kit)` beside a fleet with `peers`; a peer speaks once a tick unless mute."""
    monkeypatch.setattr(link_module, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(link_module, "RETRY_MAX_S", 0.02)

    async def both():
        async with running(monkeypatch, *peers) as kit:
            talking = asyncio.create_task(talk(peers))
            try:
                await course(kit)
            finally:
                talking.cancel()

    asyncio.run(both())


async def talk(peers):
    while True:
        for peer in peers:
            if not peer.mute:
                peer.say([schema.LIVE, 0, 1, 0, 0, 5, None, None, None, None, None, 0])
        await asyncio.sleep(0.02)


def test_a_link_goes_by_its_url_until_its_node_has_said_its_name(monkeypatch):
    peer = Peer()
    peer.mute = True

    async def course(kit):
        await kit.ticks()
        assert list(kit.views) == ["loop://1"] and kit.state("loop://1") == "connecting"
        assert kit.fleet.remote("loop://1") is None
        peer.mute = False
        peer.greet()
        await kit.online("home-01")
        assert list(kit.views) == ["home-01"]
        view = kit.views["home-01"]
        assert (view.link, view.board, view.boot_epoch, view.max_hold_s) == ("loop://1", "test bench", 4, 900)
        assert (view.channels, view.contactors) == (("grid", "heater"), ("heater", "pump"))
        assert kit.texts("node online") == ["home-01 is online, started by power on, boot 4"]

    go(monkeypatch, course, peer)


def test_a_silent_node_goes_stale_and_comes_back_each_told_once(monkeypatch):
    peer, other = Peer(), Peer("home-02", "loop://2")

    async def course(kit):
        await kit.online("home-01", "home-02")
        peer.mute = True
        await kit.until(lambda: kit.state("home-01") == "stale")
        await kit.ticks()
        assert kit.state("home-02") == "online"
        peer.mute = False
        await kit.online("home-01")
        await kit.ticks()
        told = [event.kind for event in kit.events.recent if event.node == "home-01"]
        assert told == ["node online", "node stale", "node online"]

    go(monkeypatch, course, peer, other)


def test_a_step_of_the_wall_clock_makes_no_node_stale(monkeypatch):
    peer = Peer()

    async def course(kit):
        await kit.online("home-01")
        monkeypatch.setattr("host_bridge.node.wall_ms", lambda: 5)
        await kit.ticks()
        monkeypatch.setattr("host_bridge.node.wall_ms", lambda: 1 << 50)
        await kit.ticks(20)
        assert kit.kinds("node stale") == []
        peer.mute = True
        await kit.until(lambda: kit.state("home-01") == "stale")

    go(monkeypatch, course, peer)


def test_a_link_that_fails_makes_its_node_stale_at_once_and_the_other_stays(monkeypatch):
    peer, other = Peer(), Peer("home-02", "loop://2")

    async def course(kit):
        await kit.online("home-01", "home-02")
        kit.fleet.links[0].remote.heard_ms += 1_000_000  # silence is not the cause
        peer.transport.unplug()
        await kit.until(lambda: kit.state("home-01") == "stale")
        kit.fleet.links[0].remote.heard_ms -= 1_000_000
        await kit.online("home-01")
        assert "home-02" not in [event.node for event in kit.events.recent if event.kind == "node stale"]

    go(monkeypatch, course, peer, other)


def test_two_nodes_of_one_name_the_second_is_not_listened_to_and_told_of_once(monkeypatch):
    first, second = Peer(), Peer(url="loop://2", node_session=5, journal_epoch=55)
    second.mute = True

    async def course(kit):
        await kit.online("home-01")
        second.mute = False
        for _ in range(4):
            second.greet()
            await kit.ticks(1)
        assert len(kit.texts("name taken")) == 1 and "loop://2" in kit.texts("name taken")[0]
        assert kit.views["home-01"].link == "loop://1"
        assert kit.state("loop://2") == "connecting"
        second.say(second.interval(0))
        assert kit.kept == []
        second.restart(node="home-02")
        second.greet()
        await kit.online("home-02")
        assert kit.kinds("name taken", "node replaced") == ["name taken"]

    go(monkeypatch, course, first, second)


def test_a_node_that_takes_another_ones_name_no_longer_counts_as_its_former_self(monkeypatch):
    first, second = Peer(), Peer("home-02", "loop://2")

    async def course(kit):
        await kit.online("home-01", "home-02")
        second.restart(node="home-01")
        second.greet()
        await kit.until(lambda: kit.state("home-02") == "stale")
        await kit.ticks(20)
        assert kit.state("home-02") == "stale" and kit.fleet.remote("home-02") is None
        assert kit.state("home-01") == "online" and kit.views["home-01"].link == "loop://1"

    go(monkeypatch, course, first, second)


def test_a_node_that_moves_to_another_port_is_followed_without_flapping(monkeypatch):
    old, new = Peer(), Peer(url="loop://2")
    new.mute = True

    async def course(kit):
        await kit.online("home-01")
        old.mute = True
        await kit.until(lambda: kit.state("home-01") == "stale")
        new.mute = False
        new.greet()
        await kit.online("home-01")
        before = len(kit.events.recent)
        await kit.ticks(20)
        assert len(kit.events.recent) == before
        assert kit.views["home-01"].link == "loop://2" and kit.state("loop://1") == "connecting"
        new.say(new.interval(0))
        assert [reading.node for reading in kit.kept] == ["home-01"]
        kit.fleet.committed([("home-01", 9, 0)])
        await kit.until(lambda: any(ack[2] == 1 for ack in new.of(schema.ACK)))

    go(monkeypatch, course, old, new)


def test_another_node_on_a_link_is_told_and_the_first_can_turn_up_elsewhere(monkeypatch):
    first, second = Peer(), Peer(url="loop://2")
    second.mute = True

    async def course(kit):
        await kit.online("home-01")
        first.restart(node="home-03")
        first.greet()
        await kit.online("home-03")
        assert kit.state("home-01") == "stale"
        assert kit.texts("node replaced") == ["loop://1: home-03 speaks where home-01 did"]
        second.mute = False
        second.greet()
        await kit.online("home-01", "home-03")
        assert kit.kinds("name taken") == []
        assert (kit.views["home-01"].link, kit.views["home-03"].link) == ("loop://2", "loop://1")

    go(monkeypatch, course, first, second)


def test_nobody_can_take_the_name_of_a_link(monkeypatch):
    first, second = Peer("port2"), Peer("home-02", "port2")

    async def course(kit):
        await kit.until(lambda: kit.texts("name taken"))
        await kit.online("home-02")
        assert set(kit.views) == {"loop://1", "home-02"} and kit.state("loop://1") == "connecting"

    go(monkeypatch, course, first, second)


def test_a_foreign_schema_is_shown_told_once_and_gone_after_an_update(monkeypatch):
    peer = Peer(schema_digest=FOREIGN, firmware="7.5")

    async def course(kit):
        await kit.until(lambda: kit.state("home-01") == "incompatible")
        peer.greet()
        await kit.ticks()
        (text,) = kit.texts("node incompatible")
        assert "7.5" in text
        assert kit.views["home-01"].board == "test bench"
        assert kit.looked_up == []
        peer.restart(schema_digest=schema.digest(), firmware="0.1")
        peer.greet()
        await kit.online("home-01")

    go(monkeypatch, course, peer)


def test_a_restart_is_told_with_its_cause_even_when_nobody_noticed_the_silence(monkeypatch):
    peer = Peer()

    async def course(kit):
        await kit.online("home-01")
        peer.restart(reset_cause="watchdog")
        peer.greet()
        await kit.until(lambda: len(kit.texts("node online")) == 2)
        assert kit.texts("node online")[1] == "home-01 is online, started by watchdog, boot 5"
        assert kit.kinds("node stale") == []

    go(monkeypatch, course, peer)


def test_records_wait_until_the_store_has_said_what_it_has(monkeypatch):
    peer = Peer()

    async def course(kit):
        kit.gate.clear()
        kit.stored["home-01", 9] = (40, {42})
        await kit.until(lambda: kit.looked_up)
        peer.say(peer.interval(41))
        assert kit.kept == [] and kit.state("home-01") == "connecting"
        kit.gate.set()
        await kit.online("home-01")
        await kit.until(lambda: peer.of(schema.WELCOME))  # with the next tick
        (welcome, *_) = peer.of(schema.WELCOME)
        assert welcome[4:7] == [9, 40, 0b10]
        for sequence in (39, 40, 41, 42, 41):
            peer.say(peer.interval(sequence))
        assert [reading.sequence for reading in kit.kept] == [40, 41]

    go(monkeypatch, course, peer)


def test_a_hello_again_during_a_slow_look_up_neither_starves_nor_opens_twice(monkeypatch):
    peer = Peer()

    async def course(kit):
        kit.gate.clear()
        await kit.until(lambda: kit.looked_up)
        for _ in range(3):
            peer.greet()  # the same session, as once a second
        await kit.until(lambda: len(kit.looked_up) == 4)
        kit.gate.set()
        await kit.online("home-01")
        peer.say(peer.interval(0))
        await kit.ticks()
        assert len(kit.texts("node online")) == 1
        peer.say(peer.interval(0))
        assert len(kit.kept) == 1  # a second welcome would have forgotten that it was taken

    go(monkeypatch, course, peer)


def test_a_look_up_slower_than_the_node_says_hello_still_opens_the_session(monkeypatch):
    peer = Peer()

    async def course(kit):
        kit.gate.clear()
        kit.gates = dict.fromkeys(range(2, 100), asyncio.Event())
        await kit.until(lambda: kit.looked_up)
        peer.greet()
        await kit.until(lambda: len(kit.looked_up) == 2)
        kit.gate.set()  # the first is answered, those after it are not yet
        await kit.online("home-01")

    go(monkeypatch, course, peer)


def test_a_restart_during_a_slow_look_up_is_welcomed_with_its_own_journal(monkeypatch):
    peer = Peer()

    async def course(kit):
        kit.gate.clear()
        kit.stored = {("home-01", 9): (40, set()), ("home-01", 10): (3, set())}
        await kit.until(lambda: kit.looked_up)
        peer.restart()
        peer.greet()
        await kit.until(lambda: ("home-01", 10) in kit.looked_up)
        kit.gate.set()
        await kit.online("home-01")
        await kit.until(lambda: peer.of(schema.WELCOME))
        assert {tuple(welcome[4:6]) for welcome in peer.of(schema.WELCOME)} == {(10, 3)}

    go(monkeypatch, course, peer)


def test_what_is_committed_is_acknowledged_and_what_is_forgotten_comes_again(monkeypatch):
    peer = Peer()

    async def course(kit):
        await kit.online("home-01")
        for sequence in (0, 1, 2):
            peer.say(peer.interval(sequence))
        kit.fleet.committed([("home-01", 9, 0)])
        kit.fleet.forgotten([("home-01", 9, 1)])
        for sequence in (0, 1, 2):
            peer.say(peer.interval(sequence))
        assert [reading.sequence for reading in kit.kept] == [0, 1, 2, 1]
        await kit.until(lambda: peer.of(schema.ACK) and peer.of(schema.ACK)[-1][2] == 1)

    go(monkeypatch, course, peer)


def test_commits_for_a_node_that_has_gone_or_begun_anew_are_let_be(monkeypatch):
    peer = Peer()

    async def course(kit):
        await kit.online("home-01")
        peer.say(peer.interval(0))
        gone = [("home-01", 9, 0), ("nobody", 9, 0)]
        kit.gate.clear()
        for again in ({"node_session": 1}, {"node_session": 2, "journal_epoch": 10}):
            peer.hello.update(again)
            peer.greet()
            kit.fleet.committed(gone)  # no session is open now
            kit.fleet.forgotten(gone)
        kit.gate.set()
        await kit.until(lambda: any(welcome[4] == 10 for welcome in peer.of(schema.WELCOME)))
        kit.fleet.committed(gone)  # of the journal before
        kit.fleet.forgotten(gone)
        peer.say(peer.interval(0))
        assert [reading[:3] for reading in kit.kept] == [("home-01", 9, 0), ("home-01", 10, 0)]
        assert {ack[2] for ack in peer.of(schema.ACK) if ack[1] == 10} <= {0}

    go(monkeypatch, course, peer)


def test_a_gap_on_the_node_reaches_the_store(monkeypatch):
    peer = Peer()

    async def course(kit):
        await kit.online("home-01")
        peer.say([schema.FLOOR, 9, 17])
        await kit.until(lambda: kit.floors)
        assert kit.floors == [("home-01", 9, 17)]

    go(monkeypatch, course, peer)


def test_a_mistake_in_the_store_ends_the_fleet_instead_of_a_node_that_waits_for_ever(monkeypatch):
    peer = Peer()

    async def both():
        async with running(monkeypatch, peer) as kit:
            kit.stored = None
            await kit.until(lambda: kit.looked_up)
            await kit.ticks()

    with pytest.raises(ExceptionGroup) as ended:
        asyncio.run(both())
    assert ended.group_contains(AttributeError)
