"""The energy agent over the API and the command line, on a street that has run for an hour."""

import asyncio
import json
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from host_bridge.agent.energy.agent import EnergyAgent
from host_bridge.energy_commands import tables
from host_bridge.events import EventLog
from host_bridge.model import StoreError
from host_bridge.service.api import store_unreadable
from host_bridge.service.energy import Energy
from tests.host.agent.energy_kit import BEGIN_S, Street, table


def asked(folder, *requests, hours=0.5, config=None):
    """The answers to `requests`, (method, path, body or None) each, of a street that has run."""

    async def both():
        street = Street(folder, None, config, 8)
        street.start()
        app = FastAPI()
        app.include_router(Energy(street.agent).router())
        app.add_exception_handler(StoreError, store_unreadable)
        if hours:
            await street.run(hours, 300)
        transport = httpx.ASGITransport(app=app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return [await client.request(method, path, json=body) for method, path, body in requests]
        finally:
            await street.agent.close()

    return asyncio.run(both())


@pytest.mark.slow
def test_everything_that_is_shown_is_json_and_what_is_asked_for_is_found(tmp_path):
    home = "/api/energy/homes/h1"
    paths = ["/api/energy", home, f"{home}/plan", f"{home}/decisions?limit=2", f"{home}/account", f"{home}/preferences"]
    all_of_it, one, plan, decisions, account, preferences = asked(tmp_path, *(("GET", path, None) for path in paths))
    assert {answer.status_code for answer in (all_of_it, one, plan, decisions, account, preferences)} == {200}
    view = all_of_it.json()
    assert [each["name"] for each in view["homes"]] == ["h1", "h2"] and view["fault"] == ""
    assert len(view["ladder"]) == 5 and view["community"]["mode"] == "market"
    ahead = one.json()["ahead"]
    assert len({len(ahead[key]) for key in ("load_w", "load_low_w", "grid_w", "content_wh", "buy_mct", "why")}) == 1
    assert plan.json()["ahead"]["start_s"] % 900 == 0
    assert len(decisions.json()) == 2 and all(each["reason"] for each in decisions.json())
    assert "h1" in account.json()["text"] and preferences.json() == []


@pytest.mark.slow
def test_what_is_not_there_or_not_understood_says_so(tmp_path):
    home = "/api/energy/homes/h1"
    requests = [
        ("GET", "/api/energy/homes/h9", None), ("GET", f"{home}/account?day=2026-13-40", None),
        ("POST", f"{home}/preferences", {}), ("POST", f"{home}/preferences", {"document": {"kind": "magic"}}),
        ("POST", f"{home}/preferences", {"document": {"kind": "never", "device": "sauna"}}),
        ("DELETE", f"{home}/preferences/7", None), ("POST", f"{home}/preferences", {"wish": "x"}),
    ]  # fmt: skip
    answers = asked(tmp_path, *requests, hours=0.25)
    assert [answer.status_code for answer in answers] == [404, 422, 422, 422, 422, 404, 422]
    assert "h1, h2" in answers[0].json()["detail"] and "kind must be one of" in answers[3].json()["detail"]


@pytest.mark.slow
def test_a_sentence_sets_nothing_until_its_document_is_confirmed(tmp_path):
    path = "/api/energy/homes/h1/preferences"
    never = {"kind": "never", "device": "battery"}
    proposal, none, held, again, one, gone, left = asked(
        tmp_path, ("POST", path, {"sentence": "never switch the battery"}), ("GET", path, None),
        ("POST", path, {"document": never, "sentence": "never switch the battery"}),
        ("POST", path, {"document": never}),
        ("GET", path, None), ("DELETE", f"{path}/2", None), ("GET", path, None), hours=0.25,
    )  # fmt: skip
    assert proposal.json()["document"] == never and none.json() == []
    assert held.json()["sentence"] == "never switch the battery" and held.json()["number"] == 1
    assert [each["number"] for each in one.json()] == [again.json()["number"]] == [2]  # in place of the first
    assert gone.status_code == 200 and left.json() == []


@pytest.mark.slow
def test_a_battery_that_is_never_to_be_switched_is_not(tmp_path):
    async def both():
        street = Street(tmp_path, None, table() | {"tariff": {"buy": ["00:00 10", "09:30 90"]}}, 8)
        street.start()
        await street.agent.advance(street.now_s * 1000)
        await street.agent.preferences.confirm("h1", {"kind": "never", "device": "battery"}, "test")
        await street.run(1.25, 180)
        assert not [each for each in street.homes["h1"].asked if each[2] == "closed"]
        assert [each for each in street.homes["h2"].asked if each[2] == "closed"]
        await street.agent.close()
        street.start()  # it holds over a restart
        await street.run(0.5, 180)
        assert not [each for each in street.homes["h1"].asked if each[2] == "closed"]
        await street.agent.close()

    asyncio.run(both())


@pytest.mark.slow
def test_counters_are_told_in_prometheus_words(tmp_path):
    (answer,) = asked(tmp_path, ("GET", "/api/energy/metrics", None))
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert int(lines["gridnexus_energy_steps_total"]) == 3
    assert lines['gridnexus_energy_rung{home="h1"}'] == "1" and "gridnexus_energy_plan_solve_ms" in lines


def test_before_the_books_are_open_the_page_has_something_to_show_and_the_api_says_why(tmp_path):
    config = Street(tmp_path).config
    config.bridge.state_dir = tmp_path / "agent.db" / "no folder"
    (tmp_path / "agent.db").write_text("a file is in the way")
    nobody = SimpleNamespace(views={})
    agent = EnergyAgent(
        config, nobody, SimpleNamespace(), SimpleNamespace(), EventLog(), wall_ms=lambda: BEGIN_S * 1000
    )
    asyncio.run(agent.advance(BEGIN_S * 1000))
    view = agent.view()
    assert view.homes == [] and view.fault and json.dumps(view.counters) == "{}"
    with pytest.raises(StoreError, match="has not begun"):
        _ = agent.preferences
    asyncio.run(agent.close())


@pytest.mark.slow
def test_the_command_lines_tables_show_a_real_view(tmp_path):
    from datetime import UTC

    from rich.console import Console

    home = "/api/energy/homes/h1"
    paths = ["/api/energy", home, f"{home}/plan", f"{home}/decisions"]
    view, one, plan, decisions = (each.json() for each in asked(tmp_path, *(("GET", path, None) for path in paths)))
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - rich keeps it
    console.print(*tables.community(view, UTC), tables.homes(view), *tables.plan(plan, UTC), sep="\n")
    console.print(*tables.decisions(one, decisions, UTC), tables.ladder(view["ladder"]), sep="\n")
    text = console.export_text()
    for words in ("saved against doing nothing", "h2", "ct/kWh", "simple forecast", "self-consumption", "±", "why"):
        assert words in text
