"""The energy agent with everything that can go wrong: how far down the ladder it goes, and what it asks there."""

from dataclasses import replace

import numpy as np
import pytest

from host_bridge.agent.energy import planning
from host_bridge.agent.energy.ladder import CAUSES, LAST_PLAN, NO_MARKET, NOTHING, PLACE, RUNGS, Standing
from host_bridge.store.book_rows import IntervalRow, LineRow, MarketRow, OutcomeRow, RungRow
from tests.host.agent.energy_kit import sun, table, usual
from tests.host.agent.fault_kit import (
    COARSE_S,
    balanced,
    charging,
    course,
    dark,
    end_of_leases,
    kinds,
    registers,
    rung,
)

pytestmark = pytest.mark.slow


# Meters


def test_a_battery_or_grid_meter_that_tells_nothing_ends_the_asking(tmp_path):
    async def play(street):
        street.homes["h1"].silent.add("battery")
        street.views["h1"].live.pop(2)
        await street.run(1, COARSE_S)
        assert rung(street, "h1") == NOTHING and kinds(street, "h1") >= {"meter missing"}
        await end_of_leases(street, "h1")
        street.homes["h1"].silent.clear()
        await street.run(1.25, COARSE_S)
        assert rung(street, "h1") != NOTHING

    course(tmp_path, play)


def test_without_the_suns_meter_a_home_goes_on_on_what_grid_and_battery_say(tmp_path):
    async def play(street):
        street.homes["h1"].silent.add("solar")
        await street.run(1.5, COARSE_S)
        assert "solar meter" in kinds(street, "h1") and PLACE[rung(street, "h1")] < PLACE[NOTHING]
        assert street.house("h1").meters["solar"].startswith("missing")
        rows = [row for row in street.rows_of(IntervalRow) if row.home == "h1"]
        assert "solar: missing" in rows[-1].flags

    course(tmp_path, play)


def test_energy_that_comes_late_is_settled_in_its_own_interval_once(tmp_path):
    async def play(street):
        home = street.homes["h1"]
        home.online = False
        away_s = street.now_s
        await street.run(2, COARSE_S)
        assert rung(street, "h1") == NOTHING and "node away" in kinds(street, "h1")
        mine = [line for line in street.rows_of(LineRow) if line.home == "h1"]
        assert all(line.start_s < away_s for line in mine)
        others = {line for line in street.rows_of(LineRow) if line.home == "h2"}
        home.online = True
        await street.run(1, COARSE_S)
        lines = balanced(street)
        mine = [line.start_s for line in lines if line.home == "h1"]
        assert len(mine) == len(set(mine)) and sorted(mine) == list(range(mine[0], mine[-1] + 1, 900))
        assert mine[-1] >= street.now_s - 2000
        assert others <= set(lines)  # nobody's bill was changed
        assert any(line.is_late for line in lines if line.home == "h1")
        rows = [row for row in street.rows_of(IntervalRow) if row.home == "h1"]
        first, last = rows[0].start_s, rows[-1].start_s + 900
        came = registers(street, "h1", last) - registers(street, "h1", first)
        assert sum(row.import_mwh - row.export_mwh for row in rows) == came

    course(tmp_path, play)


def test_an_interval_waits_for_all_of_its_readings_and_for_no_longer(tmp_path):
    async def play(street):
        home = street.homes["h1"]
        home.online = False
        away_s = street.now_s
        await street.run(1, COARSE_S)
        home.online = home.trickles = True  # it is back, and its newest readings come first
        await street.run(1, COARSE_S)
        rows = [row for row in street.rows_of(IntervalRow) if row.home == "h1"]
        assert all(row.start_s + 900 <= away_s + 900 for row in rows)
        assert {"meter late"} <= kinds(street, "h1") and rung(street, "h1") == NO_MARKET
        home.trickles = False
        await street.run(0.5, COARSE_S)
        rows = [row for row in street.rows_of(IntervalRow) if row.home == "h1"]
        came = registers(street, "h1", rows[-1].start_s + 900) - registers(street, "h1", rows[0].start_s)
        assert sum(row.import_mwh - row.export_mwh for row in rows) == came and rows[-1].start_s > away_s + 3600
        exact = [row for row in rows if row.start_s >= away_s - 900]
        for row in exact:
            assert row.import_mwh - row.export_mwh == registers(street, "h1", row.start_s + 900) - registers(
                street, "h1", row.start_s
            )
        assert not kinds(street, "h1") & {"meter late", "meter missing"}

    course(tmp_path, play)


