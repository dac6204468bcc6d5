"""The rig of a real board: its link on a port, its console on another if it has one. Nothing else is touched.

Power on means: whatever runs is greeted. What needs wires that nobody has put there raises BenchError.
"""

import time
from collections.abc import Mapping
from typing import Any

import serial

from hil.bench import BenchError, Edge, Load, Quantities, Setup
from hil.rigs import Rig
from tools import boards


class SerialBench:
    """See hil.bench.Bench."""

    def __init__(self, rig: Rig, setup: Setup) -> None:
        if not setup.port:
            raise BenchError("a real board needs --port, the serial port of its link to the Pi")
        self.rig = rig
        self.keys = setup.keys
        self.board: Mapping[str, Any] = boards.load(rig.board).board
        self._link = self._open(setup.port, self.board["LINK"].get("baud", 115200))
        self._console = self._open(setup.console, 115200) if setup.console else None
        self._said = ""

    def _open(self, port: str, baud: int) -> serial.Serial:
        try:
            return serial.serial_for_url(port, baudrate=baud, timeout=0, exclusive=True)
        except serial.SerialException as error:
            raise BenchError(
                f"{port} cannot be opened ({error}); is the bridge or a console still using it?"
            ) from error

    @property
    def now_ns(self) -> int:
        return time.monotonic_ns()

    def run(self, duration_ns: int) -> None:
        time.sleep(duration_ns / 1e9)

    def power_on(self) -> None:
        self._link.reset_input_buffer()

    def _lack(self, feature: str) -> BenchError:
        return BenchError(
            f"{self.rig.name} has no {feature}: {self.rig.lacks.get(feature, 'it cannot be done from here')}"
        )

    def power_off(self) -> None:
        raise self._lack("power")

    def reset(self) -> None:
        raise self._lack("reset")

    def brown_out(self) -> None:
        raise self._lack("brown-out")

    def cut_power(self, operation: int, when: str) -> None:
        raise self._lack("power cuts")

    def type(self, text: bytes) -> None:
        if self._console is None:
            raise BenchError("this needs the board's console: --console PORT")
        self._console.write(text)

    def read(self) -> list[tuple[int, bytes]]:
        data = self._link.read(self._link.in_waiting or 1)
        return [(time.monotonic_ns(), data)] if data else []

    def write(self, data: bytes) -> int:
        at_ns = time.monotonic_ns()
        self._link.write(data)
        return at_ns

    def console(self) -> str:
        if self._console is not None:
            self._said += self._console.read(self._console.in_waiting or 1).decode(errors="replace")
        return self._said.replace("\r\n", "\n")

    def edges(self, contactor: int) -> list[Edge]:
        raise self._lack("pins")

    def is_closed(self, contactor: int) -> bool:
        raise self._lack("pins")

    def set_load(self, load: Load) -> None:
        raise self._lack("converter")

    def stick(self, contactor: int, stuck: str | None) -> None:
        raise self._lack("pins")

    def truth(self, node_ms: float) -> Quantities:
        raise self._lack("injection")

    def busy_ns(self) -> int:
        raise self._lack("cpu")

    def sizes(self) -> dict[str, int]:
        return {}

    def log(self) -> str:
        return self.console()

    def close(self) -> None:
        self._link.close()
        if self._console is not None:
            self._console.close()
