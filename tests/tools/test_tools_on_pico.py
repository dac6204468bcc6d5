"""The tools against whole boards: MicroPython's own firmware on the emulated RP2040, over its USB."""

import os
import select
import subprocess
import sys
import time

import pytest

from gridnode.wire.frame import FrameDecoder
from gridnode.wire.host_channel import HostChannel, offer_of
from host_bridge.keys import KeyRing
from tools import boards, build, images, provision, push
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


def offers(link, slot, seconds=30):
    """The next OFFER of that slot that a node says on its link."""
    decoder, deadline = FrameDecoder(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        data = os.read(link, 4096) if select.select([link], [], [], 1)[0] else b""
        for packet in decoder.feed(data):
            offer = offer_of(packet)
            if offer is not None and offer.slot == slot:
                return packet
    raise AssertionError(f"no offer of slot {slot}")


def test_a_blank_pico_says_so_gets_its_key_over_its_usb_and_offers_it(tmp_path, capsys):
    ring = KeyRing(tmp_path / "keys")
    files = build.filesystem(BOARD, {"name": "home-1"})
    with EmulatedRP2040(images.image("RPI_PICO").path, filesystem=files, ptys=("uart0", "usb"), speed=1.0) as pico:
        link = os.open(pico.ports["uart0"], os.O_RDWR | os.O_NOCTTY)
        try:
            assert offer_of(offers(link, slot=0)).name == "home-1"
            assert provision.main(["home-1", "--port", str(pico.ports["usb"]), "--keys", str(ring.folder)]) == 0
            keys = ring.load("home-1").keys
            packet = offers(link, slot=1)
        finally:
            os.close(link)
        assert HostChannel("home-1", keys).offered(packet) is not None
        assert HostChannel("home-1", [(1, bytes(32))]).offered(packet) is None
        assert pico.resets == 1 and keys[0][1].hex()[:8] not in pico.log() + str(capsys.readouterr())
