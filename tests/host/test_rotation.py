"""A key rotated over the link: both ends have it or the node goes on with the old one, and no word shows it."""

import asyncio
import base64
import logging

import cbor2
import httpx
import pytest

from gridnode.wire import schema
from host_bridge import node as node_module
from host_bridge.config import Config, DispatchConfig
from host_bridge.dispatch import Dispatch
from host_bridge.keys import fingerprint
from host_bridge.model import StoreError
from host_bridge.service import create_app
from host_bridge.service.auth import load_token
from tests.host.fleet_kit import running
from tests.host.test_documents import Audit, Keeper
from tests.host.wire_peer import KEY, Peer

NAME = "home-01"


class Turner(Keeper):
    """Takes a key into its channel, as a node does; `kept` shows what it was sent."""

    def _answer(self, message):
        if message[0] == schema.STORE and self.reason == "none" and not self.silent:
            self.channel.add_key(*cbor2.loads(message[4]))
        super()._answer(message)

    def bodies(self):
        return [cbor2.loads(message[4]) for message in self.of(schema.STORE)]


class Telling(Audit):
    """Keeps the whole rows too."""

    def __init__(self):
        super().__init__()
        self.told = []

    def _note(self, how, command):
        self.told.append(repr(command))
        super()._note(how, command)


class Door:
    def __init__(self, kit, state_dir):
        self.kit, self.audit, self.said = kit, Telling(), []
        config = Config()
        config.bridge.state_dir = state_dir
        within = DispatchConfig(answer_within_ms=60)
        self.dispatch = Dispatch(kit.fleet, within, kit.events, self.audit.save, self.audit.update, kit.keys)
        self._app = create_app(config, kit.fleet, self.dispatch, None, kit.events)
        self._token = load_token(config.token_file)

    async def post(self, path, **body):
        headers = {"Authorization": f"Bearer {self._token}"}
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge:8080", headers=headers) as client:
            answer = await client.post(f"/api/nodes/{path}", json=body)
        self.said.append(answer.text)
        return answer.status_code, answer.json()

    def words(self):
        """All that was said and noted."""
        return repr((self.said, self.audit.told, list(self.kit.events.recent), self.kit.views))

    def held(self):
        return self.kit.keys.load(NAME).keys


@pytest.fixture
def go(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(node_module, "RESEND_REQUEST_MS", 20)
    caplog.set_level(logging.DEBUG)

    async def house(course):
        peer = Turner()
        async with running(monkeypatch, peer) as kit:
            await kit.online(NAME)
            door = Door(kit, tmp_path)
            await course(peer, door)
            words = door.words() + caplog.text
            for slot, key in peer.bodies():
                assert slot in (1, 2, 3) and len(key) == 32
                for form in (key.hex(), key.hex().upper(), base64.b64encode(key).decode()[:-2], repr(key)[2:20]):
                    assert form not in words
                assert repr(list(key))[1:30] not in words

    return lambda course: asyncio.run(house(course))


def played(course):
    """A test of what happens in a house; afterwards no word of it may hold a key."""

    def test(go):
        go(course)

    test.__name__ = course.__name__
    return test


@played
async def test_the_node_and_the_pi_have_it_and_the_old_one_goes_once_it_was_used(peer, door):
    code, said = await door.post(f"{NAME}/key", reason="yearly")
    ((_, key),) = peer.bodies()
    assert (code, said["verdict"], said["detail"]) == (200, "applied", f"slot 2, fingerprint {fingerprint(key)}")
    await door.kit.until(lambda: door.held() == [(2, key)])  # its new session drops the old one
    await door.kit.online(NAME)
    assert door.audit.rows == [("save", "", "key", "pending", "yearly"), ("update", "", "key", "applied", "yearly")]
    assert any("key for home-01" in text and "slot 2" in text for text in door.kit.texts("document"))


@played
async def test_until_the_node_speaks_under_the_new_one_both_are_good(peer, door):
    peer.take = lambda raw: Peer.take(peer, raw) if raw[0] else None  # it hears no hail
    assert (await door.post(f"{NAME}/key"))[0] == 200
    await door.kit.ticks()
    assert [slot for slot, _ in door.held()] == [1, 2]
    del peer.take
    await door.kit.until(lambda: [slot for slot, _ in door.held()] == [2])


@played
async def test_what_the_node_refuses_is_gone_here_too(peer, door):
    peer.reason = "flash fault"
    code, said = await door.post(f"{NAME}/key")
    assert (code, said["verdict"]) == (409, "refused") and door.held() == [(1, KEY)]


@played
async def test_a_rotation_whose_fate_is_unknown_goes_on_with_the_same_key(peer, door):
    peer.silent = True
    code, said = await door.post(f"{NAME}/key")
    assert (code, said["verdict"]) == (504, "unknown")
    kept = door.held()
    assert len(kept) == 2 and kept[0] == (1, KEY)
    peer.silent, peer.reason = False, "flash fault"
    assert (await door.post(f"{NAME}/key"))[0] == 409
    assert door.held() == kept  # it may have it from before
    peer.reason = "none"
    assert (await door.post(f"{NAME}/key"))[0] == 200
    assert {tuple(body) for body in peer.bodies()} == {kept[1]}
    await door.kit.until(lambda: door.held() == kept[1:])


@played
async def test_without_an_audit_row_nothing_is_sent_and_nothing_kept(peer, door):
    door.audit.fault = StoreError("disk full")
    code, said = await door.post(f"{NAME}/key")
    assert code == 503 and "disk full" in said["detail"]
    assert peer.of(schema.STORE) == [] and door.held() == [(1, KEY)]


@played
async def test_a_node_that_is_away_or_nobody_keeps_its_key(peer, door):
    assert (await door.post("nobody/key"))[0] == 404
    peer.transport.unplug()
    await door.kit.until(lambda: door.kit.state(NAME) != "online")
    code, said = await door.post(f"{NAME}/key")
    assert code == 503 and said["refusal"] == "node is not online" and door.held() == [(1, KEY)]


@played
async def test_a_node_without_a_file_here_is_told_and_nothing_is_sent(peer, door):
    door.kit.keys.forget(NAME)
    code, said = await door.post(f"{NAME}/key")
    assert code == 409 and f"gridnexus provision {NAME}" in said["detail"]
    assert peer.of(schema.STORE) == [] and door.audit.rows == []


@played
async def test_no_other_door_stores_or_fetches_a_key(peer, door):
    code, _ = await door.post(f"{NAME}/documents/key", body="00")
    assert code == 422
    command, _ = await door.dispatch.store(NAME, "key", cbor2.dumps([2, bytes(32)]), asked_by="test", reason="")
    assert command.verdict == "refused" and "gridnexus provision --rotate" in command.detail
    assert (await door.post(f"{NAME}/key", key="00" * 32))[0] == 422  # a key is never given from outside
    assert peer.of(schema.STORE) == []
