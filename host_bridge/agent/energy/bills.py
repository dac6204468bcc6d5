"""An interval's settlement as rows of the books, and back. Pure; the arithmetic is `host_bridge.market.settlement`.

What is owed is + in the books, what is received + in the market's words. Every row of an interval, homes and accounts
together, sums to zero: `unbalanced` says by how much it does not.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from host_bridge.market.clearing import Award, Clearing
from host_bridge.market.settlement import Fees, Left, Line, Metered, Settled, settle
from host_bridge.market.tariff import Tariff, ceil_micro
from host_bridge.store.book_rows import AwardRow, IntervalRow, LineRow, MarketRow, StateRow

ACCOUNTS = ("=grid", "=operator", "=pool")
OWED = "trade_micro + grid_micro + imbalance_micro + fee_micro + dividend_micro"  # of a line, in SQL


def clearing(market: MarketRow | None, awards: Iterable[AwardRow]) -> Clearing:
    """As it was when the interval began; without a market nothing was traded."""
    if market is None or market.method == "none":
        return Clearing(None, (), 0, market.why if market else "there was no market")
    found = tuple(Award(row.home, row.bought_mwh, row.sold_mwh, row.price_mct) for row in awards)
    return Clearing(market.price_mct if market.traded_mwh else None, found, market.traded_mwh, market.why)


def nothing_micro(row: IntervalRow, tariff: Tariff) -> int:
    """What the interval would have cost without battery, agent and market: load less sun, netted over the interval."""
    net = row.load_mwh - row.solar_mwh
    buy, sell = tariff.buy_mct or 0, tariff.sell_mct or 0
    return ceil_micro(net * (buy if net > 0 else sell))


def settled_rows(
    start_s: int, rows: Mapping[str, IntervalRow], homes: Iterable[str], cleared: Clearing, tariff: Tariff, fees: Fees,
    before: Settled | None, now_s: int,
) -> tuple[Settled, list[LineRow]]:  # fmt: skip
    """The lines of `rows` (by home, those that have told now); `homes`: all that take part. With `before`, they are
    late: their accounts bear their names. Give late homes one at a time."""
    told: dict[str, Metered | None] = dict.fromkeys(homes)
    told |= {home: Metered(row.import_mwh, row.export_mwh) for home, row in rows.items()}
    after = settle(cleared, told, tariff, fees, before)
    old = before or Settled()
    late = int(before is not None)
    new = [line for home, line in after.lines.items() if home not in old.lines]
    suffix = f":{new[0].home}" if late and new else ""
    lines = [_row(start_s, line, rows[line.home], tariff, now_s, late) for line in new]
    moved = (
        after.grid_micro - old.grid_micro,
        after.operator_micro - old.operator_micro,
        after.pool_micro - old.pool_micro,
    )
    for account, received in zip(ACCOUNTS, moved, strict=True):
        if new:
            lines.append(LineRow(start_s, account + suffix, 0, -received, 0, 0, 0, 0, now_s, late))
    return after, lines


def alone_rows(start_s: int, row: IntervalRow, tariff: Tariff, now_s: int, late: bool) -> list[LineRow]:
    """Of a home that is metered alone: its own bill, and the grid's account of it."""
    bill = ceil_micro((tariff.buy_mct or 0) * row.import_mwh - (tariff.sell_mct or 0) * row.export_mwh)
    nothing = nothing_micro(row, tariff)
    return [
        LineRow(start_s, row.home, 0, bill, 0, 0, bill, nothing, now_s, int(late)),
        LineRow(start_s, f"=grid:{row.home}", 0, -bill, 0, 0, 0, 0, now_s, int(late)),
    ]


def unbalanced(lines: Iterable[LineRow]) -> int:
    """What they sum to: 0, or something is wrong."""
    return sum(owed(line) for line in lines)


def owed(line: LineRow) -> int:
    """All that a home or account owes by this line."""
    return line.trade_micro + line.grid_micro + line.imbalance_micro + line.fee_micro + line.dividend_micro


def kept(start_s: int, settled: Settled) -> StateRow:
    """What a late home is settled with; of an interval that nobody waits for any more, nothing."""
    if not settled.open:
        return StateRow(_name(start_s), "")
    body: dict[str, Any] = asdict(settled) | {"open": sorted(settled.open)}
    return StateRow(_name(start_s), json.dumps(body))


def resumed(row: StateRow | None) -> Settled | None:
    """As it was kept; None: nothing was, or nothing is open."""
    if row is None or not row.body:
        return None
    body = json.loads(row.body)
    lines = {home: Line(**line) for home, line in body["lines"].items()}
    tariff = Tariff(**body["tariff"]) if body["tariff"] else None
    return Settled(lines, body["grid_micro"], body["operator_micro"], body["pool_micro"], Left(**body["left"]),
                   frozenset(body["open"]), tariff)  # fmt: skip


def _name(start_s: int) -> str:
    return f"settled:{start_s}"


def _row(start_s: int, line: Line, metered: IntervalRow, tariff: Tariff, now_s: int, late: int) -> LineRow:
    owed = -line.trade_micro, -line.grid_micro, -line.imbalance_micro, -line.fee_micro
    return LineRow(start_s, line.home, *owed, line.alone_micro, nothing_micro(metered, tariff), now_s, late)
