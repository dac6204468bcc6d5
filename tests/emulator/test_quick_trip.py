"""The quick trip on the emulated RP2040: it interrupts whatever the program does, and never trips wrongly."""

import math

import pytest

from tests.emulator.kit import MS, SAY, SECOND, said
from tools import boards
from tools.build import littlefs_image
from tools.emulated_rp2040 import EmulatedRP2040
from tools.images import image
from tools.node_files import FIRMWARE, compiled

pytestmark = pytest.mark.slow
PINS = (15, 13)  # of the relays of the first and of the second current
INSTANT_MA, NA = 15_000, 31_250_000
LAP_MS = 8
# What a lap may add: twice the limit fills a quarter of a half period's sum, which takes a sine up to 5.65 ms where it
# begins 2.8 ms before a zero; then up to 0.25 ms until a set is whole, and the looks themselves.
FILLED_MS = 6
MODULES = ("__init__", "native", "drivers/__init__", "drivers/rp2040_adc", "drivers/relay", "switching/__init__")
MODULES += ("switching/contactor", "switching/protection", "switching/quick_trip")

# Meters, and does what a letter on its line asks for: c closes both, g collects garbage, v is busy in machine code for
# 150 ms, s sleeps for so many tenths of a second, w stops the looks, W begins them again,
# r tells what the contactors are.
PROGRAM = """
import gc, micropython, select, sys
from array import array
from gridnode.metering.channel import Channel
from gridnode.metering.window import WindowMeter
from gridnode.drivers.rp2040_adc import Rp2040Adc, steps
from gridnode.drivers.relay import Relay
from gridnode.switching.contactor import Contactor
from gridnode.switching.protection import Protection
channels = [Channel("load", WindowMeter(4000, 50, 65104166, {na} // 3, 2040 * 3)) for _ in range(2)]
meter = Rp2040Adc(channels, [27, 28], 26, 4000, time.ticks_ms)
contactors = []
for channel, pin in zip(channels, {pins}):
    spec = dict(name="load", min_on_s=0, min_off_s=0, max_hold_s=900, feedback_ms=200, retry_after_s=0, retries=99)
    spec["retry_window_s"] = 3600
    limits = dict(over_current_ma=None, time_multiplier_ms=50, instant_ma={instant}, over_voltage_mv=None)
    limits.update(under_voltage_mv=None, over_frequency_mhz=None, under_frequency_mhz=None)
    limits.update(hold_off_ms=500, without_meter="stay")
    contactor = Contactor(spec, Relay(pin, 1))
    contactor.boot(0)
    contactor.protection = Protection(limits, channel)
    contactors.append(contactor)
looks = array("i", [0])
def count(ring, where):
    looks[0] += 1
def watch():
    from gridnode.switching.quick_trip import QuickTrip
    gc.collect()
    before = gc.mem_free()
    meter.watch(tuple([QuickTrip(each, slot).look for slot, each in enumerate(contactors, 1)]) + {more})
    gc.collect()
    say("watching", before - gc.mem_free())
@micropython.viper
def busy(turns: int):
    while turns > 0:
        turns -= 1
def collected():
    junk = [bytearray(16) for _ in range(4000)]
    before = looks[0]
    gc.collect()
    return looks[0] - before
poller = select.poll()
poller.register(_uart, select.POLLIN)
gc.collect()
gc.threshold(-1)
before = gc.mem_free()
import gridnode.switching.quick_trip
gc.collect()
say("module", before - gc.mem_free())
watch()
while True:
    meter.pump(time.ticks_us())
    now_ms = time.ticks_ms()
    for contactor in contactors:
        contactor.tick(now_ms)
        contactor.protect(now_ms)
    if poller.poll(7):
        asked = _uart.read(1)
        if asked == b"c":
            say([contactor.request("closed", 900_000, now_ms)[0] for contactor in contactors])
        elif asked == b"g":
            say(max([collected() for _ in range(3)]))
        elif asked == b"v":
            busy(3_000_000)
        elif asked == b"w":
            meter._fill.irq(None)
        elif asked == b"W":
            meter.watch(meter._looks[:2])
        elif asked == b"s":
            time.sleep_ms(100 * int(_uart.read(2)))
        elif asked == b"r":
            say([(contactor.state, contactor.cause, contactor.value) for contactor in contactors])
"""


