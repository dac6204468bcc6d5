"""Comfort kept while cost falls: four recorded homes with a car and a water heater each, both ASSUMED (the data set
has none), planned anew each hour for 28 days by the planner, beside charging at once and a thermostat.
"""

from dataclasses import dataclass, field

import numpy as np

from host_bridge.agent.plan import Ahead, Battery, Car, Home, Plan, WaterHeater
from host_bridge.agent.plan.solve import solve
from host_bridge.agent.plan.worth import Stores, law, likely, shared
from host_bridge.microworld.study.homes import Homes
from tests.bench.energy_year import CAPACITY_WH, EFFICIENCY_PERMILLE, POWER_W, Say, Wh, held_out
from tests.bench.figures import Figure

HOMES, FIRST_DAY, DAYS, DAY, HOUR_S = 4, 100, 28, 24, 3600
COMES, LEAVES, CAR_WH, CAR_W = 18, 7, 6000.0, 3700.0  # clock's hours; each night
HEATER_W, LITRES, LOW_C, HIGH_C, LOSS_W_PER_K, AROUND_C = 2000.0, 200.0, 45.0, 60.0, 1.5, 18.0
DRAWS_W = {7: 1500.0, 12: 500.0, 19: 1500.0}  # heat taken in these hours
WH_PER_K = LITRES * 4186 / 3600
NEAR = 0.01  # °C: finer than any thermostat tells


@dataclass
class Care:
    """Heaters and cars of all homes as they are, and what went wrong."""

    warm_c: Wh
    owed_wh: Wh
    cold_hours: int = 0
    late_cars: int = 0
    cost_mct: float = 0.0
    content_wh: Wh = field(default_factory=lambda: np.zeros(HOMES))

    def hour(self, hour: int, heat_w: Wh, car_w: Wh) -> None:
        """An hour goes by with this power to heaters and cars."""
        drawn = DRAWS_W.get(hour, 0.0)
        ends_c = AROUND_C + (heat_w - drawn) / LOSS_W_PER_K  # a stirred tank: no other than the planner reckons with
        self.warm_c = ends_c + (self.warm_c - ends_c) * np.exp(-LOSS_W_PER_K / WH_PER_K)
        self.owed_wh = np.maximum(self.owed_wh - car_w, 0)
        self.cold_hours += int((self.warm_c < LOW_C - NEAR).sum())
        if hour == LEAVES - 1:
            self.late_cars += int((self.owed_wh > 1).sum())
            self.owed_wh = np.zeros(HOMES)


def figures(homes: Homes, say: Say) -> list[Figure]:
    """Costs relative to charging at once and a thermostat without battery; breaches counted."""
    some = homes.some(held_out(len(homes.names))[:HOMES])
    base = _simple(some)
    found = [
        Figure(f"{HOMES} homes with assumed car and heater, thermostat: cold hours", base.cold_hours, "h"),
        Figure(f"{HOMES} homes with assumed car and heater, at once: cars late", base.late_cars, "cars"),
    ]
    for pooled in (False, True):
        name = "ours pooled" if pooled else "ours alone"
        say(f"comfort, {name}")
        ours = _planned(some, pooled=pooled)
        found += [
            Figure(
                f"{name}, assumed car and heater: cost", ours.cost_mct / base.cost_mct, "of at once, alone, no battery"
            ),
            Figure(
                f"{name}, assumed car and heater: hours below {LOW_C:.0f} °C", ours.cold_hours, "h", 0, at_least=False
            ),
            Figure(f"{name}, assumed car and heater: cars late", ours.late_cars, "cars", 0, at_least=False),
        ]
    return found


def _begin() -> Care:
    return Care(np.full(HOMES, 52.0), np.zeros(HOMES))


def _hours() -> range:
    return range(FIRST_DAY * DAY, (FIRST_DAY + DAYS) * DAY)


def _simple(homes: Homes) -> Care:
    care, heating = _begin(), np.zeros(HOMES, bool)
    for hour in _hours():
        clock = int(homes.hour_of_day[hour])
        if clock == COMES:
            care.owed_wh = np.full(HOMES, CAR_WH)
        heating = (care.warm_c < LOW_C + 7) | (heating & (care.warm_c < HIGH_C - HEATER_W / WH_PER_K))
        heat, car = np.where(heating, HEATER_W, 0.0), np.minimum(care.owed_wh, CAR_W)
        grid = homes.net_wh[:, hour] + heat + car
        care.cost_mct += float(np.maximum(grid, 0).sum() * homes.price[hour])
        care.hour(clock, heat, car)
    return care


