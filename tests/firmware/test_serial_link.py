"""Frames over a stream that takes and gives what it likes: partial writes, no room, nothing to read, garbage."""

from gridnode.link.serial import SerialLink
from gridnode.wire.frame import CRC_BYTES, FRAME_MAX, FrameDecoder, encode


class Stream:
    """Gives `incoming` in portions of at most `gives`, takes at most `takes` bytes a write; None when it cannot."""

    def __init__(self, gives=FRAME_MAX, takes=FRAME_MAX):
        self.incoming = b""
        self.written = b""
        self.gives = gives
        self.takes = takes
        self.nothing = None

    def readinto(self, buffer):
        portion = self.incoming[: min(self.gives, len(buffer))]
        if not portion:
            return self.nothing
        self.incoming = self.incoming[len(portion) :]
        buffer[: len(portion)] = portion
        return len(portion)

    def write(self, data):
        if not self.takes:
            return self.nothing
        portion = bytes(data)[: self.takes]
        self.written += portion
        return len(portion)


def framed(*packets):
    out, frames = bytearray(FRAME_MAX), []
    for packet in packets:
        frames.append(bytes(out[: encode(roomy(packet), len(packet), out)]))
    return frames


def roomy(packet):
    """As a session gives it: with room behind for what the link adds."""
    return bytearray(packet) + bytearray(CRC_BYTES)


PACKETS = [b"first\x00one", b"\x00" * 9, bytes(range(256))]


def packets(data):
    return FrameDecoder().feed(data)


def received(link, turns):
    found = []
    for _ in range(turns):
        found += link.receive(0)
    return found


def test_packets_come_whole_however_the_stream_portions_them():
    whole = b"".join(framed(*PACKETS))
    for gives in (1, 2, 7, 300):
        stream = Stream(gives=gives)
        stream.incoming = whole
        assert received(SerialLink(stream), len(whole)) == packets(whole) == PACKETS


def test_nothing_to_read_is_no_packet():
    for nothing in (None, 0):
        stream = Stream()
        stream.nothing = nothing
        assert SerialLink(stream).receive(0) == []


def test_more_than_one_buffer_of_bytes_waits_for_the_next_call():
    stream = Stream()
    stream.incoming = b"".join(framed(*PACKETS[:2])) * 40
    link = SerialLink(stream)
    assert 0 < len(link.receive(0)) < 60
    assert stream.incoming
    assert len(received(link, 20)) > 0 and not stream.incoming


def test_garbage_is_counted_and_the_next_frame_is_found():
    stream = Stream()
    good = framed(PACKETS[0])[0]
    stream.incoming = b"\x00boot: hello\r\n\x00" + good + good[:6] + b"\x00" + good
    link = SerialLink(stream)
    assert received(link, 3) == packets(good) * 2
    assert link.dropped == 2


def test_a_frame_leaves_in_as_many_portions_as_the_stream_takes():
    frames = framed(*PACKETS)
    for takes in (1, 3, 300):
        stream = Stream(takes=takes)
        link = SerialLink(stream)
        for packet in PACKETS:
            assert link.idle
            link.send(roomy(packet), len(packet))
            for _ in range(FRAME_MAX):
                link.flush(0)
        assert link.idle and stream.written == b"".join(frames)


def test_without_room_it_is_not_idle_and_goes_on_when_there_is():
    frame = framed(PACKETS[0])[0]
    for nothing in (None, 0):
        stream = Stream(takes=0)
        stream.nothing = nothing
        link = SerialLink(stream)
        link.send(roomy(PACKETS[0]), len(PACKETS[0]))
        link.flush(0)
        assert not link.idle and stream.written == b""
        stream.takes = 4
        link.flush(0)
        assert not link.idle and stream.written == frame[:4]
        stream.takes = 300
        link.flush(0)
        link.flush(0)
        assert link.idle and stream.written == frame


def test_the_packet_given_may_be_overwritten_at_once():
    packet = roomy(PACKETS[2])
    stream = Stream(takes=2)
    link = SerialLink(stream)
    link.send(packet, len(PACKETS[2]), True)
    for index in range(len(packet)):
        packet[index] = 0
    while not link.idle:
        link.flush(0)
    assert packets(stream.written) == [PACKETS[2]]


def test_only_the_packet_s_own_bytes_leave():
    stream = Stream()
    link = SerialLink(stream)
    link.send(roomy(PACKETS[0]) + bytes(50), len(PACKETS[0]))
    assert link.idle and packets(stream.written) == PACKETS[:1]
