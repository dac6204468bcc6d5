"""A board of the ESP32 family under its serial loader, through esptool's own Python interface.

Works over any pyserial URL. What is read back is hashed on the chip (the loader's flash MD5), so that 4 MB need
seconds and not a minute; where hashes differ, halving finds the first byte that does.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import serial
import serial.rfc2217
from esp_pylib.logger import EspLog, EspLogBase
from esptool import cmds  # type: ignore[import-untyped]
from esptool.reset import ResetStrategy  # type: ignore[import-untyped]
from esptool.util import FatalError, flash_size_bytes  # type: ignore[import-untyped]

from host_bridge.transport.serial import explain

CHIPS = {"esp32": "ESP32", "esp32c3": "ESP32-C3"}  # MCU of board.py -> the chip as esptool calls it
CONNECT_ATTEMPTS = 3
READ_BYTES = 4096  # halving stops here, and the bytes are compared
_SILENT = (
    "no loader answers: is this the board's own port? If it is, hold BOOT, press and let go EN (or RESET), let go "
    "BOOT, and try again; a cable that only charges is another cause"
)
Progress = Callable[[int, int], None]  # compressed bytes written of the part, and in all
Part = tuple[int, bytes]  # offset in flash, content


class LoaderError(RuntimeError):
    """The board or its port does not do as it should; the text says what to do."""


class _QuietRfc2217(serial.rfc2217.Serial):
    """pyserial's client, which settles all of a line's settings anew (50 ms at least) when a mere time-out changes."""

    _settled: tuple[object, ...] = ()

    def _reconfigure_port(self) -> None:
        settings = (self.baudrate, self.bytesize, self.parity, self.stopbits, self.rtscts, self.xonxoff)
        if settings != self._settled:
            self._settled = ()
            self._write_timeout = None  # esptool sets one, which this client refuses
            super()._reconfigure_port()  # type: ignore[misc]
            self._settled = settings

    def open(self) -> None:
        self._settled = ()
        super().open()


class _Words(EspLogBase):
    """Instead of esptool's own talk: progress to a callable, the rest dropped; what matters it raises."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def progress_bar(self, cur_iter: int, total_iters: int, *_: object, **__: object) -> None:
        self._progress(cur_iter, total_iters)

    def _dropped(self, *_: Any, **__: Any) -> None: ...

    print = err = warn = note = hint = debug = set_verbosity = warning = error = _dropped


class Esp32Loader:
    """A context manager: entering resets the board into its loader, leaving starts what is in its flash, unless it was
    half written. `chip` is what has to be there, as CHIPS calls it. Every call raises LoaderError.

    `flash_bytes` is the size of its flash.
    """

    def __init__(self, url: str, chip: str, baud: int = 460_800, progress: Progress = lambda done, of: None) -> None:
        self._url = url
        self._wanted = chip
        self._baud = baud
        self._progress = progress
        self._written = ""  # how far, once writing has begun

    def __enter__(self) -> "Esp32Loader":
        EspLog.set_logger(_Words(self._tell))
        ResetStrategy.print_once = staticmethod(lambda _: None)  # made with the logger of before
        self._port = _open(self._url)
        try:
            self._esp = cmds.detect_chip(self._port, connect_attempts=CONNECT_ATTEMPTS)
            self._check_chip()
            self._esp = cmds.run_stub(self._esp)
            if self._baud > self._esp.ESP_ROM_BAUD:
                self._esp.change_baud(self._baud)
            cmds.attach_flash(self._esp)
            self.flash_bytes = _size(cmds.detect_flash_size(self._esp))
        except BaseException as error:
            self._port.close()
            if isinstance(error, Exception):
                raise self._told(error) from error
            raise
        return self

    def _check_chip(self) -> None:
        if self._wanted != self._esp.CHIP_NAME:
            with suppress(Exception):
                self._esp.hard_reset()
            raise FatalError(f"this board has an {self._esp.CHIP_NAME}, not an {self._wanted}: nothing was written")

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # it may be gone, and what happened before is what matters
            if not self._written:
                self._esp.hard_reset()
        with suppress(Exception):
            self._port.close()

    def write(self, parts: Sequence[Part]) -> None:
        """Write every part and let the chip check its hash."""
        self._esp.WRITE_FLASH_ATTEMPTS = 1  # a board that went away is told, not waited for
        try:
            for number, (offset, content) in enumerate(parts, 1):
                self._written = f"part {number} of {len(parts)} (at {offset:#x})"
                cmds.write_flash(self._esp, [(offset, content)], compress=True)
        except Exception as error:
            raise self._told(error) from error
        self._written = ""

    def first_difference(self, parts: Sequence[Part]) -> int | None:
        """Offset in flash of the first byte that is not as in `parts`; None: all are."""
        try:
            for offset, content in parts:
                found = self._differs_at(offset, content)
                if found is not None:
                    return found
        except Exception as error:
            raise self._told(error) from error
        return None

    def read(self, offset: int, expected: bytes) -> bytes:
        """What is in its flash where `expected` could be; only blocks that are not so go over the wire."""
        try:
            return self._read(offset, expected)
        except Exception as error:
            raise self._told(error) from error

    def _read(self, offset: int, expected: bytes) -> bytes:
        if self._same(offset, expected):
            return expected
        if len(expected) <= READ_BYTES:
            return bytes(self._esp.read_flash(offset, len(expected)))
        half = _half(expected)
        return self._read(offset, expected[:half]) + self._read(offset + half, expected[half:])

    def _differs_at(self, offset: int, content: bytes) -> int | None:
        if self._same(offset, content):
            return None
        while len(content) > READ_BYTES:
            half = _half(content)
            if self._same(offset, content[:half]):
                offset, content = offset + half, content[half:]
            else:
                content = content[:half]
        flash = self._esp.read_flash(offset, len(content))
        return offset + next(index for index, byte in enumerate(content) if flash[index] != byte)

    def _same(self, offset: int, content: bytes) -> bool:
        return bool(
            self._esp.flash_md5sum(offset, len(content)) == hashlib.md5(content, usedforsecurity=False).hexdigest()
        )

    def _tell(self, done: int, of: int) -> None:
        if self._written:
            self._written = f"{self._written.partition(',')[0]}, {100 * done // max(of, 1)} %"
        self._progress(done, of)

    def _told(self, error: Exception) -> LoaderError:
        text = " ".join(str(error).split())
        if "Failed to connect" in text or ("No serial data received" in text and not self._written):
            text = _SILENT
        elif isinstance(error, OSError):  # pyserial's is one
            text = explain(error)
        if self._written:
            text = f"stopped in {self._written}: {text}. The board keeps its loader: flashing again is safe, and needed"
        return LoaderError(f"{self._url}: {text}")


def _half(content: bytes) -> int:
    return len(content) // 2 // READ_BYTES * READ_BYTES or READ_BYTES


def _open(url: str) -> serial.SerialBase:
    try:
        if url.startswith("rfc2217://"):
            return _QuietRfc2217(url)
        return serial.serial_for_url(url, exclusive=True)
    except Exception as error:  # pyserial raises whatever the url's kind calls for
        raise LoaderError(f"{url}: {explain(error)}") from error


def _size(words: str | None) -> int:
    if words is None:
        raise FatalError("the size of its flash cannot be read: a flash chip that does not answer, or none")
    return int(flash_size_bytes(words))
