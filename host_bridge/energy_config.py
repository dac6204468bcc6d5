"""The configuration's part about energy: [agent], [[home]], [[load]], [tariff], [market]; what they mean and may say.

    [agent]             # what the energy agent does; it runs where there is a [[home]]
    [[home]]            # one per home: its node, the channels of its meters, its battery and that one's contactors
    [[load]]            # one per contactor load that the agent may shift: heater, car or task
    [tariff]            # the supplier's prices: steps of a day, or a file
    [market]            # trade between the homes

`check` raises ValueError: where and what to write instead.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

MODES = ("alone", "pooled", "market")
LOADS = ("heater", "car", "task")
STEPS_S = (300, 600, 900, 1800, 3600)
FASTEST = 3600  # grid seconds in a second
_STEP = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]) +(-?)([0-9]{1,6})(?:\.([0-9]{1,3}))?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DEVICE = re.compile(r"[a-z][a-z0-9_]{0,31}")
MOST_MCT = 1_000_000  # of a kWh: as the market has it


@dataclass(slots=True)
class AgentConfig:
    """What the agent does. Zero is a value here where the comment says so."""

    mode: str = "market"  # alone: each home for itself; pooled: as if behind one meter; market: trade
    step_s: int = 900  # a market interval, of the grid's time
    horizon_h: int = 24  # that a plan looks ahead
    speed: int = 1  # seconds of the grid in a real one: above 1 only for a replayed neighbourhood
    start: str = ""  # ISO time of the grid when the agent first ran, for a replayed one; empty: now
    began_unix_ms: int = 0  # Unix ms of this machine at which the grid showed `start`; 0: when the agent first ran
    solve_s: int = 10  # that a plan may take; the last good one is kept then
    history_days: int = 60  # of intervals that forecasts learn from
    history: str = ""  # folder of HOME.csv to learn from at a cold start: start_s,load_wh,solar_wh, a row a step
    hold_s: int = 300  # of a lease at most, in real seconds; renewed while wanted
    store_every_h: int = 3  # at least between two plans stored in one node, in real hours: its flash wears
    feeder: str = ""  # a low-voltage grid for the market's limits (extra `grid`), e.g. "kerber_landnetz_freileitung_1"


@dataclass(slots=True)
class HomeConfig:
    """A home. A battery needs capacity_wh, charge_w, discharge_w and its contactors."""

    name: str = ""
    node: str = ""  # empty: as the home
    grid: str = "grid"  # channels of its meters; empty: there is none
    solar: str = "solar"
    battery: str = "battery"
    charge: str = "battery charge"  # contactors: the inverter's dry contacts
    discharge: str = "battery discharge"
    hold: str = "battery hold"
    capacity_wh: int = 0  # 0: no battery
    charge_w: int = 0
    discharge_w: int = 0
    efficiency_permille: int = 950  # one way, at most 1000
    least_wh: int = 0  # never planned below
    import_limit_w: int = 0  # of its connection; 0: none
    export_limit_w: int = 0
    bus: int = -1  # of the feeder; -1: in the order of the homes


@dataclass(slots=True)
class LoadConfig:
    """A contactor load that may be shifted. Times are of the configuration's zone, HH:MM."""

    home: str = ""
    name: str = ""  # in preferences and reasons, as water_heater; empty: the contactor's
    contactor: str = ""
    kind: str = "task"  # heater: keeps water warm; car: full by `by`; task: runs once a day
    power_w: int = 0
    needs_wh: int = 0  # a day: of car and task
    earliest: str = "00:00"
    by: str = "24:00"
    volume_l: int = 0  # of heater
    low_c: int = 45
    high_c: int = 60
    loss_w: int = 50  # of heater, standing

    @property
    def device(self) -> str:
        """Its name in preferences."""
        return self.name or self.contactor.lower().replace(" ", "_")


