"""One write into the flash by the loader: from its announcement to its last byte, packed (zlib) or not."""

import zlib

from tools.virtual_esp32.flash import SECTOR, Flash, FlashError


class Damaged(ValueError):
    """The packed stream cannot be unpacked."""


class Surplus(ValueError):
    """More than was announced."""


class Missing(ValueError):
    """Less than was announced."""


class Writing:
    """`size` bytes to `at`. `erase_first`: all sectors at once, as the ROM does; else each when the writing reaches it.

    Raises FlashError when the flash is too small, before anything is erased.
    """

    def __init__(self, flash: Flash, at: int, size: int, packed: bool, erase_first: bool) -> None:
        if at + size > flash.size:
            raise FlashError(f"{size} bytes at 0x{at:x} do not fit into a flash of 0x{flash.size:x} bytes")
        self.packed = packed
        self._flash, self._at, self._left = flash, at, size
        self._unpack = zlib.decompressobj() if packed else None
        self._erased_to = at // SECTOR * SECTOR
        if erase_first and size:
            self._erase_up_to(at + size)

    def take(self, block: bytes) -> None:
        """The next block. Raises Damaged, Surplus; what went before stays written."""
        if self._unpack is None:
            if not self._left and block:
                raise Surplus
            return self._program(block[: self._left])  # esptool fills the last block up
        room = self._left
        try:
            plain = self._unpack.decompress(block, room + 1)
        except zlib.error:
            raise Damaged from None
        self._program(plain[:room])
        if len(plain) > room:
            raise Surplus
        return None

    def check_whole(self) -> None:
        """At its end: raises Missing when bytes are missing."""
        if self._left:
            raise Missing

    def _program(self, content: bytes) -> None:
        self._erase_up_to(self._at + len(content))
        self._flash.program(self._at, content)
        self._at += len(content)
        self._left -= len(content)

    def _erase_up_to(self, end: int) -> None:
        if end > self._erased_to:
            self._flash.erase(self._erased_to, end - self._erased_to)
            self._erased_to = -(-end // SECTOR) * SECTOR
