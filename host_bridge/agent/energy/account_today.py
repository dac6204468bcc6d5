"""What of the books is shown at every look, kept at hand: today's money, the newest decisions, the last intervals.

Read from the books in the background of a step; a page never waits for the database.
"""

import json
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from host_bridge.agent.energy.bills import owed
from host_bridge.agent.energy.bookkeeper import Bookkeeper
from host_bridge.agent.energy.view import AccountView, DecisionView, PointView
from host_bridge.store.book_rows import AwardRow, DecisionRow, IntervalRow, LineRow, MarketRow, OutcomeRow, RungRow

DECISIONS = 20  # of a home
POINTS = 192  # intervals of the market


@dataclass
class Today:
    """`decisions` by home, newest first; `points` and `loadings` oldest first; `books_micro`: what all accounts of the
    last intervals sum to."""

    day: str = ""
    decisions: dict[str, list[DecisionView]] = field(default_factory=dict)
    points: deque[PointView] = field(default_factory=lambda: deque(maxlen=POINTS))
    loadings: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=POINTS))
    books_micro: int = 0
    accounts: dict[str, AccountView] = field(default_factory=dict)

    def account(self, home: str, waiting: int) -> AccountView | None:
        """None: nothing is known of today."""
        found = self.accounts.get(home)
        if found is None:
            return None
        return replace(found, open_intervals=waiting)


async def read(keeper: Bookkeeper, homes: list[str], now_s: int, zone: tzinfo) -> Today:
    """From the books. Raises StoreError."""
    midnight = datetime.fromtimestamp(now_s, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    day, since_s = midnight.strftime("%Y-%m-%d"), int(midnight.timestamp())
    today = Today(day)
    lines = await keeper.rows(LineRow, "start_s >= ?", (since_s,))
    today.books_micro = sum(owed(line) for line in lines)
    intervals = await keeper.rows(IntervalRow, "start_s >= ?", (since_s,))
    awards = await keeper.rows(AwardRow, "start_s >= ?", (since_s,))
    for home in homes:
        today.accounts[home] = _account(home, day, lines, intervals, awards)
        today.decisions[home] = await decisions(keeper, home, DECISIONS)
    for row in await keeper.rows(MarketRow, last=POINTS):
        price = row.price_mct if row.traded_mwh else None
        known = row.buy_mct or row.sell_mct
        today.points.append(PointView(row.start_s, price, row.traded_mwh, row.buy_mct if known else None,
                                      row.sell_mct if known else None, row.why))  # fmt: skip
        feeder = json.loads(row.body).get("feeder", {})
        if "loading_permille" in feeder:
            today.loadings.append((row.start_s, feeder["loading_permille"]))
    return today


async def decisions(keeper: Bookkeeper, home: str, limit: int) -> list[DecisionView]:
    """The newest of a home, newest first, with what became of them. Raises StoreError."""
    rows = await keeper.rows(DecisionRow, "home = ?", (home,), last=limit)
    if not rows:
        return []
    places = ",".join("?" * len(rows))
    outcomes = await keeper.rows(OutcomeRow, f"decision IN ({places})", [row.number for row in rows])
    said: dict[int, list[str]] = {}
    for each in outcomes:
        said.setdefault(each.decision, []).append(f"{each.verdict}: {each.detail}" if each.detail else each.verdict)
    rungs = await keeper.rows(RungRow, "home = ?", (home,), last=50)
    return [_decision(row, said.get(row.number, []), rungs) for row in reversed(rows)]


def _decision(row: DecisionRow, said: list[str], rungs: list[RungRow]) -> DecisionView:
    rung = next((each.rung for each in reversed(rungs) if each.since_s <= row.at_s), "")
    contactor = row.subject if row.action.startswith("load") else ""
    return DecisionView(row.number, row.at_s, row.home, row.action, contactor, row.amount_mwh, row.reason,
                        "; ".join(said[-3:]), rung)  # fmt: skip


def _account(
    home: str, day: str, lines: list[LineRow], intervals: list[IntervalRow], awards: list[AwardRow]
) -> AccountView:  # fmt: skip
    mine = [line for line in lines if line.home == home]
    grid, trade, imbalance, fee = (
        sum(getattr(line, f"{name}_micro") for line in mine) for name in ("grid", "trade", "imbalance", "fee")
    )
    metered = [row for row in intervals if row.home == home]
    traded = [award for award in awards if award.home == home]
    return AccountView(
        day, sum(row.import_mwh for row in metered), sum(row.export_mwh for row in metered),
        sum(each.bought_mwh for each in traded), sum(each.sold_mwh for each in traded),
        grid, trade, imbalance, fee, grid + trade + imbalance + fee, sum(line.nothing_micro for line in mine),
        len(mine), 0,
    )  # fmt: skip
