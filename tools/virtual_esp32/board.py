"""VirtualEsp32: power, reset, loader, program and wires of one virtual ESP32 board, CPU not emulated."""

import contextlib
import os
import pty
import re
import shutil
import sys
import tempfile
import time
import tty
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.virtual_esp32 import bootloader, pads
from tools.virtual_esp32.chips import CHIPS, MICROPYTHON_CAUSES, Cause, ChipName
from tools.virtual_esp32.flash import Flash
from tools.virtual_esp32.interpreter import SOFT_RESET_TO_RAW_REPL, check, read_all
from tools.virtual_esp32.loader import Loader
from tools.virtual_esp32.meter_line import MeterLine
from tools.virtual_esp32.program import Event, Program, Watchdog
from tools.virtual_esp32.pzem004t import Load, Pzem004t
from tools.virtual_esp32.reset import ResetCircuit
from tools.virtual_esp32.uart0 import Uart0
from tools.virtual_esp32.wiring import Contact, Wiring
from tools.virtual_esp32.worker import Worker

# Of a 32-bit MicroPython. An ESP32 without PSRAM grows to 112 kB with 40 kB left over while its radio is off
# (micropython #13219): 152 kB at most. In 128 kB the node runs with 24 kB free, but in holes: after half a minute one
# for a file's 650 bytes is not found. A 64-bit one needs twice as much.
HEAP = "144k"
LOG_BYTES = 1 << 18
DEAD_S = 0.5  # from the moment the interpreter is lost to the restart of the chip


def heap_bytes(heap: str) -> int:
    """128k -> 131072, as MicroPython's -X heapsize reads it. Raises ValueError."""
    found = re.fullmatch(r"([1-9][0-9]*)([kKmM]?)", heap)
    if found is None:
        raise ValueError(f"a heap of {heap!r}: give bytes, or kilobytes as in 128k")
    number, unit = found.groups()
    return int(number) << {"": 0, "k": 10, "m": 20}[unit.lower()]


