"""The pool's dividend: whole, once, by what each home added; over cuts of power, late meters, and days of 23 hours."""

import asyncio
import random
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from host_bridge.agent.energy import bills
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.paying_out import ORDERS, PATIENCE_S, PayingOut
from host_bridge.agent.energy.tariff import Price
from host_bridge.agent.energy.tariff import Tariff as Prices
from host_bridge.market import coalition
from host_bridge.market.clearing import Award, Clearing
from host_bridge.market.settlement import ALL, KEPT_PERMILLE, Fees
from host_bridge.market.tariff import Tariff
from host_bridge.microworld.study import shapley
from host_bridge.model import StoreError
from host_bridge.store.book_rows import IntervalRow, LineRow, StateRow
from host_bridge.store.books import Books
from tests.host.agent.energy_kit import BEGIN_S, Home, Street, load, sun, table

STEP_S, DAY_S = 900, 86_400
HOMES = ("a", "b", "c")
ZONE = ZoneInfo("UTC")
PRICES = [(BEGIN_S + k * 43_200, Price(*((30_000, 8_000), (24_000, 9_000))[k % 2])) for k in range(12)]


class Community:
    """Books in which whole days of homes are settled, as Settling does it."""

    def __init__(self, folder, homes=HOMES, kept=ALL, zone=ZONE, prices=PRICES):
        self.homes, self.fees, self.zone, self.path = homes, Fees(50, kept), zone, folder / "agent.db"
        self.prices = Prices(prices, zone=zone)
        self.chance, self.rows, self.open = random.Random(7), [], False
        self.told = []
        self.start()

    def start(self, books=None):
        """Anew, as after a restart."""
        self.keeper = Bookkeeper(books or Books(self.path))
        self.paying = PayingOut(self.keeper, self.homes, self.prices, self.zone, STEP_S, self.told.extend)

    async def settle(self, begin_s, end_s, trades=False, homes=None):
        for start_s in range(begin_s, end_s, STEP_S):
            price = self.prices.at(start_s)
            rows = {home: self.interval(home, start_s) for home in homes or self.homes}
            awards = (Award("a", 90_000, 0, 20_000), Award("b", 0, 90_000, 20_000)) if trades else ()
            cleared = Clearing(20_000 if awards else None, awards, 90_000 if awards else 0)
            tariff = Tariff(price.buy_mct, price.sell_mct)
            _, lines = bills.settled_rows(start_s, rows, self.homes, cleared, tariff, self.fees, None, start_s + STEP_S)
            await self.keeper.add([*rows.values(), *lines])
            self.paying.add(lines)
            self.rows += rows.values()

    def interval(self, home, start_s):
        """The first imports, the second exports, the third does either."""
        gives = home == self.homes[1] or (home == self.homes[-1] and self.chance.random() < 0.3)
        energy = self.chance.randrange(1_000, 400_000)
        return IntervalRow(home, start_s, STEP_S, 0 if gives else energy, energy * gives, 0, 0, 0, 0, "", "{}")

    async def pay(self, now_s):
        return await self.paying.pay(now_s, lambda _: self.open)

    async def lines(self, where="", values=()):
        return await self.keeper.rows(LineRow, where, values)

    async def payments(self):
        return {line.home: -bills.owed(line) for line in await self.lines("dividend_micro != 0")}


def go(folder, course, **given):
    async def both():
        community = Community(folder, **given)
        await course(community)
        await community.keeper.close()

    asyncio.run(both())


LATER_S = BEGIN_S + DAY_S + 4 * STEP_S


def test_pooled_each_home_gets_its_shapley_value_of_the_day_and_the_grid_its_one_bill(tmp_path):
    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + DAY_S)
        before = await its.lines()
        assert all(bills.owed(line) == line.alone_micro for line in before if not line.home.startswith("="))
        held = its.paying.held_micro
        paid = await its.pay(LATER_S)
        assert (paid.begin_s, paid.end_s, paid.micro) == (BEGIN_S, BEGIN_S + DAY_S, held) and held > 0
        received = await its.payments()
        assert received.pop("=pool") == -held and sum(received.values()) == held and its.paying.held_micro == 0
        energy = np.array(
            [[(row.import_mwh, row.export_mwh) for row in its.rows if row.home == home] for home in HOMES]
        )
        tariffs = [Tariff(*its.prices.at(BEGIN_S + k * STEP_S)[:2]) for k in range(96)]
        period = coalition.Period(HOMES, energy[:, :, 0], energy[:, :, 1], tariffs)
        shares = {member.home: member.share_micro for member in coalition.settle(period)}
        assert all(
            abs(received[home] - shares[home]) <= 3 * 96 for home in HOMES
        )  # each interval rounds each home's bill
        lines = await its.lines()
        assert lines[: len(before)] == before and bills.unbalanced(lines) == 0
        grid = sum(bills.owed(line) for line in lines if line.home == "=grid")
        assert -grid == sum(bills.owed(line) for line in lines if not line.home.startswith("="))
        assert set(lines) - set(before) == set(its.told) and all(
            line.start_s == BEGIN_S + DAY_S - 1 for line in its.told
        )

    go(tmp_path, course)


