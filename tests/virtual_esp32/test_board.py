"""The whole board: boot, reset and its causes, pins, watchdog, converter, UARTs, filesystem, console."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.virtual_esp32.flash_kit import FILES_AT, SIZE, make_filesystem, read_file
from tools.virtual_esp32 import Contact, InterpreterError, Load, VirtualEsp32, Wiring
from tools.virtual_esp32.pads import Pads

pytestmark = pytest.mark.slow

RELAY = Wiring(2, contacts=[Contact("heater", 32, 1, 18, 0)], pulls={32: 0, 18: 1, 33: 1})
HOLD = "import time\nwhile True: time.sleep_ms(20)\n"


def exchange(path, content, want):
    """Write to a terminal, read until `want` bytes are there."""
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(terminal, content)
        found, end = b"", time.monotonic() + 20
        while len(found) < want and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                found += os.read(terminal, 4096)
        return found
    finally:
        os.close(terminal)


@pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
def test_main_runs_from_the_flashed_filesystem_and_sees_nothing_else(make_board, says, chip):
    main = "import os, sys\nprint('files', os.listdir('/'), sys.path, __name__)\n"
    main += "for path in ('/proc/self/stat', '../../proc/self/stat'):\n"
    main += "    try: print('outside', open(path))\n    except OSError: print('none')\n" + HOLD
    with make_board(main, chip=chip) as board:
        log = says(board, "none", 2)
    assert "files ['main.py'] ['', '.frozen', '/lib'] __main__" in log
    assert "CPU not emulated" in log


def test_the_cause_of_every_reset_is_what_micropython_has_on_the_chip(make_board, says):
    main = """
import machine, os, sys, time
names = {1: "power on", 2: "hard", 3: "watchdog", 5: "soft"}
print("cause", names[machine.reset_cause()])
try:
    os.stat("stage")
    stage = int(open("stage").read())
except OSError:
    stage = 0
with open("stage", "w") as file:
    file.write(str(stage + 1))
if stage == 0: machine.reset()
if stage == 1: machine.WDT(timeout=200)
if stage == 2: sys.exit()
while True: time.sleep_ms(20)
"""
    with make_board(main) as board:
        says(board, "cause soft")
        board.reset()
        says(board, "cause power on", 2)
        board.power_off()
        board.power_on()
        log = says(board, "cause power on", 3)
    causes = [line.strip() for line in log.splitlines() if line.startswith("cause")]
    assert causes == [
        "cause power on",
        "cause hard",
        "cause watchdog",
        "cause soft",
        "cause power on",
        "cause power on",
    ]
    assert "Task watchdog got triggered" in log and "MPY: soft reboot" in log and "rst:0xc (SW_CPU_RESET)" in log


def test_a_fed_watchdog_stays_quiet(make_board, says):
    main = """
import machine, time
dog = machine.WDT(timeout=300)
for _ in range(60):
    time.sleep_ms(20)
    dog.feed()
print("fed well")
"""
    with make_board(main) as board:
        log = says(board, "fed well")
    assert "watchdog got" not in log


def test_a_watchdog_does_not_outlive_a_reset(make_board, says):
    main = """
import machine, time
if machine.reset_cause() == 1:
    machine.WDT(timeout=300)
    machine.reset()
