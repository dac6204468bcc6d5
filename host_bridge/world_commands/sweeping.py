"""`gridnexus world sweep`: a thousand variations of a world over a year of recorded homes."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from host_bridge.microworld import spec
from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.runtime import WorldFault
from host_bridge.microworld.study import homes, sweep_table
from host_bridge.microworld.study.feeds import FeedError
from host_bridge.microworld.study.sweep import Row, standings, sweep
from host_bridge.microworld.study.variations import Plan, SweepError
from host_bridge.world_commands import chosen, tables

DONE, FAILED, BEST = 0, 1, 10


def run(args: Namespace) -> int:
    """Sweep, write the tables and the picture, and tell of the best."""
    text, name = chosen.spec_text(args.spec)
    folder = args.output or Path(f"{Path(name).stem}-sweep")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    try:
        its = spec.read(text, name)
        varied = tuple(args.vary.split(",")) if args.vary else ()
        plan = Plan(
            its, homes.read(args.homes), args.worlds, args.seed, varied, chosen.pairs(args.profile, "--profile")
        )
        with bar:
            task = bar.add_task(f"{args.worlds} worlds", total=args.worlds)
            rows = sweep(plan, folder, workers=args.workers,
                         progress=lambda done, total: bar.update(task, completed=done, total=total))  # fmt: skip
        files = written(rows, folder, its.name)
    except SpecError as error:
        return chosen.tell_errors(error)
    except (SweepError, FeedError, homes.HomesError, WorldFault) as error:
        print(f"gridnexus world sweep: {error}", file=sys.stderr)
        return FAILED
    best, by_profile = ([row.flat() for row in each] for each in (rows[:BEST], standings(rows)))
    if args.json:
        print(json.dumps({"worlds": len(rows), "files": files, "best": best, "strategies": by_profile}, indent=2))
        return DONE
    Console().print("The best by the homes that chose:", tables.plain(best), sep="\n")
    Console().print("Each strategy's best, in the order of the homes held out:", tables.plain(by_profile), sep="\n")
    print(f"{len(rows):,} worlds; permille: of what the same homes pay without batteries, each metered alone.")
    print(f"written: {', '.join(files)}")
    return DONE


def written(rows: list[Row], folder: Path, title: str) -> list[str]:
    """The tables and the picture; Parquet where pyarrow is installed."""
    files = [folder / "worlds.csv", folder / "worlds.svg"]
    sweep_table.write_csv(rows, files[0])
    files[1].write_text(sweep_table.picture(rows, f"{title}: {len(rows)} worlds"), encoding="utf-8")
    try:
        sweep_table.write_parquet(rows, folder / "worlds.parquet")
        files.append(folder / "worlds.parquet")
    except SweepError as error:
        print(f"gridnexus world sweep: {error}", file=sys.stderr)
    return list(map(str, files))
