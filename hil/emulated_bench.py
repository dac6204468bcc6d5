"""The rigs of an emulated RP2040: stepped in simulated time, its mains and contactors simulated around it."""

from collections.abc import Mapping
from typing import Any

from hil.bench import UNIT, BenchError, Edge, Load, Quantities, Setup, apply_edits, relay_pin
from hil.rigs import Rig, literals
from host_bridge.keys import node_file
from tools import boards, build, images
from tools.emulated_node import contactors
from tools.emulated_rp2040 import EmulatedRP2040
from tools.node_files import FIRMWARE, node_files

LINK, CONSOLE = "uart0", "usb"


class EmulatedBench:
    """See hil.bench.Bench. The emulator starts with the first power-on; before that no time passes."""

    def __init__(self, rig: Rig, setup: Setup) -> None:
        board = boards.load(rig.board)
        self.rig = rig
        self._load = setup.load
        self._image = images.image(board.manifest["IMAGE"]).path
        self.keys = setup.keys
        replaced = apply_edits(setup.edits, lambda path: _source(board, path))
        self.board: Mapping[str, Any] = board.board
        if "board.py" in replaced:
            self.board = literals(replaced["board.py"].decode(), board.folder / "board.py")
        self._at = board.manifest["FILESYSTEM"]["offset"]
        on_it = {**replaced, "keys.json": node_file(self.keys)}
        self._filesystem = build.filesystem(board, {"name": UNIT, **setup.unit}, replace=on_it)
        self._node_bytes = sum(map(len, node_files(board, {"name": UNIT}).values()))
        self._said = ""
        self._chip: EmulatedRP2040 | None = None

    def _devices(self) -> list[dict[str, Any]]:
        grid = self.board["CHANNELS"][0]
        mains = {
            "chip": "mains",
            "voltage_nv_per_count": grid["voltage_nv_per_count"],
            "current_na_per_count": self._true_scale,
            "heater_pin": self.board["CONTACTORS"][0]["pin"],
            "fixed": _mains(self._load),
        }
        return [mains, *contactors(self.board)]

    @property
    def _true_scale(self) -> int:
        """Of the current transformer on the board as it is, whatever an edited board.py says of it."""
        return int(boards.load(self.rig.board).board["CHANNELS"][0]["current_na_per_count"])

    @property
    def chip(self) -> EmulatedRP2040:
        """The board, which has had power."""
        if self._chip is None:
            raise BenchError("power the bench first")
        return self._chip

    @property
    def now_ns(self) -> int:
        return self._chip.now_ns if self._chip else 0

    def run(self, duration_ns: int) -> None:
        self.chip.run(duration_ns)

    def power_on(self) -> None:
        if self._chip is None:
            pulls = {spec["pin"]: 1 - spec["closed_level"] for spec in self.board["CONTACTORS"]}
            self._chip = EmulatedRP2040(
                self._image,
                filesystem=self._filesystem,
                filesystem_at=self._at,
                devices=self._devices(),
                pulls=pulls,
            )
        else:
            self._chip.power_on()

    def power_off(self) -> None:
        self.chip.power_off()

    def reset(self) -> None:
        self.chip.reset()

    def brown_out(self) -> None:
        self.chip.brown_out()

    def cut_power(self, operation: int, when: str) -> None:
        self.chip.cut_power(operation, when)

    def type(self, text: bytes) -> None:
        self.chip.write(CONSOLE, text)

    def read(self) -> list[tuple[int, bytes]]:
        return self.chip.read(LINK)

    def write(self, data: bytes) -> int:
        at_ns = self.chip.now_ns
        self.chip.write(LINK, data)
        return at_ns

    def console(self) -> str:
        if self._chip:
            self._said += b"".join(data for _, data in self._chip.read(CONSOLE)).decode(errors="replace")
        return self._said.replace("\r\n", "\n")

    def edges(self, contactor: int) -> list[Edge]:
        pin, closed_level = relay_pin(self.board, contactor)
        changes: list[Edge] = []
        closed = False
        for edge in self.chip.edges(pin):
            if (edge.level == closed_level) != closed:
                closed = not closed
                changes.append(Edge(edge.at_ns, closed))
        return changes

    def is_closed(self, contactor: int) -> bool:
        pin, closed_level = relay_pin(self.board, contactor)
        return self.chip.level(pin) == closed_level

    def set_load(self, load: Load) -> None:
        self._load = load
        self.chip.tell(0, fixed=_mains(load))

    def stick(self, contactor: int, stuck: str | None) -> None:
        self.chip.tell(1 + contactor, stuck=stuck)

    def truth(self, node_ms: float) -> Quantities:
        """The mains stand still: the same at any time. An edited scale in board.py scales what there is to see."""
        seen = self.board["CHANNELS"][0]["current_na_per_count"] / self._true_scale
        amperes = self._load.active_mw / self._load.voltage_mv
        load = self._load
        return Quantities(load.voltage_mv, amperes * 1000 * seen, load.active_mw * seen, load.frequency_mhz)

    def busy_ns(self) -> int:
        return self.chip.cpu_busy_ns

    def sizes(self) -> dict[str, int]:
        return {"image": self._image.stat().st_size // 2, "node": self._node_bytes}  # a UF2 is half headers

    def log(self) -> str:
        return f"{self._chip.log() if self._chip else ''}\nconsole:\n{self.console()}"

    def close(self) -> None:
        if self._chip:
            self._chip.close()


def _mains(load: Load) -> dict[str, int]:
    """As tools/emulator/chips/mains.mjs takes it: a resistance."""
    return {
        "voltage_mv": load.voltage_mv,
        "frequency_mhz": load.frequency_mhz,
        "grid_mw": load.active_mw,
        "grid_mvar": 0,
    }


def _source(board: boards.Board, path: str) -> str:
    file = board.folder / path if path == "board.py" else FIRMWARE / path
    return file.read_text(encoding="utf-8")
