"""A year of the market among CityLearn's 17 homes, each running its battery by its own plan, and settlement of it.

The plan is catalogue/predictive_schedule in each home, which knows nothing of neighbours: so the grid sees the same
energy with and without the market. What a home bids before each hour is what it took or fed in at that hour the day
before, so most words are broken by something. In every eighth hour three homes are offline and tell later, one by one.
Exports earn nothing, as in the data; the fee is 1 ct/kWh from either side.

`worse off` compares a home's year with study/settle.py's bill of the same meter readings, which knows no market. The
pool is paid out at the end in proportion to what was traded, and is not counted there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from host_bridge.market.clearing import clear
from host_bridge.market.settlement import Fees, Metered, Settled, settle
from host_bridge.market.sharing import dividend
from host_bridge.market.strategies import Intent, orders
from host_bridge.market.tariff import Tariff
from host_bridge.microworld import catalogue, spec
from host_bridge.microworld.study.feeds import Lanes
from host_bridge.microworld.study.forecast import expected_wh
from host_bridge.microworld.study.homes import Homes, Whole
from host_bridge.microworld.study.settle import cost_micro, pooled_micro
from host_bridge.microworld.study.trial import charge_place, outputs
from tests.bench.figures import Figure

Say = Callable[[str], None]
PLAN = "predictive_schedule"
FEES = Fees(1000)
OFFLINE, EVERY = 3, 8
MWH = 1000  # in a Wh


@dataclass
class Year:
    """Accounts so far: what each home received, what the others did, what went wrong, micro-units."""

    homes: tuple[str, ...]
    received: dict[str, int] = field(init=False)
    traded: dict[str, int] = field(init=False)
    grid: int = 0
    operator: int = 0
    pool: int = 0
    error: int = 0  # what any hour's lines were off by
    worse_hours: int = 0
    late: int = 0

    def __post_init__(self) -> None:
        self.received, self.traded = dict.fromkeys(self.homes, 0), dict.fromkeys(self.homes, 0)

    def add(self, settled: Settled) -> None:
        """An hour, settled in full."""
        lines = settled.lines.values()
        assert set(settled.lines) == set(self.homes)
        others = settled.grid_micro + settled.operator_micro + settled.pool_micro
        self.error += abs(sum(line.total_micro for line in lines) + others)
        self.worse_hours += sum(line.saved_micro < 0 for line in lines)
        for line in lines:
            self.received[line.home] += line.total_micro
            self.traded[line.home] += abs(line.traded_mwh)
        self.grid += settled.grid_micro
        self.operator += settled.operator_micro
        self.pool += settled.pool_micro

    @property
    def conservation_error(self) -> int:
        """Of all hours, and of the sums of the year."""
        return self.error + abs(sum(self.received.values()) + self.grid + self.operator + self.pool)


def run(homes: Homes, say: Say) -> list[Figure]:
    """The rows of the year."""
    say(f"a year of {len(homes.names)} homes by their own plans")
    grid_wh = planned_wh(homes)
    year = settled_year(homes, grid_wh, say)
    alone = dict(zip(homes.names, cost_micro(grid_wh, homes.price).tolist(), strict=True))
    worse = sum(-year.received[home] > alone[home] for home in homes.names)
    share = dividend(year.pool, year.traded)
    pays = {home: -year.received[home] - share[home] for home in homes.names}
    saved = {home: 100 * (1 - pays[home] / alone[home]) for home in homes.names}
    base, pooled = sum(alone.values()), pooled_micro(grid_wh, homes.price)
    name = f"market: of {len(homes.names)} homes, worse off than without"
    return [
        Figure("market: conservation error over a year", year.conservation_error, "micro-units", 0, at_least=False),
        Figure(name, worse, "", 0, at_least=False),
        Figure("market: hours in which a home was worse off", year.worse_hours, "", 0, at_least=False),
        Figure("market: homes' hours that were settled late", year.late, ""),
        Figure("market: grid's income beyond one bill for all", year.grid - pooled, "micro-units"),
        Figure("market: what all save beside no market, same plans", 100 * (1 - sum(pays.values()) / base), "%"),
        Figure("market: what the home saves that saves least", min(saved.values()), "%"),
        Figure("market: what the home saves that saves most", max(saved.values()), "%"),
    ]


def planned_wh(homes: Homes) -> Whole:
    """[homes, hours] Wh at each home's meter, its battery run by its own plan."""
    path = catalogue.spec_path(PLAN)
    program = spec.read(path.read_text(encoding="utf-8"), path.name).program()
    lanes = Lanes.alone(homes)
    return lanes.grid_wh(outputs(program, lanes)[:, :, charge_place(program)])


def settled_year(homes: Homes, grid_wh: Whole, say: Say) -> Year:
    """Hour by hour: bids, price, what was metered, some of it late."""
    chance, year = Random(1), Year(homes.names)
    expected = expected_wh(grid_wh)[:, : homes.hours]
    for hour, price in enumerate(homes.price.tolist()):
        if hour % 2000 == 0:
            say(f"hour {hour:,}")
        tariff = Tariff(price, 0)
        intents = [_intent(home, int(wh)) for home, wh in zip(homes.names, expected[:, hour], strict=True)]
        clearing = clear([order for intent in intents for order in orders(intent, tariff)], tariff)
        told = {home: _metered(int(wh)) for home, wh in zip(homes.names, grid_wh[:, hour], strict=True)}
        offline = chance.sample(homes.names, OFFLINE) if hour % EVERY == 0 else []
        settled = settle(clearing, {home: told[home] for home in told if home not in offline}, tariff, FEES)
        for home in offline:
            settled = settle(clearing, {home: told[home]}, tariff, FEES, settled)
        year.late += len(offline)
        year.add(settled)
    return year


def _intent(home: str, grid_wh: int) -> Intent:
    return Intent(home, MWH * max(0, grid_wh), MWH * max(0, -grid_wh))


def _metered(grid_wh: int) -> Metered:
    return Metered(MWH * max(0, grid_wh), MWH * max(0, -grid_wh))
