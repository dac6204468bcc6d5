"""What a plan does not keep, in words: how much is missing, by when, and how far a limit is passed."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

import numpy as np

from host_bridge.agent.plan.homes import Ahead, Battery, Car, Floats
from host_bridge.agent.plan.loads import open_part
from host_bridge.agent.plan.plan import Cannot, Plan
from host_bridge.agent.plan.programme import Programme

LEAST_WH, LEAST_W, LEAST_K, LEAST_MICRO = 1.0, 1.0, 0.05, 10  # less is the solver's tolerance


def clock(at_s: float, zone: tzinfo = UTC) -> str:
    """The time of day, as people read it."""
    return datetime.fromtimestamp(at_s, zone).strftime("%H:%M")


def cannot(built: Programme, values: Floats, plan: Plan) -> tuple[Cannot, ...]:
    """All of them, batteries first."""
    found = [*_batteries(plan), *_cars(built, values), *_heaters(built, plan), *_tasks(built, values)]
    return (*found, *_limits(built, plan), *_budgets(plan))


def _batteries(plan: Plan) -> Iterator[Cannot]:
    for home in plan.homes:
        battery = home.battery
        if battery is None:
            continue
        low, over = battery.least_wh - battery.content_wh, battery.content_wh - battery.capacity_wh
        if battery.fault:
            yield Cannot(home.name, "battery", 0.0, "Wh", "the battery reports a fault: it is not planned with")
        if low > LEAST_WH:
            yield Cannot(home.name, "battery", low, "Wh", _below(battery, low))
        if over > LEAST_WH:
            says = (
                f"the battery is said to hold {over:.0f} Wh more than it can: planned with {battery.capacity_wh:.0f} Wh"
            )
            yield Cannot(home.name, "battery", over, "Wh", says)


def _below(battery: Battery, low: float) -> str:
    return (
        f"the battery holds {battery.content_wh:.0f} Wh, {low:.0f} Wh less than the {battery.least_wh:.0f} Wh to keep"
    )


def _cars(built: Programme, values: Floats) -> Iterator[Cannot]:
    cars, zone = built.cars, built.ahead.zone
    for number, (at, car) in enumerate(cars.of):
        late, missing = float(values[cars.late[number]]), float(values[cars.missing[number]])
        due = min(car.by_s or car.leaves_s, car.leaves_s)
        wanted = f"of {car.needs_wh / 1000:.1f} kWh"
        if missing > LEAST_WH:
            when, short = clock(car.leaves_s, zone), missing
            says = f"{car.name} leaves at {when} with {short / 1000:.1f} kWh {wanted} missing"
        elif late > LEAST_WH:
            when, short = clock(due, zone), late
            says = f"{car.name} lacks {short / 1000:.1f} kWh {wanted} at {when} and gets it later"
        else:
            continue
        yield Cannot(built.homes[at].name, car.name, short, "Wh", says + _reason(car, due, built.ahead))


def _reason(car: Car, due: int, ahead: Ahead) -> str:
    possible = car.power_w / 1000 * ahead.hours * float(open_part(ahead, car.arrives_s, due, car.barred).sum())
    if possible < car.needs_wh / 1000:
        return f"; at {car.power_w / 1000:.1f} kW at most {possible:.1f} kWh can be had until then"
    return f"; at {car.power_w / 1000:.1f} kW {possible:.1f} kWh could be had, but a limit or another wish weighs more"


def _heaters(built: Programme, plan: Plan) -> Iterator[Cannot]:
    ahead = built.ahead
    for at, heater in built.heaters.of:
        level = plan.runs[built.homes[at].name, heater.name].level[1:]
        ends = ahead.from_s + ahead.step_s * np.arange(1, ahead.steps + 1)
        low, high = np.full(ahead.steps, heater.low_c), np.full(ahead.steps, heater.high_c)
        for band in heater.bands:
            inside = (ends > band.from_s) & (ends <= band.until_s)
            low[inside], high[inside] = band.low_c, band.high_c
        for beyond, word, edge in ((low - level, "below", low), (level - high, "above", high)):
            worst = int(np.argmax(beyond))
            if beyond[worst] > LEAST_K:
                says = (
                    f"{heater.name} is {beyond[worst]:.1f} K {word} {edge[worst]:.0f} degC at {_at(ahead, worst + 1)}"
                )
                says += f" and out of its band for {_lasting(int((beyond > LEAST_K).sum()), ahead)}"
                yield Cannot(built.homes[at].name, heater.name, float(beyond[worst]), "K", says)


def _tasks(built: Programme, values: Floats) -> Iterator[Cannot]:
    tasks, zone = built.tasks, built.ahead.zone
    end_s = built.ahead.from_s + built.ahead.steps * built.ahead.step_s
    for number, (at, task) in enumerate(tasks.of):
        home = built.homes[at].name
        if values[tasks.undone[number]] > 0.5 and task.latest_s - task.duration_s < max(end_s, task.earliest_s):
            says = f"{task.name} cannot run: there is no time for it by {clock(task.latest_s, zone)}"
            yield Cannot(home, task.name, task.power_w * task.duration_s / 3600, "Wh", says)
        elif tasks.late_s[number] > 0 and values[tasks.undone[number]] <= 0.5:
            late = tasks.late_s[number]
            says = f"{task.name} ends {late // 60} min after {clock(task.latest_s, zone)}, when it should be done"
            yield Cannot(home, task.name, float(late), "s", says)


def _limits(built: Programme, plan: Plan) -> Iterator[Cannot]:
    for limit in built.meters.limits:
        over = limit.per_w @ plan.grid_w - limit.most
        worst = int(np.argmax(over))
        if over[worst] > LEAST_W:
            says = f"the {limit.what} is passed by {over[worst]:.0f} W at {_at(built.ahead, worst)}"
            says += f", and for {_lasting(int((over > LEAST_W).sum()), built.ahead)} in all: nothing more can be moved"
            yield Cannot(limit.home, limit.what, float(over[worst]), "W", says)


def _budgets(plan: Plan) -> Iterator[Cannot]:
    for at, home in enumerate(plan.homes):
        if home.budget_micro is None:
            continue
        over = 0 if plan.pooled else plan.cost_micro[at] - home.budget_micro
        if plan.pooled:
            says = "a budget of one home is not planned for where all homes pay together"
            yield Cannot(home.name, "budget", 0.0, "micro", says)
        elif over > LEAST_MICRO:
            says = f"the budget is passed by {over / 10_000:.1f} ct: less would leave a wish undone"
            yield Cannot(home.name, "budget", float(over), "micro", says)


def _at(ahead: Ahead, step: int) -> str:
    return clock(ahead.from_s + step * ahead.step_s, ahead.zone)


def _lasting(steps: int, ahead: Ahead) -> str:
    return f"{steps * ahead.step_s // 60} min"
