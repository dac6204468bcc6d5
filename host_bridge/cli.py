"""The command line `gridnexus run|nodes|readings|watch|events|relay|plan|world|energy|...` and the tools for boards.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 the bridge is not running.
What each command does is in `commands`; the tools are the checkout's own, run as programs.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gridnode.wire import schema
from host_bridge import __version__, commands
from host_bridge.client import BridgeDown, BridgeError
from host_bridge.config import ConfigError
from host_bridge.energy_commands import options as energy_options
from host_bridge.times import duration_s, moment_ms
from host_bridge.world_commands import options as world_options

FAILED, USAGE, NOT_RUNNING, INTERRUPTED = 1, 2, 3, 130
LEVELS = ("info", "warning", "error")
RESOLUTIONS = ("raw", "minute", "quarter", "day")
MOST_ROWS = 10_000  # the API's limit of one answer
Parsers = Any  # argparse exports no name for its list of sub-commands

BOARD_TOOLS = {
    "board": "list the boards, their parts and what is wrong with them",
    "build": "build what is flashed onto a board",
    "flash": "put a build onto a board, or compare the board with it",
    "push": "push a node's changed files to a running board",
    "console": "open the console of a node",
    "sniff": "decode what passes between a node and its bridge",
}

EPILOG = """
for boards, of a checkout of the project (gridnexus COMMAND --help says more):
{tools}

completion of commands, nodes, contactors, boards and ports, in bash or zsh:
  eval "$(register-python-argcomplete gridnexus)"

exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 the bridge is not running
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Wrong usage raises SystemExit(2), as argparse does."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # set by the shell's completion, never by a person
        import argcomplete

        argcomplete.autocomplete(parser)
    args, rest = parser.parse_known_args(argv)
    if rest and not hasattr(args, "rest"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        return _told(error, USAGE)
    except BridgeDown as error:
        return _told(error, NOT_RUNNING)
    except BrokenPipeError:  # the reader of our output has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (BridgeError, OSError) as error:
        return _told(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options, each with an example."""
    parser = argparse.ArgumentParser(
        prog="gridnexus",
        description="Keeps what energy nodes measure, shows it, and switches loads.",
        epilog=EPILOG.format(tools="\n".join(f"    {name:<13}{text}" for name, text in BOARD_TOOLS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gridnexus {__version__}")
    parser.add_argument("--config", type=Path, default=None, metavar="FILE", help=_CONFIG_HELP)
    parsers = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add_run(parsers)
    for add in (_add_nodes, _add_readings, _add_watch, _add_events, _add_relay, _add_plan, _add_measure, _add_link):
        add(parsers)
    for add in (_add_calibrate, _add_export, _add_provision, _add_doctor):
        add(parsers)
    world_options.add(parsers, _command, _above_zero, commands.node_names)
    energy_options.add(parsers, _command)
    for name in BOARD_TOOLS:
        _add_board_tool(parsers, name)
    return parser


def _add_board_tool(parsers: Parsers, name: str) -> None:
    """Without help here: the tool has its own, and the epilog a group for all of them."""
    tool = parsers.add_parser(name, add_help=False)
    tool.set_defaults(run=commands.board_tool, tool=name, rest=())
    if "_ARGCOMPLETE" in os.environ:  # else every argument goes to the tool as it is
        _completed(
            tool.add_argument("board", nargs="?"), commands.board_names if name != "sniff" else commands.port_names
        )
        _completed(tool.add_argument("--port"), commands.port_names)


_CONFIG_HELP = "configuration (default: $GRIDNEXUS_CONFIG, ./gridnexus.toml, /etc/gridnexus/config.toml, none)"


def _command(
    parsers: Parsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    example: str,
    remote: bool = True,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parsers.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=_CONFIG_HELP)
    if remote:
        parser.add_argument("--bridge", metavar="URL", help="a bridge elsewhere, e.g. http://raspberrypi.local:8080")
        parser.add_argument("--token-file", type=Path, metavar="FILE", help="its access token (or $GRIDNEXUS_TOKEN)")
    return parser


def _add_run(parsers: Parsers) -> None:
    run = _command(parsers, "run", commands.run, "start the bridge", "gridnexus run --link /dev/ttyACM0", remote=False)
    run.add_argument("--link", action="append", default=[], metavar="URL",
                     help="a port instead of the configured ones, repeatable: device path, socket://host:port, "
                     "rfc2217://host:port")  # fmt: skip
    run.add_argument("--host", help="address that the page and the API listen on (default: 127.0.0.1)")
    run.add_argument("--port", type=_port, help="their port (default: 8080)")


def _add_nodes(parsers: Parsers) -> None:
    nodes = _command(parsers, "nodes", commands.nodes, "list the nodes and how they stand", "gridnexus nodes --json")
    nodes.add_argument("--json", action="store_true", help="for programs")


def _add_readings(parsers: Parsers) -> None:
    readings = _command(
        parsers, "readings", commands.readings, "list readings of a node",
        "gridnexus readings home-1 --since 2h --resolution minute",
    )  # fmt: skip
    _completed(readings.add_argument("node", metavar="NODE"), commands.node_names)
    readings.add_argument("channel", nargs="?", metavar="CHANNEL", help="default: every channel of the node")
    _span_arguments(readings, since="1h")
    readings.add_argument("--limit", type=_count, default=1000, help="rows of each channel at most (default: 1000)")
    readings.add_argument("--json", action="store_true", help="for programs")


def _add_watch(parsers: Parsers) -> None:
    watch = _command(parsers, "watch", commands.watch, "show the nodes live until Ctrl-C", "gridnexus watch --every 2s")
    watch.add_argument("--every", type=_above_zero, default=1, metavar="SPAN", help="time between looks (default: 1s)")
    watch.add_argument("--for", type=_above_zero, dest="lasting", metavar="SPAN", help="stop by itself after this long")
    watch.add_argument("--json", action="store_true", help="one JSON object a line instead of a screen")


def _add_relay(parsers: Parsers) -> None:
    relay = _command(
        parsers, "relay", commands.relay, "switch a contactor, and wait for the outcome",
        'gridnexus relay home-1 heater closed --hold 10m --reason "surplus"\n\n'
        "A lock-out outlasts a power cut at the node, local control does not: it starts with everything open, and\n"
        "what is not locked out may be switched on again.",
    )  # fmt: skip
    _completed(relay.add_argument("node", metavar="NODE"), commands.node_names)
    _completed(relay.add_argument("contactor", metavar="CONTACTOR"), commands.contactor_names)
    relay.add_argument("target", choices=schema.TARGETS, help="reset ends a lock-out, and leaves it open")
    relay.add_argument("--hold", type=_duration, default=600, metavar="SPAN",
                       help="of closed: the node opens by itself after this (default: 10m)")  # fmt: skip
    relay.add_argument("--reason", default="", metavar="TEXT", help="kept with the command")
    relay.add_argument("--json", action="store_true", help="for programs")


def _add_plan(parsers: Parsers) -> None:
    plan = _command(
        parsers, "plan", commands.plan, "show or store what a node does by itself while no host holds its contactors",
        "gridnexus plan home-1 --file tomorrow.toml\n  gridnexus plan home-1 --show\n\n" + _PLAN_FILE,
    )  # fmt: skip
    _completed(plan.add_argument("node", metavar="NODE"), commands.node_names)
    what = plan.add_mutually_exclusive_group()
    what.add_argument("--file", type=Path, metavar="FILE", help="store this plan (TOML, see below)")
    what.add_argument("--show", action="store_true", help="show the one that the node keeps (default)")
    what.add_argument("--clear", action="store_true", help="from now on the node goes safe instead")
    plan.add_argument("--reason", default="", metavar="TEXT", help="kept with the command")
    plan.add_argument("--json", action="store_true", help="for programs")


_PLAN_FILE = """a plan, each line but valid_*, [[row]] and contactor may be left out:
  valid_from = 2026-11-23T00:00:00
  valid_until = 2026-11-24T00:00:00
  prices = [[2026-11-23T00:00:00, 0.284], [2026-11-23T13:00:00, 0.119]]
  [[row]]                         # the first row that applies decides
  contactor = "heater"
  start = 2026-11-23T12:00:00
  duration = "4h"
  target = "closed"
  when = "export >= 1500 W"       # or price (no unit), frequency (Hz), voltage (V); <= or >=
  until = "export >= -300 W"      # the same while it is closed
"""


def _add_measure(parsers: Parsers) -> None:
    measure = _command(
        parsers, "measure", commands.measure, "work out the harmonics of a channel, or show the mean of a span",
        'gridnexus measure home-1 grid\n  gridnexus measure home-1 grid --span "10 min" --json',
    )  # fmt: skip
    _completed(measure.add_argument("node", metavar="NODE"), commands.node_names)
    _completed(measure.add_argument("channel", metavar="CHANNEL"), commands.channel_names)
    measure.add_argument("--span", choices=("harmonics", *schema.SPANS), default="harmonics",
                         help="(default: harmonics)")  # fmt: skip
    measure.add_argument("--json", action="store_true", help="for programs")


def _add_link(parsers: Parsers) -> None:
    link = _command(
        parsers, "link", commands.link, "show how the nodes are reached: signal, loss, clocks, hops, airtime",
        "gridnexus link\n  gridnexus link --node home-4 --json",
    )  # fmt: skip
    _completed(link.add_argument("--node", metavar="NODE", help="default: all"), commands.node_names)
    link.add_argument("--json", action="store_true", help="for programs")


def _add_calibrate(parsers: Parsers) -> None:
    calibrate = _command(
        parsers, "calibrate", commands.calibrate, "calibrate a channel against a reference meter, step by step",
        "gridnexus calibrate home-1 grid\n  "
        "gridnexus calibrate home-1 grid --voltage 230.4 --current 4.35 --power 1002.3 --resistive --yes\n  "
        "gridnexus calibrate home-1 grid --reference home-2:grid\n  gridnexus calibrate home-1 --undo\n\n"
        "A meter that counts energy itself (S0 pulses, a smart meter's P1 or SML output) cannot be calibrated.",
    )  # fmt: skip
    _completed(calibrate.add_argument("node", metavar="NODE"), commands.node_names)
    calibrate.add_argument("channel", nargs="?", metavar="CHANNEL", help="needed where the node has several")
    for name, unit in (("voltage", "V"), ("current", "A"), ("power", "W")):
        calibrate.add_argument(f"--{name}", type=_thousandths, metavar=unit, help=f"the reference's {name}, in {unit}")
    calibrate.add_argument("--reference", metavar="NODE:CHANNEL", help="a calibrated channel on the same load")
    calibrate.add_argument("--resistive", action="store_true", help="the load is a heater: its current is in phase")
    calibrate.add_argument("--reversed", action="store_true", help="a transformer the wrong way round may be corrected")
    calibrate.add_argument("--readings", type=_count, default=10, help="to take the means of (default: 10)")
    calibrate.add_argument("--wait", type=_above_zero, default=120, metavar="SPAN",
                           help="for a steady load, at most (default: 2m)")  # fmt: skip
    calibrate.add_argument("--yes", action="store_true", help="for scripts: ask nothing")
    calibrate.add_argument("--history", type=Path, metavar="FILE", help="of all versions (default: in state_dir)")
    calibrate.add_argument("--export", metavar="FILE", help="write what the node keeps, and its history (- : here)")
    instead = calibrate.add_mutually_exclusive_group()
    instead.add_argument("--no-load", action="store_true", help="instead: take the noise floor with all switched off")
    instead.add_argument("--steps", type=_steps, metavar="N", help="instead: set the ADC's steps, in 1/16 count")
    instead.add_argument("--restore", type=Path, metavar="FILE", help="instead: put back what --export wrote")
    instead.add_argument("--undo", action="store_true", help="instead: go back to the calibration before")
    instead.add_argument("--show", action="store_true", help="instead: show what the node keeps")


def _add_events(parsers: Parsers) -> None:
    events = _command(
        parsers, "events", commands.events, "list what happened, the newest last",
        "gridnexus events home-1 --since 7d --level warning\n  gridnexus events --follow",
    )  # fmt: skip
    _completed(events.add_argument("node", nargs="?", default="", metavar="NODE", help="default: all, and the bridge"),
               commands.node_names)  # fmt: skip
    events.add_argument("--since", type=_moment, default="24h", metavar="TIME", help="as for readings (default: 24h)")
    events.add_argument("--level", choices=LEVELS, default="info", help="at least (default: info)")
    events.add_argument("--limit", type=_count, default=200, help="the newest so many at most (default: 200)")
    events.add_argument("--follow", action="store_true", help="go on with what happens, until Ctrl-C")
    events.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_export(parsers: Parsers) -> None:
    export = _command(
        parsers, "export", commands.export, "write readings to a file",
        "gridnexus export --since 2026-01-01 --until 2026-02-01 --format csv -o january.csv",
    )  # fmt: skip
    _completed(export.add_argument("nodes", nargs="*", metavar="NODE", help="default: all"), commands.node_names)
    _span_arguments(export, since="24h")
    export.add_argument("--format", choices=("csv", "json", "jsonl"), default="csv", help="(default: csv)")
    export.add_argument("-o", "--output", metavar="FILE", help="replaced only when all is written (default: stdout)")


def _add_provision(parsers: Parsers) -> None:
    provision = _command(
        parsers, "provision", commands.provision, "give a node its key, without which it is not heard",
        "gridnexus provision home-1 --port /dev/ttyACM0\n  gridnexus provision home-1 --folder ~/node\n  "
        "gridnexus provision --rotate home-1\n  gridnexus provision --list\n\n"
        "The key goes to the node and into the folder of keys here, both or neither: if it is cut short, run it again.",
    )  # fmt: skip
    _completed(provision.add_argument("name", nargs="?", metavar="NAME", help="of the node"), commands.node_names)
    what = provision.add_mutually_exclusive_group(required=True)
    _completed(
        what.add_argument("--port", metavar="PORT", help="the board's console; its contactors open meanwhile"),
        commands.port_names,
    )
    what.add_argument("--folder", type=Path, metavar="DIR", help="a node on this machine: the folder of its unit.json")
    rotate = what.add_argument("--rotate", metavar="NAME", help="a new key over the link, by the running bridge")
    _completed(rotate, commands.node_names)
    what.add_argument("--forget", metavar="NAME", help="remove its key here: the node is not heard any more")
    what.add_argument("--list", action="store_true", help="nodes with a key, its slot and its fingerprint")
    provision.add_argument("--rename", action="store_true", help="if the node bears another name, change it")
    provision.add_argument("--new-key", action="store_true", help="a new key even if it has one")
    provision.add_argument("--reason", default="", metavar="TEXT", help="kept with a rotation")
    provision.add_argument("--keys", type=Path, metavar="FOLDER", help="of keys (default: keys in state_dir)")
    provision.add_argument("--json", action="store_true", help="for programs")


def _add_doctor(parsers: Parsers) -> None:
    doctor = _command(
        parsers, "doctor", commands.doctor, "say what is wrong with the set-up, and what to do",
        "gridnexus doctor", remote=False,
    )  # fmt: skip
    doctor.add_argument("--json", action="store_true", help="for programs")


def _span_arguments(parser: argparse.ArgumentParser, since: str) -> None:
    parser.add_argument("--since", type=_moment, default=since, metavar="TIME",
                        help=f"1h (ago), today, or ISO 8601 (default: {since})")  # fmt: skip
    parser.add_argument("--until", type=_moment, default="now", metavar="TIME", help="(default: now)")
    parser.add_argument("--resolution", choices=RESOLUTIONS, default="raw", help="(default: raw)")


def _completed(argument: Any, names: Callable[..., list[str]]) -> None:
    argument.completer = names  # where argcomplete looks


def _told(error: Exception, code: int) -> int:
    print(f"gridnexus: {error}", file=sys.stderr)
    return code


def _duration(text: str) -> int:
    try:
        return duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _above_zero(text: str) -> int:
    return _duration(text) or _refuse(f"{text!r} must be above 0")


def _moment(text: str) -> str:
    """`text` itself: what it means depends on the configured time zone, whether it means anything does not."""
    try:
        moment_ms(text, datetime.now())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _port(text: str) -> int:
    return _whole_number(text, 65_535)


def _count(text: str) -> int:
    return _whole_number(text, MOST_ROWS)


def _steps(text: str) -> int:
    return 0 if text == "0" else _whole_number(text, 255)


def _thousandths(text: str) -> float:
    """A number of V, A or W as mV, mA or mW."""
    from host_bridge.calibrate.talk import thousandths

    try:
        return thousandths(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _whole_number(text: str, largest: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return number if 0 < number <= largest else _refuse(f"{text!r}: write a number from 1 to {largest}")


def _refuse(text: str) -> int:
    raise argparse.ArgumentTypeError(text)


if __name__ == "__main__":
    sys.exit(main())
