"""emhass, which optimises a single home, on a home held out, beside ours on the same home, weeks and battery.

Both decide anew each hour, on a day ahead. Both know: the tariff of that day, every hour before, and what the home's
meter tells of the hour itself, so what is decided for it is done as it is: ours follows the meter by its law, emhass
has the hour as the first step of its optimisation. What is to come, each by its own means: ours as energy_year.py has
it; emhass by its "naive" forecast of the load, the same hour yesterday, and the same of the sun, as its own forecast of
that is an on-line weather service's. So that no forecast decides, emhass is tried also with the mean of what ours
thinks likely, and with the day ahead as it came to be, which no controller can know.

emhass's settings: battery from 0 to 100 %, nothing kept for the horizon's end (of what was tried on home 01, the best),
exports earn nothing, solved without a gap; all else as it is shipped. Both begin each fortnight with what ours had in
the battery then; what is left at its end is credited.
"""

import json
import subprocess
from pathlib import Path

import numpy as np

from host_bridge.agent.plan.worth import likely
from host_bridge.microworld.study.homes import Homes
from tests.bench.energy_year import AHEAD, CAPACITY_WH, DAY, EFFICIENCY_PERMILLE, POWER_W, Say, Wh, alone, held_out
from tests.bench.figures import Figure
from tools import setup_env

FIRST_DAYS, DAYS = (40, 220), 14  # two fortnights: September, March
FORECASTS = {
    "persistence": "its own forecast",
    "ours": "our forecast",
    "foresight": "the day ahead known",
}


def figures(homes: Homes, say: Say) -> list[Figure]:
    """Costs of the weeks relative to no battery."""
    one = homes.some(held_out(len(homes.names))[:1])
    name = f"{one.names[0]}, {len(FIRST_DAYS) * DAYS} days"
    ours = alone(one).charge_wh[0]
    begins = [content_after(ours[: first * DAY]) for first in FIRST_DAYS]
    its = [ours[_hours(first)] for first in FIRST_DAYS]
    found = [Figure(f"{name}: ours alone", _relative(one, its, begins), "of no battery")]
    python = setup_env.ensure(setup_env.EMHASS)
    for forecast, said in FORECASTS.items():
        say(f"emhass, {said}")
        its = [by_emhass(python, one, *when, forecast) for when in zip(FIRST_DAYS, begins, strict=True)]
        found.append(Figure(f"{name}: emhass, {said}", _relative(one, its, begins), "of no battery"))
    return found


def by_emhass(python: Path, one: Homes, first_day: int, content_wh: float, forecast: str, final: float = 0.0) -> Wh:
    """[hours] Wh into the battery of the one home over a fortnight. `final`: what the horizon's end is to find."""
    hours = [_ahead(one, hour, forecast) for hour in _hours(first_day)]
    battery = {"capacity_wh": CAPACITY_WH, "power_w": POWER_W, "efficiency": EFFICIENCY_PERMILLE / 1000}
    wanted = json.dumps({"battery": battery, "hours": hours, "content_wh": content_wh, "final": final})
    peer = Path(__file__).with_name("emhass_peer.py")
    done = subprocess.run([str(python), str(peer)], input=wanted, stdout=subprocess.PIPE, text=True, check=True)
    charge: Wh = np.array(json.loads(done.stdout.splitlines()[-1])["charge_w"])
    return charge


def content_after(charge_wh: Wh, content_wh: float = 0.0) -> float:
    """What the battery holds after these hours."""
    eta = EFFICIENCY_PERMILLE / 1000
    for its in charge_wh.tolist():
        content_wh = min(max(content_wh + (its * eta if its > 0 else its / eta), 0.0), float(CAPACITY_WH))
    return content_wh


def _ahead(one: Homes, hour: int, forecast: str) -> dict[str, list[float]]:
    load, solar = (_expected(its, hour, forecast) for its in (one.load_wh[0], one.solar_wh[0]))
    price = one.price[hour : hour + AHEAD].astype(float)
    return {"load_w": load.tolist(), "solar_w": solar.tolist(), "price": price.tolist()}


def _expected(its: Wh, hour: int, forecast: str) -> Wh:
    known: Wh = its[hour : hour + AHEAD].astype(float)
    if forecast == "foresight":
        return known
    if forecast == "ours":
        found = np.maximum(likely(its[None, :hour].astype(float), AHEAD, 3600).mean(axis=0)[0], 0)
    else:
        found = its[hour - DAY : hour].astype(float)
    found[0] = known[0]
    return found


def _hours(first_day: int) -> range:
    return range(first_day * DAY, (first_day + DAYS) * DAY)


def _relative(one: Homes, charges: list[Wh], begins: list[float]) -> float:
    """What is left in the battery is worth the lowest price, as given."""
    base = paid = 0.0
    for first, charge, content in zip(FIRST_DAYS, charges, begins, strict=True):
        net, price = one.net_wh[0, _hours(first)], one.price[_hours(first)]
        base += float((np.maximum(net, 0) * price).sum())
        paid += float((np.maximum(net + charge, 0) * price).sum())
        paid -= content_after(charge, content) * EFFICIENCY_PERMILLE / 1000 * float(price.min())
    return paid / base
