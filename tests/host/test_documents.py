"""Documents and measurements from the API to the node and back: what is noted, refused, believed, and its code."""

import asyncio
import hashlib

import httpx
import pytest

from gridnode.wire import host_session, schema
from host_bridge import node as node_module
from host_bridge import questions
from host_bridge.config import Config, DispatchConfig
from host_bridge.dispatch import Dispatch
from host_bridge.model import StoreError
from host_bridge.service import create_app, documents
from host_bridge.service.auth import load_token
from tests.host.fleet_kit import running
from tests.host.wire_peer import FOREIGN, Peer

BODY = bytes(range(100))
FIELDS = [4000, 31_200, 184_000, *range(100, 118)]


def digest(body):
    return hashlib.sha256(body).digest()[:8]


class Keeper(Peer):
    """Keeps documents and measures; `reason` refuses, `silent` does not answer, `garbles` keeps something else."""

    reason = "none"
    silent = garbles = False

    def __init__(self, **hello):
        super().__init__(**hello)
        self.kept = {}

    def _answer(self, message):
        super()._answer(message)
        if self.silent:
            return
        code = schema.REASONS.index(self.reason)
        if message[0] == schema.STORE:
            if not code:
                body = b"something else" if self.garbles else message[4]
                self.kept[message[3]] = (len(self.of(schema.STORE)), digest(body), body)
            version, mark, _ = self.kept.get(message[3], (0, b"", b""))
            self.say([schema.STORED, *message[1:3], int(not code), code, message[3], version, mark])
        elif message[0] == schema.FETCH:
            self.say([schema.DOCUMENT, *message[1:4], *self.kept.get(message[3], (0, b"", b""))])
        elif message[0] == schema.MEASURE and message[4] is None:
            self.say([schema.HARMONICS, *message[1:3], code, message[3], *FIELDS])
        elif message[0] == schema.MEASURE:
            self.say([schema.AGGREGATE, *message[1:3], code, *message[3:], 5000, -7, None, 8, 230_000, 4, 50_000, 1])


class Audit:
    """The store's door for commands: (how, target, verdict, reason) of each row written."""

    def __init__(self):
        self.rows, self.fault, self.before = [], None, lambda: None

    async def save(self, command):
        self.before()
        self._note("save", command)
        return 41

    async def update(self, command):
        self._note("update", command)

    def _note(self, how, command):
        if self.fault:
            raise self.fault
        self.rows.append((how, command.contactor, command.target, command.verdict.value, command.reason))


class Door:
    """The API over a running fleet with one node."""

    def __init__(self, kit, peer, state_dir):
        self.kit, self.peer, self.audit = kit, peer, Audit()
        config = Config()
        config.bridge.state_dir = state_dir
        within = DispatchConfig(answer_within_ms=60)
        self.dispatch = Dispatch(kit.fleet, within, kit.events, self.audit.save, self.audit.update, None)
        self._app = create_app(config, kit.fleet, self.dispatch, None, kit.events)
        self._token = load_token(config.token_file)

    async def ask(self, method, path, **more):
        headers = {"Authorization": f"Bearer {self._token}"}
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge:8080", headers=headers) as client:
            answer = await client.request(method, f"/api/nodes/{path}", **more)
        self.headers = answer.headers
        return answer.status_code, answer.json()

    async def store(self, body=BODY, document="plan", node="home-01"):
        return await self.ask("POST", f"{node}/documents/{document}", json={"body": body.hex(), "reason": "why not"})

    async def fetch(self, document="plan", node="home-01"):
        return await self.ask("GET", f"{node}/documents/{document}")

    async def measure(self, channel="grid", **span):
        return await self.ask("GET", "home-01/measure", params={"channel": channel, **span})


