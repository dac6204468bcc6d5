"""Intents become orders, and the strategies' world comes to what plain Python comes to."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_bridge.market import plain
from host_bridge.market.book import MOST_EACH, MOST_MWH, Order, check
from host_bridge.market.clearing import Award, clear
from host_bridge.market.settlement import Metered, settle
from host_bridge.market.strategies import Intent, Step, orders
from host_bridge.market.tariff import MOST_MCT, Tariff
from host_bridge.market.worlds import WorldBidders
from host_bridge.microworld.study import auction
from tests.host.microworld.homes_kit import catalogue_spec, made_homes

GRID = Tariff(30_000, 8_000)


def test_need_is_bid_at_the_grids_price_and_sun_offered_at_it():
    assert orders(Intent("a", need_mwh=5), GRID) == (Order("a", "bid", 30_000, 5),)
    assert orders(Intent("a", sun_mwh=5), GRID) == (Order("a", "offer", 8_000, 5),)
    assert orders(Intent("a"), GRID) == ()
    assert orders(Intent("a", need_mwh=5), Tariff(None)) == ()


def test_a_home_serves_itself_first():
    assert orders(Intent("a", need_mwh=5, sun_mwh=3), GRID) == (Order("a", "bid", 30_000, 2),)
    both = Intent("a", need_mwh=5, store=(Step(9_000, 7),), stock=(Step(31_000, 4),))
    assert [order.side for order in orders(both, GRID)] == ["bid", "bid"]
    assert [order.side for order in orders(Intent("a", sun_mwh=1, store=both.store, stock=both.stock), GRID)] == [
        "offer",
        "offer",
    ]


def test_steps_that_would_trade_with_the_homes_own_are_left_out():
    made = orders(Intent("a", store=(Step(9_000, 1), Step(12_000, 1)), stock=(Step(12_000, 1), Step(12_001, 1))), GRID)
    assert [(order.side, order.limit_mct) for order in made] == [("bid", 9_000), ("bid", 12_000), ("offer", 12_001)]


def test_no_more_orders_are_made_than_a_book_takes():
    steps = tuple(Step(price, 1) for price in range(9_000, 9_040))
    made = orders(Intent("a", need_mwh=5, store=steps), GRID)
    assert [order.number for order in made] == list(range(MOST_EACH))
    assert made[0] == Order("a", "bid", 30_000, 5)


def test_what_was_awarded_beyond_need_and_sun_is_the_batterys():
    intent = Intent("a", need_mwh=500, store=(Step(9_000, 900),))
    assert intent.battery_mwh(Award("a", 600, 0, 1)) == 100
    assert intent.battery_mwh(Award("a", 400, 0, 1)) == intent.battery_mwh(None) == 0
    intent = Intent("a", sun_mwh=500, stock=(Step(20_000, 900),))
    assert intent.battery_mwh(Award("a", 0, 700, 1)) == -200


STEPS = st.lists(st.builds(Step, st.integers(-2 * MOST_MCT, 2 * MOST_MCT), st.integers(-1, 2 * MOST_MWH)), max_size=12)
ENERGY = st.integers(0, 2 * MOST_MWH)
TARIFFS = st.sampled_from([GRID, Tariff(0, -5), Tariff(MOST_MCT, -MOST_MCT), Tariff(5, 5)])


@given(ENERGY, ENERGY, STEPS, STEPS, TARIFFS)
def test_any_intents_orders_are_of_one_book(need, sun, store, stock, tariff):
    made = orders(Intent("a", need, sun, tuple(store), tuple(stock)), tariff)
    check(made)
    assert len(made) <= MOST_EACH
    assert sum(order.energy_mwh for order in made if order.limit_mct == tariff.buy_mct) >= min(need - sun, MOST_MWH)


def test_what_is_beyond_an_order_is_cut_to_it():
    made = orders(Intent("a", need_mwh=MOST_MWH + 1, store=(Step(-MOST_MCT - 5, 1),)), GRID)
    assert [(order.limit_mct, order.energy_mwh) for order in made] == [(30_000, MOST_MWH), (-MOST_MCT, 1)]


def bidder(battery="planned", driver="cheap"):
    return catalogue_spec("bidder").program({"battery": battery, "driver": driver})


@pytest.mark.parametrize("battery", sorted(plain.STRATEGIES))
@pytest.mark.parametrize("driver", ["at_once", "cheap"])
def test_the_world_does_what_plain_python_does(battery, driver):
    chance, homes = Random(7), [f"home-{number}" for number in range(5)]
    worlds, states = WorldBidders(bidder(battery, driver), homes), [plain.Held()] * 5
    for _ in range(200):
        hours = [drawn_hour(chance) for _ in homes]
        inputs = {name: [getattr(hour, name) for hour in hours] for name in plain.Hour._fields}
        intents = worlds.intents(inputs, hours[0].price)
        stepped = [plain.step(battery, driver, plain.House(), *each) for each in zip(states, hours, strict=True)]
        states = [state for state, _ in stepped]
        got = [tuple(each // 1000 for each in energies(intent)) for intent in intents]
        assert got == [tuple(bids) for _, bids in stepped]


def energies(intent):
    return intent.need_mwh, intent.store[0].energy_mwh, intent.sun_mwh, intent.stock[0].energy_mwh


def drawn_hour(chance):
    near = (0, 1, 400, 3000, 20_000)
    return plain.Hour(
        load=chance.choice(near),
        solar=chance.choice(near),
        price=chance.choice((-100_000, 0, 22_000, 30_000, 54_000)),
        until=chance.randint(0, 24),
        car=chance.choice((0, 0, 6000, 50_000)),
        bought=chance.choice((0, 0, 500, 5000)),
        sold=chance.choice((0, 0, 500, 5000)),
    )


def test_worlds_trade_here_as_in_their_own_auction():
    """Hour by hour the same price and the same energy; only which of the bids is served first is another rule."""
    homes, cars = made_homes(5, 72), auction.Cars()
    programs = [catalogue_spec(name).program() for name in ("bidder", "clearing", "award")]
    year = auction.run(*programs, homes, cars)
    worlds = WorldBidders(programs[0], homes.names)
    until = auction.hours_until(homes.price >= auction.DEAR_MCT)
    traded = 0
    for hour in range(homes.hours):
        price = int(homes.price[hour])
        assert price % 8 == 0  # or eighths of it are rounded otherwise
        inputs = {
            "load": homes.load_wh[:, hour],
            "solar": homes.solar_wh[:, hour],
            "price": [price] * 5,
            "until": [int(until[hour])] * 5,
            "car": cars.needs(homes)[:, hour],
            "bought": year.bought[:, hour - 1] if hour else [0] * 5,
            "sold": year.sold[:, hour - 1] if hour else [0] * 5,
        }
        tariff = Tariff(price, 0)
        bids = [order for intent in worlds.intents(inputs, price) for order in orders(intent, tariff)]
        clearing = clear(bids, tariff)
        assert clearing.traded_mwh == 1000 * int(year.bought[:, hour].sum()), hour
        if clearing.traded_mwh:
            assert clearing.price_mct == int(year.pays[hour]), hour
        traded += clearing.traded_mwh
    assert traded > 0


def test_what_worlds_are_awarded_is_told_to_them():
    worlds = WorldBidders(bidder("shared", "cheap"), ["a", "b"])
    hour = {"load": [0, 0], "solar": [0, 0], "price": [22_000] * 2, "until": [9] * 2, "car": [0, 0]}
    first = worlds.intents(hour, 22_000)
    seller, tariff = Order("z", "offer", 0, 6_001_998), Tariff(22_000, 0)
    clearing = clear([seller, *(order for intent in first for order in orders(intent, tariff))], tariff)
    assert clearing.award("a").bought_mwh == 3_000_999
    worlds.awarded(clearing)
    again = worlds.intents(hour, 22_000)
    room = (6400 - 3000 * 949 // 1000) * 1000 // 949
    assert [intent.store[0].energy_mwh for intent in first] == [5_000_000] * 2
    assert [intent.store[0].energy_mwh for intent in again] == [room * 1000] * 2


def test_what_a_world_cannot_be_fed_is_refused():
    worlds = WorldBidders(bidder(), ["a", "b"])
    hour = {"load": [0, 0], "solar": [0, 0], "price": [0, 0], "until": [0, 0], "car": [0, 0]}
    with pytest.raises(ValueError, match="load: 1 values for 2 homes"):
        worlds.intents({**hour, "load": [1]}, 0)
    with pytest.raises(ValueError, match="car: 0 values"):
        worlds.intents({name: hour[name] for name in list(hour)[:4]}, 0)
    with pytest.raises(ValueError, match="load leaves 0 to 20000"):
        worlds.intents({**hour, "load": [0, 20_001]}, 0)
    with pytest.raises(ValueError, match="has no output need"):
        WorldBidders(catalogue_spec("lamp").program(), ["a"])


def test_three_days_of_homes_by_their_own_strategy_leave_nobody_worse_off():
    homes = made_homes(5, 72)
    worlds = WorldBidders(bidder("own", "at_once"), homes.names)
    until, saved = auction.hours_until(homes.price >= auction.DEAR_MCT), 0
    for hour in range(homes.hours):
        tariff = Tariff(int(homes.price[hour]), 2_000)
        inputs = {"load": homes.load_wh[:, hour], "solar": homes.solar_wh[:, hour], "car": [0] * 5}
        inputs |= {"price": [tariff.buy_mct] * 5, "until": [int(until[hour])] * 5}
        intents = worlds.intents(inputs, tariff.buy_mct)
        clearing = clear([order for intent in intents for order in orders(intent, tariff)], tariff)
        worlds.awarded(clearing)
        told = {intent.home: Metered(intent.need_mwh, intent.sun_mwh) for intent in intents}
        settled = settle(clearing, told, tariff)
        assert all(line.saved_micro >= 0 for line in settled.lines.values())
        assert settled.pool_micro <= 2 * len(homes.names)  # rounding alone: all words are kept
        saved += sum(line.saved_micro for line in settled.lines.values())
    assert saved > 0
