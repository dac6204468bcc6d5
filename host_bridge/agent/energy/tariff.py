"""The supplier's prices: steps of a day or a file, asked for by the grid's time. Absent is None, negative is as it is.

File: start_s,buy_mct,sell_mct[,carbon_g] in whole numbers, rising start_s, each row until the next, at most a day.
"""

import csv
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

from host_bridge.energy_config import MOST_MCT, TariffConfig, day_steps

DAY_S = 86_400
MOST_ROWS = 1_000_000


class TariffError(ValueError):
    """The prices cannot be used; the text says where and what to write."""


class Price(NamedTuple):
    """Of an interval: mct/kWh, and grams of CO2 a kWh (None: not known)."""

    buy_mct: int
    sell_mct: int
    carbon_g: int | None = None


class Tariff:
    """`rows`: of a file, else `buy` and `sell`: steps of a day in `zone`."""

    def __init__(
        self,
        rows: Sequence[tuple[int, Price]] = (),
        buy: Sequence[tuple[int, int]] = (),
        sell: Sequence[tuple[int, int]] = (),
        zone: tzinfo | None = None,
    ) -> None:
        self._starts = [start for start, _ in rows]
        self._prices = [price for _, price in rows]
        self._buy, self._sell, self._zone = list(buy), list(sell), zone

    def at(self, time_s: int) -> Price | None:
        """The price at a moment of the grid; None: absent."""
        if self._buy:
            moment = datetime.fromtimestamp(time_s, self._zone)
            second = moment.hour * 3600 + moment.minute * 60 + moment.second
            return Price(_step(self._buy, second), _step(self._sell, second) if self._sell else 0)
        place = bisect_right(self._starts, time_s) - 1
        if place < 0 or time_s >= self._starts[place] + DAY_S:
            return None
        return self._prices[place]

    def ahead(self, start_s: int, step_s: int, steps: int) -> tuple[list[Price], int]:
        """The prices of `steps` steps, and how many of them are guessed: absent ones are as at the same time of the
        newest day before that has one, else as the first known. Raises TariffError: none is known at all."""
        found = [self.at(start_s + k * step_s) for k in range(steps)]
        guesses = [price or self._like(start_s + k * step_s) for k, price in enumerate(found)]
        known = next((price for price in guesses if price), None) or (self._prices[-1] if self._prices else None)
        if known is None:
            raise TariffError("no price is known, now or of any day before")
        return [price or known for price in guesses], sum(price is None for price in found)

    def _like(self, time_s: int) -> Price | None:
        return next((price for day in range(1, 9) if (price := self.at(time_s - day * DAY_S))), None)


def _step(steps: Sequence[tuple[int, int]], second: int) -> int:
    """Before its first step a day goes on as the last one of the day before."""
    return next((mct for begin, mct in reversed(steps) if begin <= second), steps[-1][1])


def read(config: TariffConfig, zone: tzinfo) -> Tariff:
    """The tariff that is configured. Raises TariffError."""
    if not config.file:
        return Tariff(buy=day_steps(config.buy), sell=day_steps(config.sell), zone=zone)
    try:
        with open(Path(config.file), encoding="utf-8", newline="") as file:
            return Tariff(_rows(csv.DictReader(file), config.file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise TariffError(f"[tariff] file {config.file}: cannot be read: {why}") from None


def _rows(table: "csv.DictReader[str]", where: str) -> list[tuple[int, Price]]:
    wanted = {"start_s", "buy_mct", "sell_mct"}
    names = set(table.fieldnames or ())
    if not wanted <= names <= wanted | {"carbon_g"}:
        raise TariffError(f"{where}:1: the first line must be start_s,buy_mct,sell_mct and, if known, carbon_g")
    rows: list[tuple[int, Price]] = []
    for row in table:
        line = f"{where}:{table.line_num}"
        try:
            start, buy, sell = (int(row[name]) for name in ("start_s", "buy_mct", "sell_mct"))
            carbon = int(row["carbon_g"]) if row.get("carbon_g") else None
        except (TypeError, ValueError):
            raise TariffError(f"{line}: whole numbers only, one for each column") from None
        if max(abs(buy), abs(sell)) > MOST_MCT:
            raise TariffError(f"{line}: no kWh costs more than {MOST_MCT} mct (1/1000 cent)")
        if rows and start <= rows[-1][0]:
            raise TariffError(f"{line}: start_s must rise from row to row")
        rows.append((start, Price(buy, sell, carbon)))
        if len(rows) > MOST_ROWS:
            raise TariffError(f"{line}: at most {MOST_ROWS} rows")
    if not rows:
        raise TariffError(f"{where}: no price in it")
    return rows
