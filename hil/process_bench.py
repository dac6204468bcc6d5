"""Rigs that are a program of this machine: MicroPython's unix port with 64 or 32 bits, and CPython.

The node's line is a pseudo-terminal; its meter replays a home made for the test, with a steady load.
"""

import json
import math
import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gridnode.drivers.replay_meter import REACTIVE_PER_MILLE, VOLTAGE_SWAY_PER_MILLE
from hil.bench import UNIT, BenchError, Edge, Load, Quantities, Setup, apply_edits
from hil.rigs import Rig, literals
from host_bridge.keys import node_file, write_private
from tools import boards, constants, images, slim_schema
from tools.homes import write_profile
from tools.node_files import FIRMWARE, SCHEMA, compiled
from tools.nodes import die_with_parent, find_micropython

SWAY_PERIOD_S = 173  # of the replayed voltage
FREQUENCY_SWAYS = ((20, 97), (10, 41))  # mHz at most, period in s
READ_BYTES = 4096


def _unix64() -> list[str]:
    return [find_micropython()]


def _unix32() -> list[str]:
    return [str(images.unix32()), "-X", "heapsize=160k"]


def _native() -> list[str]:
    return [sys.executable]


ARCHITECTURES = {"unix64": "x64", "unix32": "x86"}  # of mpy-cross
INTERPRETERS: dict[str, Callable[[], list[str]]] = {"unix64": _unix64, "unix32": _unix32, "pi_native": _native}


class ProcessBench:
    """See hil.bench.Bench."""

    def __init__(self, rig: Rig, setup: Setup) -> None:
        self.rig = rig
        self._folder = setup.scratch
        self.keys = setup.keys
        self._load = setup.load
        self._command = INTERPRETERS[rig.name]()
        self._sources = setup.scratch / "firmware"
        self.board: Mapping[str, Any] = self._put_node(setup)
        self._line = pty.openpty()  # the node's end, ours
        for end in self._line:
            tty.setraw(end)
        os.set_blocking(self._line[0], False)
        self._write_unit(setup)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self._folder / "console"
        self._log.touch()
        self._came: list[tuple[int, bytes]] = []
        self._busy_before_ns = 0

    def _put_node(self, setup: Setup) -> dict[str, Any]:
        """Write the node's files as its interpreter runs them: for MicroPython as a board gets them, else sources."""
        board = boards.load(self.rig.board)
        sources = {"board.py": board.folder / "board.py"}
        sources |= {str(path.relative_to(FIRMWARE)): path for path in FIRMWARE.rglob("*.py")}
        edited = apply_edits(setup.edits, lambda path: sources[path].read_text(encoding="utf-8"))
        files = {name: path.read_bytes() for name, path in sources.items()}
        if self.rig.name in ARCHITECTURES:
            slim = {**files, SCHEMA: slim_schema.source(), **edited}
            files = _compiled(constants.folded(slim), ARCHITECTURES[self.rig.name])
        else:
            files |= edited
        for name, content in files.items():
            (self._sources / name).parent.mkdir(parents=True, exist_ok=True)
            (self._sources / name).write_bytes(content)
        self._node_bytes = sum(map(len, files.values()))
        return literals(edited["board.py"].decode(), sources["board.py"]) if "board.py" in edited else board.board

    def _write_unit(self, setup: Setup) -> None:
        profile = self._folder / "steady.profile"
        write_profile(profile, "steady", [(setup.load.active_mw, 0)] * 2)
        write_private(self._folder / "keys.json", node_file(self.keys))
        unit = {"name": UNIT, "link_fd": self._line[0], "profile": str(profile), **setup.unit}
        (self._folder / "unit.json").write_text(json.dumps(unit), encoding="utf-8")

    @property
    def now_ns(self) -> int:
        return time.monotonic_ns()

    def run(self, duration_ns: int) -> None:
        end = time.monotonic_ns() + duration_ns
        while (left := end - time.monotonic_ns()) > 0:
            self._collect(left / 1e9)

    def _collect(self, within_s: float) -> None:
        if select.select([self._line[1]], [], [], within_s)[0]:
            self._came.append((time.monotonic_ns(), os.read(self._line[1], READ_BYTES)))

    def power_on(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, str(self._sources / "main.py"), str(self._folder)],
                env={
                    **os.environ,
                    "MICROPYPATH": f"{self._sources}:.frozen",
                    "PYTHONPATH": "",
                    "PYTHONUNBUFFERED": "1",
                },
                pass_fds=[self._line[0]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 (no thread of ours forks)
            )

    def power_off(self) -> None:
        if self._process is not None:
            self._busy_before_ns += self._busy_now_ns()
            self._process.kill()
            self._process.wait()
            self._process = None

    def type(self, text: bytes) -> None:
        raise self._lack("prompt")

    def reset(self) -> None:
        raise self._lack("reset")

    def brown_out(self) -> None:
        raise self._lack("brown-out")

    def cut_power(self, operation: int, when: str) -> None:
        raise self._lack("power cuts")

    def edges(self, contactor: int) -> list[Edge]:
        raise self._lack("pins")

    def is_closed(self, contactor: int) -> bool:
        raise self._lack("pins")

    def _lack(self, feature: str) -> BenchError:
        return BenchError(f"{self.rig.name} has no {feature}: {self.rig.lacks[feature]}")

    def read(self) -> list[tuple[int, bytes]]:
        self._collect(0)
        came, self._came = self._came, []
        return came

    def write(self, data: bytes) -> int:
        at_ns = time.monotonic_ns()
        while data:
            data = data[os.write(self._line[1], data) :]
        return at_ns

    def console(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def set_load(self, load: Load) -> None:
        raise self._lack("converter")

    def stick(self, contactor: int, stuck: str | None) -> None:
        raise self._lack("pins")

    def truth(self, node_ms: float) -> Quantities:
        """As gridnode.drivers.replay_meter has it: voltage and frequency sway about their nominal values, whatever the
        load's; its power does not.
        """
        nominal_mv = self.board["NOMINAL_VOLTAGE_MV"]
        turns = 2 * math.pi * node_ms / 1000
        sway = math.sin(turns / SWAY_PERIOD_S)
        frequency_mhz = self.board["NOMINAL_FREQUENCY_HZ"] * 1000
        frequency_mhz += sum(most * math.sin(turns / period_s) for most, period_s in FREQUENCY_SWAYS)
        voltage_mv = nominal_mv * (1 + VOLTAGE_SWAY_PER_MILLE / 1000 * sway)
        apparent_mva = math.hypot(self._load.active_mw, self._load.active_mw * REACTIVE_PER_MILLE / 1000)
        return Quantities(voltage_mv, apparent_mva / voltage_mv * 1000, self._load.active_mw, frequency_mhz)

    def _busy_now_ns(self) -> int:
        """Processor time of the running program, from /proc/PID/stat's utime and stime."""
        if self._process is None:
            return 0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def busy_ns(self) -> int:
        return self._busy_before_ns + self._busy_now_ns()

    def sizes(self) -> dict[str, int]:
        return {"node": self._node_bytes}  # the interpreter is this machine's: its size says nothing of a board

    def log(self) -> str:
        return self.console()

    def close(self) -> None:
        self.power_off()
        for end in self._line:
            os.close(end)


def _compiled(sources: Mapping[str, bytes], architecture: str) -> dict[str, bytes]:
    """No memory goes into compiling; main.py stays source there too."""
    files = {"main.py": sources["main.py"]}
    for name, source in sources.items():
        if name != "main.py":
            files[name.removesuffix(".py") + ".mpy"] = compiled(name, source, architecture)
    return files
