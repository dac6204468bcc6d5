"""The worked example of host_bridge/market/README.md, worked by the market.

`python -m tests.host.market.example` writes it there: from the project's root, it and firmware_mpy on PYTHONPATH.
"""

import re
from pathlib import Path

from host_bridge.market.clearing import Clearing, clear
from host_bridge.market.settlement import Fees, Metered, Settled, settle
from host_bridge.market.strategies import Intent, Step, orders
from host_bridge.market.tariff import Tariff

README = Path(__file__).resolve().parents[3] / "host_bridge" / "market" / "README.md"
_MARKS = re.compile(r"(<!-- example[^>]*-->\n)(.*)(<!-- end -->)", re.DOTALL)

GRID, FEES = Tariff(30_000, 8_000), Fees(1_000)
KWH = 1_000_000
INTENTS = (
    Intent("Ada", need_mwh=KWH * 6 // 5),
    Intent("Ben", need_mwh=KWH * 4 // 5),
    Intent("Cem", store=(Step(15_000, KWH),)),
    Intent("Dora", sun_mwh=KWH * 3 // 2),
    Intent("Eve", stock=(Step(16_000, KWH),)),
)
TOLD = {
    "Ada": Metered(KWH * 7 // 5, 0),
    "Ben": Metered(KWH * 3 // 5, 0),
    "Cem": Metered(0, 0),
    "Dora": Metered(0, KWH * 3 // 2),
    "Eve": Metered(0, KWH * 2 // 5),
}
LATE = "Eve"


def text() -> str:
    """The example as Markdown."""
    placed = [order for intent in INTENTS for order in orders(intent, GRID)]
    clearing = clear(placed, GRID)
    first = settle(clearing, TOLD | {LATE: None}, GRID, FEES)
    both = settle(clearing, {LATE: TOLD[LATE]}, GRID, FEES, first)
    rows = [
        f"| {order.home} | {order.side} | {_kwh(order.energy_mwh)} | {_ct(order.limit_mct)} | "
        f"{_awarded(clearing, order.home)} |"
        for order in placed
    ]
    return "\n".join(
        [
            f"The grid takes {_ct(GRID.buy_mct)} and pays {_ct(GRID.sell_mct)} ct/kWh,",
            f"the operator takes {_ct(FEES.trade_mct)} ct/kWh from either side.",
            f"{_kwh(clearing.traded_mwh)} kWh are traded at {_ct(clearing.price_mct)} ct/kWh:",
            "",
            "| home | order | kWh | limit, ct/kWh | awarded, kWh |",
            "| --- | --- | ---: | ---: | ---: |",
            *rows,
            "",
            f"Ada then takes more than she bought, Ben less, and {LATE}, who is offline, delivers less.",
            "What each receives (- pays) in ct, and what it would have at the grid alone;",
            f"{LATE}'s line is made when her meter has told, and changes no other:",
            "",
            "| home | metered, kWh | trade | grid | imbalance | fee | in all | alone |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *_lines(both),
            "",
            f"All accounts in ct, first without {LATE} and then with her:",
            "",
            f"- {_accounts(first)}",
            f"- {_accounts(both)}",
            "",
        ]
    )


def _lines(settled: Settled) -> list[str]:
    made = []
    for line in settled.lines.values():
        amounts = (line.trade_micro, line.grid_micro, line.imbalance_micro, line.fee_micro, line.total_micro)
        cells = " | ".join(f"{amount / 10_000:.4f}" for amount in (*amounts, -line.alone_micro))
        made.append(f"| {line.home} | {_kwh(line.import_mwh - line.export_mwh)} | {cells} |")
    return made


def _accounts(settled: Settled) -> str:
    homes = sum(line.total_micro for line in settled.lines.values())
    named = {"homes": homes, "grid": settled.grid_micro, "operator": settled.operator_micro, "pool": settled.pool_micro}
    said = ", ".join(f"{name} {amount / 10_000:.4f}" for name, amount in named.items())
    return f"{said}, sum {sum(named.values())}"


def _awarded(clearing: Clearing, home: str) -> str:
    award = clearing.award(home)
    return "none" if award is None else _kwh(award.bought_mwh + award.sold_mwh)


def _kwh(mwh: int) -> str:
    return f"{mwh / KWH:.6f}".rstrip("0").rstrip(".")


def _ct(mct: int | None) -> str:
    return "none" if mct is None else f"{mct / 1000:g}"


def inside(readme: str) -> str:
    """What is between README's marks."""
    found = _MARKS.search(readme)
    assert found, f"{README} has lost its marks"
    return found[2]


def main() -> None:
    README.write_text(_MARKS.sub(lambda found: found[1] + text() + found[3], README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
