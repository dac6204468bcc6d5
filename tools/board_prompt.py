"""A board's MicroPython prompt, through mpremote: hashes of its files, writing and replacing them, a restart.

While the prompt is held the board's watchdog is kept fed, and it is started where there was none: if this program
or its cable goes away, the board restarts by itself and the node runs again.
"""

import contextlib
import hashlib
import io
import struct
import time
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Sequence

import serial
from mpremote.transport import TransportError, TransportExecError  # type: ignore[import-untyped]
from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

from host_bridge.transport.serial import explain

CHUNK_BYTES = 512  # of a file in one line: a node that was stopped has little memory in one piece
ANSWER_S = 10.0
STOP_S = 3.0  # the node's program has this long to end
# 8 s: the RP2040's reaches 8388 ms at most. A port without a watchdog has no `feed` to call.
_BEGIN = """
import binascii, gc, hashlib, os
gc.collect()
try:
 import machine
 _dog = machine.WDT(timeout=8000).feed
except Exception:
 _dog = lambda: None
def _sha256(name):
 digest = hashlib.sha256()
 part = memoryview(bytearray(512))
 with open(name, "rb") as file:
  while True:
   _dog()
   count = file.readinto(part)
   if not count: return binascii.hexlify(digest.digest()).decode()
   digest.update(part[:count])
"""
_HASHES = """
def _hashes(folder, deep):
 for entry in os.ilistdir(folder or "."):
  name = folder + "/" + entry[0] if folder else entry[0]
  if not entry[1] & 0x4000: print(_sha256(name), name)
  elif deep: _hashes(name, True)
_hashes("", False)
try: _hashes({folder!r}, True)
except OSError: pass
"""
_READ = """
try:
 with open({name!r}, "rb") as _f: print(binascii.b2a_base64(_f.read()).decode())
except OSError: print("-")
"""
_FOLDERS = """
for _n in {folders!r}:
 try: os.mkdir(_n)
 except OSError: pass
"""
# Without a look at the host in between: a cable pulled out cannot come between two files.
_REPLACE = """
for _n in {write!r}:
 _dog(); os.rename(_n + ".new", _n)
for _n in {remove!r}:
 _dog(); os.remove(_n)
if hasattr(os, "sync"): os.sync()
"""
_RESTART = "machine.reset()"


class PromptError(RuntimeError):
    """The board does not do as it should; the text says what to do."""


def sha256(content: bytes) -> str:
    """In hex, as the board's own."""
    return hashlib.sha256(content).hexdigest()


def _why_closed(port: str, error: Exception) -> str:
    """Why a port does not open: mpremote keeps that to itself, pyserial tells."""
    try:
        serial.serial_for_url(port, exclusive=True).close()
    except (OSError, ValueError) as cause:
        return explain(cause)
    return explain(error)


class BoardPrompt:
    """A context manager: entering stops the program that runs. Raises PromptError, from every call."""

    def __init__(self, port: str) -> None:
        self._port = port
        try:
            self._board = SerialTransport(port, timeout=ANSWER_S)
        except (TransportError, OSError) as error:
            raise PromptError(f"{port}: {_why_closed(port, error)}") from error

    def __enter__(self) -> "BoardPrompt":
        try:
            self._stop_program()
            with contextlib.redirect_stdout(io.StringIO()):  # where mpremote prints what came instead
                self._board.enter_raw_repl(soft_reset=False, timeout_overall=ANSWER_S)
        except (TransportError, OSError, struct.error) as error:
            self._board.serial.close()
            raise PromptError(
                f"{self._port}: MicroPython does not answer: is this the board's console, and not its link? "
                "Unplug the board and plug it in again; if it still is silent, flash it"
            ) from error
        self._run(_BEGIN)
        return self

    def _stop_program(self) -> None:
        """Ctrl-C once, and time to open the contactors: a second one would interrupt just that."""
        self._board.serial.write(b"\x02\x03")  # Ctrl-B leaves a prompt that a dead push has left raw
        self._board.read_until(1, b">>> ", timeout=STOP_S, timeout_overall=STOP_S)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(TransportError, OSError, serial.SerialException):
            self._board.close()

    def hashes(self, folder: str) -> dict[str, str]:
        """SHA-256 in hex of every file beside main.py and anywhere in `folder`, by path."""
        said = self._run(_HASHES.format(folder=folder)).decode()
        return {name: digest for digest, _, name in (line.partition(" ") for line in said.splitlines())}

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None: there is none."""
        return a2b_base64(said) if (said := self._run(_READ.format(name=name)).strip()) != b"-" else None

    def write(self, name: str, content: bytes, progress: Callable[[int], None] = lambda count: None) -> None:
        """Write a file and check it; a file that did not arrive whole is removed. Folders are made."""
        parts = name.split("/")[:-1]
        if parts:
            self._run(_FOLDERS.format(folders=["/".join(parts[: end + 1]) for end in range(len(parts))]))
        try:
            self._run(f"_f = open({name!r}, 'wb')")
            for at in range(0, len(content), CHUNK_BYTES):
                chunk = content[at : at + CHUNK_BYTES]
                self._run(f"_dog(); _f.write(binascii.a2b_base64({b64encode(chunk)!r}))")
                progress(len(chunk))
            self._run("_f.close()")
            if self._run(f"print(_sha256({name!r}))").decode().strip() != sha256(content):
                raise PromptError(f"{name} did not arrive as it was sent: try again, over a better cable")
        except PromptError:
            with contextlib.suppress(PromptError):
                self._run(f"_f.close(); os.remove({name!r})")
            raise

    def replace(self, write: Sequence[str], remove: Sequence[str]) -> None:
        """Put every `NAME.new` of `write` in its place, in order, then remove `remove`, in one go."""
        self._run(_REPLACE.format(write=list(write), remove=list(remove)))

    def restart(self) -> None:
        """Reset the board; its answer is not waited for."""
        try:
            self._board.exec_raw_no_follow(_RESTART)
            time.sleep(0.1)  # the last bytes leave this machine before the port is closed
        except (TransportError, OSError, struct.error) as error:
            raise self._told(error) from error

    def _run(self, program: str) -> bytes:
        try:
            return bytes(self._board.exec(program))
        except (TransportError, OSError, struct.error) as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> PromptError:
        if isinstance(error, TransportExecError):
            said = error.error_output.strip().splitlines()[-1]
            cure = "; there is no room: flash the board instead" if "28" in said or "ENOSPC" in said else ""
            return PromptError(f"{self._port}: the board says {said}{cure}")
        why = explain(error) if isinstance(error, OSError) else "it stopped answering"
        return PromptError(f"{self._port}: {why}. The node's files are whole; plug it in again and do this once more")
