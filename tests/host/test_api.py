"""The HTTP API: what it answers and with which code, with fakes behind it."""

import asyncio
import json

import pytest

from host_bridge.events import EventLog
from host_bridge.model import Refusal, Verdict, Vitals
from host_bridge.service import api
from tests.host.api_fakes import NOW_MS, READING, Bridge, command

ASK = {"node": "home-01", "contactor": "heater", "target": "closed", "hold_s": 60, "reason": "warm water"}


@pytest.fixture
def bridge(tmp_path, monkeypatch):
    monkeypatch.setattr(api, "_now_ms", lambda: NOW_MS)
    return Bridge(tmp_path)


def post(bridge, **changes):
    return asyncio.run(bridge.ask("POST", "/api/commands", json={**ASK, **changes}))


def test_bridge_says_who_it_is_and_how_the_store_is(bridge):
    body = asyncio.run(bridge.get("/api/bridge")).json()
    assert body["name"] == "gridnexus"
    assert body["time_ms"] == NOW_MS
    assert len(bytes.fromhex(body["schema_digest"])) == 8
    assert body["store"] == {"writable": True}


def test_a_node_shows_channels_by_name_and_nulls_where_nothing_was_measured(bridge):
    body = asyncio.run(bridge.get("/api/nodes/home-01")).json()
    assert [c["channel"] for c in body["channels"]] == ["grid", "water heater"]
    assert body["channels"][0]["active_power_mw"] == 412_000
    assert body["channels"][1]["active_power_mw"] is None
    assert body["active_power_mw"] == 412_000
    assert body["link_state"] == "online"
    assert "simulated" in body["board"]


def test_hold_and_dwell_are_counted_down_to_now_and_never_below_zero(bridge):
    bridge.report("closed", NOW_MS - 4_000, hold_ms=60_000, dwell_ms=3_000)
    heater, pump = asyncio.run(bridge.get("/api/nodes/home-01")).json()["contactors"]
    assert (heater["state"], heater["hold_remaining_ms"], heater["dwell_remaining_ms"]) == ("closed", 56_000, 0)
    assert pump["state"] is None
    assert pump["hold_remaining_ms"] is None


def test_pending_and_last_commands_stand_beside_the_reported_state(bridge):
    bridge.report("open", NOW_MS, 0, 0)
    bridge.dispatch.pending["home-01", "heater"] = command(Verdict.PENDING)
    bridge.dispatch.last["home-01", "pump"] = command(Verdict.REFUSED, Refusal.NODE)
    heater, pump = asyncio.run(bridge.get("/api/nodes")).json()[0]["contactors"]
    assert heater["state"] == "open"
    assert heater["pending"]["target"] == "closed"
    assert heater["last"] is None
    assert pump["last"]["verdict"] == "refused"
    assert pump["last"]["refusal"] == "refused by the node"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/nodes/attic", "home-01"),
        ("/api/readings?node=attic&channel=grid", "home-01"),
        ("/api/readings?node=home-01&channel=roof", "water heater"),
        ("/api/elsewhere", "openapi.json"),
    ],
)
def test_unknown_things_are_404_and_name_what_there_is(bridge, path, words):
    answer = asyncio.run(bridge.get(path))
    assert answer.status_code == 404
    assert words in answer.json()["detail"]


def test_raw_readings_have_units_in_their_names(bridge):
    body = asyncio.run(bridge.get("/api/readings", node="home-01", channel="water heater", start="0")).json()
    assert bridge.store.asked[:3] == ("home-01", 1, 0)
    assert body["resolution"] == "raw"
    assert body["channel"] == "water heater"
    assert body["rows"][0]["energy_import_mwh"] == READING.energy_import_mwh
    assert "node" not in body["rows"][0]


def test_readings_take_iso_times_and_default_to_the_last_hour(bridge):
    ask = {"node": "home-01", "channel": "grid", "resolution": "minute", "limit": 5}
    times = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00+00:00"}
    assert asyncio.run(bridge.get("/api/readings", **ask, **times)).json()["rows"][0]["duration_ms"] == 60_000
    assert bridge.store.asked == ("home-01", 0, 1_767_225_600_000, 1_767_229_200_000, "minute", 5)
    asyncio.run(bridge.get("/api/readings", **ask))
    assert bridge.store.asked[3] - bridge.store.asked[2] == 3_600_000


@pytest.mark.parametrize(
    "bad",
    [
        {"start": "2000", "end": "1000"},
        {"start": "1000", "end": "1000"},
        {"start": "soon"},
        {"start": "0", "end": "9" * 30},
        {"resolution": "hour"},
        {"limit": "0"},
        {"limit": "10001"},
    ],
)
def test_bad_ranges_are_422(bridge, bad):
    answer = asyncio.run(bridge.get("/api/readings", node="home-01", channel="grid", **bad))
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_a_database_that_cannot_be_read_is_503_in_the_stores_words(bridge):
    bridge.store.fault = "the disk holding the readings is gone; mount it"
    answer = asyncio.run(bridge.get("/api/readings", node="home-01", channel="grid"))
    assert answer.status_code == 503
    assert answer.json()["detail"] == bridge.store.fault


