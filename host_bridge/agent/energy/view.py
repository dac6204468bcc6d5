"""What pages and programs are shown of the energy agent: plain values, made anew at every step, JSON-able by `asdict`.

Times (`*_s`) are Unix seconds of the grid's clock. Energy is mWh (whole numbers), power W, contents Wh. Prices are
mct/kWh (1/1000 cent), money is micro-units of account; a price or a sum that nobody knows yet is None, never 0.
Signs: + is import, charging, buying. A field whose name has `estimated` in it was not measured.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SkillView:
    """How well one forecast of a home did against persistence (the same time a day before)."""

    what: str  # "load" or "solar"
    method: str  # boosted, linear, seasonal, persistence
    permille: int | None  # of persistence's mean error saved; below 0: worse than it; None: too young to tell
    error_w: float | None  # mean absolute error
    persistence_error_w: float | None
    steps: int  # that were scored
    why: str = ""  # why it fell back; empty: it did not


@dataclass(frozen=True, slots=True)
class AheadView:
    """A home's plan ahead: every list has one entry a step, the first step begins at `start_s`. All of it estimated."""

    start_s: int
    step_s: int
    load_w: list[float]  # mean of the forecast
    load_low_w: list[float]  # 10 of 100 are below
    load_high_w: list[float]  # 90 of 100 are below
    solar_w: list[float]
    solar_low_w: list[float]
    solar_high_w: list[float]
    battery_w: list[float]  # at its terminals, + is charging
    loads_w: list[float]  # of contactors that the agent switches
    grid_w: list[float]  # + is import
    content_wh: list[float]  # at the end of the step
    buy_mct: list[int | None]
    sell_mct: list[int | None]
    why: list[str]  # in words, per step; empty where there is nothing to say
    made_s: int = 0


