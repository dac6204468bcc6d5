"""The emulated RP2040: time, pins, ports, and what goes wrong."""

import os
import signal
import subprocess
import sys
from itertools import pairwise

import pytest

from tests.emulator.kit import MS, SECOND, board, hear, said
from tools.emulated_rp2040 import Edge, EmulatedRP2040, EmulatorError
from tools.images import image

TOGGLE = """
relay = Pin(15, Pin.OUT, value=0)
say("ready")
while True:
    if _uart.any():
        relay.toggle()
        _uart.write(_uart.read())
    time.sleep_ms(1)
"""


@pytest.mark.slow
def test_same_calls_give_the_same_edges_and_bytes_to_the_nanosecond():
    def life() -> tuple[list[Edge], list[tuple[int, bytes]], int]:
        with board(TOGGLE) as pico:
            pico.run(100 * MS)
            pico.write("uart0", b"a")
            pico.run(50 * MS)
            pico.reset()
            pico.run(100 * MS, until=["uart0"])
            return pico.edges(), pico.read("uart0"), pico.now_ns

    assert life() == life()


def test_command_to_edge_is_timed_to_the_instruction_whatever_the_steps():
    latencies = []
    for step in (100 * MS, 777_777):
        with board(TOGGLE) as pico:
            pico.run(100 * MS)
            sent, before = pico.now_ns, len(pico.edges(15))
            pico.write("uart0", b"a")
            while pico.now_ns < sent + 20 * MS:
                pico.run(min(step, sent + 20 * MS - pico.now_ns))
            (edge,) = pico.edges(15)[before:]
            latencies.append(edge.at_ns - sent)
    assert latencies[0] == latencies[1]
    assert latencies[0] > 10 / 115200 * SECOND


def test_run_until_an_edge_stops_right_after_it():
    with board(TOGGLE) as pico:
        pico.run(100 * MS)
        pico.write("uart0", b"a")
        pico.run(SECOND, until=["edge"])
        edge = pico.edges(15)[-1]
        assert (edge.level, edge.driven) == (1, True)
        assert 0 <= pico.now_ns - edge.at_ns < 1000
        assert pico.level(15) == 1


def test_bytes_leave_at_the_programmed_rate():
    program = """
slow, mark = UART(1, 9600, tx=Pin(8), rx=Pin(9)), Pin(15, Pin.OUT, value=0)
mark(1)
slow.write("0123456789")
time.sleep_ms(30)
slow.write("a")
"""
    with board(program) as pico:
        pico.run(200 * MS, until=["edge"])
        pico.run(200 * MS, until=["uart1"])
        ((last, data),) = pico.read("uart1")
        assert data == b"0123456789"
        assert pico.now_ns - last < 1000
        assert last - pico.edges(15)[-1].at_ns == pytest.approx(100 / 9600 * SECOND, abs=MS / 2)
        pico.run(200 * MS)
        ((_, data),) = pico.read("uart1")
        assert data == b"a"


@pytest.mark.slow
def test_bytes_beyond_the_receive_fifo_are_lost_while_nobody_fetches_them():
    program = """
state = machine.disable_irq()
start = time.ticks_us()
while time.ticks_diff(time.ticks_us(), start) < 20_000:
    pass
machine.enable_irq(state)
time.sleep_ms(5)
say(len(_uart.read()))
"""
    with board(program) as pico:
        pico.run(20 * MS)
        while pico.now_ns < 25 * MS:
            pico.run(MS)
        pico.write("uart0", bytes(100))
        pico.run(200 * MS)
        (count,) = said(pico)
        assert 32 <= int(count) < 100
        assert "receive FIFO full" in pico.log()


@pytest.mark.slow
def test_pin_is_its_pull_until_the_chip_drives_it():
    with board("time.sleep_ms(10)\nrelay = Pin(13, Pin.OUT, value=0)\ntime.sleep(1)", pulls={13: 1}) as pico:
        assert pico.level(13) == 1
        pico.run(200 * MS)
        (edge,) = pico.edges(13)
        assert (edge.level, edge.driven) == (0, True)
        pico.power_off()
        assert pico.edges(13)[-1] == Edge(pico.now_ns, 13, 1, False)


@pytest.mark.slow
def test_chip_sees_what_is_driven_outside():
    program = """
button = Pin(22, Pin.IN, Pin.PULL_UP)
button.irq(lambda pin: say("pressed", pin.value()), Pin.IRQ_FALLING)
say("ready", button.value())
time.sleep(5)
"""
    with board(program) as pico:
        pico.run(200 * MS)
        pico.drive(22, 0)
        pico.run(50 * MS)
        pico.drive(22, None)
        pico.run(50 * MS)
        assert said(pico) == ["ready 1", "pressed 0"]


