"""The catalogue's worlds on CityLearn's 17 homes: compiled, verified, run over a year, beside what others reached.

    python3 tools/dev.py worlds [--readme] [--json]

Parameters are chosen on some of the homes by a sweep and told on the others. --readme writes the assurance cases,
results.json and the tables of host_bridge/microworld/catalogue/README.md, of which no figure is typed by hand.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from host_bridge.microworld import bytecode, catalogue, spec, wasm
from host_bridge.microworld.program import Program
from host_bridge.microworld.study import auction, coalition, shapley, trial
from host_bridge.microworld.study.forecast import Battery, foresight_mct
from host_bridge.microworld.study.homes import Homes, read
from host_bridge.microworld.study.homes import HomesError as FolderError
from host_bridge.microworld.study.settle import WH_MCT, Settled, alone_micro, permille
from host_bridge.microworld.study.sweep import sweep
from host_bridge.microworld.study.variations import Plan, split
from host_bridge.microworld.verify import Case, verify
from tools import citylearn, setup_env, world_sheets, worlds_tables
from tools.homes import HomesError
from tools.progress import Steps

FOLDER = setup_env.ROOT / "host_bridge" / "microworld" / "catalogue"
RESULTS = FOLDER / "results.json"
README = FOLDER / "README.md"
WORLDS, SEED = 1000, 1
SAMPLES = 1000  # random orders for the shares of 17 members
EXACT = 12
SPOT_PER_GRAM = 160  # mct for each g of CO2: with it the year's mean is 25 ct/kWh, near the tariff's
LAMP_W = 9
LAMP_HOURS = (6, 7, 17, 18, 19, 20, 21, 22)  # when someone wants light: assumed

Table = list[dict[str, Any]]
Say = Callable[[str], None]


def specification(name: str) -> spec.Spec:
    """The catalogue's specification `name`."""
    path = catalogue.spec_path(name)
    return spec.read(path.read_text(encoding="utf-8"), path.name)


def program(name: str, profile: Mapping[str, str] | None = None, **parameters: int) -> Program:
    """The same with a profile and parameters chosen."""
    return specification(name).program(profile, parameters)


def case_of(name: str) -> Case:
    """The assurance case of the module that `name` compiles to with its own profile and parameters."""
    its = program(name)
    return verify(wasm.compile(its), its, bytecode=bytecode.compile(its))


def modules(say: Say) -> tuple[Table, dict[str, Case]]:
    """Each specification: its bytes and what is proved of them."""
    found, cases = [], {}
    for name in catalogue.names():
        say(f"verifying {name}")
        its, case = program(name), case_of(name)
        cases[name] = case
        found.append(
            {
                "specification": name,
                "wasm": len(wasm.compile(its)),
                "bytecode": len(bytecode.compile(its)),
                "proved": sum(verdict.outcome == "proved" for verdict in case.verdicts),
                "not proved": sum(verdict.outcome != "proved" for verdict in case.verdicts),
                "digest": case.digest[:12],
            }
        )
    return found, cases


def energy(homes: Homes, say: Say) -> Table:
    """One battery in each home at the time-of-use tariff: every strategy, on all homes and on those held out."""
    by, out = split(len(homes.names), SEED)
    parts = homes, homes.some(out)
    rows = [
        _row(
            "predictive_schedule",
            strategy,
            [trial.bills(program("predictive_schedule", {"battery": strategy}), part) for part in parts],
        )
        for strategy in ("none", "greedy", "time_of_use")
    ]
    for name in ("predictive_schedule", "coalition"):
        say(f"choosing the parameters of {name} on {len(by)} homes, among {WORLDS} worlds")
        profile, parameters = chosen(name, homes, {"battery": "predictive"})
        row = _row(name, "predictive", [trial.bills(program(name, profile, **parameters), part) for part in parts])
        rows.append(row | {"chosen": {"forecaster": profile["forecaster"], **parameters}})
    say("what perfect foresight would have reached")
    return [
        *rows,
        _row("", "dynamic programme with perfect foresight, steps of 50 Wh", [_foreseen(part) for part in parts]),
    ]


def chosen(name: str, homes: Homes, profile: Mapping[str, str]) -> tuple[dict[str, str], dict[str, int]]:
    """The profile and the parameters that are best for the homes that choose."""
    plan = Plan(specification(name), homes, WORLDS, SEED, profile=profile)
    with tempfile.TemporaryDirectory() as folder:
        best = sweep(plan, Path(folder))[0].variation
    return best.profile, best.parameters


