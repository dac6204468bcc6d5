"""The options of `gridnexus world ACTION`; what each does is in the module that it names, imported when it is run."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_bridge.world_commands import actions, completing

Add = Callable[..., argparse.ArgumentParser]  # cli's own: (parsers, name, run, text, example, remote)
MAKES = """an example, from a text to what runs:
  gridnexus world new heat
  gridnexus world check heat.toml
  gridnexus world build heat.toml --set min_on="2 min"
  gridnexus world install heat.world --bind load=home-1.grid.active_power_mw --bind close=home-1.heater
  gridnexus world swap heat better.world --shadow 60
"""
SOURCES = """a source is NODE.CHANNEL.QUANTITY (active_power_mw, voltage_rms_mv, current_rms_ma, frequency_mhz, ...),
NODE.CONTACTOR.closed, clock.minute_of_day, clock.hour, or a number in the input's unit (on, off). An output goes to
NODE.CONTACTOR, or with "none" it is only shown. With --on NODE its name may be left out, and there are also
CONTACTOR.asked and CONTACTOR.tripped."""


def add(parsers: Any, command: Add, span: Callable[[str], int], nodes: Callable[..., list[str]]) -> None:
    """`command` makes a parser as all others are made; `span` reads a duration; `nodes` completes nodes' names."""
    world = parsers.add_parser(
        "world", help="make, prove, run and swap microworlds", epilog=MAKES,
        description="Microworlds: small proved programs that decide for a home, on the bridge or on a node.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names = world.add_subparsers(required=True, metavar="ACTION", title="actions")
    _add_making(names, command)
    _add_trying(names, command)
    _add_installing(names, command, span, nodes)
    for action in names.choices.values():
        action.add_argument("--json", action="store_true", help="for programs")


def _add_making(names: Any, command: Add) -> None:
    new = command(names, "new", actions.new, "write a specification to begin with",
                  "gridnexus world new heat", remote=False)  # fmt: skip
    new.add_argument("name", metavar="NAME", help="of the world; the file is NAME.toml")
    check = command(names, "check", actions.check, "say what is wrong with a specification",
                    "gridnexus world check heat.toml", remote=False)  # fmt: skip
    _spec(check)
    build = command(names, "build", actions.build, "compile and prove a specification, and sign it",
                    'gridnexus world build relay_guard --set min_on="2 min" -o guard.world', remote=False)  # fmt: skip
    _spec(build)
    _budget(build)
    build.add_argument("-o", "--output", metavar="FILE", help="(default: NAME.world)")
    verify = command(names, "verify", actions.verify, "prove again what an assurance case says",
                     "gridnexus world verify heat.world\n  gridnexus world verify other.wasm --case case.json",
                     remote=False)  # fmt: skip
    file = verify.add_argument("file", type=Path, metavar="FILE", help=".world, or .wasm with --case")
    _completed(file, completing.worlds)
    verify.add_argument("--case", type=Path, metavar="CASE.json", help="the assurance case (default: the world's own)")
    _budget(verify)


def _add_trying(names: Any, command: Add) -> None:
    run = command(names, "run", actions.run, "run a world on recorded homes or a table, or replay its log",
                  "gridnexus world run lamp --ticks evening.csv\n  gridnexus world run heat.world --replay heat",
                  remote=False)  # fmt: skip
    _spec(run, "a specification (file, or name in the catalogue), or a .world file", completing.specs_or_worlds)
    run.add_argument("more", nargs="*", type=Path, metavar="WORLD", help="with --replay: others that ran, too")
    on = run.add_mutually_exclusive_group(required=True)
    on.add_argument("--homes", type=Path, metavar="FOLDER", help="recorded homes, see microworld/README.md")
    on.add_argument("--ticks", type=Path, metavar="CSV", help="a column for each input, a row a tick")
    on.add_argument(
        "--replay", type=Path, metavar="LOG", help="kept ticks: a folder, or the name of an installed world"
    )
    run.add_argument("-o", "--output", type=Path, metavar="CSV", help="write what came out")
    sweep = command(names, "sweep", actions.sweep, "try many variations of a world on recorded homes",
                    "gridnexus world sweep predictive_schedule --homes homes --worlds 1000", remote=False)  # fmt: skip
    _completed(sweep.add_argument("spec", metavar="SPEC", help="file, or name in the catalogue"), completing.specs)
    sweep.add_argument("--homes", type=Path, required=True, metavar="FOLDER", help="recorded homes")
    sweep.add_argument("--worlds", type=_whole, default=1000, help="how many (default: 1000)")
    sweep.add_argument("--seed", type=int, default=1, help="the same seed, the same worlds (default: 1)")
    sweep.add_argument("--vary", default="", metavar="A,B", help="parameters (default: all but the hardware's)")
    _profile(sweep, "an agent that plays one strategy in all worlds")
    sweep.add_argument("--workers", type=_whole, metavar="N", help="cores (default: all)")
    sweep.add_argument("-o", "--output", type=Path, metavar="FOLDER",
                       help="results; a sweep that was cut short goes on there (default: SPEC-sweep)")  # fmt: skip


def _add_installing(names: Any, command: Add, span: Callable[[str], int], nodes: Callable[..., list[str]]) -> None:
    install = command(names, "install", actions.install, "have the bridge or a node run a world",
                      "gridnexus world install heat.world --bind load=home-1.grid.active_power_mw "
                      "--bind close=home-1.heater\n  gridnexus world install relay_guard.world --on home-1 --guard "
                      f"--bind asked=heater.asked ...\n\n{SOURCES}")  # fmt: skip
    _world_file(install)
    _bind(install)
    install.add_argument("--name", metavar="NAME", help="that it runs under (default: its own)")
    _completed(install.add_argument("--on", metavar="NODE", help="this node runs it, as bytecode, in its plan"), nodes)
    install.add_argument(
        "--guard", action="store_true", help="with --on: it stands between every wish and the contactor"
    )
    install.add_argument("--until", type=span, metavar="SPAN", help="with --on: so long (31d at most; a guard: always)")
    swap = command(names, "swap", actions.swap, "let a newcomer take over from an installed world",
                   "gridnexus world swap heat better.world --shadow 1m --map since=rested")  # fmt: skip
    _completed(swap.add_argument("name", metavar="NAME", help="what is installed"), completing.installed)
    _world_file(swap)
    _bind(swap)
    swap.add_argument("--map", action="append", default=[], metavar="NEW=OLD",
                      help="a state of the newcomer: a state of the old one, or a number; repeatable")  # fmt: skip
    swap.add_argument("--shadow", type=span, default=10, metavar="SPAN", help="it runs beside so long (default: 10s)")
    swap.add_argument("--probation", type=span, default=60, metavar="SPAN",
                      help="then in charge, with the old one to fall back on (default: 1m)")  # fmt: skip
    remove = command(names, "remove", actions.remove, "stop a world, or send a newcomer away",
                     "gridnexus world remove heat")  # fmt: skip
    _completed(remove.add_argument("name", nargs="?", metavar="NAME"), completing.installed)
    remove.add_argument("--swap", action="store_true", help="only the newcomer that runs beside")
    _completed(remove.add_argument("--on", metavar="NODE", help="instead: what this node runs"), nodes)
    command(names, "list", actions.list_, "list what runs on the bridge and on nodes",
            "gridnexus world list")  # fmt: skip
    show = command(names, "show", actions.show, "show what an installed world is and does",
                   "gridnexus world show heat --ticks 30")  # fmt: skip
    _completed(show.add_argument("name", metavar="NAME"), completing.installed)
    show.add_argument("--ticks", type=_whole, default=10, metavar="N", help="the last so many (default: 10)")


def _spec(parser: argparse.ArgumentParser, text: str = "file, or name in the catalogue",
          names: Callable[..., list[str]] = completing.specs) -> None:  # fmt: skip
    _completed(parser.add_argument("spec", metavar="SPEC", help=text), names)
    _profile(parser, "the strategy that an agent plays")
    parser.add_argument("--set", action="append", default=[], metavar="PARAMETER=VALUE",
                        help='in its unit, or "90 s"; repeatable')  # fmt: skip


def _profile(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--profile", action="append", default=[], metavar="AGENT=STRATEGY", help=f"{text}; repeatable")


def _world_file(parser: argparse.ArgumentParser) -> None:
    _completed(parser.add_argument("file", type=Path, metavar="FILE.world"), completing.worlds)


def _bind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bind", action="append", default=[], metavar="NAME=SOURCE",
                        help="of an input, or NAME=NODE/CONTACTOR of an output; repeatable")  # fmt: skip


def _budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--budget", type=_whole, default=10, metavar="S", help="for each proof (default: 10)")


def _completed(argument: Any, names: Callable[..., list[str]]) -> None:
    argument.completer = names  # where argcomplete looks


def _whole(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number from 1 on")
    return number
