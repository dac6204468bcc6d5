"""The only door to a contactor: what is refused and why, what is noted before anything is sent, how it ends."""

import asyncio

import pytest

from gridnode.wire import schema
from host_bridge import dispatch as dispatch_module
from host_bridge import node as node_module
from host_bridge.config import DispatchConfig
from host_bridge.dispatch import Dispatch
from host_bridge.model import StoreError
from tests.host.fleet_kit import running
from tests.host.wire_peer import FOREIGN, Peer


class Audit:
    """The store's door for commands: `rows` as they were when written."""

    def __init__(self):
        self.rows = []
        self.fault = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.number = 40

    async def save(self, command):
        await self._write("save", command)
        self.number += 1
        return self.number

    async def update(self, command):
        await self._write("update", command)

    async def _write(self, how, command):
        await self.gate.wait()
        if self.fault:
            raise self.fault
        self.rows.append((how, command.target, command.verdict.value))


class Door:
    """A dispatch over a running fleet with one node, `peer`, which answers requests with `reasons` in turn."""

    def __init__(self, kit, peer):
        self.kit, self.peer, self.audit = kit, peer, Audit()
        self.config = DispatchConfig(max_hold_s=600, answer_within_ms=80)
        self.dispatch = Dispatch(kit.fleet, self.config, kit.events, self.audit.save, self.audit.update, None)

    async def ask(self, target="closed", hold_s=60, node="home-01", contactor="heater"):
        return await self.dispatch.request(node, contactor, target, hold_s, asked_by="test", reason="why not")

    def requests(self):
        return [tuple(request[3:6]) for request in self.peer.of(schema.REQUEST)]


class Obedient(Peer):
    """Answers a request at once, with the reason in `reason`; None: not at all."""

    reason = "none"

    def _answer(self, message):
        super()._answer(message)
        if message[0] == schema.REQUEST and self.reason is not None:
            self.say(self.outcome(message, self.reason))


@pytest.fixture
def go(monkeypatch):
    monkeypatch.setattr(node_module, "RESEND_REQUEST_MS", 20)

    def run(course, peer=None):
        peer = peer or Obedient()

        async def both():
            async with running(monkeypatch, peer) as kit:
                await kit.until(lambda: kit.state("home-01") in ("online", "incompatible"))
                kit.fleet._stale_after_ms = 60_000  # the peer says nothing by itself
                await course(Door(kit, peer))

        asyncio.run(both())

    return run


def outcome(command):
    return command.verdict.value, command.refusal and command.refusal.value


def test_an_applied_command_is_noted_before_it_is_sent_and_after(go):
    async def course(door):
        door.audit.gate.clear()
        asking = asyncio.create_task(door.ask())
        await door.kit.ticks()
        assert door.requests() == []
        door.audit.gate.set()
        command = await asking
        assert outcome(command) == ("applied", None)
        assert command.number == 41 and command.finished_ms >= command.time_ms
        assert door.requests() == [(0, 1, 60)]
        assert door.audit.rows == [("save", "closed", "pending"), ("update", "closed", "applied")]
        assert door.dispatch.last["home-01", "heater"] is command
        assert door.kit.texts("command") == ["heater closed for 60 s, asked by test: applied"]

    go(course)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"node": "home-09"}, "unknown node"),
        ({"contactor": "boiler"}, "unknown contactor"),
        ({"target": "ajar"}, "bad target"),
        ({"hold_s": 0}, "hold out of range"),
        ({"hold_s": -5}, "hold out of range"),
        ({"hold_s": 601}, "hold out of range"),  # the configuration's limit
    ],
)
def test_what_is_refused_is_noted_and_never_sent(go, asked, refusal):
    async def course(door):
        command = await door.ask(**asked)
        assert outcome(command) == ("refused", refusal)
        assert command.detail and command.number == 41
        assert door.requests() == []
        assert [row[0::2] for row in door.audit.rows] == [("save", "refused")]
        assert len(door.kit.texts("command")) == 1 and command.detail in door.kit.texts("command")[0]

    go(course)


def test_the_lower_of_both_hold_limits_counts(go):
    async def course(door):
        assert outcome(await door.ask(hold_s=31)) == ("refused", "hold out of range")
        assert outcome(await door.ask(hold_s=30)) == ("applied", None)

    go(course, Obedient(max_hold_s=30))


def test_opening_needs_no_hold(go):
    async def course(door):
        assert outcome(await door.ask("open", hold_s=0)) == ("applied", None)
        assert outcome(await door.ask("open", hold_s=99_999)) == ("applied", None)
        assert door.requests() == [(0, 0, 0), (0, 0, 0)]

    go(course)


def test_names_that_nobody_has_are_not_remembered(go):
    async def course(door):
        for number in range(20):
            await door.ask(node=f"made up {number}")
            await door.ask(contactor=f"made up {number}")
        assert door.dispatch.last == {}

    go(course)


def test_a_second_command_while_one_is_pending_is_refused_another_contactor_is_not(go):
    peer = Obedient()
    peer.reason = None

    async def course(door):
        first = asyncio.create_task(door.ask())
        await door.kit.until(door.requests)
        assert list(door.dispatch.pending) == [("home-01", "heater")]
        assert outcome(await door.ask("open")) == ("refused", "another command is pending")
        peer.reason = "none"
        assert outcome(await door.ask(contactor="pump")) == ("applied", None)
        assert outcome(await first) == ("applied", None)  # it is sent again
        assert door.dispatch.pending == {}
        assert outcome(await door.ask("open")) == ("applied", None)

    go(course, peer)


