"""The options of `gridnexus energy ACTION`; what each does is in `actions`."""

import argparse
from collections.abc import Callable
from typing import Any

from host_bridge.energy_commands import actions

Add = Callable[..., argparse.ArgumentParser]  # cli's own: (parsers, name, run, text, example, remote)
EXAMPLES = """examples:
  gridnexus energy status
  gridnexus energy plan home-1
  gridnexus energy why home-1
  gridnexus energy prefer home-1 "car full by seven"
"""


def add(parsers: Any, command: Add) -> None:
    """`command` makes a parser as all others are made."""
    energy = parsers.add_parser(
        "energy", help="show what the energy agent does and why, and say what you prefer", epilog=EXAMPLES,
        description="The energy agent: forecasts, plans, trade among homes, accounts, preferences.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    names = energy.add_subparsers(required=True, metavar="ACTION", title="actions")
    command(names, "status", actions.status, "show the community and every home now", "gridnexus energy status")
    _home(command(names, "plan", actions.plan, "show a home's plan ahead", "gridnexus energy plan home-1"))
    why = command(names, "why", actions.why, "show what was decided for a home, and why", "gridnexus energy why home-1")
    _home(why)
    why.add_argument("--limit", type=int, default=12, metavar="N", help="decisions at most (default: 12)")
    account = command(names, "account", actions.account, "tell a home's day in plain language",
                      "gridnexus energy account home-1 --day 2026-07-01 --long")  # fmt: skip
    _home(account)
    account.add_argument("--day", default="", metavar="DAY", help="local, as 2026-07-01 (default: today)")
    account.add_argument("--long", action="store_true", help="all of it")
    command(names, "ladder", actions.ladder, "show what is done when something is wrong", "gridnexus energy ladder")
    _add_preferences(names, command)
    for action in names.choices.values():
        action.add_argument("--json", action="store_true", help="for programs")


def _add_preferences(names: Any, command: Add) -> None:
    prefer = command(names, "prefer", actions.prefer, "say what you want of a home; it is set once you confirm it",
                     'gridnexus energy prefer home-1 "never heat above 55"\n  '
                     "gridnexus energy prefer home-1 --list\n  gridnexus energy prefer home-1 --forget 3")  # fmt: skip
    _home(prefer)
    prefer.add_argument("sentence", nargs="?", metavar="SENTENCE", help="in English, one wish")
    prefer.add_argument("--yes", action="store_true", help="for scripts: set what is understood, ask nothing")
    instead = prefer.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="instead: what holds")
    instead.add_argument("--forget", type=int, metavar="NUMBER", help="instead: this one holds no more")


def _home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("home", metavar="HOME").completer = actions.home_names  # type: ignore[attr-defined]
