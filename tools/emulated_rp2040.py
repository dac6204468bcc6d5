"""An emulated RP2040 board: the unmodified MicroPython image in rp2040js, stepped or running, driven from Python.

The emulator is tools/emulator (Node); this is its other end, and tools/emulate.py is for a shell. Times are nanoseconds
of simulated time since first power-on; they never go back.
"""

import base64
import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import tty
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tools import images, setup_node
from tools.nodes import die_with_parent

PORTS = ("uart0", "uart1", "usb")
_PATIENCE_S = 600.0  # of wall time for one answer: a long run takes its time, a hung emulator is an error all the same
_LOG_TAIL = 40


class EmulatorError(RuntimeError):
    """The emulator refused, died or does not answer; the text says why, with the end of its log."""


class Edge(NamedTuple):
    """What is on a pin's wire from `at_ns` on: its level, and whether the chip drives it."""

    at_ns: int
    pin: int
    level: int
    driven: bool


class EmulatedRP2040:
    """A board, powered on. A context manager; on an exception inside the `with` the end of its log goes to stderr.

    speed None: stepped, time passes in `run` alone and the same calls give the same edges to the nanosecond;
    1.0: paced to the wall clock; 0: flat out. ptys: of PORTS, each given a pseudo-terminal (`ports`); the others are
    written and read here. flash: a file that keeps the flash; if it exists, it is what is in the flash.
    pulls: pin -> level of resistors on the board. devices: literals, see tools/emulator/README.md.
    Raises EmulatorError, ImageError (no boot ROM), SetupError (no Node).
    """

    def __init__(
        self,
        image: Path,
        *,
        filesystem: bytes | None = None,
        filesystem_at: int = 0xA0000,
        flash: Path | None = None,
        ptys: Sequence[str] = (),
        speed: float | None = None,
        devices: Sequence[Mapping[str, Any]] = (),
        pulls: Mapping[int, int] | None = None,
        seed: int = 1,
        without: Sequence[str] = (),
    ) -> None:
        self.ports: dict[str, Path] = {}
        self._resources = ExitStack()
        self._edges: list[Edge] = []
        self._received: dict[str, list[tuple[int, bytes]]] = {port: [] for port in PORTS}
        self._figures: dict[str, Any] = {"now": 0, "resets": 0, "busy": 0, "flash_operations": 0, "powered": True}
        self._stepped = speed is None
        self._requests = 0
        self._rest = b""
        self._stale = False  # something may have happened that we have not been told
        self._last_log = ""
        self._folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="gridnexus-rp2040-")))
        try:
            arguments = self._files(image, filesystem, filesystem_at, flash)
            arguments += ["--seed", str(seed), "--devices", json.dumps([dict(device) for device in devices])]
            arguments += ["--pulls", json.dumps({str(pin): level for pin, level in (pulls or {}).items()})]
            arguments += ["--stepped"] if speed is None else ["--speed", str(speed)]
            arguments += [argument for name in without for argument in ("--without", name)]
            self._start(arguments, ptys)
        except BaseException:
            self._resources.close()
            raise

    def _files(self, image: Path, filesystem: bytes | None, at: int, flash: Path | None) -> list[str]:
        arguments = ["--bootrom", str(images.boot_rom()), "--image", str(image)]
        if filesystem is not None:
            (self._folder / "filesystem.img").write_bytes(filesystem)
            arguments += ["--filesystem", str(self._folder / "filesystem.img"), "--filesystem-at", str(at)]
        if flash is not None:
            arguments += ["--flash", str(flash)]
        return arguments

    def _start(self, arguments: list[str], ptys: Sequence[str]) -> None:
        emulator = setup_node.ensure()
        command = [setup_node.node(), str(emulator / "main.mjs"), *arguments]
        with ExitStack() as theirs:  # what the emulator inherits and we do not keep
            self._control, control = socket.socketpair()
            self._resources.callback(self._control.close)
            theirs.callback(control.close)
            passed = [control.fileno()]
            for port in ptys:
                passed.append(self._plug(port, theirs))
                command += ["--pty", f"{port}={passed[-1]}"]
            log = theirs.enter_context(open(self._log_path, "wb"))
            self._process = subprocess.Popen(
                [*command, "--control", str(control.fileno())],
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 (no thread of ours forks)
            )
            self._resources.callback(self._end)
        self._control.settimeout(_PATIENCE_S)
        self._answer()

    def _plug(self, port: str, theirs: ExitStack) -> int:
        """Make the pseudo-terminal of a port; return the board's end of it."""
        if port not in PORTS:
            raise EmulatorError(f"there is no port {port}: {', '.join(PORTS)}")
        board_end, program_end = pty.openpty()
        theirs.callback(os.close, board_end)
        self._resources.callback(os.close, program_end)  # kept open: the port outlives the programs that open it
        tty.setraw(board_end)
        tty.setraw(program_end)
        self.ports[port] = Path(os.ttyname(program_end))
        return board_end

    # -- time ----------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Simulated time since first power-on."""
        return int(self._figure("now"))

    def run(self, duration_ns: int, until: Sequence[str] = ()) -> None:
        """Let `duration_ns` pass on a stepped board.

        until: any of "uart0", "uart1" (its transmitter pauses), "usb" (a packet has left), "edge" (of any pin), "air"
        (a radio began something at its antenna): stop early, right after the instruction that did it.
        """
        self._take(self._ask("run", ns=int(duration_ns), until=list(until)))

    @property
    def cpu_busy_ns(self) -> int:
        """Simulated time in which the core was neither asleep nor without power."""
        return int(self._figure("busy"))

    # -- ports ---------------------------------------------------------------------------------------------------

    def write(self, port: str, data: bytes) -> None:
        """Send bytes into a port without a pseudo-terminal; a UART's arrive at its programmed rate, beginning now."""
        self._ask("write", port=port, data=base64.b64encode(data).decode())

    def read(self, port: str) -> list[tuple[int, bytes]]:
        """What left the board since the last call: runs of bytes without a pause, and when the last bit was out."""
        self._refresh()
        received, self._received[port] = self._received[port], []
        return received

    # -- pins ----------------------------------------------------------------------------------------------------

    def edges(self, pin: int | None = None) -> list[Edge]:
        """All changes on the wires of the pins (or of one) since first power-on."""
        self._refresh()
        return [edge for edge in self._edges if pin is None or edge.pin == pin]

    def level(self, pin: int) -> int:
        """What is on the pin's wire: what the chip drives, else what is driven outside, else what pulls it, else 0."""
        return int(self._ask("level", pin=pin)["level"])

    def drive(self, pin: int, level: int | None) -> None:
        """Drive a pin from outside, or let go of it (None)."""
        self._ask("drive", pin=pin, level=level)

    def adc(self, channel: int, wave: Mapping[str, Any]) -> None:
        """What the converter sees on channel 0 to 3 (GP26 to GP29) or 4: a wave's literal, see tools/emulator."""
        self._ask("adc", channel=channel, wave=dict(wave))

    def tell(self, device: int, **message: Any) -> dict[str, Any]:
        """A message to a device model, by its place in `devices`; its answer."""
        answer: dict[str, Any] = self._ask("tell", device=device, message=message)["answer"]
        return answer

    # -- power ---------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Pull the RUN pin low for a moment."""
        self._power("reset")

    def power_off(self) -> None:
        """Take the power away, between two instructions."""
        self._power("off")

    def power_on(self) -> None:
        """Give it back: the same flash, everything else as after a cold start."""
        self._power("on")

    def brown_out(self) -> None:
        """Let the supply dip below the brown-out detector's level."""
        self._power("brown_out")

    def cut_power(self, operation: int, when: str) -> None:
        """Cut the power "before", "during" or "after" the operation-th flash operation from now (1: the next).

        An operation is the erasing of a sector of 4096 bytes or the programming of a page of 256.
        """
        self._ask("cut", operation=operation, when=when)

    @property
    def powered(self) -> bool:
        """Whether the chip has power."""
        return bool(self._figure("powered"))

    @property
    def resets(self) -> int:
        """Resets of all kinds since first power-on."""
        return int(self._figure("resets"))

    @property
    def flash_operations(self) -> int:
        """Sectors erased and pages programmed since first power-on."""
        return int(self._figure("flash_operations"))

    @property
    def operations(self) -> list[tuple[str, int, int]]:
        """The last 10,000 of them: ("erase" or "program", offset, bytes)."""
        return [(kind, offset, length) for kind, offset, length in self._ask("operations")["operations"]]

    def pages(self) -> list[bytes | None]:
        """With each of `operations` what was to be programmed; None: a sector was erased."""
        return [None if page is None else base64.b64decode(page) for page in self._ask("pages")["pages"]]

    def flash(self) -> bytes:
        """The 2 MiB that are in the flash."""
        return base64.b64decode(self._ask("flash")["flash"])

    # -- the emulator --------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the emulator's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the emulator's process has not ended by itself."""
        return self._process.poll() is None

    def log(self) -> str:
        """What the emulator said: power-ups, resets, lost bytes."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else self._last_log

    @property
    def _log_path(self) -> Path:
        return self._folder / "log"

    def wait(self) -> None:
        """Return, with an error, only if the emulator ends by itself. Raises EmulatorError."""
        self._process.wait()
        raise EmulatorError(self._gone())

    def close(self) -> None:
        """End the emulator."""
        self._resources.close()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._last_log = self.log()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            print(f"-- the emulated RP2040's last log --\n{self._tail()}", file=sys.stderr)
        self.close()

    def _power(self, what: str) -> None:
        self._ask("power", what=what)

    def _figure(self, name: str) -> Any:
        self._refresh()
        return self._figures[name]

    def _refresh(self) -> None:
        if self._stale or not self._stepped:
            self._take(self._ask("take"))

    def _take(self, answer: dict[str, Any]) -> None:
        self._stale = False
        self._figures.update(answer)
        self._edges += [Edge(at, pin, level, driven) for at, pin, level, driven in answer["edges"]]
        for port, at, data in answer["bytes"]:
            self._received[port].append((at, base64.b64decode(data)))
        if answer["lost"]:
            raise EmulatorError(f"{answer['lost']} events were lost: read the board's ports and edges more often")

    def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        self._requests += 1
        self._stale = True
        line = json.dumps({"id": self._requests, "do": do, **request}) + "\n"
        try:
            self._control.sendall(line.encode())
        except OSError as error:
            raise EmulatorError(self._gone()) from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            try:
                part = self._control.recv(1 << 20)
            except TimeoutError as error:
                said = f"the emulator did not answer within {_PATIENCE_S:g} s. Its last log:\n{self._tail()}"
                raise EmulatorError(said) from error
            except OSError as error:
                raise EmulatorError(self._gone()) from error
            if not part:
                raise EmulatorError(self._gone())
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if answer["id"] not in (None, self._requests):
            return self._answer()  # of a request that was interrupted
        if "error" in answer:
            raise EmulatorError(answer["error"])
        return answer

    def _gone(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return f"the emulator no longer listens. Its last log:\n{self._tail()}"
        return f"the emulator ended (exit code {code}). Its last log:\n{self._tail()}"

    def _tail(self) -> str:
        return "\n".join(self.log().splitlines()[-_LOG_TAIL:])
