"""UART0 of the board, which loader and console share, at all the ports where the host may come to it."""

import time
from collections.abc import Callable

from tools.virtual_esp32.port import PtyPort, Rfc2217Port, TcpLine
from tools.virtual_esp32.worker import Worker

LOOK_S = 0.03  # how often the pseudo-terminal is looked at while nobody has it open
RETRY_S = 0.001  # after which a reader that was full is tried again


class Uart0:
    """`came_in` gets what the host sends, `lines` its DTR and RTS, `jig` True when one takes the board, else False.

    The jig is a socket: as long as a client holds it, the board is in its loader (see README.md).
    """

    def __init__(
        self,
        worker: Worker,
        number: int,
        came_in: Callable[[bytes], None],
        lines: Callable[[bool, bool], None],
        jig: Callable[[bool], None],
    ) -> None:
        self._worker, self._came_in, self._jig_changed = worker, came_in, jig
        self.serial = Rfc2217Port(lines, number)
        self.jig = TcpLine()
        self.pty = PtyPort()
        self._retrying = False

    @property
    def baud(self) -> int:
        """That the host has set."""
        return self.serial.lines.baudrate

    def start(self) -> None:
        """Within the worker."""
        self._worker.watch(self.serial.tcp.listener.fileno(), self._serial_came)
        self._worker.watch(self.jig.listener.fileno(), self._jig_came)
        self._look_at_pty()

    def send(self, content: bytes) -> None:
        """What the chip puts out; lost where nobody listens."""
        self.serial.send(content)
        self.jig.send(content)
        self.pty.send(content)
        self._retry_later()

    def close(self) -> None:
        """Take the ports away."""
        self.serial.tcp.close()
        self.jig.close()
        self.pty.close()

    def _retry_later(self) -> None:
        if not self._retrying and (self.serial.tcp.blocked or self.jig.blocked or self.pty.blocked):
            self._retrying = True
            self._worker.at(time.monotonic() + RETRY_S, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        self.serial.tcp.flush()
        self.jig.flush()
        self.pty.flush()
        self._retry_later()

    def _serial_came(self) -> None:
        if self.serial.accept() and self.serial.tcp.client is not None:
            self._worker.watch(self.serial.tcp.client.fileno(), self._serial_said)

    def _serial_said(self) -> None:
        content = self.serial.receive()
        if content is not None:
            self._came_in(content)
        elif self.serial.tcp.client is not None:
            self._worker.unwatch(self.serial.tcp.client.fileno())
            self.serial.hang_up()

    def _jig_came(self) -> None:
        if self.jig.accept() and self.jig.client is not None:
            self._worker.watch(self.jig.client.fileno(), self._jig_said)
            self._jig_changed(True)

    def _jig_said(self) -> None:
        content = self.jig.receive()
        if content is not None:
            self._came_in(content)
        elif self.jig.client is not None:
            self._worker.unwatch(self.jig.client.fileno())
            self.jig.hang_up()
            self._jig_changed(False)

    def _look_at_pty(self) -> None:
        content = self.pty.receive()  # also what somebody wrote who is gone again
        if content:
            self._came_in(content)
        if self.pty.opened:
            self._worker.watch(self.pty.fd, self._pty_said)
        else:
            self._worker.at(time.monotonic() + LOOK_S, self._look_at_pty)

    def _pty_said(self) -> None:
        content = self.pty.receive()
        if content:
            self._came_in(content)
        elif not self.pty.opened:
            self._worker.unwatch(self.pty.fd)
            self._look_at_pty()