@pytest.fixture
def go(monkeypatch, tmp_path):
    monkeypatch.setattr(node_module, "RESEND_REQUEST_MS", 20)
    monkeypatch.setattr(documents, "FETCH_WITHIN_MS", 60)
    monkeypatch.setattr(documents, "MEASURE_WITHIN_MS", 60)

    def run(course, peer=None):
        peer = peer or Keeper()

        async def both():
            async with running(monkeypatch, peer) as kit:
                await kit.until(lambda: kit.state("home-01") in ("online", "incompatible"))
                kit.fleet._stale_after_ms = 60_000
                await course(Door(kit, peer, tmp_path))

        asyncio.run(both())

    return run


def test_a_document_is_noted_sent_and_told_with_its_version_and_digest(go):
    async def course(door):
        code, answer = await door.store(document="calibration")
        assert (code, answer["verdict"], answer["version"]) == (200, "applied", 1)
        assert answer["digest"] == digest(BODY).hex() and answer["digest"] in answer["detail"]
        assert door.peer.of(schema.STORE)[0][3:5] == [schema.DOCUMENTS.index("calibration"), BODY]
        assert door.audit.rows == [
            ("save", "", "calibration", "pending", "why not"),
            ("update", "", "calibration", "applied", "why not"),
        ]
        assert "calibration for home-01, asked by api: applied" in door.kit.texts("document")[0]
        assert door.dispatch.pending == {} and door.dispatch.last == {}  # of contactors only
        code, answer = await door.fetch("calibration")
        assert (code, answer) == (200, {"version": 1, "digest": digest(BODY).hex(), "body": BODY.hex()})
        assert (await door.fetch("plan"))[1] == {"version": 0, "digest": "", "body": ""}

    go(course)


def test_an_empty_body_is_sent_as_it_is_and_its_digest_is_not_compared(go):
    async def course(door):
        door.peer.garbles = True
        code, answer = await door.store(b"")
        assert (code, answer["verdict"]) == (200, "applied")
        assert door.peer.of(schema.STORE)[0][4] == b""

    go(course)


def test_a_refusal_of_the_node_bears_its_words_and_what_it_keeps(go):
    async def course(door):
        await door.store()
        door.peer.reason = "bad document"
        code, answer = await door.store(BODY[1:])
        assert (code, answer["refusal"], answer["detail"]) == (409, "refused by the node", "bad document")
        assert (answer["version"], answer["digest"]) == (1, digest(BODY).hex())

    go(course)


def test_a_node_that_keeps_something_else_is_not_believed(go):
    async def course(door):
        door.peer.garbles = True
        code, answer = await door.store()
        assert (code, answer["verdict"]) == (504, "unknown") and "something else" in answer["detail"]

    go(course)


def test_silence_ends_unknown_and_each_is_asked_again_until_then(go):
    async def course(door):
        door.peer.silent = True
        code, answer = await door.store()
        assert (code, answer["verdict"], answer["version"]) == (504, "unknown", None)
        assert (await door.fetch())[0] == (await door.measure())[0] == 504
        for kind in (schema.STORE, schema.FETCH, schema.MEASURE):
            asked = door.peer.of(kind)
            assert len(asked) > 1 and all(message == asked[0] for message in asked)

    go(course)


@pytest.mark.parametrize(("span", "at_most_s"), [("3 s", 15), ("10 min", 1200)])
def test_a_span_that_is_not_whole_yet_says_how_long_it_takes(go, span, at_most_s):
    async def course(door):
        door.peer.silent = True  # as a node is that has nothing to tell
        code, answer = await door.measure(span=span)
        assert code == 409 and "not yet" in answer["detail"] and f"whole one of {span} in" in answer["detail"]
        assert 0 < int(door.headers["Retry-After"]) <= at_most_s
        door.peer.silent = False
        assert (await door.measure(span=span))[0] == 200

    go(course)


def test_once_there_should_be_a_whole_span_silence_is_silence(go, monkeypatch):
    async def course(door):
        door.peer.silent = True
        monkeypatch.setattr(questions, "SHORT_AT_MOST_MS", 60)
        code, answer = await door.measure(span="3 s")
        assert code == 504 and "did not answer" in answer["detail"]

    go(course)


LONG_MS = 600_000
DAY_MS = 1_785_000_123_456 // LONG_MS * LONG_MS  # the time of day at our 0


