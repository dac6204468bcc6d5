"""Pushes the node's changed files to a running board, and restarts it.

    python -m tools.push BOARD [--port PORT] [--unit FILE] [--dry-run]

For work on the firmware: seconds instead of a whole flash. The node's program is stopped for it, so its contactors
open. All new files are written beside the old ones and checked first, then put in place in one go by the board
itself, main.py last: a push that breaks off leaves the old files or the new, never half a file. (Power lost in the
very milliseconds of replacing can leave some of each: push again.) If the push dies, the watchdog restarts the board.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from tools import boards
from tools.board_prompt import BoardPrompt, PromptError, sha256
from tools.boards import BoardError
from tools.console import choose_port
from tools.find_port import PortError
from tools.node_files import NodeFilesError, node_files

FAILED = 1
OURS = "gridnode"  # a folder on the node in which nothing but our files is to be


class Change(NamedTuple):
    """What a push would do: paths on the node, in the order in which they are done."""

    write: list[str]  # new or different
    remove: list[str]  # in our folder and no longer of the node, or an old .py that would be taken for its .mpy

    def __bool__(self) -> bool:
        return bool(self.write or self.remove)


def main(argv: Sequence[str] | None = None) -> int:
    """Push as the arguments say; the exit code."""
    options = _parse(argv)
    try:
        board = boards.load(options.board)
        files = node_files(board, _unit(options.unit))
        port = choose_port(options.port, options.board)
        return _push(port, files, options.dry_run)
    except KeyboardInterrupt:
        print("\ngridnexus push: stopped; the node keeps its files whole. Push again, or restart it", file=sys.stderr)
        return 130
    except (BoardError, NodeFilesError, PortError, PromptError, OSError, ValueError) as error:
        print(f"gridnexus push: {error}", file=sys.stderr)
        return FAILED


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="gridnexus push", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("board", metavar="BOARD", help="what it is, as in boards/")
    parser.add_argument("--port", help="of its console (default: found by itself)")
    parser.add_argument("--unit", type=Path, metavar="FILE", help="unit.json to push too (default: it keeps its own)")
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would change; stops the node, and starts it again"
    )
    return parser.parse_args(argv)


def _unit(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no unit.json: {error}") from None


def _push(port: str, files: Mapping[str, bytes], dry_run: bool) -> int:
    print(f"stopping the node on {port}: its contactors open", file=sys.stderr, flush=True)
    with BoardPrompt(port) as prompt:
        change = compare(files, prompt.hashes(OURS))
        told(change, files)
        if change and not dry_run:
            with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
                task = bar.add_task("pushing", total=sum(len(files[name]) for name in change.write))
                put(prompt, change, files, lambda count: bar.advance(task, count))
        prompt.restart()
    print("dry run: nothing written; the node starts again" if dry_run else "the node starts again")
    return 0


def compare(files: Mapping[str, bytes], on_node: Mapping[str, str]) -> Change:
    """What makes a node with `on_node` (path -> SHA-256, in hex) one with `files`; other files of it stay."""
    write = [name for name, content in files.items() if on_node.get(name) != sha256(content)]
    write.sort(key=lambda name: (name == "main.py", name))
    twins = {name.removesuffix(".mpy") + ".py" for name in files if name.endswith(".mpy")}
    stale = [name for name in on_node if name not in files and (name.startswith(OURS + "/") or name in twins)]
    return Change(write, sorted(stale))


def told(change: Change, files: Mapping[str, bytes]) -> None:
    """Print a line for each file, and their sum."""
    for name in change.write:
        print(f"  write   {name}  {len(files[name])} bytes")
    for name in change.remove:
        print(f"  remove  {name}")
    count = len(change.write)
    print(f"{count} of {len(files)} files differ" if change else "nothing differs")


def put(prompt: BoardPrompt, change: Change, files: Mapping[str, bytes], progress: Callable[[int], None]) -> None:
    """Do it: everything is on the node and checked before the first of its files is replaced. Raises PromptError."""
    for name in change.write:
        prompt.write(name + ".new", files[name], progress)
    prompt.replace(change.write, change.remove)


if __name__ == "__main__":
    sys.exit(main())
