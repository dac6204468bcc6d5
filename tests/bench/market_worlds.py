"""A year of the market among homes whose bids come from microworlds: catalogue/double_auction's `planned`, no cars.

The battery serves neighbours too, so what the meters see is not what they would see without the market. `worse off`
compares with the same worlds where nothing is traded. Everyone keeps its word here; the fee is market_year's.
"""

from collections.abc import Callable

import numpy as np

from host_bridge.market.clearing import clear
from host_bridge.market.settlement import Metered, settle
from host_bridge.market.strategies import Intent, orders
from host_bridge.market.tariff import Tariff, ceil_micro
from host_bridge.market.worlds import WorldBidders
from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.study.auction import DEAR_MCT, hours_until
from host_bridge.microworld.study.homes import Homes
from tests.bench.figures import Figure
from tests.bench.market_year import FEES, Year

Say = Callable[[str], None]
WORLD, STRATEGY = "bidder", {"battery": "planned", "driver": "cheap"}


def run(homes: Homes, say: Say) -> list[Figure]:
    """The rows."""
    say(f"a year of {len(homes.names)} homes by microworlds")
    with_it, without = _year(homes, trade=True), _year(homes, trade=False)
    worse = sum(with_it.received[home] < without.received[home] for home in homes.names)
    saved = 100 * (1 - sum(with_it.received.values()) / sum(without.received.values()))
    name = f"market: of {len(homes.names)} homes by microworlds, worse off than without"
    return [
        Figure(
            "market: conservation error over a year by microworlds",
            with_it.conservation_error,
            "micro-units",
            0,
            at_least=False,
        ),
        Figure(name, worse, "", 0, at_least=False),
        Figure("market: what all save by microworlds, beside the same without trade", saved, "%"),
    ]


def _year(homes: Homes, *, trade: bool) -> Year:
    path = catalogue.spec_path(WORLD)
    program = spec.read(path.read_text(encoding="utf-8"), path.name).program(STRATEGY)
    worlds, year, count = WorldBidders(program, homes.names), Year(homes.names), len(homes.names)
    until = hours_until(homes.price >= DEAR_MCT).tolist()
    for hour, price in enumerate(homes.price.tolist()):
        tariff = Tariff(price, 0)
        inputs = {"load": homes.load_wh[:, hour], "solar": homes.solar_wh[:, hour], "car": np.zeros(count)}
        intents = worlds.intents({**inputs, "price": [price] * count, "until": [until[hour]] * count}, price)
        clearing = clear([order for intent in intents if trade for order in orders(intent, tariff)], tariff)
        worlds.awarded(clearing)
        if trade:
            told = {each.home: _metered(each, each.battery_mwh(clearing.award(each.home))) for each in intents}
            year.add(settle(clearing, told, tariff, FEES))
        else:
            for each in intents:
                year.received[each.home] -= ceil_micro(price * each.need_mwh)
    return year


def _metered(intent: Intent, battery_mwh: int) -> Metered:
    return Metered(intent.need_mwh + max(0, battery_mwh), intent.sun_mwh + max(0, -battery_mwh))
