"""The plan that nodes keep for when they are alone, and what the agent learns from before it was there."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from gridnode.node.plan import Plan as NodePlan
from host_bridge.agent.energy import starting
from host_bridge.agent.energy.ladder import CAUSES, RUNGS
from host_bridge.agent.grid_time import GridTime
from host_bridge.store.book_rows import DecisionRow, OutcomeRow
from host_bridge.store.reader import Interval
from tests.host.agent.energy_kit import BEGIN_S, CONTACTORS, Street, sun, table, usual


def street_with(folder, hours, config=None, begin=6):
    async def both():
        homes = usual(2)
        for home in homes:
            home.solar_w = sun(0)
        street = Street(folder, homes, config, begin)
        street.start()
        await street.run(hours, 180)
        await street.agent.close()
        return street

    return asyncio.run(both())


def cheap_until(hour, **agent):
    return table(**agent) | {"tariff": {"buy": ["00:00 10", f"{hour:02}:00 60"], "sell": ["00:00 0"]}}


@pytest.mark.slow
def test_a_node_is_sent_what_it_does_alone_once_and_again_only_when_it_ends_or_differs(tmp_path):
    street = street_with(tmp_path, 4, cheap_until(10))
    for home in street.homes.values():
        assert 1 <= len(home.plans) <= 2  # flash wears
        plan = NodePlan.parse(home.plans[0], len(CONTACTORS))
        wishes = {
            name: plan.wish(number, (BEGIN_S + round(9.5 * 3600)) * 1000, (0, 0, 0), False)
            for number, name in enumerate(CONTACTORS)
        }
        assert wishes["battery charge"] == "closed" or wishes["battery hold"] == "closed"
        opened = [asked for asked in home.asked if asked[2] == "open" and asked[0] < BEGIN_S + 8 * 3600]
        assert not opened  # it is kept open against its own plan only where that would close it
        assert plan.wish(0, (BEGIN_S + 11 * 3600) * 1000, (0, 0, 0), False) != "closed"  # never where it is dear
    kept = [row for row in street.rows_of(DecisionRow) if row.action == "plan when alone"]
    said = {row.decision for row in street.rows_of(OutcomeRow)}
    assert kept and all(row.reason and json.loads(row.basis)["digest"] for row in kept)
    assert {row.number for row in kept} <= said
    assert "version 1" in street.agent.view().homes[0].node_plan or len(street.homes["h1"].plans) > 1


@pytest.mark.slow
def test_what_a_node_keeps_is_known_after_a_restart_and_not_sent_again(tmp_path):
    async def both():
        street = Street(tmp_path, None, cheap_until(10), 6)
        for home in street.homes.values():
            home.solar_w = sun(0)
        street.start()
        await street.run(0.5, 180)
        sent = [len(home.plans) for home in street.homes.values()]
        await street.agent.close()
        street.start()
        await street.run(0.5, 180)
        assert sent == [1, 1] == [len(home.plans) for home in street.homes.values()]
        await street.agent.close()

    asyncio.run(both())


def test_a_young_agent_learns_from_the_quarters_that_the_store_has(tmp_path):
    street = Street(tmp_path)

    async def readings(node, channel, start_ms, end_ms, resolution, limit):
        if resolution != "quarter" or node != "h1":
            return []
        rows = [Interval(ms, 900_000, 250_000 - 1000 * channel, 0, None, None, None, None, 60)
                for ms in range(start_ms, end_ms, 900_000)]  # fmt: skip
        return rows[:-1] + [rows[-1]._replace(duration_ms=60_000)]  # the last one is not whole

    async def both():
        agent = street.start()
        agent.parts = await agent._open(street.now_s * 1000)
        store = SimpleNamespace(readings=readings)
        rows = await starting._quarters(agent.parts, store, BEGIN_S - 4 * 3600, BEGIN_S)
        assert [row.start_s for row in rows] == list(range(BEGIN_S - 4 * 3600, BEGIN_S - 900, 900))
        assert rows[0].load_mwh == 250_000 - 249_000 - 248_000 and rows[0].home == "h1"
        await agent.close()

    asyncio.run(both())


@pytest.mark.slow
def test_a_folder_of_history_is_learnt_from_and_what_is_wrong_with_it_is_said(tmp_path):
    (tmp_path / "h1.csv").write_text(
        "start_s,load_wh,solar_wh\n" + "".join(f"{BEGIN_S - 900 * k},{100 + k % 5},0\n" for k in range(400, 0, -1))
    )
    (tmp_path / "h2.csv").write_text("start_s,load\n1,2\n")
    config = table() | {"agent": {"history": str(tmp_path)}}
    street = Street(tmp_path, None, config)

    async def both():
        agent = street.start()
        await agent.advance(street.now_s * 1000)
        await agent.settled()
        forecast = agent.parts.foretelling.newest["h1", "load"]
        assert forecast.method != "persistence" and 380 < forecast.mean[0] < 430
        assert any("h2.csv: not learnt from" in event.text for event in street.events.recent)
        await agent.close()

    asyncio.run(both())


def test_the_readme_shows_every_rung_and_cause():
    text = (__import__("pathlib").Path(starting.__file__).parent / "README.md").read_text()
    for cause in CAUSES.values():
        assert f"| {cause.kind} | {cause.rung} |" in text
    for rung in RUNGS:
        assert f"| {rung.name} | {rung.done} |" in text


def test_grid_time_of_a_replay_is_kept_over_a_restart(tmp_path):
    config = table() | {"agent": {"speed": 60, "start": "2026-07-01T00:00:00+00:00"}}
    street = Street(tmp_path, None, config)

    async def both():
        agent = street.start()
        first = await agent._open(1_000_000_000)
        again = await street.start()._open(5_000_000_000)
        assert first.grid == again.grid == GridTime(60, 1_000_000_000, 1_782_864_000)
        await agent.close()

    asyncio.run(both())
