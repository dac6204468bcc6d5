"""What a plan is made for: homes with what can be moved in time, what is expected, limits, and what counts.

Times are whole seconds of the grid's time. Power at the terminals, which is what a meter sees: + takes energy in.
"""

from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from math import inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Span = tuple[int, int]  # from, until, in seconds


@dataclass(frozen=True)
class Battery:
    """`efficiency_permille` is of one way. Contents count from where the inverter stops discharging: 0 and
    `capacity_wh` lie at `floor_permille` and `ceiling_permille` of the cells' own scale, which the guard looks at.
    """

    capacity_wh: float
    charge_w: float
    discharge_w: float
    content_wh: float
    efficiency_permille: int = 949
    least_wh: float = 0.0
    floor_permille: int = 20
    ceiling_permille: int = 980
    cell_c: int = 25
    fault: bool = False

    @property
    def efficiency(self) -> float:
        """Of one way, 0 to 1."""
        return self.efficiency_permille / 1000


@dataclass(frozen=True)
class Dwell:
    """A contactor's minimum times, how it is now, and for how long it has been so."""

    min_on_s: int
    min_off_s: int
    on: bool = False
    since_s: int = 1 << 30


@dataclass(frozen=True)
class Car:
    """One stay at the plug. `needs_wh` is still to be metered at the plug, if it can be by `by_s` (None: `leaves_s`).
    `least_w` above 0: it charges with at least that or not at all. `barred`: spans in which it may not charge.
    """

    name: str
    arrives_s: int
    leaves_s: int
    needs_wh: float
    power_w: float
    by_s: int | None = None
    least_w: float = 0.0
    priority: float = 1.0
    barred: tuple[Span, ...] = ()
    dwell: Dwell | None = None


@dataclass(frozen=True)
class Band:
    """Another comfort band from `from_s` until `until_s`."""

    from_s: int
    until_s: int
    low_c: float
    high_c: float


@dataclass(frozen=True)
class WaterHeater:
    """A stirred tank. `draws_w`: heat taken as hot water, of each step or one number for all. `loss_w_per_k` to what is
    `around_c`. `thermostat`: it stops by itself at `high_c`, so that it may be left on.
    """

    name: str
    power_w: float
    litres: float
    now_c: float
    low_c: float
    high_c: float
    loss_w_per_k: float = 1.5
    around_c: float = 18.0
    draws_w: Floats | float = 0.0
    bands: tuple[Band, ...] = ()
    thermostat: bool = True
    priority: float = 1.0
    barred: tuple[Span, ...] = ()
    dwell: Dwell | None = None


@dataclass(frozen=True)
class Task:
    """Runs once, without a break, not before `earliest_s` and done by `latest_s`. `started_s`: it runs already."""

    name: str
    power_w: float
    duration_s: int
    earliest_s: int
    latest_s: int
    started_s: int | None = None
    priority: float = 1.0
    barred: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Home:
    """One meter. `never`: names of its devices (and "battery") that must not be switched. `budget_micro`: of the hours
    planned."""

    name: str
    battery: Battery | None = None
    cars: tuple[Car, ...] = ()
    heaters: tuple[WaterHeater, ...] = ()
    tasks: tuple[Task, ...] = ()
    import_limit_w: float = inf
    export_limit_w: float = inf
    budget_micro: int | None = None
    never: frozenset[str] = frozenset()

    @property
    def devices(self) -> "tuple[Car | WaterHeater | Task, ...]":
        """All but the battery, in order."""
        return (*self.cars, *self.heaters, *self.tasks)