time.sleep_ms(700)
print("left alone")
"""
    with make_board(main) as board:
        assert "watchdog got" not in says(board, "left alone")


def test_a_program_that_hangs_is_restarted_by_its_watchdog(make_board, says):
    with make_board("import machine\nmachine.WDT(timeout=200)\nwhile True: pass") as board:
        assert says(board, "Task watchdog got triggered")


def test_pins_are_undriven_in_reset_and_their_first_edge_is_to_the_level_asked_for(make_board, says, wait_for):
    main = "from machine import Pin\nrelay = Pin(32, Pin.OUT, value=0)\nhigh = Pin(33, Pin.OUT, value=1)\n" + HOLD
    with make_board(main, wiring=RELAY) as board:
        wait_for(lambda: len(board.edges()) == 2, "two edges")
        assert board.level(33) == 1 and board.level(32) == 0
        board.reset()
        wait_for(lambda: len(board.edges()) == 6, "the edges of a reset and a boot")
        board.power_off()
        edges = board.edges()
    assert [(edge.pin, edge.level, edge.driven) for edge in edges] == [
        *[(32, 0, True), (33, 1, True), (32, 0, False), (33, 1, False)] * 2
    ]
    assert [edge.at_ns for edge in edges] == sorted(edge.at_ns for edge in edges)
    assert abs(edges[-1].at_ns - time.time_ns()) < 60e9


def test_a_soft_reset_leaves_the_pins_as_they_are(make_board, says):
    main = "from machine import Pin, reset_cause\nprint('cause', reset_cause())\n"
    main += "if reset_cause() != 5:\n    Pin(32, Pin.OUT, value=1)\n    raise SystemExit\n" + HOLD
    with make_board(main) as board:
        says(board, "cause 5")
        assert [(edge.level, edge.driven) for edge in board.edges(32)] == [(1, True)]


def test_the_contactor_follows_its_coil_and_the_program_reads_the_feedback(make_board, says):
    main = """
from machine import Pin
import time
coil, feedback = Pin(32, Pin.OUT, value=0), Pin(18, Pin.IN)
seen = [feedback.value()]
coil(1)
while feedback() == 1: time.sleep_ms(1)
coil.off()
while feedback() == 0: time.sleep_ms(1)
print("feedback", seen)
"""
    with make_board(main, wiring=RELAY) as board:
        assert "feedback [1]" in says(board, "feedback")


def test_inputs_from_outside_pulls_and_the_converter(make_board, says):
    main = """
from machine import ADC, Pin
import time
button, bare, adc = Pin(0, Pin.IN, Pin.PULL_UP), Pin(33, Pin.IN), ADC(Pin(34))
print("first", button(), bare(), adc.read_u16())
while button(): time.sleep_ms(5)
print("then", button(), bare(), adc.read_u16(), adc.read())
"""
    with make_board(main, wiring=RELAY) as board:
        says(board, "first 1 1 0")
        board.adc(34, 40_000)
        board.drive(33, 0)
        board.drive(0, 0)
        assert says(board, "then 0 0 40000 2500")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("machine.Pin(24)", "ValueError: invalid pin"),
        ("machine.Pin(34, machine.Pin.OUT)", "ValueError: pin can only be input"),
        ("machine.ADC(23)", "ValueError: invalid pin"),
        ("machine.UART(0, 115200)", "ValueError: UART(0): nothing is wired to it"),
        ("machine.I2C(0).readfrom_mem(64, 0, 2)", "OSError: [Errno 19] ENODEV"),
        ("machine.WDT(timeout=0)", "ValueError: WDT timeout too short"),
        ("machine.freq(1)", "ValueError: frequency must be"),
        ("machine.PWM(2)", "AttributeError"),
    ],
)
def test_what_the_chip_refuses_is_refused_and_what_is_not_simulated_is_not_there(make_board, says, line, error):
    with make_board(f"import machine\n{line}\n") as board:
        assert says(board, error)


def test_the_link_carries_bytes_both_ways_and_wakes_a_poll(make_board, says):
    main = """
from machine import UART
import select
line = UART(2, 115200, tx=17, rx=16, rxbuf=1024, txbuf=512, timeout=0)
buffer = bytearray(64)
print("nothing yet:", line.readinto(buffer), line.any())
poller = select.poll()
poller.register(line, select.POLLIN)
while True:
    if poller.poll(1000):
        count = line.readinto(buffer)
        line.write(memoryview(buffer)[:count])
