"""The ports of UART0: real esptool over them, two clients, garbage, hosts that go away or do not read."""

import os
import random
import socket
import subprocess
import sys
import time

import pytest
import serial

from tests.virtual_esp32.flash_kit import APP_AT, FILES_AT, TABLE, TABLE_AT, make_filesystem, make_image

HOLD = "import time\nprint('runs')\nwhile True: time.sleep_ms(20)\n"


def esptool(port, *arguments, ok=True, chip=None):
    command = [sys.executable, "-m", "esptool", *(["--chip", chip] if chip else []), "--port", str(port), *arguments]
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=240)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def parts(tmp_path):
    """What is written, as esptool takes it: offsets and files."""

    def make(chip):
        at = 0x1000 if chip == "esp32" else 0
        pieces = {at: make_image(chip, b"second stage"), TABLE_AT: TABLE, APP_AT: make_image(chip)}
        pieces[FILES_AT] = make_filesystem({"main.py": HOLD.encode()})
        words = []
        for offset, piece in pieces.items():
            (tmp_path / f"{offset:x}.bin").write_bytes(piece)
            words += [hex(offset), tmp_path / f"{offset:x}.bin"]
        return words

    return make


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
def test_esptool_flashes_verifies_and_starts_the_program(make_board, parts, says, chip):
    with make_board(bootloader=b"", table=b"", app=b"", files=b"", chip=chip) as board:
        assert "invalid header: 0xffffffff" in board.log()
        said = esptool(board.jig, "write-flash", *parts(chip))
        assert said.count("Hash of data verified") == 4
        says(board, "runs")
        said = esptool(board.jig, "verify-flash", *parts(chip))
        assert said.count("Verification successful") == 4
        says(board, "runs", 2)


@pytest.mark.slow
def test_esptool_resets_into_the_loader_and_out_over_dtr_and_rts(make_board, says):
    with make_board(HOLD) as board:
        says(board, "runs")
        said = esptool(board.url, "--no-stub", "read-mac")
        assert "ESP32-D0WD-V3 (revision v3.0)" in said and "24:6f:28:aa:bb:cc" in said
        log = says(board, "runs", 2)
    assert "waiting for download" in log


def test_esptool_knows_the_flash_chip(make_board):
    with make_board() as board:
        said = esptool(board.jig, "flash-id")
    assert "Detected flash size: 1MB" in said and "Manufacturer: ef" in said


@pytest.mark.slow
def test_esptool_without_stub_over_the_pseudo_terminal(make_board, parts, says):
    with make_board(bootloader=b"", table=b"", app=b"", files=b"") as board:
        board.reset(download=True)
        words = parts("esp32")[:6]
        said = esptool(board.console, "--before", "no-reset", "--no-stub", "write-flash", *words)
        assert said.count("Hash of data verified") == 3
        board.reset()
        says(board, "CPU not emulated; MicroPython")


@pytest.mark.slow
def test_esptool_reads_back_and_erases(make_board, tmp_path):
    with make_board(HOLD) as board:
        before = next(tmp_path.glob("flash*.bin")).read_bytes()
        esptool(board.jig, "read-flash", "0x1000", "0x40000", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == before[0x1000:0x41000]
        esptool(board.jig, "erase-flash")
        assert next(tmp_path.glob("flash*.bin")).read_bytes() == b"\xff" * len(before)
        assert "invalid header" in board.log()


@pytest.mark.slow
def test_esptool_refuses_the_wrong_chip_and_a_flash_too_small(make_board, tmp_path):
    with make_board(chip="esp32c3") as board:
        before = next(tmp_path.glob("flash*.bin")).read_bytes()
        assert "This chip is ESP32-C3, not ESP32" in esptool(board.jig, "chip-id", chip="esp32", ok=False)
        (tmp_path / "big.bin").write_bytes(os.urandom(0x1000))
        assert "will not fit" in esptool(board.jig, "write-flash", "0x100000", tmp_path / "big.bin", ok=False)
        assert next(tmp_path.glob("flash*.bin")).read_bytes() == before


def open_port(url):
    return serial.serial_for_url(url, timeout=5)


def test_the_console_is_there_too_and_a_second_client_is_turned_away(make_board, says):
    with make_board(HOLD) as board:
        says(board, "runs")
        with open_port(board.url) as port:
            port.rts, port.dtr = False, False
            says(board, "runs")
            host, number = board.url.removeprefix("rfc2217://").split(":")
            with socket.create_connection((host, int(number)), timeout=5) as second:
                assert second.recv(100) == b""
            port.write(b"\x03")
            assert b"KeyboardInterrupt" in port.read_until(b">>> ")
            port.write(b"import sys; sys.stdout.buffer.write(bytes([255, 240, 255, 255, 1]))\r")
            assert b"\n\xff\xf0\xff\xff\x01" in port.read_until(b"\n>>> ")


def test_the_address_is_loopback_alone(make_board):
    with make_board() as board:
        assert board.url.startswith("rfc2217://127.0.0.1:") and board.jig.startswith("socket://127.0.0.1:")


@pytest.mark.parametrize("seed", range(6))
def test_garbage_on_every_port_never_breaks_the_board(make_board, says, seed):
    source = random.Random(seed)
    with make_board(HOLD) as board:
        says(board, "runs")
        for address in [board.url, board.jig] * 4:
            host, number = address.split("//")[1].split(":")
            with socket.create_connection((host, int(number)), timeout=5) as line:
                for _ in range(20):
                    piece = source.randbytes(source.randrange(1, 300))
                    telnet = bytes([255, source.choice([250, 251, 252, 253, 254, 240, 255]), source.randrange(64)])
                    try:
                        line.sendall(telnet + piece if source.random() < 0.7 else piece)
                    except OSError:  # it was cut off, which is fine
                        break
        board.power_off()
        board.power_on()
        before = board.log().count("runs")
        assert says(board, "runs", before + 1)


@pytest.mark.slow
def test_a_client_that_never_reads_does_not_hold_the_board_up(make_board, says):
    with make_board("print('runs')\nwhile True: print('x' * 4000)\n") as board:
        host, number = board.url.removeprefix("rfc2217://").split(":")
        with socket.create_connection((host, int(number)), timeout=5) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            seen, end = 0, time.monotonic() + 20
            while seen < 3 and time.monotonic() < end:
                board.reset()
                seen += 1
            says(board, "x" * 4000)


def test_a_client_that_vanishes_while_it_holds_the_chip_in_reset_lets_it_go(make_board, says):
    with make_board(HOLD) as board:
        says(board, "runs")
        port = open_port(board.url)
        port.dtr, port.rts = False, True
        assert not board.running
        port.close()
        assert says(board, "runs", 2)


def test_power_cut_while_esptool_is_connected_and_back(make_board, says):
    with make_board(HOLD) as board:
        host, number = board.jig.removeprefix("socket://").split(":")
        with socket.create_connection((host, int(number)), timeout=5):
            board.power_off()
        assert not board.running
        board.power_on()
        assert says(board, "runs")