@dataclass(slots=True)
class TariffConfig:
    """The supplier's prices in cents a kWh, up to three decimals; they may be negative."""

    buy: list[str] = field(default_factory=list)  # ["00:00 22.5", "07:00 28.4"]: from then on, every day
    sell: list[str] = field(default_factory=list)  # what the supplier pays; empty: nothing
    file: str = ""  # CSV instead: start_s,buy_mct,sell_mct[,carbon_g], each row until the next; relative to this file


@dataclass(slots=True)
class MarketConfig:
    """Trade between homes."""

    least_homes: int = 2  # fewer that can trade: no market
    fee_mct: int = 0  # a kWh traded, of the buyer and of the seller each


def day_steps(texts: Sequence[str]) -> list[tuple[int, int]]:
    """[(seconds from midnight, mct/kWh)] of a tariff's steps, in the order of the day. Raises ValueError."""
    steps = []
    for text in texts:
        found = _STEP.fullmatch(text.strip())
        if not found:
            raise ValueError(f'{text[:40]!r}: write a time and cents a kWh, as "07:00 28.4"')
        hours, minutes, sign, cents, thousandths = found.groups()
        mct = int(cents) * 1000 + int((thousandths or "0").ljust(3, "0"))
        if mct > MOST_MCT:
            raise ValueError(f"{text!r}: a kWh costs at most {MOST_MCT // 1000} cents here")
        steps.append((int(hours) * 3600 + int(minutes) * 60, -mct if sign else mct))
    if any(before >= after for (before, _), (after, _) in pairwise(steps)):
        raise ValueError("the times must rise, from the first of the day to its last")
    return steps


