"""Homes to plan for: random ones of every kind from a seed, plain ones by hand, and CityLearn's."""

from math import inf

import numpy as np

from host_bridge.agent.plan import Ahead, Band, Battery, Car, Dwell, Feeder, Home, Limits, Task, WaterHeater, Weights

BEGIN_S = 1_790_035_200  # a whole hour
STEP_S = 900


class Random:
    """A problem of one seed: `homes`, `ahead`, `limits`, `weights`. `plain`: batteries and prices above 0 alone."""

    def __init__(self, seed, plain=False):
        self.rng = rng = np.random.default_rng(seed)
        count, self.steps = int(rng.integers(1, 4)), int(rng.integers(4, 17))
        self.step_s = int(rng.choice([900, 1800, 3600]))
        self.homes = tuple(self.home(f"h{number}", plain) for number in range(count))
        price = rng.uniform(15_000, 45_000, self.steps)
        earns = rng.uniform(0, 15_000, self.steps)
        if not plain and rng.random() < 0.3:
            price = price - rng.uniform(0, 60_000, self.steps)
        if not plain and rng.random() < 0.5:
            earns = rng.uniform(-2_000, 30_000, self.steps)
        shape = (count, self.steps)
        load, sun = rng.uniform(0, 2500, shape), np.maximum(0, rng.uniform(-3000, 5000, shape))
        carbon = rng.uniform(100, 500, self.steps)
        self.ahead = Ahead(BEGIN_S, self.step_s, load, sun, price, None if rng.random() < 0.3 else earns, carbon)
        self.limits, self.weights = Limits(), Weights()
        if not plain:
            self.limits = Limits(*(float(rng.choice([inf, 3000])) for _ in range(2)), feeder=self.feeder(count))
            self.weights = Weights(float(rng.choice([1, 0.5])), *(float(rng.choice([0, 8000])) for _ in range(2)))

    def home(self, name, plain):
        rng = self.rng
        capacity = float(rng.uniform(500, 15_000))
        powers = (float(rng.uniform(500, 6000)) for _ in range(2))
        content = float(rng.uniform(-0.1, 1.1)) * capacity
        least = float(rng.choice([0, 0.2])) * capacity
        battery = Battery(capacity, *powers, content, int(rng.integers(800, 1001)), least)
        if plain:
            return Home(name, battery)
        return Home(
            name,
            battery if rng.random() < 0.8 else None,
            tuple(self.car() for _ in range(rng.integers(0, 2))),
            tuple(self.heater() for _ in range(rng.integers(0, 2))),
            tuple(self.task() for _ in range(rng.integers(0, 2))),
            float(rng.choice([inf, 2000])),
            float(rng.choice([inf, 500])),
            int(rng.integers(0, 5_000_000)) if rng.random() < 0.2 else None,
            frozenset(["battery"]) if rng.random() < 0.05 else frozenset(),
        )

    def car(self):
        rng, (arrives, leaves) = self.rng, self.span()
        by = None if rng.random() < 0.5 else int(rng.integers(arrives, leaves + self.step_s))
        least = float(rng.choice([0, 0, 1400]))
        power, needs = float(rng.choice([2300, 7400])), float(rng.uniform(-100, 20_000))
        barred = (self.span(),) if rng.random() < 0.3 else ()
        return Car(
            "car", arrives, leaves, needs, power, by, least, float(rng.choice([0.5, 1, 2])), barred, self.dwell()
        )

    def heater(self):
        rng = self.rng
        low = float(rng.uniform(35, 60))
        return WaterHeater(
            "boiler", 2000.0, float(rng.uniform(50, 300)), float(rng.uniform(20, 80)),
            low, low + float(rng.uniform(1, 20)), draws_w=rng.uniform(0, 800, self.steps),
            bands=(Band(*self.span(), 50, 65),) if rng.random() < 0.3 else (),
            barred=(self.span(),) if rng.random() < 0.3 else (), dwell=self.dwell(),
        )  # fmt: skip

    def task(self):
        rng, (earliest, latest) = self.rng, self.span()
        started = earliest if rng.random() < 0.1 and earliest <= BEGIN_S else None
        barred = (self.span(),) if rng.random() < 0.2 else ()
        lasting = int(rng.integers(600, 4 * self.step_s))
        return Task("washer", float(rng.uniform(300, 2500)), lasting, earliest, latest, started, barred=barred)

    def span(self):
        begin = BEGIN_S + int(self.rng.integers(-2 * self.step_s, self.steps * self.step_s))
        return begin, begin + int(self.rng.integers(self.step_s, self.steps * self.step_s))

    def dwell(self):
        rng = self.rng
        if rng.random() < 0.6:
            return None
        times = (int(rng.integers(60, 4 * self.step_s)) for _ in range(2))
        return Dwell(*times, bool(rng.random() < 0.5), int(rng.integers(0, 3 * self.step_s)))

    def feeder(self, count):
        if self.rng.random() < 0.7:
            return None
        per_w = self.rng.uniform(0, 2, (2, count))
        return Feeder(("line 1", "bus 2"), per_w, np.array([-4000.0, -inf]), np.array([4000.0, 6000.0]), np.zeros(2))


def ahead(load, solar=0.0, price=20_000.0, steps=None, step_s=STEP_S, **more):
    """One home's hours; what is one number holds for all steps."""
    load, solar, price = (np.asarray(part, float) for part in (load, solar, price))
    steps = steps or max(part.size for part in (load, solar, price))
    load, solar = (np.broadcast_to(np.asarray(part, float), (1, steps)).copy() for part in (load, solar))
    return Ahead(BEGIN_S, step_s, load, solar, np.broadcast_to(np.asarray(price, float), steps).copy(), **more)


def quarters(hourly):
    """[..., 4 * hours] of W from Wh of each hour."""
    return np.repeat(hourly, 4, axis=-1).astype(float)


def neighbourhood(recorded, day, hours=24, content_wh=2000.0):
    """(homes, what is ahead) of CityLearn's 17 homes on that day of the year, known as it was."""
    part = slice(24 * day, 24 * day + hours)
    homes = tuple(Home(name, Battery(6400, 5000, 5000, content_wh)) for name in recorded.names)
    load, solar, price = (quarters(x[..., part]) for x in (recorded.load_wh, recorded.solar_wh, recorded.price))
    return homes, Ahead(BEGIN_S + 86_400 * day, STEP_S, load, solar, price)