def test_with_a_market_what_it_leaves_goes_to_whom_it_was_made_with(tmp_path):
    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + DAY_S, trades=True)
        held = its.paying.held_micro
        await its.pay(LATER_S)
        received = await its.payments()
        assert -received["=pool"] == held > 0 and all(received[home] > 0 for home in HOMES)
        for home in HOMES:
            mine = await its.lines("home = ?", (home,))
            assert sum(map(bills.owed, mine)) <= sum(line.alone_micro for line in mine)

    go(tmp_path, course, kept=KEPT_PERMILLE)


def test_nobody_with_whom_nothing_was_saved_gets_anything(tmp_path):
    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + DAY_S, homes=HOMES[:2])
        await its.pay(LATER_S)
        received = await its.payments()
        assert set(received) == {"a", "b", "=pool"} and abs(received["a"] - received["b"]) <= 96
        assert len(await its.lines("start_s = ?", (BEGIN_S + DAY_S - 1,))) == 3
        await its.settle(BEGIN_S + DAY_S, BEGIN_S + 2 * DAY_S, homes=HOMES[1:])
        await its.pay(LATER_S + DAY_S)
        assert {line.home for line in await its.lines("start_s = ?", (BEGIN_S + 2 * DAY_S - 1,))} == {"b", "c", "=pool"}

    go(tmp_path, course)


def test_each_day_once_over_restarts_and_not_before_it_is_over(tmp_path):
    async def course(its):
        await its.settle(BEGIN_S + 3600, BEGIN_S + DAY_S + 7200)
        assert await its.pay(BEGIN_S + DAY_S + 3 * STEP_S) is None  # the last interval may not be settled yet
        assert await its.pay(LATER_S) is not None
        first, held = await its.payments(), its.paying.held_micro
        assert held > 0  # two hours of the new day
        for _ in range(2):
            assert await its.pay(LATER_S) is None
            await its.keeper.close()
            its.start()
            await its.paying.resume()
            assert its.paying.held_micro == held
            assert (its.paying.last.begin_s, its.paying.last.micro) == (BEGIN_S, -first["=pool"])
        assert await its.payments() == first
        assert (await its.pay(LATER_S + DAY_S)).micro == held
        assert its.paying.held_micro == 0

    go(tmp_path, course)


def test_an_open_interval_is_waited_for_and_what_comes_after_that_is_in_the_next_day(tmp_path):
    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + DAY_S)
        its.open = True
        assert await its.pay(BEGIN_S + DAY_S + PATIENCE_S - 1) is None
        first = await its.pay(BEGIN_S + DAY_S + PATIENCE_S)
        late = [LineRow(BEGIN_S, "=pool:d", 0, -500, 0, 0, 0, 0, 0, 1), LineRow(BEGIN_S, "d", 0, 500, 0, 0, 0, 0, 0, 1)]
        await its.keeper.add(late)
        its.paying.add(late)
        assert its.paying.held_micro == 500 and first.micro > 500
        its.open = False
        assert (await its.pay(BEGIN_S + 2 * DAY_S + PATIENCE_S)).micro == 500
        assert bills.unbalanced(await its.lines("dividend_micro != 0")) == 0 and its.paying.held_micro == 0

    go(tmp_path, course)


class Failing(Books):
    """Fails, or ends the bridge, at a write of the pool's."""

    after = False

    def add(self, rows):
        if not any(getattr(row, "dividend_micro", 0) for row in rows):
            return super().add(rows)
        if self.after:
            super().add(rows)
        raise StoreError("the disk is full")


