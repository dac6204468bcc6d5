"""Metering and switching that one can trust: how exact, how soon, how busy, and what it costs the flash.

On the emulated RP2040 in simulated time (12 bits, 1 LSB of noise, nominal calibration) unless a figure says unix.
"""

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from hil import rigs
from hil.bench import Bench, Edit, Load, Setup
from hil.checks import protection
from hil.emulated_bench import EmulatedBench
from hil.figures import Notebook
from tests.bench.accuracy import Row, accuracy, cpu_share
from tests.bench.days import Day, PicoDay, emulated, unix
from tests.bench.figures import Figure
from tools import boards, flash_life, homes, images, setup_node

WORKERS = 2
BOARD = "rpi_pico"
OVER_CURRENT_MS, SAVES, YEARS, CPU_PERCENT, ENERGY_PERCENT = 25, 1440, 10, 15, 0.2  # to reach
_RANGE = "5 to 100 % of range"
_GROUPS = {  # of accuracy's rows
    "V": f"voltage error, {_RANGE}",
    "I": f"current error, {_RANGE}",
    "P, PF 1": f"active power error at PF 1, {_RANGE}",
    "P, PF 0.5": f"active power error at PF 0.5, {_RANGE}",
    "f": "frequency error, 45 to 65 Hz with 10 % THD",
}


class _Maker:
    """See hil.checks.Maker: emulated benches for a check outside the suite."""

    long = False

    def __init__(self, scratch: Path) -> None:
        self.rig = rigs.load("rp2040_emulated")
        self._scratch = scratch

    def __call__(
        self, unit: Mapping[str, Any] | None = None, load: Load | None = None, edits: Mapping[str, Edit] | None = None
    ) -> AbstractContextManager[Bench]:
        return closing(EmulatedBench(self.rig, Setup(self._scratch, unit or {}, load or Load(), edits or {})))


def over_current() -> tuple[float, float, int]:
    """ms from ten times the set current to the relay's pin: (slowest begun anywhere in a cycle, slowest begun as the
    flash erases, of how many the first is)."""
    notes = Notebook({})
    for check in (protection.over_current, protection.over_current_in_an_erase):
        with tempfile.TemporaryDirectory() as folder:
            check(_Maker(Path(folder)), notes)
    anywhere, erasing = (notes.series[name] for name in ("over_current_ms", "over_current_erase_ms"))
    return max(anywhere), max(erasing), len(anywhere)


def _most(name: str, value: float, unit: str, reach: float | None = None) -> Figure:
    return Figure(name, value, unit, reach, at_least=False)


def _accuracy(rows: list[Row]) -> list[Figure]:
    """The largest error of each group of points that has a reach."""
    figures = []
    for group, name in _GROUPS.items():
        of_group = [row for row in rows if row.group == group]
        worst = max(of_group, key=lambda row: row.error)
        figures.append(_most(name, worst.error, worst.unit, worst.reach))
    return figures


def _energy(pico: PicoDay, whole: Day) -> list[Figure]:
    return [
        _most("energy error, a home's day in 10 minutes", pico.energy_error_percent, "%", ENERGY_PERCENT),
        _most("energy error of the load switched in it", pico.heater_error_percent, "%", ENERGY_PERCENT),
        _most("energy error, 24 hours, unix", whole.energy_error_percent, "%", ENERGY_PERCENT),
    ]


def _flash(pico: PicoDay, whole: Day) -> list[Figure]:
    most = max(pico.saves_a_day, whole.saves_a_day)
    reckoned = flash_life.budget(boards.load(BOARD), round(most))
    assert reckoned is not None
    return [
        _most("flash writes a day, as in 10 minutes of varying load", pico.saves_a_day, "saves", SAVES),
        _most("flash writes in 24 hours of varying load, unix", whole.saves_a_day, "saves", SAVES),
        _most("pages programmed and sectors erased a write", pico.flash_operations_a_save, "operations"),
        Figure("the flash lasts at so many writes", reckoned.years, "years", YEARS),
        Figure("the flash lasts, as the node tells", pico.flash_years or 0, "years", YEARS),
    ]


def _complain(say: Callable[[str], None], part: "Future[Any]") -> None:
    """At once: the others go on for minutes."""
    if error := part.exception():
        say(f"failed: {error}")


def _prepare() -> None:
    """What has to be fetched or built, before anything waits for it."""
    setup_node.ensure()
    images.image(boards.load(BOARD).manifest["IMAGE"])
    homes.fetch(homes.default_cache())


def run(say: Callable[[str], None]) -> list[Figure]:
    """All of it, about five minutes on two cores. Raises AssertionError when a node does not do what it is asked."""
    _prepare()
    with ThreadPoolExecutor(WORKERS) as pool:
        whole, pico = pool.submit(unix, say), pool.submit(emulated, say)
        rows, busy, trips = pool.submit(accuracy, say), pool.submit(cpu_share), pool.submit(over_current)
        for part in (whole, pico, rows, busy, trips):
            part.add_done_callback(lambda done: _complain(say, done))
        slowest_ms, erasing_ms, times = trips.result()
        say(f"over-current: slowest of {times} {slowest_ms:.1f} ms, {erasing_ms:.1f} ms as the flash erases")
        return [
            *_accuracy(rows.result()),
            *_energy(pico.result(), whole.result()),
            _most("processor's share for three inputs at 4,000 a second", 100 * busy.result(), "%", CPU_PERCENT),
            _most("processor's share of the whole node", pico.result().busy_percent, "%"),
            _most(f"over-current at 10 times to pin open, slowest of {times}", slowest_ms, "ms", OVER_CURRENT_MS),
            _most("the same, begun as the flash erases a sector", erasing_ms, "ms"),
            *_flash(pico.result(), whole.result()),
        ]
