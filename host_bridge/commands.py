"""What each command of the command line does: one function a command, from its arguments to its exit code.

They print to standard output, and raise BridgeError, ConfigError or OSError for `cli` to tell.
Libraries that not every command needs are imported where they are used: `gridnexus --help` should not wait for them.
"""

import json
import os
import sys
import time
from argparse import Namespace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host_bridge import config
from host_bridge.times import moment_ms

if TYPE_CHECKING:
    from rich.console import Console

    from host_bridge.client import Bridge
    from host_bridge.keys import KeyRing

DONE, FAILED = 0, 1
CHECKOUT = Path(__file__).resolve().parent.parent  # if there is one
COMPLETION_TIMEOUT_S = 0.7  # somebody waits with a finger on the tab key


def run(args: Namespace) -> int:
    """Run the bridge until it is stopped; what it returns is the exit code."""
    settings = _settings(args)
    settings.web.host = args.host or settings.web.host
    settings.web.port = args.port or settings.web.port
    from host_bridge.app import main as run_bridge

    code: int = run_bridge(settings, args.link)
    return code


def nodes(args: Namespace) -> int:
    """List the nodes."""
    with _bridge(args) as bridge:
        nodes = bridge.nodes()
    if args.json:
        print(json.dumps(nodes, indent=2))
    elif nodes:
        from host_bridge.terminal import nodes_table

        console = _console()
        console.print(nodes_table(nodes, time.time_ns() // 1_000_000, console.width))
    else:
        print("no node yet: connect one and name its port with [[link]] in the configuration, then: gridnexus doctor")
    return DONE


def readings(args: Namespace) -> int:
    """List readings of one node."""
    from host_bridge.terminal import printable, readings_table

    start_ms, end_ms, zone = _span(args)
    with _bridge(args) as bridge:
        names = [args.channel] if args.channel else [each["channel"] for each in bridge.node(args.node)["channels"]]
        found = {
            name: bridge.readings(args.node, name, start_ms, end_ms, args.resolution, args.limit) for name in names
        }
    if args.json:
        print(json.dumps([{"channel": name, **row} for name, rows in found.items() for row in rows], indent=2))
        return DONE
    console = _console()
    for name, rows in found.items():
        table = (
            readings_table(rows, zone, console.width)
            if rows
            else f"no {args.resolution} readings; try a longer --since"
        )
        console.print(printable(f"{args.node} {name}"), table, sep="\n", markup=False, highlight=False)
        if len(rows) == args.limit:
            print(f"the first {args.limit} rows; more with --limit, all with: gridnexus export", file=sys.stderr)
    return DONE


def watch(args: Namespace) -> int:
    """Show the nodes until Ctrl-C: a screen on a terminal, lines elsewhere."""
    from host_bridge.watch import watch_lines, watch_screen

    zone = _settings(args).zone
    with _bridge(args) as bridge:
        console = _console()
        if console.is_terminal and not args.json:
            watch_screen(bridge, console, zone, args.every, args.lasting)
        else:
            watch_lines(bridge, zone, args.every, args.lasting, args.json)
    return DONE


def relay(args: Namespace) -> int:
    """Switch a contactor and tell what became of it."""
    with _bridge(args) as bridge:
        command = bridge.command(args.node, args.contactor, args.target, args.hold, args.reason)
    if args.json:
        print(json.dumps(command, indent=2))
    else:
        from host_bridge.terminal import outcome

        print(outcome(command))
    return DONE if command["verdict"] == "applied" else FAILED


def calibrate(args: Namespace) -> int:
    """Calibrate one channel of a node, or take that back, or show it."""
    from host_bridge.calibrate import command

    asks = command.changes(args) and not args.yes
    if asks and not sys.stdin.isatty():
        raise config.ConfigError("gridnexus calibrate asks questions: run it in a terminal, or with --yes")
    history = args.history or _settings(args).bridge.state_dir / command.HISTORY_FILE
    with _bridge(args) as bridge:
        done = command.run(args, bridge, history, _console(stderr=args.export == "-"), input if asks else None)
    return DONE if done else FAILED


def events(args: Namespace) -> int:
    """List what happened; with --follow go on until Ctrl-C."""
    from host_bridge.watch import EVENTS_FOLLOWED, follow_events, recorded_events

    zone = _settings(args).zone
    start_ms = moment_ms(args.since, datetime.now(zone))
    with _bridge(args) as bridge:
        seen = recorded_events(bridge, args.node, args.level, limit=EVENTS_FOLLOWED) if args.follow else []
        found = recorded_events(bridge, args.node, args.level, start_ms)
        if args.node and not found:
            bridge.node(args.node)  # says which nodes there are
        _print_events(found[-args.limit :], zone, args.json)
        if args.follow:
            for new in follow_events(bridge, args.node, args.level, seen + found):
                _print_events(new, zone, args.json)
        elif not found and not args.json:
            print("nothing has happened; try a longer --since")
    return DONE


def _print_events(found: list[dict[str, Any]], zone: tzinfo | None, as_json: bool) -> None:
    from host_bridge.terminal import event_line

    console = _console()
    for event in found:
        if as_json:
            print(json.dumps(event))
        else:
            console.print(event_line(event, zone, "%Y-%m-%d %H:%M:%S"), soft_wrap=True)
    sys.stdout.flush()


def link(args: Namespace) -> int:
    """Show how the nodes are reached, and how well."""
    from host_bridge.link_tables import tables

    with _bridge(args) as bridge:
        found = bridge.links(args.node or "")
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        _console().print(*tables(found), sep="\n")
    return DONE


def plan(args: Namespace) -> int:
    """Show what a node does when no host holds its contactors, or have it do something else."""
    from host_bridge import plan as plans
    from host_bridge.terminal import kept, printable

    zone = _settings(args).zone
    try:
        with _bridge(args) as bridge:
            contactors = [body["name"] for body in bridge.node(args.node)["contactors"]]
            if args.clear or args.file:
                text = "" if args.clear else args.file.read_text(encoding="utf-8")
                body = plans.empty() if args.clear else plans.read(text, contactors, zone)
                said = bridge.store_document(args.node, "plan", body, args.reason)
                print(json.dumps(said, indent=2) if args.json else kept(said))
                return DONE if said["verdict"] == "applied" else FAILED
            found = bridge.document(args.node, "plan")
        lines = plans.describe(bytes.fromhex(found["body"]) or plans.empty(), contactors, zone)
    except (plans.PlanError, UnicodeDecodeError) as error:
        raise config.ConfigError(f"{args.file or args.node}: {error}") from None
    lines.append(f"version {found['version']}" if found["version"] else "nothing was ever stored")
    print(json.dumps({**found, "text": lines}, indent=2) if args.json else "\n".join(map(printable, lines)))
    return DONE


def measure(args: Namespace) -> int:
    """Have a channel's harmonics worked out, or show the aggregate of a span."""
    from host_bridge import measurements

    with _bridge(args) as bridge:
        found = bridge.measure(args.node, args.channel, args.span)
    if args.json:
        print(json.dumps(found, indent=2))
        return DONE
    show = measurements.harmonics if args.span == "harmonics" else measurements.aggregate
    _console().print(*show(found, _settings(args).zone), sep="\n")
    return DONE


def export(args: Namespace) -> int:
    """Write readings to a file or to standard output."""
    from rich.progress import Progress

    from host_bridge import export as exporting

    start_ms, end_ms, _ = _span(args)
    path = None if args.output in (None, "-") else Path(args.output)
    bar = Progress(console=_console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with _bridge(args) as bridge, bar:
        task = bar.add_task("exporting", total=1.0)
        span = exporting.Span(exporting.channels(bridge, args.nodes), start_ms, end_ms, args.resolution)
        rows = exporting.rows(bridge, span, lambda part: bar.update(task, completed=part))
        with exporting.whole_file(path) as out:
            count = exporting.write(args.format, rows, out)
    print(f"{count} rows written to {path or 'standard output'}", file=sys.stderr)
    return DONE


def doctor(args: Namespace) -> int:
    """Examine the set-up; fails when there is a problem."""
    from host_bridge.doctor import examine, show

    findings = examine(config.find(args.config))
    if args.json:
        print(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        show(findings, _console())
    return FAILED if any(finding.level == "problem" for finding in findings) else DONE


def provision(args: Namespace) -> int:
    """Give a node its key, or a new one, or take it away, or list who has one."""
    from host_bridge import provision as provisioning
    from host_bridge.keys import KeyRing, KeysError

    if bool(args.name) != bool(args.port or args.folder):
        raise config.ConfigError(
            "write gridnexus provision NAME with --port PORT or --folder DIR; or --rotate NAME, --forget NAME, --list"
        )
    folder = args.keys or _settings(args).key_folder
    try:
        if args.rotate:
            return _rotate(args)
        if args.port:
            more = [f"--{name}" for name in ("rename", "new-key", "json") if getattr(args, name.replace("-", "_"))]
            return _tool("provision", [args.name, "--port", args.port, "--keys", str(folder.absolute()), *more])
        ring = KeyRing(folder)
        if args.folder:
            node = provisioning.FolderStorage(args.folder)
            done = provisioning.provision(ring, args.name, node, rename=args.rename, renew=args.new_key)
            print(json.dumps(done._asdict()) if args.json else provisioning.told(done, "restart the node to use it"))
        elif args.forget:
            ring.forget(args.forget)
            said = {"name": args.forget, "forgotten": True}
            text = f"{args.forget} has no key here any more: restart the bridge, or it is heard until its session ends"
            print(json.dumps(said) if args.json else text)
        else:
            return _list_keys(ring, args.json)
    except (provisioning.ProvisionError, KeysError) as error:
        print(f"gridnexus provision: {error}", file=sys.stderr)
        return FAILED
    return DONE


def _rotate(args: Namespace) -> int:
    with _bridge(args) as bridge:
        command = bridge.rotate_key(args.rotate, args.reason)
    done = command["verdict"] == "applied"
    if args.json:
        print(json.dumps(command, indent=2))
    elif done:
        print(f"{args.rotate} has a new key ({command['detail']}); the old one goes once it has spoken under the new")
    else:
        from host_bridge.terminal import outcome

        print(outcome(command))
        if command["verdict"] == "unknown":
            print("both keys are good here: run this again, it goes on with the same one")
    return DONE if done else FAILED


def _list_keys(ring: "KeyRing", as_json: bool) -> int:
    """Who has a key, never the key; fails when a file cannot be used."""
    from host_bridge.keys import fingerprint

    rows = [
        {"name": node.name, "keys": [{"slot": slot, "fingerprint": fingerprint(key)} for slot, key in node.keys]}
        for node in ring.all()
    ]
    if as_json:
        print(json.dumps({"nodes": rows, "faults": list(ring.faults.values())}, indent=2))
    else:
        for node in ring.all():
            keys = ", ".join(f"slot {slot} {fingerprint(key)}" for slot, key in node.keys)
            print(f"{node.name:<32}  {keys}{'  (being rotated)' if len(node.keys) > 1 else ''}")
        for fault in ring.faults.values():
            print(f"gridnexus provision: {fault}", file=sys.stderr)
        if not rows and not ring.faults:
            print(f"no node has a key in {ring.folder}: gridnexus provision NAME --port PORT makes one")
    return FAILED if ring.faults else DONE


def board_tool(args: Namespace) -> int:
    """Run a tool of the checkout that this package lies in, as a program of its own; its exit code."""
    return _tool(args.tool, args.rest)


def _tool(tool: str, arguments: list[str]) -> int:
    module = "boards" if tool == "board" else tool
    if not (CHECKOUT / "tools" / f"{module}.py").is_file():
        print(
            f"gridnexus {tool}: boards are built, flashed and written from a checkout of the project, and this is an "
            "installed package: clone the project, then python3 tools/dev.py setup",
            file=sys.stderr,
        )
        return FAILED
    return _become(f"tools.{module}", arguments)


def _become(module: str, arguments: list[str]) -> int:
    """Replace this process, so that Ctrl-C and the exit code are the program's own. Never returns."""
    path = os.pathsep.join(map(str, (CHECKOUT, CHECKOUT / "firmware_mpy")))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], {**os.environ, "PYTHONPATH": path})  # noqa: S606


def board_names(**_: object) -> list[str]:
    """For completion: the boards of the checkout."""
    return sorted(board.parent.name for board in (CHECKOUT / "boards").glob("*/board.py"))


def port_names(**_: object) -> list[str]:
    """For completion: the serial ports of this machine."""
    from host_bridge.ports import plugged_in

    return [str(port) for port in plugged_in()]


def node_names(parsed_args: Namespace, **_: object) -> list[str]:
    """For completion: the nodes of the running bridge, none when it does not answer at once."""
    return [str(node["name"]) for node in _for_completion(parsed_args)]


def channel_names(parsed_args: Namespace, **_: object) -> list[str]:
    """For completion: the channels of the node already written."""
    nodes = [node for node in _for_completion(parsed_args) if node["name"] == parsed_args.node]
    return [str(body["channel"]) for node in nodes for body in node["channels"]]


def contactor_names(parsed_args: Namespace, **_: object) -> list[str]:
    """For completion: the contactors of the node already written."""
    nodes = [node for node in _for_completion(parsed_args) if node["name"] == parsed_args.node]
    return [str(body["name"]) for node in nodes for body in node["contactors"]]


def _settings(args: Namespace) -> config.Config:
    return config.load(config.find(args.config))


def _bridge(args: Namespace, timeout_s: float = 10) -> "Bridge":
    from host_bridge.client import connect

    return connect(_settings(args), args.bridge, args.token_file, timeout_s)


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr)


def _span(args: Namespace) -> tuple[int, int, tzinfo | None]:
    zone = _settings(args).zone
    now = datetime.now(zone)
    start_ms, end_ms = moment_ms(args.since, now), moment_ms(args.until, now)
    if start_ms >= end_ms:
        raise config.ConfigError(f"--since {args.since} is not before --until {args.until}")
    return start_ms, end_ms, zone


def _for_completion(args: Namespace) -> list[dict[str, Any]]:
    from host_bridge.client import BridgeError

    try:
        with _bridge(args, COMPLETION_TIMEOUT_S) as bridge:
            return bridge.nodes()
    except (BridgeError, config.ConfigError, OSError):
        return []  # completion has no place to complain
