"""The tools against whole boards: MicroPython's own firmware on the emulated RP2040, over its USB."""

import os
import select
import subprocess
import sys
import time

import pytest

from tools import boards, build, images, push
from tools.board_prompt import BoardPrompt
from tools.emulated_rp2040 import EmulatedRP2040
from tools.node_files import node_files

pytestmark = pytest.mark.slow
BOARD = "rpi_pico"


@pytest.fixture
def pico():
    old = build.filesystem(BOARD, {"name": "home-1"}, replace={"main.py": b"print('an older node')\n"})
    image = images.image("RPI_PICO").path
    with EmulatedRP2040(image, filesystem=old, ptys=("usb",), speed=1.0) as board:
        yield board


def words(port, wanted, said=b"", seconds=30):
    """What comes from a console, to which something may be said each second, until `wanted` is in it."""
    end, seen, deadline = os.open(port, os.O_RDWR | os.O_NOCTTY), b"", time.monotonic() + seconds
    try:
        while wanted not in seen and time.monotonic() < deadline:
            os.write(end, said)
            seen += os.read(end, 4096) if select.select([end], [], [], 1)[0] else b""
    finally:
        os.close(end)
    assert wanted in seen, seen
    return seen


def test_a_push_turns_an_older_node_into_the_checkouts_and_starts_it(pico, capsys):
    port = str(pico.ports["usb"])
    words(port, b">>> ", said=b"\r")
    assert push.main([BOARD, "--port", port]) == 0
    assert "write   main.py" in capsys.readouterr().out
    assert b"gridnexus" in words(port, b"contactors open")
    assert pico.resets == 1
    with BoardPrompt(port) as prompt:
        on_board = prompt.hashes(push.OURS)
    assert not push.compare(node_files(boards.load(BOARD), None), on_board)
    assert "unit.json" in on_board


def test_mpremote_as_people_use_it(pico):
    port = str(pico.ports["usb"])
    words(port, b">>> ", said=b"\r")
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume"]
    said = subprocess.run(
        [*command, "exec", "import sys; print(sys.platform)"], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.strip() == "rp2"
    listed = subprocess.run([*command, "fs", "ls"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "main.py" in listed and "gridnode/" in listed