def test_a_meter_that_counts_the_wrong_way_is_found_and_its_home_is_left_alone(tmp_path):
    async def play(street):
        street.homes["h2"].reversed.add("grid")
        await street.run(1.5, COARSE_S)
        assert rung(street, "h2") == NOTHING and "meter wrong sign" in kinds(street, "h2")
        assert rung(street, "h1") != NOTHING
        await end_of_leases(street, "h2")
        balanced(street)

    homes = usual(2)
    homes[1].capacity_wh, homes[1].solar_w = 0.1, sun(0)  # it imports all that it uses
    course(tmp_path, play, homes=homes)


def test_a_meter_whose_registers_stand_still_while_it_tells_power_is_found(tmp_path):
    async def play(street):
        street.homes["h1"].frozen.add("grid")
        await street.run(0.75, COARSE_S)
        assert "meter frozen" in kinds(street, "h1") and rung(street, "h1") == NOTHING
        assert "stand still" in street.house("h1").meters["grid"]
        balanced(street)

    homes = usual(2)
    homes[0].capacity_wh = 0.1
    course(tmp_path, play, homes=homes)


# Forecasts, plans, prices


def test_a_forecast_that_is_no_number_leaves_the_last_plan_and_then_nothing(tmp_path, monkeypatch):
    async def play(street):
        telling = street.agent.parts.foretelling
        real = telling._forecaster.forecasts

        def broken(now_s):
            return {key: replace(each, mean=np.full_like(each.mean, np.nan)) for key, each in real(now_s).items()}

        monkeypatch.setattr(telling._forecaster, "forecasts", broken)
        await street.run(0.5, COARSE_S)
        assert "forecast diverged" in kinds(street, "h1") and "is no number" in telling.why_simple("h1")[1]
        assert street.agent.parts.planner.last.made_s >= street.now_s - 900  # on what was foretold before
        telling.newest.clear()  # as after a restart: nothing was ever foretold
        made = street.agent.parts.planner.last.made_s
        await street.run(1.25, COARSE_S)
        assert rung(street, "h1") == LAST_PLAN and "no forecast" in street.house("h1").standing.causes["no plan"]
        assert street.agent.parts.planner.last.made_s == made
        assert ("h1", "battery") in street.agent.parts.acting.asked  # it is still followed
        street.now_s += 12 * 3600
        await street.run(0.5, COARSE_S)
        assert rung(street, "h1") == NOTHING and "plan too old" in kinds(street, "h1")
        monkeypatch.undo()
        await street.run(1, COARSE_S)
        assert rung(street, "h1") not in (NOTHING, LAST_PLAN)

    course(tmp_path, play)


def test_a_model_that_does_worse_than_persistence_is_named(tmp_path, monkeypatch):
    async def play(street):
        telling = street.agent.parts.foretelling
        skill = type("Skill", (), {"steps": 200, "permille": -300, "mae": 1.0, "mae_persistence": 1.0})()
        monkeypatch.setattr(telling, "skill", lambda home, what: skill)
        await street.run(0.25, COARSE_S)
        assert "forecast diverged" in kinds(street, "h1")

    course(tmp_path, play)


@pytest.mark.parametrize("how", ["raises", "finds nothing"])
def test_a_plan_that_cannot_be_made_leaves_the_last_good_one(tmp_path, monkeypatch, how):
    def broken(problem, pooled, solve_s, last):
        if how == "raises":
            return planning.Made(None, fault="the planner failed: no solution")
        return planning.Made(replace(last, outcome="no solution: last good plan kept"))

    async def play(street):
        good = street.agent.parts.planner.last
        monkeypatch.setattr(planning, "_make", broken)
        await street.run(1.25, COARSE_S)
        assert street.agent.parts.planner.last is good
        assert rung(street, "h1") == LAST_PLAN and "no solution" in street.house("h1").standing.causes["no plan"]
        monkeypatch.undo()
        await street.run(0.5, COARSE_S)
        assert rung(street, "h1") != LAST_PLAN

    course(tmp_path, play)


def priced(folder, rows):
    path = folder / "prices.csv"
    path.write_text("start_s,buy_mct,sell_mct\n" + "".join(f"{start},{buy},{sell}\n" for start, buy, sell in rows))
    return table() | {"tariff": {"file": str(path)}}


def test_where_the_price_is_absent_nothing_is_traded_or_billed_and_plans_go_on_on_guesses(tmp_path):
    from tests.host.agent.energy_kit import BEGIN_S

    config = priced(tmp_path, [(BEGIN_S - 16 * 3600 + 2 * 900, 20_000, 5_000)])  # it ends a day later: at 8:30

    async def play(street):
        assert kinds(street, "h1") >= {"price absent"} and rung(street, "h1") == NO_MARKET
        before = street.agent.parts.planner.last.made_s
        await street.run(0.5, COARSE_S)
        assert street.agent.parts.planner.last.made_s > before
        late = [row for row in street.rows_of(MarketRow) if row.start_s >= BEGIN_S + 8 * 3600 + 1800]
        assert late and all(row.method == "none" and not row.traded_mwh for row in late)
        assert all(line.start_s < BEGIN_S + 8 * 3600 + 1800 for line in street.rows_of(LineRow))
        assert street.agent.view().community.open_intervals > 0
        assert street.agent.view().community.buy_mct is None

    course(tmp_path, play, config=config, hour=8.0)


