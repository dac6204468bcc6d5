"""The market: clearing against one sort and one linear programme, fuzzed books, and a year of settlement.

10,000 orders    clearing.clear_sheet, from columns in the order of arrival to what each home is awarded, against
                 np.sort of the same orders' limits; they take turns, and the best round of each counts. The same
                 from Order objects, checked one by one, is only told.
100 buses        constrained.clear_constrained on a real low-voltage grid (agent/feeder/grids.py) whose limits bind,
                 from orders to awards, against HiGHS' time on the finished matrix of the same market with all its
                 limits. Whether both come to the same welfare is asserted.
fuzzed books     tests/host/market/books_kit.py: books whose clearing crosses, loses or makes energy, trades less
                 than it could, or comes out otherwise when the orders come in another order
the year         tests/bench/market_year.py
"""

import time
from collections.abc import Callable
from random import Random

import highspy
import numpy as np

from host_bridge.agent.feeder import grids
from host_bridge.market.book import Order
from host_bridge.market.clearing import Sheet, clear, clear_sheet
from host_bridge.market.constrained import Constrained, clear_constrained
from host_bridge.market.network import Sensitivities
from host_bridge.market.programme import Programme, Room, begun
from host_bridge.market.programme import limit as add_limits
from host_bridge.market.tariff import Tariff
from host_bridge.microworld.study import homes as recorded
from tests.bench import market_worlds, market_year
from tests.bench.figures import Figure
from tests.host.market.books_kit import fuzzed
from tools import citylearn

Say = Callable[[str], None]
ORDERS, EACH, ROUNDS = 10_000, 4, 300
SORTS, PROGRAMMES = 10, 1.5
HOMES_ON_FEEDER, STEP_S, MOST_MWH = 200, 900, 30_000_000
BOOKS = 50_000
MWH_W = 3.6  # a mWh within a second, in W
GRID = Tariff(54_000, 0)


def run(say: Say) -> list[Figure]:
    """All rows."""
    say(f"clearing {ORDERS:,} orders")
    rows = list(_clearing())
    say(f"clearing on {grids.BENCH}")
    rows += _constrained()
    say(f"fuzzing {BOOKS:,} books")
    wrong = sum(bool(fuzzed(seed)) for seed in range(BOOKS))
    rows.append(Figure(f"market: of {BOOKS:,} fuzzed books, crossing or losing", wrong, "", 0, at_least=False))
    homes = recorded.read(citylearn.folder())
    return [*rows, *market_year.run(homes, say), *market_worlds.run(homes, say)]


def _clearing() -> list[Figure]:
    orders = _orders()
    sheet = _shuffled(Sheet.of(orders))
    cleared, sorted_s = _best(ROUNDS, lambda: clear_sheet(sheet, 0, 54_000), lambda: np.sort(sheet.limit_mct))
    (whole,) = _best(5, lambda: clear(orders, GRID))
    return [
        Figure(f"market: clearing {ORDERS:,} orders", 1000 * cleared, "ms"),
        Figure("market: the same, times one NumPy sort of them", cleared / sorted_s, "", SORTS, at_least=False),
        Figure("market: the same from objects, each checked", 1000 * whole, "ms"),
    ]


def _orders() -> list[Order]:
    """Of homes on one side each, limits and energies at random."""
    chance, made = Random(1), []
    for home in range(ORDERS // EACH):
        side = chance.choice(("bid", "offer"))
        rows = [(chance.randrange(54_001), chance.randint(1, 5_000_000)) for _ in range(EACH)]
        made += [Order(f"home-{home:05}", side, *row, number) for number, row in enumerate(rows)]
    chance.shuffle(made)
    return made


def _shuffled(sheet: Sheet) -> Sheet:
    order = np.random.default_rng(2).permutation(len(sheet.home))
    columns = (sheet.home, sheet.is_bid, sheet.limit_mct, sheet.energy_mwh, sheet.number)
    return Sheet(sheet.homes, *(column[order] for column in columns))


def _constrained() -> list[Figure]:
    """An order of each home, so that welfare can be told from the awards."""
    chance, homes = Random(1), [f"home-{number:03}" for number in range(HOMES_ON_FEEDER)]
    feeder = grids.read(grids.BENCH, homes)
    baseline = np.zeros(len(homes))
    network = feeder.sensitivities(baseline)
    sides = [chance.choice(("bid", "offer")) for _ in homes]
    rows = [(chance.randrange(54_001), chance.randint(1, MOST_MWH)) for _ in homes]
    orders = [Order(home, side, *row) for home, side, row in zip(homes, sides, rows, strict=True)]
    programme = _programme(orders, network, baseline)
    found = clear_constrained(orders, GRID, network, baseline, STEP_S)
    programme.run()
    _demand_same(found, orders, programme)

    def solved() -> None:
        programme.clearSolver()
        programme.run()

    cleared, solved_s = _best(9, lambda: clear_constrained(orders, GRID, network, baseline, STEP_S), solved)
    name = f"market: clearing {len(orders)} orders on {len(feeder.buses)} buses, {len(found.full)} limits binding"
    return [
        Figure(name, 1000 * cleared, "ms"),
        Figure("market: the same, times one linear programme", cleared / solved_s, "", PROGRAMMES, at_least=False),
    ]


def _programme(orders: list[Order], network: Sensitivities, baseline: np.ndarray) -> highspy.Highs:
    """The same market as one matrix with all limits."""
    sign = np.array([1.0 if order.side == "bid" else -1.0 for order in orders])
    limit, most = np.array([(order.limit_mct, order.energy_mwh) for order in orders], np.float64).T
    place = np.array([network.homes.index(order.home) for order in orders])
    value = network.values(baseline)
    low, high = np.minimum(network.least - value, 0), np.maximum(network.most - value, 0)
    whole = Programme(limit, most, sign, place, Room(network.per_w * (MWH_W / STEP_S), low, high))
    solver = begun(whole)
    add_limits(solver, whole, np.arange(len(value)))
    return solver


def _demand_same(found: Constrained, orders: list[Order], programme: highspy.Highs) -> None:
    assert found.full, "no limit binds: the benchmark is of nothing"
    worth = np.array([order.limit_mct if order.side == "bid" else -order.limit_mct for order in orders], np.float64)
    awards = {award.home: award.bought_mwh + award.sold_mwh for award in found.clearing.awards}
    welfare = worth @ [awards.get(order.home, 0) for order in orders]
    best = worth @ programme.getSolution().col_value * 1000  # it counts in Wh
    assert abs(welfare - best) < 1e-6 * best, f"welfare {welfare}, but the programme's is {best}"


def _best(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The least seconds of each, in turns."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for at, work in enumerate(works):
            began = time.perf_counter()
            work()
            best[at] = min(best[at], time.perf_counter() - began)
    return best
