"""How often a node writes to its flash, and how long that lasts: the write budget of a board.

    python -m tools.flash_life [BOARD ...] [--saves-a-day N] [--json]

A node saves once an interval, which is a minute unless unit.json says otherwise: registers and records in one commit.
littlefs gathers such commits in a block before it erases another, and moves to other blocks as it goes, so the erases
spread over all that is free. The erases of a save are counted by tools/flash_wear.py on a full journal, and agree with
those on the emulated RP2040 (tests/power). The endurance is the maker's least figure: W25Q16JV (Pico) and GD25Q32E
(ESP32 modules), 100,000 erases a sector.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tools import boards
from tools.boards import Board, BoardError
from tools.node_files import FIRMWARE, node_files
from tools.nodes import find_micropython

ERASE_CYCLES = 100_000
SAVES_A_DAY = 1440  # the most
# Of the least piece that is programmed at once -> erases in 1000 saves. With pieces of 32 bytes littlefs keeps small
# files in blocks of their own; with 256, inside their folder.
ERASES_A_1000_SAVES = {256: 137, 32: 993}
JOURNAL_BLOCKS = 128  # 512 KiB: files of records, and their two folders


@dataclass(frozen=True)
class Budget:
    """Of one board: `spare_blocks` take the erases in turn."""

    board: str
    saves_a_day: int
    erases_a_day: float
    spare_blocks: int
    erase_cycles: int
    years: float

    def __str__(self) -> str:
        return (
            f"{self.saves_a_day} saves a day erase {self.erases_a_day:.0f} blocks of the {self.spare_blocks} that are "
            f"free in turn: at {self.erase_cycles} erases each the flash lasts {self.years:.0f} years"
        )


def budget(board: Board, saves_a_day: int = SAVES_A_DAY, erase_cycles: int = ERASE_CYCLES) -> Budget | None:
    """The write budget of a board with that many saves a day (0: it lasts for ever); None: it has no flash of ours, or
    writes nothing to it, as a gateway.

    The blocks of our program and of a full journal are reckoned as never moved: the erases spread over the rest.
    """
    place = board.manifest["FILESYSTEM"]
    if place is None or board.board["METER"] is None:
        return None
    block = place["block_bytes"]
    program = sum(-(-len(content) // block) for content in node_files(board, {"name": "node"}).values())
    spare = max(place["bytes"] // block - program - JOURNAL_BLOCKS, 1)
    erases = saves_a_day * ERASES_A_1000_SAVES[place["program_bytes"]] / 1000
    years = spare * erase_cycles / erases / 365.25 if erases else float("inf")
    return Budget(board.name, saves_a_day, erases, spare, erase_cycles, years)


def measure(blocks: int, program_bytes: int) -> dict[str, int]:
    """What tools/flash_wear.py counts in a day of saves: "saves", "erases", "most_erased", ... Raises NodesError."""
    counted: dict[str, int] = _run_script("flash_wear.py", blocks, program_bytes)
    return counted


def reach(blocks: int, program_bytes: int, seed: int) -> dict[str, float]:
    """How far back a full journal goes, by tools/flash_reach.py: "days" of two channels' minutes, the "blocks" of the
    file system that it takes, and how many records were "dropped" for it. Raises NodesError.
    """
    found: dict[str, float] = _run_script("flash_reach.py", blocks, program_bytes, seed)
    return found


def _run_script(name: str, *arguments: int) -> Any:
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=32m", str(FIRMWARE.parent / "tools" / name), *map(str, arguments)],
        env={"MICROPYPATH": f"{FIRMWARE}:.frozen"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main(arguments: Sequence[str]) -> int:
    """Print the budget of each board."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.flash_life", description="How long the flash of nodes lasts."
    )
    parser.add_argument("boards", nargs="*", metavar="BOARD", help=f"of {', '.join(boards.names())}; default: all")
    parser.add_argument("--saves-a-day", type=int, default=SAVES_A_DAY, help=f"default: {SAVES_A_DAY}, the most")
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(arguments)
    try:
        found = [budget(boards.load(name), options.saves_a_day) for name in options.boards or boards.names()]
    except BoardError as error:
        print(f"flash_life: {error}", file=sys.stderr)
        return 1
    rows = [row for row in found if row is not None]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        for row in rows:
            print(f"{row.board}: {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
