"""The rig of the virtual ESP32 board, CPU not emulated: its flash is written, then its link is a pseudo-terminal.

`flash_with_esptool` is how people flash it; a test does that and measures it. The benches of the other tests get the
same bytes put into the flash's file, as flashing each anew would tell nothing more.
"""

import contextlib
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.bench import UNIT, BenchError, Edge, Load, Quantities, Setup, apply_edits, relay_pin
from hil.rigs import Rig, literals
from host_bridge.keys import node_file
from tools import boards, build, images
from tools.node_files import FIRMWARE, node_files
from tools.virtual_esp32 import VirtualEsp32, Wiring
from tools.virtual_esp32.pzem004t import Load as MeterLoad

FLASH_BYTES = 4 << 20
APP_AT = {"esp32": 0x1000, "esp32c3": 0x0}
ESPTOOL_BAUD = "921600"
READ_BYTES = 4096


def meter_load(load: Load) -> MeterLoad:
    """What the PZEM-004T is to see: a resistance."""
    return MeterLoad(
        load.voltage_mv, round(load.active_mw / load.voltage_mv * 1000), load.active_mw, load.frequency_mhz
    )


def new_board(board: boards.Board, flash: Path) -> VirtualEsp32:
    """The board with that file as its flash; on while it is entered."""
    mcu = board.board["MCU"]
    return VirtualEsp32(flash, interpreter=images.unix32(), bytes=FLASH_BYTES, chip=mcu, wiring=Wiring.of(board.board))


def flash_with_esptool(port: str, built: build.Built) -> tuple[float, int]:
    """Write a build by plain esptool, which checks each part's digest: (seconds, bytes). Raises BenchError.

    port: the board's jig, a plain socket; over RFC 2217 pyserial's client makes it some twenty times slower.
    """
    parts = [word for offset, path in built.flash for word in (hex(offset), str(path))]
    command = [sys.executable, "-m", "esptool", "--port", port, "--baud", ESPTOOL_BAUD, "write-flash", *parts]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took_s = time.monotonic() - began
    if done.returncode or done.stdout.count("Hash of data verified") != len(built.flash):
        raise BenchError(f"esptool failed: {(done.stdout + done.stderr)[-1500:]}")
    return took_s, sum(path.stat().st_size for _, path in built.flash)


class Esp32Bench:
    """See hil.bench.Bench. Times are time.time_ns(), as the board stamps its pins' edges."""

    def __init__(self, rig: Rig, setup: Setup) -> None:
        self.rig = rig
        self._load = setup.load
        self._board = boards.load(rig.board)
        place = self._board.manifest["FILESYSTEM"]
        image = images.image(self._board.manifest["IMAGE"]).path
        self.keys = setup.keys
        replaced = apply_edits(setup.edits, self._source)
        self.board: Mapping[str, Any] = self._board.board
        if "board.py" in replaced:
            self.board = literals(replaced["board.py"].decode(), self._board.folder / "board.py")
        on_it = {**replaced, "keys.json": node_file(self.keys)}
        filesystem = build.filesystem(self._board, {"name": UNIT, **setup.unit}, replace=on_it)
        content = bytearray(b"\xff" * FLASH_BYTES)
        firmware, at = image.read_bytes(), APP_AT[self.board["MCU"]]
        content[at : at + len(firmware)] = firmware
        content[place["offset"] : place["offset"] + len(filesystem)] = filesystem
        flash = setup.scratch / "flash.bin"
        flash.write_bytes(content)
        self._sizes = {"image": len(firmware), "node": sum(map(len, node_files(self._board, {"name": UNIT}).values()))}
        self._chip = new_board(self._board, flash)
        self._entered = False
        self._stack = contextlib.ExitStack()
        self._link = -1
        self._came: list[tuple[int, bytes]] = []
        self._busy_before_ns = 0

    def _source(self, path: str) -> str:
        file = self._board.folder / path if path == "board.py" else FIRMWARE / path
        return file.read_text(encoding="utf-8")

    @property
    def now_ns(self) -> int:
        return time.time_ns()

    def run(self, duration_ns: int) -> None:
        end = time.monotonic_ns() + duration_ns
        while (left := end - time.monotonic_ns()) > 0:
            self._collect(left / 1e9)

    def _collect(self, within_s: float) -> None:
        if self._link < 0:
            time.sleep(within_s)
        elif select.select([self._link], [], [], within_s)[0]:
            self._came.append((time.time_ns(), os.read(self._link, READ_BYTES)))

    def power_on(self) -> None:
        if self._entered:
            self._chip.power_on()
            return
        self._entered = True
        self._stack.enter_context(self._chip)
        self._chip.set_load(meter_load(self._load))
        self._link = os.open(self._chip.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def power_off(self) -> None:
        self._busy_before_ns += self._busy_now_ns()
        self._chip.power_off()
        termios.tcflush(self._link, termios.TCIFLUSH)

    def reset(self) -> None:
        self._busy_before_ns += self._busy_now_ns()
        self._chip.reset()

    def brown_out(self) -> None:
        raise BenchError(f"{self.rig.name} has no brown-out: {self.rig.lacks['brown-out']}")

    def cut_power(self, operation: int, when: str) -> None:
        raise BenchError(f"{self.rig.name} has no power cuts: {self.rig.lacks['power cuts']}")

    def type(self, text: bytes) -> None:
        end = os.open(self._chip.console, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(end, text)
            time.sleep(0.2)  # closed at once it would take the bytes along
        finally:
            os.close(end)

    def read(self) -> list[tuple[int, bytes]]:
        self._collect(0)
        came, self._came = self._came, []
        return came

    def write(self, data: bytes) -> int:
        at_ns = time.time_ns()
        while data:
            data = data[os.write(self._link, data) :]
        return at_ns

    def console(self) -> str:
        return self._chip.log().replace("\r\n", "\n") if self._entered else ""

    def edges(self, contactor: int) -> list[Edge]:
        pin, closed_level = relay_pin(self.board, contactor)
        changes: list[Edge] = []
        closed = False
        for edge in self._chip.edges(pin):
            if (edge.level == closed_level) != closed:
                closed = not closed
                changes.append(Edge(edge.at_ns, closed))
        return changes

    def is_closed(self, contactor: int) -> bool:
        pin, closed_level = relay_pin(self.board, contactor)
        return self._chip.level(pin) == closed_level

    def set_load(self, load: Load) -> None:
        self._load = load
        self._chip.set_load(meter_load(load))

    def stick(self, contactor: int, stuck: str | None) -> None:
        self._chip.stick(relay_pin(self.board, contactor)[0], stuck)

    def truth(self, node_ms: float) -> Quantities:
        seen = meter_load(self._load)
        return Quantities(seen.voltage_mv, seen.current_ma, seen.power_mw, seen.frequency_mhz)

    def _busy_now_ns(self) -> int:
        pid = self._chip.pid if self._entered else None
        if pid is None:
            return 0
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def busy_ns(self) -> int:
        return self._busy_before_ns + self._busy_now_ns()

    def sizes(self) -> dict[str, int]:
        return self._sizes

    def log(self) -> str:
        return self.console()

    def close(self) -> None:
        if self._link >= 0:
            os.close(self._link)
        self._stack.close()
