"""`gridnexus world run`: a world over recorded homes or over a table of inputs, or its kept ticks once more."""

import csv
import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host_bridge import config
from host_bridge.agent import written
from host_bridge.microworld import reference, tick_log
from host_bridge.microworld.bundle import SUFFIX
from host_bridge.microworld.language.spec_error import SpecError
from host_bridge.microworld.program import Program, Quantity
from host_bridge.microworld.runtime import Sandbox, Shape, WorldFault
from host_bridge.world_commands import chosen, tables
from host_bridge.world_commands.making import progress

if TYPE_CHECKING:
    from host_bridge.microworld.study.feeds import Lanes

DONE, FAILED = 0, 1
MOST_ROWS = 1_000_000
SHOWN = 20  # ticks on a terminal
Row = dict[str, Any]


def run(args: Namespace) -> int:
    """Run it on what the options name."""
    try:
        if args.replay:
            return _replay(args)
        program, module = _program(args)
        if args.homes:
            return _homes(args, program, module)
        rows = list(_ticks(program, module, _inputs(args.ticks, program)))
    except SpecError as error:
        return chosen.tell_errors(error)
    except config.ConfigError:
        raise
    except (WorldFault, ValueError) as error:  # BundleError, HomesError, FeedError
        print(f"gridnexus world run: {error}", file=sys.stderr)
        return FAILED
    if args.output:
        _write(rows, args.output)
    _tell(args, program, rows)
    return FAILED if any(row["broken"] for row in rows) else DONE


def _program(args: Namespace) -> tuple[Program, bytes]:
    """What is run: a world's own bytes, or what the specification compiles to."""
    if Path(args.spec).suffix == SUFFIX:
        if args.profile or args.set:
            raise config.ConfigError("a .world file has its profile and parameters: give the specification instead")
        its = chosen.world(Path(args.spec))[1]
        return its.program(), its.wasm
    made = chosen.compiled(args)
    return made.program, made.wasm


def _inputs(path: Path, program: Program) -> list[tuple[int, ...]]:
    """Rows of a CSV with a column for each input; other columns are passed over. Raises ConfigError."""
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = [quantity.name for quantity in program.inputs if quantity.name not in (table.fieldnames or ())]
        if missing:
            raise config.ConfigError(f"{path}:1: no column {missing[0]}: the first line names the inputs")
        return [tuple(_number(path, line, quantity, row) for quantity in program.inputs)
                for line, row in zip(range(2, MOST_ROWS), table, strict=False)]  # fmt: skip


def _number(path: Path, line: int, quantity: Quantity, row: dict[str, str | None]) -> int:
    text = (row[quantity.name] or "").strip()
    if quantity.is_bool and text in written.SWITCH:
        return int(written.SWITCH[text])
    try:
        return int(text)
    except ValueError:
        what = (
            "on or off" if quantity.is_bool else f"a whole number of {quantity.unit}" if quantity.unit else "a number"
        )
        raise config.ConfigError(f"{path}:{line}: {quantity.name} is {text[:20]!r}: write {what}") from None


def _ticks(program: Program, module: bytes, inputs: Sequence[tuple[int, ...]]) -> Iterator[Row]:
    """Each tick in the sandbox, as the bridge runs it; one whose inputs are not taken leaves all as it was."""
    instance, monitor = Sandbox().load(module).instance(Shape.of(program)), reference.Monitor(program)
    state = tuple(quantity.start for quantity in program.state)
    for number, given in enumerate(inputs):
        row: Row = {"tick": number, **_named(program.inputs, given), **_named(program.state, state)}
        why = reference.in_ranges(program, given) or ""
        if why:
            yield {**row, **dict.fromkeys(q.name for q in program.outputs), "not_run": why, "broken": ""}
            continue
        following, outputs = instance.step(state, given)
        broken = monitor.tick(state, given, outputs, following)
        state = following
        yield {**row, **_named(program.outputs, outputs), "not_run": "", "broken": "; ".join(broken)}