def _planned(homes: Homes, *, pooled: bool) -> Care:
    care = _begin()
    last: Plan | None = None
    price = np.append(homes.price, homes.price[:DAY]).astype(float)
    stores = Stores.of([_battery(0.0)] * HOMES)
    for hour in _hours():
        clock = int(homes.hour_of_day[hour])
        if clock == COMES:
            care.owed_wh = np.full(HOMES, CAR_WH)
        planned = [_home(homes.names[n], care, n, hour, clock) for n in range(HOMES)]
        load, solar = (likely(its[:, :hour].astype(float), DAY, HOUR_S) for its in (homes.load_wh, homes.solar_wh))
        load[:, :, 0], solar[:, :, 0] = homes.load_wh[:, hour], homes.solar_wh[:, hour]  # as the meter tells it now
        load, solar = np.maximum(load, 0), np.maximum(solar, 0)
        ahead = Ahead(
            *(hour * HOUR_S, HOUR_S, load.mean(axis=0), solar.mean(axis=0), price[hour : hour + DAY]),
            scenarios_w=load - solar,
            pool_scenarios_w=(load - solar).sum(axis=1),
        )
        plan = last = solve(planned, ahead, pooled=pooled, last=last)
        if not plan.good:
            raise RuntimeError(f"hour {hour}: {plan.outcome}")
        heat, car = (np.array([_first(plan, name, device) for name in homes.names]) for device in ("heater", "car"))
        net = homes.net_wh[:, hour] + heat + car
        grid = net + _battery_wh(plan.worth_mct[:, 0], float(price[hour]), net, care.content_wh, stores, pooled)
        paid = max(float(grid.sum()), 0.0) if pooled else float(np.maximum(grid, 0).sum())
        care.cost_mct += paid * float(price[hour])
        eta, moved = EFFICIENCY_PERMILLE / 1000, grid - net
        care.content_wh = np.clip(care.content_wh + np.where(moved > 0, moved * eta, moved / eta), 0, CAPACITY_WH)
        care.hour(clock, heat, car)
    return care


def _battery_wh(worth: Wh, price: float, net: Wh, content: Wh, stores: Stores, pooled: bool) -> Wh:
    if not pooled:
        return law(worth, price, 0.0, net, content, stores, 1.0)
    total = law(worth[:1], price, 0.0, net.sum(keepdims=True), content.sum(keepdims=True), stores.together(), 1.0)
    return shared(float(total[0]), [_battery(float(its)) for its in content], 1.0)


def _battery(content_wh: float) -> Battery:
    return Battery(CAPACITY_WH, POWER_W, POWER_W, content_wh, EFFICIENCY_PERMILLE)


def _home(name: str, care: Care, number: int, hour: int, clock: int) -> Home:
    now_s = hour * HOUR_S
    to_come, to_leave = ((its - clock) % DAY * HOUR_S for its in (COMES, LEAVES))
    cars = [Car("car", now_s, now_s + to_leave, float(care.owed_wh[number]), CAR_W)] if care.owed_wh[number] > 1 else []
    if not cars and to_come < DAY * HOUR_S:
        leaves_s = now_s + to_come + (LEAVES - COMES) % DAY * HOUR_S
        cars = [Car("car", now_s + to_come, leaves_s, CAR_WH, CAR_W)] if leaves_s <= now_s + DAY * HOUR_S else []
    draws = np.array([DRAWS_W.get((clock + step) % DAY, 0.0) for step in range(DAY)])
    heater = WaterHeater(
        *("heater", HEATER_W, LITRES, float(care.warm_c[number]), LOW_C, HIGH_C, LOSS_W_PER_K, AROUND_C), draws_w=draws
    )
    return Home(name, _battery(float(care.content_wh[number])), tuple(cars), (heater,))


def _first(plan: Plan, home: str, device: str) -> float:
    run = plan.runs.get((home, device))
    return float(run.power_w[0]) if run is not None else 0.0
