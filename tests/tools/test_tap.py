"""The tap between a node and its bridge: every byte passes both ways, unaltered, whoever comes or goes.

And the command that shows and records what it hears.
"""

import os
import pty
import random
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import pytest
import serial

from tests.wire.messages import TYPICAL
from tests.wire.vector_files import layers, offer_and_welcome
from tools import pcap, sniff
from tools.tap import Tap, TapError
from tools.wire_text import HOST, NODE

OFFER, WELCOME = offer_and_welcome()


class Cable:
    """The node's port: `path` for the tap, `ours` the node's end."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.path = os.ttyname(self.theirs)

    def read(self):
        try:
            return os.read(self.ours, 65536)
        except BlockingIOError:
            return b""

    def close(self):
        for end in (self.ours, self.theirs):
            if end >= 0:
                os.close(end)
        self.ours = self.theirs = -1


@pytest.fixture
def cable():
    cable = Cable()
    yield cable
    cable.close()


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_tap_passes_everything_both_ways_unaltered(cable, seed):
    source = random.Random(seed)
    up = b"".join(
        source.choice((source.randbytes(97), b"\0\x11\x13\x03\x04\r\n\xff", layers(TYPICAL[1], 3)[2]))
        for _ in range(300)
    )
    down = up[::-1]
    with Tap(cable.path) as tap, serial.Serial(str(tap.port), timeout=0) as bridge:
        seen, got_up, got_down, sent_up, sent_down = [], b"", b"", 0, 0
        copies = tap.copies()
        while len(got_up) < len(up) or len(got_down) < len(down):
            sent_up += os.write(cable.ours, up[sent_up : sent_up + 512]) if sent_up - len(got_up) < 2048 else 0
            sent_down += bridge.write(down[sent_down : sent_down + 512]) if sent_down - len(got_down) < 2048 else 0
            seen.append(next(copies))
            got_up += bridge.read(65536)
            got_down += cable.read()
        tap.end()
        seen += copies  # whatever passed before the end is there
    assert (got_up, got_down) == (up, down)
    for speaker, sent in ((NODE, up), (HOST, down)):
        assert b"".join(data for who, _, data in seen if who == speaker) == sent


def test_a_bridge_that_reads_late_loses_nothing(cable):
    """More than a pseudo-terminal holds waits in the tap and, behind it, at the node's port."""
    data, got = random.Random(7).randbytes(60_000), bytearray()
    os.set_blocking(cable.ours, True)
    with Tap(cable.path) as tap, serial.Serial(str(tap.port), timeout=0) as bridge:
        node = threading.Thread(
            target=lambda: [os.write(cable.ours, data[at : at + 1777]) for at in range(0, len(data), 1777)]
        )
        node.start()
        time.sleep(0.3)  # until everything on the way is full
        until(lambda: got.extend(bridge.read(999)) or len(got) >= len(data))
        node.join()
    assert got == data


def test_without_a_bridge_the_node_is_still_heard_and_a_bridge_may_come_later(cable):
    with Tap(cable.path) as tap:
        copies = tap.copies()
        for _ in range(20):
            os.write(cable.ours, b"z" * 1000)
            assert sum(len(next(copies)[2]) for _ in range(1)) > 0
        until(lambda: tap.unread_bytes > 10_000)
        for _ in range(2):  # and may go and come back
            with serial.Serial(str(tap.port), timeout=0) as bridge:
                until(lambda: os.write(cable.ours, b"A") and b"A" in bridge.read(100))
                bridge.write(b"to the node")
                until(lambda: b"to the node" in cable.read())


def test_the_name_given_to_the_bridges_port_comes_and_goes(cable, tmp_path):
    name = tmp_path / "link"
    name.symlink_to("/dev/null")  # of an earlier run that was killed
    with Tap(cable.path, link=name) as tap:
        assert name.resolve() == tap.port.resolve()
    assert not name.is_symlink()


def test_a_file_in_the_names_place_is_left_alone(cable, tmp_path):
    name = tmp_path / "link"
    name.write_text("precious")
    with pytest.raises(TapError, match="choose another name"):
        Tap(cable.path, link=name)
    assert name.read_text() == "precious"


def test_a_node_that_is_unplugged_ends_the_tap_with_its_reason(cable):
    with Tap(cable.path) as tap:
        os.write(cable.ours, b"last words")
        copies = tap.copies()
        assert next(copies)[2][:4] == b"last"
        cable.close()
        with pytest.raises(TapError, match="the port is not there|went away"):
            list(copies)


def test_a_port_that_does_not_open_says_why(tmp_path, cable, capsys):
    assert sniff.main([str(tmp_path / "nothing")]) == 1
    assert "the port is not there" in capsys.readouterr().err
    with serial.Serial(cable.path, exclusive=True):
        assert sniff.main([cable.path]) == 1
    assert "in use by another program" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["port", "--read", "file"]])
def test_a_port_or_a_recording_and_not_both(arguments):
    with pytest.raises(SystemExit) as ended:
        sniff.main(arguments)
    assert ended.value.code == 2


def test_the_command_shows_and_records_a_live_link(cable, tmp_path):
    recording, name = tmp_path / "link.pcap", tmp_path / "tapped"
    command = [sys.executable, "-m", "tools.sniff", cable.path, "--link", str(name), "--pcap", str(recording)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert str(name) in process.stderr.readline()
        os.write(cable.ours, OFFER)
        assert "node -> OFFER" in process.stdout.readline()
        with serial.Serial(str(name)) as bridge:
            bridge.write(WELCOME + b"half a fra")
            assert "host => WELCOME" in process.stdout.readline()
            until(lambda: b"half a fra" in cable.read())
        process.send_signal(2)
        assert process.wait(20) == 0, process.stderr.read()
    with recording.open("rb") as file:
        pieces = list(pcap.read(file))
    assert [piece.raw for piece in pieces] == [OFFER, WELCOME, b"half a fra"]
    assert [piece.speaker for piece in pieces] == [NODE, HOST, HOST]


def environment():
    root = Path(sniff.__file__).parent.parent
    return {**os.environ, "PYTHONPATH": f"{root}:{root / 'firmware_mpy'}"}
