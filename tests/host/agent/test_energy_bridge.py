"""The energy agent in a real bridge: store, fleet, dispatch and agent.db, over loopback links to nodes that obey."""

import asyncio
import time

import pytest

from gridnode.wire import schema
from host_bridge.app import Bridge
from host_bridge.config import parse
from host_bridge.keys import KeyRing, NodeKeys
from host_bridge.store.book_rows import DecisionRow, IntervalRow, LineRow, OutcomeRow
from host_bridge.store.books import Books
from host_bridge.transport.loopback import Loopback
from tests.host.agent.energy_kit import CONTACTORS
from tests.host.background import beside
from tests.host.wire_peer import KEY, Peer

pytestmark = pytest.mark.slow
SPEED = 900  # an interval of 15 minutes passes in a second


class Node(Peer):
    """Meters a home that takes 500 W, with a battery that does as its contactors say; tells it every 200 ms."""

    def __init__(self, name, number):
        super().__init__(name, f"loop://{number}", channels=["grid", "solar", "battery"], contactors=list(CONTACTORS),
                         interval_s=1)  # fmt: skip
        self.begun = time.monotonic()
        self.clock_ms = lambda: 10_000 + int((time.monotonic() - self.begun) * 1000)
        self.until, self.sequence, self.told_ms = dict.fromkeys(CONTACTORS, 0), 0, 10_000
        self.registers = [[0.0, 0.0] for _ in range(3)]

    def reconnect(self):
        """To a new bridge: the wire is the same, the session is not."""
        self.hello["node_session"] += 1
        self.transport = Loopback(self.url, self.hear)
        self.channel = self._new_channel()

    def tell(self):
        now_ms = self.clock_ms()
        hours, self.told_ms = (now_ms - self.told_ms) / 3_600_000, now_ms
        battery = 5000.0 if self.until["battery charge"] > now_ms else 0.0
        for number, watts in enumerate((500.0 + battery, 0.0, battery)):
            self.registers[number][0] += watts * hours * 1000
            imported = round(self.registers[number][0])
            rest = [round(watts * 1000), None, None, 230_000, None, 50_000, 0]
            self.say([schema.INTERVAL, self.sequence, number, now_ms, round(hours * 3_600_000), imported, 0, *rest])
            self.say([schema.LIVE, number, now_ms, imported, 0, *rest])
            self.sequence += 1
        for index, name in enumerate(CONTACTORS):
            left = max(0, self.until[name] - now_ms)
            self.say([schema.CONTACTOR, index, now_ms, int(left > 0), 1, left, 0])

    def _answer(self, message):
        super()._answer(message)
        if message[0] == schema.REQUEST:
            closed = schema.TARGETS[message[4]] == "closed"
            self.until[CONTACTORS[message[3]]] = self.clock_ms() + 1000 * message[5] if closed else 0
            self.say(self.outcome(message))


def configured(folder):
    table = {
        "bridge": {"timezone": "UTC"},
        "agent": {"speed": SPEED, "start": "2026-07-01T08:00:00+00:00", "horizon_h": 8, "hold_s": 5, "mode": "market"},
        "tariff": {"buy": ["00:00 10", "13:00 90"], "sell": ["00:00 0"]},
        "home": [{"name": f"h{k}", "capacity_wh": 64000, "charge_w": 5000, "discharge_w": 5000} for k in (1, 2)],
    }
    config = parse(table, "test")
    config.bridge.state_dir = folder
    return config


async def told(nodes):
    while True:
        await asyncio.sleep(0.2)
        for node in nodes:
            node.tell()


def test_from_what_nodes_meter_to_leases_and_bills_and_on_after_a_restart(tmp_path):
    nodes = [Node(f"h{k}", k) for k in (1, 2)]
    for node in nodes:
        KeyRing(tmp_path / "keys").save(NodeKeys(node.hello["node"], [(1, KEY)]))

    async def once(enough):
        bridge = Bridge(configured(tmp_path), [node.transport for node in nodes])
        await bridge.store.open()
        async with beside(bridge.store.run()), beside(bridge.fleet.run()), beside(bridge.energy.run()):
            async with beside(told(nodes)), asyncio.timeout(60):
                while not enough(bridge):  # noqa: ASYNC110 - whatever it asks about
                    await asyncio.sleep(0.1)
        await bridge.store.close()

    def rows(kind):
        books = Books(tmp_path / "agent.db")
        try:
            return books.rows(kind)
        finally:
            books.close()

    def lines():
        return [line for line in rows(LineRow) if not line.home.startswith("=")]

    asyncio.run(once(lambda bridge: len(lines()) >= 8 and all(node.of(schema.REQUEST) for node in nodes)))
    before = lines()
    for node in nodes:
        holds = [message[5] for message in node.of(schema.REQUEST) if schema.TARGETS[message[4]] == "closed"]
        assert holds and max(holds) <= 5
    for node in nodes:  # a new bridge, a new session
        node.reconnect()
    asyncio.run(once(lambda bridge: len(lines()) >= len(before) + 6))
    assert lines()[: len(before)] == before or set(before) <= set(lines())
    every = rows(LineRow)
    assert sum(line.trade_micro + line.grid_micro + line.imbalance_micro + line.fee_micro for line in every) == 0
    assert len({(line.start_s, line.home) for line in every}) == len(every)
    decisions = {row.number: row for row in rows(DecisionRow)}
    outcomes = rows(OutcomeRow)
    assert outcomes and all(decisions[each.decision].reason for each in outcomes)
    for home in ("h1", "h2"):
        starts = [row.start_s for row in rows(IntervalRow) if row.home == home]
        assert starts == list(range(starts[0], starts[-1] + 1, 900))
