"""Parts of the energy agent by themselves: contents, choices, orders, checks of meters, prices, savings."""

import random
from datetime import UTC

import pytest

from host_bridge.agent.energy import bills, tariff
from host_bridge.agent.energy.checks import Counted, MeterChecks
from host_bridge.agent.energy.content import SHOWS_S, Content
from host_bridge.agent.energy.deciding import CHARGE, DISCHARGE, HOLD, SELF, Limits, choose
from host_bridge.agent.energy.orders import Store, wish
from host_bridge.agent.energy.savings import DAY_S, Sums
from host_bridge.agent.energy.trading import pairs
from host_bridge.energy_config import TariffConfig
from host_bridge.market.book import check
from host_bridge.market.clearing import Award, Clearing, clear
from host_bridge.market.settlement import Fees
from host_bridge.market.tariff import Tariff
from host_bridge.store.book_rows import IntervalRow, LineRow, StateRow

LIMITS = Limits(5000, 5000, 4000, 3000)


def content(**more):
    made = Content.unknown(10_000, 950, 5000)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_content_follows_the_registers_with_losses_and_a_bound_that_widens():
    its = content(wh=5000.0, uncertain_wh=100.0)
    its.count(1, 0, 0, 1)
    its.count(1, 1_000_000, 0, 1)
    assert its.wh == pytest.approx(5950) and its.uncertain_wh == pytest.approx(120)
    its.count(1, 1_000_000, 950_000, 1)
    assert its.wh == pytest.approx(4950) and its.uncertain_wh == pytest.approx(139)


def test_content_counts_what_a_replay_metered_as_often_as_it_is_faster():
    its = content(wh=0.0)
    its.count(1, 0, 0, 60)
    its.count(1, 10_000, 0, 60)
    assert its.wh == pytest.approx(570)


def test_a_new_journal_leaves_the_content_and_makes_it_unsure():
    its = content(wh=3000.0, uncertain_wh=10.0)
    its.count(1, 5, 5, 1)
    its.count(2, 900_000, 0, 1)
    assert its.wh == 3000 and its.uncertain_wh == its.capacity_wh


@pytest.mark.parametrize(
    ("asked", "grid_w", "shows"),
    [("charge", 0, 10_000), ("self-consumption", -900, 10_000), ("hold", -900, 10_000),
     ("discharge", 0, 0), ("self-consumption", 900, 0), ("hold", 900, None), ("self-consumption", 0, None)],
)  # fmt: skip
def test_content_is_anchored_where_the_battery_shows_it_and_nowhere_else(asked, grid_w, shows):
    its = content(wh=4000.0)
    its.look(0, asked, 3.0, grid_w)
    assert its.wh == 4000  # a moment is not enough
    said = its.look(SHOWS_S, asked, 3.0, grid_w)
    assert its.wh == (4000 if shows is None else shows)
    assert bool(said) is (shows is not None)
    if said:
        assert its.uncertain_wh == 100 and its.look(SHOWS_S + 60, asked, 3.0, grid_w) == ""


def test_content_goes_on_from_its_document_and_takes_no_other():
    its, again = content(wh=1234.5, epoch=3, import_mwh=7, export_mwh=8), content()
    again.resume(its.document())
    assert again.document() == its.document()
    again.resume({"wh": "lots"})
    assert again.wh == 1234.5


# What to do for an amount


@pytest.mark.parametrize(
    ("wanted", "net", "action"),
    [
        (1000, 500, CHARGE), (0, 500, HOLD), (-125, 500, SELF), (-60, 500, SELF), (-1000, 500, DISCHARGE),
        (250, -1000, SELF), (1000, -1000, CHARGE), (0, -1000, SELF), (-500, -1000, DISCHARGE), (0, 0, SELF),
    ],
)  # fmt: skip
def test_an_amount_is_done_by_the_contactor_that_leads_there(wanted, net, action):
    assert choose(wanted, net, LIMITS, 900, 900, SELF).action == action


def test_what_is_forced_ends_when_its_part_is_done_and_not_before():
    assert choose(30, 500, LIMITS, 450, 900, CHARGE).action == CHARGE
    assert choose(30, 500, LIMITS, 450, 900, SELF).action != CHARGE  # not worth a switching
    assert choose(0, 500, LIMITS, 450, 900, CHARGE).action == HOLD


