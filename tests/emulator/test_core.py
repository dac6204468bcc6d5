"""The emulator's core: the tests beside it, run by Node, with MicroPython in lock-step on it and on rp2040js's own."""

import os
import subprocess

import pytest

from tests.emulator.kit import filesystem
from tools import setup_node
from tools.images import boot_rom, image

# GP25 toggles all along; GP16 goes high at the end if all was right.
WORKLOAD = """
import array, binascii, gc, hashlib, rp2, struct

led, done = Pin(25, Pin.OUT), Pin(16, Pin.OUT)
ticks = 0

def tick(timer):
    global ticks
    ticks += 1
    led.toggle()

@micropython.viper
def sums(values, n: int) -> int:
    p = ptr16(values)
    total = 0
    for i in range(n):
        total += p[i] * p[i]
    return total

def compute():
    x = 1.5
    for i in range(200):
        x = x * 0.75 + i / 3.0 - (i & 3) ** 0.5
    big = 1
    for i in range(1, 60):
        big = big * i + (big >> 7) - (1 << i)
    assert big // 12345 * 12345 + big % 12345 == big
    assert (1 << 62) // -7 == -658812288346769701
    words = sorted(("k%d" % (i * 7919 % 101) for i in range(101)), key=lambda k: int(k[1:]))
    assert words[50] == "k50"
    try:
        struct.pack(">Q", "no number")
    except TypeError:
        pass
    assert binascii.crc32(bytes(range(256))) == 0x29058C73
    assert binascii.hexlify(hashlib.sha256(b"abc").digest())[:8] == b"ba7816bf"

def convert():
    ADC = 0x4004C000
    buffer = array.array("H", bytes(400))
    machine.ADC(26)
    machine.mem32[ADC + 0x10] = 2999 << 8
    machine.mem32[ADC + 0x08] = 1 | 1 << 3 | 1 << 24
    dma = rp2.DMA()
    control = dma.pack_ctrl(size=1, inc_read=False, inc_write=True, treq_sel=36)
    dma.config(read=ADC + 0x0C, write=buffer, count=200, ctrl=control, trigger=True)
    machine.mem32[ADC] = 1 | 1 << 3
    while dma.active():
        time.sleep_us(50)
    machine.mem32[ADC] = 0
    dma.close()
    return sums(buffer, 200)

timer = machine.Timer(period=3, callback=tick)
for turn in range(3):
    compute()
    convert()
    with open("log", "a") as log:
        log.write("turn %d;" % turn)
    gc.collect()
    say('turn', turn)
    time.sleep_ms(20)
machine.freq(200_000_000)
compute()
timer.deinit()
with open("log") as log:
    assert log.read() == "turn 0;turn 1;turn 2;"
assert ticks > 20
done.on()
"""


@pytest.mark.slow
def test_faster_core_does_what_rp2040js_does(tmp_path):
    disk = tmp_path / "filesystem.img"
    disk.write_bytes(filesystem(WORKLOAD))
    files = {
        "CORE_TEST_IMAGE": str(image("RPI_PICO").path),
        "CORE_TEST_BOOT_ROM": str(boot_rom()),
        "CORE_TEST_FILESYSTEM": str(disk),
    }
    ran = subprocess.run(
        [setup_node.node(), "--test", "--test-reporter=tap", "test/core.test.mjs"],
        cwd=setup_node.ensure(),
        env={**os.environ, **files},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# skipped 0" in ran.stdout, ran.stdout