def _row(world: str, strategy: str, settled: list[Settled]) -> dict[str, Any]:
    """Thousandths of what the same homes pay without batteries, alone; a coalition has no bills alone."""
    pairs = [
        [None if world in ("coalition", "spot_coalition") else each.alone_permille, each.pooled_permille]
        for each in settled
    ]
    return {"world": world, "strategy": strategy, "all": pairs[0], "held_out": pairs[1]}


def _foreseen(homes: Homes) -> Settled:
    count = len(homes.names)
    alone = sum(foresight_mct(net, homes.price, Battery()) for net in homes.net_wh)
    each, together = Battery(), homes.net_wh.sum(axis=0)
    pool = Battery(each.capacity * count, each.most * count, each.efficiency)
    pooled = foresight_mct(together, homes.price, pool, 50 * count)
    return Settled(alone // WH_MCT, pooled // WH_MCT, alone_micro(homes.net_wh, homes.price))


def spot(homes: Homes, say: Say) -> Table:
    """The coalition at a spot price that is derived from the carbon intensity, as the recordings hold none."""
    say("the coalition at a spot price")
    _, out = split(len(homes.names), SEED)
    at_spot = replace(homes, price=homes.carbon * SPOT_PER_GRAM)
    parts = at_spot, at_spot.some(out)
    rows = [
        _row(
            "spot_coalition",
            strategy,
            [trial.bills(program("spot_coalition", {"battery": strategy}), part) for part in parts],
        )
        for strategy in ("none", "greedy", "valued")
    ]
    foreseen = _row("spot_coalition", "perfect foresight, steps of 50 Wh", [_foreseen(part) for part in parts])
    return [*rows, foreseen]


def auctions(homes: Homes, say: Say) -> Table:
    """All strategies with and without the auction; a car in every third home."""
    clearing, award = program("clearing"), program("award")
    rows: Table = []
    base = 0
    for driver in ("at_once", "cheap"):
        for battery in ("none", "own", "shared", "saving", "planned"):
            say(f"the double auction, battery {battery}, car {driver}")
            bidder = program("bidder", {"battery": battery, "driver": driver})
            alone, traded = (
                auction.run(bidder, clearing, award, homes, auction.Cars(), trade=trade) for trade in (False, True)
            )
            before, after = alone.bills_micro(homes.price), traded.bills_micro(homes.price)
            base = base or int(before.sum())
            rows.append(
                {
                    "battery": battery,
                    "car": driver,
                    "alone": permille(int(before.sum()), base),
                    "auction": permille(int(after.sum()), base),
                    "least saved": 1000 - max(map(permille, after.tolist(), before.tolist())),
                    "most saved": 1000 - min(map(permille, after.tolist(), before.tolist())),
                    "traded_kwh": int(traded.bought.sum(dtype=np.int64)) // 1000,
                    "unbalanced_wh": int(np.abs(traded.bought.sum(axis=0) - traded.sold.sum(axis=0)).max()),
                }
            )
    return rows


def shares(homes: Homes, say: Say) -> dict[str, Any]:
    """What each member of the coalition is due of what it saves: exact for the first 12 homes, sampled for all 17."""
    say(f"the shares of {EXACT} members, exact, and of {len(homes.names)}, by {SAMPLES} samples")
    its, some = program("coalition"), homes.some(range(EXACT))
    saved = coalition.savings_micro(coalition.costs_micro(its, some, range(1, 1 << EXACT)))
    exact = shapley.exact([saved[mask] for mask in range(1 << EXACT)])
    again = shapley.sampled(shapley.orders(EXACT, SAMPLES, SEED), saved.__getitem__, coalition.ranges_micro(some))
    off = [int(abs(a - b)) for a, b in zip(again.values, exact, strict=True)]
    orders = shapley.orders(len(homes.names), SAMPLES, SEED)
    masks = {mask for order in orders for mask in shapley.coalitions(order)}
    costs = coalition.costs_micro(its, homes, masks | set(coalition.singles(homes)))
    sampled = shapley.sampled(orders, coalition.savings_micro(costs).__getitem__, coalition.ranges_micro(homes))
    alone = [costs[mask] for mask in coalition.singles(homes)]
    members = [
        {"home": name, "alone": pays, "share": share, "bound": bound}
        for name, pays, share, bound in zip(
            homes.names, alone, shapley.shares(sampled.values), sampled.bounds, strict=True
        )
    ]
    return {
        "members": members,
        "samples": SAMPLES,
        "exact": dict(zip(some.names, shapley.shares(exact), strict=True)),
        "exact_total": saved[(1 << EXACT) - 1],
        "sampled_off_at_most": max(off),
        "sampled_bound_at_least": min(again.bounds),
        "within_bounds": all(a <= b for a, b in zip(off, again.bounds, strict=True)),
    }


def lamp(homes: Homes, say: Say) -> dict[str, int]:
    """The lamp's year, second by second: light and CO2 beside a lamp that is lit in full whenever it is wanted."""
    say("the lamp, a year of seconds")
    wanted = np.isin(homes.hour_of_day, LAMP_HOURS).astype(np.int32)
    held = {"wanted": wanted, "carbon": homes.carbon, "frequency": np.full(homes.hours, 50_000, np.int32)}
    its = program("lamp")
    lit = np.concatenate([day[:, :, 0].sum(axis=0, dtype=np.int64) for day in trial.by_day(its, held)])
    plain = wanted.astype(np.int64) * 100 * 3600
    hours = len(lit)
    whole = 100 * 3600 * 1000  # of brightness in percent over the seconds of an hour, and of W in a kW
    grams = [int((light * homes.carbon[:hours]).sum()) * LAMP_W // whole for light in (lit, plain)]
    return {
        "ticks": hours * 3600,
        "light": permille(int(lit.sum()), int(plain.sum())),
        "co2": permille(grams[0], grams[1]),
        "co2_g": grams[0],
        "co2_plain_g": grams[1],
    }


def run(homes: Homes, say: Say) -> tuple[dict[str, Any], dict[str, Case]]:
    """All results, the same on any machine; and the assurance cases."""
    by, out = split(len(homes.names), SEED)
    table, cases = modules(say)
    results = {
        "homes": {"digest": homes.digest()[:12], "says": homes.says, "chosen_by": by, "held_out": out},
        "modules": table,
        "energy": energy(homes, say),
        "spot": spot(homes, say),
        "auction": auctions(homes, say),
        "coalition": shares(homes, say),
        "lamp": lamp(homes, say),
    }
    return json.loads(json.dumps(results)), cases


def write(results: dict[str, Any], cases: Mapping[str, Case]) -> None:
    """The assurance cases, results.json, the README's tables and the datasheets'."""
    for name, case in cases.items():
        catalogue.case_path(name).write_text(case.json() + "\n", encoding="utf-8")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    README.write_text(worlds_tables.filled(README.read_text(encoding="utf-8"), results), encoding="utf-8")
    made = sheets(cases)
    for path in FOLDER.glob("*/README.md"):
        path.write_text(world_sheets.filled(path.read_text(encoding="utf-8"), made), encoding="utf-8")


def sheets(cases: Mapping[str, Case]) -> dict[str, str]:
    """What each datasheet tells of its specification and its case."""
    return {
        name: world_sheets.sheet(
            specification(name), case, wasm.compile(program(name)), bytecode.compile(program(name))
        )
        for name, case in cases.items()
    }


def main(argv: list[str] | None = None) -> int:
    """Run all worlds and print what came of it."""
    parser = argparse.ArgumentParser(prog="dev.py worlds", description="The catalogue's worlds on recorded homes.")
    parser.add_argument("--readme", action="store_true", help="write the cases, results.json and the README's tables")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.add_argument("--homes", type=Path, help="a folder of homes (default: CityLearn's, fetched)")
    options = parser.parse_args(argv)
    if options.readme and options.homes:
        parser.error("the README is of CityLearn's homes")
    try:
        homes = read(options.homes or citylearn.folder())
    except (HomesError, FolderError, OSError) as error:
        print(f"worlds: {error}", file=sys.stderr)
        return 1
    with Steps("worlds") as steps:
        results, cases = run(homes, steps.step)
    if options.readme:
        write(results, cases)
    if options.json:
        print(json.dumps(results))
    else:
        print("\n\n".join(render(results) for render in worlds_tables.TABLES.values()))
    return 0 if all(case.accepted for case in cases.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