def test_ten_minutes_are_whole_from_the_first_that_begins_after_the_question():
    gathering, at = questions.Gathering(), schema.SPANS.index("10 min")

    def wait_ms(channel, now_ms):
        return gathering.wait_ms(channel, at, now_ms, DAY_MS + now_ms)

    gathering.booted(4)
    gathering.asked(0, 100_000)
    assert wait_ms(0, 100_000) == 1_100_000  # begun 500 s later, whole 600 s after that
    gathering.asked(0, 700_000)
    gathering.booted(4)
    assert (wait_ms(0, 1_199_999), wait_ms(0, 1_200_000), wait_ms(0, 9_000_000)) == (1, 0, 0)
    assert wait_ms(1, 700_000) == 1_100_000  # never asked: as if it were now
    gathering.booted(5)  # what it had gathered is gone
    assert wait_ms(0, 1_900_000) == 1_100_000


def test_a_node_without_a_clock_aligns_to_its_own_time(go, monkeypatch):
    async def course(door):
        remote = door.kit.fleet.remote("home-01")
        ten = schema.SPANS.index("10 min")
        monkeypatch.setattr(remote, "_wall_ms", lambda: DAY_MS + 100_000)
        assert remote.whole_in_ms(0, ten) == 1_100_000
        monkeypatch.setattr(node_module, "CLOCK_SET_MS", 1 << 60)
        assert abs(remote.whole_in_ms(0, ten) - 1_190_000) < 5_000  # its clock stands at 10 s

    go(course)


def test_an_answer_that_leaves_it_open_ends_unknown(go):
    async def course(door):
        door.peer.reason = "repeat too old"
        assert (await door.store())[1]["verdict"] == "unknown"

    go(course)


def test_what_cannot_be_noted_is_not_sent(go):
    async def course(door):
        door.audit.fault = StoreError("the disk is full")
        with pytest.raises(StoreError):
            await door.dispatch.store("home-01", "plan", BODY, asked_by="test", reason="")
        assert door.peer.of(schema.STORE) == [] and door.dispatch.pending == {}

    go(course)


def test_a_node_that_goes_while_it_is_noted_gets_nothing(go):
    async def course(door):
        def leave():
            door.kit.views["home-01"].link_state = "stale"

        door.audit.before = leave
        code, answer = await door.store()
        assert (code, answer["refusal"]) == (503, "node is not online") and door.peer.of(schema.STORE) == []

    go(course)


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"node": "attic"}, 404, "attic"),
        ({"document": "diary"}, 422, "plan"),
        ({"body": bytes(schema.BLOB_MAX + 1)}, 422, str(2 * schema.BLOB_MAX)),
    ],
)
def test_what_no_node_could_keep_is_refused_here(go, asked, code, words):
    async def course(door):
        answer = await door.store(**asked)
        assert answer[0] == code and words in str(answer[1]) and door.peer.of(schema.STORE) == []

    go(course)


@pytest.mark.parametrize(
    ("document", "body", "words"),
    [("diary", b"", "plan, cal"), ("plan", bytes(schema.BLOB_MAX + 1), f"{schema.BLOB_MAX} at")],
)
def test_the_dispatch_judges_what_programs_in_the_bridge_ask_too(go, document, body, words):
    async def course(door):
        command, stored = await door.dispatch.store("home-01", document, body, asked_by="test", reason="")
        assert command.refusal == "bad document" and words in command.detail and stored is None
        assert door.audit.rows[0][3] == "refused" and door.peer.of(schema.STORE) == []

    go(course)


@pytest.mark.parametrize("text", ["0", "zz", "AB", "0 1"])
def test_a_body_that_is_no_hexadecimal_is_told_so(go, text):
    async def course(door):
        code, _ = await door.ask("POST", "home-01/documents/plan", json={"body": text})
        assert code == 422

    go(course)


def test_a_second_document_waits_for_nobody_it_is_refused(go):
    async def course(door):
        door.peer.silent = True
        first, second = await asyncio.gather(door.store(), door.store(document="calibration"))
        assert (first[0], second[0]) == (504, 409)
        assert len({message[2] for message in door.peer.of(schema.STORE)}) == 1

    go(course)