"""
    with make_board(main) as board:
        says(board, "nothing yet: None 0")
        everything = bytes(range(256))
        assert exchange(board.link, everything, 256) == everything


def test_what_comes_over_the_link_while_the_board_is_off_is_lost(make_board, says):
    main = "from machine import UART\nline = UART(2, 115200)\nprint('got', line.read(20))\n" + HOLD
    with make_board(main) as board:
        says(board, "got None")
        board.power_off()
        exchange(board.link, b"too early", 0)
        time.sleep(0.1)
        board.power_on()
        assert says(board, "got None", 2)


def test_writing_to_a_link_that_nobody_reads_never_blocks(make_board, says):
    main = "from machine import UART\nline = UART(2, 115200)\n"
    main += "for _ in range(300): assert line.write(bytes(1000)) == 1000\nprint('all gone')\n"
    with make_board(main) as board:
        assert says(board, "all gone")


@pytest.mark.parametrize(("baud", "hears"), [(9600, True), (115200, False)])
def test_the_meter_answers_at_its_own_speed(make_board, says, baud, hears):
    main = f"""
from machine import UART
import time
line = UART(1, {baud}, tx=26, rx=25)
answer = b""
for _ in range(20):
    line.write(bytes.fromhex("01040000000a700d"))
    time.sleep_ms(50)
    answer += line.read() or b""
    if len(answer) >= 25: break
print("answer", len(answer), answer[3:9])
"""
    with make_board(main, wiring=Wiring(2, meter_uart=1)) as board:
        board.set_load(Load(231_400, 2_000, 462_800, 50_000))
        log = says(board, "answer")
        assert board.energy_mwh() >= 0
    assert ("answer 25 b'\\t\\n\\x07\\xd0\\x00\\x00'" in log) == hears and ("answer 0" in log) != hears


def test_files_survive_a_power_cut(make_board, says, tmp_path):
    main = """
import os
def count():
    try:
        with open("boots") as file: return int(file.read())
    except OSError: return 0