def test_an_empty_battery_is_not_discharged_and_a_full_one_not_charged():
    assert choose(-1000, 500, Limits(5000, 5000, 6000, 0), 900, 900, SELF).action == SELF
    assert choose(1000, 500, Limits(5000, 5000, 0, 6000), 900, 900, SELF).action != CHARGE


def test_choices_reach_what_is_wanted_in_the_interval():
    """Second by second, from any wish that can be had: within 6 % of what the rated power moves."""
    rng = random.Random(7)
    for _ in range(200):
        net, room, left = rng.uniform(-3000, 3000), rng.uniform(2000, 5000), rng.uniform(2000, 5000)
        by_itself = max(-net, 0) / 4
        wanted = rng.uniform(-1200, -50) if rng.random() < 0.5 else rng.uniform(by_itself, 1200)
        done, action = 0.0, SELF
        for second in range(0, 900, 5):
            its = Limits(5000, 5000, room - done, left + done)
            action = choose(wanted - done, net, its, 900 - second, 900, action).action
            power = {CHARGE: 5000, DISCHARGE: -5000, HOLD: max(-net, 0), SELF: -net}[action]
            done += power * 5 / 3600
        assert abs(done - wanted) < 0.06 * 1250 or wanted < min(0, -net / 4) - 1250, (net, wanted, done)


# Orders


def store(**more):
    given = {"capacity_wh": 6400, "content_wh": 3200, "least_wh": 0, "charge_wh": 1250, "discharge_wh": 1250,
             "efficiency": 0.95, "worth_mct": [40_000, 30_000, 20_000, 10_000]}  # fmt: skip
    return Store(**(given | more))


def test_a_home_that_is_short_bids_below_what_its_battery_offers():
    its = wish("h", 500, store(), Tariff(50_000, 0))
    check(its.orders)
    bids, offers = ([o for o in its.orders if o.side == side] for side in ("bid", "offer"))
    assert bids and offers and max(o.limit_mct for o in bids) < min(o.limit_mct for o in offers)
    assert sum(o.energy_mwh for o in offers) == pytest.approx(750_000, abs=2)  # the rest of what it can give
    assert its.baseline_wh == 0 and its.firm == ()


def test_what_no_price_changes_is_firm_and_at_the_grids_price():
    its = wish("h", 3000, store(), Tariff(50_000, 4_000))
    firm = [o for o in its.orders if o.number in its.firm]
    assert [(o.side, o.limit_mct) for o in firm] == [("bid", 50_000)]
    assert firm[0].energy_mwh == 1_750_000 and its.baseline_wh == pytest.approx(1750)
    sun = wish("h", -3000, store(), Tariff(50_000, 4_000))
    firm = [o for o in sun.orders if o.number in sun.firm]
    assert [(o.side, o.limit_mct, o.energy_mwh) for o in firm] == [("offer", 4_000, 1_750_000)]


def test_a_home_without_battery_bids_what_it_needs_and_without_prices_nothing_is_bid():
    assert [o.side for o in wish("h", 400, None, Tariff(50_000, 0)).orders] == ["bid"]
    assert wish("h", 400, store(), Tariff(None)).orders == ()
    assert wish("h", 400, store(), Tariff(1_000, 2_000)).orders == ()


def test_any_orders_of_any_homes_are_a_book_and_clear_within_what_they_can_do():
    rng = random.Random(3)
    for _ in range(300):
        homes = {}
        for k in range(rng.randrange(2, 6)):
            falling = sorted((rng.uniform(-5_000, 60_000) for _ in range(rng.choice([1, 4, 16]))), reverse=True)
            its = store(content_wh=rng.uniform(0, 6400), worth_mct=falling, least_wh=rng.choice([0, 500]))
            net = rng.uniform(-3000, 3000)
            homes[f"h{k}"] = net, wish(f"h{k}", net, its, Tariff(45_000, 5_000))
        orders = [order for _, each in homes.values() for order in each.orders]
        check(orders)
        cleared = clear(orders, Tariff(45_000, 5_000))
        for award in cleared.awards:
            net, _ = homes[award.home]
            position = (award.bought_mwh - award.sold_mwh) / 1000
            assert min(0, net - 1250) - 1 <= position <= max(0, net + 1250) + 1