def _tell(args: Namespace, program: Program, rows: list[Row]) -> None:
    idle, broken = ([row for row in rows if row[key]] for key in ("not_run", "broken"))
    if args.json:
        told = {"name": program.name, "ticks": len(rows), "not_run": len(idle), "broken": len(broken), "rows": rows}
        print(json.dumps(told, indent=2))
        return
    from rich.console import Console

    units = {quantity.name: quantity.unit for quantity in program.quantities()}
    shown = [{name: number for name, number in row.items() if name in units} for row in rows[-SHOWN:]]
    console = Console()
    if shown:
        console.print(tables.steps(shown, len(rows) - len(shown), units))
    for row in [*idle[:3], *broken[:3]]:
        why = f"not run: {row['not_run']}" if row["not_run"] else f"broken: {row['broken']}"
        console.print(f"tick {row['tick']}: {why}", markup=False, highlight=False)
    print(f"{program.name}: {len(rows):,} ticks of {program.tick_s} s, {len(idle):,} not run, "
          f"{len(broken):,} that break a claim")  # fmt: skip


def _write(rows: list[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]) if rows else ["tick"])
        table.writeheader()
        table.writerows(rows)


def _named(quantities: Sequence[Quantity], values: Sequence[int]) -> Row:
    return {quantity.name: value for quantity, value in zip(quantities, values, strict=True)}


def _homes(args: Namespace, program: Program, module: bytes) -> int:
    """Every home of the folder, a lane each: what was computed, and what energy costs by it."""
    from host_bridge.microworld.runtime import Batch
    from host_bridge.microworld.study import homes
    from host_bridge.microworld.study.feeds import Lanes

    with progress(f"{program.name} over the homes of {args.homes}"):
        lanes = Lanes.alone(homes.read(args.homes))
        inputs = lanes.inputs(program)
        batch = Batch(len(lanes.groups), lanes.homes.hours, Shape.of(program))
        batch.inputs[:], batch.state[:] = inputs, [quantity.start for quantity in program.state]
        outputs = batch.run(batch.load(module))
    rows = [_of_home(program, lanes, number, outputs[number]) for number in range(len(lanes.groups))]
    if args.output:
        _write(rows, args.output)
    if args.json:
        print(json.dumps({"name": program.name, "ticks": lanes.homes.hours, "homes": rows}, indent=2))
        return DONE
    from rich.console import Console

    Console().print(tables.plain(rows))
    print(f"{program.name}: {len(rows)} homes, {lanes.homes.hours:,} hours each: {lanes.homes.says}")
    return DONE


def _of_home(program: Program, lanes: "Lanes", number: int, outputs: Any) -> Row:
    """Least, mean and greatest of each output; where it charges a battery, the bill with it and without."""
    from host_bridge.microworld.study.settle import cost_micro

    row: Row = {"home": lanes.homes.names[number]}
    for place, quantity in enumerate(program.outputs):
        of, unit = outputs[:, place], quantity.unit
        row[f"{quantity.name} {unit}".strip()] = f"{of.min()} .. {of.max()}, mean {of.mean():.1f}"
    names = [quantity.name for quantity in program.outputs]
    if "charge" in names:
        price, net = lanes.homes.price, lanes.net_wh[number]
        row["micro-units without it"] = int(cost_micro(net, price))
        row["micro-units with it"] = int(cost_micro(net + outputs[:, names.index("charge")], price))
    return row


def _replay(args: Namespace) -> int:
    """The ticks that the bridge has kept, run again: bit for bit the same, or which one is not."""
    files = [Path(args.spec), *args.more]
    if any(path.suffix != SUFFIX for path in files):
        raise config.ConfigError("a replay runs the bytes that ran: give .world files")
    modules = {its.digest: its.wasm for _, its in map(chosen.world, files)}
    folder = args.replay
    if not any(folder.glob("*.ticks")):
        folder = config.load(config.find(args.config)).worlds_folder / "ticks" / str(args.replay)
    if not any(folder.glob("*.ticks")):
        raise config.ConfigError(
            f"{args.replay}: no ticks there (the bridge writes them once a minute); give a folder, or a world's name"
        )
    try:
        with progress(f"running the ticks of {folder} again"):
            same, difference = tick_log.replay(tick_log.read(folder), modules)
    except KeyError as missing:
        digest = str(missing.args[0])
        raise config.ConfigError(f"the log has ticks of sha256:{digest[:12]}: give that .world file, too") from None
    told = {"same": same, "difference": difference.says if difference else "", "log": str(folder)}
    if args.json:
        print(json.dumps(told, indent=2))
    elif difference:
        print(f"{same:,} ticks came out the same; then tick {difference.tick.number}: {difference.says}")
    else:
        print(f"all {same:,} ticks came out the same, bit for bit")
    return FAILED if difference else DONE
