"""The drive that an RP2040's boot ROM shows in BOOTSEL mode, made of a folder: it takes UF2 blocks, then it is gone.

As in the ROM, blocks count once they are all there, whatever the file is called; then the board restarts.
"""

import shutil
import threading
from pathlib import Path

from tools import uf2

INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {board_id}\r\n"


class BootRomDrive:
    """A context manager; `folder` is where it is mounted, `flash` what its flash holds once it is gone."""

    def __init__(self, folder: Path, board_id: str = "RPI-RP2", gone_after: int | None = None) -> None:
        """gone_after: bytes after which its cable is pulled out."""
        self.folder = folder
        self.flash: bytes | None = None
        self._gone_after = gone_after
        folder.mkdir()
        (folder / "INFO_UF2.TXT").write_text(INFO.format(board_id=board_id))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "BootRomDrive":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            for path in self.folder.glob("*.uf2"):
                content = path.read_bytes()
                if self._gone_after is not None and len(content) >= self._gone_after:
                    return self._go()
                if content and len(content) == int.from_bytes(content[24:28], "little") * uf2.BLOCK:
                    self.flash = uf2.unpack(content)
                    return self._go()
        return None

    def _go(self) -> None:
        shutil.rmtree(self.folder)