class VirtualEsp32:
    """One board: it is on between entering and leaving it as a context manager.

    `flash`: the file of its flash chip, made when it is not there, kept when the board goes; `bytes`: its size.
    `interpreter`: a MicroPython for this machine; `heap`: its heap, as -X heapsize takes it.
    `port`: number of the TCP port of `url`, 0: a free one. Times are time.time_ns() of this machine.
    Methods may be called from any thread; a thread of the board's own does the work.
    Raises FlashError, PortError, InterpreterError; RuntimeError from a method of a board that was not entered.
    """

    def __init__(
        self,
        flash: Path,
        *,
        interpreter: Path,
        bytes: int = 4 << 20,
        chip: ChipName = "esp32",
        wiring: Wiring | None = None,
        heap: str = HEAP,
        port: int = 0,
        mac: str = "246f28aabbcc",
    ) -> None:
        check(interpreter)
        self._chip, self._mac = CHIPS[chip], mac
        self._interpreter = (interpreter, heap_bytes(heap))
        self._wiring = wiring or Wiring.standard(chip)
        self._stuck: dict[int, str | None] = {}  # by the pin of the coil
        self._worker = Worker()
        with contextlib.ExitStack() as undo:
            self._flash = Flash(flash, bytes)
            undo.callback(self._flash.close)
            self._uart0 = Uart0(self._worker, port, self._came_in, self._lines_changed, self._jig_changed)
            undo.pop_all()
        self._folder = Path(tempfile.mkdtemp(prefix="virtual_esp32_"))
        self._pads = pads.Pads(self._folder / "pads", self._wiring.pulls)
        self._meter_line = MeterLine(Pzem004t(self._wiring.meter_address, time.time_ns()))
        self._link_ours, self._link_theirs = pty.openpty()  # theirs stays open, or reading ours would be an error
        tty.setraw(self._link_theirs)
        os.set_blocking(self._link_ours, False)
        self._circuit = ResetCircuit()
        self._watchdog = Watchdog(self._worker, self._pads.fed_ms, self._starved)
        self._on = False
        self._loader: Loader | None = None
        self._program: Program | None = None
        self._filesystem = (0, 0)  # offset and size, of the program that runs
        self._log = bytearray()

    def __enter__(self) -> Self:
        for contact in self._wiring.contacts:
            self._follow(contact, self._pads.level(contact.pin))
        self._worker.watch(self._meter_line.meter_end, self._meter_line.asked)
        self._worker.watch(self._link_ours, self._link_unheard)
        self._worker.start()
        self._worker.call(self._uart0.start)
        self.power_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        with contextlib.suppress(RuntimeError):
            if kind not in (None, KeyboardInterrupt):
                print(f"the last words of the virtual ESP32 board:\n{self.log()[-4000:]}", file=sys.stderr)
            self.power_off()
        self.close()

    def close(self) -> None:
        """Take everything of it away but the flash file; leaving the context does it."""
        self._worker.stop()
        if self._program is not None:
            self._program.stop()
        self._uart0.close()
        self._meter_line.close()
        os.close(self._link_ours)
        os.close(self._link_theirs)
        self._pads.close()
        self._flash.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """UART0 (loader and console) with DTR and RTS, for esptool and whatever else takes a pyserial URL."""
        return self._uart0.serial.url

    @property
    def jig(self) -> str:
        """UART0 as socket://...: while a client holds it, the board is in its loader. Fast with plain esptool."""
        return f"socket://{self._uart0.jig.address}"

    @property
    def console(self) -> Path:
        """UART0 as a pseudo-terminal, which has no DTR and RTS."""
        return self._uart0.pty.path

    @property
    def link(self) -> Path:
        """The UART to the Pi, as a pseudo-terminal."""
        return Path(os.ttyname(self._link_theirs))

    @property
    def pid(self) -> int | None:
        """Of the interpreter; None while none runs."""
        return self._worker.call(lambda: self._program.pid if self._program else None)

    @property
    def running(self) -> bool:
        """Whether a program runs: the board is not off, not in its loader, and found something to boot."""
        return self.pid is not None

    def power_on(self) -> None:
        """Plug it in. One that is on stays as it is."""
        self._worker.call(self._switch_on)

    def power_off(self) -> None:
        """Pull the plug, at once: the flash stays as far as it was written."""
        self._worker.call(self._switch_off)

    def reset(self, *, download: bool = False) -> None:
        """Press EN; with `download` while BOOT is held, which starts the loader (for a port without DTR and RTS)."""
        self._worker.call(lambda: self._start("power on", download))

    def level(self, pin: int) -> int:
        """What a probe at the pin shows."""
        self._worker.call(self._hear)
        return self._pads.level(pin)

    def edges(self, pin: int | None = None) -> list[pads.Edge]:
        """All changes of this pin (None: of all), since the board was made. In reset no pin is driven."""
        self._worker.call(self._hear)
        return [edge for edge in self._pads.edges if pin in (None, edge.pin)]

    def drive(self, pin: int, level: int | None) -> None:
        """Put a level on an input from outside; None: leave it to its pull."""
        self._worker.call(lambda: self._pads.drive(pin, level))

    def stick(self, pin: int, stuck: str | None) -> None:
        """Weld the contacts of the contactor with its coil on `pin` ("closed"), break its coil ("open"), or mend it."""
        (contact,) = [contact for contact in self._wiring.contacts if contact.pin == pin]
        self._worker.call(lambda: self._stick(contact, stuck))

    def adc(self, pin: int, counts: int) -> None:
        """What the converter reads at this pin: 0 to 65535."""
        self._worker.call(lambda: self._pads.adc(pin, counts))

    def set_load(self, load: Load) -> None:
        """What the PZEM-004T measures from now on."""
        self._worker.call(lambda: self._meter_line.meter.set(load, time.time_ns()))

    def energy_mwh(self) -> int:
        """The true integral of the power that the PZEM-004T saw, since the board was made."""
        return self._worker.call(lambda: self._meter_line.meter.energy_mwh(time.time_ns()))

    def log(self) -> str:
        """The last that UART0 put out, without the loader's packets."""
        return self._worker.call(lambda: self._log.decode(errors="replace"))

    # Power and reset.

    def _switch_on(self) -> None:
        if not self._on:
            self._on = True
            if not self._circuit.held:
                self._start("power on")

    def _switch_off(self) -> None:
        self._on = False
        self._halt()

    def _lines_changed(self, dtr: bool, rts: bool) -> None:
        self._circuit.lines(dtr, rts, time.monotonic())
        if self._circuit.held:
            self._halt()
        elif (due := self._circuit.next_due) is not None:
            self._worker.at(due, self._leave_reset)

    def _leave_reset(self) -> None:
        start = self._circuit.due(time.monotonic())
        if start is not None:
            self._start("power on", start == "download")

    def _jig_changed(self, taken: bool) -> None:
        self._start("power on", download=taken)

    def _halt(self) -> None:
        """The chip in reset or without power: nothing runs, no pin is driven."""
        if self._program is not None:
            self._program.stop()
            self._free_program()
        self._loader = None
        self._watchdog.set(None)
        for edge in self._pads.release(time.time_ns()):
            self._changed(edge)

    def _start(self, cause: Cause, download: bool = False) -> None:
        """Out of reset, if there is power."""
        self._halt()
        if not self._on:
            return
        if download:
            self._put_out(bootloader.first_words(self._chip, cause, download=True))
            mac = bytes.fromhex(self._mac)
            self._loader = Loader(self._chip, mac, self._flash, self._uart0.send, lambda: self._start_soon("reset"))
            return
        found = bootloader.boot(self._chip, self._flash, cause)
        self._put_out(found.text)
        if found.filesystem:
            self._filesystem = found.filesystem
            self._run(cause)

    def _start_soon(self, cause: Cause, wait_s: float = 0.0) -> None:
        """When the one who asks for it is done with its own work."""
        self._worker.at(time.monotonic() + wait_s, lambda: self._start(cause))

    # The program.

    def _run(self, cause: Cause, raw: bool = False) -> None:
        uarts = {self._wiring.link_uart: self._link_ours}
        if self._wiring.meter_uart is not None:
            uarts[self._wiring.meter_uart] = self._meter_line.chip_end
        told = {
            "pads": str(self._pads.path),
            "pins": self._chip.pins,
            "input_only": self._chip.input_only,
            "adc_pins": self._chip.adc_pins,
            "cause": MICROPYTHON_CAUSES[cause],
            "mac": self._mac,
            "flash": str(self._flash.path.resolve()),
            "filesystem": self._filesystem,
            "raw": raw,
        }
        self._worker.unwatch(self._link_ours)
        self._link_unheard()
        self._meter_line.clear()
        self._program = Program(
            self._worker, self._interpreter, uarts, told, self._said, self._happened, self._program_ended
        )

    def _said(self, content: bytes) -> None:
        self._put_out(content.decode("latin-1"))

    def _free_program(self) -> None:
        self._program = None
        self._worker.watch(self._link_ours, self._link_unheard)

    def _program_ended(self, code: int) -> None:
        """MicroPython was left, which on a chip is a soft reset; its pins stay as they are."""
        self._free_program()
        if code in (0, SOFT_RESET_TO_RAW_REPL):
            self._put_out("MPY: soft reboot\r\n")
            self._run("soft reset", raw=code == SOFT_RESET_TO_RAW_REPL)
        else:
            self._halt()
            self._put_out(f"{bootloader.WHAT.format(chip=self._chip.name)}: the interpreter ended with code {code}\r\n")
            self._start_soon("reset", DEAD_S)

    def _hear(self) -> None:
        if self._program is not None:
            self._program.hear()

    def _happened(self, event: Event) -> None:
        if "pin" in event:
            edge = self._pads.put_out(event["at"], event["pin"], event["level"])
            if edge is not None:
                self._changed(edge)
        elif "baud" in event and event["uart"] == self._wiring.meter_uart:
            self._meter_line.baud = event["baud"]
        elif "watchdog_ms" in event:
            self._watchdog.set(event["watchdog_ms"])
        elif "reset" in event:
            self._start_soon("reset")

    def _starved(self) -> None:
        self._put_out("E task_wdt: Task watchdog got triggered: mpy_machine_wdt did not reset it in time\r\n")
        self._start("watchdog")

    # The wires.

    def _changed(self, edge: pads.Edge) -> None:
        for contact in self._wiring.contacts:
            if contact.pin == edge.pin:
                self._worker.at(time.monotonic() + contact.delay_s, partial(self._follow, contact, edge.level))

    def _stick(self, contact: Contact, stuck: str | None) -> None:
        self._stuck[contact.pin] = stuck
        self._follow(contact, self._pads.level(contact.pin))

    def _follow(self, contact: Contact, coil_level: int) -> None:
        if contact.feedback_pin is not None:
            stuck = self._stuck.get(contact.pin)
            if stuck is not None:
                coil_level = contact.closed_level if stuck == "closed" else 1 - contact.closed_level
            self._pads.drive(contact.feedback_pin, contact.feedback(coil_level))

    def _link_unheard(self) -> None:
        """What comes over the link while no program runs is lost, as on a wire."""
        read_all(self._link_ours)

    # UART0.

    def _put_out(self, words: str) -> None:
        content = words.encode("latin-1")
        self._log += content
        del self._log[:-LOG_BYTES]
        self._uart0.send(content)

    def _came_in(self, content: bytes) -> None:
        if self._loader is not None:
            self._loader.baud = self._uart0.baud
            self._loader.feed(content)
        elif self._program is not None and content:
            self._program.type(content)
