"""A tap on a link: the node's real port on one side, a new pseudo-terminal for the bridge on the other.

Both ways every byte is handed on as it is and as soon as it comes, garbage too; a copy is shown to whoever
listens. What nobody reads at the bridge's end is lost, as on an unplugged cable; nothing is stored.
"""

import os
import pty
import queue
import select
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import serial

from host_bridge.transport.serial import explain
from tools.wire_text import HOST, NODE

TURN_S = 0.1  # the longest wait before a thread looks whether it is still wanted
READ_BYTES = 4096
COPIES = 1024  # portions waiting to be shown; a listener that is slower than the line holds the line up


class TapError(RuntimeError):
    """The port does not open or has gone; the text says what to do."""


class Tap:
    """A context manager. Raises TapError when `url` (a path or a pyserial URL) does not open.

    `port` is what the bridge opens instead; `link`, if given, becomes a symbolic link to it.
    """

    def __init__(self, url: str, baud: int = 115_200, link: Path | None = None) -> None:
        self._url = url
        self._link = link
        if link is not None and link.exists() and not link.is_symlink():
            raise TapError(f"{link} is there and no symbolic link: choose another name")
        try:
            self._node = serial.serial_for_url(url, baud, timeout=TURN_S, exclusive=True)
        except Exception as error:  # pyserial raises whatever the url's kind calls for
            raise TapError(f"{url}: {explain(error)}") from error
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.port = Path(os.ttyname(theirs))
        os.close(theirs)  # kept open by us, nobody could tell whether a bridge is there
        os.set_blocking(self._ours, False)
        self._stop = threading.Event()
        self._copies: queue.Queue[tuple[int, int, bytes]] = queue.Queue(COPIES)
        self._failed = ""
        self._left = False  # nobody takes copies any more
        self.unread_bytes = 0  # of the node's, that no bridge took
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._from_node, self._from_host)]

    def __enter__(self) -> "Tap":
        if self._link is not None:
            self._place_link(self._link)
        for thread in self._threads:
            thread.start()
        return self

    def _place_link(self, link: Path) -> None:
        beside = link.with_name(f".{link.name}.{os.getpid()}")
        beside.symlink_to(self.port)
        os.replace(beside, link)

    def __exit__(self, *_: object) -> None:
        self._left = True
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._node.close()
        os.close(self._ours)
        if self._link is not None and self._link.is_symlink() and Path(os.readlink(self._link)) == self.port:
            self._link.unlink()

    def copies(self, until: float | None = None) -> Iterator[tuple[int, int, bytes]]:
        """(NODE or HOST, ns since 1970, bytes) of what passes, until `end` or `until` (time.monotonic()).

        Whatever passed before the end is there. Raises TapError, after that, when the node's port went away.
        """
        while True:
            if until is not None and time.monotonic() >= until:
                self.end()
            passing = any(thread.is_alive() for thread in self._threads)
            try:
                yield self._copies.get(timeout=TURN_S if passing else 0)
            except queue.Empty:
                if not passing:
                    break
        if self._failed:
            raise TapError(f"{self._url}: {self._failed}")

    def end(self) -> None:
        """Hand on nothing more; a signal may call it."""
        self._stop.set()

    def _from_node(self) -> None:
        while not self._stop.is_set():
            try:
                data = self._node.read(1)
                data += self._node.read(min(self._node.in_waiting, READ_BYTES)) if data else b""
            except Exception as error:
                self._fail(error)
                return
            if data:
                self._to_host(data)
                self._copy(NODE, data)

    def _to_host(self, data: bytes) -> None:
        poller = select.poll()
        poller.register(self._ours, select.POLLOUT)
        while data and not self._stop.is_set():
            events = poller.poll(TURN_S * 1000)
            if any(event & select.POLLHUP for _, event in events):  # nobody has the other end open
                self.unread_bytes += len(data)
                return
            if events:
                with suppress(BlockingIOError):
                    data = data[os.write(self._ours, data) :]

    def _from_host(self) -> None:
        poller = select.poll()
        poller.register(self._ours, select.POLLIN)
        while not self._stop.is_set():
            try:
                data = os.read(self._ours, READ_BYTES) if poller.poll(TURN_S * 1000) else b""
            except BlockingIOError:
                continue
            except OSError:  # EIO: no bridge yet, or no longer
                self._stop.wait(TURN_S)
                continue
            try:
                self._node.write(data)
            except Exception as error:
                self._fail(error)
                return
            if data:
                self._copy(HOST, data)

    def _copy(self, speaker: int, data: bytes) -> None:
        at_ns = time.time_ns()
        while True:
            try:
                self._copies.put((speaker, at_ns, data), timeout=TURN_S)
                return
            except queue.Full:
                if self._stop.is_set() and self._left:
                    return

    def _fail(self, error: Exception) -> None:
        self._failed = self._failed or explain(error)
        self._stop.set()