with open("boots.new", "w") as file: file.write(str(count() + 1))
os.rename("boots.new", "boots")
print("boots", count())
"""
    with make_board(main) as board:
        for boots in (1, 2, 3):
            says(board, f"boots {boots}")
            board.power_off()
            board.power_on()
        says(board, "boots 4")
        flash = next(tmp_path.glob("flash*.bin"))
    assert read_file(flash, "boots") == b"4"


def test_an_empty_filesystem_is_made_and_a_damaged_one_is_never_written_over(make_board, says, tmp_path):
    with make_board(files=b"") as board:
        says(board, "Performing initial setup")
        says(board, ">>> ")
        board.power_off()
    damaged = b"\0" * 8192 + make_filesystem({"main.py": b"print('no')"})[8192:]
    with make_board(files=damaged) as board:
        says(board, "The filesystem appears to be corrupted")
        board.power_off()
    assert any(flash.read_bytes()[FILES_AT:SIZE] == damaged for flash in tmp_path.glob("flash*.bin"))


def test_the_heap_is_that_of_the_chip_and_what_the_board_takes_is_not_counted(make_board, says):
    with make_board("import gc\ngc.collect()\nprint('free', gc.mem_free(), 'of', 512 * 1024)\n") as board:
        free = int(says(board, "free ").split("free ")[1].split()[0])
    assert 480_000 < free < 512 * 1024


def test_ticks_begin_with_the_reset(make_board, says):
    main = "import time\nstart = time.ticks_ms()\ntime.sleep_ms(30)\n"
    main += "print('ticks', start, time.ticks_diff(time.ticks_ms(), start) >= 30, time.ticks_us() < 60000000)\n"
    with make_board(main) as board:
        words = says(board, "ticks ").split("ticks ")[1].split()
    assert int(words[0]) < 60_000 and words[1:3] == ["True", "True"]


def test_an_exception_ends_in_the_repl_and_ctrl_d_starts_main_again(make_board, says):
    with make_board("answer = 42\nprint('main runs')\nraise ValueError('of main')\n") as board:
        log = says(board, ">>> ")
        assert 'File "main.py", line 3' in log and "ValueError: of main" in log
        assert b"\r\n43\r\n>>> " in exchange(board.console, b"answer + 1\r", 18)
        exchange(board.console, b"\x04", 0)
        assert says(board, "main runs", 2).count("MPY: soft reboot") == 1


def test_ctrl_c_interrupts_the_program_even_one_that_was_typed_at(make_board, says):
    with make_board("print('begun')\n" + HOLD) as board:
        says(board, "begun")
        exchange(board.console, b"x" * 30_000, 0)
        exchange(board.console, b"\x03", 0)
        assert says(board, "KeyboardInterrupt")


def test_blocks_and_paste_mode_at_the_repl(make_board, says):
    with make_board() as board:
        says(board, ">>> ")
        exchange(board.console, b"for i in range(3):\r  print('number', i)\r\r", 0)
        says(board, "number 2")
        exchange(board.console, b"\x05x = 5\rprint('pasted', x)\r\x04", 0)
        assert says(board, "pasted 5")


@pytest.mark.parametrize("url", [False, True])
def test_mpremote_as_people_use_it(make_board, says, tmp_path, url):
    (tmp_path / "sent.py").write_text("print('from a file')\n")
    with make_board("print('main runs')\n" + HOLD) as board:
        says(board, "main runs")
        port = board.url if url else str(board.console)
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", port, "cp", tmp_path / "sent.py", ":sent.py"]
            + ["+", "exec", "import sent", "+", "ls"],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from a file" in done.stdout and "sent.py" in done.stdout


def test_an_interpreter_that_dies_restarts_the_chip_with_its_pins_let_go(make_board, says, wait_for):
    with make_board("from machine import Pin\nPin(32, Pin.OUT, value=1)\nprint('runs')\n" + HOLD) as board:
        says(board, "runs")
        os.kill(board.pid, signal.SIGSEGV)
        log = says(board, "runs", 2)
        assert [edge.driven for edge in board.edges(32)] == [True, False, True]
    assert "the interpreter ended with code -11" in log


def test_an_interpreter_that_dies_in_the_moment_of_a_power_cut_stays_off(make_board, says):
    with make_board("print('runs')\n" + HOLD) as board:
        says(board, "runs")

        def die_unheard():
            os.kill(board.pid, signal.SIGTERM)
            time.sleep(0.1)
            board.power_off()

        board._worker.call(die_unheard)
        assert not board.running
        board.power_on()
        assert says(board, "runs", 2)


def test_an_interpreter_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(InterpreterError, match="nothing is no program"):
        VirtualEsp32(tmp_path / "flash", interpreter=tmp_path / "nothing")
    assert not (tmp_path / "flash").exists()


def test_the_program_ends_with_the_process_that_holds_the_board(tmp_path, make_board, says, wait_for):
    program = f"""
import sys, time
from pathlib import Path
from tests.virtual_esp32.flash_kit import *
from tools.virtual_esp32 import VirtualEsp32
flash = make_flash(Path({str(tmp_path)!r}) / "orphan.bin", {HOLD!r})
board = VirtualEsp32(flash, interpreter=INTERPRETER, bytes=SIZE, heap=HEAP)
board.__enter__()
print(board.pid, flush=True)
time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as holder:
        pid = int(holder.stdout.readline())
        holder.kill()
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or _is_zombie(pid), "the end of the interpreter")


def _is_zombie(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


def test_the_last_words_are_shown_when_a_test_fails(make_board, says, capsys):
    def fail():
        with make_board("print('my last words')\n" + HOLD) as board:
            says(board, "my last words")
            raise AssertionError

    with pytest.raises(AssertionError):
        fail()
    assert "my last words" in capsys.readouterr().err


def test_a_board_that_was_left_says_so(make_board):
    board = make_board()
    with board:
        pass
    with pytest.raises(RuntimeError, match="not there any more"):
        board.level(1)


def test_pads_tell_edges_only_when_something_changes(tmp_path):
    pads = Pads(tmp_path / "pads", {4: 1})
    assert pads.level(4) == 1 and pads.level(5) == 0
    assert pads.put_out(1, 4, 1) == (1, 4, 1, True)
    assert pads.put_out(2, 4, 1) is None
    assert pads.put_out(3, 5, None) is None
    assert pads.release(4) == [(4, 4, 1, False)]
    pads.close()
