"""The board's flash chip: a file with the ways of NOR memory. Erasing sets a sector's bits, programming clears bits."""

import fcntl
import hashlib
import os
from pathlib import Path

SECTOR = 4096
MANUFACTURER, TYPE = 0xEF, 0x40  # Winbond W25Q; the third byte of the identity is log2 of the size


class FlashError(RuntimeError):
    """The flash cannot do this; the text says why and what to do."""


class Flash:
    """`size` bytes, a power of two, kept in the file at `path`, which is made when it is not there.

    Every operation is in the file when it returns, so a board that loses power keeps what was written so far.
    Raises FlashError for a file of another size, or one that another board uses.
    """

    def __init__(self, path: Path, size: int) -> None:
        if size & (size - 1) or not SECTOR <= size <= 16 << 20:
            raise FlashError(f"a flash of {size} bytes does not exist: give a power of two up to 16 MiB")
        self.path, self.size = path, size
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._own()
        except BaseException:
            os.close(self._file)
            raise

    def _own(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FlashError(f"{self.path} is the flash of another board that is on: switch that one off") from None
        found = os.fstat(self._file).st_size
        if found == 0:
            os.pwrite(self._file, b"\xff" * self.size, 0)
        elif found != self.size:
            raise FlashError(f"{self.path} has {found} bytes, the board's flash {self.size}: give it a file of its own")

    @property
    def identity(self) -> int:
        """The answer to SPI command 0x9F, first byte lowest."""
        return MANUFACTURER | TYPE << 8 | (self.size.bit_length() - 1) << 16

    def read(self, at: int, count: int) -> bytes:
        """`count` bytes from `at`. Raises FlashError outside of the chip."""
        self._check(at, count)
        return os.pread(self._file, count, at)

    def erase(self, at: int, count: int) -> None:
        """Set every bit of the sectors that `count` bytes from `at` touch."""
        self._check(at, count)
        first = at // SECTOR * SECTOR
        end = -(-(at + count) // SECTOR) * SECTOR
        os.pwrite(self._file, b"\xff" * (end - first), first)

    def program(self, at: int, content: bytes) -> None:
        """Clear the bits that are 0 in `content`; the others stay as they are."""
        before = self.read(at, len(content))
        if before.count(0xFF) != len(before):
            both = int.from_bytes(before, "little") & int.from_bytes(content, "little")
            content = both.to_bytes(len(before), "little")
        os.pwrite(self._file, content, at)

    def md5(self, at: int, count: int) -> bytes:
        """The 16 bytes of the MD5 sum, which is what esptool compares."""
        return hashlib.md5(self.read(at, count), usedforsecurity=False).digest()

    def close(self) -> None:
        """Give the file free for another board."""
        os.close(self._file)

    def _check(self, at: int, count: int) -> None:
        if at < 0 or count < 0 or at + count > self.size:
            raise FlashError(f"{count} bytes at 0x{at:x} are outside of a flash of 0x{self.size:x} bytes")
