"""A Raspberry Pi's buses with the emulator's model of a chip on them, in the chip's own simulated time.

In the place of smbus2, busio, spidev, pyserial and gpiod stand classes with what our drivers call of them; what they
are told goes to the very model that the emulated RP2040 has on its pins (chip_rig.mjs).
"""

import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tools.setup_node import ensure, node

PROGRAM = Path(__file__).with_name("chip_rig.mjs")
MS = 1_000_000


class ChipRig:
    """One chip; `now_ns` is its time, which passes in `run` alone."""

    def __init__(self, literal: dict[str, Any]) -> None:
        ensure()
        self._process = subprocess.Popen([node(), str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.now_ns = 0
        self.came = bytearray()
        self.edges: list[tuple[int, int]] = []  # (ns, level)
        self._send(literal)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, ns: int) -> None:
        self.ask("run", ns=ns)

    def tell(self, **changes: Any) -> dict[str, Any]:
        """As EmulatedRP2040.tell."""
        return dict(self.ask("tell", changes=changes)["told"])

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        return self._send({"do": what, **values})

    def _send(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.now_ns = answer["now"]
        self.came += bytes(answer["came"])
        self.edges += [(ns, level) for ns, _, level in answer["edges"]]
        return answer

    def transfer(self, bus: int, address: int, write: list[int], read: int) -> list[int]:
        answer = self.ask("i2c", bus=bus, address=address, write=write, read=read)
        if "error" in answer:
            raise OSError(answer["error"], "Remote I/O error or Connection timed out")
        return list(answer["data"])


def install(rig: ChipRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on smbus2, spidev, serial and gpiod lead to the chip, and node time is its time."""
    modules: dict[str, dict[str, object]] = {
        "smbus2": {"SMBus": lambda number: _Bus(rig, number)},
        "spidev": {"SpiDev": lambda: _Spi(rig)},
        "serial": {"Serial": lambda path, baud, **_: _Port(rig, baud), "SerialException": OSError},
        "gpiod": {"request_lines": lambda *_, **wanted: _Lines(rig, **wanted), **_GPIOD},
    }
    for name, content in modules.items():
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**content))
    monkeypatch.setattr("gridnode.drivers.gpiod_edges.monotonic_ns", lambda: rig.now_ns)


class _Bus:
    """smbus2.SMBus."""

    def __init__(self, rig: ChipRig, number: int) -> None:
        self._rig, self._number = rig, number

    def read_i2c_block_data(self, address: int, register: int, length: int) -> list[int]:
        return self._rig.transfer(self._number, address, [register], length)

    def write_i2c_block_data(self, address: int, register: int, octets: list[int]) -> None:
        self._rig.transfer(self._number, address, [register, *octets], 0)


class BusioBus:
    """busio.I2C of Blinka, for drivers.busio_bus."""

    def __init__(self, rig: ChipRig, number: int) -> None:
        self._rig, self._number, self._locked = rig, number, False

    def try_lock(self) -> bool:
        free, self._locked = not self._locked, True
        return free

    def unlock(self) -> None:
        assert self._locked
        self._locked = False

    def writeto(self, address: int, buffer: bytes) -> None:
        assert self._locked
        self._rig.transfer(self._number, address, list(buffer), 0)

    def writeto_then_readfrom(self, address: int, out: bytes, into: bytearray) -> None:
        assert self._locked
        into[:] = bytes(self._rig.transfer(self._number, address, list(out), len(into)))


class _Spi:
    """spidev.SpiDev."""

    def __init__(self, rig: ChipRig) -> None:
        self._rig = rig

    def open(self, bus: int, select: int) -> None:
        self.opened = bus, select

    def xfer2(self, octets: list[int]) -> list[int]:
        return list(self._rig.ask("spi", write=octets)["data"])


class BusioSpi:
    """busio.SPI of Blinka, for drivers.busio_bus."""

    def __init__(self, rig: ChipRig) -> None:
        self._rig, self._locked = rig, False

    def try_lock(self) -> bool:
        free, self._locked = not self._locked, True
        return free

    def unlock(self) -> None:
        self._locked = False

    def configure(self, baudrate: int, polarity: int, phase: int) -> None:
        assert self._locked

    def write_readinto(self, write: bytes, read: bytearray) -> None:
        assert self._locked
        read[:] = bytes(self._rig.ask("spi", write=list(write))["data"])


class _Port:
    """serial.Serial with timeout 0."""

    def __init__(self, rig: ChipRig, baud: int) -> None:
        self._rig = rig
        rig.ask("baud", baud=baud)

    def read(self, size: int) -> bytes:
        taken = bytes(self._rig.came[:size])
        del self._rig.came[:size]
        return taken

    def write(self, octets: bytes) -> int:
        self._rig.ask("send", write=list(octets))
        return len(octets)

    def close(self) -> None:
        """Nothing is held."""


class _Lines:
    """gpiod.LineRequest for one line with edge detection; the kernel keeps its edges and stamps them."""

    def __init__(self, rig: ChipRig, config: dict[int, Any], consumer: str) -> None:
        ((pin, self._settings),) = config.items()
        self._rig, self._taken = rig, 0
        rig.ask("pull", pin=pin, level=1 if self._settings.bias == "up" else 0)
        rig.edges.clear()

    def wait_edge_events(self, timeout: float) -> bool:
        assert timeout == 0  # None would wait for ever
        return bool(self._rig.edges)

    def read_edge_events(self) -> list[types.SimpleNamespace]:
        some = self._rig.edges[:16]
        del self._rig.edges[:16]
        events = []
        for ns, level in some:
            self._taken += 1
            kind = "rising" if bool(level) != self._settings.active_low else "falling"
            events.append(types.SimpleNamespace(timestamp_ns=ns, event_type=kind, line_seqno=self._taken))
        return events

    def release(self) -> None:
        """Nothing is held."""


_GPIOD: dict[str, object] = {
    "LineSettings": types.SimpleNamespace,
    "EdgeEvent": types.SimpleNamespace(Type=types.SimpleNamespace(RISING_EDGE="rising", FALLING_EDGE="falling")),
    "line": types.SimpleNamespace(
        Direction=types.SimpleNamespace(INPUT="in"),
        Edge=types.SimpleNamespace(BOTH="both"),
        Bias=types.SimpleNamespace(PULL_UP="up", PULL_DOWN="down"),
    ),
}
