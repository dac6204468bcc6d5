"""What each home owes for an interval, once its meter has told: exact, in whole micro-units, and late ones once.

The grid's bill for the community is for what its homes together import or export. Beside the bills that they would
have had alone, each mWh that comes from a neighbour saves `buy - sell`: that, and no more, is shared out. The rules:

1. Traded. What a home bought and took, and what it sold and delivered, is matched at the clearing price: a buyer gains
   `buy - price`, a seller `price - sell`. Where one side kept more of its word than the other, it shares what there is
   in proportion.
2. Balanced. What was taken but not bought, and delivered but not sold, is matched next, before the grid is: half of its
   gain at that price is the home's, half is kept for the pool (KEPT_PERMILLE), so that a bid is worth more than none.
   In coalition mode nobody bids and ALL is kept: the pool shares it out (`coalition`).
3. The grid's. What is then left of a home's energy is at the grid's prices, as without a market.
4. Fee. Of traded energy, from either side, to the operator; never more than the home's gain.
5. Imbalance. Who kept its word and was cut loses gain. Homes on the other side that bought but did not take, or sold
   but did not deliver, are charged what that cost in gain, but never more than their own gain less the fee, nor more
   than was lost. The charges, and then what was kept for the pool, make good what was lost, as far as they go.

A home is never worse off than at the grid alone, in any interval: its bill alone is `ceil(buy * import - sell *
export)` =: A. Its bill here is A - (gain - fee - charge + made good). Prices of trades are cut to [sell, buy], so
gain >= 0; fee <= gain; charge <= gain - fee; made good >= 0. So its bill is at most A, by any forecast or fault.

The pool is never below 0. Let x be the homes' exact bills alone and g what matching saves, buy - sell for each mWh: the
grid's bill is ceil(sum x - g) <= ceil(sum x) - floor(g) <= sum ceil(x) - floor(g). So at least floor(g) is there, the
homes' gains are rounded down and never sum to more than that, and what is made good comes from charges and the rest.

Late. A home whose meter has not told stays open and nobody waits for it: those settled before left imports or exports
to the grid, `left`. When its energy arrives it is matched with others that arrive then, and what is over with `left`,
whose gain is the pool's: lines that are there never change, a home has one line, and in the end the grid is paid for
the community's sum, in whatever order the meters told. All lines, the grid's, the operator's and the pool's sum to 0
after every call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from host_bridge.market.clearing import Clearing
from host_bridge.market.sharing import share
from host_bridge.market.tariff import MOST_MCT, Tariff, ceil_micro, floor_micro

KEPT_PERMILLE, ALL = 500, 1000  # of the gain on energy that was not traded
MOST_METERED_MWH = 1_000_000_000  # of a home in an interval: 1 MWh


class SettlementError(ValueError):
    """It cannot be settled so; the text says what to give."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What a home's registers grew by in the interval. Raises SettlementError: below 0, or beyond all measure."""

    import_mwh: int
    export_mwh: int

    def __post_init__(self) -> None:
        for energy in (self.import_mwh, self.export_mwh):
            if type(energy) is not int or not 0 <= energy <= MOST_METERED_MWH:
                raise SettlementError(
                    f"a register grew by {energy!r} mWh: give a whole number from 0 to {MOST_METERED_MWH}, or None"
                )


@dataclass(frozen=True, slots=True)
class Fees:
    """`trade_mct`: what the operator takes for a kWh traded, from either side. `kept_permille`: what the pool takes of
    the gain on energy that was not traded. Raises SettlementError.
    """

    trade_mct: int = 0
    kept_permille: int = KEPT_PERMILLE

    def __post_init__(self) -> None:
        if type(self.trade_mct) is not int or not 0 <= self.trade_mct <= MOST_MCT:
            raise SettlementError(f"trade_mct is {self.trade_mct!r}: give a whole number from 0 to {MOST_MCT}")
        if type(self.kept_permille) is not int or not 0 <= self.kept_permille <= ALL:
            raise SettlementError(f"kept_permille is {self.kept_permille!r}: give a whole number from 0 to {ALL}")

    def left(self, gain: int) -> int:
        """Of a gain on energy that was not traded, what is the home's."""
        return gain * (ALL - self.kept_permille) // ALL


@dataclass(frozen=True, slots=True)
class Line:
    """A home's account of the interval. Amounts are what it receives, below 0 what it pays, but `alone_micro`: what it
    would have paid to the grid without a market. `traded_mwh` and `balanced_mwh`: + is bought.
    """

    home: str
    import_mwh: int
    export_mwh: int
    traded_mwh: int
    balanced_mwh: int
    trade_micro: int
    grid_micro: int
    imbalance_micro: int  # of balanced energy, charged, made good
    fee_micro: int
    alone_micro: int

    @property
    def total_micro(self) -> int:
        """All that it receives, less all that it pays."""
        return self.trade_micro + self.grid_micro + self.imbalance_micro + self.fee_micro

    @property
    def saved_micro(self) -> int:
        """Beside the grid alone: never below 0."""
        return self.total_micro + self.alone_micro


