"""The process that stands in for the chip's CPU: MicroPython's unix port with the flashed filesystem as its root."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

ON_BOARD = Path(__file__).parent / "on_board"
SOFT_RESET_TO_RAW_REPL = 4  # exit code of on_board/repl.py
OURS = 48 << 10  # bytes of heap for on_board/, amply: boot.py makes up for what is not needed


class InterpreterError(RuntimeError):
    """The interpreter cannot be started; the text says what to do."""


class Interpreter:
    """Starts with its making; `console` and `events` are descriptors to read from, `console` also to write to.

    `heap`: bytes that the program is to have; what on_board/ takes of the process's own comes on top.
    `uarts`: descriptors by number of UART; `told`: what else on_board/machine.py wants to know (its docstring).
    The console is a terminal of its own, so Ctrl-C reaches the program, and the program ends when this process does.
    """

    def __init__(self, program: Path, heap: int, uarts: Mapping[int, int], told: Mapping[str, object]) -> None:
        self.console, theirs = pty.openpty()
        _as_on_a_uart(theirs)
        self.events, its_events = os.pipe()
        ends = {str(uart): fd for uart, fd in uarts.items()}
        ours = {"repl": str(ON_BOARD / "repl.py"), "heap": (heap, heap + OURS)}
        words = {**told, **ours, "events": its_events, "uarts": ends}
        try:
            self._process = subprocess.Popen(
                [_setsid(), "--ctty", program, "-X", f"heapsize={heap + OURS}", ON_BOARD / "boot.py"],
                env={"VIRTUAL_ESP32": json.dumps(words), "MICROPYPATH": f"{ON_BOARD}:.frozen"},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                pass_fds=[its_events, *uarts.values()],
            )
        finally:
            os.close(theirs)
            os.close(its_events)
        os.set_blocking(self.console, False)
        os.set_blocking(self.events, False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """The CPU stops, at once; what it put out before can still be read."""
        self._process.kill()
        self._process.wait()

    def type(self, content: bytes) -> None:
        """Bytes into its console. What it does not read is lost, as from a UART's buffer; Ctrl-C gets through."""
        taken = 0
        with contextlib.suppress(OSError):
            taken = os.write(self.console, content)
        if b"\x03" in content[taken:]:
            self._process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Of a program that has left its console: its exit code, negative: the signal that ended it."""
        try:
            return self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def close(self) -> None:
        """Give the descriptors free."""
        os.close(self.console)
        os.close(self.events)


def read_all(descriptor: int) -> bytes:
    """What can be read now of a descriptor that does not block."""
    content = bytearray()
    with contextlib.suppress(OSError):
        while piece := os.read(descriptor, 1 << 16):
            content += piece
    return bytes(content)


def check(program: Path) -> None:
    """Raises InterpreterError when this cannot be started."""
    _setsid()
    if not os.access(program, os.X_OK) or program.is_dir():
        raise InterpreterError(f"{program} is no program: give a MicroPython for this machine, as tools.images has one")


def _setsid() -> str:
    found = shutil.which("setsid")
    if found is None:
        raise InterpreterError("setsid is missing: sudo apt-get install util-linux")
    return found


def _as_on_a_uart(terminal: int) -> None:
    """Bytes as they are, but for Ctrl-C, which interrupts, and the line ends that MicroPython makes on a chip."""
    mode = termios.tcgetattr(terminal)
    mode[0] = 0
    mode[1] = termios.OPOST | termios.ONLCR
    mode[3] = termios.ISIG
    for name in ("VQUIT", "VSUSP"):
        mode[6][getattr(termios, name)] = b"\0"
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(terminal, termios.TCSANOW, mode)
