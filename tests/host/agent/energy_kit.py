"""A neighbourhood for the energy agent: homes that meter and obey in virtual time, with every fault that can be had.

`Street` has what the bridge gives the agent (views, dispatch, readings); the agent itself, its books and all that is
in between are the real ones.
"""

import asyncio
import math
from dataclasses import dataclass, field
from types import SimpleNamespace

from host_bridge.agent.energy.agent import EnergyAgent
from host_bridge.config import parse
from host_bridge.events import EventLog
from host_bridge.model import (
    Command,
    ContactorReport,
    LinkState,
    Live,
    NodeView,
    Reading,
    Refusal,
    StoreError,
    Verdict,
    Vitals,
)
from host_bridge.store.books import Books

BEGIN_S = 1_782_900_000 - 1_782_900_000 % 86_400  # a midnight, UTC, in summer
CONTACTORS = ("battery charge", "battery discharge", "battery hold")
TICK_S = 60


def table(homes=2, **agent):
    """A configuration, as TOML gives it."""
    return {
        "bridge": {"timezone": "UTC"},
        "agent": {"mode": "market", "solve_s": 5, "horizon_h": 12} | agent,
        "tariff": {"buy": ["00:00 20", "16:00 45", "21:00 20"], "sell": ["00:00 5"]},
        "home": [
            {"name": f"h{k}", "capacity_wh": 6400, "charge_w": 5000, "discharge_w": 5000} for k in range(1, homes + 1)
        ],
    }


@dataclass
class Home:
    """A node with its house: `load_w`, `solar_w` are functions of the time of day in hours."""

    name: str
    load_w: object
    solar_w: object
    content_wh: float = 0.0
    capacity_wh: float = 6400.0
    online: bool = True
    registers: dict = field(default_factory=lambda: {part: [0.0, 0.0] for part in ("grid", "solar", "battery")})
    power: dict = field(default_factory=dict)
    leases: dict = field(default_factory=dict)  # contactor: until, in ms
    refuses: str = ""
    vanishes: bool = False  # answers nothing
    frozen: set = field(default_factory=set)  # parts whose registers stand still
    reversed: set = field(default_factory=set)  # parts that count the wrong way
    silent: set = field(default_factory=set)  # parts that tell nothing
    withheld: list = field(default_factory=list)  # readings while it is away
    trickles: bool = False  # back again, and what it withheld has not come yet
    sequence: int = 0
    asked: list = field(default_factory=list)
    loads: dict = field(default_factory=dict)  # contactor: W while it is closed
    plans: list = field(default_factory=list)

    def closed(self, contactor, now_ms):
        return self.leases.get(contactor, 0) > now_ms

    def live_for(self, hour, now_ms):
        load, sun = self.load_w(hour), self.solar_w(hour)
        load += sum(watts for name, watts in self.loads.items() if self.closed(name, now_ms))
        net = load - sun
        if self.closed("battery charge", now_ms):
            wanted = 5000.0
        elif self.closed("battery discharge", now_ms):
            wanted = -5000.0
        elif self.closed("battery hold", now_ms):
            wanted = max(-net, 0.0)
        else:
            wanted = -net
        wanted = min(max(wanted, -5000.0), 5000.0)
        hours = TICK_S / 3600
        wanted = min(wanted, (self.capacity_wh - self.content_wh) / 0.95 / hours)
        wanted = max(wanted, -self.content_wh * 0.95 / hours)
        self.content_wh += wanted * hours * (0.95 if wanted > 0 else 1 / 0.95)
        self.power = {"grid": net + wanted, "solar": -sun, "battery": wanted}
        for part, watts in self.power.items():
            if part not in self.frozen:
                self.registers[part][(watts < 0) ^ (part in self.reversed)] += abs(watts) * hours * 1000


