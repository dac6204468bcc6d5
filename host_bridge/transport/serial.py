"""A serial port through pyserial: a device path, /dev/serial/by-id/..., socket://, rfc2217://.

pyserial blocks, and some of its URLs have no file descriptor to wait on, so each life of a port has two
threads of its own: one opens, reads and closes, one writes. Both end with it, and no port is opened
again before they have.
"""

import asyncio
import errno
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

import serial

from host_bridge.transport import LinkError

OPEN_WITHIN_S = 10.0
TURN_S = 0.2  # the longest that a thread waits for anything before it looks whether its port is still wanted
OUT_FRAMES = 64  # waiting to be written; a peer that does not read costs no more memory than this
IN_BYTES, IN_PORTIONS = 4096, 16  # of one portion, and portions waiting for the loop: a flood costs no more

_IN_USE = "in use by another program: close it, or give it another port"
_NOT_PERMITTED = "no permission: add the user of the bridge to the group dialout"
_GONE = "the port is not there: is the board plugged in? /dev/serial/by-id lists what is"  # never was, or no longer
_NO_PORT = "this is no serial port: correct its url"
_CURES = {
    errno.ENOENT: _GONE,
    errno.EACCES: _NOT_PERMITTED,
    errno.EPERM: _NOT_PERMITTED,
    errno.EBUSY: _IN_USE,
    errno.EAGAIN: _IN_USE,
    errno.EIO: _GONE,
    errno.ENXIO: _GONE,
    errno.ENODEV: _GONE,
    errno.ENOTTY: _NO_PORT,
    errno.EISDIR: _NO_PORT,
    errno.ECONNREFUSED: "connection refused: is the serial server running there?",
    errno.ECONNRESET: "the serial server closed the connection",
    errno.EPIPE: "the serial server closed the connection",
}
_PHRASES = {  # what pyserial says in text alone
    "exclusively lock": _IN_USE,
    "multiple access": "the device went away, or another program reads the same port",
    "socket disconnected": _CURES[errno.ECONNRESET],
    "reader thread died": _CURES[errno.ECONNRESET],
    "does not seem to support RFC2217": "what answers there does not speak RFC 2217: is it the right port number?",
    "expected a string in the form": "the url is not complete: write socket://host:port or rfc2217://host:port",
    "not supported between instances of": "the url is not complete: write socket://host:port or rfc2217://host:port",
}


def explain(error: BaseException) -> str:
    """An error of pyserial or the system in words that say what to do."""
    text = str(error)
    for phrase, words in _PHRASES.items():
        if phrase in text:
            return words
    cause: BaseException | None = error
    while cause is not None:
        number = getattr(cause, "errno", None) or (cause.args or (None,))[0]  # termios.error has it in args alone
        if isinstance(number, int) and number in _CURES:
            return _CURES[number]
        cause = cause.__context__
    return text or type(error).__name__


class SerialTransport:
    """One port. `baud` matters for real serial lines only."""

    def __init__(self, url: str, baud: int = 115200) -> None:
        self.url = url
        self._baud = baud
        self._life: _Life | None = None  # the newest; it may still be closing its port

    def send(self, data: bytes) -> None:
        if self._life is not None and not self._life.stop.is_set():
            with suppress(queue.Full):  # the session sends again what matters
                self._life.out.put_nowait(data)

    async def run(self, opened: Callable[[], None], received: Callable[[bytes], None]) -> None:
        await self._ended()
        life = self._life = _Life(self.url, self._baud, received)
        try:
            waited = (life.is_open, life.failed)
            await asyncio.wait(waited, timeout=OPEN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if not life.failed.done():
                if not life.is_open.done():
                    raise LinkError(f"does not open within {OPEN_WITHIN_S:.0f} s")
                opened()
            raise LinkError(await life.failed)
        finally:
            life.stop.set()

    async def _ended(self) -> None:
        """The port's last life is over. Raises LinkError when it hangs: one more thread would hang beside it."""
        last = self._life
        deadline = asyncio.get_running_loop().time() + OPEN_WITHIN_S
        while last is not None and last.thread.is_alive():
            if asyncio.get_running_loop().time() >= deadline:
                raise LinkError(f"does not open within {OPEN_WITHIN_S:.0f} s")
            await asyncio.sleep(TURN_S / 10)


class _Life:
    """A port from before it is opened until after it is closed. Made on the loop, then on its own threads."""

    def __init__(self, url: str, baud: int, received: Callable[[bytes], None]) -> None:
        self._url = url
        self._baud = baud
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(IN_PORTIONS)
        self._write_error = ""
        self.is_open: asyncio.Future[None] = self._loop.create_future()
        self.failed: asyncio.Future[str] = self._loop.create_future()  # why, once the port is closed
        self.stop = threading.Event()
        self.out: queue.Queue[bytes] = queue.Queue(OUT_FRAMES)
        self.thread = threading.Thread(target=self._live, name=f"link {url}", daemon=True)
        self.thread.start()

    def _live(self) -> None:
        # Whatever pyserial raises is a failure of this link and of no other: TypeError for a url without a port,
        # termios.error for a device that goes away while it is set up, AttributeError for one closed under its feet.
        try:
            port = self._open()
        except Exception as error:
            self._call(self._set_failed, explain(error))
            return
        writer = threading.Thread(target=self._write, args=(port,), name=f"link out {self._url}", daemon=True)
        writer.start()
        why = "closed"
        try:
            self._read(port)
        except Exception as error:
            is_gone = "://" not in self._url and not os.path.exists(self._url)
            why = _GONE if is_gone else explain(error)
        self.stop.set()
        writer.join()  # else it might write into a file that has got the port's number
        with suppress(Exception):
            port.close()
        self._call(self._set_failed, self._write_error or why)

    def _open(self) -> serial.Serial:
        port = serial.serial_for_url(self._url, self._baud, timeout=TURN_S, exclusive=True, do_not_open=True)
        if not self._url.startswith("rfc2217:"):  # which has 5 s of its own
            port.write_timeout = TURN_S
        port.open()
        return port

    def _read(self, port: serial.Serial) -> None:
        """Hand on what comes until the port fails or is no longer wanted."""
        self._call(self._set_open)
        while not self.stop.is_set():
            data = port.read(1)
            while data and len(data) < IN_BYTES and (waiting := port.in_waiting):
                data += port.read(min(waiting, IN_BYTES - len(data)))
            while data and not self.stop.is_set():
                if self._room.acquire(timeout=TURN_S):
                    self._call(self._deliver, data)
                    break

    def _write(self, port: serial.Serial) -> None:
        while not self.stop.is_set():
            try:
                port.write(self.out.get(timeout=TURN_S))
            except queue.Empty:
                pass
            except serial.SerialTimeoutException:
                pass  # the peer does not read: this frame is lost
            except Exception as error:
                self._write_error = explain(error)
                self.stop.set()

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended before this thread
            self._loop.call_soon_threadsafe(function, *arguments)

    # On the loop

    def _deliver(self, data: bytes) -> None:
        self._room.release()
        self._received(data)

    def _set_open(self) -> None:
        if not self.is_open.done():
            self.is_open.set_result(None)

    def _set_failed(self, why: str) -> None:
        if not self.failed.done():
            self.failed.set_result(why)
