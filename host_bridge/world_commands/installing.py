"""`gridnexus world install|swap|remove|list|show`: what runs on the bridge and on its nodes."""

import json
import sys
from argparse import Namespace
from typing import Any

from rich.console import Console
from rich.text import Text

from host_bridge import config
from host_bridge.client import Bridge, connect
from host_bridge.microworld.bundle import BundleError
from host_bridge.terminal import printable
from host_bridge.world_commands import chosen, on_node, tables

DONE, FAILED = 0, 1
Answer = dict[str, Any]


def install(args: Namespace) -> int:
    """Have the bridge, or with --on a node, run a world."""
    try:
        content, its = chosen.world(args.file)
    except BundleError as error:
        return _failed("install", str(error))
    bound = chosen.binding(args.bind, its)
    with _bridge(args) as bridge:
        if args.on:
            return on_node.install(args, bridge, its, bound)
        if args.guard or args.until:
            raise config.ConfigError("--guard and --until are for a world on a node: give --on NODE")
        body = bridge.install_world(args.name or its.program().name, content, bound)
    _tell(args, body, f"{body['name']} runs on the bridge: sha256:{body['digest'][:12]}")
    return DONE


def swap(args: Namespace) -> int:
    """Let a newcomer run beside, and take over from, an installed world."""
    try:
        content, its = chosen.world(args.file)
    except BundleError as error:
        return _failed("swap", str(error))
    how: Answer = {"mapping": chosen.mapping(args.map)}
    if args.bind:
        how["binding"] = chosen.binding(args.bind, its)
    with _bridge(args) as bridge:
        tick_s = bridge.world(args.name)["tick_s"]
        spans = {"shadow_ticks": args.shadow, "probation_ticks": args.probation}
        how |= {name: max(1, -(-span // tick_s)) for name, span in spans.items()}
        body = bridge.swap_world(args.name, content, **how)
    told = f"sha256:{its.digest[:12]} runs beside {args.name} for {how['shadow_ticks']} ticks, then takes over"
    _tell(args, body, f"{told}; see: gridnexus world show {args.name}, gridnexus events --follow")
    return DONE


def remove(args: Namespace) -> int:
    """Stop a world; with --on what a node runs; with --swap only the newcomer."""
    with _bridge(args) as bridge:
        if args.on:
            return on_node.remove(args, bridge)
        if not args.name:
            raise config.ConfigError("write which: gridnexus world remove NAME, or --on NODE for what a node runs")
        if args.swap:
            body, said = bridge.cancel_swap(args.name), f"the newcomer beside {args.name} is sent away"
        else:
            body, said = bridge.remove_world(args.name), f"{args.name} is removed; what it held is given back"
    _tell(args, body, said)
    return DONE


def list_(args: Namespace) -> int:
    """What runs where."""
    with _bridge(args) as bridge:
        worlds, nodes = bridge.worlds(), on_node.running(bridge)
    if args.json:
        print(json.dumps({"bridge": worlds, "nodes": nodes}, indent=2))
    elif worlds or nodes:
        Console().print(tables.installed(worlds, nodes))
    else:
        print("no world runs: gridnexus world build SPEC makes one, gridnexus world install has it run")
    return DONE


def show(args: Namespace) -> int:
    """One world on the bridge: what it is, its last ticks, its assurance case in words."""
    with _bridge(args) as bridge:
        body, case = bridge.world(args.name), bridge.world(args.name, "case")
        ticks = bridge.world(args.name, "ticks", limit=args.ticks)["rows"]
    if args.json:
        print(json.dumps({**body, "case": case, "last_ticks": ticks}, indent=2))
        return DONE
    zone = config.load(config.find(args.config)).zone
    console = Console()
    console.print(*tables.shown(body, zone), sep="\n")
    console.print(tables.last_ticks(ticks, body, zone), *tables.case_words(case), sep="\n")
    return DONE


def _bridge(args: Namespace) -> Bridge:
    return connect(config.load(config.find(args.config)), args.bridge, args.token_file)


def _tell(args: Namespace, body: Answer, said: str) -> None:
    if args.json:
        print(json.dumps(body, indent=2))
    else:
        Console().print(Text(printable(said)), soft_wrap=True)


def _failed(what: str, text: str) -> int:
    print(f"gridnexus world {what}: {text}", file=sys.stderr)
    return FAILED
