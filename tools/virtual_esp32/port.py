"""A serial port as the host sees it: RFC 2217 over loopback (with DTR and RTS), plain TCP, a pseudo-terminal."""

import contextlib
import os
import pty
import select
import socket
import struct
import tty
from collections.abc import Callable
from pathlib import Path

from serial import rfc2217

WAITING_MAX = 8 << 20  # bytes for a host that does not read: more than the largest answer of the loader
TELNET_MAX = 256  # bytes of one subnegotiation: longer is not RFC 2217


class PortError(RuntimeError):
    """A port cannot be had; the text says what to do."""


class Lines:
    """The settings of a serial port, as pyserial's PortManager wants to find them; `changed` when DTR or RTS do."""

    def __init__(self, changed: Callable[[bool, bool], None]) -> None:
        self._changed = changed
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115200, 8, "N", 1
        self.rtscts = self.xonxoff = self.break_condition = False
        self.cts = self.dsr = self.cd = True
        self.ri = False
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, asserted: bool) -> None:
        self._dtr = asserted
        self._changed(self._dtr, self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, asserted: bool) -> None:
        self._rts = asserted
        self._changed(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        """Nothing is kept here."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept here."""


class TcpLine:
    """Bytes from and to one client at a time on 127.0.0.1; a second one is turned away."""

    def __init__(self, number: int = 0) -> None:
        """`number`: of the TCP port; 0: a free one."""
        try:
            self.listener = socket.create_server(("127.0.0.1", number))
        except OSError as error:
            raise PortError(
                f"TCP port {number} cannot be opened: {error}; choose another, or 0 for a free one"
            ) from error
        self.listener.setblocking(False)
        self.client: socket.socket | None = None
        self._waiting = bytearray()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def blocked(self) -> bool:
        """Whether output waits for the client."""
        return bool(self._waiting)

    def accept(self) -> bool:
        """Whether there is a new client."""
        try:
            client, _ = self.listener.accept()
        except OSError:  # it went away again
            return False
        if self.client is not None:
            client.close()
            return False
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = client
        return True

    def send(self, content: bytes) -> None:
        """Lost when there is no client, as on a wire."""
        if self.client is not None:
            self._waiting += content
            self.flush()

    def flush(self) -> None:
        """Send what the client takes now. One that never reads is cut off."""
        if self.client is None:
            return
        try:
            while self._waiting:
                del self._waiting[: self.client.send(self._waiting[: 1 << 16])]
        except BlockingIOError:
            if len(self._waiting) > WAITING_MAX:
                self._cut_off(self.client)
        except OSError:
            self._cut_off(self.client)

    def _cut_off(self, client: socket.socket) -> None:
        """The next `receive` tells that it is gone."""
        self._waiting.clear()
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def receive(self) -> bytes | None:
        """What the client sent; None: it is gone."""
        if self.client is None:
            return None
        try:
            return self.client.recv(1 << 16) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def hang_up(self) -> None:
        """Let the client go."""
        if self.client is not None:
            self.client.close()
            self.client = None
        self._waiting.clear()

    def close(self) -> None:
        """Take the port away."""
        self.hang_up()
        self.listener.close()


class Rfc2217Port:
    """A serial port with DTR and RTS over TCP; `changed(dtr, rts)` is called when the client sets them."""

    def __init__(self, changed: Callable[[bool, bool], None], number: int = 0) -> None:
        self._changed = changed
        self.tcp = TcpLine(number)
        self.lines = Lines(changed)

    @property
    def url(self) -> str:
        """As pyserial and esptool take it."""
        return f"rfc2217://{self.tcp.address}"

    def accept(self) -> bool:
        """Whether there is a new client."""
        if not self.tcp.accept():
            return False
        self.lines = Lines(self._changed)
        self._telnet = rfc2217.PortManager(self.lines, self)  # type: ignore[arg-type]  # needs no whole Serial
        return True

    def write(self, content: bytes) -> None:
        """For the PortManager: what is already telnet."""
        self.tcp.send(content)

    def send(self, content: bytes) -> None:
        """What the chip puts out."""
        self.tcp.send(content.replace(b"\xff", b"\xff\xff"))

    def receive(self) -> bytes | None:
        """What the client sent to the chip; None: it is gone, or does not speak RFC 2217."""
        content = self.tcp.receive()
        try:
            return self._from_telnet(content) if content else content
        except (ValueError, TypeError, KeyError, struct.error):  # the PortManager met garbage
            return None

    def _from_telnet(self, content: bytes) -> bytes:
        """PortManager looks at every byte; between its own commands it need not."""
        plain, at = bytearray(), 0
        while at < len(content):
            if self._telnet.mode == rfc2217.M_NORMAL and self._telnet.suboption is None:
                end = content.find(rfc2217.IAC, at)
                plain += content[at : end if end >= 0 else len(content)]
                if end < 0:
                    break
                at = end
            plain += b"".join(self._telnet.filter(content[at : at + 1]))
            at += 1
            if self._telnet.suboption is not None and len(self._telnet.suboption) > TELNET_MAX:
                raise ValueError("subnegotiation without end")
        return bytes(plain)

    def hang_up(self) -> None:
        """The client is gone: both lines fall back at once, as a serial port's do when it is closed."""
        self.tcp.hang_up()
        self.lines = Lines(self._changed)
        self._changed(False, False)


class PtyPort:
    """A pseudo-terminal with no DTR and RTS. What is put out while nobody has it open is lost, as on a wire."""

    def __init__(self) -> None:
        self.fd, theirs = pty.openpty()
        tty.setraw(theirs)
        self.path = Path(os.ttyname(theirs))
        os.close(theirs)  # so that the kernel tells whether somebody else has it open
        os.set_blocking(self.fd, False)
        self._poll = select.poll()
        self._poll.register(self.fd, select.POLLIN)
        self._waiting = bytearray()

    @property
    def opened(self) -> bool:
        """Whether a program has it open."""
        return not any(event & select.POLLHUP for _, event in self._poll.poll(0))

    @property
    def blocked(self) -> bool:
        """Whether output waits for the reader."""
        return bool(self._waiting)

    def send(self, content: bytes) -> None:
        """What the chip puts out."""
        if not self.opened:
            self._waiting.clear()
        elif len(self._waiting) < WAITING_MAX:
            self._waiting += content
            self.flush()

    def flush(self) -> None:
        """Write what the terminal takes now."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self.fd, self._waiting[:4096])]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting.clear()

    def receive(self) -> bytes:
        """What came in."""
        with contextlib.suppress(OSError):
            return os.read(self.fd, 1 << 16)
        return b""

    def close(self) -> None:
        """Take it away."""
        os.close(self.fd)
