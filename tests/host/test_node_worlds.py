"""Worlds on nodes, as the page tells of them: asked for once for each plan, named where the catalogue knows them."""

import asyncio
import struct
import time
from types import SimpleNamespace

import pytest

from host_bridge import node_world
from host_bridge.microworld import bytecode, catalogue, spec
from host_bridge.model import NodeTick, Vitals
from host_bridge.questions import Document
from host_bridge.web import world_list
from host_bridge.web.node_worlds import NodeWorlds
from tests.host.served_bridge import home

BINDING = {"inputs": {"asked": "heater.asked", "fault": "heater.tripped", "reported": "heater.closed"},
           "outputs": {"close": "heater", "stuck": None}}  # fmt: skip


@pytest.fixture
def house():
    """A fleet of one node, whose plan is a guard of the catalogue; `asked` counts the questions."""
    view = home("home-1")
    view.vitals = Vitals(1, None, 7, 41, 62, 3, 0, 0, True)
    program = spec.read(catalogue.spec_path("relay_guard").read_text(), "relay_guard").program()
    body = node_world.document(program, bytecode.compile(program), BINDING, view, guard=True)
    found = SimpleNamespace(views={"home-1": view}, asked=0, body=body, program=program)

    async def fetch(document, within_ms):
        found.asked += 1
        return Document(3, b"", found.body) if found.body is not None else None

    found.remote = lambda name: SimpleNamespace(view=view, fetch=fetch)
    return found


def refreshed(house, times=1):
    worlds = NodeWorlds(house)
    for _ in range(times):
        asyncio.run(worlds.refresh())
    return worlds


def test_a_plan_is_asked_for_once_and_named_by_the_catalogue(house):
    worlds = refreshed(house, times=3)
    assert house.asked == 1
    assert [(each.node, each.name, each.world.is_guard) for each in worlds.all] == [("home-1", "relay_guard", True)]
    house.views["home-1"].vitals = house.views["home-1"].vitals._replace(plan_version=4)
    house.body = b"\x01"
    asyncio.run(worlds.refresh())
    assert house.asked == 2 and worlds.all == []


def test_a_node_that_does_not_answer_is_not_asked_at_every_tick(house):
    house.body = None
    assert refreshed(house, times=3).all == [] and house.asked == 1


def test_a_node_without_a_plan_is_not_asked(house):
    house.views["home-1"].vitals = house.views["home-1"].vitals._replace(plan_version=0)
    assert refreshed(house).all == [] and house.asked == 0


def test_a_tick_tells_of_a_plan_sooner_than_the_vitals(house):
    house.views["home-1"].vitals = None
    house.views["home-1"].world_ticks.append(NodeTick(3, 1, 1, "input unknown", b""))
    assert [each.name for each in refreshed(house).all] == ["relay_guard"]


def test_its_last_tick_in_words(house):
    its = refreshed(house).all[0]
    now_ms = time.time_ns() // 1_000_000
    words = (1, 5, 9, 0, 1, 0, 1, 1, 0)  # four of the state, three inputs, two outputs
    tick = NodeTick(3, 12, now_ms, "", struct.pack("<9i", *words))
    assert world_list.last_words(its, tick, now_ms) == "Tick 12, now: computed close on, stuck off"
    idle = NodeTick(3, 13, now_ms, "input unknown", b"")
    assert world_list.last_words(its, idle, now_ms) == "Tick 13, now: not run, input unknown"
    assert world_list.last_words(its, None, now_ms) == "It tells of its ticks while it is online."