@dataclass(frozen=True, slots=True)
class SwitchingView:
    """The next change that is planned of a home's contactor."""

    at_s: int
    contactor: str
    target: str  # "closed" or "open"
    action: str  # charge, discharge, hold, self-consumption, or the load's name
    until_s: int  # of closed: how long it is wanted
    why: str


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What was decided for one home in one interval, with its reason, and what became of it."""

    number: int  # of its row in the books
    time_s: int
    home: str
    action: str  # charge, discharge, hold, self-consumption, load on, load off, plan stored
    contactor: str  # empty: none was asked for
    energy_mwh: int | None  # wanted at the battery's terminals, + is charging
    reason: str
    outcome: str  # "" not yet known; applied, refused: ..., unknown: ...
    rung: str  # of the ladder at which it was decided


@dataclass(frozen=True, slots=True)
class PreferenceView:
    """One preference that a person has confirmed."""

    number: int
    home: str
    words: str  # what it means, as the plan takes it
    document: dict[str, Any]
    set_s: int
    sentence: str = ""  # as the person wrote it; empty: it was typed in


@dataclass(frozen=True, slots=True)
class RungView:
    """A rung of the ladder: full, no market, simple forecast, last plan, self-consumption."""

    name: str
    place: int  # 0 is the best
    done: str  # what the agent does there
    shown: str  # what people read of it


@dataclass(frozen=True, slots=True)
class StandingView:
    """Where a home stands on the ladder, and every cause that keeps it from a better place."""

    rung: str
    place: int
    since_s: int
    causes: list[str]  # in words, worst first; empty on the first rung


@dataclass(frozen=True, slots=True)
class SavingsView:
    """Against doing nothing: the same metered load and sun without the battery, at the same tariff. Exact for the
    settled intervals; the band says how far days differ (day-block bootstrap), None below 5 whole days."""

    from_s: int
    until_s: int
    intervals: int  # settled, of all homes concerned
    open_intervals: int  # that wait for a meter
    baseline_micro: int  # to be paid without battery and agent
    paid_micro: int  # energy and fees, trades included
    saved_micro: int
    permille: int | None  # saved of the baseline; None: the baseline is 0
    low_permille: int | None  # 95 % of resampled runs of days are above
    high_permille: int | None
    days: int  # whole days behind the band
    says: str  # in words, e.g. "too young for a band: 2 of 5 days"


@dataclass(frozen=True, slots=True)
class AccountView:
    """A home's money since the grid's midnight: settled intervals only."""

    day: str  # "2026-07-01", of the configuration's zone
    import_mwh: int
    export_mwh: int
    bought_mwh: int  # of neighbours
    sold_mwh: int
    grid_micro: int  # paid to the supplier, - is earned
    trade_micro: int
    imbalance_micro: int
    fee_micro: int
    paid_micro: int  # the four together
    baseline_micro: int
    intervals: int
    open_intervals: int


@dataclass(frozen=True, slots=True)
class HomeView:
    """One home: now, ahead, and what was decided."""

    name: str
    node: str
    link_state: str
    standing: StandingView
    load_w: float | None  # now, from the meters: grid - solar... (None: a meter does not say)
    solar_w: float | None  # + is generation
    battery_w: float | None  # + is charging
    grid_w: float | None  # + is import
    meters: dict[str, str]  # grid, solar, battery: "good", or what is wrong with it
    capacity_wh: int  # 0: no battery
    content_estimated_wh: float | None
    content_uncertain_wh: float | None  # the estimate may be off by this
    now_doing: str  # charge, discharge, hold, self-consumption: of the current interval
    now_why: str
    price_mct: int | None  # of the interval, to this home (local price when the feeder is full)
    position_mwh: int  # awarded for the current interval: + buys, - sells
    skills: list[SkillView] = field(default_factory=list)
    ahead: AheadView | None = None
    next_switching: SwitchingView | None = None
    preferences: list[PreferenceView] = field(default_factory=list)
    decisions: list[DecisionView] = field(default_factory=list)  # newest first
    today: AccountView | None = None
    savings: SavingsView | None = None
    node_plan: str = ""  # the plan-when-alone that the node keeps: "version 3, until ..."; empty: none from here


@dataclass(frozen=True, slots=True)
class TradeView:
    """Who buys from whom in the current interval. The auction has one price and no pairs: sellers are shared out among
    buyers by their awards, so a pair is estimated, its sums over a home are exact."""

    seller: str
    buyer: str
    estimated_mwh: int


@dataclass(frozen=True, slots=True)
class PointView:
    """One interval of the market, for charts."""

    start_s: int
    price_mct: int | None  # None: nothing was traded
    traded_mwh: int
    buy_mct: int | None
    sell_mct: int | None
    why: str


@dataclass(frozen=True, slots=True)
class FeederView:
    """How full the feeder is, by the linear model from metered (and, for silent homes, forecast) power."""

    name: str
    estimated_loading_permille: int  # of the fullest line or transformer
    fullest: str
    estimated_low_permille: int  # lowest voltage, of the nominal
    estimated_high_permille: int
    curtailed_mwh: int  # of the current interval, by its limits
    history: list[tuple[int, int]] = field(default_factory=list)  # (start_s, loading permille), oldest first


@dataclass(frozen=True, slots=True)
class SolveView:
    """The last planning: how long, how good."""

    time_s: int
    outcome: str  # optimal; time limit ...; infeasible ...
    solve_ms: float
    matrix_ms: float
    gap_ppm: int | None
    homes: int
    steps: int


@dataclass(frozen=True, slots=True)
class PoolView:
    """What the settled intervals leave to all homes together; each local day's is paid out when the day is settled."""

    held_micro: int
    paid_micro: int | None  # for the last day that was paid out; None: none was
    paid_day: str  # "2026-07-01"; empty: none was


@dataclass(frozen=True, slots=True)
class CommunityView:
    """All homes together, now."""

    mode: str  # alone, pooled, market
    interval_s: int  # start of the current one
    interval_until_s: int
    buy_mct: int | None  # the supplier's price now; None: absent
    sell_mct: int | None
    price_mct: int | None  # the market's; None: no trade
    price_why: str
    traded_mwh: int
    trades: list[TradeView]
    grid_w: float | None  # all homes that say so
    solar_w: float | None
    load_w: float | None
    battery_w: float | None
    silent_homes: int  # of which the above does not tell
    feeder: FeederView | None
    savings: SavingsView | None
    market: list[PointView]  # last intervals, oldest first
    solve: SolveView | None
    books_micro: int  # what all accounts sum to: 0, or something is wrong
    open_intervals: int  # that wait for a meter
    pool: PoolView | None = None  # None: each home is for itself


@dataclass(frozen=True, slots=True)
class EnergyView:
    """Everything. `speed`: grid seconds in a real one; metered energy is multiplied by it, and `speed_says` says so."""

    time_s: int  # of the grid
    speed: int
    speed_says: str  # empty at speed 1
    step_s: int
    community: CommunityView
    homes: list[HomeView]
    ladder: list[RungView]
    events: list[str]  # newest first: what people should know, in words
    counters: dict[str, int]  # steps, plans, plans_late, refusals, settled, ...
    fault: str = ""  # e.g. books cannot be written: nothing is asked for meanwhile