def test_two_at_the_same_moment_one_is_refused_even_while_the_first_is_being_noted(go):
    async def course(door):
        door.audit.gate.clear()
        asking = [asyncio.create_task(door.ask()) for _ in range(2)]
        await door.kit.ticks()
        door.audit.gate.set()
        assert sorted(outcome(command)[0] for command in await asyncio.gather(*asking)) == ["applied", "refused"]
        assert len(door.requests()) == 1

    go(course)


def test_a_node_that_is_stale_is_refused(go):
    async def course(door):
        door.kit.fleet._stale_after_ms = -1
        await door.kit.until(lambda: door.kit.state("home-01") == "stale")
        command = await door.ask()
        assert outcome(command) == ("refused", "node is not online")
        assert command.detail == "home-01 is stale"

    go(course)


def test_a_foreign_schema_is_never_commanded(go):
    async def course(door):
        command = await door.ask()
        assert outcome(command) == ("refused", "node speaks an unknown schema")
        assert "7.5" in command.detail
        assert door.requests() == []

    go(course, Obedient(schema_digest=FOREIGN, firmware="7.5"))


def test_a_refusal_of_the_node_bears_its_words_and_how_long_it_lasts(go):
    peer = Obedient()
    peer.reason = "min off time"

    async def course(door):
        command = await door.ask()
        assert outcome(command) == ("refused", "refused by the node")
        assert (command.detail, command.wait_ms) == ("min off time", 1500)

    go(course, peer)


def test_silence_ends_unknown_and_says_so(go):
    peer = Obedient()
    peer.reason = None

    async def course(door):
        command = await door.ask()
        assert outcome(command) == ("unknown", None)
        assert "from now on the node refuses it" in command.detail
        assert door.audit.rows[-1] == ("update", "closed", "unknown")
        assert door.dispatch.pending == {}

    go(course, peer)


def test_a_restart_of_the_node_ends_unknown_and_the_request_is_not_made_again(go):
    peer = Obedient()
    peer.reason = None

    async def course(door):
        asking = asyncio.create_task(door.ask())
        await door.kit.until(door.requests)
        sent = len(door.requests())
        peer.restart()
        peer.greet()
        assert outcome(await asking) == ("unknown", None)
        peer.reason = "none"
        await door.kit.ticks(20)
        assert len(door.requests()) == sent

    go(course, peer)


def test_a_closing_that_cannot_be_noted_is_not_sent(go):
    async def course(door):
        door.audit.fault = StoreError("no space left")
        with pytest.raises(StoreError, match="no space"):
            await door.ask()
        assert door.requests() == [] and door.dispatch.pending == {}
        door.audit.fault = None
        assert outcome(await door.ask()) == ("applied", None)

    go(course)


def test_an_opening_goes_out_whatever_the_store_does(go):
    async def course(door):
        door.audit.fault = StoreError("no space left")
        assert outcome(await door.ask("open")) == ("applied", None)
        assert door.requests() == [(0, 0, 0)]
        assert "no space left" in door.kit.texts("audit")[0]

    go(course)


def test_an_opening_does_not_wait_for_a_store_that_hangs(go, monkeypatch):
    monkeypatch.setattr(dispatch_module, "AUDIT_WITHIN_S", 0.02)

    async def course(door):
        door.audit.gate.clear()
        asking = asyncio.create_task(door.ask("open"))
        await door.kit.until(door.requests)
        assert door.audit.rows == []
        door.audit.gate.set()
        assert outcome(await asking) == ("applied", None)
        assert [row[0] for row in door.audit.rows] == ["save", "update"]

    go(course)


def test_a_refusal_is_told_even_when_it_cannot_be_noted(go):
    async def course(door):
        door.audit.fault = StoreError("no space left")
        assert outcome(await door.ask(hold_s=0)) == ("refused", "hold out of range")

    go(course)


def test_an_outcome_is_told_even_when_it_cannot_be_noted(go):
    peer = Obedient()
    peer.reason = None

    async def course(door):
        asking = asyncio.create_task(door.ask())
        await door.kit.until(door.requests)
        door.audit.fault = StoreError("no space left")
        peer.reason = "none"
        assert outcome(await asking) == ("applied", None)
        assert door.kit.kinds("audit", "command") == ["audit", "command"]

    go(course, peer)


def test_a_node_that_goes_while_a_closing_is_noted_gets_nothing(go):
    async def course(door):
        door.audit.gate.clear()
        asking = asyncio.create_task(door.ask())
        await door.kit.ticks(1)
        door.kit.fleet._stale_after_ms = -1
        await door.kit.until(lambda: door.kit.state("home-01") == "stale")
        door.audit.gate.set()
        assert outcome(await asking) == ("refused", "node is not online")
        await door.kit.ticks()
        assert door.requests() == []

    go(course)


def test_a_contactor_that_goes_while_a_closing_is_noted_gets_nothing(go):
    peer = Obedient()

    async def course(door):
        door.audit.gate.clear()
        asking = asyncio.create_task(door.ask())
        await door.kit.ticks(1)
        peer.restart(contactors=["pump"])
        peer.greet()
        await door.kit.until(lambda: door.kit.views["home-01"].contactors == ("pump",))
        door.audit.gate.set()
        assert outcome(await asking) == ("refused", "unknown contactor")
        assert door.requests() == []

    go(course, peer)


def test_a_reset_is_noted_before_it_is_sent_and_asks_for_no_hold(go):
    async def course(door):
        door.audit.gate.clear()
        asking = asyncio.create_task(door.ask("reset", 0))
        await asyncio.sleep(0.05)
        assert door.requests() == []
        door.audit.gate.set()
        assert outcome(await asking) == ("applied", None)
        assert door.requests() == [(0, schema.TARGETS.index("reset"), 0)]
        door.audit.fault = StoreError("disk full")
        with pytest.raises(StoreError):
            await door.ask("reset", 0)
        assert len(door.requests()) == 1

    go(course)
