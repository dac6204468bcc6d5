"""The program that runs on the board: what its console says, what happens at its pins, and that its watchdog is fed."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.virtual_esp32.interpreter import Interpreter, read_all
from tools.virtual_esp32.pads import FED_WRAP
from tools.virtual_esp32.worker import Worker

Event = dict[str, Any]  # a line of on_board/machine.py


class Program:
    """Starts with its making. `said` gets its console, `happened` its events in order, `ended` its exit code, once.

    `ended` is not called for a program that was stopped.
    """

    def __init__(
        self,
        worker: Worker,
        interpreter: tuple[Path, int],
        uarts: Mapping[int, int],
        told: Mapping[str, object],
        said: Callable[[bytes], None],
        happened: Callable[[Event], None],
        ended: Callable[[int], None],
    ) -> None:
        self._worker, self._said, self._happened, self._ended = worker, said, happened, ended
        self._process = Interpreter(*interpreter, uarts, told)
        self._begun = b""  # a line that is not complete
        self._stopped = self._gone = False
        worker.watch(self._process.console, self._hear_console)
        worker.watch(self._process.events, self.hear)

    @property
    def pid(self) -> int:
        return self._process.pid

    def type(self, content: bytes) -> None:
        """Into its console."""
        self._process.type(content)

    def hear(self) -> None:
        """Pass on everything that has happened up to now."""
        if not self._gone:
            *lines, self._begun = (self._begun + read_all(self._process.events)).split(b"\n")
            for line in lines:
                self._happened(json.loads(line))

    def stop(self) -> None:
        """At once; what it did before is still passed on."""
        if not self._gone:
            self._stopped = True
            self._process.kill()
            self._hear_console()

    def _hear_console(self) -> None:
        while not self._gone:
            try:
                self._said(os.read(self._process.console, 1 << 16))
            except BlockingIOError:
                return
            except OSError:  # its terminal has no other end any more
                self._let_go()

    def _let_go(self) -> None:
        code = self._process.ended()
        self.hear()
        self._gone = True
        for descriptor in (self._process.console, self._process.events):
            self._worker.unwatch(descriptor)
        self._process.close()
        if not self._stopped:
            self._ended(code)


class Watchdog:
    """`fed_ms` tells when it was last fed (modulo FED_WRAP); `bite` is called when that is too long ago."""

    def __init__(self, worker: Worker, fed_ms: Callable[[], int], bite: Callable[[], None]) -> None:
        self._worker, self._fed_ms, self._bite = worker, fed_ms, bite
        self._timeout_ms: int | None = None
        self._setting = 0  # looks that were planned for an earlier one are void

    def set(self, timeout_ms: int | None) -> None:
        """Watch from now on; None: no more."""
        self._timeout_ms = timeout_ms
        self._setting += 1
        if timeout_ms is not None:
            self._look_in(timeout_ms)

    def _look_in(self, wait_ms: int) -> None:
        setting = self._setting
        self._worker.at(time.monotonic() + wait_ms / 1000, lambda: self._look(setting))

    def _look(self, setting: int) -> None:
        if self._timeout_ms is None or setting != self._setting:
            return
        hungry_ms = (int(time.monotonic() * 1000) - self._fed_ms()) % FED_WRAP
        if hungry_ms > FED_WRAP // 2:  # fed since we looked at the clock
            hungry_ms = 0
        if hungry_ms < self._timeout_ms:
            self._look_in(self._timeout_ms - hungry_ms + 1)
        else:
            self._bite()