def test_an_applied_command_is_200_and_reached_the_dispatch_as_asked(bridge):
    answer = post(bridge)
    assert answer.status_code == 200
    assert answer.json()["verdict"] == "applied"
    assert bridge.dispatch.asked == {**{k: ASK[k] for k in ASK if k != "reason"}, "asked_by": "api"}
    assert answer.json()["reason"] == "warm water"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal.UNKNOWN_NODE, 404),
        (Refusal.UNKNOWN_CONTACTOR, 404),
        (Refusal.BAD_TARGET, 422),
        (Refusal.BAD_HOLD, 422),
        (Refusal.PENDING, 409),
        (Refusal.NODE, 409),
        (Refusal.OFFLINE, 503),
        (Refusal.ONE_WAY, 503),
        (Refusal.INCOMPATIBLE, 503),
    ],
)
def test_each_refusal_has_its_code_and_the_whole_command(bridge, refusal, code):
    bridge.dispatch.outcome = (Verdict.REFUSED, refusal)
    answer = post(bridge)
    assert answer.status_code == code
    assert answer.json()["refusal"] == refusal.value
    assert answer.json()["wait_ms"] == 2_000
    assert answer.json()["detail"]


def test_every_refusal_has_a_code():
    assert set(api.REFUSAL_CODES) == set(Refusal)


def test_an_unknown_outcome_is_504(bridge):
    bridge.dispatch.outcome = (Verdict.UNKNOWN, None)
    answer = post(bridge)
    assert answer.status_code == 504
    assert answer.json()["verdict"] == "unknown"


@pytest.mark.parametrize("bad", [{"hold_s": "60"}, {"hold_s": 1.5}, {"hold_s": True}, {"wattage": 5}, {"node": None}])
def test_what_is_no_command_is_422_and_goes_nowhere(bridge, bad):
    assert post(bridge, **bad).status_code == 422
    assert bridge.dispatch.asked == {}


def test_commands_and_events_are_listed(bridge):
    assert asyncio.run(bridge.get("/api/commands")).json()[0]["contactor"] == "heater"
    assert asyncio.run(bridge.get("/api/events", limit=1)).json()[0]["text"] == "home-01 is online"
    assert asyncio.run(bridge.get("/api/events", limit=0)).status_code == 422


def test_openapi_is_served_and_lists_the_routes(bridge):
    paths = asyncio.run(bridge.get("/api/openapi.json")).json()["paths"]
    assert {"/api/nodes", "/api/readings", "/api/commands", "/api/events/stream"} <= set(paths)


def test_the_event_stream_gives_events_keeps_alive_and_lets_go():
    events = EventLog()

    async def listen():
        stream = api.stream(events, keep_alive_s=0.01)
        first = await anext(stream)
        events.add("warning", "link", "home-01 went silent", "home-01")
        second = await anext(stream)
        third = await anext(stream)
        await stream.aclose()
        return first, second, third

    first, second, third = asyncio.run(listen())
    assert first.startswith(":")
    assert third == ": keep-alive\n\n"
    assert json.loads(second.removeprefix("data: "))["text"] == "home-01 went silent"
    assert second.endswith("\n\n")
    assert events._queues == []


def test_a_slow_listener_loses_the_oldest_and_holds_up_nobody():
    events = EventLog()

    async def listen():
        stream = api.stream(events)
        await anext(stream)
        for number in range(150):
            events.add("info", "test", str(number))
        return [json.loads((await anext(stream)).removeprefix("data: "))["text"] for _ in range(100)]

    assert asyncio.run(listen()) == [str(number) for number in range(50, 150)]


def test_a_nodes_vitals_are_told_once_it_has_told_them(bridge):
    assert asyncio.run(bridge.get("/api/nodes/home-01")).json()["vitals"] is None
    bridge.views["home-01"].vitals = Vitals(NOW_MS, None, 7, 41, 62, 3, 1_780_000_900, 2, True)
    vitals = asyncio.run(bridge.get("/api/nodes/home-01")).json()["vitals"]
    assert (vitals["flash_years"], vitals["journal_days"], vitals["clock_known"]) == (41, 62, True)
    assert vitals["heap_free_bytes"] is None


def test_events_are_asked_for_by_node_and_time(bridge):
    asyncio.run(bridge.get("/api/events", node="home-01", start="5", limit=7))
    assert bridge.store.asked == (7, "home-01", 5)
    assert asyncio.run(bridge.get("/api/events", start="the other day")).status_code == 422