def test_pairs_of_a_clearing_sum_to_its_awards_to_the_mwh():
    rng = random.Random(5)
    for _ in range(200):
        sold = [rng.randrange(1, 10_000) for _ in range(rng.randrange(1, 6))]
        cut = sorted(rng.randrange(0, sum(sold) + 1) for _ in range(3))
        bought = [b - a for a, b in zip([0, *cut], [*cut, sum(sold)], strict=True)]
        awards = [Award(f"s{k}", 0, energy, 1) for k, energy in enumerate(sold)]
        awards += [Award(f"b{k}", energy, 0, 1) for k, energy in enumerate(bought)]
        found = pairs(Clearing(1, tuple(awards), sum(sold)))
        for award in awards:
            its = sum(energy for s, b, energy in found if award.home in (s, b))
            assert its == award.bought_mwh + award.sold_mwh
        assert all(energy > 0 for _, _, energy in found)


# Meters


def looked(rows, step_s=900):
    """What is wrong after each of `rows`."""
    checks, found = MeterChecks(step_s), []
    for row in rows:
        found.append(checks.look({part: Counted(*each) for part, each in row.items()}, ()))
    return found


def test_a_home_that_would_use_less_than_nothing_has_a_meter_the_wrong_way_round():
    good = {"grid": (100_000, 0), "solar": (0, 0), "battery": (0, 0)}
    turned = {"grid": (0, 100_000), "solar": (0, 0), "battery": (0, 0)}
    assert looked([good] * 3)[-1] == {}
    assert "wrong sign" in looked([turned] * 2)[-1]["grid"]
    assert looked([turned])[-1] == {}  # once may be a boundary put a little wrong
    sun = {"grid": (0, 300_000), "solar": (400_000, 0), "battery": (0, 0)}
    assert "wrong sign" in looked([sun] * 2)[-1]["solar"]


def test_a_meter_that_says_the_same_for_two_hours_is_frozen_and_one_that_varies_is_not():
    same = [{"grid": (123_456 + k % 2, 0), "solar": (0, 0), "battery": (0, 0)} for k in range(9)]
    assert [bool(each) for each in looked(same)] == [False] * 8 + [True]
    varies = [{"grid": (100_000 + 900 * k, 0), "solar": (0, 0), "battery": (0, 0)} for k in range(30)]
    assert not any(looked(varies))


def test_a_home_that_uses_nothing_for_six_hours_has_a_grid_meter_that_stands_still():
    rows = [{"grid": (0, 0), "solar": (0, 90_000 + k), "battery": (90_000 + k, 0)} for k in range(24)]
    found = looked(rows)
    assert "frozen" in found[-1]["grid"] and "grid" not in found[-2]


# Prices


def read(folder, text="", **given):
    if text:
        (folder / "p.csv").write_text(text)
        given["file"] = str(folder / "p.csv")
    return tariff.read(TariffConfig(**given), UTC)


def test_steps_of_a_day_hold_until_the_next_and_over_midnight(tmp_path):
    its = read(tmp_path, buy=["06:00 28.4", "22:00 19.25"], sell=["00:00 -1"])
    assert [its.at(DAY_S * 9 + hour * 3600).buy_mct for hour in (5, 6, 21, 22)] == [19_250, 28_400, 28_400, 19_250]
    assert its.at(0).sell_mct == -1_000


