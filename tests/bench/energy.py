"""bench energy: a year of CityLearn's 17 homes under every controller, the figures to reach, and the rivals.

The split of homes into tuning and held-out is in energy_year.py. Costs are relative to no battery, each home metered
alone; exports earn nothing. `pooled` is all homes behind one meter. What was assumed (cars, heaters) says so.
"""

from collections.abc import Callable, Iterator

from host_bridge.microworld.study.homes import Homes, read
from tests.bench import (
    energy_account,
    energy_comfort,
    energy_market,
    energy_plan,
    energy_policy,
    energy_rivals,
    energy_sentences,
)
from tests.bench.energy_year import Say, Year, alone, foresight, held_out, idle, pooled, rule
from tests.bench.figures import Figure
from tools import citylearn

ALONE_REACH, POOLED_REACH = 0.675, 0.512
# What the project's field notes cite: (metered alone, pooled).
CITED = {"dynamic programme with persistence, cited": (0.688, 0.520), "perfect foresight, cited": (0.645, 0.497)}
CONTROLLERS: dict[str, Callable[[Homes], Year]] = {
    "none": idle,
    "greedy": lambda homes: rule(homes, "greedy"),
    "time of use": lambda homes: rule(homes, "time_of_use"),
    "ours alone": alone,
    "ours pooled": pooled,
}


def run(say: Say) -> list[Figure]:
    """Every figure of the energy agent."""
    homes = read(citylearn.folder())
    found = [*_year(homes, say)]
    for name, part in (
        ("the market", lambda: energy_market.figures(homes, say)),
        ("the distilled policy", lambda: energy_policy.figures(homes)),
        ("comfort, with assumed cars and heaters", lambda: energy_comfort.figures(homes, say)),
        ("plans", lambda: energy_plan.figures(homes)),
        ("sentences", energy_sentences.figures),
        ("accounts", energy_account.figures),
        ("rivals and a second data set", lambda: energy_rivals.figures(homes, say)),
    ):
        say(name)
        found += part()
    return found


def _year(homes: Homes, say: Say) -> Iterator[Figure]:
    reaches = {"ours alone": (ALONE_REACH, None), "ours pooled": (None, POOLED_REACH)}
    for name, controller in CONTROLLERS.items():
        say(f"a year of {name}")
        yield from _figures(name, controller(homes), *reaches.get(name, (None, None)))
        if name.startswith("ours"):
            held = controller(homes.some(held_out(len(homes.names))))
            is_pooled = name == "ours pooled"
            yield Figure(f"{name}, 8 homes held out: cost", held.cost(pooled=is_pooled), "of no battery")
    say("perfect foresight")
    yield Figure("perfect foresight (LP): cost alone", foresight(homes, pool=False), "of no battery")
    yield Figure("perfect foresight (LP): cost pooled", foresight(homes, pool=True), "of no battery")
    for name, (own, shared) in CITED.items():
        yield Figure(f"{name}: cost alone", own, "of no battery")
        yield Figure(f"{name}: cost pooled", shared, "of no battery")


def _figures(name: str, year: Year, alone_reach: float | None, pooled_reach: float | None) -> Iterator[Figure]:
    yield Figure(f"{name}: cost alone", year.cost(pooled=False), "of no battery", alone_reach, at_least=False)
    yield Figure(f"{name}: cost pooled", year.cost(pooled=True), "of no battery", pooled_reach, at_least=False)
    yield Figure(f"{name}: highest import of all together", year.peak_kw(pooled=True), "kW")
    yield Figure(f"{name}: self-sufficiency alone", year.self_sufficiency(pooled=False), "of the load")
    yield Figure(f"{name}: self-sufficiency pooled", year.self_sufficiency(pooled=True), "of the load")
    yield Figure(f"{name}: carbon pooled", year.carbon(pooled=True), "of no battery alone")
    yield Figure(f"{name}: full cycles of a battery", year.cycles(), "a year")