class Board:
    """The running program; currents are given as RMS, the voltage is at the converter's end."""

    def __init__(self, looks: str = "()") -> None:
        program = PROGRAM.format(na=NA, pins=PINS, instant=INSTANT_MA, more=looks)
        files = {"main.py": (SAY + program).encode()}
        metering = [f"metering/{file.stem}" for file in sorted((FIRMWARE / "gridnode/metering").glob("*.py"))]
        for module in (*MODULES, *metering):
            source = (FIRMWARE / f"gridnode/{module}.py").read_bytes()
            files[f"gridnode/{module}.mpy"] = compiled(f"gridnode/{module}.py", source, "armv6m")
        disk = littlefs_image(boards.load("rpi_pico"), files)
        self.pico = EmulatedRP2040(image("RPI_PICO").path, filesystem=disk)
        self.hertz = 50.0
        self.wave(0, 2000)
        self.flow(1000, 1000)
        self.pico.run(2 * SECOND)
        self.told = said(self.pico)

    def wave(self, channel: int, peak: float, offset: float = 2048) -> None:
        part = {"amplitude": peak, "frequency_hz": self.hertz, "phase_deg": 0}
        self.pico.adc(channel, {"kind": "sine", "offset": offset, "parts": [part], "noise": 1, "seed": 1 + channel})

    def flow(self, first_ma: float, second_ma: float, offset: float = 2048) -> None:
        for channel, milliamperes in ((1, first_ma), (2, second_ma)):
            self.wave(channel, milliamperes * 1e6 * math.sqrt(2) / NA, offset)

    def ask(self, letters: str, ms: float = 100) -> list[str]:
        self.pico.write("uart0", letters.encode())
        self.pico.run(int(ms * MS))
        return said(self.pico)

    def opened_ms(self, since_ns: int) -> list[float | None]:
        """How long after that each relay has opened; None: it has not."""
        found: list[float | None] = []
        for pin in PINS:
            edges = [edge for edge in self.pico.edges(pin) if edge.at_ns >= since_ns and not edge.level]
            found.append((edges[0].at_ns - since_ns) / MS if edges else None)
        return found


@pytest.fixture
def board():
    made = Board("(count,)")
    yield made
    made.pico.close()


def test_it_opens_while_garbage_is_collected_and_while_nothing_else_gets_a_turn(board):
    assert board.ask("c") == ["['none', 'none']"]
    assert int(board.ask("g", 400)[0]) >= 2, "looks within one garbage collection"
    for letter, wait_ms in (("v", 20), ("v", 26.5), ("g", 25), ("g", 31)):
        assert board.ask("c", 50)
        board.ask(letter, wait_ms)
        began = board.pico.now_ns
        board.flow(1000, 2 * INSTANT_MA)
        board.pico.run(300 * MS)
        first, second = board.opened_ms(began)
        assert first is None and second is not None and second <= LAP_MS + FILLED_MS, (letter, second)
        assert "'tripped', 'over-current'" in board.ask("r")[-1]
        board.flow(1000, 1000)
        board.ask("x", 100)


@pytest.mark.parametrize(("hertz", "seconds"), [(50, 10), (49.7, 2)])  # half a period: 40, 40.24 samples
def test_just_below_the_limit_nothing_opens_and_just_above_it_does(board, hertz, seconds):
    board.hertz = hertz
    board.wave(0, 2000)
    board.flow(1000, 1000, 2090)
    board.ask("c", 1000)
    began = board.pico.now_ns
    board.flow(INSTANT_MA * 0.99, INSTANT_MA * 0.99, 2090)  # an offset that the windows know by now
    board.pico.run(seconds * SECOND)
    assert board.opened_ms(began) == [None, None]
    began = board.pico.now_ns
    board.flow(INSTANT_MA * 1.01, INSTANT_MA * 1.01, 2090)
    board.pico.run(SECOND)
    assert all(late is not None and late <= 10 + LAP_MS + 1 for late in board.opened_ms(began))


def test_a_program_that_was_held_up_and_a_converter_started_anew_trip_nothing(board):
    """The voltage fills the converter: if it were taken for a current, both would open."""
    board.ask("c")
    began = board.pico.now_ns
    for tenths in (3, 4, 5, 7, 8, 10, 13, 4, 9, 6):
        board.ask(f"s{tenths:02}", 100 * tenths + 130)
    assert "closed" in board.ask("r")[-1] and board.opened_ms(began) == [None, None]
    began = board.pico.now_ns
    board.flow(2 * INSTANT_MA, 1000)
    board.pico.run(SECOND)
    assert board.opened_ms(began)[0] <= LAP_MS + FILLED_MS, "it still works"


def test_it_costs_little(board):
    shares = []
    for letters in ("w", "W"):
        board.ask(letters)
        before_ns, began_ns = board.pico.cpu_busy_ns, board.pico.now_ns
        board.pico.run(8 * SECOND)
        shares.append((board.pico.cpu_busy_ns - before_ns) / (board.pico.now_ns - began_ns))
    assert 0 < shares[1] - shares[0] <= 0.03
