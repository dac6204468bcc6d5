"""A Raspberry Pi Pico that is emulated: the real firmware and node program in a replayed home (simulated).

Behind a pseudo-terminal as the UART's other end, paced to the wall clock. The voltage divider and current
transformers on its converter's pins see the home; its relays switch the water heater there.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host_bridge.keys import SLOTS, new_key, node_file
from tools import boards, build
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image


class EmulatedNode:
    """One board with its home; `port` is what the bridge opens. Interface as tools.nodes.UnixNode."""

    def __init__(self, board: str, folder: Path, name: str, profile: Path, **unit: Any) -> None:
        """`unit`: keys of unit.json; of them `speed` and `start_hour` are the home's."""
        self.name = name
        self.port = folder / "port"
        self._board = boards.load(board)
        self._folder = folder
        home = {"profile": str(profile), "speed": unit.pop("speed", 1), "start_hour": unit.pop("start_hour", 0)}
        self._unit = {"name": name, **unit}
        self.keys = [(SLOTS[0], new_key())]  # as it left the workshop; for its bridge's KeyRing
        self._devices = [mains(self._board.board, home), *contactors(self._board.board)]
        self._emulated: EmulatedRP2040 | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Power on, plugged in."""
        if self._emulated is not None:
            self._emulated.power_on()
            return
        self._emulated = EmulatedRP2040(
            image(self._board.manifest["IMAGE"]).path,
            filesystem=build.filesystem(self._board, self._unit, replace={"keys.json": node_file(self.keys)}),
            filesystem_at=self._board.manifest["FILESYSTEM"]["offset"],
            ptys=("uart0",),
            speed=1.0,
            devices=self._devices,
            seed=zlib.crc32(self.name.encode()),  # what chance gives to one board, no other gets
        )
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(self._emulated.ports["uart0"])

    def kill(self) -> None:
        """Power off, at once; the flash keeps what it has."""
        if self._emulated is not None:
            self._emulated.power_off()

    def close(self) -> None:
        """Take the board away."""
        if self._emulated is not None:
            self._emulated.close()
            self._emulated = None
            self.port.unlink(missing_ok=True)

    @property
    def running(self) -> bool:
        if self._emulated is None or not self._emulated.running:
            return False
        self._emulated.edges()  # read now and then, or the emulator has to keep the lamp's blinks of a long run
        return True

    def log(self) -> str:
        """What the emulator has to say: power-ups, resets, and what went wrong."""
        return self._emulated.log() if self._emulated is not None else ""


def contactors(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The emulator's devices that stand for the contactors with an auxiliary contact."""
    wanted = ("closed_level", "feedback_pin", "feedback_closed_level")
    return [
        {"chip": "contactor", "coil_pin": spec["pin"], **{key: spec[key] for key in wanted}}
        for spec in board["CONTACTORS"]
        if spec["feedback_pin"] is not None
    ]


def mains(board: dict[str, Any], home: dict[str, Any]) -> dict[str, Any]:
    """The emulator's device that stands for the home behind the board's converter."""
    first = board["CHANNELS"][0]
    return {
        "chip": "mains",
        **home,
        "nominal_mv": board["NOMINAL_VOLTAGE_MV"],
        "voltage_nv_per_count": first["voltage_nv_per_count"],
        "current_na_per_count": first["current_na_per_count"],
        "heater_pin": board["CONTACTORS"][0]["pin"],
    }