def test_a_node_of_another_schema_is_asked_nothing(go):
    async def course(door):
        code, answer = await door.store()
        assert (code, answer["refusal"]) == (503, "node speaks an unknown schema")
        assert (await door.fetch())[0] == (await door.measure())[0] == 503

    go(course, Keeper(schema_digest=FOREIGN))


def test_an_unknown_node_is_404_and_names_what_there_is(go):
    async def course(door):
        code, answer = await door.fetch(node="attic")
        assert code == 404 and "home-01" in answer["detail"]

    go(course)


def test_harmonics_are_told_with_unix_time_and_an_aggregate_with_its_span(go):
    async def course(door):
        code, answer = await door.measure(channel="heater")
        assert code == 200 and door.peer.of(schema.MEASURE)[0][3:] == [1, None]
        assert (answer["node"], answer["channel"], answer["voltage_thd_ppm"]) == ("home-01", "heater", 31_200)
        assert (answer["voltage_mv"], answer["current_ma"]) == ([*range(100, 109)], [*range(109, 118)])
        shift = node_module.wall_ms() - 10_000  # the peer's clock stands at 10 s
        assert abs(answer["time_ms"] - shift - 4_000) < 5_000
        code, answer = await door.measure(span="10 min")
        assert (code, answer["span"], answer["active_power_mw"], answer["quality"]) == (200, "10 min", -7, 1)
        assert answer["reactive_power_mvar"] is None and "reason" not in answer

    go(course)


def test_a_channel_that_cannot_be_measured_says_why(go):
    async def course(door):
        door.peer.reason = "cannot measure"
        code, answer = await door.measure()
        assert code == 409 and "cannot measure" in answer["detail"]
        code, answer = await door.measure(channel="roof")
        assert code == 404 and "grid, heater" in answer["detail"]

    go(course)


def test_measurements_of_one_node_take_turns(go):
    async def course(door):
        door.peer.silent = True
        remote = door.kit.fleet.remote("home-01")
        asking = [asyncio.create_task(remote.measure(channel, None, 5_000)) for channel in (0, 1)]
        await door.kit.until(lambda: door.peer.of(schema.MEASURE))
        await door.kit.ticks(10)
        assert {message[3] for message in door.peer.of(schema.MEASURE)} == {0}
        door.peer.silent = False
        assert [found.reason for found in await asyncio.gather(*asking)] == ["none", "none"]

    go(course)


def test_an_answer_of_another_kind_is_not_taken_for_one(go):
    async def course(door):
        door.peer.silent = True
        asking = asyncio.create_task(door.kit.fleet.remote("home-01").fetch(0, 5_000))
        await door.kit.until(lambda: door.peer.of(schema.FETCH))
        session, command = door.peer.of(schema.FETCH)[0][1:3]
        door.peer.say([schema.STORED, session, command, 1, 0, 0, 9, b""])
        door.peer.say([schema.DOCUMENT, session, command, 0, 7, b"digest", b"body"])
        assert (await asking) == (7, b"digest", b"body")

    go(course)


@pytest.mark.parametrize(("unix_ms", "told"), [(1_500_000_000_000, 0), (1_800_000_000_000, 1_800_000_000_000)])
def test_the_node_is_told_the_time_of_day_unless_this_clock_was_never_set(go, monkeypatch, unix_ms, told):
    monkeypatch.setattr(host_session, "PING_EVERY_MS", 20)

    async def course(door):
        monkeypatch.setattr(door.kit.fleet.links[0].remote, "_wall_ms", lambda: unix_ms)
        pings = len(door.peer.of(schema.PING))
        await door.kit.until(lambda: len(door.peer.of(schema.PING)) > pings + 2)
        _, _, _, said_ms, node_time_ms, error_ms = door.peer.of(schema.PING)[-1]
        assert said_ms == told
        assert not told or (abs(node_time_ms - 10_000) < 5_000 and error_ms < 5_000)  # its clock stands at 10 s

    go(course)
