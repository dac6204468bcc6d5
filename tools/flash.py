"""Puts a build onto a board, or compares the board with it.

    python -m tools.flash BOARD [--image DIR] [--port PORT | --drive DIR] [--verify] [--yes] [--json]

The build is checked against its manifest before any port is touched; then the board: another chip or too small a
flash is refused. It says what it will do, asks, writes, and reads back. ESP32 boards by their serial loader over any
pyserial URL, Raspberry Pi Picos in BOOTSEL mode by their drive or picotool. Flashing erases what the node keeps.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tools import boards, build, built_image, find_port, flash_rp2040, node_disk
from tools.boards import BoardError
from tools.build import BuildError
from tools.built_image import BuiltImage, BuiltImageError
from tools.find_port import PortError
from tools.flash_esp32 import CHIPS, Esp32Loader, LoaderError
from tools.flash_rp2040 import DriveError, Picotool
from tools.images import ImageError
from tools.node_files import NodeFilesError

DONE, FAILED, INTERRUPTED = 0, 1, 130


class FlashError(RuntimeError):
    """It is not done; the text says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Flash or verify as the arguments say; the exit code."""
    options = _parse(argv)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            built = built_image.read(options.image or _build(options, Path(scratch)), options.board)
            began = time.monotonic()
            report = _reached(built, options)
    except KeyboardInterrupt:
        print("\ngridnexus flash: stopped. A half-written board keeps its loader: flash it again", file=sys.stderr)
        return INTERRUPTED
    except _ERRORS as error:
        print(f"gridnexus flash: {error}", file=sys.stderr)
        return FAILED
    report["seconds"] = round(time.monotonic() - began, 3)
    print(json.dumps(report) if options.json else _in_words(report))
    return DONE


_ERRORS = (
    FlashError, BoardError, BuildError, BuiltImageError, ImageError, NodeFilesError, PortError, LoaderError, DriveError,
    OSError,
)  # fmt: skip


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="gridnexus flash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("board", metavar="BOARD", help=f"one of {', '.join(boards.names())}")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--port", help="a path or a pyserial URL (default: found by itself)")
    place.add_argument("--drive", type=Path, metavar="DIR", help="where the Pico's drive is mounted (default: found)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--image", type=Path, metavar="DIR", help="of `gridnexus build` (default: built now)")
    source.add_argument("--name", help="of this node, when it is built now")
    parser.add_argument("--baud", type=int, default=460_800, help="of the ESP32's loader (default: 460800)")
    parser.add_argument("--verify", action="store_true", help="write nothing: find the first byte that differs")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="one JSON object when it is done")
    return parser.parse_args(argv)


def _build(options: argparse.Namespace, scratch: Path) -> Path:
    unit = None if options.name is None else {"name": options.name}
    return build.build(options.board, unit, scratch / "built").folder


def _reached(built: BuiltImage, options: argparse.Namespace) -> dict[str, Any]:
    if built.mcu in CHIPS:
        return _esp32(built, options)
    if built.mcu == "rp2040":
        return _rp2040(built, options)
    raise FlashError(f"{built.board} is not flashed: its node is a program on this machine; see boards/{built.board}")


def _esp32(built: BuiltImage, options: argparse.Namespace) -> dict[str, Any]:
    if options.drive is not None:
        raise FlashError(f"{built.board} is flashed over its serial port: name it with --port")
    port = options.port or find_port.find(built.mcu)
    find_port.check(port)
    with _bar() as progress, Esp32Loader(port, CHIPS[built.mcu], options.baud, progress) as loader:
        if loader.flash_bytes < built.end:
            raise FlashError(
                f"{port}: flash too small: {loader.flash_bytes} bytes, the build needs {built.end}; nothing was written"
            )
        report = _report(built, port, CHIPS[built.mcu], loader.flash_bytes)
        if not options.verify:
            _asked(report, options.yes)
            loader.write(built.parts)
        _compare(built, loader, report)
    return report


def _rp2040(built: BuiltImage, options: argparse.Namespace) -> dict[str, Any]:
    if options.port is not None:
        raise FlashError(
            f"{built.board} is flashed in BOOTSEL mode, over USB, not over a serial port: leave --port out"
        )
    image = built.named("firmware.uf2")
    picotool = None if options.drive else Picotool.found()
    if picotool is not None:
        report = _report(built, "picotool", flash_rp2040.CHIP, None)
        if not options.verify:
            _asked(report, options.yes)
            picotool.write(image)
        _compare(built, picotool, report)
        picotool.restart()
        return report
    if options.verify:
        raise FlashError(
            "a Pico's drive cannot be read back: install picotool (Debian 13: sudo apt-get install picotool), put the "
            "board into BOOTSEL mode, and try again without --drive"
        )
    drive = options.drive or flash_rp2040.find_drive()
    report = _report(built, str(drive), flash_rp2040.check_drive(drive), None)
    _asked(report, options.yes)
    with _bar() as progress:
        flash_rp2040.copy(image, drive, progress)
    return report


def _report(built: BuiltImage, place: str, chip: str, flash_bytes: int | None) -> dict[str, Any]:
    files = [each for each in built.files if each.offset is not None]
    return {
        "board": built.board,
        "place": place,
        "chip": chip,
        "flash_bytes": flash_bytes,
        "parts": [{"file": each.name, "offset": each.offset, "bytes": len(each.content)} for each in files],
        "written": False,
        "verified": False,  # read back, and as it should be
        "own_files": [],  # that the node has written since, and that --verify found
    }


def _asked(report: dict[str, Any], yes: bool) -> None:
    """Say what will be done, and go on when a person, or --yes, agrees; else FlashError."""
    size = "" if report["flash_bytes"] is None else f", {report['flash_bytes'] >> 20} MiB of flash"
    print(f"{report['board']} at {report['place']}: {report['chip']}{size}", file=sys.stderr)
    for part in report["parts"]:
        print(f"  write {part['file']}: {part['bytes']} bytes at {part['offset']:#x}", file=sys.stderr)
    print("  what this node keeps in its flash is erased", file=sys.stderr, flush=True)
    if not yes and not sys.stdin.isatty():
        raise FlashError("nobody is there to be asked: add --yes; nothing was written")
    if not yes:
        print("Flash it? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise FlashError("nothing was written")
    report["written"] = True


def _compare(built: BuiltImage, board: Esp32Loader | Picotool, report: dict[str, Any]) -> None:
    """Read back; FlashError names the first byte that is not as built, unless it is of a node's own files."""
    at = board.first_difference(built.parts)
    if at is not None:
        where, own = "", None
        if at >= built.filesystem_at and not report["written"]:
            disk = built.named(built_image.FILESYSTEM)
            found = node_disk.compare(disk, board.read(built.filesystem_at, disk))
            where = f", in {', '.join(found.changed)}" if found and found.changed else ""
            own = found.own if found and not found.changed else None
        if not own:
            done = "was written and" if report["written"] else "does not hold this build: it"
            raise FlashError(f"the flash of {report['place']} {done} differs first at {at:#x}{where}: flash it again")
        report["own_files"] = own
    report["verified"] = True


def _in_words(report: dict[str, Any]) -> str:
    done = "flashed" if report["written"] else "compared"
    proof = "read back: every byte is as built" if report["verified"] else "not read back: a Pico's drive cannot be"
    if report["own_files"]:
        proof = f"read back: every file is as built; the node has added {', '.join(report['own_files'])}"
    key = "\nits key, if it had one, is gone: gridnexus provision NAME --port PORT" if report["written"] else ""
    return f"{report['board']} at {report['place']} {done} in {report['seconds']:.1f} s; {proof}{key}"


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("writing", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


if __name__ == "__main__":
    sys.exit(main())
