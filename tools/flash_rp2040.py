"""An RP2040 in BOOTSEL mode: as the drive that its boot ROM shows, or through picotool where that is installed.

The drive takes a UF2 file and cannot be read back (RP2040 datasheet, 2.8.4); picotool can.
"""

import errno
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CHIP, BOARD_ID = "RP2040", "RPI-RP2"
NAME = "gridnexus.uf2"
INFO = "INFO_UF2.TXT"
CHUNK_BYTES = 64 << 10
TAKEN_WITHIN_S = 10.0  # after the last block the board restarts, and its drive goes away
FLASH_AT = 0x10000000  # where the RP2040 sees its flash
_BOOTSEL = "hold BOOTSEL while you plug the board in (a running one: mpremote bootloader)"
_GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.EROFS}
Progress = Callable[[int, int], None]  # bytes done, and in all


class DriveError(RuntimeError):
    """The board in BOOTSEL mode does not do as it should; the text says what to do."""


def find_drive(mounts: Path = Path("/proc/mounts"), labels: Path = Path("/dev/disk/by-label")) -> Path:
    """Where the one drive of an RP2040 is mounted. Raises DriveError."""
    paths = [Path(line.split()[1].replace(r"\040", " ")) for line in mounts.read_text().splitlines()]
    found = [path for path in paths if _is_drive(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise DriveError(f"{len(found)} boards show a drive; choose with --drive: {', '.join(map(str, found))}")
    label = labels / BOARD_ID
    if label.exists():
        raise DriveError(
            f"the board's drive is not mounted: udisksctl mount -b {label}, then again with --drive FOLDER"
        )
    raise DriveError(f"no board in BOOTSEL mode: {_BOOTSEL}")


def _is_drive(folder: Path) -> bool:
    try:
        check_drive(folder)
    except DriveError:
        return False
    return True


def check_drive(folder: Path) -> str:
    """The model of the board whose drive is at `folder`. Raises DriveError when it is another chip's, or none."""
    try:
        text = (folder / INFO).read_text(encoding="ascii", errors="replace")
    except OSError:
        raise DriveError(
            f"{folder} is no drive of a board: it has no {INFO}. {_BOOTSEL[0].upper()}{_BOOTSEL[1:]}"
        ) from None
    facts = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    board = facts.get("Board-ID", "")
    if board != BOARD_ID:
        raise DriveError(
            f"{folder} belongs to a board with another chip ({board or 'unknown'}), not {BOARD_ID}: nothing was written"
        )
    return facts.get("Model", CHIP)


def copy(image: bytes, folder: Path, progress: Progress = lambda done, of: None) -> None:
    """Copy the UF2 file onto the drive, piece by piece, and wait until the board took it. Raises DriveError."""
    done = 0
    try:
        with (folder / NAME).open("wb", buffering=0) as file:
            for at in range(0, len(image), CHUNK_BYTES):
                done += _put(file.fileno(), image[at : at + CHUNK_BYTES])
                progress(done, len(image))
    except OSError as error:
        # A board that has all blocks restarts at once, and what is left to do on its drive fails.
        if error.errno not in _GONE or len(image) - done > CHUNK_BYTES or _is_drive(folder):
            raise DriveError(_stopped(folder, error, done, len(image))) from None
    deadline = time.monotonic() + TAKEN_WITHIN_S
    while _is_drive(folder):
        if time.monotonic() > deadline:
            raise DriveError(
                f"{folder}: the board did not take the file: its drive is still there. Unplug it and try again"
            )
        time.sleep(0.05)


def _put(file: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fdatasync(file)
    return len(data)


def _stopped(folder: Path, error: OSError, done: int, of: int) -> str:
    cause = "the board went away" if error.errno in _GONE and not _is_drive(folder) else error.strerror
    cure = "may this user write there?" if error.errno in {errno.EACCES, errno.EPERM} else _BOOTSEL
    return (
        f"{folder}: {cause} after {done} of {of} bytes. Its boot ROM stays: flashing again is safe, and needed: {cure}"
    )


class Picotool:
    """The boards that `picotool` reaches. Every call raises DriveError with what it said."""

    def __init__(self, program: str) -> None:
        self._program = program

    @staticmethod
    def found() -> "Picotool | None":
        """One whose board answers, if picotool is installed and a board in BOOTSEL mode is there."""
        program = shutil.which("picotool")
        if program is None or subprocess.run([program, "info"], capture_output=True, check=False).returncode:
            return None
        return Picotool(program)

    def write(self, image: bytes) -> None:
        """Load the UF2 file `image`."""
        with tempfile.NamedTemporaryFile(suffix=".uf2") as file:
            file.write(image)
            file.flush()
            self._run("load", file.name, "-t", "uf2")

    def first_difference(self, parts: Sequence[tuple[int, bytes]]) -> int | None:
        """Offset in flash of the first byte that is not as in `parts`; None: all are."""
        for offset, content in parts:
            flash = self.read(offset, content)
            if flash != content:
                return offset + next(at for at, byte in enumerate(content) if flash[at : at + 1] != bytes([byte]))
        return None

    def read(self, offset: int, expected: bytes) -> bytes:
        """What is in its flash where `expected` could be."""
        start = FLASH_AT + offset
        with tempfile.TemporaryDirectory() as scratch:
            saved = Path(scratch) / "flash.bin"
            self._run("save", "-r", f"{start:x}", f"{start + len(expected):x}", str(saved), "-t", "bin")
            return saved.read_bytes()[: len(expected)]

    def restart(self) -> None:
        """Leave BOOTSEL mode: the board starts what is in its flash."""
        self._run("reboot")

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([self._program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            raise DriveError(f"picotool {arguments[0]} failed: {said}. Flashing again is safe: {_BOOTSEL}")
