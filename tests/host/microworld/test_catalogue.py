"""The worlds that come with the bridge: their cases and tables are today's, and the auction keeps its promises."""

import hashlib
import json
import re

import numpy as np
import pytest

from host_bridge.microworld import catalogue, reference, wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.study import auction
from host_bridge.microworld.study.settle import alone_micro
from host_bridge.microworld.verify import Case
from tests.host.microworld.homes_kit import catalogue_spec, made_homes
from tools import world_sheets, worlds, worlds_tables

NAMES = catalogue.names()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def without_the_machine(text):
    """A case without what differs from one machine to another: how long a proof took, and which Python ran it."""
    text = re.sub(r'"seconds": [0-9.e+-]+', '"seconds": 0', text)
    return re.sub(r'"python": "[0-9.]+"', '"python": ""', text)


def test_the_catalogue_is_whole():
    assert {"lamp", "battery_guard", "relay_guard", "predictive_schedule", "coalition", "spot_coalition"} < set(NAMES)
    assert {"bidder", "clearing", "award"} < set(NAMES)
    with pytest.raises(KeyError):
        catalogue.spec_path("../lamp")


@pytest.mark.parametrize("name", NAMES)
def test_a_world_has_its_datasheet_its_case_and_a_small_module(name):
    spec, case = catalogue_spec(name), Case.read(catalogue.case_path(name).read_text(encoding="utf-8"))
    sheet = (catalogue.spec_path(name).parent / "README.md").read_text(encoding="utf-8")
    content = wasm.compile(spec.program())
    assert spec.name == name and not spec.warnings and len(content) <= 1024
    assert case.accepted and case.digest == digest(content)
    program = spec.program()
    told = {verdict.claim for verdict in case.verdicts}
    assert {claim.name for claim in program.claims} <= told
    for quantity in program.quantities():
        assert f"`{quantity.name}`" in sheet, f"the datasheet of {name} does not tell of {quantity.name}"
    for strategies in spec.agents.values():
        assert all(f"`{strategy}`" in sheet for strategy in strategies)


@pytest.mark.parametrize(
    "name", ["lamp", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name != "lamp")]
)
def test_a_case_is_the_one_that_the_tools_make_today(name):
    written = catalogue.case_path(name).read_text(encoding="utf-8")
    made = worlds.case_of(name).json() + "\n"
    assert without_the_machine(written) == without_the_machine(made), "run: python3 tools/dev.py worlds --readme"


def test_the_readmes_tables_are_those_of_the_results():
    results = json.loads(worlds.RESULTS.read_text(encoding="utf-8"))
    text = worlds.README.read_text(encoding="utf-8")
    assert worlds_tables.filled(text, results) == text, "run: python3 tools/dev.py worlds --readme"
    changed = {**results, "lamp": {**results["lamp"], "light": 999}}
    assert worlds_tables.filled(text, changed) != text


def test_the_datasheets_are_those_of_the_cases():
    cases = {name: Case.read(catalogue.case_path(name).read_text(encoding="utf-8")) for name in NAMES}
    sheets = worlds.sheets(cases)
    told = ""
    for path in worlds.FOLDER.glob("*/README.md"):
        text = path.read_text(encoding="utf-8")
        told += text
        assert world_sheets.filled(text, sheets) == text, "run: python3 tools/dev.py worlds --readme"
    assert all(sheet in told for sheet in sheets.values())


def test_the_results_are_of_todays_worlds():
    results = json.loads(worlds.RESULTS.read_text(encoding="utf-8"))
    digests = {row["specification"]: row["digest"] for row in results["modules"]}
    assert digests == {name: digest(wasm.compile(catalogue_spec(name).program()))[:12] for name in NAMES}
    assert results["homes"]["held_out"] == list(worlds.split(17, worlds.SEED)[1])


@pytest.mark.slow
def test_one_command_gives_the_results_again(tmp_path):
    from host_bridge.microworld.study.homes import read
    from tools import citylearn

    results, _ = worlds.run(read(citylearn.folder()), lambda text: None)
    assert results == json.loads(worlds.RESULTS.read_text(encoding="utf-8"))


