"""A neighbourhood for tests of the energy pages: seeded, in the shapes of the agent's views, over real books."""

import asyncio
import json
import math
import random
import time
from datetime import UTC, datetime

import numpy as np

from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.ladder import RUNGS
from host_bridge.agent.energy.view import (
    AccountView,
    AheadView,
    CommunityView,
    DecisionView,
    EnergyView,
    FeederView,
    HomeView,
    PointView,
    PoolView,
    RungView,
    SavingsView,
    SkillView,
    SolveView,
    StandingView,
    SwitchingView,
    TradeView,
)
from host_bridge.agent.energy.wishes import Wishes
from host_bridge.agent.narrative import read, tell
from host_bridge.store.book_rows import AwardRow, DecisionRow, IntervalRow, LineRow, OutcomeRow, RungRow
from host_bridge.store.books import Books

STEP_S, DAY_S = 900, 86_400
MIDNIGHT_S = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())
NOW_S = MIDNIGHT_S + 13 * 3600 + 52 * 60  # grid time
BEGIN_S = NOW_S // STEP_S * STEP_S
CUT_OFF = ("home-4", "home-9", "home-15")
CAPACITY_WH, POWER_W = 6400, 5000
DEVICES = ("car", "water_heater", "washing_machine", "heat_pump")
LADDER = [RungView(rung.name, place, rung.done, rung.shown) for place, rung in enumerate(RUNGS)]


def buy_mct(at_s):
    hour = at_s % DAY_S // 3600
    return 34_500 if 17 <= hour < 21 else 22_500 if hour < 6 else 28_400


SELL_MCT = 8_000


class Course:
    """A home's load and sun, W by step, and what a greedy battery makes of them; the same for the same seed."""

    def __init__(self, number):
        self.rng = random.Random(number)
        self.base, self.peak, self.sun = (self.rng.uniform(*span) for span in ((180, 420), (900, 2600), (0, 6200)))
        self.sun = 0.0 if number % 5 == 0 else self.sun

    def load_w(self, at_s):
        hour = at_s % DAY_S / 3600
        day = self.base + self.peak * (math.exp(-((hour - 7.5) ** 2) / 1.5) * 0.6 + math.exp(-((hour - 19) ** 2) / 4))
        return day * (0.8 + 0.4 * random.Random(hash((at_s, round(self.base)))).random())

    def solar_w(self, at_s):
        hour = at_s % DAY_S / 3600
        cloud = 0.75 + 0.25 * random.Random(hash((at_s, 7))).random()
        return self.sun * max(0.0, math.sin((hour - 5.5) / 15 * math.pi)) * cloud if 5.5 < hour < 20.5 else 0.0

    def battery_w(self, at_s, content_wh):
        wanted = 0.6 * (self.solar_w(at_s) - self.load_w(at_s))
        room = (CAPACITY_WH - content_wh) * 3600 / STEP_S / 0.95
        return max(min(wanted, room, POWER_W), -min(POWER_W, content_wh * 0.95 * 3600 / STEP_S))