@pytest.mark.slow
def test_converter_takes_the_wave_at_the_time_of_the_conversion():
    program = """
adc = machine.ADC(27)
taken = []
for _ in range(8):
    now = time.ticks_ms()
    while time.ticks_ms() == now:
        pass
    taken.append(adc.read_u16() >> 4)
say(taken)
"""
    with board(program) as pico:
        pico.adc(1, {"kind": "array", "rate_hz": 1000, "samples": list(range(0, 4000, 10))})
        pico.run(200 * MS)
        (line,) = said(pico)
    taken = [int(each) for each in line.strip("[]").split(",")]
    assert all(later - sooner == 10 for sooner, later in pairwise(taken))


@pytest.mark.slow
def test_sine_swings_as_far_as_its_amplitude_and_only_while_its_gate_is_high():
    program = """
adc, gate = machine.ADC(26), Pin(15, Pin.OUT)
for level in (0, 1):
    gate(level)
    taken = [adc.read_u16() >> 4 for _ in range(3000)]
    say(min(taken), max(taken))
"""
    with board(program) as pico:
        part = {"amplitude": 1000, "frequency_hz": 50, "phase_deg": 30}
        pico.adc(0, {"kind": "sine", "offset": 2048, "parts": [part], "noise": 0, "seed": 1, "gate_pin": 15})
        pico.run(SECOND)
        still, swinging = said(pico)
    assert still == "2048 2048"
    low, high = map(int, swinging.split())
    assert (low, high) == (pytest.approx(1048, abs=2), pytest.approx(3048, abs=2))


def test_bad_requests_are_refused_with_the_reason_and_change_nothing():
    with board(TOGGLE) as pico:
        pico.run(100 * MS)
        for request, reason in (
            (lambda: pico.adc(0, {"kind": "square"}), "square"),
            (lambda: pico.adc(9, {"kind": "constant", "counts": 1}), "no channel 9"),
            (lambda: pico.write("uart7", b""), "uart7"),
            (lambda: pico.drive(30, 1), "GPIO 0 to 29"),
            (lambda: pico.cut_power(0, "before"), "counts from 1"),
            (lambda: pico.tell(3, on=True), "no device 3"),
            (lambda: pico.run(-1), "whole number"),
        ):
            with pytest.raises(EmulatorError, match=reason):
                request()
        pico.write("uart0", b"a")
        pico.run(20 * MS)
        assert said(pico)[-1].endswith("a")


def test_emulator_that_dies_is_one_clear_error_with_its_log():
    with board(TOGGLE) as pico:
        pico.run(MS)
        os.kill(pico.pid, signal.SIGKILL)
        with pytest.raises(EmulatorError, match=r"(?s)emulator ended \(exit code -9\).*power on"):
            pico.run(MS)


def test_image_that_is_none_is_refused(tmp_path):
    with pytest.raises(EmulatorError, match="nowhere.uf2"):
        EmulatedRP2040(tmp_path / "nowhere.uf2")
    (tmp_path / "huge.bin").write_bytes(bytes(3 << 20))
    with pytest.raises(EmulatorError, match="the flash has 2097152 bytes"):
        EmulatedRP2040(tmp_path / "huge.bin")


def test_failing_test_shows_the_boards_last_log(capfd):
    def fail():
        with board(TOGGLE) as pico:
            pico.run(MS)
            raise AssertionError("as a test does")

    with pytest.raises(AssertionError):
        fail()
    assert "power on" in capfd.readouterr().err


@pytest.mark.slow
def test_emulator_ends_with_its_parent(root):
    program = (
        "import sys; from tests.emulator.kit import board; "
        "pico = board(''); print(pico.pid, flush=True); sys.stdin.read()"
    )
    environ = {**os.environ, "PYTHONPATH": f"{root / 'firmware_mpy'}:{root}"}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    descriptor = None
    try:
        descriptor = os.pidfd_open(pid)
        import select

        assert select.select([descriptor], [], [], 10)[0], "the emulator outlives its parent"
    except ProcessLookupError:
        pass
    finally:
        if descriptor is not None:
            os.close(descriptor)


def test_images_name_their_firmware():
    assert image("RPI_PICO").path.exists()
    assert hear("say(os.uname().machine)") == ["Raspberry Pi Pico with RP2040"]
