"""A virtual ESP32 board (CPU not emulated) to play with: prints its ports and runs until Ctrl-C.

    python -m tools.virtual_esp32 FLASH [--chip esp32c3] [--board esp32_devkit] [--size 4] [--port 4000]

FLASH is the file of its flash chip, made when it is not there. README.md beside this file says what to do with it.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from tools import boards, images
from tools.virtual_esp32 import FlashError, InterpreterError, PortError, VirtualEsp32, Wiring
from tools.virtual_esp32.board import HEAP
from tools.virtual_esp32.chips import CHIPS, ChipName


def arguments() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(prog="python -m tools.virtual_esp32", description=__doc__.splitlines()[0])
    parser.add_argument("flash", type=Path, metavar="FLASH", help="file of the board's flash chip")
    parser.add_argument("--chip", choices=list(CHIPS), help="default: that of --board, else esp32")
    parser.add_argument("--board", help="wire it as boards/NAME/board.py says: relays with feedback, meter, link")
    parser.add_argument("--size", type=int, default=4, metavar="MIB", help="of the flash (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="TCP port of it (default: a free one)")
    parser.add_argument("--heap", default=HEAP, help="the program's heap (default: %(default)s)")
    return parser


def run(wanted: argparse.Namespace) -> None:
    """The board, until Ctrl-C."""
    board = boards.load(wanted.board).board if wanted.board else None
    chip: ChipName = wanted.chip or (board["MCU"] if board else "esp32")
    with VirtualEsp32(
        wanted.flash,
        interpreter=images.unix32(),
        bytes=wanted.size << 20,
        chip=chip,
        wiring=Wiring.of(board) if board else None,
        heap=wanted.heap,
        port=wanted.port,
    ) as virtual:
        print(f"virtual {CHIPS[chip].name} board, CPU not emulated. Ctrl-C switches it off")
        print(f"  serial port   {virtual.url}   (with DTR and RTS: as a USB port)")
        print(f"  flashing jig  {virtual.jig}   (in the loader while it is open: the fast way for plain esptool)")
        print(f"  console       {virtual.console}")
        print(f"  to the Pi     {virtual.link}", flush=True)
        while True:
            time.sleep(3600)


def main() -> int:
    """0 after Ctrl-C, 1 when the board cannot be had."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it is switched off then too
    try:
        run(arguments().parse_args())
    except KeyboardInterrupt:
        return 0
    except (FlashError, PortError, InterpreterError, images.ImageError, boards.BoardError, ValueError) as error:
        print(f"virtual_esp32: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
