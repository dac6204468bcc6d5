"""Small MicroPython programs on emulated boards."""

from littlefs import LittleFS

from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image

MS = 1_000_000
SECOND = 1000 * MS

# `say` goes out at UART0 at once; the USB port would lose what is said before its host has found it.
SAY = """
from machine import Pin, UART
import machine, os, time
_uart = UART(0, 115200, tx=Pin(0), rx=Pin(1))
def say(*what):
    _uart.write(" ".join(str(each) for each in what) + "\\n")
    _uart.flush()
"""


def filesystem(program: str) -> bytes:
    """A littlefs image whose main.py is `program`, with `say` before it."""
    files = LittleFS(block_size=4096, block_count=352, prog_size=256, read_size=256, cache_size=256, lookahead_size=32)
    with files.open("/main.py", "w") as file:
        file.write(SAY + program)
    return bytes(files.context.buffer)


def board(program: str, **options) -> EmulatedRP2040:
    return EmulatedRP2040(image("RPI_PICO").path, filesystem=filesystem(program), **options)


def said(pico: EmulatedRP2040, port: str = "uart0") -> list[str]:
    """The lines that left a port since it was last read."""
    return b"".join(data for _, data in pico.read(port)).decode(errors="replace").splitlines()


def hear(program: str, duration_ns: int = 500 * MS, **options) -> list[str]:
    """What `program` says in that time."""
    with board(program, **options) as pico:
        pico.run(duration_ns)
        return said(pico)
