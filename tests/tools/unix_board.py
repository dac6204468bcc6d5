"""A board made of the unix port: a program under MicroPython on a pseudo-terminal, and its folder as flash."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

from tools.nodes import find_micropython

PROGRAM = """\
import time
print("node up")
try:
    while True:
        time.sleep(0.02)
finally:
    print("contactors open")
"""
# What the port lacks of a board's `machine`: a restart, here the end of the program, which is then started anew.
MACHINE = "import sys\ndef reset():\n    sys.exit()\n"


class UnixBoard:
    """A context manager; `port` is its console. It starts again whenever its program ends, as a board does."""

    def __init__(self, folder: Path) -> None:
        self.flash = folder / "flash"
        self.flash.mkdir()
        (self.flash / "main.py").write_text(PROGRAM)
        library = folder / "library"
        library.mkdir()
        (library / "machine.py").write_text(MACHINE)
        self._library = library
        self.boots = 0
        self.said = b""

    def __enter__(self) -> "UnixBoard":
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._wanted = True
        self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        return self

    def _start(self) -> None:
        self.boots += 1
        inside, terminal = pty.openpty()
        attributes = termios.tcgetattr(terminal)
        attributes[1] &= ~termios.OPOST
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        self._inside = inside

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            [find_micropython(), "-i", "main.py"],
            cwd=self.flash,
            env={**os.environ, "MICROPYPATH": f"{self._library}:.frozen"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            preexec_fn=own_terminal,  # noqa: PLW1509
        )
        os.close(terminal)

    def _keep(self) -> None:
        while self._wanted:
            ready, _, _ = select.select([self._ours, self._inside], [], [], 0.05)
            try:
                if self._ours in ready:
                    os.write(self._inside, os.read(self._ours, 4096))
                if self._inside in ready:
                    self._say(os.read(self._inside, 4096))
            except OSError:  # the program has ended
                self._process.wait()
                os.close(self._inside)
                if self._wanted:
                    self._start()

    def _say(self, data: bytes) -> None:
        self.said += data
        os.write(self._ours, data)

    def wait_for(self, words: bytes) -> None:
        """Until the board has said `words` since it was last asked; what was said before them is forgotten."""
        self.wait_until(lambda: words in self.said)
        self.said = self.said.partition(words)[2]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Until `condition` holds; AssertionError when it does not come."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.01)

    def unplug(self) -> None:
        """The cable is pulled out: the port is gone and the program stops where it is."""
        if not self._wanted:
            return
        self._wanted = False
        self._keeper.join()
        self._process.kill()
        self._process.wait()
        for end in (self._ours, self._theirs, self._inside):
            os.close(end)

    def __exit__(self, *_: object) -> None:
        self.unplug()
