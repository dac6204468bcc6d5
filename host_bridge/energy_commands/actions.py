"""What each `gridnexus energy ACTION` does: from its arguments to its exit code."""

import json
import sys
from argparse import Namespace
from typing import Any

from host_bridge import commands
from host_bridge.client import Bridge, BridgeError, connect
from host_bridge.config import ConfigError, find, load

DONE, FAILED = 0, 1
Answer = dict[str, Any]


def status(args: Namespace) -> int:
    """The community and every home."""
    with _bridge(args) as bridge:
        found = bridge.energy()
    if args.json:
        return _print(found)
    from host_bridge.energy_commands import tables

    console = _console()
    console.print(*tables.community(found, load(find(args.config)).zone), tables.homes(found), sep="\n")
    return DONE


def plan(args: Namespace) -> int:
    """A home's plan ahead."""
    with _bridge(args) as bridge:
        found = bridge.energy(args.home, "plan")
    if args.json:
        return _print(found)
    from host_bridge.energy_commands import tables

    _console().print(*tables.plan(found, load(find(args.config)).zone), sep="\n")
    return DONE


def why(args: Namespace) -> int:
    """What was decided for a home, and why."""
    with _bridge(args) as bridge:
        found = bridge.energy(args.home, "decisions", limit=args.limit)
        home = bridge.energy(args.home)
    if args.json:
        return _print({"standing": home["standing"], "decisions": found})
    from host_bridge.energy_commands import tables

    _console().print(*tables.decisions(home, found, load(find(args.config)).zone), sep="\n")
    return DONE


def account(args: Namespace) -> int:
    """A home's day in plain language."""
    with _bridge(args) as bridge:
        found = bridge.energy(args.home, "account", day=args.day, length="long" if args.long else "short")
    if args.json:
        return _print(found)
    from host_bridge.terminal import printable

    print(printable(found["text"]))
    return DONE


def ladder(args: Namespace) -> int:
    """What is done when something is wrong."""
    with _bridge(args) as bridge:
        found = bridge.energy()["ladder"]
    if args.json:
        return _print(found)
    from host_bridge.energy_commands import tables

    _console().print(tables.ladder(found))
    return DONE


def prefer(args: Namespace) -> int:
    """Set, list or forget what people want of a home."""
    with _bridge(args) as bridge:
        if args.forget is not None:
            return _print(bridge.forget_preference(args.home, args.forget))
        if args.list or not args.sentence:
            found = bridge.energy(args.home, "preferences")
            return _print(found) if args.json else _list(found)
        proposal = bridge.prefer(args.home, {"sentence": args.sentence})
        if proposal["document"] is None:
            print(json.dumps(proposal, indent=2) if args.json else f"not set: {proposal['words']}")
            return FAILED
        if not args.yes and not _agreed(proposal):
            print("nothing was set")
            return FAILED
        held = bridge.prefer(args.home, {"document": proposal["document"], "sentence": args.sentence})
    return _print(held) if args.json else _told(f"it holds from now on (number {held['number']}): {held['words']}")


def _agreed(proposal: Answer) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("gridnexus energy prefer asks before it sets anything: run it in a terminal, or with --yes")
    for other in proposal["alternatives"]:
        print(f"  (it may also mean: {other['words']})")
    return input(f"{proposal['words']}  Set this? [y/N] ").strip().lower() in ("y", "yes")


def home_names(parsed_args: Namespace, **_: object) -> list[str]:
    """For completion: the homes of the running bridge, none when it does not answer at once."""
    try:
        with _bridge(parsed_args, commands.COMPLETION_TIMEOUT_S) as bridge:
            return [str(home["name"]) for home in bridge.energy()["homes"]]
    except (BridgeError, ConfigError, OSError):
        return []  # completion has no place to complain


def _list(found: list[Answer]) -> int:
    for each in found:
        print(f"{each['number']:>4}  {each['words']}")
    if not found:
        print('nothing is preferred yet: gridnexus energy prefer HOME "car full by seven"')
    return DONE


def _bridge(args: Namespace, timeout_s: float = 20) -> Bridge:
    return connect(load(find(args.config)), args.bridge, args.token_file, timeout_s)


def _console() -> Any:
    from rich.console import Console

    return Console()


def _print(found: Any) -> int:
    print(json.dumps(found, indent=2))
    return DONE


def _told(text: str) -> int:
    print(text)
    return DONE
