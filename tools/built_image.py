"""A folder made by tools.build, read again: what its manifest promises is checked before anything is touched."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST, FILESYSTEM = "manifest.json", "filesystem.img"


class BuiltImageError(RuntimeError):
    """The folder is no whole build for this board; the text says what to do."""


class BuiltFile(NamedTuple):
    """A file of the build; `offset` in flash, None if it does not go there as it is."""

    name: str
    offset: int | None
    content: bytes


class BuiltImage(NamedTuple):
    """A build, whole and unaltered."""

    board: str
    mcu: str
    files: list[BuiltFile]

    @property
    def parts(self) -> list[tuple[int, bytes]]:
        """What goes where in flash, lowest offset first."""
        return sorted((each.offset, each.content) for each in self.files if each.offset is not None)

    @property
    def end(self) -> int:
        """Bytes of flash that it needs."""
        return max(offset + len(content) for offset, content in self.parts)

    @property
    def filesystem_at(self) -> int:
        """Offset in flash of the file system, which is its own file or the end of flash.bin."""
        disk = next(each for each in self.files if each.name == FILESYSTEM)
        return self.end - len(disk.content) if disk.offset is None else disk.offset

    def named(self, name: str) -> bytes:
        """The content of one of its files. Raises BuiltImageError."""
        for each in self.files:
            if each.name == name:
                return each.content
        raise BuiltImageError(f"the build of {self.board} has no {name}: build it again")


def read(folder: Path, board: str) -> BuiltImage:
    """The build in `folder`, which has to be for `board`. Raises BuiltImageError."""
    again = f"build it again: gridnexus build {board} --out {folder}"
    manifest = _manifest(folder, again)
    try:
        if manifest["board"] != board:
            raise BuiltImageError(f"{folder} is a build for {manifest['board']}, not for {board}: name the right one")
        files = [_file(folder, name, facts, again) for name, facts in manifest["files"].items()]
        built = BuiltImage(board, str(manifest["mcu"]), files)
        if not built.parts or FILESYSTEM not in manifest["files"]:
            raise BuiltImageError(f"{folder} lacks what goes into flash; {again}")
    except (KeyError, TypeError, AttributeError):
        raise BuiltImageError(f"{folder / MANIFEST} is no manifest of tools.build; {again}") from None
    return built


def _manifest(folder: Path, again: str) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BuiltImageError(f"{path}: {error.strerror}; {again}") from None
    except (ValueError, TypeError):
        raise BuiltImageError(f"{path} is damaged; {again}") from None


def _file(folder: Path, name: str, facts: dict[str, Any], again: str) -> BuiltFile:
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BuiltImageError(f"{path}: {error.strerror}; {again}") from None
    if len(content) != facts["bytes"]:
        raise BuiltImageError(f"{path} has {len(content)} bytes instead of {facts['bytes']}: it is cut short; {again}")
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise BuiltImageError(f"{path} is corrupted (its SHA-256 is not the manifest's); {again}")
    return BuiltFile(name, facts["offset"], content)