@dataclass(frozen=True)
class Ahead:
    """What is expected from `from_s` on, in steps of `step_s`. load_w, solar_w [homes, steps]; price_mct, export_mct
    (what an exported kWh earns), carbon_g (of a kWh) [steps]. scenarios_w [scenarios, homes, steps]: net load as it
    might be, for the worth of stored energy; pool_scenarios_w [scenarios, steps]: of all homes together.
    `zone`: in which people are told times.
    """

    from_s: int
    step_s: int
    load_w: Floats
    solar_w: Floats
    price_mct: Floats
    export_mct: Floats | None = None
    carbon_g: Floats | None = None
    scenarios_w: Floats | None = None
    pool_scenarios_w: Floats | None = None
    zone: tzinfo = UTC

    @property
    def steps(self) -> int:
        """How many there are."""
        return len(self.price_mct)

    @property
    def hours(self) -> float:
        """The length of a step."""
        return self.step_s / 3600

    @property
    def net_w(self) -> Floats:
        """[homes, steps]: load less sun, before anything that is planned."""
        net: Floats = np.asarray(self.load_w, float) - np.asarray(self.solar_w, float)
        return net

    def moved(self, from_s: int) -> "Ahead":
        """What was expected, from `from_s` on; as many steps, those beyond the end like the last. No scenarios."""
        at = np.clip((from_s - self.from_s) // self.step_s + np.arange(self.steps), 0, self.steps - 1)
        load, solar = (np.asarray(part, float)[:, at] for part in (self.load_w, self.solar_w))
        price, earns, carbon = (
            part[at] for part in (np.asarray(self.price_mct, float), self.exported(), self.carbon())
        )
        return Ahead(from_s, self.step_s, load, solar, price, earns, carbon, zone=self.zone)

    def blank(self, homes: int) -> "Ahead":
        """Nothing is known of these steps: no load, no sun, no price."""
        none, free = np.zeros((homes, self.steps)), np.zeros(self.steps)
        return Ahead(self.from_s, self.step_s, none, none, free, zone=self.zone)

    def exported(self) -> Floats:
        """`export_mct`, 0 where none is given."""
        return np.zeros(self.steps) if self.export_mct is None else np.asarray(self.export_mct, float)

    def carbon(self) -> Floats:
        """`carbon_g`, 0 where none is given."""
        return np.zeros(self.steps) if self.carbon_g is None else np.asarray(self.carbon_g, float)


@dataclass(frozen=True)
class Feeder:
    """Linear limits of a grid: least <= base + per_w @ (each home's net W) <= most, `names` [rows] in words; per_w
    [rows, homes]; base, least, most [rows]; e.g. volts of a bus, permille of a line's rating. `unit` of a row.
    """

    names: tuple[str, ...]
    per_w: Floats
    least: Floats
    most: Floats
    base: Floats
    unit: str = ""

    @staticmethod
    def at(names: tuple[str, ...], per_w: Floats, least: Floats, most: Floats, value: Floats, at_w: Floats) -> "Feeder":
        """From sensitivities around a working point: `value` [rows] where the homes' net power is `at_w` [homes]."""
        return Feeder(names, per_w, least, most, np.asarray(value, float) - np.asarray(per_w, float) @ at_w)


@dataclass(frozen=True)
class Limits:
    """Of all homes together, and of the grid that they hang on."""

    import_w: float = inf
    export_w: float = inf
    feeder: Feeder | None = None


@dataclass(frozen=True)
class Weights:
    """What counts beside money: `carbon_mct_per_kg` of CO2, `peak_mct_per_kw` of the highest import, `wear_mct` of a
    kWh through the battery, which also keeps it from moving energy for nothing. `cost` 0 to 1 scales money itself.
    """

    cost: float = 1.0
    carbon_mct_per_kg: float = 0.0
    peak_mct_per_kw: float = 0.0
    wear_mct: float = 10.0
    missed: float = 10.0  # a wish's missing kWh, in the highest price; times the wish's priority
    over: float = 100.0  # the same of a kWh beyond a limit

    def prices(self, ahead: Ahead) -> tuple[Floats, Floats]:
        """[steps] each: mct that an imported kWh weighs, carbon included, and that an exported one brings."""
        carbon = ahead.carbon() * self.carbon_mct_per_kg / 1000
        return np.asarray(ahead.price_mct, float) * self.cost + carbon, ahead.exported() * self.cost

    def for_carbon(self, permille: int, ahead: "Ahead") -> "Weights":
        """`permille` of what counts is CO2, the rest money, at the mean prices of these hours."""
        clean, share = float(ahead.carbon().mean()), permille / 1000
        mean_mct = max(0.0, float(np.mean(ahead.price_mct)))
        priced = 1000 * share * mean_mct / clean if clean > 0 else 0.0
        return replace(self, cost=1 - share if clean > 0 else 1.0, carbon_mct_per_kg=priced)


NO_LIMITS = Limits()
MONEY = Weights()