@pytest.mark.parametrize("after", [False, True])
def test_a_bridge_that_ends_at_the_write_pays_all_once_or_nothing_yet(tmp_path, after):
    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + DAY_S)
        held = its.paying.held_micro
        await its.keeper.close()
        books = Failing(its.path)
        books.after = after
        its.start(books)
        await its.paying.resume()
        with pytest.raises(StoreError):
            await its.pay(LATER_S)
        assert its.paying.held_micro == held and its.told == []
        await its.keeper.close()
        its.start()
        await its.paying.resume()
        assert its.paying.held_micro == (0 if after else held)
        assert (await its.pay(LATER_S) is None) == after
        assert -(await its.payments())["=pool"] == held
        assert len(await its.lines("dividend_micro != 0")) == 4 and bills.unbalanced(await its.lines()) == 0

    go(tmp_path, course)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_a_day_is_the_zones_own(tmp_path, day, hours):
    zone = ZoneInfo("Europe/Berlin")
    begin_s = int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp())

    async def course(its):
        await its.settle(begin_s + 1800, begin_s + hours * 3600)
        end_s = begin_s + hours * 3600
        assert await its.pay(end_s + 3 * STEP_S) is None
        paid = await its.pay(end_s + 4 * STEP_S)
        assert (paid.begin_s, paid.end_s) == (begin_s, end_s)

    go(tmp_path, course, zone=zone, prices=[(begin_s + k * 43_200, Price(30_000, 8_000)) for k in range(4)])


def test_days_of_which_nothing_is_known_are_passed_over(tmp_path):
    async def course(its):
        assert await its.pay(LATER_S) is None  # nothing was ever settled
        await its.settle(BEGIN_S, BEGIN_S + DAY_S)
        await its.settle(BEGIN_S + 3 * DAY_S, BEGIN_S + 4 * DAY_S)
        days = [await its.pay(BEGIN_S + 9 * DAY_S) for _ in range(8)]
        assert [paid and (paid.begin_s - BEGIN_S) // DAY_S for paid in days] == [0, None, None, 3, *[None] * 4]
        assert (await its.keeper.rows(StateRow))[0].body == str(BEGIN_S + 8 * DAY_S)
        await its.keeper.close()
        its.start()
        await its.paying.resume()
        assert its.paying.last == days[3]

    go(tmp_path, course)


def test_without_known_prices_the_pool_is_shared_alike(tmp_path):
    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + DAY_S)
        its.paying._prices = Prices([(0, Price(1, 1))])  # of a day in 1970: the file was replaced
        await its.pay(LATER_S)
        received = await its.payments()
        held = -received.pop("=pool")
        assert sum(received.values()) == held and max(received.values()) - min(received.values()) <= 1

    go(tmp_path, course)


def test_many_homes_are_sampled_the_same_each_time_and_not_without_end(tmp_path, monkeypatch):
    homes, drawn = tuple(f"h{k:02}" for k in range(40)), []
    orders = shapley.orders
    monkeypatch.setattr(shapley, "orders", lambda *given: drawn.append(given) or orders(*given))

    async def course(its):
        await its.settle(BEGIN_S, BEGIN_S + 4 * STEP_S)
        await its.pay(LATER_S)
        first = its.paying._weights(its.rows)
        assert first == its.paying._weights(its.rows) and sum(first.values()) > 0
        assert all(members * samples <= ORDERS for members, samples, _ in drawn) and len(drawn) == 3

    go(tmp_path, course, homes=homes)


@pytest.mark.slow
def test_a_pooled_street_is_paid_after_midnight_and_sees_it_over_a_restart(tmp_path):
    async def run():
        homes = [Home("h1", load(400, 900), sun(5000), content_wh=6400), Home("h2", load(900, 900), sun(0))]
        street = Street(tmp_path, homes, table(mode="pooled"), hour=12)
        street.start()
        await street.run(12, 300)
        evening = street.agent.view().community
        assert evening.pool.held_micro > 0 and (evening.pool.paid_micro, evening.pool.paid_day) == (None, "")
        await street.run(1.25, 300)
        await street.agent.close()
        street.start()
        await street.run(0.25, 300)
        community, day = street.agent.view().community, datetime.fromtimestamp(BEGIN_S, ZONE).strftime("%Y-%m-%d")
        lines = street.rows_of(LineRow)
        received = {line.home: -bills.owed(line) for line in lines if line.is_payment}
        assert community.pool.paid_micro == -received["=pool"] == sum(received[name] for name in ("h1", "h2")) > 0
        assert community.pool.paid_day == day and "pool paid out" in street.kinds()
        for name in ("h1", "h2"):
            mine = [line for line in lines if line.home == name]
            view = street.agent.parts.sums[name].view(0)
            assert view.paid_micro == sum(map(bills.owed, mine)) and view.intervals == len(mine) - 1
            told = await street.agent.account(name, day, "long")
            assert "for its part of the pool" in told.text and told.loose_numbers() == []
        assert bills.unbalanced(lines) == 0 == community.books_micro
        await street.agent.close()

    asyncio.run(run())
