"""The simulated `machine` of the virtual ESP32 board: pins, UARTs, converter, watchdog, reset. Runs under MicroPython.

The environment's VIRTUAL_ESP32 (JSON) says what is around the chip: pads (path, layout in ../pads.py), events (a
descriptor that takes a line of JSON for everything that happens), uarts (descriptor by number), pins, input_only,
adc_pins, cause (of the reset, as reset_cause gives it), mac, flash (path), filesystem (offset, bytes), heap (bytes: the
chip's, this process's), repl (path), raw (begin with the raw REPL).
What the chip has and this module lacks is not there, so that using it is an error and not a pretence.
"""
# mypy: ignore-errors
# ruff: noqa: PLW0603, RUF012, SIM115, UP031

import io
import json
import os
import select

import utime as time  # the machine's own clock, which the board can compare with its own

BOARD = json.loads(os.getenv("VIRTUAL_ESP32"))
PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
_ADC_AT, _FED_AT, _ENODEV = 64, 192, 19
_PINS, _INPUT_ONLY, _ADC_PINS = BOARD["pins"], BOARD["input_only"], BOARD["adc_pins"]
_pads = open(BOARD["pads"], "r+b", buffering=0)
_events = open(BOARD["events"], "wb", buffering=0)
_frequency_hz = 160_000_000


def _look(at, count):
    _pads.seek(at)
    return _pads.read(count)


class Pin:
    """One pad; every Pin of the same number is the same pad."""

    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    _made = {}

    def __new__(cls, number, *_args, **_options):
        if isinstance(number, Pin):
            return number
        if number not in _PINS:
            raise ValueError("invalid pin")
        if number not in cls._made:
            pin = super().__new__(cls)
            pin._number, pin._mode, pin._pull, pin._latch = number, None, None, 0
            cls._made[number] = pin
        return cls._made[number]

    def __init__(self, _number, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        """The level is set before the direction, as on the chip: no edge to the other side."""
        if mode in (self.OUT, self.OPEN_DRAIN) and self._number in _INPUT_ONLY:
            raise ValueError("pin can only be input")
        if value is not None:
            self._latch = 1 if value else 0
        if mode != -1:
            self._mode = mode
        if pull != -1:
            self._pull = pull
        if mode != -1 or value is not None:
            self._put_out()

    def _put_out(self):
        level = self._latch
        if self._mode not in (self.OUT, self.OPEN_DRAIN) or (self._mode == self.OPEN_DRAIN and level):
            level = None
        _events.write('{"at": %d, "pin": %d, "level": %s}\n' % (time.time_ns(), self._number, json.dumps(level)))

    def value(self, level=None):
        """Without an argument: what the pad shows; with one: put it out."""
        if level is not None:
            self._latch = 1 if level else 0
            if self._mode in (self.OUT, self.OPEN_DRAIN):
                self._put_out()
            return None
        if self._mode == self.OUT:
            return self._latch
        outside = _look(self._number, 1)[0]
        if self._mode == self.OPEN_DRAIN and not self._latch:
            return 0
        if not outside & 2 and self._pull in (self.PULL_DOWN, self.PULL_UP):
            return 1 if self._pull == self.PULL_UP else 0
        return outside & 1

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def __repr__(self):
        return "Pin(%d)" % self._number


class UART(io.IOBase):
    """A serial line; `select.poll` takes it. Bytes that find no room on the way out are lost, as on a wire."""

    def __init__(self, number, baudrate=115200, bits=8, parity=None, stop=1, **options):
        if str(number) not in BOARD["uarts"]:
            raise ValueError("UART(%d): nothing is wired to it on this board" % number)
        self._fd = BOARD["uarts"][str(number)]
        self._line = open(self._fd, "r+b", buffering=0)
        self._number = number
        self.init(baudrate, bits, parity, stop, **options)

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, *, tx=-1, rx=-1, **_buffers):
        for pin in (tx, rx):
            if pin != -1:
                Pin(pin)  # a pin that is not there is an error here too
        self._timeout = _buffers.get("timeout", 0)
        _events.write('{"at": %d, "uart": %d, "baud": %d}\n' % (time.time_ns(), self._number, baudrate))

    def deinit(self):
        """The line stays where it is."""

    def any(self):
        """1 when something can be read; MicroPython allows not to count."""
        poller = select.poll()
        poller.register(self._line, select.POLLIN)
        return 1 if poller.poll(self._timeout) else 0

    def _await(self):
        return not self._timeout or self.any()

    def readinto(self, buffer, count=-1):
        if not self._await():
            return None
        return self._line.readinto(buffer) if count < 0 else self._line.readinto(memoryview(buffer)[:count])

    def read(self, count=256):
        return (self._line.read(count) or None) if self._await() else None

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            byte = self.read(1)
            if not byte:
                break
            line += byte
        return line or None

    def write(self, content):
        self._line.write(content)
        return len(content)

    def flush(self):
        """Everything has left already."""

    def txdone(self):
        return True

    def ioctl(self, request, argument):
        return self._fd if request == 10 else -1  # MP_STREAM_GET_FILENO: poll waits for the line itself


class ADC:
    """The converter, at the pin where the board's `adc` puts something."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3

    def __init__(self, pin, atten=0):
        self._number = Pin(pin)._number
        if self._number not in _ADC_PINS:
            raise ValueError("invalid pin")

    def atten(self, atten):
        """The simulated one has no range to set."""

    def read_u16(self):
        counts = _look(_ADC_AT + 2 * self._number, 2)
        return counts[0] | counts[1] << 8

    def read(self):
        return self.read_u16() >> 4


class I2C:
    """A bus with no chip on it: nobody acknowledges."""

    def __init__(self, number=0, *, scl=-1, sda=-1, freq=400_000, timeout=50_000):
        pass

    def scan(self):
        return []

    def _nobody(self, *_arguments, **_options):
        raise OSError(_ENODEV)

    readfrom = readfrom_into = writeto = readfrom_mem = readfrom_mem_into = writeto_mem = _nobody


class WDT:
    """Cannot be stopped; when it is not fed in time the board restarts."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        self._fed = bytearray(4)
        self.feed()
        _events.write('{"at": %d, "watchdog_ms": %d}\n' % (time.time_ns(), timeout))

    def feed(self):
        now, fed = time.ticks_ms(), self._fed
        fed[0], fed[1], fed[2], fed[3] = now & 255, now >> 8 & 255, now >> 16 & 255, now >> 24 & 255
        _pads.seek(_FED_AT)
        _pads.write(fed)


def reset():
    """Restart the chip; does not return."""
    _events.write('{"at": %d, "reset": true}\n' % time.time_ns())
    while True:
        time.sleep(1)


def soft_reset():
    """Restart MicroPython, as Ctrl-D does."""
    raise SystemExit


def reset_cause():
    return BOARD["cause"]


def unique_id():
    return bytes.fromhex(BOARD["mac"])


def freq(wanted=None):
    """Of the CPU; nothing here runs faster or slower for it."""
    global _frequency_hz
    if wanted is None:
        return _frequency_hz
    if wanted // 1_000_000 not in (20, 40, 80, 160, 240):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _frequency_hz = wanted
    return None


def idle():
    """Gives the machine to somebody else for a moment."""
    time.sleep_ms(1)


def disable_irq():
    """There are no interrupts here."""
    return 0


def enable_irq(_before=0):
    """There are no interrupts here."""
