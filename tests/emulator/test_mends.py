"""What rp2040js does wrong and tools/emulator mends: each program finds it out, with the mend and without it."""

import pytest

from tests.emulator.kit import MS, board, hear, said

UART = "say('first'); say('second')"

FLASH = """
try:
    say(open("kept").read())
except OSError:
    with open("kept", "w") as file:
        file.write("still there")
    machine.reset()
"""

WATCHDOG = "say('cause', machine.reset_cause())\nif machine.reset_cause() == 1: machine.reset()"

RANDOM = "say(os.urandom(8) == os.urandom(8))"

PADS = """
out = Pin(15, Pin.OUT, value=1)
say(Pin(22, Pin.IN, Pin.PULL_UP).value(), Pin(21, Pin.IN, Pin.PULL_DOWN).value(), out.value())
"""

ROUND_ROBIN = """
import array, rp2
from machine import mem32
ADC = 0x4004C000
taken = array.array("H", bytes(24))
machine.ADC(26), machine.ADC(27), machine.ADC(28)
mem32[ADC + 0x10] = 3999 << 8  # a conversion each 4000 cycles of 48 MHz
mem32[ADC + 0x08] = 1 | 1 << 3 | 1 << 24  # into the FIFO, and a DMA request from its first entry on
dma = rp2.DMA()
control = dma.pack_ctrl(size=1, inc_read=False, inc_write=True, treq_sel=36)
dma.config(read=ADC + 0x0C, write=taken, count=12, ctrl=control, trigger=True)
mem32[ADC] = 1 | 1 << 3 | 0b111 << 16
while dma.active():
    pass
say(list(taken))
"""

NOBODY = """
bus = machine.I2C(0, scl=Pin(5), sda=Pin(4))
try:
    bus.writeto(0x41, b"?")
except OSError as error:
    say(error.errno)
"""

SPI = """
bus = machine.SPI(0, 500_000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
select = Pin(17, Pin.OUT, value=1)
radio = bytearray(64)  # long enough for MicroPython to use DMA
start = time.ticks_us()
select(0); bus.write_readinto(b"\\x42" + bytes(63), radio); select(1)
say(radio[1], time.ticks_diff(time.ticks_us(), start) >= 64 * 16)
"""

LEVELS = [{"kind": "constant", "counts": counts} for counts in (1000, 2000, 3000)]

CASES = {
    "uart": (UART, ["first", "second"]),
    "flash": (FLASH, ["still there"]),
    "watchdog": (WATCHDOG, ["cause 1", "cause 3"]),
    "power-registers": (RANDOM, ["False"]),
    "pads": (PADS, ["1 0 1"]),
    "adc": (ROUND_ROBIN, [str([1000, 2000, 3000] * 4)]),
    "i2c": (NOBODY, ["5"]),
    "spi": (SPI, ["18 True"]),
    "identity": ("say(machine.unique_id() == bytes(8))", ["False"]),
}


def run(program: str, without: list[str]) -> list[str]:
    with board(program, without=without, devices=[{"chip": "sx1276"}]) as pico:
        for channel, level in enumerate(LEVELS):
            pico.adc(channel, level)
        pico.run(600 * MS)
        return said(pico)


@pytest.mark.slow
@pytest.mark.parametrize("mend", CASES)
def test_board_does_as_the_chip_with_the_mend_and_not_without(mend):
    program, right = CASES[mend]
    assert run(program, []) == right
    assert run(program, [mend]) != right


@pytest.mark.slow
def test_idle_board_rests_though_its_usb_port_is_open():
    shares = []
    for without in ([], ["usb-read"]):
        with board("time.sleep(60)", without=without) as pico:
            pico.run(300 * MS)
            before = pico.cpu_busy_ns
            pico.run(300 * MS)
            shares.append((pico.cpu_busy_ns - before) / (300 * MS))
    assert shares[0] < 0.05 < 0.3 < shares[1]


def test_watchdog_that_times_out_resets_once_and_is_the_cause():
    program = """
say("cause", machine.reset_cause())
if machine.reset_cause() == 1:
    machine.WDT(timeout=50)
"""
    assert hear(program) == ["cause 1", "cause 3"]


def test_unknown_mend_is_refused():
    with pytest.raises(Exception, match="--without nothing: is none of uart, usb-read"):
        hear("", without=["nothing"])
