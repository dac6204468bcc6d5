"""What the names in a traceback of a board stand for: python -m tools.real_names BOARD [NAME ...].

On microcontrollers modules have short names for their own things: see tools.short_names.
"""

import argparse
import sys
from collections.abc import Sequence

from tools import boards
from tools.node_files import NodeFilesError, long_names


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.real_names", description=__doc__)
    parser.add_argument("board")
    parser.add_argument("names", nargs="*", metavar="NAME", help="as the traceback has it; without one: all")
    options = parser.parse_args(arguments)
    try:
        found = long_names(boards.load(options.board))
    except (boards.BoardError, NodeFilesError) as error:
        print(error, file=sys.stderr)
        return 1
    for path, names in found.items():
        module = path.removesuffix(".py").replace("/", ".")
        for short, name in sorted(names.items()):
            if short in options.names or not options.names:
                print(f"{module}: {short} is {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