class Street:
    """`now_s` is the grid's (speed 1): advance it with `run`."""

    def __init__(self, folder, homes=None, config=None, hour=0):
        self.folder, self.now_s = folder, BEGIN_S + round(hour * 3600)
        self.config = parse(config or table(), "test")
        self.config.bridge.state_dir = folder
        self.homes = {home.name: home for home in homes or usual(len(self.config.homes))}
        self.views, self.rows = {}, {}
        self.events = EventLog()
        self.commands, self.store_fault = [], None
        self.wall_shift_s = 0
        self.agent = None
        for home in self.homes.values():
            self._view(home)
            self._report(home)
            self._read(home)

    def start(self, books=None):
        fleet = SimpleNamespace(views=self.views)
        store = SimpleNamespace(readings=self.readings, received=self.received)
        dispatch = SimpleNamespace(request=self.request, store=self.store)
        self.agent = EnergyAgent(
            self.config, fleet, dispatch, store, self.events, books or Books(self.config.books),
            clock_ms=lambda: self.now_s * 1000, wall_ms=lambda: (self.now_s + self.wall_shift_s) * 1000,
        )  # fmt: skip
        return self.agent

    async def run(self, hours, tick_s=TICK_S, settle=True):
        """Time goes on, and with it homes and agent."""
        end_s = self.now_s + round(hours * 3600)
        while self.now_s < end_s:
            self.tick(tick_s)
            await self.agent.advance((self.now_s + self.wall_shift_s) * 1000)
            if settle:
                await self.agent.settled()

    def tick(self, tick_s=TICK_S):
        self.now_s += tick_s
        for home in self.homes.values():
            home.live_for(self.hour, self.now_s * 1000)
            self._read(home)
            self._report(home)

    @property
    def hour(self):
        return self.now_s % 86_400 / 3600

    def _view(self, home):
        view = NodeView(home.name, f"loop:{home.name}", LinkState.ONLINE)
        view.channels, view.contactors = ("grid", "solar", "battery"), (*CONTACTORS, *home.loads)
        view.max_hold_s, view.interval_s, view.journal_epoch = 900, TICK_S, 1
        self.views[home.name] = view

    def _read(self, home):
        for number, part in enumerate(("grid", "solar", "battery")):
            if part in home.silent:
                continue
            home.sequence += 1
            imported, exported = (round(each) for each in home.registers[part])
            watts = home.power.get(part, 0.0) * (-1 if part in home.reversed else 1)
            row = Reading(home.name, 1, home.sequence, number, self.now_s * 1000, self.now_s * 1000,
                          TICK_S * 1000 if home.power else 0, imported, exported, round(watts * 1000),
                          None, None, 230_000, None, 50_000, 0)  # fmt: skip
            (home.withheld if not home.online else self.rows.setdefault((home.name, number), [])).append(row)

    def _report(self, home):
        view = self.views[home.name]
        view.link_state = LinkState.ONLINE if home.online else LinkState.STALE
        if not home.online:
            return
        for row in home.withheld if not home.trickles else ():
            self.rows.setdefault((home.name, row.channel), []).append(row)
        if not home.trickles:
            home.withheld.clear()
        for number, part in enumerate(("grid", "solar", "battery")):
            if part in home.silent:
                continue
            imported, exported = (round(each) for each in home.registers[part])
            watts = home.power.get(part, 0.0) * (-1 if part in home.reversed else 1)
            view.live[number] = Live(number, self.now_s * 1000, imported, exported, round(watts * 1000), None, None,
                                     230_000, None, 50_000, 0)  # fmt: skip
        for number, name in enumerate(view.contactors):
            state = "closed" if home.closed(name, self.now_s * 1000) else "open"
            view.contactor_reports[number] = ContactorReport(number, self.now_s * 1000, state, "request", 0, 0)
        view.vitals = Vitals(self.now_s * 1000, None, 0, None, 0, len(home.plans), 0, 0, True)

    # What the bridge gives the agent

    async def readings(self, node, channel, start_ms, end_ms, resolution, limit):
        if resolution != "raw":
            return []
        rows = self.rows.get((node, channel), [])
        return sorted((row for row in rows if start_ms <= row.time_ms < end_ms), key=lambda row: row.time_ms)[:limit]

    async def received(self, node, epoch):
        home = self.homes[node]
        return (home.withheld[0].sequence if home.withheld else home.sequence + 1), set()

    async def request(self, node, contactor, target, hold_s, *, asked_by, reason):
        if self.store_fault:
            raise StoreError(self.store_fault)
        home = self.homes[node]
        command = Command(len(self.commands) + 1, self.now_s * 1000, node, contactor, target, hold_s, asked_by, reason)
        self.commands.append(command)
        home.asked.append((self.now_s, contactor, target, hold_s))
        if not home.online or home.vanishes:
            command.verdict = Verdict.UNKNOWN
        elif home.refuses:
            command.verdict, command.refusal, command.detail = Verdict.REFUSED, Refusal.NODE, home.refuses
        else:
            command.verdict = Verdict.APPLIED
            home.leases[contactor] = self.now_s * 1000 + hold_s * 1000 if target == "closed" else 0
            self._report(home)
        return command

    async def store(self, node, document, body, *, asked_by, reason):
        home = self.homes[node]
        command = Command(len(self.commands) + 1, self.now_s * 1000, node, "", document, 0, asked_by, reason)
        self.commands.append(command)
        home.plans.append(body)
        command.verdict, command.detail = Verdict.APPLIED, f"version {len(home.plans)}"
        return command, SimpleNamespace(applied=True, reason="none", version=len(home.plans), digest=b"")

    # What tests look at

    def rows_of(self, kind, where="", values=()):
        books = Books(self.config.books)
        try:
            return books.rows(kind, where, values)
        finally:
            books.close()

    def house(self, name):
        return next(house for house in self.agent.parts.houses if house.name == name)

    def kinds(self):
        return [event.kind for event in self.events.recent]


def sun(peak_w):
    return lambda hour: peak_w * max(0.0, math.sin(math.pi * (hour - 6) / 12)) if 6 < hour < 18 else 0.0


def load(base_w, evening_w):
    """Never quite the same from one minute to the next, as nothing real is."""
    return lambda hour: (base_w + (evening_w if 17 <= hour < 22 else 0)) * (1 + 0.07 * math.sin(hour * 37.1))


def usual(count):
    return [Home(f"h{k}", load(300 + 40 * k, 900), sun(5000 if k % 2 else 800)) for k in range(1, count + 1)]


def go(course):
    """Run a coroutine function's result."""
    return asyncio.run(course)
