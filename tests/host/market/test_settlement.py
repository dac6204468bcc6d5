"""What everyone owes: rule by rule on a few homes, and what must hold always on whatever Hypothesis draws."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_bridge.market.book import Order
from host_bridge.market.clearing import Award, Clearing, clear
from host_bridge.market.settlement import ALL, KEPT_PERMILLE, Fees, Left, Metered, Settled, SettlementError, settle
from host_bridge.market.tariff import MOST_MCT, PARTS, Tariff
from tests.host.market.books_kit import random_book

GRID = Tariff(30_000, 10_000)
KWH = 1_000_000
CT = 10_000  # micro-units


def traded(**homes):
    """At 20 ct/kWh: kWh bought (+) or sold (-)."""
    awards = [Award(home, max(0, kwh) * KWH, max(0, -kwh) * KWH, 20_000) for home, kwh in sorted(homes.items())]
    return Clearing(20_000, tuple(awards), sum(award.bought_mwh for award in awards))


def metered(**homes):
    """kWh imported (+) or exported (-); None: not told."""
    return {
        home: None if kwh is None else Metered(int(max(0, kwh) * KWH), int(max(0, -kwh) * KWH))
        for home, kwh in homes.items()
    }


def received(settled):
    """Of each home in cents: trade, grid, imbalance, fee."""
    return {
        home: tuple(each / CT for each in (line.trade_micro, line.grid_micro, line.imbalance_micro, line.fee_micro))
        for home, line in settled.lines.items()
    }


def others(settled):
    return tuple(each / CT for each in (settled.grid_micro, settled.operator_micro, settled.pool_micro))


def test_kept_words_are_settled_at_the_price():
    settled = settle(traded(a=2, b=-2), metered(a=2, b=-2), GRID)
    assert received(settled) == {"a": (-40, 0, 0, 0), "b": (40, 0, 0, 0)}
    assert others(settled) == (0, 0, 0)
    assert [line.saved_micro / CT for line in settled.lines.values()] == [20, 20]
    assert not settled.open


def test_what_is_beyond_the_word_and_has_no_neighbour_is_the_grids():
    settled = settle(traded(a=2, b=-2), metered(a=5, b=-2), GRID)
    assert received(settled) == {"a": (-40, -90, 0, 0), "b": (40, 0, 0, 0)}
    assert others(settled) == (90, 0, 0)
    assert settled.left == Left(3 * KWH, 0)
    settled = settle(traded(a=2, b=-2), metered(a=2, b=-6), GRID)
    assert received(settled)["b"] == (40, 40, 0, 0)
    assert others(settled) == (-40, 0, 0)


def test_who_bought_and_did_not_take_makes_good_what_the_seller_lost_up_to_its_own_gain():
    settled = settle(traded(a=3, b=-3), metered(a=2, b=-3), GRID)
    assert received(settled) == {"a": (-40, 0, -10, 0), "b": (40, 10, 10, 0)}
    assert settled.lines["b"].saved_micro == 30 * CT  # as if all had been taken
    assert settled.lines["a"].saved_micro == 10 * CT
    settled = settle(traded(a=3, b=-3), metered(a=1, b=-3), GRID)
    assert received(settled) == {"a": (-20, 0, -10, 0), "b": (20, 20, 10, 0)}
    assert settled.lines["a"].saved_micro == 0


def test_who_sold_and_did_not_deliver_makes_good_what_the_buyers_lost_up_to_its_own_gain():
    settled = settle(traded(a=2, b=1, s=-3), metered(a=2, b=1, s=-2.4), GRID)
    assert received(settled) == {"a": (-32, -12, 4, 0), "b": (-16, -6, 2, 0), "s": (48, 0, -6, 0)}
    assert [line.saved_micro / CT for line in settled.lines.values()] == [20, 10, 18]
    assert sum(others(settled)) == 18


def test_who_delivers_nothing_gains_nothing_and_pays_no_more_than_alone():
    settled = settle(traded(a=2, s=-2), metered(a=2, s=1), GRID)
    assert received(settled) == {"a": (0, -60, 0, 0), "s": (0, -30, 0, 0)}
    assert {line.saved_micro for line in settled.lines.values()} == {0}


def test_who_has_no_part_in_the_shortage_is_charged_nothing():
    settled = settle(traded(a=2, b=2, s=-2, t=-2), metered(a=2, b=2, s=-2, t=-1), GRID)
    assert received(settled)["s"] == (40, 0, 0, 0)
    assert received(settled)["t"][2] == -10


def test_neighbours_come_before_the_grid_for_what_was_not_traded_at_half_the_gain():
    nothing = Clearing(None, (), 0, "nobody bids")
    settled = settle(nothing, metered(a=2, b=-2), GRID)
    assert received(settled) == {"a": (0, 0, -50, 0), "b": (0, 0, 30, 0)}
    assert others(settled) == (0, 0, 20)
    assert [line.balanced_mwh for line in settled.lines.values()] == [2 * KWH, -2 * KWH]


def test_what_is_kept_for_the_pool_makes_good_what_no_charge_does():
    settled = settle(traded(a=2, s=-2), metered(a=2, s=0, t=-2), GRID)
    assert received(settled)["t"] == (0, 0, 30, 0)
    assert settled.lines["a"].saved_micro == 20 * CT  # as if its seller had delivered
    assert others(settled) == (0, 0, 10)


def test_the_fee_is_of_traded_energy_from_both_sides_and_never_above_the_gain():
    settled = settle(traded(a=2, b=-2), metered(a=3, b=-2), GRID, Fees(1000))
    assert received(settled) == {"a": (-40, -30, 0, -2), "b": (40, 0, 0, -2)}
    assert others(settled) == (30, 4, 0)
    settled = settle(traded(a=2, b=-2), metered(a=2, b=-2), GRID, Fees(MOST_MCT))
    assert [line.saved_micro for line in settled.lines.values()] == [0, 0]
    assert others(settled) == (0, 40, 0)


def test_without_the_grids_prices_all_stays_open_until_they_are_known():
    clearing, told = traded(a=2, b=-2), metered(a=2, b=-2)
    for unknown in (Tariff(None, 0), Tariff(30_000, None)):
        waiting = settle(clearing, told, unknown)
        assert (dict(waiting.lines), waiting.grid_micro, waiting.open) == ({}, 0, {"a", "b"})
        assert settle(clearing, told, GRID, before=waiting) == settle(clearing, told, GRID)


def test_where_the_grid_pays_more_than_it_takes_all_is_the_grids():
    settled = settle(traded(a=2, b=-2), metered(a=2, b=-2), Tariff(-5_000, 1_000))
    assert received(settled) == {"a": (0, 10, 0, 0), "b": (0, 2, 0, 0)}
    assert others(settled) == (-12, 0, 0)


def test_no_trade_is_settled_outside_the_grids_prices():
    for price in (10_000, 5_000):  # it fell after the clearing
        settled = settle(traded(a=2, b=-2), metered(a=2, b=-2), Tariff(price, 0))
        assert received(settled)["a"] == (-2 * price / 1000, 0, 0, 0)
        assert settled.lines["b"].saved_micro == 2 * price * 10


def test_what_different_local_prices_leave_over_is_the_pools():
    local = Clearing(20_000, (Award("a", KWH, 0, 25_000), Award("b", 0, KWH, 12_000)), KWH)
    settled = settle(local, metered(a=1, b=-1), GRID)
    assert received(settled) == {"a": (-25, 0, 0, 0), "b": (12, 0, 0, 0)}
    assert others(settled) == (0, 0, 13)


def test_local_prices_that_promise_more_than_there_is_are_cut_in_proportion():
    local = Clearing(20_000, (Award("a", KWH, 0, 12_000), Award("b", 0, KWH, 25_000)), KWH)
    settled = settle(local, metered(a=1, b=-1), GRID)
    saved = [line.saved_micro for line in settled.lines.values()]
    assert sum(saved) == 20 * CT
    assert saved[0] * 15 == pytest.approx(saved[1] * 18, rel=1e-5)
    assert others(settled) == (0, 0, 0)


def test_a_home_that_was_offline_is_settled_when_it_tells_once_and_nobody_else_again():
    clearing = traded(a=2, b=1, s=-3)
    first = settle(clearing, metered(a=2, b=1, s=None), GRID)
    assert received(first) == {"a": (0, -60, 0, 0), "b": (0, -30, 0, 0)}
    assert (first.open, first.left) == ({"s"}, Left(3 * KWH, 0))
    second = settle(clearing, metered(s=-2), GRID, before=first)
    assert received(second) == received(first) | {"s": (40, 0, 0, 0)}
    assert others(second) == (30, 0, 20)  # the grid for what it brought in the end; the buyers' gain is the pool's
    assert (second.open, second.left) == (set(), Left(1 * KWH, 0))
    assert settle(clearing, metered(a=1, b=9, s=-3), GRID, before=second) == second


def test_a_bill_is_not_changed_by_another_price_later():
    first = settle(traded(a=2, s=-2), metered(a=2), GRID)
    with pytest.raises(SettlementError, match="another tariff"):
        settle(traded(a=2, s=-2), metered(s=-2), Tariff(31_000, 10_000), before=first)


@pytest.mark.parametrize("energy", [-1, 1.5, True, 1_000_000_001, None])
def test_energy_that_no_register_can_have_grown_by_is_refused(energy):
    with pytest.raises(SettlementError, match="a register grew by"):
        Metered(energy, 0)
    with pytest.raises(SettlementError, match="a register grew by"):
        Metered(0, energy)


def test_a_fee_below_zero_is_refused():
    with pytest.raises(SettlementError, match="trade_mct is -1"):
        Fees(-1)
    with pytest.raises(SettlementError, match="kept_permille is 1001"):
        Fees(0, 1001)


def test_all_is_kept_for_the_pool_where_it_is_to_be_shared_by_other_rules():
    settled = settle(traded(), metered(a=3, b=-2), GRID, Fees(0, ALL))
    assert [line.saved_micro for line in settled.lines.values()] == [0, 0]
    assert settled.pool_micro == 2 * 20 * CT
    whole = settle(traded(), metered(a=3, b=-2), GRID, Fees(0, 0))
    assert whole.pool_micro == 0 and sum(line.saved_micro for line in whole.lines.values()) == 2 * 20 * CT


def holds(before: Settled, after: Settled, told, clearing, tariff, fees) -> None:
    """What must be so after any call."""
    accounts = after.grid_micro + after.operator_micro + after.pool_micro
    assert sum(line.total_micro for line in after.lines.values()) + accounts == 0
    assert after.pool_micro >= before.pool_micro
    assert after.operator_micro >= before.operator_micro
    assert all(after.lines[home] == line for home, line in before.lines.items())
    for line in after.lines.values():
        assert line.saved_micro >= 0
        assert line.alone_micro == -(-(tariff.buy_mct * line.import_mwh - tariff.sell_mct * line.export_mwh) // PARTS)
        assert -line.export_mwh <= line.traded_mwh + line.balanced_mwh <= line.import_mwh
    imported = sum(line.import_mwh for line in after.lines.values())
    exported = sum(line.export_mwh for line in after.lines.values())
    if tariff.bounds:
        assert after.left == Left(max(0, imported - exported), max(0, exported - imported))
    assert settle(clearing, told, tariff, fees, after) == after


def billed_parts(settled: Settled, tariff: Tariff) -> int:
    """Exactly what the grid is due: what the homes import and export in all, set off where that pays."""
    imported = sum(line.import_mwh for line in settled.lines.values())
    exported = sum(line.export_mwh for line in settled.lines.values())
    within = min(imported, exported) if tariff.bounds else 0
    return tariff.buy_mct * (imported - within) - tariff.sell_mct * (exported - within)


def check_settling(seed: int) -> None:
    """A random book's homes take and deliver as they like, their meters tell when they like."""
    chance = Random(seed)
    orders, tariff = random_book(chance)
    if tariff.buy_mct is None or tariff.sell_mct is None:
        tariff = Tariff(30_000, 8_000)
    clearing = clear(orders, tariff)
    homes = sorted({order.home for order in orders} | {"bystander"})
    told = {home: _taken(chance, clearing.award(home)) for home in homes}
    fees = Fees(chance.choice((0, 0, 7, 500, MOST_MCT)), chance.choice((KEPT_PERMILLE, KEPT_PERMILLE, 0, 1, ALL)))
    settled, steps = Settled(), 0
    while settled.open or not steps:
        some = {home: told[home] if chance.random() < 0.6 else None for home in homes}
        before, settled, steps = settled, settle(clearing, some, tariff, fees, settled), steps + 1
        holds(before, settled, some, clearing, tariff, fees)
    assert set(settled.lines) == set(homes)
    due = billed_parts(settled, tariff)
    assert due <= settled.grid_micro * PARTS < due + steps * PARTS
    at_once = settle(clearing, told, tariff, fees)
    assert at_once == settle(clearing, dict(reversed(told.items())), tariff, fees)
    assert due <= at_once.grid_micro * PARTS < due + PARTS
    assert sum(line.traded_mwh for line in at_once.lines.values()) == 0
    assert sum(line.balanced_mwh for line in at_once.lines.values()) == 0


