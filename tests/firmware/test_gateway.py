"""A gateway board and the Pi's side of it, over a line that may cut, garble and stop."""

import struct

import pytest

from gridnode.drivers.serial_radio import SerialRadio
from gridnode.gateway import Gateway
from gridnode.link import radio_frames as frames
from gridnode.link.airtime import airtime_us
from gridnode.link.regions import EU868, Plan
from gridnode.link.serial import SerialLink
from gridnode.wire.frame import FRAME_MAX, encode

HOME = 869_525, 125, 9
HOUR_MS = 3_600_000


class Line:
    """One end of a serial line; what is written comes out at `other`."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.other = self
        self.cut = self.full = False

    def readinto(self, buffer) -> int:
        if self.cut:
            raise OSError("gone")
        count = min(len(buffer), len(self.came))
        buffer[:count] = self.came[:count]
        del self.came[:count]
        return count

    def write(self, data) -> int:
        if self.full:
            return 0
        taken = bytes(data[:50])  # never more at once
        self.other.came += taken
        return len(taken)

    def close(self) -> None:
        self.came.clear()


class Radio:
    """As drivers.sx1276, but for the air."""

    def __init__(self) -> None:
        self.sent: list[tuple] = []
        self.scan: list = []
        self.packets: list[tuple] = []
        self.busy, self.fault, self.sent_ms, self.resets, self.bad_crc = False, "", 0, 0, 0

    def listen(self, scan) -> None:
        self.scan = [tuple(entry) for entry in scan]

    def send(self, data, length, *how) -> None:
        assert not self.busy
        self.sent.append((bytes(data[:length]), *how))
        self.busy = True
        self.ends_ms = None
        self.takes_ms = airtime_us(length, how[2], how[1], how[4]) // 1000

    def poll(self, now_ms: int):
        if self.busy and not self.fault:
            self.ends_ms = now_ms + self.takes_ms if self.ends_ms is None else self.ends_ms
            if now_ms >= self.ends_ms:
                self.busy, self.sent_ms = False, now_ms
        return self.packets.pop(0) if self.packets else None


class Desk:
    """A Pi and its gateway board; both have their own clocks."""

    def __init__(self, now_ms: int = HOUR_MS) -> None:
        self.ours, self.theirs = Line(), Line()
        self.ours.other, self.theirs.other = self.theirs, self.ours
        self.plan = Plan(EU868, power_dbm=22)
        self.now_ms = now_ms
        self.present: list[bool] = []
        self.plugged = True
        self.start()
        self.radio = SerialRadio(self._open)
        self.heard: list[tuple] = []

    def start(self) -> None:
        """The board starts anew."""
        self.chip = Radio()
        self.board = Gateway(SerialLink(self.theirs), self.chip, self.plan, self.now_ms - HOUR_MS, self.present.append)

    def _open(self) -> Line:
        if not self.plugged:
            raise RuntimeError("no such file")
        self.ours.cut = False
        return self.ours

    def run(self, ms: int, board: bool = True, step_ms: int = 5) -> None:
        for _ in range(ms // step_ms):
            self.now_ms += step_ms
            if board:
                self.board.step(self.now_ms)
            packet = self.radio.poll(self.now_ms + 77)
            if packet:
                self.heard.append(packet)


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.run(200)
    assert desk.radio.fault == "" and not desk.radio.busy
    return desk


def test_it_is_busy_until_the_board_has_answered():
    desk = Desk()
    assert desk.radio.busy and "does not answer" in desk.radio.fault
    desk.run(3500, board=False)
    assert desk.radio.busy
    desk.theirs.came.clear()
    desk.run(6000)
    assert not desk.radio.busy and desk.present == [True]


def test_a_board_that_has_not_answered_is_sent_no_byte_that_is_ctrl_c():
    """Its program has perhaps just started, and takes a 3 for it until it has understood the first frame."""
    desk = Desk()
    desk.run(50, board=False)
    desk.radio.listen([(868_300, 125, 8)] * 3)
    desk.radio.send(b"x", 1, *HOME, 14, 8)
    desk.run(2000, board=False)
    assert desk.theirs.came and 3 not in desk.theirs.came
    desk.run(1000)
    assert len(desk.chip.scan) == 3


def test_a_board_that_falls_silent_is_said(desk):
    desk.run(2500, board=False)
    assert desk.radio.fault == ""
    desk.run(1000, board=False)
    assert "does not answer" in desk.radio.fault and desk.radio.busy
    desk.run(6000)
    assert desk.radio.fault == ""


def test_it_listens_to_what_the_pi_says_also_after_the_board_started_anew(desk):
    scan = ((869_525, 125, 7), (868_300, 125, 8))
    desk.radio.listen(scan)
    desk.run(100)
    assert desk.chip.scan == list(scan)
    desk.start()
    assert desk.chip.scan == []
    desk.run(1200)
    assert desk.chip.scan == list(scan)


def test_what_it_hears_comes_with_its_figures_and_its_time(desk):
    data = bytes(range(255))
    desk.chip.packets.append((data, -123, -30, 10, 869_525, desk.now_ms - 500))
    began_ms = desk.now_ms
    desk.run(300)
    ((got, rssi, snr, spreading, khz, end_ms),) = desk.heard
    assert (got, rssi, snr, spreading, khz) == (data, -123, -30, 10, 869_525)
    assert 0 <= end_ms - 77 - (began_ms - 500) <= 60  # less what the line takes


def test_what_it_sends_goes_out_as_it_is_and_its_end_is_told(desk):
    data = bytes(range(254, -1, -1))
    desk.radio.send(data, 255, 869_525, 125, 9, 14, 24)
    assert desk.radio.busy
    desk.run(200)
    assert desk.chip.sent == [(data, 869_525, 125, 9, 14, 24)]
    assert desk.radio.busy
    desk.run(1700)
    assert not desk.radio.busy and 0 <= desk.radio.sent_ms - 77 - desk.chip.sent_ms <= 30


@pytest.mark.slow
def test_the_board_keeps_the_law_whatever_the_pi_says(desk):
    asked_us = 0
    while desk.now_ms < 3 * HOUR_MS:
        desk.radio.send(b"m" * 200, 200, 869_525, 125, 10, 14, 8)
        desk.run(2500, step_ms=125)
        asked_us += airtime_us(200, 10, 125, 8)
    sent_us = len(desk.chip.sent) * airtime_us(200, 10, 125, 8)
    assert asked_us > 2 * HOUR_MS * 1000 * 6 // 10  # it tried hard
    assert sent_us <= 2 * HOUR_MS * 1000 // 10 and sent_us > HOUR_MS * 1000 // 10
    assert desk.radio.counts["refused"] > 100 and desk.radio.refused == "no airtime left"
    for how, words in (
        ((868_650, 125, 9, 14, 8), "channel"),
        ((869_525, 250, 9, 14, 8), "channel"),
        ((869_525, 125, 9, 27, 8), "dBm"),
        ((869_525, 125, 12, 14, 60_000), "at a time"),
        ((869_525, 125, 5, 14, 8), "did not understand"),
    ):
        sent = len(desk.chip.sent)
        desk.radio.send(b"x", 1, *how)
        desk.run(100)
        assert words in desk.radio.refused and len(desk.chip.sent) == sent, how


def test_a_fault_of_the_board_s_radio_is_the_pi_s_to_see(desk):
    desk.radio.send(b"x", 1, *HOME, 14, 8)
    desk.run(20)
    desk.chip.fault = "SX1276 does not answer"
    desk.run(100)
    assert desk.radio.fault == "SX1276 does not answer" and desk.radio.busy
    assert desk.radio.counts["refused"] == 1
    desk.radio.send(b"x", 1, *HOME, 14, 8)
    assert desk.radio.counts["unsent"] == 1
    desk.chip.fault = ""
    desk.chip.resets = 3
    desk.run(1000)
    assert desk.radio.fault == "" and desk.radio.resets == 3


def test_a_board_that_is_unplugged_is_said_and_found_again(desk):
    desk.radio.send(b"x", 1, *HOME, 14, 8)
    desk.ours.cut, desk.plugged, desk.theirs.full = True, False, True
    desk.chip.packets.append((b"old", -100, 0, 9, 869_525, desk.now_ms))
    desk.run(100)
    assert "plugged in" in desk.radio.fault and desk.radio.busy and desk.radio.counts["unsent"] == 1
    desk.run(20_000)
    assert desk.present[-1] is False  # and the board has its console again
    desk.plugged, desk.theirs.full = True, False
    desk.run(6000)
    assert desk.radio.fault == "" and not desk.radio.busy
    assert desk.heard == []  # what is that old nobody wants


def test_a_sending_of_which_nothing_is_heard_is_given_up(desk):
    desk.radio.send(b"x" * 20, 20, *HOME, 14, 8)
    desk.theirs.came.clear()
    desk.radio._out = b""
    desk.run(500)
    assert desk.radio.busy
    desk.run(4000)
    assert not desk.radio.busy and desk.radio.counts["unsent"] == 1


def test_garbage_on_the_line_does_nothing(desk):
    for junk in (b"\x04\x00" * 40, bytes(range(256)) * 3, b"\0" * 300):
        desk.theirs.came += junk
        desk.ours.came += junk
        desk.run(50)
    frame = bytearray(FRAME_MAX)
    sending = struct.pack(frames.SENDING, frames.SEND, 1, *HOME, 14, 8)  # of which the packet was lost
    for packet in (sending, b"\x02abc", b"\x04", b"\x08", b"\x06\0", b"\x05\xff", b"\xff", b"\x09"):
        length = encode(bytearray(packet) + bytearray(4), len(packet), frame)
        desk.theirs.came += frame[:length]
        desk.ours.came += frame[:length]
        desk.run(50)
    assert desk.chip.sent == [] and desk.heard == []
    desk.radio.send(b"still", 5, *HOME, 14, 8)
    desk.run(500)
    assert [sent[0] for sent in desk.chip.sent] == [b"still"]