@dataclass(frozen=True, slots=True)
class Left:
    """What those who are settled took from the grid, or left to it; one of them is 0."""

    import_mwh: int = 0
    export_mwh: int = 0


@dataclass(frozen=True)
class Settled:
    """An interval as far as it is settled. What the others received: the grid, the operator, the pool."""

    lines: Mapping[str, Line] = field(default_factory=dict)
    grid_micro: int = 0
    operator_micro: int = 0
    pool_micro: int = 0
    left: Left = Left()
    open: frozenset[str] = frozenset()  # their meters have not told, or the grid's price is not known
    tariff: Tariff | None = None  # by which it was settled


@dataclass(slots=True)
class _Home:
    """One that is settled now; parts are hundred-thousandths of a micro-unit."""

    name: str
    metered: Metered
    price: int
    bought: int = 0
    sold: int = 0
    traded: tuple[int, int] = (0, 0)  # bought and taken, sold and delivered; matched
    balanced: tuple[int, int] = (0, 0)  # the same of what was not traded
    gain: int = 0  # from here on micro-units
    lost: int = 0
    fee: int = 0
    charge: int = 0
    made_good: int = 0

    @property
    def word(self) -> tuple[int, int]:
        """What it bought and took, what it sold and delivered."""
        return min(self.bought, self.metered.import_mwh), min(self.sold, self.metered.export_mwh)

    @property
    def rest(self) -> tuple[int, int]:
        """Import and export that were matched with nobody's so far."""
        imported = self.metered.import_mwh - self.traded[0] - self.balanced[0]
        return imported, self.metered.export_mwh - self.traded[1] - self.balanced[1]


@dataclass(frozen=True, slots=True)
class _Prices:
    """The grid's, mct/kWh; `shares`: whether neighbours gain by sharing at all."""

    sell: int
    buy: int
    shares: bool

    def parts(self, energy: tuple[int, int]) -> int:
        """What import and export cost at the grid."""
        return self.buy * energy[0] - self.sell * energy[1]

    def gain(self, price: int, energy: tuple[int, int]) -> int:
        """Parts that are gained by import and export at `price` instead."""
        return (self.buy - price) * energy[0] + (price - self.sell) * energy[1]


def settle(
    clearing: Clearing,
    metered: Mapping[str, Metered | None],
    tariff: Tariff,
    fees: Fees | None = None,
    before: Settled | None = None,
) -> Settled:
    """`before` and the homes whose meters have told since; see the rules above. None: not told yet.

    A home that `before` has a line of keeps it, whatever is told of it now. Without the grid's prices all homes stay
    open. Raises SettlementError: `before` was settled by another tariff.
    """
    before = before or Settled()
    if before.tariff not in (None, tariff):
        raise SettlementError("the interval was settled by another tariff: give the same, a bill is not changed later")
    told = {home: energy for home, energy in sorted(metered.items()) if energy and home not in before.lines}
    known = before.open | metered.keys() | {award.home for award in clearing.awards}
    if not told or tariff.buy_mct is None or tariff.sell_mct is None:
        return replace(before, open=frozenset(known - before.lines.keys()))
    prices = _Prices(tariff.sell_mct, tariff.buy_mct, tariff.bounds is not None)
    homes = _homes(clearing, told, prices)
    left, saved = _match_all(homes, before.left, prices) if prices.shares else (before.left, 0)
    fees = fees or Fees()
    _gains(homes, saved, prices, fees)
    _imbalance(homes, saved, prices, before.left)
    lines = {home.name: _line(home, prices, fees) for home in homes}
    grid = ceil_micro(sum(prices.parts((each.import_mwh, each.export_mwh)) for each in told.values()) - saved)
    operator, paid = sum(home.fee for home in homes), sum(line.total_micro for line in lines.values())
    return Settled(
        lines={**before.lines, **lines},
        grid_micro=before.grid_micro + grid,
        operator_micro=before.operator_micro + operator,
        pool_micro=before.pool_micro - paid - grid - operator,
        left=left,
        open=frozenset(known - before.lines.keys() - lines.keys()),
        tariff=tariff,
    )


def _homes(clearing: Clearing, told: Mapping[str, Metered], prices: _Prices) -> list[_Home]:
    """By name; prices of trades within the grid's, and their middle for homes that nothing was awarded at."""
    middle = (prices.sell + prices.buy) // 2 if clearing.price_mct is None else clearing.price_mct
    awards = {award.home: award for award in clearing.awards}
    homes = []
    for name, energy in told.items():
        award = awards.get(name)
        price = max(prices.sell, min(middle if award is None else award.price_mct, prices.buy))
        home = _Home(name, energy, price)
        if award:
            home.bought, home.sold = award.bought_mwh, award.sold_mwh
        homes.append(home)
    return homes