def test_the_results_reach_what_was_set():
    """The rules beat the time-of-use rule and the cited schedule, on homes that did not choose; nobody pays more."""
    results = json.loads(worlds.RESULTS.read_text(encoding="utf-8"))
    rows = {(row["world"], row["strategy"]): row for row in results["energy"]}
    ours, tou = rows["predictive_schedule", "predictive"], rows["predictive_schedule", "time_of_use"]
    assert ours["held_out"][0] < tou["held_out"][0] and ours["all"][0] < 688
    assert rows["coalition", "predictive"]["all"][1] < 520
    assert all(row["least saved"] >= 0 and row["unbalanced_wh"] == 0 for row in results["auction"])
    assert results["coalition"]["within_bounds"]


def _auction(homes, battery, *, trade=True):
    bidder = catalogue_spec("bidder").program({"battery": battery, "driver": "cheap"})
    clearing, award = catalogue_spec("clearing").program(), catalogue_spec("award").program()
    return auction.run(bidder, clearing, award, homes, auction.Cars(), trade=trade)


@pytest.mark.parametrize("battery", ["none", "own", "shared", "saving", "planned"])
def test_what_is_bought_is_sold_and_nobody_pays_more(battery):
    homes = made_homes(6, 72)
    alone, year = _auction(homes, battery, trade=False), _auction(homes, battery)
    assert (year.bought.sum(axis=0) == year.sold.sum(axis=0)).all() and year.bought.sum() > 0
    assert (year.pays <= homes.price).all() and (year.pays >= 0).all()
    before, after = alone.bills_micro(homes.price), year.bills_micro(homes.price)
    assert after.sum() < before.sum()
    if battery in ("none", "own"):  # what they trade is what they would buy from the grid, or give away
        assert (after <= before).all()
        assert (year.need == alone.need).all() and (year.bought <= year.need).all() and (year.sold <= year.sun).all()


def test_without_trade_and_batteries_the_bills_are_the_grids():
    homes = made_homes(6, 72)
    year = _auction(homes, "none", trade=False)
    charged = alone_micro(year.need - year.sun, homes.price)
    assert year.bills_micro(homes.price).sum() == charged
    assert int(year.need.sum() - year.sun.sum()) == int(
        homes.net_wh.sum() + auction.Cars().needs(homes).sum() - year.owed[:, -1].sum()
    )


def test_an_hour_of_the_auction_by_hand():
    clearing = catalogue_spec("clearing").program()

    def cleared(need, store, sun, stock):
        return reference.step(clearing, (), (need, store, sun, stock, 40_000))[1]

    assert cleared(1000, 0, 400, 0) == (4, 400, 1000, 400, 20_000)  # sun alone meets need: half of the grid's price
    assert cleared(1000, 500, 1200, 0) == (1, 1200, 1500, 1200, 5_000)  # sun to spare: who would store buys, cheaply
    assert cleared(1000, 500, 400, 300) == (7, 700, 1000, 700, 35_000)  # stock is called on: dear
    assert cleared(0, 0, 400, 300)[1] == 0 == cleared(1000, 500, 0, 0)[1]


def test_awards_are_in_proportion_and_sum_to_what_was_traded():
    award = catalogue_spec("award").program()

    def shared(bids, traded):
        state, got = (sum(bids), traded), []
        for bid in bids:
            state, (gets,) = reference.step(award, state, (bid,))
            got.append(gets)
        assert state == (0, 0)
        return got

    assert shared([100, 300, 0, 600], 500) == [50, 150, 0, 300]
    assert shared([1, 1, 1], 2) == [0, 1, 1]
    chance = np.random.default_rng(1)
    for _ in range(50):
        bids = chance.integers(0, 20_000, 40).tolist()
        traded = int(chance.integers(0, sum(bids)))
        got = shared(bids, traded)
        assert sum(got) == traded and all(0 <= gets <= bid for gets, bid in zip(got, bids, strict=True))
        assert all(abs(gets - bid * traded / sum(bids)) < 20 for gets, bid in zip(got, bids, strict=True))


@pytest.mark.parametrize("name", ["predictive_schedule", "coalition", "spot_coalition", "bidder"])
def test_every_strategy_makes_a_program(name):
    spec = catalogue_spec(name)
    for agent, strategies in spec.agents.items():
        assert all(isinstance(spec.program({agent: strategy}), Program) for strategy in strategies)