def day_seconds(text: str) -> int:
    """Of HH:MM, from midnight. Raises ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text[:40]!r}: write a time of the day, as 07:00")
    return int(text[:2]) * 3600 + int(text[3:]) * 60


def check(
    agent: AgentConfig, homes: Sequence[HomeConfig], loads: Sequence[LoadConfig], tariff: TariffConfig,
    market: MarketConfig,
) -> None:  # fmt: skip
    """Raises ValueError: the section, the key and what to write."""
    _check_agent(agent)
    _bounds("[market]", market, {"least_homes": (2, 1000), "fee_mct": (0, 1_000_000)})
    for key in ("buy", "sell"):
        try:
            day_steps(getattr(tariff, key))
        except ValueError as error:
            raise ValueError(f"[tariff] {key}: {error}") from None
    if tariff.file and (tariff.buy or tariff.sell):
        raise ValueError("[tariff] has steps and a file: keep one of them")
    if homes and not (tariff.file or tariff.buy):
        raise ValueError('[tariff] buy is missing: what a kWh costs, as buy = ["00:00 28.4"], or file = "prices.csv"')
    for number, home in enumerate(homes, 1):
        _check_home(home, f"[[home]] {number}")
        for key in ("name", "node"):
            if sum(_named(other, key) == _named(home, key) for other in homes) > 1:
                raise ValueError(f"[[home]] {number}: {key} {_named(home, key)} is used twice")
    for number, load in enumerate(loads, 1):
        _check_load(load, homes, f"[[load]] {number}")
        for key in ("contactor", "device"):
            if sum((other.home, getattr(other, key)) == (load.home, getattr(load, key)) for other in loads) > 1:
                raise ValueError(f"[[load]] {number}: {getattr(load, key)} of {load.home} is listed twice")


def _check_agent(agent: AgentConfig) -> None:
    if agent.mode not in MODES:
        raise ValueError(f"[agent] mode must be one of {', '.join(MODES)}")
    if agent.step_s not in STEPS_S:
        raise ValueError(f"[agent] step_s must be one of {', '.join(map(str, STEPS_S))}")
    limits = {"horizon_h": (2, 36), "speed": (1, FASTEST), "solve_s": (1, 600), "history_days": (1, 1000),
              "hold_s": (5, 3600), "began_unix_ms": (0, 1 << 43), "store_every_h": (0, 1000)}  # fmt: skip
    _bounds("[agent]", agent, limits)
    if agent.start:
        try:
            moment = datetime.fromisoformat(agent.start)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValueError('[agent] start: write a time with its zone, as "2026-07-01T00:00:00+00:00"')
    elif agent.speed != 1:
        raise ValueError("[agent] speed is above 1, and a grid that runs faster begins somewhere: write start, too")


def _check_home(home: HomeConfig, where: str) -> None:
    if not 0 < len(home.name) <= 40 or home.name.startswith(("=", "*")):
        raise ValueError(f"{where}: name is missing, longer than 40 letters or begins with = or *")
    limits = {"capacity_wh": (0, 10**7), "charge_w": (0, 10**6), "discharge_w": (0, 10**6), "least_wh": (0, 10**7),
              "efficiency_permille": (500, 1000), "import_limit_w": (0, 10**7), "export_limit_w": (0, 10**7),
              "bus": (-1, 10**5)}  # fmt: skip
    _bounds(where, home, limits)
    if not home.grid:
        raise ValueError(f"{where}: grid is empty: without the meter at its connection a home cannot take part")
    if not home.capacity_wh:
        return
    for key in ("charge_w", "discharge_w", "battery", "charge", "discharge", "hold"):
        if not getattr(home, key):
            raise ValueError(f"{where}: {key} is missing: a battery of {home.capacity_wh} Wh needs it")
    if home.least_wh >= home.capacity_wh:
        raise ValueError(f"{where}: least_wh must be below capacity_wh")
    if len({home.charge, home.discharge, home.hold}) < 3:
        raise ValueError(f"{where}: charge, discharge and hold are three contactors")


def _check_load(load: LoadConfig, homes: Sequence[HomeConfig], where: str) -> None:
    home = next((each for each in homes if each.name == load.home), None)
    if home is None:
        raise ValueError(f"{where}: no [[home]] is called {load.home!r}")
    if not load.contactor:
        raise ValueError(f"{where}: contactor is missing")
    if home.capacity_wh and load.contactor in (home.charge, home.discharge, home.hold):
        raise ValueError(f"{where}: {load.contactor} is the battery's")
    if not _DEVICE.fullmatch(load.device) or load.device == "battery":
        raise ValueError(f"{where}: name {load.device!r} must be of small letters, digits and _, as water_heater")
    if load.kind not in LOADS:
        raise ValueError(f"{where}: kind must be one of {', '.join(LOADS)}")
    limits = {"power_w": (1, 10**6), "needs_wh": (0, 10**6), "volume_l": (0, 10**5), "low_c": (5, 90),
              "high_c": (load.low_c + 1, 95), "loss_w": (0, 5000)}  # fmt: skip
    _bounds(where, load, limits)
    if load.kind == "heater" and not load.volume_l:
        raise ValueError(f"{where}: volume_l is missing: litres that the heater keeps warm")
    if load.kind != "heater" and not load.needs_wh:
        raise ValueError(f"{where}: needs_wh is missing: what it takes a day")
    for key in ("earliest", "by"):
        try:
            day_seconds(getattr(load, key))
        except ValueError as error:
            raise ValueError(f"{where}: {key}: {error}") from None


def _bounds(where: str, part: object, limits: dict[str, tuple[int, int]]) -> None:
    for key, (low, high) in limits.items():
        if not low <= getattr(part, key) <= high:
            raise ValueError(f"{where}: {key} must be from {low} to {high}")


def _named(home: HomeConfig, key: str) -> str:
    return home.name if key == "name" else home.node or home.name


def contactors(homes: Sequence[HomeConfig], loads: Sequence[LoadConfig]) -> set[tuple[str, str]]:
    """(node, contactor) that the energy agent switches."""
    nodes = {home.name: home.node or home.name for home in homes}
    of_batteries = {
        (nodes[home.name], contactor)
        for home in homes
        if home.capacity_wh
        for contactor in (home.charge, home.discharge, home.hold)
        if contactor
    }
    return of_batteries | {(nodes[load.home], load.contactor) for load in loads if load.home in nodes}
