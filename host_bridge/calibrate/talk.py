"""What `gridnexus calibrate` tells people and asks them: sentences, tables, numbers."""

import math
from collections.abc import Callable, Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from host_bridge.calibrate.arithmetic import Figures, Gains
from host_bridge.terminal import NONE, printable

UNITS = {"voltage": "V", "current": "A", "power": "W", "reactive power": "var"}


class Talk:
    """With `ask` (a question -> what was typed) None nobody is asked, and all is agreed to."""

    def __init__(self, console: Console, ask: Callable[[str], str] | None) -> None:
        self.console = console
        self.asks = ask is not None
        self._ask = ask or (lambda question: "y")

    def say(self, text: str) -> None:
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def agrees(self, question: str) -> bool:
        """Only a yes is one."""
        return self._ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def thousandths(self, question: str) -> float | None:
        """A number as thousandths of its unit, None when nothing was typed; asked again until it is one."""
        while True:
            text = self._ask(f"{question} (Enter: not known): ").strip()
            if not text:
                return None
            try:
                return thousandths(text)
            except ValueError as error:
                self.say(str(error))

    def show_figures(self, told: Figures, reference: Figures, after: Figures) -> None:
        """What the channel tells, what the reference tells, and what the channel is to tell; errors against it."""
        table = _table("", "channel", "reference", "error", "calibrated", "error left")
        for (what, unit), now, right, then in zip(UNITS.items(), told, reference, after, strict=True):
            if now is not None:
                cells = (
                    _cell(now, unit),
                    _cell(right, unit),
                    _error(now, right),
                    _cell(then, unit),
                    _error(then, right),
                )
                table.add_row(what, *cells)
        self.console.print(table)

    def show_gains(self, rows: Iterable[tuple[str, Gains, Gains]]) -> None:
        """(channel, corrections now, corrections then) of each; one column where they are the same."""
        table = _table("channel", "voltage", "current", "phase", "power offset", "noise floor")
        for name, now, then in rows:
            cells = [
                old if old == new else f"{old} -> {new}" for old, new in zip(_words(now), _words(then), strict=True)
            ]
            table.add_row(Text(printable(name)), *cells)
        self.console.print(table)


def thousandths(text: str) -> float:
    """ "230.4" is 230400.0. Raises ValueError for what is no finite number, or 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or not number:
        raise ValueError(f"{text!r}: write a number other than 0, e.g. 230.4")
    return number * 1000


def _words(gains: Gains) -> tuple[str, ...]:
    return (
        f"{gains.voltage_ppm / 10_000:+.3f} %",
        f"reversed, {(-2_000_000 - gains.current_ppm) / 10_000:+.3f} %" if gains.turned
        else f"{gains.current_ppm / 10_000:+.3f} %",
        f"{gains.phase_mdeg / 1000:+.2f} deg",
        f"{gains.power_offset_mw / 1000:+.1f} W",
        f"{gains.current_offset_ma / 1000:.3f} A",
    )  # fmt: skip


def _cell(thousandths: float | None, unit: str) -> str:
    return NONE if thousandths is None else f"{thousandths / 1000:,.{3 if unit == 'A' else 1}f} {unit}"


def _error(value: float | None, right: float | None) -> str:
    return f"{100 * (value / right - 1):+.2f} %" if value is not None and right else NONE


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left")
    return table
