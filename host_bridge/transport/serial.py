"""A serial port through pyserial: a device path, /dev/serial/by-id/..., socket://, rfc2217://.

pyserial blocks, and some of its URLs have no file descriptor to wait on, so each link has two
threads of its own: one opens and reads, one writes. Both end with the link.
"""

import asyncio
import errno
import queue
import threading
from collections.abc import Callable

import serial

from host_bridge.transport import LinkError

OPEN_WITHIN_S = 10.0
READ_TIMEOUT_S = 0.2  # how long a closed link may keep its thread
OUT_FRAMES = 256  # waiting to be written; a peer that does not read costs no more memory than this

_CURES = {
    errno.ENOENT: "no such port: is the board plugged in? /dev/serial/by-id lists what is",
    errno.EACCES: "no permission: add the user of the bridge to the group dialout",
    errno.EPERM: "no permission: add the user of the bridge to the group dialout",
    errno.EBUSY: "in use by another program: close it, or give it another port",
    errno.EAGAIN: "in use by another program: close it, or give it another port",
    errno.ECONNREFUSED: "connection refused: is the serial server running there?",
}


def explain(error: BaseException) -> str:
    """An error of pyserial or the system in words that say what to do."""
    number = getattr(error, "errno", None)
    cause = error.__context__
    while number is None and cause is not None:
        number = getattr(cause, "errno", None)
        cause = cause.__context__
    text = str(error)
    if "exclusively lock" in text:
        number = errno.EBUSY
    if number is None and "multiple access" in text:
        return "the device went away, or another program reads the same port"
    return _CURES.get(number or 0, text or type(error).__name__)


class SerialTransport:
    """One port. `baud` matters for real serial lines only."""

    def __init__(self, url: str, baud: int = 115200) -> None:
        self.url = url
        self._baud = baud
        self._out: queue.Queue[bytes] = queue.Queue(OUT_FRAMES)

    def send(self, data: bytes) -> None:
        try:
            self._out.put_nowait(data)
        except queue.Full:
            pass  # the session sends again what matters

    async def run(self, opened: Callable[[], None], received: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        is_open: asyncio.Future[None] = loop.create_future()
        ended: asyncio.Future[str] = loop.create_future()
        stop = threading.Event()

        def tell(future: "asyncio.Future[str] | asyncio.Future[None]", value: str | None) -> None:
            if not future.done():
                future.set_result(value)  # type: ignore[arg-type]

        def call(function: Callable[..., None], *arguments: object) -> None:
            try:
                loop.call_soon_threadsafe(function, *arguments)
            except RuntimeError:
                stop.set()  # the loop has ended before this thread

        def work() -> None:
            try:
                port = serial.serial_for_url(self.url, self._baud, timeout=READ_TIMEOUT_S, exclusive=True)
            except (OSError, ValueError) as error:
                call(tell, ended, explain(error))
                return
            self._out = queue.Queue(OUT_FRAMES)
            threading.Thread(target=_write, args=(port, self._out, stop), daemon=True).start()
            call(tell, is_open, None)
            call(tell, ended, _read(port, stop, lambda data: call(received, data)))
            stop.set()

        threading.Thread(target=work, name=f"link {self.url}", daemon=True).start()
        try:
            await asyncio.wait((is_open, ended), timeout=OPEN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            if not is_open.done():
                raise LinkError(ended.result() if ended.done() else f"does not open within {OPEN_WITHIN_S:.0f} s")
            opened()
            raise LinkError(await ended)
        finally:
            stop.set()


def _read(port: serial.Serial, stop: threading.Event, received: Callable[[bytes], None]) -> str:
    """Hand on what comes until the port fails or `stop` is set; return why it ended."""
    try:
        while not stop.is_set():
            data = port.read(1)
            if data:
                received(data + port.read(port.in_waiting))
        return "closed"
    except (OSError, TypeError) as error:  # pyserial reads from None when closed under its feet
        return explain(error)
    finally:
        port.close()


def _write(port: serial.Serial, out: "queue.Queue[bytes]", stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            port.write(out.get(timeout=READ_TIMEOUT_S))
        except queue.Empty:
            pass
        except (OSError, TypeError):
            return  # the reading thread sees the same failure and reports it
