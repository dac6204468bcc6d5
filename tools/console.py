"""The console of a node: what it prints, and MicroPython's prompt, through mpremote.

    python -m tools.console [BOARD] [--port PORT]

The node goes on working while its console is open; Ctrl-] leaves. Ctrl-C stops the node's program: it opens its
contactors first, and Ctrl-D starts it again.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from tools import boards, find_port
from tools.boards import BoardError
from tools.find_port import PortError

FAILED = 1
_EXPLAINED = """\
Console of {port}. Ctrl-] leaves it, and the node goes on working.
Ctrl-C stops the node's program (its contactors open) and gives a prompt; Ctrl-D starts it again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Find the port, say what the keys do, and run mpremote there; its exit code."""
    parser = argparse.ArgumentParser(
        prog="gridnexus console", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("board", nargs="?", metavar="BOARD", help="look for this board's port only")
    parser.add_argument("--port", help="a path, socket://host:port or rfc2217://host:port")
    options = parser.parse_args(argv)
    try:
        port = choose_port(options.port, options.board)
    except (PortError, BoardError) as error:
        print(f"gridnexus console: {error}", file=sys.stderr)
        return FAILED
    print(_EXPLAINED.format(port=port), file=sys.stderr, flush=True)
    return _become_mpremote(port)


def _become_mpremote(port: str) -> int:
    """Never returns: keys and exit code are mpremote's from here on."""
    # `resume`: without it mpremote would first restart the interpreter, and the node with it.
    os.execv(sys.executable, [sys.executable, "-m", "mpremote", "connect", port, "resume", "repl"])


def choose_port(port: str | None, board: str | None) -> str:
    """`port`, else the one where `board` (or any board) is seen, checked. Raises PortError, BoardError."""
    mcu = None if board is None else str(boards.load(board).board["MCU"])
    if mcu is not None and mcu not in find_port.KNOWN:
        raise PortError(f"{board} has no console of its own: its node is a program on this machine; see its README")
    found = port or find_port.find(mcu)
    find_port.check(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
