"""The rows of agent.db: what the agent knew, decided, traded and settled. Each class is a table, each field a column.

Times ending in _s are grid time, seconds (agent.grid_time); energies mWh of the grid's time; prices mct/kWh; money
micro-units. `home` "" is the community. A row's key is its first fields, as many as KEYS says: what has been written
under a key stays as it was, so that nothing is settled twice.
"""

from typing import NamedTuple


class IntervalRow(NamedTuple):
    """What a home's meters counted in an interval: the rows behind every bill."""

    home: str
    start_s: int
    duration_s: int
    import_mwh: int
    export_mwh: int
    solar_mwh: int
    charge_mwh: int  # into the battery, at its terminals
    discharge_mwh: int
    is_late: int  # 1: it came after the interval's market was settled for the others
    flags: str  # what is wrong with it, in words; "" if nothing
    marks: str  # JSON {channel: [begin, end]}, each [journal epoch, sequence before, sequence after]: its readings

    @property
    def load_mwh(self) -> int:
        """What the home used: by its meters, so it carries their rounding."""
        return self.import_mwh - self.export_mwh + self.solar_mwh - self.charge_mwh + self.discharge_mwh


class DecisionRow(NamedTuple):
    """What the agent decided for a home, and why: written before anything is asked of a node."""

    number: int
    home: str
    at_s: int
    start_s: int  # of the step it is for
    action: str  # charge, discharge, hold, self-consumption, switch, plan when alone, refused, rung
    subject: str  # a contactor, a device, "battery"
    amount_mwh: int
    duration_s: int
    reason: str  # in words
    basis: str  # JSON: the figures that the reason names


class OutcomeRow(NamedTuple):
    """What became of a decision: one row for each command that was sent for it."""

    decision: int
    command: int  # its number in gridnexus.db; 0: it could not be noted there
    at_s: int
    verdict: str
    detail: str


class PlanRow(NamedTuple):
    """A plan as it was made."""

    number: int
    made_s: int
    mode: str  # alone, pooled, market
    outcome: str
    solve_ms: float
    matrix_ms: float
    gap_ppm: int
    objective_micro: int
    body: str  # JSON


class ForecastRow(NamedTuple):
    """A forecast as it was made."""

    home: str
    what: str  # load, solar
    made_s: int
    method: str
    why: str
    skill_permille: int  # against persistence at that time: below 1000 is better than it
    body: str  # JSON {"start_s", "step_s", "mean_w": [...], "levels": [...], "watts": [[...]]}


class MarketRow(NamedTuple):
    """An interval's clearing."""

    start_s: int
    price_mct: int
    buy_mct: int  # the grid's price for what is imported
    sell_mct: int  # and what it pays
    traded_mwh: int
    method: str  # uniform, constrained, none
    why: str
    body: str  # JSON: feeder loading, who buys from whom


class OrderRow(NamedTuple):
    """A bid or an offer."""

    start_s: int
    home: str
    side: str
    number: int
    limit_mct: int
    energy_mwh: int


class AwardRow(NamedTuple):
    """What a home bought and sold."""

    start_s: int
    home: str
    bought_mwh: int
    sold_mwh: int
    price_mct: int


class LineRow(NamedTuple):
    """A home's (or an account's) part of an interval's settlement; all accounts of an interval sum to zero."""

    start_s: int
    home: str  # or an account: "=grid", "=operator", "=pool"; of a late home's own settlement "=grid:HOME" and so on
    trade_micro: int  # + is owed by the home
    grid_micro: int
    imbalance_micro: int
    fee_micro: int
    alone_micro: int  # what the interval would have cost without market
    nothing_micro: int  # and without battery: load less sun at the tariff
    settled_s: int
    is_late: int
    dividend_micro: int = 0  # of a line in a local day's last second: the day's pool, paid out

    @property
    def is_payment(self) -> bool:
        """Out of the pool, for a day: no interval is settled by it."""
        return self.dividend_micro != 0


class PreferenceRow(NamedTuple):
    """A preference that a person has confirmed; `ended_s` 0: it holds."""

    number: int
    home: str
    document: str  # JSON
    asked_by: str
    sentence: str
    since_s: int
    ended_s: int


class RungRow(NamedTuple):
    """When a home (or all) came to a rung of the ladder of degradation, and why."""

    home: str
    since_s: int
    rung: str
    cause: str


class StateRow(NamedTuple):
    """What the agent needs to go on after a restart."""

    name: str
    body: str  # JSON


Row = (
    IntervalRow | DecisionRow | OutcomeRow | PlanRow | ForecastRow | MarketRow | OrderRow | AwardRow | LineRow
    | PreferenceRow | RungRow | StateRow
)  # fmt: skip

# Table and how many of the first fields are its key.
KEYS: dict[type[Row], tuple[str, int]] = {
    IntervalRow: ("intervals", 2),
    DecisionRow: ("decisions", 1),
    OutcomeRow: ("outcomes", 2),
    PlanRow: ("plans", 1),
    ForecastRow: ("forecasts", 3),
    MarketRow: ("markets", 1),
    OrderRow: ("orders", 4),
    AwardRow: ("awards", 2),
    LineRow: ("lines", 2),
    PreferenceRow: ("preferences", 1),
    RungRow: ("rungs", 2),
    StateRow: ("state", 1),
}
# Rows that are let go when old, and by which column; bills, decisions and preferences stay.
AGEING: dict[type[Row], str] = {PlanRow: "made_s", ForecastRow: "made_s", OrderRow: "start_s"}
# Where a row may be written again under its key.
MAY_CHANGE: tuple[type[Row], ...] = (PreferenceRow, StateRow)
