"""A virtual ESP32 board, CPU not emulated: esptool flashes it, MicroPython's unix port runs what was flashed."""

from tools.virtual_esp32.board import VirtualEsp32
from tools.virtual_esp32.flash import FlashError
from tools.virtual_esp32.interpreter import InterpreterError
from tools.virtual_esp32.pads import Edge
from tools.virtual_esp32.port import PortError
from tools.virtual_esp32.pzem004t import Load
from tools.virtual_esp32.wiring import Contact, Wiring

__all__ = [
    "Contact",
    "Edge",
    "FlashError",
    "InterpreterError",
    "Load",
    "PortError",
    "VirtualEsp32",
    "Wiring",
]