def test_a_files_row_holds_a_day_at_most_and_what_is_absent_is_taken_from_days_before(tmp_path):
    its = read(tmp_path, "start_s,buy_mct,sell_mct,carbon_g\n0,100,5,50\n3600,200,5,60\n")
    assert its.at(3599) == (100, 5, 50) and its.at(-1) is None
    assert its.at(3600 + DAY_S - 1).buy_mct == 200 and its.at(3600 + DAY_S) is None
    prices, guessed = its.ahead(DAY_S, 3600, 3)
    assert [price.buy_mct for price in prices] == [200, 200, 200] and guessed == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"), ("start_s,buy\n", "first line"), ("start_s,buy_mct,sell_mct\n1,x,2\n", "p.csv:2"),
        ("start_s,buy_mct,sell_mct\n5,1,1\n5,1,1\n", "must rise"), ("start_s,buy_mct,sell_mct\n", "no price"),
        ("start_s,buy_mct,sell_mct\n1,99999999,1\n", "costs more"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_prices_is_one_clear_error(tmp_path, text, says):
    with pytest.raises(tariff.TariffError, match=says):
        read(tmp_path, text, **({} if text else {"file": str(tmp_path / "none.csv")}))


# Bills and savings


def interval(home, imported, exported, solar=0, charge=0, start_s=0):
    return IntervalRow(home, start_s, 900, imported, exported, solar, charge, 0, 0, "", "{}")


def test_bills_of_any_interval_sum_to_zero_whoever_comes_late_and_are_written_once():
    rng = random.Random(11)
    for _ in range(100):
        homes = [f"h{k}" for k in range(rng.randrange(2, 6))]
        rows = {home: interval(home, rng.randrange(500_000), rng.randrange(500_000)) for home in homes}
        price = Tariff(rng.randrange(-5_000, 50_000), rng.randrange(-9_000, 9_000))
        energy = rng.randrange(1, 200_000)
        cleared = Clearing(10_000, (Award("h0", energy, 0, 10_000), Award("h1", 0, energy, 10_000)), energy)
        late = rng.sample(homes, rng.randrange(len(homes)))
        first = {home: row for home, row in rows.items() if home not in late}
        settled, lines = bills.settled_rows(0, first, homes, cleared, price, Fees(50), None, 1)
        assert settled.open == frozenset(late)
        for home in late:
            again = bills.resumed(StateRow("", bills.kept(0, settled).body))
            assert again == settled  # as it is after a restart
            settled, more = bills.settled_rows(0, {home: rows[home]}, (), cleared, price, Fees(50), again, 2)
            assert {line.home for line in more} & {line.home for line in lines} == set()
            lines += more
        assert bills.unbalanced(lines) == 0 and bills.kept(0, settled).body == ""
        by_home = {line.home: line for line in lines}
        assert all(bills.owed(by_home[home]) <= by_home[home].alone_micro for home in homes)


def test_doing_nothing_is_the_same_load_and_sun_without_battery():
    price = Tariff(30_000, 5_000)
    assert bills.nothing_micro(interval("h", 1_000_000, 0, solar=200_000, charge=400_000), price) == 180_000
    assert bills.nothing_micro(interval("h", 0, 100_000, solar=500_000, charge=100_000), price) == -10_000


def lines_of_days(days, saved, step_s=3600):
    rows = []
    for day in range(days):
        for step in range(24):
            paid = 1000 - saved(day)
            rows.append(LineRow(day * DAY_S + step * step_s, "h", 0, paid, 0, 0, paid, 1000, 0, 0))
    return rows


def test_savings_are_exact_and_young_ones_say_so():
    sums = Sums(3600)
    sums.add(lines_of_days(4, lambda day: 100 + day))
    sums.add([LineRow(0, "=grid", 0, -5, 0, 0, 0, 0, 0, 0)])
    view = sums.view(3)
    assert (view.baseline_micro, view.saved_micro, view.permille) == (96_000, 9744, 102)
    assert view.low_permille is None and "too young" in view.says and view.open_intervals == 3


def test_a_part_of_the_pool_is_saved_and_settles_no_interval():
    sums = Sums(3600)
    sums.add(lines_of_days(1, lambda day: 100))
    before = sums.view(0)
    sums.add([LineRow(DAY_S - 1, "h", 0, 0, 0, 0, 0, 0, 0, 0, -70)])
    after = sums.view(0)
    assert (after.saved_micro, after.intervals, after.until_s) == (before.saved_micro + 70, 24, DAY_S)


def test_the_band_of_savings_is_as_wide_as_days_differ_and_the_same_each_time():
    sums, even = Sums(3600), Sums(3600)
    sums.add(lines_of_days(12, lambda day: 50 * (day % 4)))
    even.add(lines_of_days(12, lambda day: 75))
    view = sums.view(0)
    assert view.low_permille < view.permille < view.high_permille and view.days == 12
    assert view == sums.view(0)
    assert (even.view(0).low_permille, even.view(0).high_permille) == (75, 75)