def _match_all(homes: Sequence[_Home], left: Left, prices: _Prices) -> tuple[Left, int]:
    """What is left now, and the parts that matching saves; rules 1 and 2."""
    traded, left, energy = _match([home.word for home in homes], left)
    for home, each in zip(homes, traded, strict=True):
        home.traded = each
    rest = [home.rest for home in homes]
    balanced, left, more = _match(rest, left)
    for home, each in zip(homes, balanced, strict=True):
        home.balanced = each
    imports, exports = (sum(each) for each in zip(*(home.rest for home in homes), strict=True))
    left = Left(left.import_mwh + imports, left.export_mwh + exports)
    return left, (prices.buy - prices.sell) * (energy + more)


def _match(claims: Sequence[tuple[int, int]], left: Left) -> tuple[list[tuple[int, int]], Left, int]:
    """Imports with exports, then what is over of either with what is left from before: (each one's, left, energy)."""
    wants, gives = [claim[0] for claim in claims], [claim[1] for claim in claims]
    between = min(sum(wants), sum(gives))
    from_left = min(sum(wants) - between, left.export_mwh)
    to_left = min(sum(gives) - between, left.import_mwh)
    matched = zip(share(between + from_left, wants), share(between + to_left, gives), strict=True)
    after = Left(left.import_mwh - to_left, left.export_mwh - from_left)
    return list(matched), after, between + from_left + to_left


def _gains(homes: Sequence[_Home], saved: int, prices: _Prices, fees: Fees) -> None:
    """Rules 1, 2 and 4. Where local prices promise more than is saved, all gain less in proportion."""
    parts = [prices.gain(home.price, home.traded) + fees.left(prices.gain(home.price, home.balanced)) for home in homes]
    gains = [floor_micro(each) for each in parts] if prices.shares else [0] * len(homes)
    if sum(gains) > floor_micro(saved):
        gains = share(floor_micro(saved), gains)
    for home, gain in zip(homes, gains, strict=True):
        home.gain = gain
        home.fee = min(floor_micro(fees.trade_mct * sum(home.traded)), gain)


def _imbalance(homes: Sequence[_Home], saved: int, prices: _Prices, left: Left) -> None:
    """Rule 5."""
    if not prices.shares:
        return
    taken, delivered = (sum(each) for each in zip(*(home.word for home in homes), strict=True))
    sellers_are_short = taken + left.import_mwh > delivered + left.export_mwh
    for home in homes:
        home.lost = max(0, floor_micro(prices.gain(home.price, home.word)) - home.gain)
    lost = [home.lost for home in homes]
    due = [min(_cost_of_short(home, prices, sellers_are_short), home.gain - home.fee) for home in homes]
    charges = share(min(sum(due), sum(lost)), due)
    kept = floor_micro(saved) - sum(home.gain for home in homes)
    made_good = share(min(sum(lost), kept + sum(charges)), lost)
    for home, charge, good in zip(homes, charges, made_good, strict=True):
        home.charge, home.made_good = charge, good


def _cost_of_short(home: _Home, prices: _Prices, sellers_are_short: bool) -> int:
    """Micro-units of gain that neighbours missed as `home` did not deliver, or did not take."""
    if sellers_are_short:
        return floor_micro((prices.buy - home.price) * (home.sold - home.word[1]))
    return floor_micro((home.price - prices.sell) * (home.bought - home.word[0]))


def _line(home: _Home, prices: _Prices, fees: Fees) -> Line:
    """What is left of a micro-unit by rounding goes with the trade, or without one with the imbalance."""
    alone = ceil_micro(prices.parts((home.metered.import_mwh, home.metered.export_mwh)))
    total = -alone + home.gain - home.fee - home.charge + home.made_good
    grid = -ceil_micro(prices.parts(home.rest))
    imbalance = total - grid + home.fee
    if any(home.traded):
        of_balanced = fees.left(prices.gain(home.price, home.balanced))
        imbalance = floor_micro(of_balanced - prices.parts(home.balanced)) - home.charge + home.made_good
    return Line(
        home=home.name,
        import_mwh=home.metered.import_mwh,
        export_mwh=home.metered.export_mwh,
        traded_mwh=home.traded[0] - home.traded[1],
        balanced_mwh=home.balanced[0] - home.balanced[1],
        trade_micro=total - grid - imbalance + home.fee,
        grid_micro=grid,
        imbalance_micro=imbalance,
        fee_micro=-home.fee,
        alone_micro=alone,
    )