class Neighbourhood:
    """What the pages ask the agent for. `change` makes another view of it."""

    def __init__(self, folder, homes=17, speed=60, feeder=True):
        self.names = [f"home-{number}" for number in range(1, homes + 1)]
        self.speed, self.has_feeder, self.now_s = speed, feeder, NOW_S
        self.file, self.fault, self.days = folder / "agent.db", "", 9
        self.books = Books(self.file)
        self._rows = {}
        self._picture, self._shown = None, (0.0, None)
        for number, name in enumerate(self.names):
            self._rows[name] = self._fill(number, name)
        self._keeper, self._wishes = Bookkeeper(Books(self.file)), None

    @property
    def preferences(self):
        return self

    def devices(self, home):
        return list(DEVICES) if home in self.names else {}[home]

    async def _ready(self):
        if self._wishes is None:
            await self._keeper.open()
            self._wishes = Wishes(
                self._keeper, dict.fromkeys(self.names, DEVICES), UTC, lambda: None, lambda: self.now_s
            )
            await self._wishes.open()
        return self._wishes

    async def propose(self, home, sentence):
        return await (await self._ready()).propose(home, sentence)

    async def confirm(self, home, document, asked_by, sentence=""):
        return await (await self._ready()).confirm(home, document, asked_by, sentence)

    async def forget(self, home, number, asked_by):
        await (await self._ready()).forget(home, number, asked_by)

    async def account(self, home, day, length):
        assert day == "2026-07-01"
        return await asyncio.to_thread(lambda: tell(read(self.books, home, MIDNIGHT_S, MIDNIGHT_S + DAY_S), length))

    async def past(self, home, since_s):
        return [row for row in self._rows[home] if row.start_s >= since_s]

    def feeder_picture(self):
        return self._picture

    def draw_feeder(self, scale=1.0):
        """Work out a real feeder's state (pandapower), as the agent does in its thread."""
        from host_bridge.agent.feeder.drawing import picture
        from host_bridge.agent.feeder.grids import DEMO
        from host_bridge.agent.feeder.grids import read as read_grid

        feeder = read_grid(DEMO, self.names)
        powers = np.array([(self.home(name).grid_w or 0.0) * scale for name in self.names])
        self._picture = picture(feeder, feeder.flow(powers), powers.tolist())

    def home(self, name):
        number = self.names.index(name) if name in self.names else {}[name]
        course, cut = Course(number), name in CUT_OFF
        content_wh = min(CAPACITY_WH, 800 + 350 * (number % 9))
        load, sun = course.load_w(BEGIN_S), course.solar_w(BEGIN_S)
        battery = course.battery_w(BEGIN_S, content_wh)
        place = 4 if cut else 1 if number == 6 else 2 if number == 11 else 0
        causes = {4: ["its node is not online: nothing was heard of it for 9 min"],
                  1: ["the forecast is young: 2 of 14 days are stored"],
                  2: ["a meter tells late: solar, by 20 min"]}.get(place, [])  # fmt: skip
        return HomeView(
            name, name, "stale" if cut else "online",
            StandingView(RUNGS[place].name, place, NOW_S - (7200 if place else DAY_S), causes),
            None if cut else load, None if cut else sun, None if cut else battery,
            None if cut else load - sun + battery,
            {"grid": "good", "solar": "late: 20 min" if place == 2 else "good", "battery": "good"},
            0 if number == 13 else CAPACITY_WH, None if number == 13 else float(content_wh), 180.0 + 400 * cut,
            "self-consumption" if cut else "charge" if battery > 200 else "hold",
            "" if cut else "a kWh stored now is worth 31.2 ct at 18:00, 17.8 ct more than its price among neighbours",
            None if cut else 17_350, 0 if cut else self._position(number),
            [SkillView("load", "boosted" if place != 1 else "seasonal", 182 - 40 * number if place != 1 else None,
                       212.0, 259.0, 96 * 9, "" if place != 1 else "2 of 14 days are stored"),
             SkillView("solar", "boosted", 338, 140.2, 211.7, 96 * 9)],
            self._ahead(course, content_wh),
            None if cut else SwitchingView(MIDNIGHT_S + 18 * 3600, "battery discharge", "closed", "discharge",
                                           MIDNIGHT_S + 19 * 3600 + 900, "the price is highest then: 34.5 ct/kWh"),
            self._wishes.views(name) if self._wishes else [],
            self._decisions(name, number),
            AccountView("2026-07-01", 3_104_512, 812_040, 2_201_000, 400_100, 81_200, 22_410, -1_204, 310, 102_716,
                        168_004, 55 - 8 * cut, 8 * cut),
            self._savings(8 * cut, 1), node_plan="version 14, until 02 Jul 13:45" if not cut else "",
        )  # fmt: skip

    def view(self):
        if time.monotonic() > self._shown[0] + 1:
            self._shown = time.monotonic(), self._view()
        return self._shown[1]

    def change(self, **values):
        """From now on the view shows these: of `now_s`, `speed`, `fault`, `days`, `has_feeder`."""
        for name, value in values.items():
            setattr(self, name, value)
        self._shown = 0.0, None

    def _view(self):
        homes = [self.home(name) for name in self.names]
        known = [home for home in homes if home.grid_w is not None]
        powers = ("grid_w", "solar_w", "load_w", "battery_w")
        sums = {what: sum(getattr(home, what) for home in known) for what in powers}
        trades = self._trades()
        market = [self._point(MIDNIGHT_S + STEP_S * step) for step in range((BEGIN_S - MIDNIGHT_S) // STEP_S + 1)]
        feeder = FeederView(
            "kerber_landnetz_kabel_2", 843, "line 14", 968, 1024, 0,
            [(point.start_s, 300 + 9 * step) for step, point in enumerate(market)],
        ) if self.has_feeder else None  # fmt: skip
        community = CommunityView(
            "market", BEGIN_S, BEGIN_S + STEP_S, buy_mct(BEGIN_S), SELL_MCT, 17_350,
            "more is offered than asked for: the price lies nearer to what the grid pays",
            sum(trade.estimated_mwh for trade in trades), trades, sums["grid_w"], sums["solar_w"], sums["load_w"],
            sums["battery_w"], len(homes) - len(known), feeder, self._savings(24, len(homes)), market,
            SolveView(BEGIN_S - 11, "optimal", 412.0, 96.0, 120, len(homes), 96), 0, 24,
            PoolView(31_400, 412_000, "2026-06-30"),
        )  # fmt: skip
        events = ["home-4 is not heard: its node follows the plan that it keeps", "home-7 forecasts simply: young"]
        return EnergyView(
            self.now_s, self.speed,
            f"replayed {self.speed} times as fast: what nodes metered counts {self.speed} times" * (self.speed > 1),
            STEP_S, community, homes, LADDER, events, {"steps": 55}, self.fault,
        )  # fmt: skip

    def _position(self, number):
        name = self.names[number]
        return sum(trade.estimated_mwh * ((trade.buyer == name) - (trade.seller == name)) for trade in self._trades())

    def _trades(self):
        rng, found = random.Random(5), []
        courses = {name: Course(number) for number, name in enumerate(self.names) if name not in CUT_OFF}
        wants = {name: course.load_w(BEGIN_S) - course.solar_w(BEGIN_S) for name, course in courses.items()}
        buyers = [name for name, want in wants.items() if want > 0]
        for seller in [name for name, want in wants.items() if want < -900][:5]:
            for buyer in rng.sample(buyers, min(2, len(buyers))):
                found.append(TradeView(seller, buyer, round(min(-wants[seller] / 3, wants[buyer] / 2) * 250)))
        return found

    def _point(self, start_s):
        hour = start_s % DAY_S / 3600
        price = round(19_000 - 6_000 * math.sin((hour - 6) / 12 * math.pi)) if 6 <= hour <= 20 else None
        traded = round(900_000 * max(0.0, math.sin((hour - 6) / 14 * math.pi))) if price else 0
        return PointView(start_s, price, traded, buy_mct(start_s), SELL_MCT, "")

    def _savings(self, open_intervals, homes):
        young = self.days < 5
        saved = 182
        return SavingsView(
            NOW_S - self.days * DAY_S, BEGIN_S, self.days * 96 * homes, open_intervals, 1_680_040 * homes,
            round(1_680_040 * homes * (1 - saved / 1000)), round(1_680_040 * homes * saved / 1000), saved,
            None if young else 151, None if young else 209, self.days,
            f"too young for a band: {self.days} of 5 whole days" if young
            else f"95 of 100 draws of {self.days} whole days lie within",
        )  # fmt: skip

    def _ahead(self, course, content_wh):
        times = [BEGIN_S + STEP_S * step for step in range(96)]
        load, sun = [course.load_w(at) for at in times], [course.solar_w(at) for at in times]
        battery, contents, content = [], [], float(content_wh)
        for at in times:
            power = course.battery_w(at, content)
            content += power * (0.95 if power > 0 else 1 / 0.95) * STEP_S / 3600
            battery.append(power)
            contents.append(content)
        grid = [a - b + c for a, b, c in zip(load, sun, battery, strict=True)]
        return AheadView(
            BEGIN_S, STEP_S, load, [0.7 * w for w in load], [1.4 * w for w in load], sun, [0.5 * w for w in sun],
            [1.2 * w for w in sun], battery, [0.0] * 96, grid, contents, [buy_mct(at) for at in times],
            [SELL_MCT] * 96, [""] * 96, BEGIN_S - 11,
        )  # fmt: skip

    def _decisions(self, name, number):
        wanted = ["applied", "", "refused: minimum on time", "unknown: no outcome came in time", "applied", "applied"]
        return [
            DecisionView(100 * number + step, BEGIN_S - STEP_S * step, name, ("charge", "hold")[step % 2],
                         ("battery charge", "battery hold")[step % 2], 1_200_000 - 70_000 * step,
                         "a kWh stored now is worth 31.2 ct at 18:00, 17.8 ct more than its price among neighbours",
                         "" if step == 0 else wanted[step % 6], "full")
            for step in range(12)
        ]  # fmt: skip

    def _fill(self, number, name):
        """The books of a home: nine days of intervals, today's settled; the rows."""
        course, content = Course(number), 2000.0
        until_s = NOW_S - (2 * 3600 if name in CUT_OFF else STEP_S)
        rows = []
        for start in range(MIDNIGHT_S - DAY_S, until_s - until_s % STEP_S, STEP_S):
            load, sun, battery = course.load_w(start), course.solar_w(start), course.battery_w(start, content)
            content += battery * (0.95 if battery > 0 else 1 / 0.95) * STEP_S / 3600
            grid = load - sun + battery
            taken, given, solar, charged, freed = (round(max(0, watts) * STEP_S / 3.6)
                                                   for watts in (grid, -grid, sun, battery, -battery))  # fmt: skip
            rows.append(IntervalRow(name, start, STEP_S, taken, given, solar, charged, freed, 0, "", "{}"))
        today = [row for row in rows if row.start_s >= MIDNIGHT_S]
        lines = [
            LineRow(row.start_s, name, 0, row.import_mwh * 28_400 // 100_000, 0, 310,
                    row.import_mwh * 28_400 // 100_000, max(0, row.load_mwh - row.solar_mwh) * 28_400 // 100_000,
                    row.start_s + STEP_S, 0)
            for row in today
        ]  # fmt: skip
        awards = [AwardRow(row.start_s, name, 40_000, 0, 17_350) for row in today[30:]]
        reason = "a kWh stored now is worth 31.2 ct at 18:00"
        basis = json.dumps({"worth_mct": 31_200})
        decided = [DecisionRow(1000 * number + step, name, row.start_s, row.start_s, "charge", "battery", 400_000,
                               STEP_S, reason, basis) for step, row in enumerate(today[24:])]  # fmt: skip
        outcomes = [OutcomeRow(row.number, 5000 + row.number, row.start_s, "applied" if step % 9 else "refused",
                               "" if step % 9 else "minimum on time") for step, row in enumerate(decided)]  # fmt: skip
        rung = [RungRow(name, MIDNIGHT_S + 3600, "no market", "too few homes could trade: 1 of 2")]
        self.books.add([*rows, *lines, *awards, *decided, *outcomes, *rung])
        return rows
