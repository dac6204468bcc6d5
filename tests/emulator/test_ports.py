"""The emulated board's ports as people's own programs see them: pseudo-terminals, paced to the wall clock."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from tests.emulator.kit import board, filesystem
from tools.images import image

ECHO = """
say("ready")
while True:
    if _uart.any():
        _uart.write(_uart.read())
    time.sleep_ms(1)
"""


def mpremote(port, *arguments) -> str:
    command = [str(Path(sys.executable).parent / "mpremote"), "connect", str(port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_uart_on_a_pseudo_terminal():
    with board(ECHO, ptys=["uart0"], speed=1.0) as pico:
        with serial.Serial(str(pico.ports["uart0"]), 115200, timeout=20) as line:
            assert line.readline() == b"ready\n"
            line.write(bytes(range(100)))
            assert line.read(100) == bytes(range(100))


@pytest.mark.slow
def test_mpremote_works_on_the_usb_port(tmp_path):
    content = os.urandom(6000)
    (tmp_path / "here").write_bytes(content)
    with board(ECHO, ptys=["usb"], speed=1.0) as pico:
        port = pico.ports["usb"]
        assert mpremote(port, "eval", "6 * 7").strip() == "42"
        mpremote(port, "cp", str(tmp_path / "here"), ":there")
        mpremote(port, "cp", ":there", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == content


@pytest.mark.slow
def test_command_line_shows_the_ports_and_ends_with_ctrl_c(root, tmp_path):
    (tmp_path / "files.img").write_bytes(filesystem(ECHO))
    command = [sys.executable, "-m", "tools.emulate", "--image", str(image("RPI_PICO").path)]
    command += ["--filesystem", str(tmp_path / "files.img"), "--uart0", str(tmp_path / "uart0")]
    environ = {**os.environ, "PYTHONPATH": f"{root / 'firmware_mpy'}:{root}"}
    with subprocess.Popen(command, cwd=root, env=environ, stdout=subprocess.PIPE, text=True) as program:
        lines = [program.stdout.readline() for _ in range(3)]
        assert lines[0].strip() == f"uart0: {tmp_path / 'uart0'}"
        assert lines[1].startswith("usb: /dev/")
        with serial.Serial(str(tmp_path / "uart0"), 115200, timeout=20) as line:
            line.write(b"x")
            heard = line.read(1)
            assert heard in (b"x", b"r")
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0
    assert not (tmp_path / "uart0").exists()


def test_command_line_says_what_is_wrong(root, tmp_path, capsys):
    from tools import emulate

    assert emulate.main(["--image", str(tmp_path / "none.uf2")]) == 1
    assert "none.uf2" in capsys.readouterr().err
