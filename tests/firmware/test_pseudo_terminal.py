"""The node's pseudo-terminal, opened as a bridge opens it: again and again, late, and after it was killed."""

import os
import select
import stat
import termios

import pytest
import serial

from gridnode.drivers.pseudo_terminal import PseudoTerminal
from gridnode.link.serial import SerialLink
from gridnode.wire.frame import CRC_BYTES
from gridnode.wire.host_channel import CALL_PACKET
from host_bridge.link import framed

EVERY_BYTE = bytes(range(256))


@pytest.fixture
def terminal(tmp_path):
    made = PseudoTerminal(str(tmp_path / "port"))
    yield made
    made.close()


@pytest.fixture
def opened(terminal, tmp_path):
    """The bridge's end, as the bridge opens it."""
    with bridge(tmp_path) as port:
        yield port


def bridge(tmp_path):
    return serial.Serial(str(tmp_path / "port"), 115200, timeout=5, exclusive=True)


def taken(terminal, length):
    """`length` bytes from the bridge, waiting for them."""
    found = b""
    buffer = bytearray(300)
    while len(found) < length:
        assert select.select([terminal], [], [], 5)[0], found
        found += bytes(buffer[: terminal.readinto(buffer) or 0])
    return found


def test_every_byte_passes_both_ways_unchanged(terminal, opened):
    assert terminal.write(EVERY_BYTE) == 256
    assert opened.read(256) == EVERY_BYTE
    opened.write(EVERY_BYTE)
    assert taken(terminal, 256) == EVERY_BYTE


def test_it_passes_them_raw_even_to_a_reader_that_sets_nothing(terminal, tmp_path):
    plain = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
    try:
        terminal.write(EVERY_BYTE)
        assert os.read(plain, 300) == EVERY_BYTE
        os.write(plain, b"\x03\x04\n\r")
        assert taken(terminal, 4) == b"\x03\x04\n\r"
    finally:
        os.close(plain)


def test_nothing_to_read_and_no_room_do_not_wait(terminal):
    assert terminal.readinto(bytearray(10)) is None
    for _ in range(1000):
        if terminal.write(bytes(256)) is None:
            break
    else:
        raise AssertionError("there is always room")
    assert terminal.write(b"x") is None


def test_the_bridge_may_go_and_come_back(terminal, tmp_path):
    poller = select.poll()
    poller.register(terminal, select.POLLIN)
    for turn in range(5):
        with bridge(tmp_path) as port:
            port.write(b"hello %d" % turn)
            assert taken(terminal, 7) == b"hello %d" % turn
            terminal.write(b"welcome %d" % turn)
            assert port.read(9) == b"welcome %d" % turn
        assert poller.poll(0) == []  # no hang-up, which would keep the node's loop from resting
        assert terminal.readinto(bytearray(10)) is None


def test_what_nobody_took_is_not_told_to_the_next_bridge(terminal, tmp_path):
    while terminal.write(b"stale" * 50):
        pass
    with bridge(tmp_path) as port:
        terminal.write(b"fresh")
        assert port.read(5) == b"fresh"


def test_frames_go_on_after_a_time_without_a_bridge(terminal, tmp_path):
    link = SerialLink(terminal)
    packet = bytearray(CALL_PACKET) + bytes(CRC_BYTES)
    for _ in range(2000):  # more than the kernel keeps
        if link.idle:
            link.send(bytearray(50), 40)
    assert not link.idle
    with bridge(tmp_path) as port:
        call = framed(CALL_PACKET)
        port.write(call)
        assert select.select([terminal], [], [], 5)[0]
        packets = link.receive(0)
        link.flush(0)
        assert link.idle and packets == [CALL_PACKET]
        link.send(packet, len(CALL_PACKET))
        assert port.read_until(call).endswith(call)


def test_only_this_user_may_open_it(tmp_path, monkeypatch):
    openpty = os.openpty

    def shared():  # as most systems make it: the group tty may write to it
        ends = openpty()
        os.chmod(os.ttyname(ends[1]), 0o620)
        return ends

    monkeypatch.setattr(os, "openpty", shared)
    terminal = PseudoTerminal(str(tmp_path / "port"))
    assert stat.S_IMODE(os.stat(tmp_path / "port").st_mode) == 0o600
    terminal.close()


def test_a_port_that_an_earlier_node_left_is_replaced(tmp_path):
    path = tmp_path / "port"
    path.symlink_to("/dev/pts/there-is-none")
    terminal = PseudoTerminal(str(path))
    with bridge(tmp_path) as port:
        terminal.write(b"here")
        assert port.read(4) == b"here"
    assert sorted(os.listdir(tmp_path)) == ["port"]
    terminal.close()
    assert os.listdir(tmp_path) == []


def test_closing_leaves_the_port_of_a_later_node(tmp_path):
    first = PseudoTerminal(str(tmp_path / "port"))
    second = PseudoTerminal(str(tmp_path / "port"))
    first.close()
    with bridge(tmp_path) as port:
        second.write(b"here")
        assert port.read(4) == b"here"
    second.close()


def test_what_is_in_the_way_is_kept_and_named(tmp_path):
    path = tmp_path / "port"
    path.write_text("someone's letter")
    with pytest.raises(FileExistsError, match="in the way"):
        PseudoTerminal(str(path))
    assert path.read_text() == "someone's letter"
    with pytest.raises(FileNotFoundError, match="link_path"):
        PseudoTerminal(str(tmp_path / "missing" / "port"))


def test_a_refused_port_leaves_nothing_open(tmp_path):
    (tmp_path / "port").write_text("")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileExistsError):
        PseudoTerminal(str(tmp_path / "port"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_it_echoes_nothing(terminal, tmp_path):
    plain = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
    try:
        assert not termios.tcgetattr(plain)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    finally:
        os.close(plain)