def test_negative_prices_are_charged_at_and_billed_to_the_micro(tmp_path):
    from tests.host.agent.energy_kit import BEGIN_S

    config = priced(tmp_path, [(BEGIN_S + hour * 3600, 30_000 if hour < 10 else -8_000, -9_000) for hour in range(24)])

    async def play(street):
        await street.run(1.5, COARSE_S)
        lines = balanced(street)
        assert any(asked[1:3] == ("battery charge", "closed") for asked in street.homes["h2"].asked)
        assert any(line.grid_micro < 0 for line in lines if line.home == "h2" and line.start_s >= BEGIN_S + 36_000)

    homes = usual(2)
    for home in homes:
        home.solar_w = sun(0)
    course(tmp_path, play, config=config, hour=9.0, homes=homes)


# Nodes


def test_a_node_that_refuses_again_and_again_is_left_alone_for_a_while(tmp_path):
    async def play(street):
        left_alone = [row for row in street.rows_of(RungRow) if row.home == "h1" and "refuses" in row.cause]
        assert left_alone and {row.rung for row in left_alone} == {NOTHING}
        said = [row for row in street.rows_of(OutcomeRow) if row.verdict == "refused"]
        assert said and "interlock" in said[-1].detail
        asked = len(street.homes["h1"].asked)
        assert asked < 40  # further and further apart, then not at all
        street.homes["h1"].refuses = ""
        await street.run(0.75, COARSE_S)
        assert rung(street, "h1") != NOTHING and len(street.homes["h1"].asked) > asked

    homes, config = dark(2), charging() | {"tariff": {"buy": ["00:00 10", "13:00 90"]}}
    homes[0].refuses, homes[0].capacity_wh = "interlock", 64_000.0
    config["home"][0]["capacity_wh"] = 64_000  # it would charge all morning
    course(tmp_path, play, config=config, homes=homes)


def test_a_node_that_vanishes_mid_lease_is_asked_no_more_and_taken_up_again(tmp_path):
    async def play(street):
        home = street.homes["h1"]
        assert home.closed("battery charge", street.now_s * 1000)
        home.online = False
        await street.run(0.1, 30)
        asked = len(home.asked)
        await street.run(0.5, COARSE_S)
        assert len(home.asked) == asked and "node away" in kinds(street, "h1")
        assert not any(home.closed(each, street.now_s * 1000) for each in home.leases)  # they have ended by themselves
        home.online = True
        await street.run(0.5, COARSE_S)
        assert rung(street, "h1") != NOTHING
        balanced(street)

    course(tmp_path, play, config=charging(), homes=dark(2))


def test_too_few_homes_end_the_market_and_not_the_plans(tmp_path):
    async def play(street):
        street.homes["h2"].online = False
        await street.run(0.5, COARSE_S)
        assert rung(street, "h1") == NO_MARKET and "too few homes" in kinds(street, "h1")
        assert street.rows_of(MarketRow)[-1].method == "none"
        assert street.agent.parts.planner.last.made_s >= street.now_s - 1000

    course(tmp_path, play)


def test_a_feeder_that_is_gone_ends_the_market_and_not_the_plans(tmp_path):
    async def play(street):
        assert "feeder gone" in kinds(street, "h1") and rung(street, "h1") == NO_MARKET
        assert "no_such_grid" in street.house("h1").standing.causes["feeder gone"]
        assert street.agent.parts.planner.last.good

    course(tmp_path, play, config=table(feeder="no_such_grid"))


def test_every_row_of_the_ladder_is_walked():
    for kind, cause in CAUSES.items():
        standing = Standing(0)
        standing.put(kind, "because")
        assert standing.settle(10) and standing.rung == cause.rung and standing.since_s == 10
        assert standing.words() == [cause.says.format(what="because")]
        standing.put(kind, None)
        assert standing.settle(20) and standing.rung == RUNGS[0].name and not standing.words()
    assert {cause.rung for cause in CAUSES.values()} == {rung.name for rung in RUNGS[1:]}


def test_rungs_are_kept_with_their_cause(tmp_path):
    async def play(street):
        street.homes["h2"].online = False
        await street.run(0.25, COARSE_S)
        rows = [row for row in street.rows_of(RungRow) if row.home == "h2"]
        assert rows[-1].rung == NOTHING and "not online" in rows[-1].cause

    course(tmp_path, play)
