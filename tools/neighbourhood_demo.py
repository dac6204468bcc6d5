"""`dev.py demo --neighbourhood`: homes of CityLearn 2022 with batteries, 60 times faster than time, and the agent.

Measured, a day (24 minutes): some homes are cut off for hours of the grid and come back, and the books, the meters, the
homes and the nodes' own journals are held against each other (tools.neighbourhood_judge).
"""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tools import neighbourhood_judge as judge
from tools.absence import Absence
from tools.neighbourhood import Neighbourhood
from tools.neighbourhood_files import SPEED
from tools.nodes import NodesError

DAY_S = 86_400 / SPEED  # real
FIRST_HOUR = 14  # of a run shorter than a day: sun, then the dear hours
CUT_FROM, CUT_UNTIL = 0.4, 0.75  # of the time
LOOK_S = 0.4  # each battery is looked at in each of its seconds


def run(options: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any] | None:
    """The neighbourhood in `folder`; `stack` ends whatever was started. The figures when it is a measured run."""
    out = sys.stderr if options.json else sys.stdout
    seconds = options.seconds or (options.days * DAY_S if options.days else DAY_S if options.json else None)
    first_hour = 0 if seconds is None or seconds >= DAY_S else FIRST_HOUR
    count, cut = options.homes or 17, min(options.cut, options.homes or 17)
    place = Neighbourhood(folder, stack, count, cut if seconds else 0, first_hour, options.mode, options.port)
    _introduce(place, seconds, out)
    if seconds is None:
        while place.running:
            time.sleep(0.5)
        raise NodesError("a part has ended by itself:\n" + place.logs())
    with _cpu(place) as cpu_percent:
        absences = watch(place, seconds)
    place.stop()
    config = place.process.config
    figures = judge.judge(config.database, config.books, place.nodes, place.calendar, absences)
    return {**figures, "cpu_percent": cpu_percent, "problems": judge.problems(figures)}


def _introduce(place: Neighbourhood, seconds: float | None, out: TextIO) -> None:
    print(
        f"\n  {len(place.nodes)} homes with batteries (simulated), each a real node under MicroPython, {SPEED} times"
        f" faster than time\n  and metered in whole windows: an hour of the grid takes a minute. The page:\n\n"
        f"    {place.process.address}\n",
        file=out,
    )
    ends = "  Ctrl-C ends it."
    if seconds is not None:
        names = ", ".join(node.name for node in place.cabled) or "none"
        hours = seconds * SPEED / 3600
        ends = f"  Measured for {seconds:.0f} s, {hours:.1f} h of the grid. To be cut off for a while: {names}."
    print(ends, file=out, flush=True)


def watch(place: Neighbourhood, seconds: float) -> list[Absence]:
    """Let `seconds` pass; in their midst the homes on cables are cut off, and come back. What these did meanwhile."""
    absences: list[Absence] = []
    cut_ms = 0
    begin = time.monotonic()
    columns = (TextColumn("  {task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("", total=seconds)
        while (passed := time.monotonic() - begin) < seconds:
            if not place.running:
                raise NodesError("a part has ended by itself:\n" + place.logs())
            if not cut_ms and passed >= seconds * CUT_FROM:
                cut_ms = place.cut()
            elif cut_ms and not absences and place.cabled and passed >= seconds * CUT_UNTIL:
                absences = place.rejoin(cut_ms)
            place.look()
            away = len(place.cabled) if cut_ms and not absences else 0
            progress.update(task, completed=passed, description=_so_far(place, away))
            time.sleep(LOOK_S)
    return absences


def _so_far(place: Neighbourhood, away: int) -> str:
    grid = datetime.fromtimestamp(place.calendar.grid_s(int(time.time() * 1000)), UTC)
    settled = 0
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{place.process.config.books}?mode=ro", uri=True)) as db,
    ):
        (settled,) = db.execute("SELECT count(*) FROM markets").fetchone()
    return f"{grid:%H:%M} on the grid, {settled} intervals" + (f", {away} homes cut off" if away else "")


@contextmanager
def _cpu(place: Neighbourhood) -> Iterator[dict[str, float]]:
    """Filled at the end: what the nodes, and the bridge, took of one core meanwhile, per cent."""
    found: dict[str, float] = {}
    process = place.process.process
    pids = {"nodes": [node.pid for node in place.nodes], "bridge": [process.pid] if process else []}
    before, begin = {name: sum(map(_cpu_s, each)) for name, each in pids.items()}, time.monotonic()
    yield found
    passed = time.monotonic() - begin
    found |= {name: round((sum(map(_cpu_s, each)) - before[name]) / passed * 100, 1) for name, each in pids.items()}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