def _taken(chance: Random, award: Award | None) -> Metered:
    """As awarded, more, less, nothing, the wrong way; tiny or huge."""
    if award and chance.random() < 0.3:
        return Metered(award.bought_mwh, award.sold_mwh)
    near = max(award.bought_mwh, award.sold_mwh) if award else chance.choice((1, 1000, KWH))
    amounts = (0, 1, near // 2, near, near + 1, chance.randint(0, 2 * near), 1_000_000_000)
    imported, exported = chance.choices(amounts, k=2)
    if chance.random() < 0.8:
        imported, exported = (imported, 0) if chance.random() < 0.5 else (0, exported)
    return Metered(imported, exported)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 62))
def test_nothing_is_lost_or_made_nobody_is_worse_off_and_lines_stay(seed):
    check_settling(seed)


@pytest.mark.slow
@settings(max_examples=8_000, deadline=None, database=None)
@given(st.integers(0, 1 << 62))
def test_the_same_of_eight_thousand_intervals(seed):
    check_settling(seed)


ENERGY = st.one_of(st.integers(0, 5), st.integers(0, 10**9))
HOMES = st.dictionaries(st.sampled_from("abcdef"), st.tuples(ENERGY, ENERGY, ENERGY, st.integers(-60, 60)))


@settings(max_examples=80, deadline=None)
@given(HOMES, st.tuples(st.integers(-50, 50), st.integers(-50, 50)), st.integers(0, 9))
def test_no_awards_however_wrong_lose_or_make_a_unit(rows, prices, fee):
    awards = [Award(home, each[2], 0, each[3]) for home, each in sorted(rows.items())]
    awards = [
        Award(each.home, 0, each.bought_mwh, each.price_mct) if at % 2 else each for at, each in enumerate(awards)
    ]
    clearing = Clearing(0, tuple(awards), 0)
    tariff = Tariff(max(prices), min(prices))
    told = {home: Metered(each[0], each[1]) for home, each in rows.items()}
    settled = settle(clearing, told, tariff, Fees(fee))
    holds(Settled(), settled, told, clearing, tariff, Fees(fee))


def test_orders_of_a_home_lead_to_one_line():
    orders = [Order("a", "bid", 30_000, 5), Order("a", "bid", 20_000, 5, 1), Order("b", "offer", 10_000, 10)]
    settled = settle(clear(orders, GRID), {"a": Metered(10, 0), "b": Metered(0, 10)}, GRID)
    assert [line.traded_mwh for line in settled.lines.values()] == [10, -10]
